// Files of real machines as a command line names them: objects, executables, and archives, whose members count one by one.

import { dirname, resolve } from "node:path";
import { isArchive, isThinArchive, readArchive } from "../../linker/elf/archive.ts";
import { type FileParts, wholeFile } from "../../linker/elf/file-parts.ts";
import { isElf } from "../../linker/elf/headers.ts";
import type { ElfObject } from "../../linker/elf/object.ts";
import { isOtherKind, nameOfKind } from "../../linker/elf/other-files.ts";
import { readElfParts } from "../../linker/elf/reader.ts";
import { LinkError } from "../../linker/errors.ts";
import { EM_TOY } from "../../linker/isa/machine-number.ts";
import { inParts, isRegularFile, readBytes, readStart } from "../shell/files.ts";
import { isPacked } from "../unpack/packed.ts";

export interface RealFile {
	readonly file: string;
	/** The contents of a pipe and the like, which can be read only once. */
	readonly bytes?: Uint8Array | undefined;
}

/** The file if it is for `realObjects`: neither a source nor an object of the toy machine. What is no ELF file but known is
 * among them, for its name to be told.
 * @throws LinkError when it cannot be read */
export function findReal(file: string): RealFile | undefined {
	const { bytes, isAll } = readStart(file, START);
	if (file.endsWith(".js") || file.endsWith(".s")) return undefined;
	const isOther = bytes.length > 20 && (bytes[18]! | (bytes[19]! << 8)) !== EM_TOY && bytes[0] === 0x7f;
	const isReal = isArchive(bytes) || isOther || isOtherKind(bytes) || isPacked(bytes);
	return isReal ? { file, bytes: isAll ? bytes : undefined } : undefined;
}
/** As much as it takes to know what a file is. */
const START = 1024;

/** The objects in a file, one after another: a member of an archive is called `libfoo.a(bar.o)`. What is compressed is
 * opened.
 * @param note gets members that are no ELF files
 * @param flat reads what is no ELF file, if it can: a boot image without a loader
 * @throws LinkError for a file in which there is none */
export async function* realObjects(
	{ file, bytes }: RealFile,
	note: (text: string) => void,
	flat?: (file: string, bytes: Uint8Array) => ElfObject | undefined,
): AsyncGenerator<ElfObject> {
	let packed: Uint8Array | undefined;
	const start = bytes ?? readStart(file, START).bytes;
	if (isPacked(start)) packed = await (await import("../unpack/unpack.ts")).unpack(file, bytes ?? readBytes(file));
	const known = packed ?? bytes;
	const whole = known ?? (flat && isOtherKind(start) ? readBytes(file) : undefined);
	const found = whole && flat?.(file, whole);
	if (found !== undefined) yield found;
	else if (known === undefined) yield* inParts(file, (parts) => objectsIn(file, parts, note));
	else yield* objectsIn(file, wholeFile(known), note);
}

function* objectsIn(file: string, parts: FileParts, note: (text: string) => void): Generator<ElfObject> {
	parts.load(0, 8);
	if (!isArchive(parts.bytes)) {
		parts.load(0, Math.min(START, parts.bytes.length));
		yield readElfParts(parts, file);
		return;
	}
	parts.load(0, parts.bytes.length);
	const isThin = isThinArchive(parts.bytes);
	let skipped: string | undefined;
	let any = false;
	for (const { name, bytes } of readArchive(parts.bytes, file)) {
		if (isThin) yield* memberFile(file, name);
		else if (isElf(bytes)) yield readElfParts(wholeFile(bytes), `${file}(${name})`);
		else {
			skipped = `${file}(${name}): ${nameOfKind(bytes)}`;
			note(`${skipped}; left out\n`);
			continue;
		}
		any = true;
	}
	if (!any && skipped !== undefined) throw new LinkError(`${file}: no member is an ELF file; ${skipped}`);
}

/** What a thin archive names: a file, as seen from the archive's folder. */
function memberFile(archive: string, name: string): Iterable<ElfObject> {
	return inParts(memberPath(archive, name), (parts) => [readElfParts(parts, `${archive}(${name})`)]);
}

/** The contents of that file. @throws LinkError when it cannot be read */
export function memberBytes(archive: string, name: string): Uint8Array {
	return readBytes(memberPath(archive, name));
}

function memberPath(archive: string, name: string): string {
	const file = resolve(dirname(archive), name);
	if (!isRegularFile(file)) throw new LinkError(`${archive}(${name}): ${file} is no regular file`);
	return file;
}
