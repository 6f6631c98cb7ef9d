// Misuse fails twice: the compiler refuses the program where it is written, and Node where it runs.

import { expect, test } from "vitest";
import { compile } from "../../linker/compile/compile.ts";
import { ArgumentError, SourceError } from "../../linker/errors.ts";
import { runUnderNode } from "./programs.ts";

const cases: readonly [name: string, statement: string][] = [
	["a target with another parameter count", "update(pick, pair);"],
	["null for a key that was not made null", "update(pick, null);"],
	["a number as target", "update(pick, 7);"],
	["a key as target", "update(pick, hook);"],
	["an update of a function", "update(one, two);"],
	["a reset of a function", "reset(one);"],
	["a query of a function", "if (query(one) === one) print(1);"],
	["a query of a number", "if (query(1) === one) print(1);"],
	["a call with too few arguments", "pick();"],
	["a call with too many arguments", "pick(1, 2);"],
	["the result of a key that may be null", "print(hook(1));"],
	["the result of a function that returns nothing", "print(silent(1));"],
	["print of a boolean", "print(pick(1) > 0);"],
	["print of a fraction", "print(pick(1) / 4);"],
	["print of a product that left 32 bits", "print(0x7fffffff * 0x7fffffff);"],
	["print of a function", "print(one);"],
];

const program = (statement: string) => `
import { print, query, reset, staticCall, update } from "patchbay/source";
function one(x) { return x + 2; }
function two(x) { return x + 1; }
function pair(x, y) { return x + y; }
function silent(x) { if (x === 0) return; }
const pick = staticCall(one);
const hook = staticCall(null, silent);
export function main() {
	print(query(pick) === one && query(hook) === null ? 1 : 0);
	update(hook, silent);
	reset(hook);
	update(pick, two);
	${statement}
}`;

const run = (source: string) => runUnderNode({ main: "main.js", modules: new Map([["main.js", source]]) });

test("what surrounds the misuse is right", async () => {
	compile(program(""), { file: "main.js" });
	expect(await run(program(""))).toEqual(["1"]);
});

test.each(cases)("%s", async (_, statement) => {
	const source = program(statement);
	expect(() => compile(source, { file: "main.js" })).toThrow(SourceError);
	await expect(run(source)).rejects.toThrow(ArgumentError);
});
