// Ctrl-C in the middle of a long search: the first one asks the command to end with what it has, the second ends the process.
// A command that runs in parts asks between two of them.

import { setImmediate as breathe } from "node:timers/promises";

/** What a process says to those that work for it. */
export const STOP = "stop";

/** The variable that a process sets for those that it starts to work for it. */
export const JOB = "PATCHBAY_JOB";

/** Says whether this process works for another one. Who started it may have a channel to it for purposes of its own. */
export function isJob(): boolean {
	return process.connected === true && process.env[JOB] !== undefined;
}

/** Whether somebody asked to stop. Resolves after signals that came have been told. */
export type Stopped = () => Promise<boolean>;

/** Runs what asks now and then whether it is to stop. A process that works for another is told by that one, for both get the
 * signal of a terminal.
 * @returns what it has, and whether it was stopped */
export async function stoppable<T>(act: (stopped: Stopped) => Promise<T>): Promise<{ has: T; wasStopped: boolean }> {
	let asked = false;
	const ask = (): void => {
		asked = true;
		if (!isJob()) process.off("SIGINT", ask);
	};
	const hear = (message: unknown): void => {
		if (message === STOP) ask();
	};
	const ignore = (): void => {};
	process.on("SIGINT", isJob() ? ignore : ask);
	process.on("message", hear);
	if (isJob()) process.channel?.unref();
	try {
		const has = await act(async () => {
			await breathe();
			return asked;
		});
		return { has, wasStopped: asked };
	} finally {
		process.off("SIGINT", ask);
		process.off("SIGINT", ignore);
		process.off("message", hear);
	}
}

/** A process that works for another ends with it, however that one ends. */
export function endWithParent(): void {
	if (!isJob()) return;
	process.on("disconnect", () => process.exit(1));
	process.channel?.unref();
}
