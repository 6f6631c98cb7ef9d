// What the compiler makes: code that does not embarrass, and objects that say what the linker needs to know.

import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type CompileOptions, compile } from "../../linker/compile/index.ts";
import {
	type ElfObject,
	lineAt,
	readLineTable,
	STB_GLOBAL,
	sectionByName,
	symbolBinding,
	symbolName,
} from "../../linker/elf/index.ts";
import { SourceError } from "../../linker/errors.ts";
import { signatureText } from "../../linker/format/signatures.ts";
import { howMany } from "../extent.ts";
import { codeOf, linesOf } from "./code-of.ts";
import { programNamed, resolveIn } from "./programs.ts";
import { mutate } from "./random/mutation.ts";
import { randomProgram } from "./random/program.ts";

const header = `import { defineFfp, print, query, queryFfp, reset, resetFfp, setFfp, staticCall, update } from "patchbay/source";
const data = new Int32Array(64);
const bytes = new Uint8Array(256);
let count = 0;
function leaf(x) { return x; }
function nothing(x) { count = x; }
const pick = staticCall(leaf);
const hook = staticCall(null, nothing);
`;

const build = (source: string, options: Partial<CompileOptions> = {}) =>
	compile(header + source, { file: "f.js", ...options });

/** The code of the function `f` that the source ends with. */
const code = (source: string, options: Partial<CompileOptions> = {}) => codeOf(build(source, options), "f");

interface Case {
	readonly what: string;
	readonly source: string;
	readonly code: readonly string[];
}

// biome-ignore format: one instruction after the other
const cases: readonly Case[] = [
	{
		what: "a leaf has no frame",
		source: "function f(a, b) { return (a + b) | 0; }",
		code: ["add r0, r0, r1", "ret"],
	},
	{
		what: "arithmetic that is not coerced traps",
		source: "function f(a, b) { return a + b * 3; }",
		code: ["movi r2, 3", "mult r1, r1, r2", "addt r0, r0, r1", "ret"],
	},
	{
		what: "a comparison is branched on, not materialised",
		source: "function f(a, b) { if (a < b) return a; return b; }",
		code: ["cmp r0, r1", "jge +8", "ret", "mov r0, r1", "ret"],
	},
	{
		what: "conditions of conditions are branches",
		source: "function f(a, b) { if (a < b && (b === 7 || !(a > 2))) return 1; return 0; }",
		code: [
			"cmp r0, r1", "jge +36", "cmpi r1, 7", "jeq +29", "cmpi r0, 2", "jgt +36", "movi r0, 1", "ret", "movi r0, 0", "ret",
		],
	},
	{
		what: "a comparison as a value is a set",
		source: "function f(a, b) { return a <= b; }",
		code: ["cmp r0, r1", "setle r0", "ret"],
	},
	{
		what: "unsigned numbers are compared as such",
		source: "function f(a, b) { a = a >>> 0; b = b >>> 0; return a <= b; }",
		code: ["cmp r0, r1", "setule r0", "ret"],
	},
	{
		what: "a call that is returned is a jump",
		source: "function f(a, b) { return pick(a + b); }",
		code: ["addt r0, r0, r1", "jmp __SCT__pick"],
	},
	{
		what: "so is a last statement that calls, and one before a return",
		source: "function f(a) { if (a === 3) { hook(1); return; } hook(a); }",
		code: ["cmpi r0, 3", "jne __SCT__hook", "movi r0, 1", "jmp __SCT__hook"],
	},
	{
		what: "a call on a condition is a conditional jump when nothing is left to do",
		source: "function f(a) { if (a > 3) hook(a); }",
		code: ["cmpi r0, 3", "jgt __SCT__hook", "ret"],
	},
	{
		what: "both ways out of a choice",
		source: "function f(a, b) { return a < b ? pick(a) : leaf(a); }",
		code: ["cmp r0, r1", "jlt __SCT__pick", "jmp leaf"],
	},
	{
		what: "calls of functions of the same file, itself included, have relocations; an early end needs no frame",
		source: "function f(n) { if (n < 2) return n; return f(n - 1) + f(n - 2); }",
		code: [
			"cmpi r0, 2", "jge +12", "ret",
			"push r8", "push r9", "mov r8, r0",
			"addti r0, r8, -1", "call f", "mov r9, r0",
			"addti r0, r8, -2", "call f", "addt r0, r9, r0",
			"pop r9", "pop r8", "ret",
		],
	},
	{
		what: "only what is needed after a call is saved",
		source: "function f(a, b) { nothing(b); return a; }",
		code: ["push r8", "mov r8, r0", "mov r0, r1", "call nothing", "mov r0, r8", "pop r8", "ret"],
	},
	{
		what: "the test of a loop is at the bottom",
		source: "function f(n) { let s = 0; while (n !== 0) { s = (s + n) | 0; n--; } return s; }",
		code: [
			"mov r1, r0", "movi r0, 0", "cmpi r1, 0", "jeq +39",
			"add r0, r0, r1", "addti r1, r1, -1", "cmpi r1, 0", "jne +19",
			"ret",
		],
	},
	{
		what: "a loop that is sure to begin has one test, and its counter needs no check against the table",
		source: "function f() { for (let i = 0; i < data.length; i++) data[i] = i << 1; }",
		code: [
			"movi r0, 0",
			"shli r1, r0, 1", "stx [0+r0*4], r1 {data}", "addti r0, r0, 1", "cmpi r0, 64", "jlt +6",
			"ret",
		],
	},
	{
		what: "an index is checked once, and not at all if it cannot be out of range",
		source: "function f(i, j) { data[i] = data[i] ^ data[j & 63] ^ bytes[bytes[3]]; }",
		code: [
			"bound r0, 64", "ldx r2, [0+r0*4] {data}", "andi r1, r1, 63", "ldx r1, [0+r1*4] {data}", "xor r1, r2, r1",
			"movi r2, 0 {bytes}", "ldb r2, [r2+3]", "ldb r2, [r2] {bytes}", "xor r1, r1, r2", "stx [0+r0*4], r1 {data}",
			"ret",
		],
	},
	{
		what: "the address of a variable is loaded once",
		source: "function f(a) { count = count + a; }",
		code: ["movi r1, 0 {count}", "ld r2, [r1]", "addt r0, r2, r0", "st [r1], r0", "ret"],
	},
	{
		what: "multiplications, divisions and remainders by powers of two are shifts and masks",
		source: "function f(a, u) { u = u >>> 0; return Math.imul(a, 8) ^ (u / 4) ^ (u % 16) ^ Math.imul(a, 9); }",
		code: [
			"shli r2, r0, 3", "shri r3, r1, 2", "xor r2, r2, r3", "andi r1, r1, 15", "xor r1, r2, r1",
			"shli r2, r0, 3", "add r0, r2, r0", "xor r0, r1, r0", "ret",
		],
	},
	{
		what: "a signed division rounds towards zero",
		source: "function f(a) { return (a / 4) | 0; }",
		code: ["sari r1, r0, 31", "shri r1, r1, 30", "add r0, r0, r1", "sari r0, r0, 2", "ret"],
	},
	{
		what: "a switch over neighbours is a jump through a table",
		source: `function f(a, b) {
			switch (a) { case 3: return b; case 4: return 1; case 5: return ~b; case 6: return 2; case 7: return 3; }
			return 0;
		}`,
		code: [
			"addi r0, r0, -3", "cmpi r0, 5", "juge +56", "ldx r14, [0+r0*4] {.rodata}", "jmpr r14",
			"mov r0, r1", "ret", "movi r0, 1", "ret", "xori r0, r1, -1", "ret", "movi r0, 2", "ret", "movi r0, 3", "ret",
			"movi r0, 0", "ret",
		],
	},
	{
		what: "a switch over few or scattered values compares",
		source: "function f(a) { switch (a) { case 1: return 5; case 1000: return 6; default: return 7; } }",
		code: [
			"cmpi r0, 1", "jeq +27", "cmpi r0, 1000", "jeq +34", "jmp +41",
			"movi r0, 5", "ret", "movi r0, 6", "ret", "movi r0, 7", "ret",
		],
	},
	{
		what: "update and query go by the host",
		source: "function f() { if (query(pick) === leaf) update(hook, null); else reset(pick); }",
		code: [
			"movi r0, 0 {__SCK__pick}", "ecall 10", "cmpi r0, 0 {leaf}", "jne +34",
			"movi r0, 0 {__SCK__hook}", "movi r1, 0", "ecall 8", "ret",
			"movi r0, 0 {__SCK__pick}", "ecall 9", "ret",
		],
	},
];

describe("code", () => {
	test.each(cases)("$what", (one) => {
		expect(code(one.source)).toEqual(one.code);
	});

	test("sixteen words of state and their round in fourteen registers", () => {
		const program = programNamed("chacha20");
		const object = compile(program.modules.get(program.main)!, { file: program.main, resolve: resolveIn(program) });
		const lines = codeOf(object, "permuteUnrolled");
		expect(lines.filter((line) => line.includes("[sp")).length).toBeLessThan(50);
	});
});

describe("pointers", () => {
	const source = `const way = defineFfp(leaf);
		function g(a) { setFfp(way, leaf); resetFfp(way); return way.fn(a) + 1; }
		function f(a) { return way.fn(a); }`;

	test("are called through memory, and set by a store", () => {
		expect(code(source)).toEqual(["jmpm [0x0] {__FFP__way}"]);
		expect(codeOf(build(source), "g")).toEqual([
			"movi r2, 0 {leaf}",
			"movi r1, 0 {__FFP__way}",
			"st [r1], r2",
			"ld r2, [r1+4]",
			"st [r1], r2",
			"callm [0x0] {__FFP__way}",
			"addti r0, r0, 1",
			"ret",
		]);
	});

	test("with a retpoline no jump is indirect", () => {
		expect(code(source, { indirect: "retpoline" })).toEqual([
			"movi r14, 0 {__FFP__way}",
			"ld r14, [r14]",
			"jmp __indirect_thunk_r14",
		]);
		const dense =
			"function f(a) { switch (a) { case 0: case 1: case 2: case 3: case 4: case 5: return a; } return 9; }";
		expect(code(dense).join()).toContain("jmpr");
		expect(code(dense, { indirect: "retpoline" }).join()).not.toContain("jmpr");
	});
});

function relocationsOf(object: ElfObject, section: string): string[] {
	const { relocations } = sectionByName(object, section)!;
	return Array.from({ length: relocations?.count ?? 0 }, (_, i) => {
		const name = symbolName(object.symbols, relocations!.symbol[i]!);
		return `${relocations!.offset[i]} ${relocations!.type[i]} ${name}${relocations!.addend[i] || ""}`;
	});
}

function wordsOf(object: ElfObject, section: string): number[] {
	const { data } = sectionByName(object, section)!;
	const view = new DataView(data.buffer, data.byteOffset);
	return Array.from({ length: data.length / 4 }, (_, i) => view.getUint32(i * 4, true));
}

const globalsOf = ({ symbols }: ElfObject) =>
	Array.from({ length: symbols.count }, (_, i) => i)
		.filter((i) => symbolBinding(symbols, i) === STB_GLOBAL)
		.map((i) => symbolName(symbols, i));

describe("objects", () => {
	const keys = `import { staticCall } from "patchbay/source";
		function one(x) { return x; }
		export const pick = staticCall(one), off = staticCall(null, one), zero = staticCall.ret0(one);`;

	test("a key is two words and a trampoline", () => {
		const object = compile(keys, { file: "k.js" });
		expect(wordsOf(object, ".data")).toEqual([0, 0, 0, 0, 0, 0]);
		expect(relocationsOf(object, ".data")).toEqual([
			"0 1 one",
			"4 1 one",
			"16 1 __static_call_return0",
			"20 1 __static_call_return0",
		]);
		expect(codeOf(object, "__SCT__pick")).toEqual(["jmp one"]);
		expect(codeOf(object, "__SCT__off")).toEqual(["ret", "brk", "brk", "brk", "brk"]);
		expect(codeOf(object, "__SCT__zero")).toEqual(["jmp __static_call_return0"]);
		expect(globalsOf(object)).toEqual([
			"__SCK__pick",
			"__SCT__pick",
			"__SCK__off",
			"__SCT__off",
			"__static_call_return0",
			"__SCK__zero",
			"__SCT__zero",
		]);
	});

	test("a pointer is two words that never hold null", () => {
		const object = compile(keys.replaceAll("staticCall", "defineFfp"), { file: "k.js" });
		expect(relocationsOf(object, ".data")).toEqual([
			"0 1 one",
			"4 1 one",
			"8 1 __static_call_return",
			"12 1 __static_call_return",
			"16 1 __static_call_return0",
			"20 1 __static_call_return0",
		]);
		expect(globalsOf(object)).not.toContain("__SCT__pick");
	});

	test("signatures of all that is declared or imported", () => {
		const source = `${keys} import { other } from "./other.js";
			function two(a, b, c) { b = b >>> 0; return a < c; }
			function three(a, b) { b = b >>> 0; return (a ^ b) >>> 0; }
			export function main() { other(1); }`;
		const resolve = () => ({ file: "other.js", source: "export function other(a) {}" });
		const object = compile(source, { file: "s.js", resolve });
		const names = relocationsOf(object, ".signatures").map((line) => line.split(" ")[2]!);
		const words = wordsOf(object, ".signatures");
		const texts = names.map((_, i) => signatureText((words[3 * i + 1]! >>> 0) + words[3 * i + 2]! * 2 ** 32));
		expect(names.map((name, i) => `${name} ${texts[i]}`)).toEqual([
			"one (int) -> int",
			"__SCK__pick (int) -> int",
			"__SCK__off (int) -> nothing or null",
			"__SCK__zero (int) -> int",
			"two (int, uint, int) -> bool",
			"three (int, uint) -> uint",
			"main () -> nothing",
			"other (int) -> nothing",
		]);
	});

	test("data goes where it belongs", () => {
		const source = `export let zero = 0, seven = 7, minus = -1;
			const constants = new Uint32Array([1, 0xffffffff]), changed = Uint8Array.of(1, 2, 300), room = new Int32Array(10);
			export const shared = new Int32Array([5]);
			export function main() { changed[0] = 9; room[0] = constants[1] | 0; }`;
		const object = compile(source, { file: "d.js" });
		expect(wordsOf(object, ".rodata")).toEqual([1, 0xffffffff]);
		expect([...sectionByName(object, ".data")!.data]).toEqual([
			7, 0, 0, 0, 255, 255, 255, 255, 1, 2, 44, 0, 5, 0, 0, 0,
		]);
		expect(sectionByName(object, ".bss")!.size).toBe(44);
	});

	test("what runs once at the start has its own section", () => {
		const object = compile('function setup() { "init"; }\nexport function main() { setup(); }', { file: "i.js" });
		expect(sectionByName(object, ".init.text")!.size).toBe(1);
		expect(codeOf(object, "setup")).toEqual(["ret"]);
	});

	test("texts are stored once", () => {
		const source =
			'import { print } from "patchbay/source";\nexport function main() { print("ab", 1); print("é", "ab", ""); }';
		expect(new TextDecoder().decode(sectionByName(compile(source, { file: "t.js" }), ".rodata")!.data)).toBe("abé");
	});
});

describe("positions", () => {
	const positionsOf = (object: ElfObject, name: string): string[] => {
		const table = readLineTable(object);
		const section = object.sections.indexOf(sectionByName(object, ".text")!);
		return linesOf(object, name).map(({ offset, text }) => {
			const at = lineAt(table, offset, section);
			return `${at?.file}:${at?.line}:${at?.column} ${text.split(" ")[0]}`;
		});
	};
	const source =
		"function g(x) { return x; }\nexport function f(a, b) {\n\tconst c = a\n\t\t+ b;\n\treturn c - g(b);\n}";

	test("of operators and of calls", () => {
		expect(positionsOf(compile(source, { file: "p.js" }), "f")).toEqual([
			"p.js:2:8 push",
			"p.js:4:3 addt",
			"p.js:5:15 mov",
			"p.js:5:13 call",
			"p.js:5:11 subt",
			"p.js:5:2 pop",
			"p.js:5:2 ret",
		]);
	});

	test("are led back to what was written", () => {
		const map = { file: "written.js", source: "the line as it was written", locate: () => ({ line: 1, column: 5 }) };
		expect(new Set(positionsOf(compile(source, { file: "p.js", map }), "f").map((line) => line.split(" ")[0]))).toEqual(
			new Set(["written.js:1:5"]),
		);
		expect(() => compile("let x = 1.5;", { file: "p.js", map })).toThrow(
			"written.js:1:5: there are no fractions: numbers are 32-bit integers; scale them\n  the line as it was written\n      ^",
		);
	});
});

const random = fc.record({ seed: fc.integer(), size: fc.integer({ min: 1, max: 4 }) });

test("with aligned sites none crosses eight bytes, and nothing else changes", () => {
	fc.assert(
		fc.property(random, ({ seed, size }) => {
			const { modules, main } = randomProgram(seed, size);
			const resolve = resolveIn({ modules });
			const build = (alignSites: boolean) => compile(modules.get(main)!, { file: main, resolve, alignSites });
			const { relocations, data } = sectionByName(build(true), ".text")!;
			const { symbols } = build(true);
			for (let i = 0; i < (relocations?.count ?? 0); i++) {
				if (!symbolName(symbols, relocations!.symbol[i]!).startsWith("__SCT__")) continue;
				const start = relocations!.offset[i]! - 1;
				expect(start >> 3).toBe((start + 4) >> 3);
			}
			expect(data.length).toBeGreaterThanOrEqual(sectionByName(build(false), ".text")!.data.length);
			const [aligned, plain] = [true, false].map((align) =>
				codeOf(build(align), "main").filter((line) => line !== "nop"),
			);
			expect(aligned!.length).toBe(plain!.length);
		}),
		{ numRuns: howMany(8, 60) },
	);
});

test("any JavaScript compiles or is refused with a reason", () => {
	fc.assert(
		fc.property(random, fc.integer(), ({ seed, size }, mutation) => {
			const { modules, main } = randomProgram(seed, size);
			const resolve = resolveIn({ modules });
			try {
				compile(mutate(modules.get(main)!, mutation), { file: main, resolve });
			} catch (error) {
				expect(error).toBeInstanceOf(SourceError);
				expect((error as SourceError).message).not.toContain("is not part of the language");
			}
		}),
		{ numRuns: howMany(60, 500) },
	);
});

test.each([
	["parentheses", `a = ${"(".repeat(20_000)}1${")".repeat(20_000)};`],
	["sums", `a = 1${" + a".repeat(5000)};`],
	["blocks", "{".repeat(2000) + "}".repeat(2000)],
	["calls", `a = ${"f(".repeat(3000)}a${")".repeat(3000)};`],
	["conditions", `${"if (a) ".repeat(3000)} a = 1;`],
])("deep nesting of %s is refused", (_, statements) => {
	const source = `export function f(a) { ${statements} return a; }`;
	expect(() => compile(source, { file: "deep.js" })).toThrow("nested too deeply");
});
