// Files of real machines as a command line names them: objects, executables, and archives, whose members count one by one.

import { isArchive, readArchive } from "../linker/elf/archive.ts";
import type { ElfObject } from "../linker/elf/object.ts";
import { readElf } from "../linker/elf/reader.ts";
import { EM_TOY } from "../linker/isa/sets/toy.ts";
import { readBytes } from "./files.ts";

/** Whether a file is for `realObjects`: anything but a source and an object of the toy machine. */
export function isReal(file: string, bytes: Uint8Array): boolean {
	if (file.endsWith(".js") || file.endsWith(".s")) return false;
	return isArchive(bytes) || (bytes.length > 20 && (bytes[18]! | (bytes[19]! << 8)) !== EM_TOY && bytes[0] === 0x7f);
}

/** The objects in a file, one after another: a member of an archive is called `libfoo.a(bar.o)`. */
export function* realObjects(file: string, bytes: Uint8Array = readBytes(file)): Generator<ElfObject> {
	if (!isArchive(bytes)) yield readElf(bytes, file);
	else for (const member of readArchive(bytes, file)) yield readElf(member.bytes, `${file}(${member.name})`);
}
