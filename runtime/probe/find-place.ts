// Where somebody means: `worker`, `worker+0x10`, `work.js:12`.

import { STT_FUNC } from "../../linker/elf/object.ts";
import { LinkError, suggestion } from "../../linker/errors.ts";
import { decode } from "../../linker/isa/decode.ts";
import { bytesAt, type Image } from "../../linker/link/image.ts";

/** The address of a function, of a place in it, or of the first instruction of a line.
 * @throws LinkError when the image has no such thing */
export function findPlace(image: Image, text: string): number {
	const [, file, line] = /^(.+):(\d+)$/.exec(text) ?? [];
	if (file !== undefined) return addressOfLine(image, file, Number(line));
	const [, name, offset = "0"] = /^(.+?)(?:\+(0x[0-9a-f]+|\d+))?$/i.exec(text) ?? [];
	const symbol = image.symbolNamed(name ?? "");
	if (symbol?.type === STT_FUNC) return symbol.address + Number(offset);
	const names = image.symbols.filter(({ type }) => type === STT_FUNC).map((one) => one.name);
	throw new LinkError(`${image.name}: no function '${name}' to probe${suggestion(name ?? "", names)}`);
}

/** The lowest address of the line. @param file its path, or the end of it */
function addressOfLine(image: Image, file: string, line: number): number {
	const files = new Set<string>();
	let best: number | undefined;
	for (const address of instructionsOf(image)) {
		const at = image.lines.at(address);
		if (at === undefined) continue;
		files.add(at.file);
		const isIt = at.line === line && (at.file === file || at.file.endsWith(`/${file}`));
		if (isIt && (best === undefined || address < best)) best = address;
	}
	if (best !== undefined) return best;
	const known = [...files].some((each) => each === file || each.endsWith(`/${file}`));
	if (known) throw new LinkError(`${image.name}: no instruction comes from ${file}:${line}`);
	throw new LinkError(`${image.name}: no source '${file}' to probe${suggestion(file, [...files])}`);
}

/** Where the instructions of all functions begin. */
export function* instructionsOf(image: Image): Generator<number> {
	for (const { address, size, type } of image.symbols) {
		const code = type === STT_FUNC ? bytesAt(image, address, size) : undefined;
		for (let offset = 0; code !== undefined && offset < size; ) {
			const instruction = decode(code, offset);
			if (instruction === undefined) break;
			yield address + offset;
			offset += instruction.length;
		}
	}
}
