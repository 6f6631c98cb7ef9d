// The command line: finds the command, runs it, and turns what comes of it into messages and exit codes.

import { CommanderError, Command as CommandLine } from "commander";
import { LinkError, problemOf, SourceError } from "../linker/errors.ts";
import { groupOf, loadCommands } from "./commands/index.ts";
import {
	type Command,
	type CommonOptions,
	ExitCode,
	JobError,
	ProgramError,
	UsageError,
	writeJson,
} from "./shell/command.ts";
import { checkOutputs } from "./shell/outputs.ts";
import { version } from "./shell/package-root.ts";
import { setSourceRoot } from "./shell/source-lines.ts";
import { isJob } from "./shell/stop.ts";
import { styled, type Terminal } from "./shell/terminal.ts";

/** @param argv what follows `patchbay` */
export async function patchbay(argv: readonly string[], terminal: Terminal): Promise<number> {
	let code: number = ExitCode.ok;
	const pending: Promise<void>[] = [];
	const line = new CommandLine("patchbay")
		.description("A static-call linker and a laboratory for live code patching.")
		.version(version())
		.exitOverride()
		.configureOutput({
			writeOut: (text) => void pending.push(terminal.write(text)),
			writeErr: (text) => terminal.note(text),
			getOutHasColors: () => terminal.colour,
			getErrHasColors: () => false,
			getOutHelpWidth: () => terminal.width,
		})
		.configureHelp({
			styleTitle: (text) => styled(terminal, "bold", text),
			subcommandTerm: (command) => command.name(),
		})
		.showSuggestionAfterError()
		.addHelpText("before", examplesText(terminal, overview));
	for (const command of await loadCommands(argv[0])) {
		addCommand(line, command, terminal, async (running) => {
			code = await running;
		});
	}
	try {
		await line.parseAsync(argv, { from: "user" });
	} catch (error) {
		code = await report(terminal, error);
		if (argv.includes("--json") && code !== ExitCode.ok) pending.push(reportJson(terminal, error, code));
	}
	await Promise.all(pending);
	return code;
}

const overview: readonly (readonly [string, string])[] = [
	["run prog.js", "compile, link and run a program"],
	["sites prog.js", "list its call sites"],
	["run prog.js --set pick=deadline", "retarget a static call before it starts"],
	["compare prog.js", "what static calls cost beside function pointers"],
	["demo", "all of it on a real program, in a few seconds"],
];

function addCommand(
	parent: CommandLine,
	command: Command<object>,
	terminal: Terminal,
	finish: (running: Promise<ExitCode>) => Promise<void>,
): void {
	const line = parent
		.command(`${command.name} ${command.operands}`.trim())
		.description(command.brief)
		.helpGroup(`${groupOf(command.name)}:`)
		.addHelpText("before", examplesText(terminal, command.examples));
	command.declare(line);
	line.option("--json", "print JSON with a `schema` field instead of text");
	line.action(async () => {
		checkOutputs(command, line);
		setSourceRoot(line.getOptionValue("sourceRoot"));
		await finish(command.run(terminal, line.args, line.opts<CommonOptions>(), patchbay));
	});
}

function examplesText(terminal: Terminal, examples: readonly (readonly [string, string])[]): string {
	const width = Math.max(...examples.map(([line]) => line.length));
	const lines = examples.map(
		([line, what]) => `  ${styled(terminal, "cyan", `patchbay ${line}`.padEnd(width + 11))}${what}`,
	);
	return `${styled(terminal, "bold", "Examples:")}\n${lines.join("\n")}\n`;
}

/** For programs that read standard output: what went wrong, and where. */
function reportJson(terminal: Terminal, error: unknown, exitCode: number): Promise<void> {
	const { message } = error instanceof Error ? error : { message: String(error) };
	const { length: _, ...at } = problemOf(error) ?? { length: 0 };
	return writeJson(terminal, "patchbay/error@1", { message, exitCode, ...at });
}

/** A message with names of C++ and Rust functions as their programs write them. */
async function inWords(message: string): Promise<string> {
	return /\b_[ZR]\w/.test(message) ? (await import("./shell/demangle.ts")).readable(message) : message;
}

/** Says what went wrong, once. */
async function report(terminal: Terminal, error: unknown): Promise<number> {
	if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.ok : ExitCode.usage;
	// What is wrong is told once, by the process that this one works for.
	const { note } = isJob() ? { note: () => {} } : terminal;
	if (error instanceof JobError) {
		note(`${error.message}\n`);
		return error.exitCode;
	}
	if (error instanceof UsageError) {
		note(`error: ${error.message}\n`);
		return ExitCode.usage;
	}
	if (error instanceof ProgramError) {
		note(`${error.message}\n`);
		return ExitCode.violation;
	}
	if (error instanceof SourceError || error instanceof LinkError) {
		note(`${await inWords(error.message)}\n`);
		return ExitCode.badInput;
	}
	const stack = error instanceof Error ? error.stack : String(error);
	terminal.note(`${stack}\nthis is a bug in patchbay ${version()}, please report it with the command and its input\n`);
	return 70;
}
