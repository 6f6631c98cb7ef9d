// The files that a command is to write, looked at before it does anything: after a long run it is too late to say that
// one cannot be written, and what it reads is not to be lost by a slip.

import type { Command as CommandLine } from "commander";
import { type Command, UsageError } from "./command.ts";
import { checkWritable, isSamePlace } from "./files.ts";

/** The output files of the command that runs. */
let outputs: readonly string[] = [];

/** @throws UsageError when an output has no name or is an input, LinkError when it cannot be written */
export function checkOutputs(command: Pick<Command<object>, "outputs" | "inPlace">, line: CommandLine): void {
	const paths = (command.outputs ?? []).map((name): unknown => line.getOptionValue(name));
	outputs = paths.filter((path) => typeof path === "string");
	for (const path of outputs) {
		refuseInputs(path, command.inPlace ? [] : line.args);
		checkWritable(path);
	}
}

/** For files that are found on the way. @throws UsageError when the command is to write it */
export function checkImport(path: string): void {
	for (const output of outputs) refuseInputs(output, [path]);
}

/** @throws UsageError when writing the output would replace an input, or it has no name */
export function refuseInputs(output: string, inputs: readonly string[]): void {
	if (output === "") throw new UsageError("the name of the file to write is empty");
	if (inputs.some((input) => isSamePlace(input, output)))
		throw new UsageError(`${output}: is an input; write to another file`);
}
