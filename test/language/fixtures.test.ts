// Every fixture, in every mode, prints what its header says, whether or not calls of operations are settled at boot.

import { describe, expect, test } from "vitest";
import { rewriteFfp } from "../../linker/compile/rewrite.ts";
import { type ElfObject, readElf, writeElf } from "../../linker/elf/index.ts";
import { type Image, link, readImage, type StaticCallMode, staticCallModes } from "../../linker/link/index.ts";
import { spread } from "../extent.ts";
import { execute, objectsOf, pointerObjectsOf } from "./modes.ts";
import { assemblyPrograms, expectedLines, type Program, programs, resolveIn, runUnderNode } from "./programs.ts";

interface Mode {
	readonly name: string;
	readonly run: (program: Program) => readonly string[] | Promise<readonly string[]>;
}

const linked = (staticCalls: StaticCallMode) => (program: Program) =>
	link(objectsOf(program), { staticCalls, sectionStart: program.sectionStart });

const linkModes: readonly Mode[] = [
	...staticCallModes.map((name) => ({ name, run: onMachine(linked(name)) })),
	{ name: "inline, through files", run: onMachine(throughFiles) },
];

const modes: readonly Mode[] = [
	{ name: "Node, as written", run: runUnderNode },
	{ name: "Node, rewritten to pointers", run: (program) => runUnderNode(asPointers(program)) },
	...linkModes,
	{ name: "ffp", run: onMachine((program) => link(pointerObjectsOf(program)("pointer"))) },
	{ name: "ffp-retpoline", run: onMachine((program) => link(pointerObjectsOf(program)("retpoline"))) },
];

function onMachine(build: (program: Program) => Image): Mode["run"] {
	return (program) => {
		const image = build(program);
		const { output, end, refusal } = execute(image, 1e9);
		expect({ output, end, refusal }).toEqual({ output, end: { kind: "halted" }, refusal: undefined });
		if (image.operations.length > 0)
			for (const inline of [false, true])
				expect(execute(image, 1e9, { inline })).toMatchObject({ output, end: { kind: "halted" } });
		return output;
	};
}

/** Every object and the image are written and read back. */
function throughFiles(program: Program): Image {
	const reread = (object: ElfObject) => readElf(writeElf(object), object.name);
	const { elf } = link(objectsOf(program).map(reread), { sectionStart: program.sectionStart });
	return readImage(reread(elf));
}

function asPointers(program: Program): Program {
	const resolve = resolveIn(program);
	const rewritten = [...program.modules].map(([file, source]): [string, string] => [
		file,
		rewriteFfp(source, { file, resolve }).code,
	]);
	return { ...program, modules: new Map(rewritten) };
}

describe.each(programs())("$name", (program) => {
	test.each(spread(modes, 2))("$name", async ({ run }) => {
		expect(await run(program)).toEqual(program.expected);
	});
});

describe.each(assemblyPrograms())("$name", (program) => {
	test.each(linkModes)("$name", async ({ run }) => {
		expect(program.expected).not.toEqual([]);
		expect(await run(program)).toEqual(program.expected);
	});
});

describe("a header", () => {
	test("says what is expected, up to the first other line", () => {
		expect(expectedLines("// A program.\n// expect:\n//   1 2\n//     indented\n//\n// more\n", "//")).toEqual([
			"1 2",
			"  indented",
		]);
		expect(expectedLines("# expect:\n#   a", "#")).toEqual(["a"]);
	});

	test("without expectation is a mistake in the fixture", () => {
		expect(() => expectedLines("// A program.\n", "//")).toThrow("// expect:");
	});
});
