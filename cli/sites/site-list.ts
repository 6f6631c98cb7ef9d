// The call sites of an object or an image as rows of text: what `patchbay sites` prints.

import {
	type ElfObject,
	type FunctionIndex,
	functionAt,
	indexFunctions,
	lineAt,
	readLineTable,
	SHN_UNDEF,
	symbolByName,
	symbolName,
} from "../../linker/elf/index.ts";
import { hex, hexBytes } from "../../linker/hex.ts";
import { placeOf } from "../../linker/link/image.ts";
import { bytesAt, type Image, type SourcePosition } from "../../linker/link/index.ts";
import {
	callSites,
	currentTarget,
	KEY_PREFIX,
	RETURN0,
	SITE_BYTES,
	type SiteKind,
	siteKinds,
	type Target,
	TRAMPOLINE_PREFIX,
	targetAt,
} from "../../linker/sites/index.ts";

export interface ListedSite {
	readonly key: string;
	/** `label`: a branch of a static key. */
	readonly kind: SiteKind | "label";
	/** In text that is freed after the start. */
	readonly init: boolean;
	readonly source: SourcePosition | undefined;
	/** `.text+0x34` in an object, `0x400034` in an image. */
	readonly place: string;
	/** `main+0x12` */
	readonly symbol: string;
	/** The instruction, in hexadecimal. */
	readonly bytes: string;
	/** What the key calls: a function, `null`, `ret0`; undefined where another object says it. Of a branch, where it jumps. */
	readonly target: string | undefined;
	/** Where the instruction itself goes, if not to the target: the trampoline. */
	readonly via: string | undefined;
	/** Of a branch: how its key is when it jumps. */
	readonly jumps?: "on" | "off";
}

/** In the order of sections and offsets. */
export function objectSites(object: ElfObject): ListedSite[] {
	const sites = callSites(object);
	const functions = indexFunctions(object);
	const defaults = new Map<string, string | undefined>();
	const lines = readLineTable(object);
	const order = Array.from(sites.section.keys()).sort(
		(a, b) => sites.section[a]! - sites.section[b]! || sites.offset[a]! - sites.offset[b]!,
	);
	return order.map((i) => {
		const section = sites.section[i]!;
		const offset = sites.offset[i]!;
		const key = symbolName(object.symbols, sites.symbol[i]!).slice(TRAMPOLINE_PREFIX.length);
		if (!defaults.has(key)) defaults.set(key, defaultOf(object, key));
		return {
			key,
			kind: siteKinds[sites.kind[i]!]!,
			init: sites.init[i] === 1,
			source: lineAt(lines, offset, section),
			place: `${object.sections[section]!.name}+${hex(offset)}`,
			symbol: nameIn(object, functions, section, offset),
			bytes: hexBytes(object.sections[section]!.data.subarray(offset, offset + SITE_BYTES)),
			target: defaults.get(key),
			via: undefined,
		};
	});
}

/** In the order of addresses. */
export function imageSites(image: Image): ListedSite[] {
	const listed = image.sites.map((site): ListedSite & { readonly address: number } => {
		const key = image.keys[site.key]!;
		const bytes = bytesAt(image.elf, site.address, SITE_BYTES)!;
		const now = currentTarget(bytes, site, image.stubs);
		const isDirect = now !== undefined && sameTarget(now, targetAt(key.initial, image.stubs));
		return {
			address: site.address,
			key: key.name,
			kind: site.kind,
			init: site.init,
			source: image.lines.at(site.address),
			place: hex(site.address),
			symbol: image.symbolize(site.address) ?? "",
			bytes: hexBytes(bytes),
			target: targetName(image, targetAt(key.initial, image.stubs)),
			via: isDirect || now === undefined ? undefined : targetName(image, now),
		};
	});
	return listed.sort((a, b) => a.address - b.address).map(({ address: _, ...site }) => site);
}

/** What an object's own key is made with; undefined when it is another object's. */
function defaultOf(object: ElfObject, key: string): string | undefined {
	const { symbols, sections } = object;
	const symbol = symbolByName(object, KEY_PREFIX + key);
	if (symbol === undefined || symbols.section[symbol] === SHN_UNDEF) return undefined;
	const { relocations } = sections[symbols.section[symbol]!]!;
	const i = relocations?.offset.indexOf(symbols.value[symbol]!) ?? -1;
	if (i < 0) return "null";
	const name = symbolName(symbols, relocations!.symbol[i]!);
	return name === RETURN0 ? "ret0" : name;
}

export function nameIn({ symbols }: ElfObject, functions: FunctionIndex, section: number, offset: number): string {
	const symbol = functionAt(functions, section, offset);
	if (symbol === undefined) return "";
	const within = offset - symbols.value[symbol]!;
	return symbolName(symbols, symbol) + (within === 0 ? "" : `+${hex(within)}`);
}

function sameTarget(a: Target, b: Target): boolean {
	return a.kind === b.kind && (a.kind !== "function" || a.address === (b as typeof a).address);
}

function targetName(image: Image, target: Target): string {
	return target.kind === "function" ? placeOf(image, target.address) : target.kind;
}
