// Where somebody means: `worker`, `worker+0x10`, `work.js:12`.

import { STT_FUNC, STT_NOTYPE } from "../../linker/elf/object.ts";
import { LinkError, suggestion } from "../../linker/errors.ts";
import { decode } from "../../linker/isa/decode.ts";
import { bytesAt, type Image } from "../../linker/link/image.ts";

const PLACES = "a place is a function, function+offset or file:line";

/** The address of a function or label, of a place in it, or of the first instruction of a line.
 * @throws LinkError when the image has no such thing */
export function findPlace(image: Image, text: string): number {
	const [, file, line] = /^(.+):(\d+)$/.exec(text) ?? [];
	if (file !== undefined) return addressOfLine(image, file, Number(line));
	const [, name, offset = "0"] = /^(.+?)(?:\+(0x[0-9a-f]+|\d+))?$/i.exec(text) ?? [];
	const symbol = image.symbolNamed(name ?? "");
	if (symbol?.type === STT_FUNC || symbol?.type === STT_NOTYPE) {
		if (symbol.size === 0 || Number(offset) < symbol.size) return symbol.address + Number(offset);
		throw new LinkError(`${image.name}: no place ${text} to probe: '${name}' has ${symbol.size} bytes`);
	}
	const names = image.symbols.filter(({ type }) => type === STT_FUNC).map((one) => one.name);
	throw new LinkError(`${image.name}: no function '${name}' to probe${suggestion(name ?? "", names) || `: ${PLACES}`}`);
}

/** The lowest address of the line. @param file its path, or the end of it */
function addressOfLine(image: Image, path: string, line: number): number {
	const file = path.replace(/^(\.\/+)+/, "");
	const files = new Set<string>();
	let best: number | undefined;
	let next = Number.POSITIVE_INFINITY;
	for (const address of instructionsOf(image)) {
		const at = image.lines.at(address);
		if (at === undefined) continue;
		files.add(at.file);
		if (!isPathOf(at.file, file)) continue;
		if (at.line === line && (best === undefined || address < best)) best = address;
		if (at.line > line) next = Math.min(next, at.line);
	}
	if (best !== undefined) return best;
	const later = Number.isFinite(next) ? `, the next line with code is ${next}` : "";
	if ([...files].some((each) => isPathOf(each, file)))
		throw new LinkError(`${image.name}: no instruction comes from ${file}:${line}${later}`);
	throw new LinkError(`${image.name}: no source '${file}' to probe${suggestion(file, [...files])}`);
}

/** Whether `end` is a path, or the end of one. */
function isPathOf(path: string, end: string): boolean {
	const plain = path.replace(/^(\.\/+)+/, "");
	return plain === end || plain.endsWith(`/${end}`);
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
