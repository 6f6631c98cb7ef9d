// The memory of a running process, read and written through /proc/PID/mem. The file stays that of the program that ran when it
// was opened: once the process ends or runs another, nothing can be read or written any more.

import { closeSync, openSync, readSync, writeSync } from "node:fs";
import { LinkError } from "../linker/errors.ts";
import { hexAddress } from "../linker/hex.ts";
import type { Process } from "./process.ts";
import { whyClosed, whyReadOnly } from "./rights.ts";

export interface Memory {
	/** @throws LinkError when not all of it can be read */
	read(address: number, length: number): Uint8Array;
	/** Writes also where the process itself must not. @throws LinkError when not all of it was written */
	write(address: number, bytes: Uint8Array): void;
	close(): void;
}

/** @throws LinkError that says what right is missing */
export function openMemory(process: Process): Memory {
	const file = open(process);
	const fail = (address: number, what: string): never => {
		throw new LinkError(`${process.name}: ${hexAddress(address)}: ${what}`);
	};
	return {
		read(address, length) {
			const bytes = new Uint8Array(length);
			for (let at = 0; at < length; ) {
				const count = attempt(() => readSync(file, bytes, at, length - at, address + at));
				if (typeof count === "string") fail(address + at, `cannot be read (${count})`);
				else if (count === 0) fail(address + at, GONE);
				else at += count;
			}
			return bytes;
		},
		write(address, bytes) {
			const count = attempt(() => writeSync(file, bytes, 0, bytes.length, address));
			if (typeof count === "string") fail(address, whyReadOnly(count));
			else if (count === 0) fail(address, GONE);
			else if (count < bytes.length) fail(address + count, `only ${count} of ${bytes.length} bytes were written`);
		},
		close: () => closeSync(file),
	};
}

const GONE = "the process has ended, or runs another program now";

function open(process: Process): number {
	try {
		return openSync(`/proc/${process.pid}/mem`, "r+");
	} catch (error) {
		throw new LinkError(`${process.name}: ${whyClosed(process, codeOf(error))}`);
	}
}

/** What it returns, or the code of the error. */
function attempt(act: () => number): number | string {
	try {
		return act();
	} catch (error) {
		return codeOf(error);
	}
}

function codeOf(error: unknown): string {
	return (error as NodeJS.ErrnoException).code ?? String(error);
}
