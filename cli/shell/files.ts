// Files, as commands read and write them: what is not there is the user's error, and a file is written as
// replace-file.ts does it.

import {
	accessSync,
	closeSync,
	constants,
	mkdirSync,
	openSync,
	readdirSync,
	readFileSync,
	readSync,
	realpathSync,
	statSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { type FileParts, wholeFile } from "../../linker/elf/file-parts.ts";
import { LinkError, suggestion } from "../../linker/errors.ts";
import { checkReplaceable, replaceFile, statusOf, writeThrough } from "./replace-file.ts";

/** All of a file. @throws LinkError when it cannot be read */
export function readBytes(path: string): Uint8Array {
	const bytes = statusOf(path)?.isFile() === false ? readOnce(path) : attempt(path, () => readFileSync(path));
	// A Buffer's `slice` would not copy.
	return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** What pipes gave, which nobody can read again. */
const piped = new Map<string, Uint8Array>();
/** More than this is not taken from a pipe, which may never end. */
const MOST_PIPED = 2 ** 30;

/** Reads a pipe the first time, and remembers what it gave. */
function readOnce(path: string): Uint8Array {
	const known = piped.get(path);
	if (known !== undefined) return known;
	const status = attempt(path, () => statSync(path));
	if (status.isCharacterDevice() || status.isBlockDevice()) throw new LinkError(`${path}: is a device, not a file`);
	const file = attempt(path, () => openSync(path, "r"));
	try {
		const bytes = attempt(path, () => readToEnd(path, file));
		piped.set(path, bytes);
		return bytes;
	} finally {
		closeSync(file);
	}
}

function readToEnd(path: string, file: number): Uint8Array {
	const pieces: Uint8Array[] = [];
	for (let size = 0; ; ) {
		const piece = new Uint8Array(1 << 16);
		const count = readSync(file, piece);
		if (count === 0) return Buffer.concat(pieces, size);
		pieces.push(piece.subarray(0, count));
		size += count;
		if (size > MOST_PIPED)
			throw new LinkError(`${path}: gives more than ${MOST_PIPED} bytes and is no regular file; write it to one`);
	}
}

/** The first bytes of a file; all of what is no regular file, which may not let them be read again.
 * @throws LinkError when it cannot be read */
export function readStart(path: string, size: number): { bytes: Uint8Array; isAll: boolean } {
	if (statusOf(path)?.isFile() !== true) return { bytes: readBytes(path), isAll: true };
	const file = attempt(path, () => openSync(path, "r"));
	try {
		const bytes = new Uint8Array(size);
		return {
			bytes: bytes.subarray(
				0,
				attempt(path, () => readSync(file, bytes, 0, size, 0)),
			),
			isAll: false,
		};
	} finally {
		closeSync(file);
	}
}

/** More than this is not read at once. */
const MOST_BYTES = 2 ** 31 - 1;

/** Gives a file to `use` part by part, and closes it then. What is no regular file is read as a whole.
 * @throws LinkError when it cannot be read */
export function* inParts<T>(path: string, use: (parts: FileParts) => Iterable<T>): Generator<T> {
	const status = statusOf(path);
	if (status === undefined || !status.isFile() || status.size > MOST_BYTES) {
		yield* use(wholeFile(readBytes(path)));
		return;
	}
	const file = attempt(path, () => openSync(path, "r"));
	try {
		yield* use(partsOf(path, file, status.size));
	} finally {
		closeSync(file);
	}
}

function partsOf(path: string, file: number, size: number): FileParts {
	const bytes = new Uint8Array(size);
	const read = (start: number, into: Uint8Array): void => {
		for (let at = 0; at < into.length; ) {
			const count = attempt(path, () => readSync(file, into, at, into.length - at, start + at));
			if (count === 0) throw new LinkError(`${path}: became shorter while it was read`);
			at += count;
		}
	};
	return { bytes, read, load: (start, end) => read(start, bytes.subarray(start, end)) };
}

function attempt<T>(path: string, act: () => T): T {
	try {
		return act();
	} catch (error) {
		if (error instanceof LinkError) throw error;
		throw new LinkError(`${path}: ${reason(error)}${near(path, error)}`);
	}
}

/** @throws LinkError when it cannot be read */
export function readText(path: string): string {
	return new TextDecoder().decode(readBytes(path));
}

/** @throws LinkError when it cannot be read, or is no JSON */
export function readJson(path: string): unknown {
	const text = readText(path);
	try {
		return JSON.parse(text);
	} catch (error) {
		throw new LinkError(`${path}: is no JSON: ${(error as Error).message}`);
	}
}

/** Writes all of it or nothing. A device or a pipe is written as it is. @param mode who may read, write and run a new file
 * @throws LinkError when it cannot be written */
export function writeFile(path: string, contents: Uint8Array | string, mode?: number): void {
	writePieces(path, [typeof contents === "string" ? new TextEncoder().encode(contents) : contents], mode);
}

/** The same for what comes in pieces. */
export function writePieces(path: string, pieces: Iterable<Uint8Array>, mode?: number): void {
	const special = isSpecial(path);
	try {
		if (special) writeThrough(path, pieces);
		else replaceFile(path, pieces, mode);
	} catch (error) {
		const { code } = error as NodeJS.ErrnoException;
		if (code === undefined) throw error;
		// Who read the pipe went away: nothing is left to say, as in terminal.ts.
		if (special && code === "EPIPE") process.exit();
		throw unwritable(path, error);
	}
}

/** @throws LinkError for what would keep `writeFile` from writing, as far as one can tell before */
export function checkWritable(path: string): void {
	if (isFolder(path)) throw new LinkError(`${path}: is a folder`);
	try {
		if (isSpecial(path)) accessSync(path, constants.W_OK);
		else checkReplaceable(path);
	} catch (error) {
		throw unwritable(path, error);
	}
}

function unwritable(path: string, error: unknown): LinkError {
	const { code } = error as NodeJS.ErrnoException;
	return new LinkError(`${path}: ${code === "ENOENT" ? "no such folder" : reason(error)}`);
}

/** Whether writing one would replace the other. */
export function isSamePlace(a: string, b: string): boolean {
	return [a, b].every((path) => statusOf(path)?.isFile()) && realpathSync(a) === realpathSync(b);
}

function isSpecial(path: string): boolean {
	const status = statusOf(path);
	return status !== undefined && !status.isFile() && !status.isDirectory();
}

/** Who may read, write and run a file that is there. */
export function modeOf(path: string): number {
	return statSync(path).mode & 0o777;
}

/** Whether it can be read again and ends. What a file names, and nobody typed, is to be one. */
export function isRegularFile(path: string): boolean {
	return statusOf(path)?.isFile() === true;
}

export function isFolder(path: string): boolean {
	return statusOf(path)?.isDirectory() === true;
}

const reasons: Readonly<Record<string, string>> = {
	ENOENT: "no such file",
	EISDIR: "is a folder",
	EACCES: "permission denied",
	ENOTDIR: "not a folder",
	EEXIST: "not a folder",
	ENOSPC: "no space left",
	EROFS: "read-only file system",
	ELOOP: "too many symbolic links",
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
