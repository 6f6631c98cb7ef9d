// Advice keeps the number: what a message says to write instead prints on the machine, in every mode, what the refused
// form computes in Node. Where the advice has a condition ("if it is never negative"), the values meet it.

import { expect, test } from "vitest";
import { compile } from "../../linker/compile/index.ts";
import { mathInstead, rejectedOperators } from "../../linker/compile/rejected.ts";
import { SourceError } from "../../linker/errors.ts";
import { buildAll, execute } from "./modes.ts";

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
const pairs = (left: readonly number[], right: readonly number[]) =>
	left.flatMap((a) => right.map((b) => [a, b] as const));
const any = pairs([...signed, 2 ** 31 - 1, -(2 ** 31) + 1], signed);
const divided = pairs(signed, divisors);
const positive = pairs([0, 1, 7, 2 ** 31 - 1], [0, 1, 7]);

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
	{ refused: "r = a + b", says: "b | 0 if it is always below 2147483648", applied: "r = a + (b | 0)", values: pairs(signed, [0, 1, 7, 2 ** 30]), unsigned: "b" },
	{ refused: "r = a + b", says: "a >>> 0 if that is never negative", applied: "r = (a >>> 0) + b", values: pairs([0, 1, 7], [0, 1, 2 ** 31, 2 ** 32 - 9]), unsigned: "b" },
	{ refused: "r = same(b)", says: "b | 0 if it is always below 2147483648", applied: "r = same(b | 0)", values: positive, unsigned: "b" },
	{ refused: "r = same(b >>> 0)", says: "(b >>> 0) | 0 if it is always below 2147483648", applied: "r = same((b >>> 0) | 0)", values: positive },
	{ refused: "b = a; r = b", says: "a >>> 0 if it is never negative", applied: "b = a >>> 0; r = b", values: positive, unsigned: "b" },
	{ refused: "b |= a; r = b", says: "b = (b | a) >>> 0 if that is never negative", applied: "b = (b | a) >>> 0; r = b", values: positive, unsigned: "b" },
	{ refused: "r = -b", says: "-(b | 0) if it is always below 2147483648", applied: "r = -(b | 0)", values: positive, unsigned: "b" },
];

const header = 'import { print } from "patchbay/source"; let called = 0; function same(x) { return x; } ';

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
	for (const [mode, image] of buildAll({ modules })) expect([mode, execute(image).output]).toEqual([mode, expected]);
});

test("every operator and member of Math that has an instead is applied above", () => {
	const without = ["in", "instanceof", "typeof", "void", "delete"];
	for (const operator of Object.keys(rejectedOperators))
		if (!without.includes(operator))
			expect(advices.some(({ refused }) => refused.includes(` ${operator} `))).toBe(true);
	for (const name of Object.keys(mathInstead))
		if (name !== "random") expect(advices.some(({ refused }) => refused.includes(`Math.${name}(`))).toBe(true);
});
