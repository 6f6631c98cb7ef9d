// Ctrl-C in the middle of a long search: the first one asks the command to end with what it has, the second ends the process.
// A command that runs in parts asks between two of them.

import { setImmediate as breathe } from "node:timers/promises";

/** What a process says to those that work for it. */
export const STOP = "stop";

/** Whether somebody asked to stop. Resolves after signals that came have been told. */
export type Stopped = () => Promise<boolean>;

/** Runs what asks now and then whether it is to stop. A process that works for another is told by that one, for both get the
 * signal of a terminal.
 * @returns what it has, and whether it was stopped */
export async function stoppable<T>(act: (stopped: Stopped) => Promise<T>): Promise<{ has: T; wasStopped: boolean }> {
	let asked = false;
	const ask = (): void => {
		asked = true;
		if (process.connected !== true) process.off("SIGINT", ask);
	};
	const hear = (message: unknown): void => {
		if (message === STOP) ask();
	};
	const ignore = (): void => {};
	process.on("SIGINT", process.connected === true ? ignore : ask);
	process.on("message", hear);
	process.channel?.unref();
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
	if (process.connected !== true) return;
	process.on("disconnect", () => process.exit(1));
	process.channel?.unref();
}
