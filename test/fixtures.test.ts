// Every fixture, in every mode, prints what its header says.

import { describe, expect, test } from "vitest";
import { rewriteFfp } from "../linker/compile/rewrite.ts";
import { linkModes, pointerModes, runOnMachine } from "./builds.ts";
import { assemblyPrograms, expectedLines, type Program, programs, resolveIn, runUnderNode } from "./programs.ts";

interface Mode {
	readonly name: string;
	readonly run: (program: Program) => string[] | Promise<string[]>;
}

const modes: readonly Mode[] = [
	{ name: "Node, as written", run: runUnderNode },
	{ name: "Node, rewritten to pointers", run: (program) => runUnderNode(asPointers(program)) },
	...[...linkModes, ...pointerModes].map(({ name, build }) => ({
		name,
		run: (program: Program) => runOnMachine(build(program)),
	})),
];

function asPointers(program: Program): Program {
	const resolve = resolveIn(program);
	const rewritten = [...program.modules].map(([file, source]): [string, string] => [
		file,
		rewriteFfp(source, { file, resolve }).code,
	]);
	return { ...program, modules: new Map(rewritten) };
}

describe.each(programs())("$name", (program) => {
	test.each(modes)("$name", async ({ run }) => {
		expect(await run(program)).toEqual(program.expected);
	});
});

describe.each(assemblyPrograms())("$name", (program) => {
	test.each(linkModes)("$name", ({ build }) => {
		expect(program.expected).not.toEqual([]);
		expect(runOnMachine(build(program))).toEqual(program.expected);
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
