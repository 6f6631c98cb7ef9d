// An object with names of C++ and Rust functions as their programs write them. Those that have none do not load the demangler.

import type { ElfObject } from "../../linker/elf/object.ts";

/** The same object where no name is mangled. */
export async function readableObject(object: ElfObject): Promise<ElfObject> {
	if (!hasMangled(object.symbols.strings)) return object;
	const { readableSymbols } = await import("../shell/demangle.ts");
	return { ...object, symbols: readableSymbols(object.symbols) };
}

function hasMangled({ buffer, byteOffset, length }: Uint8Array): boolean {
	const names = Buffer.from(buffer, byteOffset, length);
	return names.includes("\0_Z") || names.includes("\0_R");
}
