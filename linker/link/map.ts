// A link map, as `ld -Map` prints one: where everything went and why. Made from the image alone, so one that was read
// from a file has the same map.

import { SHF_ALLOC, STB_LOCAL } from "../elf/object.ts";
import { hexWord } from "../hex.ts";
import { REL_MAX } from "../isa/index.ts";
import { siteMnemonic } from "../sites/index.ts";
import { readContributions } from "./contributions.ts";
import { THUNK_PREFIX } from "./emit-symbols.ts";
import { type Image, type ImageKey, type ImageSite, wordAt } from "./image.ts";
import { type ImageSymbol, lastAtOrBelow } from "./symbol-index.ts";
import { THUNK_FIELD } from "./thunks.ts";

/** The link map of an image as text, with a newline at its end. */
export function map(image: Image): string {
	const chapters = [header(image), sections(image), thunks(image), staticCalls(image)];
	return `${chapters
		.filter((lines) => lines.length > 0)
		.map((lines) => lines.join("\n"))
		.join("\n\n")}\n`;
}

function header({ name, mode, entry, symbolize, sites, keys }: Image): string[] {
	const calls = `${counted(keys, "key")}, ${counted(sites, "site")}, linked ${mode}`;
	return [
		`Link map of ${name}`,
		`  entry         ${hexWord(entry)} ${symbolize(entry) ?? ""}`,
		`  static calls  ${calls}`,
	];
}

function counted({ length }: readonly unknown[], noun: string): string {
	return `${length} ${noun}${length === 1 ? "" : "s"}`;
}

/** Every output section with the input sections it was made of, and the symbols of each. */
function sections(image: Image): string[] {
	const contributions = readContributions(image.elf);
	const lines = ["Sections", row("address", "size", "section", "from, or symbol")];
	for (const { name, address, size, flags } of image.elf.sections) {
		const parts = contributions.filter((part) => part.section === name && part.size > 0);
		if (parts.length === 0) continue;
		lines.push(row(hexWord(address), hexWord(size), name, ""));
		for (const part of parts) {
			lines.push(row(hexWord(part.address), hexWord(part.size), "", part.object));
			if ((flags & SHF_ALLOC) !== 0) lines.push(...symbolsIn(image, part.address, part.size));
		}
	}
	return lines;
}

function symbolsIn({ symbols }: Image, start: number, size: number): string[] {
	const lines: string[] = [];
	for (
		let i = lastAtOrBelow(symbols, start - 1) + 1;
		symbols[i] !== undefined && symbols[i]!.address < start + size;
		i++
	) {
		lines.push(row(hexWord(symbols[i]!.address), hexWord(symbols[i]!.size), "", `  ${symbols[i]!.name}`));
	}
	return lines;
}

/** What each thunk goes to, and the calls that could not get there themselves. */
function thunks(image: Image): string[] {
	const all = image.symbols.filter(({ name, binding }) => binding === STB_LOCAL && name.startsWith(THUNK_PREFIX));
	if (all.length === 0) return [];
	const title = `Thunks, for calls of what is more than ${REL_MAX + 1} bytes away`;
	return [title, row("address", "size", "to", "for"), ...all.map((thunk) => thunkRow(image, thunk))];
}

function thunkRow({ elf, symbolize }: Image, { address, size, index }: ImageSymbol): string {
	const target = wordAt(elf, address + THUNK_FIELD) ?? 0;
	const callers: number[] = [];
	for (const { relocations } of elf.sections) {
		for (let i = 0; i < (relocations?.count ?? 0); i++) {
			if (relocations!.symbol[i] === index) callers.push(relocations!.offset[i]! - 1);
		}
	}
	const distances = callers.map((caller) => Math.abs(target - caller));
	const from = callers.map((caller) => symbolize(caller) ?? hexWord(caller)).join(", ");
	return row(
		hexWord(address),
		hexWord(size),
		symbolize(target) ?? hexWord(target),
		`${from}: ${Math.min(...distances)} bytes or more away`,
	);
}

/** The keys, and the sites of each with the source line where it is known. */
function staticCalls(image: Image): string[] {
	if (image.keys.length === 0) return [];
	return [
		"Static calls",
		row("address", "", "key", "calls, or site"),
		...image.keys.flatMap((key) => keyRows(image, key)),
	];
}

function keyRows(image: Image, { name, address, initial, sites }: ImageKey): string[] {
	const target = initial === 0 ? "null" : (image.symbolize(initial) ?? hexWord(initial));
	return [row(hexWord(address), "", name, target), ...sites.map((index) => siteRow(image, image.sites[index]!))];
}

function siteRow({ symbolize, lines }: Image, site: ImageSite): string {
	const at = lines.at(site.address);
	const source = at === undefined ? "" : `  ${at.file}:${at.line}:${at.column}`;
	const what = `${siteMnemonic(site)} in ${symbolize(site.address) ?? "?"}${site.init ? ", init" : ""}`;
	return row(hexWord(site.address), "", "", `  ${what}${source}`);
}

function row(address: string, size: string, name: string, text: string): string {
	return `  ${address.padEnd(10)}  ${size.padEnd(10)}  ${name.padEnd(18)}  ${text}`.trimEnd();
}
