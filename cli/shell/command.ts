// What a command is: a literal, one file each in commands/. cli/patchbay.ts makes the command line of all of them.

import type { Command as CommandLine } from "commander";
import type { ExitCode } from "./exit-code.ts";
import type { Terminal } from "./terminal.ts";

export { ExitCode } from "./exit-code.ts";

export interface Command<Options> {
	readonly name: string;
	/** In commander's notation: `<files...>`. */
	readonly operands: string;
	readonly brief: string;
	/** What one types after `patchbay`, and what it does: the help starts with these. */
	readonly examples: readonly (readonly [line: string, what: string])[];
	/** Options that name files to write: looked at before it runs. */
	readonly outputs?: readonly (keyof Options & string)[];
	/** They may name what it reads. */
	readonly inPlace?: true;
	/** Adds the options; `--json` is everybody's. */
	declare(line: CommandLine): void;
	/** @param operands as many as `operands` lets through @param shell runs other commands */
	run(
		terminal: Terminal,
		operands: readonly string[],
		options: Options & CommonOptions,
		shell: Shell,
	): Promise<ExitCode>;
}

/** Runs a command line: what follows `patchbay`. @returns its exit code */
export type Shell = (argv: readonly string[], terminal: Terminal) => Promise<number>;

export interface CommonOptions {
	readonly json?: true;
}

/** A command line that cannot be meant: exit code 2. */
export class UsageError extends Error {
	override readonly name = "UsageError";
}

/** The simulated program did not do what was asked of it: exit code 1. */
export class ProgramError extends Error {
	override readonly name = "ProgramError";
}

/** A process that works for this one ended with an error: this one tells it, and ends with the same exit code. */
export class JobError extends Error {
	override readonly name = "JobError";
	readonly exitCode: number;

	constructor(message: string, exitCode: number) {
		super(message);
		this.exitCode = exitCode;
	}
}

/** @param schema e.g. `patchbay/sites@1`; a change that breaks readers raises the number */
export async function writeJson(terminal: Terminal, schema: string, data: object): Promise<void> {
	await terminal.write(`${JSON.stringify({ schema, ...data }, null, 2)}\n`);
}
