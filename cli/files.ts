// Files, as commands read and write them: what is not there is the user's error, and a file is written beside and
// renamed, so nobody ever sees half of one.

import {
	closeSync,
	existsSync,
	mkdirSync,
	openSync,
	readdirSync,
	readFileSync,
	realpathSync,
	renameSync,
	rmSync,
	statSync,
	writeFileSync,
	writeSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { LinkError, suggestion } from "../linker/errors.ts";

/** No Buffer, whose `slice` would not copy. @throws LinkError when it cannot be read */
export function readBytes(path: string): Uint8Array {
	try {
		const { buffer, byteOffset, byteLength } = readFileSync(path);
		return new Uint8Array(buffer, byteOffset, byteLength);
	} catch (error) {
		throw new LinkError(`${path}: ${reason(error)}${near(path, error)}`);
	}
}

/** @throws LinkError when it cannot be read */
export function readText(path: string): string {
	return new TextDecoder().decode(readBytes(path));
}

/** Like `readText`, for what may well be missing. */
export function readTextIfThere(path: string): string | undefined {
	try {
		return readFileSync(path, "utf8");
	} catch {
		return undefined;
	}
}

/** Writes all of it or nothing. A device or a pipe is written as it is. @param mode who may read, write and run it
 * @throws LinkError when it cannot be written */
export function writeFile(path: string, contents: Uint8Array | string, mode?: number): void {
	replaceFile(path, (beside) => writeFileSync(beside, contents, { mode }));
}

/** The same for what comes in pieces. */
export function writePieces(path: string, pieces: Iterable<Uint8Array>): void {
	replaceFile(path, (beside) => {
		const file = openSync(beside, "w");
		try {
			for (const piece of pieces) {
				for (let at = 0; at < piece.length; ) at += writeSync(file, piece, at);
			}
		} finally {
			closeSync(file);
		}
	});
}

/** @param write makes the file at the path it is given */
function replaceFile(path: string, write: (beside: string) => void): void {
	const special = isSpecial(path);
	const target = !special && existsSync(path) ? realpathSync(path) : path;
	const beside = special ? target : `${target}.${process.pid}.tmp`;
	try {
		write(beside);
		if (!special) renameSync(beside, target);
	} catch (error) {
		if (!special) rmSync(beside, { force: true });
		const { code } = error as NodeJS.ErrnoException;
		if (code === undefined) throw error;
		// Who read the pipe went away: nothing is left to say, as in terminal.ts.
		if (special && code === "EPIPE") process.exit();
		throw new LinkError(`${path}: ${isFolder(dirname(target)) ? reason(error) : "no such folder"}`);
	}
}

function isSpecial(path: string): boolean {
	const status = statSync(path, { throwIfNoEntry: false });
	return status !== undefined && !status.isFile() && !status.isDirectory();
}

/** Who may read, write and run a file that is there. */
export function modeOf(path: string): number {
	return statSync(path).mode & 0o777;
}

export function isFolder(path: string): boolean {
	return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

const reasons: Readonly<Record<string, string>> = {
	ENOENT: "no such file",
	EISDIR: "is a folder",
	EACCES: "permission denied",
	ENOTDIR: "not a folder",
	ENOSPC: "no space left",
	EROFS: "read-only file system",
};

function reason(error: unknown): string {
	const code = (error as NodeJS.ErrnoException).code ?? "";
	return reasons[code] ?? (error as Error).message;
}

/** What the file may have been meant to be. */
function near(path: string, error: unknown): string {
	if ((error as NodeJS.ErrnoException).code !== "ENOENT") return "";
	try {
		const names = readdirSync(dirname(path));
		return suggestion(basename(path), names).replace(
			/'([^']+)'/,
			(_, name: string) => `'${join(dirname(path), name)}'`,
		);
	} catch {
		return "";
	}
}

/** Makes the folder, and those above it, if they are not there. */
export function makeFolder(path: string): void {
	try {
		mkdirSync(path, { recursive: true });
	} catch (error) {
		throw new LinkError(`${path}: ${reason(error)}`);
	}
}
