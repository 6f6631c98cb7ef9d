// The files that a command is to write, looked at before it does anything: after a long run it is too late to say that
// one cannot be written, and what it reads is not to be lost by a slip.

import type { Command as CommandLine } from "commander";
import { type Command, UsageError } from "./command.ts";
import { checkWritable, isSamePlace } from "./files.ts";

/** @throws UsageError when an output has no name or is an input, LinkError when it cannot be written */
export function checkOutputs(command: Pick<Command<object>, "outputs" | "inPlace">, line: CommandLine): void {
	for (const name of command.outputs ?? []) {
		const path: unknown = line.getOptionValue(name);
		if (typeof path !== "string") continue;
		refuseInputs(path, command.inPlace ? [] : line.args);
		checkWritable(path);
	}
}

/** @throws UsageError when writing the output would replace an input, or it has no name */
export function refuseInputs(output: string, inputs: readonly string[]): void {
	if (output === "") throw new UsageError("the name of the file to write is empty");
	if (inputs.some((input) => isSamePlace(input, output)))
		throw new UsageError(`${output}: is an input; write to another file`);
}
