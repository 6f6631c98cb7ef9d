// Programs that tests start and patch while they run. Only these are ever touched.

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { symbolByName } from "../../linker/elf/symbols.ts";
import { type Live, openLive } from "../../native/live.ts";

export interface TargetProcess {
	readonly pid: number;
	/** All that it printed so far. */
	readonly printed: () => string;
	/** @returns how it ended: an exit code or a signal */
	readonly ended: Promise<number | string>;
	kill(signal: NodeJS.Signals): void;
}

/** Starts a program and waits until it prints a line. It gets little time, so that the tests beside it go on. */
async function startTarget(program: string, argv: readonly string[], user?: number): Promise<TargetProcess> {
	const child: ChildProcess = spawn("nice", ["-n", "5", program, ...argv], {
		stdio: ["ignore", "pipe", "inherit"],
		...(user !== undefined && { uid: user, gid: user }),
	});
	let printed = "";
	child.stdout!.setEncoding("utf8").on("data", (text: string) => {
		printed += text;
	});
	const ended = new Promise<number | string>((resolve) => {
		child.on("close", (code, signal) => resolve(code ?? signal!));
	});
	await Promise.race([once(child.stdout!, "data"), ended]);
	return { pid: child.pid!, printed: () => printed, ended, kill: (signal) => void child.kill(signal) };
}

/** Runs `use` with a program that is gone afterwards. */
export async function withTarget<T>(
	program: string,
	argv: readonly string[],
	use: (target: TargetProcess) => Promise<T>,
	user?: number,
): Promise<T> {
	const target = await startTarget(program, argv, user);
	try {
		return await use(target);
	} finally {
		target.kill("SIGKILL");
		await target.ended;
	}
}

export async function withLive<T>(pid: number, use: (live: Live) => Promise<T> | T): Promise<T> {
	const live = openLive(pid);
	try {
		return await use(live);
	} finally {
		live.close();
	}
}

/** A variable of the process of eight bytes. */
export function variable({ objects, memory }: Live, name: string) {
	const { object, bias } = objects[0]!;
	const address = object.symbols.value[symbolByName(object, name)!]! + bias;
	return {
		get: () => Number(new DataView(memory.read(address, 8).buffer).getBigUint64(0, true)),
		set: (value: number) => memory.write(address, new Uint8Array(new BigUint64Array([BigInt(value)]).buffer)),
	};
}

export function compile(source: string, output: string, ...flags: readonly string[]): string {
	execFileSync("gcc", ["-O2", "-pthread", source, "-o", output, ...flags], { stdio: ["ignore", "ignore", "inherit"] });
	return output;
}
