// Random programs: whatever is linked in whatever mode means the same, and readelf takes it.

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { assemble } from "../../linker/compile/assemble.ts";
import {
	alignSection,
	append,
	defineSymbol,
	type ElfObject,
	fileSymbol,
	finish,
	newObject,
	readElf,
	reference,
	relocate,
	STB_GLOBAL,
	STB_LOCAL,
	STB_WEAK,
	STT_FUNC,
	section,
	writeElf,
} from "../../linker/elf/index.ts";
import { LinkError } from "../../linker/errors.ts";
import { EM_TOY, encode, R_TOY_CALL28, R_TOY_JUMP28 } from "../../linker/isa/index.ts";
import { bytesAt, type Image, link, map, readImage, staticCallModes } from "../../linker/link/index.ts";
import { currentTarget, SITE_BYTES } from "../../linker/sites/index.ts";
import { howMany } from "../extent.ts";
import { addressOf, build, calls, checkKeptRelocations, destination, main } from "./linked.ts";

/** A random program: objects with functions under few names of any binding, which call each other by name. */
const anyProgram = fc.array(
	fc.record({
		functions: fc.uniqueArray(
			fc.record({
				name: fc.integer({ min: 0, max: 9 }),
				binding: fc.constantFrom(STB_LOCAL, STB_GLOBAL, STB_WEAK, STB_WEAK),
				far: fc.boolean(),
				align: fc.constantFrom(1, 2, 16),
				calls: fc.array(fc.record({ to: fc.integer({ min: 0, max: 9 }), row: fc.constantFrom("call", "jmp", "j") }), {
					maxLength: 6,
				}),
			}),
			{ selector: ({ name }) => name, maxLength: 6 },
		),
	}),
	{ minLength: 1, maxLength: 5 },
);
type Program = typeof anyProgram extends fc.Arbitrary<infer T> ? T : never;

/** Names are unique in the image where they are looked for: `id_o_f` marks function f of object o beside its own name. */
function makeObject(functions: Program[number]["functions"], o: number): ElfObject {
	const builder = newObject(`o${o}.o`, EM_TOY);
	fileSymbol(builder, `o${o}.js`);
	for (const { name, binding, far, align, calls } of functions) {
		const text = section(builder, far ? ".text.far" : ".text");
		const value = alignSection(text, align);
		for (const { to, row } of calls) {
			const at = append(text, encode(row, row === "j" ? { c: 1 } : {}));
			relocate(text, at + 1, row === "call" ? R_TOY_CALL28 : R_TOY_JUMP28, reference(builder, `f${to}`), -4);
		}
		append(text, encode("ret"));
		defineSymbol(builder, `f${name}`, { section: text, value, size: text.size - value, binding, type: STT_FUNC });
		defineSymbol(builder, `id_${o}_${name}`, { section: text, value, binding: STB_GLOBAL });
	}
	return finish(builder);
}

/** What ELF says a name means in object `o`: the marker of the function, or undefined for an error. */
function meaning(program: Program, o: number, name: number): string | undefined {
	const has = (i: number, binding: number) =>
		program[i]!.functions.some((each) => each.name === name && each.binding === binding);
	if (has(o, STB_LOCAL)) return `id_${o}_${name}`;
	const owners = [...program.keys()];
	const owner = owners.find((i) => has(i, STB_GLOBAL)) ?? owners.find((i) => has(i, STB_WEAK));
	return owner === undefined ? undefined : `id_${owner}_${name}`;
}

function isSound(program: Program): boolean {
	const strong = program.flatMap(({ functions }) =>
		functions.filter(({ binding }) => binding === STB_GLOBAL).map(({ name }) => name),
	);
	const used = program.flatMap(({ functions }, o) =>
		functions.flatMap(({ calls }) => calls.map(({ to }) => meaning(program, o, to))),
	);
	return new Set(strong).size === strong.length && !used.includes(undefined);
}

const sound = anyProgram.filter(isSound);

function linkProgram(program: Program): Image {
	const objects = program.map(({ functions }, o) => makeObject(functions, o));
	const hasFar = program.some(({ functions }) => functions.some(({ far }) => far));
	return link([...objects, assemble(`${main}ret`, { file: "m.s" })], {
		sectionStart: new Map(hasFar ? [[".text.far", 0x10000000]] : []),
	});
}

/** What two images have in common where one went through a file. */
function contents(image: Image) {
	const { name, entry, mode, keys, sites, stubs, symbols, segments } = image;
	return {
		name,
		entry,
		mode,
		keys,
		sites,
		stubs,
		symbols,
		segments: segments.map((each) => ({ ...each, fileOffset: 0 })),
	};
}

describe("random programs", () => {
	test("every call reaches what its name means, and kept relocations agree with the bytes", () => {
		fc.assert(
			fc.property(sound, (program) => {
				const image = linkProgram(program);
				for (const [o, { functions }] of program.entries()) {
					for (const { name, calls } of functions) {
						const start = addressOf(image, `id_${o}_${name}`);
						for (const [i, { to }] of calls.entries()) {
							expect(destination(image, start + i * SITE_BYTES)).toBe(addressOf(image, meaning(program, o, to)!));
						}
					}
				}
				checkKeptRelocations(image);
			}),
			{ numRuns: howMany(60, 300) },
		);
	});

	test("an unsound program is refused, never linked", () => {
		fc.assert(
			fc.property(
				anyProgram.filter((program) => !isSound(program)),
				(program) => {
					expect(() => linkProgram(program)).toThrow(LinkError);
				},
			),
		);
	});

	test("an image read back from its file is the same image", () => {
		fc.assert(
			fc.property(sound, fc.constantFrom(...staticCallModes), (program, staticCalls) => {
				const objects = program.map(({ functions }, o) => makeObject(functions, o));
				const patchable = [...new Set(program.flatMap(({ functions }) => functions.map(({ name }) => `f${name}`)))];
				const image = link([...objects, assemble(`${main}ret`, { file: "m.s" })], {
					staticCalls,
					patchable,
					name: "x",
				});
				const back = readImage(readElf(writeElf(image.elf), "x"));
				expect(contents(back)).toEqual(contents(image));
				expect(map(back)).toBe(map(image));
				for (const { key, ...site } of image.sites) {
					const bytes = bytesAt(image, site.address, SITE_BYTES)!;
					const { initial, trampoline } = image.keys[key]!;
					expect(currentTarget(bytes, site, image.stubs)).toEqual({
						kind: "function",
						address: staticCalls === "inline" ? initial : trampoline,
					});
				}
			}),
		);
	});
});

const hasReadelf = spawnSync("readelf", ["--version"]).status === 0;

test.runIf(hasReadelf)("readelf accepts images of every mode in silence", () => {
	const directory = mkdtempSync(join(tmpdir(), "patchbay-"));
	try {
		for (const staticCalls of staticCallModes) {
			const far =
				'.section .text.far, "ax"\n.global far\nfar: call __SCT__pick\n ret\n.bss\n.zero 100\n.section .notes\n.word 1';
			const objects = {
				"m.s": `${calls}\n call far`,
				"k.s": "fifo: ret\n.static_call pick, fifo\n.global pick",
				"f.s": far,
			};
			const image = build(objects, { staticCalls, sectionStart: new Map([[".text.far", 0x20000010]]) });
			const file = join(directory, staticCalls);
			writeFileSync(file, writeElf(image.elf));
			const { stdout, stderr } = spawnSync("readelf", ["-aW", file], { encoding: "utf8" });
			expect(stderr).toBe("");
			expect(stdout).not.toMatch(/warning|error|corrupt/i);
			for (const name of ["__SCK__pick", "__thunk_far", ".static_call_sites", ".rela.text"])
				expect(stdout).toContain(name);
		}
	} finally {
		rmSync(directory, { recursive: true });
	}
});
