// Lines put together as words: each piece is what a string would have been.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
	fixed,
	flush,
	hasRoom,
	makeRoom,
	namesIn,
	newLineBytes,
	put,
	putByteList,
	putDecimal,
	putHex,
	putName,
	putText,
} from "../../cli/shell/line-bytes.ts";
import { textOf } from "../../cli/shell/terminal.ts";
import {
	defineSymbol,
	finish,
	functionAt,
	indexFunctions,
	newObject,
	reserve,
	STB_GLOBAL,
	STT_FUNC,
	section,
} from "../../linker/elf/index.ts";
import type { BranchTable } from "../../linker/sites/branches.ts";
import { holders } from "../../linker/sites/holders.ts";

/** What `write` puts at an odd place among other bytes, and whether it stops where it says. */
function written(write: (view: DataView, at: number) => number): string {
	const bytes = new Uint8Array(1000).fill(0x55);
	const end = write(new DataView(bytes.buffer), 13);
	expect(bytes.subarray(0, 13).every((byte) => byte === 0x55)).toBe(true);
	return textOf(bytes.subarray(13, end));
}

const number = fc.oneof(
	fc.nat(),
	fc.integer({ min: -1000, max: 100_000 }),
	fc.integer({ min: 2 ** 31 - 3, max: 2 ** 53 - 1 }),
);

describe("puts", () => {
	test("numbers", () => {
		const powers = Array.from({ length: 16 }, (_, i) => 10 ** i).flatMap((power) => [power - 1, power, power + 1]);
		const check = (value: number) => {
			expect(written((view, at) => putDecimal(view, at, value))).toBe(String(value));
			const hex = `0x${BigInt.asUintN(64, BigInt(value)).toString(16)}`;
			expect(written((view, at) => putHex(view, at, value))).toBe(hex);
		};
		for (const value of powers) check(value);
		fc.assert(fc.property(number, check), { numRuns: 500 });
	});

	test("text and names", () => {
		const text = fc.string({ unit: "grapheme", maxLength: 40 });
		fc.assert(
			fc.property(text, (text) => {
				expect(written((view, at) => put(view, at, fixed(text)))).toBe(text);
			}),
		);
		const name = fc.string({ unit: fc.constantFrom("a", "\u0080", "ÿ", "\u{10ffff}", "\x01"), maxLength: 12 });
		fc.assert(
			fc.property(fc.array(name, { minLength: 1 }), fc.boolean(), (names, isCut) => {
				const all = new TextEncoder().encode(names.map((each) => `${each}\0`).join(""));
				const strings = namesIn(isCut ? all.subarray(0, -1) : all);
				expect(strings.longest).toBe(Math.max(...names.map((each) => new TextEncoder().encode(each).length)));
				let start = 0;
				for (const each of names) {
					expect(written((view, at) => putName(view, at, strings, start))).toBe(each);
					start += new TextEncoder().encode(each).length + 1;
				}
			}),
		);
		const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
		const list = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
		expect(written((view, at) => putByteList(view, at, bytes, 0, 256))).toBe(list);
	});

	test("more than the buffer has room for", async () => {
		let seen = "";
		const terminal = {
			write: async (data: string | Uint8Array) => void (seen += textOf(data)),
			note() {},
			colour: false,
			width: 80,
		};
		const out = newLineBytes();
		const lines = Array.from({ length: 50 }, (_, i) => `${i} ${"x".repeat(i * 1000)}\n`);
		for (const line of lines) {
			if (!hasRoom(out, 100_000)) await makeRoom(out, 100_000, terminal);
			putText(out, line);
		}
		const long = "ü".repeat(2 ** 19);
		putText(out, long);
		await flush(out, terminal);
		expect(seen === lines.join("") + long).toBe(true);
	});
});

test("the function around a branch is that of functionAt", () => {
	const place = fc.nat({ max: 60 });
	fc.assert(
		fc.property(
			fc.array(fc.tuple(place, fc.nat({ max: 20 }))),
			fc.array(fc.tuple(fc.nat({ max: 1 }), place)),
			(functions, rows) => {
				const builder = newObject("a.o", 62);
				const sections = [section(builder, ".text"), section(builder, ".init.text")];
				for (const each of sections) reserve(each, 100);
				for (const [i, [value, size]] of functions.entries())
					defineSymbol(builder, `f${i}`, {
						section: sections[i & 1]!,
						value,
						size,
						binding: STB_GLOBAL,
						type: STT_FUNC,
					});
				const object = finish(builder);
				rows.sort(([a, from], [b, to]) => a - b || from - to);
				const indexOf = (i: number) =>
					object.sections.findIndex(({ name }) => name === (i === 0 ? ".text" : ".init.text"));
				const column = (values: readonly number[]) => Uint32Array.from(values);
				const table: BranchTable = {
					count: rows.length,
					section: column(rows.map(([i]) => indexOf(i))),
					offset: column(rows.map(([, offset]) => offset)),
					relocation: undefined,
					branch: new Uint8Array(rows.length),
					callee: column(rows.map(() => 0)),
					callees: [{ symbol: 0, beyond: 0 }],
				};
				const expected = rows.map(([i, offset]) => functionAt(indexFunctions(object), indexOf(i), offset) ?? 0);
				expect([...holders(object, table)]).toEqual(expected);
			},
		),
		{ numRuns: 300 },
	);
});
