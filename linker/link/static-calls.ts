// Reads what the parts of a program say about its static calls: keys and trampolines by symbol name, sites from the
// tables. A site of one part may be of a key of another.

import { type Section, STB_LOCAL, STT_FILE } from "../elf/object.ts";
import { hasPrefix, symbolName } from "../elf/symbols.ts";
import { viewOf } from "../elf/words.ts";
import { LinkError } from "../errors.ts";
import { readField, rowStarts, siteRow } from "../format/rows.ts";
import { isNullable } from "../format/signatures.ts";
import { hex } from "../hex.ts";
import {
	describeSite,
	FLAGS,
	INIT,
	KEY_PREFIX,
	OPERATION_PREFIX,
	RETURN,
	RETURN0,
	SITE_BYTES,
	SITES_SECTION,
	type SiteForm,
	type SiteKind,
	STATIC_KEY_PREFIX,
	type Stubs,
	TAIL,
	TRAMPOLINE_PREFIX,
} from "../sites/index.ts";
import {
	bytesAt,
	type Image,
	type ImageKey,
	type ImageSite,
	MODE_SYMBOL,
	type StaticCallMode,
	staticCallModes,
	wordAt,
} from "./image.ts";
import type { Part } from "./part.ts";

/** A key, as its symbol tells. */
export interface NamedKey {
	readonly name: string;
	/** Which file a local one belongs to; 0 for global ones. */
	readonly scope: number;
	readonly address: number;
	/** Name of the part that has it. */
	readonly from: string;
}

/** The symbols that matter, by what they are. */
export interface Found {
	readonly keys: NamedKey[];
	readonly staticKeys: NamedKey[];
	readonly operations: NamedKey[];
	/** Scope and name -> address. */
	readonly trampolines: Map<string, number>;
	/** `__static_call…` -> value. */
	readonly special: Map<string, number>;
}

/** @param name of the program @param memory what is loaded */
export function readStaticCalls(
	name: string,
	parts: readonly Part[],
	found: Found,
	memory: Loaded,
	signatureOf: Image["signatureOf"],
): Pick<Image, "mode" | "keys" | "sites" | "stubs"> {
	const stubs = { return: found.special.get(RETURN) ?? 0, return0: found.special.get(RETURN0) ?? 0 };
	const keys = found.keys.map((key) => readKey(memory, found, key, stubs, signatureOf));
	const sites = readSites(parts, memory, keys);
	return { mode: readMode(name, found), stubs, sites, keys: withSites(keys, sites) };
}

/** What is in memory when the program begins. */
export type Loaded = Pick<Image, "segments">;

const underscores = new TextEncoder().encode("__");
const prefixes = [KEY_PREFIX, TRAMPOLINE_PREFIX, STATIC_KEY_PREFIX, OPERATION_PREFIX, "__static_call"].map((prefix) =>
	new TextEncoder().encode(prefix),
);

/** A local key goes with the trampoline of its own file: both are counted by the STT_FILE symbols before them. */
export function findSymbols(parts: readonly Part[]): Found {
	const found: Found = { keys: [], staticKeys: [], operations: [], trampolines: new Map(), special: new Map() };
	let files = 0;
	for (const { elf } of parts) files = addSymbols(found, elf, files);
	const { keys, staticKeys, operations } = found;
	return {
		...found,
		keys: onePerAddress(keys),
		staticKeys: onePerAddress(staticKeys),
		operations: onePerAddress(operations),
	};
}

/** @param files how many there were before @returns how many there are now */
function addSymbols(found: Found, { name: from, symbols }: Part["elf"], files: number): number {
	for (let i = 1; i < symbols.count; i++) {
		if ((symbols.info[i]! & 15) === STT_FILE) files++;
		if (!hasPrefix(symbols, i, underscores)) continue;
		const prefix = prefixes.findIndex((each) => hasPrefix(symbols, i, each));
		if (prefix < 0 || symbols.section[i] === 0) continue;
		const scope = symbols.info[i]! >> 4 === STB_LOCAL ? files : 0;
		const name = symbolName(symbols, i);
		const address = symbols.value[i]!;
		if (prefix === 0) found.keys.push({ name: name.slice(KEY_PREFIX.length), scope, address, from });
		else if (prefix === 1) found.trampolines.set(`${scope} ${name.slice(TRAMPOLINE_PREFIX.length)}`, address);
		else if (prefix === 2) found.staticKeys.push({ name: name.slice(STATIC_KEY_PREFIX.length), scope, address, from });
		else if (prefix === 3) found.operations.push({ name: name.slice(OPERATION_PREFIX.length), scope, address, from });
		else found.special.set(name, address);
	}
	return files;
}

/** A local key that was lent to other objects has a global name besides. */
function onePerAddress(keys: NamedKey[]): NamedKey[] {
	const sorted = keys.sort((a, b) => a.address - b.address || a.scope - b.scope);
	return sorted.filter(({ address }, i) => address !== sorted[i - 1]?.address);
}

function readMode(name: string, { special }: Found): StaticCallMode {
	const mode = staticCallModes[(special.get(MODE_SYMBOL) ?? 0) - 1];
	if (mode === undefined)
		throw new LinkError(`${name}: does not say how its static calls were linked (no ${MODE_SYMBOL})`);
	return mode;
}

function readKey(
	memory: Loaded,
	found: Found,
	{ name, scope, address, from }: NamedKey,
	stubs: Stubs,
	signatureOf: Image["signatureOf"],
): Omit<ImageKey, "sites"> {
	if ((address & FLAGS) !== 0)
		throw new LinkError(`${from}: key '${name}' at ${hex(address)} is not aligned to ${FLAGS + 1} bytes`);
	const [initial, fallback] = [address, address + 4].map((word) => {
		const value = wordAt(memory, word);
		if (value === undefined) throw new LinkError(`${from}: key '${name}' at ${hex(word)} is not in any segment`);
		return value === stubs.return ? 0 : value;
	}) as [number, number];
	const signature = signatureOf(address) ?? signatureOf(fallback);
	const nullable = fallback === 0 || isNullable(signature);
	const trampoline = found.trampolines.get(`${scope} ${name}`) ?? exportedTrampoline(found, name) ?? 0;
	return { name, address, trampoline, default: fallback, initial, nullable, signature };
}

/** A local key's, unless there is a global key of that name. */
function exportedTrampoline({ trampolines, keys }: Found, name: string): number | undefined {
	return keys.some((key) => key.scope === 0 && key.name === name) ? undefined : trampolines.get(`0 ${name}`);
}

function readSites(parts: readonly Part[], memory: Loaded, keys: readonly Omit<ImageKey, "sites">[]): ImageSite[] {
	const index = new Map(keys.map(({ address }, i) => [address, i]));
	const sites: ImageSite[] = [];
	for (const part of parts)
		for (const section of part.elf.sections)
			if (section.name === SITES_SECTION) addSites(sites, part, section, memory, index);
	return parts.length === 1 ? sites : sites.sort((a, b) => a.key - b.key || a.address - b.address);
}

/** @param index address of a key -> its place among the keys */
function addSites(
	sites: ImageSite[],
	{ elf, initFreed }: Part,
	section: Section,
	memory: Loaded,
	index: ReadonlyMap<number, number>,
): void {
	const view = viewOf(section.data);
	for (const at of rowStarts(siteRow, view.byteLength)) {
		const address = readField(view, section.address, at, siteRow.fields.address);
		const flagged = readField(view, section.address, at, siteRow.fields.key);
		if (initFreed && (flagged & INIT) !== 0) continue;
		const key = index.get(flagged - (flagged & FLAGS));
		const where = `${elf.name}:(${SITES_SECTION}+${hex(at)})`;
		if (key === undefined) throw new LinkError(`${where}: no key is at ${hex(flagged)}`);
		sites.push(readSite(memory, where, address, key, flagged & FLAGS));
	}
}

function readSite(memory: Loaded, where: string, address: number, key: number, flags: number): ImageSite {
	const bytes = bytesAt(memory, address, SITE_BYTES);
	const now = bytes && describeSite(bytes, address);
	const kind = now && kindOf(now, (flags & TAIL) !== 0);
	if (kind === undefined)
		throw new LinkError(`${where}: ${hex(address)} is no ${flags & TAIL ? "tail " : ""}call site`);
	const condition = now?.form === "jcc" ? now.condition : 0;
	return { address, key, kind, condition, init: (flags & INIT) !== 0, length: SITE_BYTES };
}

function kindOf({ form }: SiteForm, tail: boolean): SiteKind | undefined {
	if (form === "jcc") return tail ? "conditional" : undefined;
	if (form === "jmp" || form === "ret") return tail ? "tail" : undefined;
	return tail ? undefined : "call";
}

function withSites(keys: readonly Omit<ImageKey, "sites">[], sites: readonly ImageSite[]): ImageKey[] {
	const indices: number[][] = keys.map(() => []);
	for (const [i, { key }] of sites.entries()) indices[key]!.push(i);
	return keys.map((key, i) => ({ ...key, sites: indices[i]! }));
}
