// `patchbay run --native`: a program of this machine as a child process, whose calls change while it runs.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout } from "node:timers/promises";
import { LinkError } from "../../linker/errors.ts";
import { findEntries, makeChanges, openLive } from "../../native/live.ts";
import { ExitCode, UsageError, writeJson } from "../shell/command.ts";
import { plural } from "../shell/table.ts";
import type { Terminal } from "../shell/terminal.ts";
import type { Retarget } from "./set-option.ts";

interface Options {
	readonly set?: readonly Retarget[];
	readonly json?: true;
}

/** What became of a --set. */
interface Outcome {
	readonly set: string;
	/** Undefined where it was refused. */
	readonly sites?: number;
	readonly stoppedNanoseconds?: number | null;
	readonly refused?: string;
}

/** @param command the program and its arguments
 * @returns ok if the program ended well and all was changed */
export async function runNative(
	terminal: Terminal,
	[program, ...argv]: readonly string[],
	{ set = [], json }: Options,
): Promise<ExitCode> {
	const inCycles = set.find(({ cycle }) => cycle !== undefined);
	if (inCycles !== undefined)
		throw new UsageError(`--set ${inCycles.text}: a native program has no cycles; write a time, as @2s or @300ms`);
	// With --json the program's own lines go where diagnostics go.
	const child = spawn(program!, argv, { stdio: ["inherit", json ? 2 : "inherit", "inherit"] });
	const ended = once(child, "close") as Promise<[number | null, NodeJS.Signals | null]>;
	if (child.pid === undefined) {
		const error = await ended.catch((reason: NodeJS.ErrnoException) => reason);
		throw new LinkError(`${program}: cannot be run: ${"code" in error ? error.code : "no such program"}`);
	}
	const start = Date.now();
	const outcomes: Outcome[] = [];
	for (const each of set.toSorted((a, b) => (a.milliseconds ?? 0) - (b.milliseconds ?? 0))) {
		await Promise.race([setTimeout(start + (each.milliseconds ?? 0) - Date.now()), ended]);
		const outcome = change(child.pid, each);
		outcomes.push(outcome);
		terminal.note(`${each.text}: ${outcome.refused ?? `${plural(outcome.sites!, "site")} changed`}\n`);
	}
	const [code, signal] = await ended;
	if (code !== 0) terminal.note(`${program}: ended with ${signal ?? `exit status ${code}`}\n`);
	if (json) await writeJson(terminal, "patchbay/run-native@1", { code, signal, changes: outcomes });
	if (code !== 0) return ExitCode.violation;
	return outcomes.some(({ refused }) => refused !== undefined) ? ExitCode.badInput : ExitCode.ok;
}

function change(pid: number, { text, targets }: Retarget): Outcome {
	try {
		const live = openLive(pid);
		try {
			const entries = findEntries(
				live,
				targets.map(({ key }) => key),
			);
			const changes = entries.map((entry, i) => ({ entry, to: targets[i]!.target }));
			const { plans, stopped } = makeChanges(live, changes, "fitting");
			const sites = plans.reduce((sum, plan) => sum + plan.sites.length, 0);
			return { set: text, sites, stoppedNanoseconds: stopped ?? null };
		} finally {
			live.close();
		}
	} catch (error) {
		if (error instanceof LinkError) return { set: text, refused: error.message };
		throw error;
	}
}
