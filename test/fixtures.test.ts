// Every fixture, in every mode, prints what its header says.

import { describe, expect, test } from "vitest";
import { type Program, programs, runUnderNode } from "./programs.ts";

interface Mode {
	readonly name: string;
	readonly run: (program: Program) => string[] | Promise<string[]>;
}

const modes: readonly Mode[] = [{ name: "Node, as written", run: runUnderNode }];

describe.each(programs())("$name", (program) => {
	test.each(modes)("$name", async ({ run }) => {
		expect(await run(program)).toEqual(program.expected);
	});
});
