// Files of real machines as a command line names them: objects, executables, and archives, whose members count one by one.

import { isArchive, readArchive } from "../../linker/elf/archive.ts";
import { type FileParts, wholeFile } from "../../linker/elf/file-parts.ts";
import type { ElfObject } from "../../linker/elf/object.ts";
import { readElfParts } from "../../linker/elf/reader.ts";
import { EM_TOY } from "../../linker/isa/machine-number.ts";
import { inParts, readStart } from "../shell/files.ts";

export interface RealFile {
	readonly file: string;
	/** Of a pipe and the like, which can be read only once. */
	readonly bytes?: Uint8Array | undefined;
}

/** The file if it is for `realObjects`: neither a source nor an object of the toy machine.
 * @throws LinkError when it cannot be read */
export function findReal(file: string): RealFile | undefined {
	const { bytes, isAll } = readStart(file, 64);
	if (file.endsWith(".js") || file.endsWith(".s")) return undefined;
	const isOther = bytes.length > 20 && (bytes[18]! | (bytes[19]! << 8)) !== EM_TOY && bytes[0] === 0x7f;
	return isArchive(bytes) || isOther ? { file, bytes: isAll ? bytes : undefined } : undefined;
}

/** The objects in a file, one after another: a member of an archive is called `libfoo.a(bar.o)`. */
export function realObjects({ file, bytes }: RealFile): Iterable<ElfObject> {
	return bytes === undefined ? inParts(file, (parts) => objectsIn(file, parts)) : objectsIn(file, wholeFile(bytes));
}

function* objectsIn(file: string, parts: FileParts): Generator<ElfObject> {
	parts.load(0, 8);
	if (!isArchive(parts.bytes)) {
		yield readElfParts(parts, file);
		return;
	}
	parts.load(0, parts.bytes.length);
	for (const { name, bytes } of readArchive(parts.bytes, file))
		yield readElfParts(wholeFile(bytes), `${file}(${name})`);
}
