// What lies in 0 .. 2^31-1 is signed and unsigned at once: programs that need no coercion, as Node runs them, and
// values at the ends of what the compiler works out.

import { expect, test } from "vitest";
import { buildAll, execute, someModes } from "./modes.ts";
import { runUnderNode } from "./programs.ts";

const ends = [0, 1, 2, 7, 255, 2 ** 31 - 1, -1, -(2 ** 31), -7];

/** Expressions of an int `a` and a uint `u`, none of them coerced at the end. */
const expressions = [
	"u % 6 + 1 - 3",
	"(u >>> 1) - 2147483647",
	"(u >>> 1) + (u >>> 2)",
	"-(u >>> 1)",
	"(u & 255) - (a & 255)",
	"((u & 255) >>> 0) - 300",
	"(a >>> 8) * 100 - (u >>> 8)",
	"(u & 1) === 1 ? a : u >>> 1",
	"(u & 1) === 1 ? u : u % 10",
	"a % 100 < u % 100 ? 1 : 0",
	"a < (u >>> 1) ? 1 : 0",
	"u < (a & 7) ? 1 : 0",
	"((a & 3) ^ (u & 12)) - 16",
	"((a & 3) | (u & 12)) - 16",
	"((a & 1023) << 8) - u % 5",
	"((a >> 31) & 1) - 1",
	"(((u >>> 1) / 3) | 0) - 5",
	"(-(a & 7) % 5) + 4",
	"~(u & 255) + 1",
	"((few = 9 >>> 0), (few -= 2) - 8)",
	"Math.min(a, 5)",
	"Math.max(u, 5)",
	"Math.min(u, 100) - 200",
	"Math.max(a, 0) < u ? 1 : 0",
	"Math.max(pick(a), pick(7)) - Math.min(pick(a), 3)",
	"(u >>> 1 || 3) - 9",
	"pick(a) - (u >>> 4)",
	"rose(u % 20) - 30",
	...["<", "<=", ">", ">=", "===", "!=="].flatMap((operator) => [
		`a ${operator} u ? 1 : 0`,
		`u ${operator} a ? 1 : 0`,
		`pick(a) ${operator} (u + 0) && u ${operator} pick(a) ? 1 : 0`,
		`-(a & 7) ${operator} u ? 1 : 0`,
	]),
	"Math.min(a, u)",
	"Math.max(u, a)",
	"Math.max(pick(a), u)",
	"Math.max((a & 1023) - (u % 779), (a % 4) >>> u)",
	"Math.min((a & 1023) - (u % 779), (a % 4) >>> u)",
	"Math.max((a & 7) - (u & 7), u)",
	"Math.max((a & 7) - (u & 7), u) >>> 0",
];

const program = `
import { print } from "patchbay/source";
function pick(a) { return (a & 1) === 1 ? a >>> 2 : a % 10; }
function rose(u) { u = u >>> 0; let n = 0; for (let i = 0; i < u; i++) n += i; return n; }
function all(a, u) {
	u = u >>> 0;
	let few = 7 >>> 0;
${expressions.map((expression) => `	print(${expression});`).join("\n")}
}
export function main() {
${ends.map((a) => ends.map((u) => `	all(${a}, ${u >>> 0});`).join("\n")).join("\n")}
}`;

test("expressions that need no coercion print what Node prints", async () => {
	const sources = { main: "main.js", modules: new Map([["main.js", program]]) };
	const expected = await runUnderNode(sources);
	expect(expected).toHaveLength(expressions.length * ends.length ** 2);
	for (const [mode, image] of buildAll(sources, someModes))
		expect([mode, execute(image).output]).toEqual([mode, expected]);
});

test("a key, its targets and both sides of ?: agree by ranges", async () => {
	const source = `
import { print, staticCall, update } from "patchbay/source";
function up(n) { return n * 3 + 1; }
function down(n) { return n >>> 1; }
export const next = staticCall(up);
export function main() {
	let n = 27, steps = 0;
	while (n !== 1) { const odd = n & 1; n = odd ? up(n) : down(n); steps++; }
	print(steps);
	update(next, down);
	print(next(9));
}`;
	const sources = { main: "main.js", modules: new Map([["main.js", source]]) };
	expect(await runUnderNode(sources)).toEqual(["111", "4"]);
	for (const [mode, image] of buildAll(sources, someModes))
		expect([mode, execute(image).output]).toEqual([mode, ["111", "4"]]);
});
