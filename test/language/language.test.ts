// docs/language.md keeps its word: its programs print what it says, and of its pairs the left side is refused and the
// right side is not.

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { compile } from "../../linker/compile/index.ts";
import { SourceError } from "../../linker/errors.ts";
import { buildAll, execute } from "./modes.ts";
import { runUnderNode } from "./programs.ts";

const page = readFileSync("docs/language.md", "utf8");

/** The code blocks of a kind. */
const blocks = (kind: string) =>
	Array.from(page.matchAll(new RegExp(`\`\`\`${kind}\n([^]*?)\`\`\``, "g")), ([, text]) => text!);

const pairs = (kind: string) =>
	blocks(kind)
		.flatMap((text) => text.trimEnd().split("\n"))
		.map((line) => line.split(/ {3,}/) as [string, string]);

const around = (statements: string) => `
import { enable, isEnabled, print, query, staticBranch, staticCall, staticKey, update } from "patchbay/source";
const t = new Int32Array(8);
function same(x) { return x; }
export const key = staticCall(same), hook = staticCall(null, same), on = staticKey(false);
export function f(a, b, u) { u = u >>> 0; let d = a < b; ${statements} }`;

const module = (statements: string) => `import { print, staticCall, staticKey } from "patchbay/source"; ${statements}`;
const resolve = () => ({ file: "other.js", source: "export function other() {}" });

function refused(source: string): boolean {
	try {
		compile(source, { file: "page.js", resolve });
		return false;
	} catch (error) {
		if (error instanceof SourceError) return true;
		throw error;
	}
}

test.each(blocks("js"))("program %#", async (source) => {
	const program = { main: "page.js", modules: new Map([["page.js", source]]) };
	const promised = Array.from(source.matchAll(/^\tprint.*\/\/ (.*)$/gm), ([, line]) => line!);
	expect(promised).not.toEqual([]);
	expect(await runUnderNode(program)).toEqual(promised);
	for (const [mode, image] of buildAll(program)) expect([mode, execute(image).output]).toEqual([mode, promised]);
});

describe.each([
	["instead", around],
	["instead-module", module],
] as const)("%s", (kind, complete) => {
	test.each(pairs(kind))("%s", (left, right) => {
		expect(refused(complete(left))).toBe(true);
		expect(() => compile(complete(right), { file: "page.js", resolve })).not.toThrow();
	});
});
