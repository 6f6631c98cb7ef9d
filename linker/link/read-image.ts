// Reads an image from its ELF file; what takes long is read when first asked for.

import { type ElfObject, ET_EXEC } from "../elf/object.ts";
import { LinkError } from "../errors.ts";
import { EM_TOY } from "../isa/index.ts";
import type { Image } from "./image.ts";
import { readLines } from "./lines.ts";
import { readSignatures } from "./signatures.ts";
import { readStaticCalls } from "./static-calls.ts";
import { once, symbolIndex } from "./symbol-index.ts";

/** LinkError when the executable was not linked by us, or its tables do not fit together. */
export function readImage(elf: ElfObject): Image {
	if (elf.type !== ET_EXEC) throw new LinkError(`${elf.name}: is no executable image; link it first`);
	if (elf.machine !== EM_TOY)
		throw new LinkError(`${elf.name}: is for machine 0x${elf.machine.toString(16)}, not the toy`);
	const signatures = once(() => readSignatures(elf));
	const calls = readStaticCalls(elf, signatures);
	const { symbols, ...lookUps } = symbolIndex(elf);
	return {
		elf,
		name: elf.name,
		entry: elf.entry,
		segments: elf.segments,
		get symbols() {
			return symbols();
		},
		...lookUps,
		...calls,
		lines: readLines(elf),
		signatureOf: (address) => signatures().get(address),
	};
}
