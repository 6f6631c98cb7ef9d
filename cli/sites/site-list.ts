// The call sites of an object or an image as rows of text: what `patchbay sites` prints.

import { type ElfObject, sectionOfSymbol, symbolByName, symbolName } from "../../linker/elf/index.ts";
import { isInit } from "../../linker/format/static-calls.ts";
import { placeOf } from "../../linker/link/image.ts";
import { bytesAt, type Image } from "../../linker/link/index.ts";
import { calleeOf } from "../../linker/sites/branches.ts";
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
import { type DescribedPlace, type DescribePlace, describeAddress } from "./describe-places.ts";

export interface ListedSite extends DescribedPlace {
	readonly key: string;
	/** `label`: a branch of a static key. */
	readonly kind: SiteKind | "label";
	/** In text that is freed after the start. */
	readonly init: boolean;
	/** What the key calls: a function, `null`, `ret0`; undefined where another object says it. Of a branch, where it jumps. */
	readonly target: string | undefined;
	/** Where the instruction itself goes, if not to the target: the trampoline. */
	readonly via: string | undefined;
	/** How the key of a branch is when it jumps. */
	readonly jumps?: "on" | "off";
}

/** The call sites of an object, in the order of sections and offsets. */
export function objectSites(object: ElfObject, describe: DescribePlace): ListedSite[] {
	const { architecture, table, rows } = callSites(object);
	const defaults = new Map<string, string | undefined>();
	return Array.from(rows, (row): ListedSite => {
		const section = table.section[row]!;
		const { kind, length } = architecture.branches[table.branch[row]!]!;
		const key = symbolName(object.symbols, calleeOf(table, row).symbol).slice(TRAMPOLINE_PREFIX.length);
		if (!defaults.has(key)) defaults.set(key, defaultOf(object, key));
		return {
			key,
			kind: siteKinds[kind]!,
			init: isInit(object.sections[section]!),
			...describe(section, table.offset[row]!, length),
			target: defaults.get(key),
			via: undefined,
		};
	});
}

/** The call sites of an image, in the order of addresses. */
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
			...describeAddress(image, site.address, SITE_BYTES),
			target: targetName(image, targetAt(key.initial, image.stubs)),
			via: isDirect || now === undefined ? undefined : targetName(image, now),
		};
	});
	return listed.sort((a, b) => a.address - b.address).map(({ address: _, ...site }) => site);
}

/** What an object's own key is made with; undefined when it is another object's. */
function defaultOf(object: ElfObject, key: string): string | undefined {
	const { symbols } = object;
	const symbol = symbolByName(object, KEY_PREFIX + key);
	const section = symbol === undefined ? undefined : sectionOfSymbol(object, symbol);
	if (symbol === undefined || section === undefined) return undefined;
	const { relocations } = section;
	const i = relocations?.offset.indexOf(symbols.value[symbol]!) ?? -1;
	if (i < 0) return "null";
	const name = symbolName(symbols, relocations!.symbol[i]!);
	return name === RETURN0 ? "ret0" : name;
}

function sameTarget(a: Target, b: Target): boolean {
	return a.kind === b.kind && (a.kind !== "function" || a.address === (b as typeof a).address);
}

function targetName(image: Image, target: Target): string {
	return target.kind === "function" ? placeOf(image, target.address) : target.kind;
}
