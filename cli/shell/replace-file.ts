// How commands write a file: whole under another name in the same folder, then renamed. Whoever looks sees the old file or
// the new one, also when the process is killed in between. `docs/cli.md` says what is kept of the old file.

import { randomBytes } from "node:crypto";
import {
	accessSync,
	closeSync,
	constants,
	fchmodSync,
	fchownSync,
	fsyncSync,
	lstatSync,
	openSync,
	readdirSync,
	readlinkSync,
	realpathSync,
	renameSync,
	rmSync,
	type Stats,
	statSync,
	writeSync,
} from "node:fs";
import { dirname, join, resolve } from "node:path";

/** Writes all pieces or nothing. Errors are those of the file system, with a `code`.
 * @param mode of a file that is not there yet; one that is there keeps its own */
export function replaceFile(path: string, pieces: Iterable<Uint8Array>, mode = 0o666): void {
	const target = behindLinks(path);
	const old = statusOf(target);
	refuseReadOnly(target, old);
	const folder = dirname(target);
	removeLeftOver(folder);
	const beside = join(folder, `.patchbay-${process.pid}-${randomBytes(8).toString("hex")}.tmp`);
	finishBeforeSignals(() => {
		// The flag x refuses whatever has the name already, also a link that was set to redirect the write.
		const file = openSync(beside, "wx", old === undefined ? mode : 0o600);
		try {
			writeAll(file, pieces);
			if (old !== undefined) keepRights(file, old);
			fsyncSync(file);
			closeSync(file);
			renameSync(beside, target);
		} catch (error) {
			closeIfOpen(file);
			rmSync(beside, { force: true });
			throw error;
		}
	});
}

/** Writes what is no regular file as it is. */
export function writeThrough(path: string, pieces: Iterable<Uint8Array>): void {
	const file = openSync(path, constants.O_WRONLY);
	try {
		writeAll(file, pieces);
	} finally {
		closeSync(file);
	}
}

function writeAll(file: number, pieces: Iterable<Uint8Array>): void {
	for (const piece of pieces) {
		for (let at = 0; at < piece.length; ) at += writeSync(file, piece, at);
	}
}

function closeIfOpen(file: number): void {
	try {
		closeSync(file);
	} catch {
		// It was closed before the rename failed.
	}
}

/** Throws what would keep a file from being written, as far as one can tell before. */
export function checkReplaceable(path: string): void {
	const target = behindLinks(path);
	refuseReadOnly(target, statusOf(target));
	accessSync(`${dirname(target)}/.`, constants.W_OK);
}

/** A file that nobody may write is not replaced either, not even by root, whom the system lets write anything. */
function refuseReadOnly(path: string, old: Stats | undefined): void {
	if (old === undefined) return;
	if ((old.mode & 0o222) === 0) throw Object.assign(new Error("is read-only"), { code: "READ_ONLY" });
	accessSync(path, constants.W_OK);
}

/** Gives the new file the owner and the mode of the old one. Bits that lend the owner's rights stay only with that owner. */
function keepRights(file: number, { uid, gid, mode }: Stats): void {
	let kept = 0o7777;
	try {
		fchownSync(file, uid, gid);
	} catch {
		kept = 0o1777;
	}
	fchmodSync(file, mode & kept);
}

/** The place that a path means in the end. A symbolic link is written through, also one that leads to nothing yet. */
function behindLinks(path: string): string {
	let place = path;
	for (let i = 0; i < MOST_LINKS; i++) {
		if (lstatSync(place, { throwIfNoEntry: false })?.isSymbolicLink() !== true) return place;
		place = resolve(realpathSync(dirname(place)), readlinkSync(place));
	}
	throw Object.assign(new Error("too many symbolic links"), { code: "ELOOP" });
}
/** As many as Linux follows. */
const MOST_LINKS = 40;

/** Undefined: nothing is there, nor can be while a folder of the path is a file. */
export function statusOf(path: string): Stats | undefined {
	try {
		return statSync(path);
	} catch {
		return undefined;
	}
}

const looked = new Set<string>();

/** Removes what processes that were killed while they wrote left in a folder. */
function removeLeftOver(folder: string): void {
	const place = resolve(folder);
	if (looked.has(place)) return;
	looked.add(place);
	for (const name of readdirSync(place)) {
		const [, pid] = /^\.patchbay-(\d+)-[0-9a-f]{16}\.tmp$/.exec(name) ?? [];
		if (pid !== undefined && !isRunning(Number(pid))) removeIfAllowed(join(place, name));
	}
}

function isRunning(pid: number): boolean {
	try {
		process.kill(pid, 0);
		return true;
	} catch (error) {
		return (error as NodeJS.ErrnoException).code === "EPERM";
	}
}

function removeIfAllowed(path: string): void {
	try {
		rmSync(path, { force: true });
	} catch {
		// It belongs to somebody else, whose next run removes it.
	}
}

const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Does what must not be left half done. A signal that comes meanwhile ends the process right after. */
function finishBeforeSignals(act: () => void): void {
	const end = (signal: NodeJS.Signals) => {
		process.off(signal, end);
		if (process.listenerCount(signal) === 0) process.kill(process.pid, signal);
	};
	for (const signal of signals) process.on(signal, end);
	try {
		act();
	} finally {
		// Signals that came are told in the next turn of the event loop, before this.
		setImmediate(() => {
			for (const signal of signals) process.off(signal, end);
		});
	}
}
