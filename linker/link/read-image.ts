// Reads an image from its ELF file; what takes long is read when first asked for. An image of a program with modules is
// the joint view of all: made anew, from the same parts, when one comes or goes.

import { type ElfObject, ET_EXEC } from "../elf/object.ts";
import { LinkError } from "../errors.ts";
import { hex } from "../hex.ts";
import { EM_TOY } from "../isa/index.ts";
import type { Image } from "./image.ts";
import { readEntries, readLabels } from "./labels.ts";
import { readLoadTables } from "./load-tables.ts";
import { newPart, type Part, partAt, withoutInit } from "./part.ts";
import { findSymbols, readStaticCalls } from "./static-calls.ts";
import { symbolIndex } from "./symbol-index.ts";

/** LinkError when the executable was not linked by us, or its tables do not fit together. */
export function readImage(elf: ElfObject): Image {
	if (elf.type !== ET_EXEC) throw new LinkError(`${elf.name}: is no executable image; link it first`);
	if (elf.machine !== EM_TOY) throw new LinkError(`${elf.name}: is for machine ${hex(elf.machine)}, not the toy`);
	return imageOf([newPart(elf)]);
}

/** The image with a module (see link-module.ts) in it. LinkError when its tables do not fit. */
export function withModule({ parts }: Image, elf: ElfObject): Image {
	return imageOf([...parts, newPart(elf)]);
}

/** @param name of a module */
export function withoutModule({ parts }: Image, name: string): Image {
	return imageOf(parts.filter(({ elf }) => elf.name !== name));
}

/** The image after the init text of a part was freed. @param name of the program or a module */
export function withInitFreed({ parts }: Image, name: string): Image {
	return imageOf(parts.map((part) => (part.elf.name === name ? withoutInit(part) : part)));
}

/** @param parts the first is the program */
function imageOf(parts: readonly Part[]): Image {
	const { elf } = parts[0]!;
	const segments = parts.flatMap((part) => part.segments).sort((a, b) => a.address - b.address);
	const signatureOf = (address: number) => partAt(parts, address)?.signatures().get(address);
	const found = findSymbols(parts);
	const calls = readStaticCalls(elf.name, parts, found, { segments }, signatureOf);
	const { symbols, ...lookUps } = symbolIndex(parts);
	return {
		elf,
		parts,
		name: elf.name,
		entry: elf.entry,
		segments,
		get symbols() {
			return symbols();
		},
		...lookUps,
		...calls,
		...readLabels(parts, found.staticKeys, { segments }),
		entries: readEntries(parts),
		...readLoadTables(parts, found.operations, { segments }),
		lines: { at: (address) => partAt(parts, address)?.lines.at(address) },
		signatureOf,
	};
}
