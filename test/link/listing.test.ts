import fc from "fast-check";
import { expect, test } from "vitest";
import { assemble } from "../../linker/compile/assemble.ts";
import { readElf, writeElf } from "../../linker/elf/index.ts";
import { link } from "../../linker/link/index.ts";
import { listing } from "../../linker/sites/listing.ts";

const source = `	.global main, pick
	.static_call pick, fifo
	.ffp hook, fifo
	.type main, @function
main:
	cmpi r0, 3
	jeq 1f
	call __SCT__pick
1:	callm [__FFP__hook]
	movi r1, 0x12345678
	hlt
	.type fifo, @function
fifo: inner:
	ret
	.word 0, __FFP__hook - ., 0, 0, 0x90
`;
const object = assemble(source, { file: "a.s" });

test("an object", () => {
	expect(listing(object)).toBe(`a.s:     file format elf64-toy

Disassembly of section .text:

0000000000000000 <main>:
       0:  3d 00 03 00 00 00  cmpi r0, 3
       6:  70 51 00 00 00     jeq 0x10 <main+0x10>
       b:  e8 00 00 00 00     call 0x10
                             c: R_TOY_CALL28  __SCT__pick-0x4
      10:  d8 00 00 00 00     callm [0x0]
                             11: R_TOY_ABS32  __FFP__hook
      15:  b8 01 78 56 34 12  movi r1, 0x12345678
      1b:  f4                 hlt

000000000000001c <inner>:
000000000000001c <fifo>:
      1c:  c3                 ret
      1d:  00                 (bad)
      1e:  00                 (bad)
      1f:  00                 (bad)
      20:  00                 (bad)
      21:  00                 (bad)
                             21: R_TOY_REL32  __FFP__hook
	...
      2d:  90                 nop
      2e:  00                 (bad)
      2f:  00                 (bad)
      30:  00                 (bad)

0000000000000031 <__SCT__pick>:
      31:  e9 00 00 00 00     jmp 0x36
                             32: R_TOY_JUMP28  fifo-0x4
`);
});

test("an image, with its own addresses", () => {
	const text = listing(link([object], { name: "a" }).elf);
	const code = text.replaceAll(/\n +[0-9a-f]+: (R_TOY.*)/g, " $1");
	const fifo = /([0-9a-f]{16}) <fifo>:/.exec(text)![1]!.replace(/^0+/, "");
	const address = /([0-9a-f]{16}) <main>:/.exec(text)![1]!;
	expect(Number.parseInt(address, 16)).toBeGreaterThanOrEqual(0x400000);
	expect(code).toContain(`call 0x${fifo} <fifo> R_TOY_`);
	expect(code).toMatch(/callm \[0x[0-9a-f]+\] <__FFP__hook> R_TOY_ABS32 {2}__FFP__hook\n/);
	expect(code).toContain(`jeq 0x${(Number.parseInt(address, 16) + 0x10).toString(16)} <main+0x10>\n`);
	expect(code).not.toContain("<_start+0x400");
});

test("source lines stand above their code", () => {
	const text = ["f: nop", "  movi r0, 1; ret", "g: .zero 1", "  .section .init.text", "  nop"].join("\n");
	const small = assemble(text, { file: "b.s" });
	const sources = new Map([["b.s", text]]);
	expect(listing(small, { sources })).toBe(`b.s:     file format elf64-toy

Disassembly of section .text:

0000000000000000 <f>:
; b.s:1  f: nop
       0:  90                 nop
; b.s:2  movi r0, 1; ret
       1:  b8 00 01 00 00 00  movi r0, 1
       7:  c3                 ret

0000000000000008 <g>:
       8:  00                 (bad)

Disassembly of section .init.text:

; b.s:5  nop
       0:  90                 nop
`);
	expect(listing(small, { sources: new Map() })).toBe(listing(small));
});

test("an image has source lines too", () => {
	const text = listing(link([object], { name: "a" }).elf, { sources: new Map([["a.s", source]]) });
	expect(text).toMatch(/; a\.s:8 {2}call __SCT__pick\n +40000b:/);
	expect(text).toMatch(/<__SCT__pick>:\n; a\.s:2 {2}\.static_call pick, fifo\n/);
});

test("what was written and read lists the same", () => {
	const sources = new Map([["a.s", source]]);
	expect(listing(readElf(writeElf(object), "a.s"), { sources })).toBe(listing(object, { sources }));
});

test("every byte of a section is listed once, whatever it is", () => {
	const bytes = fc.array(fc.oneof(fc.constant(0), fc.nat(255)), { minLength: 1, maxLength: 60 });
	fc.assert(
		fc.property(bytes, fc.nat(60), (values, cut) => {
			const [head, tail] = [values.slice(0, cut), values.slice(cut)];
			const data = (list: readonly number[]) => (list.length === 0 ? "" : `.byte ${list.join(",")}`);
			const text = listing(assemble(`${data(head)}\nmiddle: ${data(tail)}`, { file: "a.s" }));
			let next = 0;
			for (const line of text.split("\n")) {
				const [, address, hex] = /^ *([0-9a-f]+): {2}((?:[0-9a-f]{2} )+)/.exec(line) ?? [];
				if (address === undefined || hex === undefined) continue;
				const at = Number.parseInt(address, 16);
				expect(values.slice(next, at).every((value) => value === 0)).toBe(true);
				const listed = hex
					.trim()
					.split(" ")
					.map((byte) => Number.parseInt(byte, 16));
				expect(listed).toEqual(values.slice(at, at + listed.length));
				next = at + listed.length;
			}
			expect(values.slice(next).every((value) => value === 0)).toBe(true);
			if (tail.length > 0) expect(text).toContain(`${head.length.toString(16).padStart(16, "0")} <middle>:`);
		}),
		{ numRuns: 300 },
	);
});
