// Advice keeps the number: what a message says to write instead prints on the machine, in every mode, what the refused
// form computes in Node. Where the advice has a condition ("if it is never negative"), the values meet it.

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { compile } from "../../linker/compile/index.ts";
import { mathInstead, rejectedOperators } from "../../linker/compile/rejected.ts";
import * as source from "../../linker/compile/source.ts";
import { SourceError } from "../../linker/errors.ts";
import { buildAll, execute, someModes } from "./modes.ts";

interface Advice {
	/** What Node computes, of `a` and `b`, and the compiler refuses; statements leave it in `r`. */
	readonly refused: string;
	/** What the message says. */
	readonly says: string;
	/** The same statements as the message wants them. */
	readonly applied: string;
	/** Values of a and b. */
	readonly values: readonly (readonly [number, number])[];
	/** The parameters that are uint. */
	readonly unsigned?: string;
}

const signed = [-9, -8, -7, -2, -1, 0, 1, 2, 7, 8, 9, 2 ** 20];
const divisors = [-8, -3, -2, -1, 1, 2, 3, 8];
const grid = (left: readonly number[], right: readonly number[]) =>
	left.flatMap((a) => right.map((b) => [a, b] as const));
const any = grid([...signed, 2 ** 31 - 1, -(2 ** 31) + 1], signed);
const divided = grid(signed, divisors);
const positive = grid([0, 1, 7, 2 ** 31 - 1], [0, 1, 7]);

// biome-ignore format: one row per advice
const advices: readonly Advice[] = [
	{ refused: "r = Math.pow(a, 2)", says: "x * x", applied: "r = a * a", values: divided.filter(([a]) => a < 40000) },
	{ refused: "r = Math.pow(2, a)", says: "1 << n for a power of two below 2147483648", applied: "r = 1 << a", values: [[0, 0], [1, 0], [30, 0]] },
	{ refused: "r = Math.sqrt(a)", says: "let r = 0; while ((r + 1) * (r + 1) <= x) r++;", applied: "let q = 0; while ((q + 1) * (q + 1) <= a) q++; r = q", values: [[0, 0], [1, 0], [49, 0], [10000, 0]] },
	{ refused: "r = a ** 2", says: "x * x", applied: "r = a * a", values: divided.filter(([a]) => a < 40000) },
	{ refused: "r = 2 ** a", says: "1 << n for a power of two below 2147483648", applied: "r = 1 << a", values: [[0, 0], [1, 0], [30, 0]] },
	{ refused: "a **= 2; r = a", says: "x *= x", applied: "a *= a; r = a", values: divided.filter(([a]) => a < 40000) },
	{ refused: "r = a / b", says: "(a / b) | 0", applied: "r = (a / b) | 0", values: divided.filter(([a, b]) => a % b === 0) },
	{ refused: "a /= b; r = a", says: "a = (a / b) | 0", applied: "a = (a / b) | 0; r = a", values: divided.filter(([a, b]) => a % b === 0) },
	{ refused: "r = (a * b) | 0", says: "Math.imul(a, b)", applied: "r = Math.imul(a, b)", values: any },
	{ refused: "r = a + b", says: "b | 0 if it is always below 2147483648", applied: "r = a + (b | 0)", values: grid(signed, [0, 1, 7, 2 ** 30]), unsigned: "b" },
	{ refused: "r = a + b", says: "a >>> 0 if that is never negative", applied: "r = (a >>> 0) + b", values: grid([0, 1, 7], [0, 1, 2 ** 31, 2 ** 32 - 9]), unsigned: "b" },
	{ refused: "r = same(b)", says: "b | 0 if it is always below 2147483648", applied: "r = same(b | 0)", values: positive, unsigned: "b" },
	{ refused: "r = same(b >>> 0)", says: "(b >>> 0) | 0 if it is always below 2147483648", applied: "r = same((b >>> 0) | 0)", values: positive },
	{ refused: "b = a; r = b", says: "a >>> 0 if it is never negative", applied: "b = a >>> 0; r = b", values: positive, unsigned: "b" },
	{ refused: "b |= a; r = b", says: "b = (b | a) >>> 0 if that is never negative", applied: "b = (b | a) >>> 0; r = b", values: positive, unsigned: "b" },
	{ refused: "r = a in table ? 1 : 2", says: "i >= 0 && i < table.length", applied: "r = a >= 0 && a < table.length ? 1 : 2", values: any },
	{ refused: "r = (a < b) !== 1 ? b : called", says: "write != to compare them as numbers", applied: "r = (a < b) != 1 ? b : called", values: any.filter(([a, b]) => a >= b) },
	{ refused: "const clamped = new Uint8ClampedArray(4); clamped[1] = a; r = clamped[1]", says: "write new Uint8Array(...), and store Math.min(Math.max(x, 0), 255)", applied: "bytes[1] = Math.min(Math.max(a, 0), 255); r = bytes[1]", values: any },
	{ refused: "r = -b", says: "-(b | 0) if it is always below 2147483648", applied: "r = -(b | 0)", values: positive, unsigned: "b" },
];

const header =
	'import { print } from "patchbay/source"; const table = new Int32Array(8), bytes = new Uint8Array(4); let called = 0; function same(x) { return x; } ';

function program(statements: string, { values, unsigned }: Advice): string {
	const coerced = unsigned === undefined ? "" : `${unsigned} = ${unsigned} >>> 0;`;
	const run = `function run(a, b) { ${coerced} called = a; ${statements.replace("r = ", "const r = ")}; print(r, called); }`;
	const f = "function f() { called++; return called - 1; }";
	const main = `export function main() { ${values.map(([a, b]) => `run(${a}, ${b});`).join(" ")} }`;
	return `${header}\n${f}\n${run}\n${main}`;
}

/** The lines that Node prints, a line without a sign for -0 as `print` has it. */
function underNode(source: string): string[] {
	const lines: string[] = [];
	const print = (...values: number[]) => void lines.push(values.join(" "));
	const body = source.replace(/import .*?;/, "").replaceAll("export ", "");
	new Function("print", `"use strict"; ${body}\nmain();`)(print);
	return lines;
}

function messageOf(source: string): string {
	try {
		compile(source, { file: "main.js" });
	} catch (error) {
		if (error instanceof SourceError) return error.message;
		throw error;
	}
	return "compiles";
}

test.each(advices)("$refused: $says", (advice) => {
	const refused = program(advice.refused, advice);
	expect(advice.values.length).toBeGreaterThan(2);
	expect(messageOf(refused)).toContain(advice.says);
	const expected = underNode(refused);
	const modules = new Map([["main.js", program(advice.applied, advice)]]);
	for (const [mode, image] of buildAll({ modules }, someModes))
		expect([mode, execute(image).output]).toEqual([mode, expected]);
});

/** The pairs of docs/language.md. */
const pairs = Array.from(
	readFileSync("docs/language.md", "utf8").matchAll(/```instead\n([\s\S]*?)```/g),
	([, text]) => text!,
)
	.flatMap((text) => text.trimEnd().split("\n"))
	.map((line) => line.split(/ {3,}/) as [string, string]);

/** What Node makes of statements: the lines, the result and what the variables hold; undefined where it throws, or has what
 * is no number of 32 bits. */
function madeOf(statements: string, a: number, b: number): unknown {
	const body = `"use strict"; let end; const t = new Int32Array([4, 5, 6]), on = staticKey(false);
		function same(x) { return x; } const key = staticCall(same), hook = staticCall(null, same);
		function f(a, b, u) { let d = a < b; try { ${statements} } finally { end = [a, b, u, d].map(Number); } }
		const result = f(${a}, ${b}, ${b}); return [result === undefined ? 0 : Number(result), ...end];`;
	const given = { ...source, console: { log: source.print } };
	let numbers: number[] = [];
	try {
		const lines = source.capturePrint(() => {
			numbers = new Function(...Object.keys(given), body)(...Object.values(given));
		});
		return numbers.every((each) => each === (each | 0) || each === each >>> 0) ? { lines, numbers } : undefined;
	} catch {
		return undefined;
	}
}

/** What always does the same in Node, or nothing: something else must have been meant. */
const meantOtherwise = ["if (on) a = 1;", "if (d === 1) a = 2;", "a + b;"];

test.each(pairs)("what stands on the page instead keeps the number: %s", (refused, applied) => {
	if (meantOtherwise.includes(refused)) return;
	for (const a of [0, 1, 2, 7, 200])
		for (const b of [0, 1, 2, 9]) {
			const wanted = madeOf(refused, a, b);
			if (wanted !== undefined) expect([a, b, madeOf(applied, a, b)]).toEqual([a, b, wanted]);
		}
});

test("every operator and member of Math that has an instead is applied above", () => {
	const without = ["instanceof", "typeof", "void", "delete"];
	for (const operator of Object.keys(rejectedOperators))
		if (!without.includes(operator))
			expect(advices.some(({ refused }) => refused.includes(` ${operator} `))).toBe(true);
	for (const name of Object.keys(mathInstead))
		if (name !== "random") expect(advices.some(({ refused }) => refused.includes(`Math.${name}(`))).toBe(true);
});
