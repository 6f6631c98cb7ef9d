// A process of this machine, as /proc shows it: who it is, what is mapped where, which threads it has. Nothing is kept: every
// answer is read anew, for the process runs on.

import { readdirSync, readFileSync } from "node:fs";
import { LinkError } from "../linker/errors.ts";

/** A process, not to be mistaken for a later one of the same number. */
export interface Process {
	readonly pid: number;
	/** When it was started, in the kernel's clock ticks. */
	readonly started: string;
	/** `process 4711 (server)`: how messages begin. */
	readonly name: string;
}

/** A line of /proc/PID/maps. */
export interface Mapping {
	readonly start: number;
	readonly end: number;
	readonly executable: boolean;
	/** Writes go to the file, and to whoever else maps it. */
	readonly shared: boolean;
	/** Where in the file it begins. */
	readonly offset: number;
	/** Device and number of the file; undefined for memory without one. */
	readonly file: string | undefined;
	readonly path: string;
}

/** One letter of /proc/PID/stat: R runs, S sleeps, D waits for a device, T is stopped, t is traced, Z and X have ended. */
export type ThreadState = string;

/** @throws LinkError when there is none */
export function findProcess(pid: number): Process {
	const stat = readIfThere(`/proc/${pid}/stat`);
	if (stat === undefined)
		throw new LinkError(
			`process ${pid}: does not exist; one that runs in a container has another number outside than inside`,
		);
	const name = `process ${pid} (${stat.slice(stat.indexOf("(") + 1, stat.lastIndexOf(")"))})`;
	const process = { pid, started: fieldsOf(stat).started, name };
	if (!isAlive(process)) throw new LinkError(`${name}: has ended and only waits for its parent to notice`);
	return process;
}

/** Whether it still is the process that was found, and any of its threads has not ended: the first one may be gone. */
export function isAlive(process: Process): boolean {
	const stat = readIfThere(`/proc/${process.pid}/stat`);
	if (stat === undefined || fieldsOf(stat).started !== process.started) return false;
	return threadsOf(process).some((thread) => !/[ZX]/.test(threadState(process, thread)));
}

/** A name may hold blanks and parentheses, so fields count from the last one. */
function fieldsOf(stat: string): { state: ThreadState; started: string } {
	const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
	return { state: fields[0]!, started: fields[19]! };
}

export function threadsOf({ pid }: Process): number[] {
	try {
		return readdirSync(`/proc/${pid}/task`).map(Number);
	} catch {
		return [];
	}
}

/** `X` for one that is gone. */
export function threadState({ pid }: Process, thread: number): ThreadState {
	const stat = readIfThere(`/proc/${pid}/task/${thread}/stat`);
	return stat === undefined ? "X" : fieldsOf(stat).state;
}

/** Where a thread that is stopped will go on; undefined for one that runs or is gone. */
export function programCounter({ pid }: Process, thread: number): number | undefined {
	const words = (readIfThere(`/proc/${pid}/task/${thread}/syscall`) ?? "").trim().split(" ");
	return words.length < 3 ? undefined : Number(words.at(-1));
}

/** Whether the kernel has yet to deliver this signal to the thread. @param signal its number */
export function isPending(thread: number, signal: number): boolean {
	const pending = BigInt(`0x${statusField(thread, "SigPnd") || "0"}`);
	return ((pending >> BigInt(signal - 1)) & 1n) === 1n;
}

/** Changes whenever the thread was on a CPU. */
export function runsOf({ pid }: Process, thread: number): string {
	const schedstat = readIfThere(`/proc/${pid}/task/${thread}/schedstat`);
	if (schedstat !== undefined) return schedstat.trim().split(" ")[2]!;
	return [...(readIfThere(`/proc/${pid}/task/${thread}/status`) ?? "").matchAll(/ctxt_switches:\s*(\d+)/g)]
		.map(([, count]) => count)
		.join();
}

/** A line of /proc/PID/status, as `Uid` or `TracerPid`; empty if there is none. @param of a process, a thread or `self` */
export function statusField(of: number | "self", field: string): string {
	const status = readIfThere(`/proc/${of}/status`) ?? "";
	return new RegExp(`^${field}:\\s*(.*)$`, "m").exec(status)?.[1] ?? "";
}

/** What is mapped, by address. @throws when the kernel does not tell */
export function mappingsOf({ pid }: Process): Mapping[] {
	const line = /^([0-9a-f]+)-([0-9a-f]+) (\S{4}) ([0-9a-f]+) (\S+) (\d+)\s*(.*)$/;
	return readFileSync(`/proc/${pid}/maps`, "utf8")
		.split("\n")
		.flatMap((text) => {
			const [, start, end, rights, offset, device, inode, path] = line.exec(text) ?? [];
			if (start === undefined) return [];
			return {
				start: Number.parseInt(start, 16),
				end: Number.parseInt(end!, 16),
				executable: rights![2] === "x",
				shared: rights![3] === "s",
				offset: Number.parseInt(offset!, 16),
				file: inode === "0" ? undefined : `${device}:${inode}`,
				path: path!,
			};
		});
}

export function readIfThere(path: string): string | undefined {
	try {
		return readFileSync(path, "utf8");
	} catch {
		return undefined;
	}
}
