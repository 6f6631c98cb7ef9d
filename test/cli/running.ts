// Commands in processes of their own, for tests that stop them.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { setTimeout as wait } from "node:timers/promises";

const command = resolve("dist/cli/main.cjs");

/** A command in a process of its own. */
export interface Running {
	readonly child: ChildProcess;
	readonly ended: Promise<{ code: number | null; signal: string | null; out: string; err: string }>;
}

/** @throws when the command is not built */
export function start(...argv: readonly string[]): Running {
	if (!existsSync(command)) throw new Error("dist/ is missing: npm run build");
	const child = spawn(process.execPath, [command, ...argv], { stdio: ["ignore", "pipe", "pipe"] });
	let [out, err] = ["", ""];
	child.stdout!.on("data", (data) => {
		out += data;
	});
	child.stderr!.on("data", (data) => {
		err += data;
	});
	const ended = once(child, "close").then(([code, signal]) => ({ code, signal, out, err }));
	return { child, ended };
}

/** Resolves when a process has had so much processor time, in hundredths of a second, or is over. */
export async function hasHad(pid: number, hundredths: number): Promise<void> {
	while (processorTime(pid) < hundredths) await wait(20);
}

function processorTime(pid: number): number {
	if (!existsSync(`/proc/${pid}/stat`)) return Number.POSITIVE_INFINITY;
	const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
		.replace(/^.*\) /, "")
		.split(" ");
	return Number(fields[11]) + Number(fields[12]);
}
