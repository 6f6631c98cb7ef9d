import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { assemble } from "../../linker/compile/assemble.ts";
import { directives } from "../../linker/compile/assembly/directives.ts";
import {
	type ElfObject,
	lineAt,
	readLineTable,
	type Section,
	SHN_ABS,
	symbolByName,
	symbolName,
	writeElf,
} from "../../linker/elf/index.ts";
import { SourceError } from "../../linker/errors.ts";
import { decode, disassemble, relocationTypes, spellings } from "../../linker/isa/index.ts";

const build = (source: string, alignSites = false) => assemble(source, { file: "a.s", alignSites });

function sectionOf(object: ElfObject, name: string): Section {
	const section = object.sections.find((candidate) => candidate.name === name);
	if (section === undefined) throw new Error(`no section ${name}`);
	return section;
}

const hex = (bytes: Uint8Array) => [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
const bytesOf = (source: string, name = ".text") => hex(sectionOf(build(source), name).data);

/** `offset type symbol+addend`, the symbol of a section by the section's name. */
function relocationsOf(object: ElfObject, name = ".text"): string[] {
	const { relocations } = sectionOf(object, name);
	return Array.from({ length: relocations?.count ?? 0 }, (_, i) => {
		const symbol = relocations!.symbol[i]!;
		const target = symbolName(object.symbols, symbol) || (object.sections[object.symbols.section[symbol]!]?.name ?? "");
		return `${relocations!.offset[i]} ${relocationTypes[relocations!.type[i]!]!.name} ${target} ${relocations!.addend[i]}`;
	});
}

/** `binding type section value size`; bindings and types as numbers. */
function symbolOf(object: ElfObject, name: string): string | undefined {
	const i = symbolByName(object, name);
	if (i === undefined) return undefined;
	const { info, section, value, size } = object.symbols;
	const home = object.sections[section[i]!]?.name ?? section[i]!;
	return `${info[i]! >> 4} ${info[i]! & 15} ${home} ${value[i]} ${size[i]}`;
}

describe("relocations", () => {
	test.each([
		["call hook", "e8 00 00 00 00", "1 R_TOY_CALL28 hook -4"],
		["jmp hook+2", "e9 00 00 00 00", "1 R_TOY_JUMP28 hook -2"],
		["jult hook", "70 07 00 00 00", "1 R_TOY_JUMP28 hook -4"],
		["call 0x400010", "e8 00 00 00 00", "1 R_TOY_CALL28  4194316"],
		["movi r1, hook", "b8 01 00 00 00 00", "2 R_TOY_ABS32 hook 0"],
		["movi r1, hook - 8", "b8 01 00 00 00 00", "2 R_TOY_ABS32 hook -8"],
		["callm [hook]", "d8 00 00 00 00", "1 R_TOY_ABS32 hook 0"],
		["jmpm [hook+4]", "d9 00 00 00 00", "1 R_TOY_ABS32 hook 4"],
		["ld r1, [r2 + hook]", "8b 21 00 00 00 00", "2 R_TOY_ABS32 hook 0"],
		["st [sp + hook + 4], r1", "87 f1 00 00 00 00", "2 R_TOY_ABS32 hook 4"],
		["ldx r1, [hook + r2*4]", "8c 21 00 00 00 00", "2 R_TOY_ABS32 hook 0"],
		["stx [r2*4 + hook], r1", "86 21 00 00 00 00", "2 R_TOY_ABS32 hook 0"],
		["ld r1, [r14+0]", "8b e1 00 00 00 00", undefined],
		["ld r1, [sp]", "8b f1 00 00 00 00", undefined],
		["movi r1, hook - .", "b8 01 00 00 00 00", "2 R_TOY_REL32 hook 2"],
		[".word hook", "00 00 00 00", "0 R_TOY_ABS32 hook 0"],
		[".word 0, hook - .", "00 00 00 00 00 00 00 00", "4 R_TOY_REL32 hook 0"],
		["nop; .word hook + 1 - .", "90 00 00 00 00", "1 R_TOY_REL32 hook 1"],
	])("%s", (source, bytes, relocation) => {
		expect(bytesOf(source)).toBe(bytes);
		expect(relocationsOf(build(source))).toEqual(relocation === undefined ? [] : [relocation]);
	});

	test("branches to local labels of the section are settled", () => {
		const source = "a: nop\n1: jmp a\n jeq 1b\n jne 1f\n call .Lz\n1: jmp .\n jmp . + 5\n.Lz: ret";
		expect(bytesOf(source)).toBe(
			"90 e9 a0 ff ff ff 70 61 ff ff ff 70 52 00 00 00 e8 a0 00 00 00 e9 b0 ff ff ff e9 00 00 00 00 c3",
		);
		expect(relocationsOf(build(source))).toEqual([]);
	});

	test.each([
		["global", ".global f\nf: call f"],
		["weak", ".weak f\nf: call f"],
		["a function", ".type f, @function\nf: call f"],
	])("a branch to %s keeps its relocation", (_, source) => {
		expect(relocationsOf(build(source))).toEqual(["1 R_TOY_CALL28 f -4"]);
	});

	test("so does one to a trampoline", () => {
		expect(relocationsOf(build("__SCT__f: ret\n jeq __SCT__f"))).toEqual(["2 R_TOY_JUMP28 __SCT__f -4"]);
	});

	test("labels without a symbol relocate against their section", () => {
		const object = build(".data\n.zero 4\n.Lx: 1: .word .Lx+1, 1b\n.text\nmovi r0, .Lx");
		expect(relocationsOf(object, ".data")).toEqual(["4 R_TOY_ABS32 .data 5", "8 R_TOY_ABS32 .data 4"]);
		expect(relocationsOf(object)).toEqual(["2 R_TOY_ABS32 .data 4"]);
		expect(symbolOf(object, ".Lx")).toBeUndefined();
	});

	test("the distance of two labels is a number, to a label of the same section a relative word", () => {
		const object = build("a: nop\nb: ret\n.data\n.word b - a, b - a + 2*3, b - .");
		expect(hex(sectionOf(object, ".data").data)).toBe("01 00 00 00 07 00 00 00 00 00 00 00");
		expect(relocationsOf(object, ".data")).toEqual(["8 R_TOY_REL32 b 0"]);
	});
});

describe("data and sections", () => {
	test.each([
		[".byte 1, -1, 255, 'a', '\\n', '\\\\', ';', '#'", "01 ff ff 61 0a 5c 3b 23"],
		[".half 1, 0xffff; .short -2", "01 00 ff ff fe ff"],
		[".word 1, -1; .long 0xffffffff; .int 0b101, 0o17", "01 00 00 00 ff ff ff ff ff ff ff ff 05 00 00 00 0f 00 00 00"],
		['.ascii "a#b", "//;" # comment', "61 23 62 2f 2f 3b"],
		['.asciz "é\\x41\\"\\0"; .string ""', "c3 a9 41 22 00 00 00"],
		[".zero 3; .skip 1, 7; .space 2, -1", "00 00 00 07 ff ff"],
		[".fill 2; .fill 2, 2, 0x1234; .fill 1, 4, -2", "00 00 34 12 34 12 fe ff ff ff"],
		[".byte 1; .balign 4; .byte 2; .align 2, 9; .p2align 2", "01 00 00 00 02 09 00 00"],
		["n = 3; .set m, n * 2 # later\n.byte n, m, k\n.equ k, m + 1", "03 06 07"],
		["a: .byte 1, 2; .byte . - a, b - a; b:", "01 02 02 04"],
	])("%s", (source, bytes) => {
		expect(bytesOf(`.data\n${source}`, ".data")).toBe(bytes);
	});

	test("code is aligned with nop, also after data", () => {
		expect(bytesOf("ret; .balign 4; .byte 1; .balign 4; ret; .balign 2, 0xcc")).toBe("c3 90 90 90 01 90 90 90 c3 cc");
	});

	test("flags, types and alignment", () => {
		const object = build(`
			.bss
			.zero 5; .balign 64
			.rodata
			.section .init.text
			.section far,"ax",@progbits
			.balign 16
			.section ".note.GNU-stack","",@progbits
			.section .signatures,"",@progbits,8
			.section far`);
		const summary = object.sections
			.slice(1)
			.map(({ name, type, flags, align, size, data, entsize }) =>
				[name, type, flags, align, size, data.length, entsize].join(" "),
			);
		expect(summary).toEqual([
			".text 1 6 1 0 0 0",
			".bss 8 3 64 64 0 0",
			".rodata 1 2 1 0 0 0",
			".init.text 1 6 1 0 0 0",
			"far 1 6 16 0 0 0",
			".note.GNU-stack 1 0 1 0 0 0",
			".signatures 1 0 1 0 0 8",
		]);
	});

	test("symbols", () => {
		const object = build(`
			.global main, size, unused
			.weak w, maybe
			.local l
			.type main, %function
			.type table, @object
		main: ret; ret
			.size main, . - main
		w: l: nop
			call maybe
			.data
		table: .zero 8
			.size table, 4 * 2
		size = . - table
		hidden = 5`);
		expect(symbolOf(object, "main")).toBe("1 2 .text 0 2");
		expect(symbolOf(object, "w")).toBe("2 0 .text 2 0");
		expect(symbolOf(object, "l")).toBe("0 0 .text 2 0");
		expect(symbolOf(object, "maybe")).toBe("2 0  0 0");
		expect(symbolOf(object, "table")).toBe("0 1 .data 0 8");
		expect(symbolOf(object, "size")).toBe(`1 0 ${SHN_ABS} 8 0`);
		expect(symbolOf(object, "hidden")).toBeUndefined();
		expect(symbolOf(object, "unused")).toBeUndefined();
	});
});

describe("static calls and FFP pointers", () => {
	test("a key and its trampoline", () => {
		const object = build(".global pick\nfifo: ret\n.static_call pick, fifo\nnop");
		expect(symbolOf(object, "__SCK__pick")).toBe("1 1 .data 0 8");
		expect(symbolOf(object, "__SCT__pick")).toBe("1 2 .text 2 5");
		expect(hex(sectionOf(object, ".text").data)).toBe("c3 90 e9 00 00 00 00");
		expect(relocationsOf(object)).toEqual(["3 R_TOY_JUMP28 fifo -4"]);
		expect(relocationsOf(object, ".data")).toEqual(["0 R_TOY_ABS32 fifo 0", "4 R_TOY_ABS32 fifo 0"]);
	});

	test("null and ret0", () => {
		const object = build(".static_call a, null\n.static_call b, ret0");
		expect(symbolOf(object, "__SCK__a")).toBe("0 1 .data 0 8");
		expect(hex(sectionOf(object, ".text").data)).toBe("c3 cc cc cc cc e9 00 00 00 00");
		expect(relocationsOf(object)).toEqual(["6 R_TOY_JUMP28 __static_call_return0 -4"]);
		expect(relocationsOf(object, ".data")).toEqual([8, 12].map((at) => `${at} R_TOY_ABS32 __static_call_return0 0`));
	});

	test("a pointer", () => {
		const object = build(".byte 1\n.data\n.byte 1\n.global hook\n.ffp hook, fifo");
		expect(symbolOf(object, "__FFP__hook")).toBe("1 1 .data 4 8");
		expect(relocationsOf(object, ".data")).toEqual(["4 R_TOY_ABS32 fifo 0", "8 R_TOY_ABS32 fifo 0"]);
	});

	test("alignSites keeps sites within eight bytes and adds nothing but nop", () => {
		const site = fc.constantFrom("call __SCT__a", "jmp __SCT__b", "jeq __SCT__c", ".Lx: jne __SCT__a");
		const other = fc.constantFrom("ret", "mov r0, r1", "add r0, r1, r2", "call b", "movi r0, 1", "setlt r3");
		fc.assert(
			fc.property(fc.array(fc.oneof(site, other), { maxLength: 40 }), (lines) => {
				const unique = lines.map((line, i) => line.replace(".Lx", `.Lx${i}`)).join("\n");
				const aligned = build(unique, true);
				const offsets = relocationsOf(aligned)
					.filter((line) => line.includes("__SCT__"))
					.map((line) => Number.parseInt(line, 10) - 1);
				for (const offset of offsets) expect(offset % 8).toBeLessThanOrEqual(3);
				expect(offsets.length === 0 || sectionOf(aligned, ".text").align >= 8).toBe(true);
				expect(instructions(aligned).filter((text) => text !== "nop")).toEqual(instructions(build(unique)));
			}),
			{ numRuns: 100 },
		);
	});

	function instructions(object: ElfObject): string[] {
		const { data } = sectionOf(object, ".text");
		const texts: string[] = [];
		for (let at = 0; at < data.length; ) {
			const instruction = decode(data, at)!;
			texts.push(disassemble(instruction, -instruction.length));
			at += instruction.length;
		}
		return texts;
	}
});

describe("expressions", () => {
	/** Small, so that 16 of them multiplied stay exact. */
	const leaf = fc.nat(8).map(String);
	const { tree } = fc.letrec<{ tree: string }>((tie) => ({
		tree: fc.oneof(
			{ maxDepth: 4, withCrossShrink: true },
			leaf,
			fc
				.tuple(tie("tree"), fc.constantFrom("+", "-", "*", "&", "|", "^", "/", "%"), tie("tree"))
				.map((parts) => parts.join(" ")),
			fc.tuple(tie("tree"), fc.constantFrom("<<", ">>"), fc.nat(3)).map((parts) => `(${parts.join(" ")})`),
			tie("tree").map((inside) => `(${inside})`),
			fc.tuple(fc.constantFrom("-", "~"), leaf).map((parts) => parts.join("")),
		),
	}));

	test("mean what they mean in JavaScript, over integers", () => {
		fc.assert(
			fc.property(tree, (text) => {
				let expected: bigint;
				try {
					expected = new Function(`return (${text.replace(/\d+/g, "$&n")})`)();
				} catch {
					return void expect(() => build(`.word ${text}`)).toThrow(/division by zero/);
				}
				const { data } = sectionOf(build(`.data\n.word (${text}) & 0xffffffff`), ".data");
				expect(new DataView(data.buffer, data.byteOffset).getInt32(0, true)).toBe(Number(BigInt.asIntN(32, expected)));
			}),
			{ numRuns: 500 },
		);
	});
});

describe("mistakes", () => {
	test.each([
		["movl r0, 1", "1:1", "unknown instruction 'movl' (did you mean 'mov'?)"],
		["nop\n\tjequ 1f", "2:2", "unknown instruction 'jequ' (did you mean 'jeq'?)"],
		[".golbal x", "1:1", "unknown directive '.golbal' (did you mean '.global'?)"],
		["addi r0, r1", "1:1", "'addi' takes 3 operands, not 2: addi a, b, imm"],
		["ret r0", "1:5", "'ret' takes no operands, not 1: ret"],
		["push r0, r1", "1:10", "'push' takes 1 operand, not 2: push a"],
		["movi 1, r0", "1:6", "operand 1 is a number or symbol, but must be a register: movi a, imm"],
		["ld r0, r1", "1:8", "operand 2 is a register, but must be a memory operand with a base register: ld a, [b+imm]"],
		[
			"callm [r1]",
			"1:7",
			"operand 1 is a memory operand with a base register, but must be a memory operand without a register: callm [imm]",
		],
		["jeq r1", "1:5", "operand 1 is a register, but must be a number or symbol: j<cond> target"],
		["ld r0, [r1+r2]", "1:12", "an address has one register"],
		["ld r0, [4-r1]", "1:11", "a register cannot be subtracted"],
		["ldx r0, [r1*2]", "1:13", "an index is scaled by 4"],
		["ld r0, [r1", "1:11", "expected '+', '-' or ']', found the end of the line"],
		["movi r0, r1+1", "1:10", "operand 2 is a register, but must be a number or symbol: movi a, imm"],
		["movi r0, 1+r1", "1:12", "expected a number or a symbol, found 'r1'"],
		["mov r0, r16", "1:9", "operand 2 is a number or symbol, but must be a register: mov a, b"],
		["ecall 256", "1:7", "256 is not in [0, 255]"],
		["movi r0, 0x100000000", "1:10", "4294967296 is not in [-2147483648, 4294967295]"],
		[".byte 1, 256", "1:10", "256 is not in [-128, 255]"],
		[".zero -1", "1:7", "-1 is not in [0, 1073741824]"],
		["movi r0, 99999999999999999999", "1:10", "this number is too large"],
		["movi r0, (1<<40) * (1<<40)", "1:18", "the result is not within ±2^53"],
		[".word 1 << 64", "1:9", "a shift is by 0 to 63"],
		["a: nop\nb: nop\na: nop", "3:1", "'a' is already defined on line 1"],
		["a: nop\na = 1", "2:1", "'a' is already defined on line 1"],
		["jmp 1f\n1b: nop", "2:1", "a label is a name or a number"],
		["1: nop\njmp 1f", "2:5", "no label '1:' after this"],
		["jmp 2b\n2: nop", "1:5", "no label '2:' before this"],
		["jmp .Lx", "1:5", "local symbol '.Lx' is not defined in this file"],
		[".local x\n call x", "2:7", "local symbol 'x' is not defined in this file"],
		[".global x\n.local x", "2:8", "line 1 says otherwise of 'x'"],
		[".byte x", "1:7", "no relocation puts 'x' into this field"],
		[".word x + y", "1:9", "no relocation puts 'x + y' into this field"],
		["a: .data\nb: .word a - b, b - a", "2:19", "no relocation puts 'b - a' into this field"],
		["call x - y", "1:8", "no relocation puts 'x - y' into this field"],
		[".word x * 2", "1:9", "'*' needs numbers on both sides, and a symbol's address is not known here"],
		[".word 1/(2-2)", "1:8", "division by zero"],
		["a = b; b = a; .word a", "1:12", "'a' is defined by itself"],
		[".zero n\nn = b - a\na: nop\nb:", "1:7", "this must be a number, of labels defined before it"],
		[".align 3", "1:1", "an alignment is a power of two, not 3"],
		[".bss; .word 1", "1:7", "section .bss holds no bytes; make room in it with .zero"],
		[
			".data; .space 33554433",
			"1:8",
			"more than 33554432 bytes are filled in; room without contents belongs into .bss",
		],
		[
			".space 20000000; .data; .fill 5000000, 4",
			"1:25",
			"more than 33554432 bytes are filled in; room without contents belongs into .bss",
		],
		["nop; .p2align 27", "1:6", "more than 33554432 bytes are filled in; room without contents belongs into .bss"],
		[".bss; nop", "1:7", "section .bss holds no bytes; make room in it with .zero"],
		['.section .text, "aw"', "1:10", "section .text has other flags or another type already"],
		['.section x, "q"', "1:13", "unknown section flag 'q'; known are a, w, x, M, S"],
		[".type f, @func", "1:11", "expected @function or @object or @notype, found 'func'"],
		[".size f, 4", "1:7", "'f' is not defined in this file"],
		['.ascii "abc', "1:8", "this string has no closing quote"],
		['.ascii "\\q"', "1:8", "unknown escape '\\q'"],
		[".byte 'ab'", "1:7", "a character literal is one character between quotes, such as 'a' or '\\n'"],
		["movi r0, 017", "1:10", "a number does not start with 0; octal is written 0o17"],
		["movi r0, 12ab", "1:10", "this is neither a number nor a numeric label such as 1f"],
		["movi r0, §", "1:10", "unexpected character '§'"],
		["nop nop", "1:5", "'nop' takes no operands, not 1: nop"],
		[".text 1", "1:7", "expected the end of the statement (.text), found '1'"],
		[".static_call pick", "1:18", "expected ',', found the end of the line"],
		[".static_call a, f\n.static_call a, g", "2:1", "'__SCK__a' is already defined on line 1"],
		[".global .Lx", "1:9", "a name that starts with .L stays in its file"],
		["5", "1:1", "expected a label, a directive or an instruction, found '5'"],
	])("%j", (source, place, message) => {
		const lines = source.split("\n");
		const [line, column] = place.split(":").map(Number) as [number, number];
		const text = lines[line - 1]!;
		const caret = `${text.slice(0, column - 1).replace(/[^\t]/g, " ")}^`;
		expect(() => build(source)).toThrow(SourceError);
		expect(() => build(source)).toThrow(`a.s:${place}: ${message}\n  ${text}\n  ${caret}`);
	});

	test("a branch out of reach", () => {
		expect(() => build(`.Lx: nop\njmp .Lx - (1 << 27)`)).toThrow(/-134217734 is not in \[-134217728, 134217727\]/);
	});

	test("whatever the text, it is assembled or refused with a place", () => {
		const names = [
			...spellings.keys(),
			".word",
			".data",
			".zero",
			".set",
			".size",
			"x",
			"1:",
			"x:",
			"1f",
			"1b",
			"r1",
			"sp",
		];
		const pieces = fc.constantFrom(
			...names,
			"[",
			"]",
			"+",
			"-",
			"*",
			",",
			"(",
			")",
			"4",
			"0x10",
			'"a"',
			"'",
			";",
			"=",
			"#",
			".",
			"@",
			" ",
			"\n",
		);
		fc.assert(
			fc.property(fc.array(pieces, { maxLength: 30 }), (words) => {
				try {
					build(words.join(" "));
				} catch (error) {
					expect(error).toBeInstanceOf(SourceError);
				}
			}),
			{ numRuns: 2000 },
		);
	});
});

test("readelf has nothing to complain about", () => {
	const source =
		'.global f\nf: call g\n.static_call k, f\n.bss\n.zero 9\n.section .s,"a"\n.Lq: .word .Lq, f - .\n.weak w\n.word w';
	const folder = mkdtempSync(join(tmpdir(), "assemble-"));
	const path = join(folder, "a.o");
	writeFileSync(path, writeElf(build(source)));
	const { stderr, stdout, status } = spawnSync("readelf", ["-aW", path], { encoding: "utf8" });
	rmSync(folder, { recursive: true });
	expect([stderr, status]).toEqual(["", 0]);
	expect(stdout).toContain("__SCT__k");
});

test("docs/assembler.md names every directive, and its example assembles", () => {
	const page = readFileSync("docs/assembler.md", "utf8");
	for (const name of directives.keys()) expect(page).toContain(name);
	const [, example] = /```asm\n([\s\S]*?)```/.exec(page)!;
	expect(relocationsOf(build(example!))).toContain("7 R_TOY_CALL28 __SCT__pick -4");
});

test("every instruction has its line and column, the rest has none", () => {
	const object = build('\tnop; ret\n.word 0\n.static_call k, null\n.section far, "ax"\n\n  1: nop');
	const table = readLineTable(object);
	const text = object.sections.findIndex(({ name }) => name === ".text");
	const at = (offset: number, section = text) => lineAt(table, offset, section);
	expect(at(0)).toEqual({ file: "a.s", line: 1, column: 2 });
	expect(at(1)).toEqual({ file: "a.s", line: 1, column: 7 });
	expect(at(6)).toEqual({ file: "a.s", line: 3, column: 1 });
	expect(at(11)).toBeUndefined();
	expect(
		at(
			0,
			object.sections.findIndex(({ name }) => name === "far"),
		),
	).toEqual({ file: "a.s", line: 6, column: 6 });
	expect(readLineTable(build(".data\n.word 1")).rowCount).toBe(0);
});
