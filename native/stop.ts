// Stops a process and lets it go on. While `whileStopped` runs what it was given, no thread of the process does. A guard
// (guard.ts) lets it go on should this process be killed in between.

import { hrtime, kill } from "node:process";
import { LinkError } from "../linker/errors.ts";
import type { Guard } from "./guard.ts";
import { isAlive, type Process, runsOf, statusField, threadState, threadsOf } from "./process.ts";
import type { Range } from "./ranges.ts";

export interface Stopped<T> {
	readonly result: T;
	/** Nanoseconds from the signal that stops to the one that continues; undefined where somebody else had stopped it before. */
	readonly nanoseconds: number | undefined;
}

export type Act<T> = (threads: readonly number[], arm: (undo: readonly Range[]) => void) => T;

/** How often all threads are looked at before the stop is given up. */
const MOST_LOOKS = 5000;
const PAUSE_MS = 0.05;

/** Stops the process, acts, and continues it, also when `act` throws. One that is stopped already stays stopped.
 * @param act may say to `arm` what must be put back should this process be killed from then on
 * @throws LinkError when it cannot be stopped, or when somebody continued it meanwhile */
export function whileStopped<T>(process: Process, guard: Guard, act: Act<T>): Stopped<T> {
	const tracer = statusField(process.pid, "TracerPid");
	if (tracer !== "0" && tracer !== "")
		throw new LinkError(
			`${process.name}: is traced by process ${tracer}, a debugger or strace, which would see it stop`,
		);
	const isRunning = !threadsOf(process).every((thread) => isStill(threadState(process, thread)));
	const arm = (undo: readonly Range[]) => guard.arm(undo, isRunning);
	arm([]);
	const start = hrtime.bigint();
	let result: T;
	try {
		if (isRunning) stop(process);
		result = undisturbed(process, (threads) => act(threads, arm));
		guard.written(isRunning);
	} finally {
		if (isRunning) signal(process, "SIGCONT");
	}
	const nanoseconds = isRunning ? Number(hrtime.bigint() - start) : undefined;
	guard.disarm();
	return { result, nanoseconds };
}

/** Acts, and makes sure that no thread ran meanwhile. */
function undisturbed<T>(process: Process, act: (threads: readonly number[]) => T): T {
	const threads = threadsOf(process);
	const runs = () => threads.map((thread) => runsOf(process, thread)).join(" ");
	const before = runs();
	const result = act(threads);
	if (runs() !== before || !threads.every((thread) => isStill(threadState(process, thread))))
		throw new LinkError(
			`${process.name}: somebody else continued it while its text was written, so a thread may have run half an instruction`,
		);
	return result;
}

/** After: no thread runs, and none can start another. */
function stop(process: Process): void {
	signal(process, "SIGSTOP");
	let moving: number | undefined;
	for (let looks = 0; looks < MOST_LOOKS; looks++) {
		const threads = threadsOf(process);
		if (threads.length === 0) throw new LinkError(`${process.name}: has ended`);
		moving = threads.find((thread) => !isStill(threadState(process, thread)));
		// A thread that started another while the list was read is moving, or the list has it.
		if (moving === undefined && threadsOf(process).length === threads.length) return;
		Atomics.wait(pause, 0, 0, PAUSE_MS);
	}
	const state = moving === undefined ? "?" : threadState(process, moving);
	const why =
		state === "D"
			? "waits in the kernel for a device or for a child of vfork"
			: "does not stop; the first process of a PID namespace ignores the signal when it comes from inside";
	throw new LinkError(`${process.name}: after ${MOST_LOOKS} looks thread ${moving} (state ${state}) ${why}`);
}

const pause = new Int32Array(new SharedArrayBuffer(4));

function isStill(state: string): boolean {
	return state === "T" || state === "t" || state === "Z" || state === "X";
}

function signal(target: Process, name: "SIGSTOP" | "SIGCONT"): void {
	if (!isAlive(target)) return;
	try {
		kill(target.pid, name);
	} catch (error) {
		throw new LinkError(`${target.name}: cannot be sent ${name}: ${(error as NodeJS.ErrnoException).code}`);
	}
}
