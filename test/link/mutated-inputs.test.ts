// Mutated inputs of every kind: whatever their bytes say, functions return a value or throw the user's error, never another.

import { readFileSync } from "node:fs";
import fc from "fast-check";
import { expect, test } from "vitest";
import { assemble, compile, rewriteFfp } from "../../linker/compile/index.ts";
import { readElf, writeElf } from "../../linker/elf/index.ts";
import { LinkError, SourceError } from "../../linker/errors.ts";
import { link, readImage } from "../../linker/link/index.ts";
import { listing } from "../../linker/sites/index.ts";
import { readScenario, scenarioFromJson } from "../../runtime/check/index.ts";
import { howMany } from "../extent.ts";

const source = readFileSync("fixtures/programs/pick.js", "utf8");
const object = compile(source, { file: "pick.js" });
const scenario = readFileSync("fixtures/check/text-poke.s", "utf8");

/** Replaces, removes or repeats parts of a text or of bytes; numbers that are limits are likelier than others. */
const edits = fc.array(
	fc.record({
		at: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
		length: fc.nat(8),
		value: fc.oneof(fc.constantFrom(0, 1, 0x7f, 0x80, 0xff), fc.nat(255)),
	}),
	{ minLength: 1, maxLength: 6 },
);
type Edits = typeof edits extends fc.Arbitrary<infer T> ? T : never;

function editedBytes(bytes: Uint8Array, list: Edits): Uint8Array {
	const copy = bytes.slice();
	for (const { at, length, value } of list) {
		const start = Math.floor(at * copy.length);
		copy.fill(value, start, start + length);
	}
	return copy;
}

const words = [
	"function ",
	"return ",
	"(",
	")",
	"{",
	"}",
	"=>",
	"1e9",
	"-0",
	";",
	"staticCall",
	"/",
	"\n",
	"\u2028",
	"0x7fffffff",
	"# cpu: 9",
	",",
	".align 1073741824",
	".space 99",
];

function editedText(text: string, list: Edits): string {
	let now = text;
	for (const { at, length, value } of list) {
		const start = Math.floor(at * now.length);
		now = now.slice(0, start) + words[value % words.length] + now.slice(start + length);
	}
	return now;
}

const odd: readonly unknown[] = [null, -1, 0.5, 1e300, "", [], {}, true, 2 ** 31, [[]], "__proto__", 80_000_000];

/** The value with others in place of some of its parts. */
function editedJson(value: unknown, list: Edits): unknown {
	for (const { at, value: which } of list) {
		const parts = partsOf(value);
		const [holder, key] = parts[Math.floor(at * parts.length)] ?? [{}, ""];
		holder[key] = structuredClone(odd[which % odd.length]);
	}
	return value;
}

function partsOf(value: unknown): [Record<string, unknown>, string][] {
	if (typeof value !== "object" || value === null) return [];
	const holder = value as Record<string, unknown>;
	return Object.keys(holder).flatMap((key) => [[holder, key], ...partsOf(holder[key])] as [typeof holder, string][]);
}

function isUserError(error: unknown): boolean {
	return error instanceof LinkError || error instanceof SourceError;
}

function onlyUserErrors(act: () => void): void {
	try {
		act();
	} catch (error) {
		if (!isUserError(error)) throw error;
	}
}

const image = writeElf(link([object]).elf);
const entries: Record<string, (list: Edits) => void> = {
	objects: (list) => {
		const read = readElf(editedBytes(writeElf(object), list), "a.o");
		onlyUserErrors(() => listing(read));
		link([read]);
	},
	images: (list) => void readImage(readElf(editedBytes(image, list), "a.elf")),
	modules: (list) => void compile(editedText(source, list), { file: "a.js" }),
	"rewritten modules": (list) => void rewriteFfp(editedText(source, list), { file: "a.js" }),
	assembly: (list) => void assemble(editedText(scenario, list), { file: "a.s" }),
	scenarios: (list) => void readScenario(editedText(scenario, list), "a.s"),
	"scenarios as JSON": (list) => {
		scenarioFromJson(editedJson(JSON.parse(JSON.stringify(readScenario(scenario, "a.s"))), list), "a.json");
	},
};

test.each(Object.keys(entries))("%s that are wrong are the user's error", (kind) => {
	let refused = 0;
	const times = howMany(150, 20_000);
	fc.assert(
		fc.property(edits, (list) => {
			try {
				entries[kind]!(list);
			} catch (error) {
				if (!isUserError(error)) throw error;
				refused++;
			}
		}),
		{ numRuns: times, seed: 1 },
	);
	expect(refused).toBeGreaterThan(times / 20);
});
