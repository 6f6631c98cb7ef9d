// The collector: gives an object its call-site table, as objtool does for a kernel object. Pure; the object may come
// from our compiler, our assembler or anybody else's, and linking it with or without the table means the same program.

import {
	type ElfObject,
	type Relocations,
	type Section,
	SHF_ALLOC,
	SHN_UNDEF,
	SHT_PROGBITS,
	STB_LOCAL,
	STT_OBJECT,
	STT_SECTION,
} from "../elf/object.ts";
import { symbolName } from "../elf/symbols.ts";
import { allocateRelocations } from "../elf/tables.ts";
import { LinkError } from "../errors.ts";
import { R_TOY_REL32 } from "../isa/index.ts";
import { callSites, hasPrefix, type SiteTable } from "./call-sites.ts";
import { addSymbols, type NewSymbol, newSection } from "./edit.ts";
import { makePatchable } from "./patchable.ts";
import { place } from "./place.ts";
import { INIT, KEY_PREFIX, SITE_ROW, SITES_SECTION, siteKinds, TAIL, TRAMPOLINE_PREFIX } from "./table.ts";

export interface CollectOptions {
	/** Functions whose plain calls become sites of a key of the function's name. */
	readonly patchable?: readonly string[];
}

/** The object with a `.static_call_sites` section, or without when it has no sites. */
export function collectSites(object: ElfObject, options: CollectOptions = {}): ElfObject {
	if (object.sections.some(({ name }) => name === SITES_SECTION)) {
		throw new LinkError(
			`${object.name}: already has a ${SITES_SECTION} section; collect from the object as it was compiled`,
		);
	}
	const whole = makePatchable(object, options.patchable ?? []);
	const sites = callSites(whole);
	if (sites.count === 0) return whole;
	const declared = declareKeys(whole, sites);
	const keys = keysByTrampoline(declared);
	const bases = sectionSymbols(declared, sites);
	const key = sites.symbol.map((symbol) => bases.moved(keys.get(symbol)!));
	const base = sites.section.map((section) => bases.symbol.get(section)!);
	return { ...bases.object, sections: [...bases.object.sections, sitesSection(sites, base, key)] };
}

/** The object with a symbol for the key of every trampoline it calls. A module that only calls the trampoline of another
 * does not mention the key itself. */
function declareKeys(object: ElfObject, sites: SiteTable): ElfObject {
	const keys = keysByTrampoline(object);
	const missing = [...new Set(sites.symbol)].filter((trampoline) => !keys.has(trampoline));
	const additions = missing.map((trampoline) => keyFor(object, sites, trampoline));
	return addSymbols(object, additions).object;
}

function keyFor(object: ElfObject, sites: SiteTable, trampoline: number): NewSymbol {
	const { symbols } = object;
	const first = sites.symbol.indexOf(trampoline);
	const where = place(object, sites.section[first]!, sites.offset[first]! + 1);
	const name = symbolName(symbols, trampoline);
	const key = KEY_PREFIX + name.slice(TRAMPOLINE_PREFIX.length);
	if (name === TRAMPOLINE_PREFIX)
		throw new LinkError(`${where}: trampoline name '${name}' is malformed: no key name follows`);
	if (symbols.section[trampoline] !== SHN_UNDEF) {
		throw new LinkError(`${where}: calls '${name}', which this object defines without its key '${key}'`);
	}
	return {
		name: key,
		binding: symbols.info[trampoline]! >> 4,
		type: STT_OBJECT,
		section: SHN_UNDEF,
		value: 0,
		size: 0,
	};
}

/** The key's symbol for each trampoline of the same name. */
function keysByTrampoline({ symbols }: ElfObject): Map<number, number> {
	const byName = new Map<string, number>();
	const bare = (symbol: number, prefix: string) => symbolName(symbols, symbol).slice(prefix.length);
	for (let i = 1; i < symbols.count; i++) if (hasPrefix(symbols, i, keyPrefix)) byName.set(bare(i, KEY_PREFIX), i);
	const keys = new Map<number, number>();
	for (let i = 1; i < symbols.count; i++) {
		if (!hasPrefix(symbols, i, trampolinePrefix)) continue;
		const name = bare(i, TRAMPOLINE_PREFIX);
		const key = name === "" ? undefined : byName.get(name);
		if (key !== undefined) keys.set(i, key);
	}
	return keys;
}

const keyPrefix = new TextEncoder().encode(KEY_PREFIX);
const trampolinePrefix = new TextEncoder().encode(TRAMPOLINE_PREFIX);

/** A section symbol for each section that has sites, made where there was none. */
function sectionSymbols(object: ElfObject, sites: SiteTable) {
	const symbol = new Map<number, number>();
	const { symbols } = object;
	for (let i = 1; i < symbols.count; i++) {
		if ((symbols.info[i]! & 15) === STT_SECTION && symbols.section[i] !== SHN_UNDEF) symbol.set(symbols.section[i]!, i);
	}
	const missing = [...new Set(sites.section)].filter((section) => !symbol.has(section));
	const extended = addSymbols(object, missing.map(sectionSymbol));
	for (const [i, section] of missing.entries()) symbol.set(section, extended.added[i]!);
	return { ...extended, symbol };
}

function sectionSymbol(section: number): NewSymbol {
	return { name: "", binding: STB_LOCAL, type: STT_SECTION, section, value: 0, size: 0 };
}

/** @param base per site, the section symbol its address counts from @param key per site, the key's symbol */
function sitesSection(sites: SiteTable, base: Uint32Array, key: Uint32Array): Section {
	const relocations: Relocations = allocateRelocations(sites.count * 2);
	relocations.type.fill(R_TOY_REL32);
	for (let i = 0; i < sites.count; i++) {
		relocations.offset[2 * i] = i * SITE_ROW;
		relocations.symbol[2 * i] = base[i]!;
		relocations.addend[2 * i] = sites.offset[i]!;
		relocations.offset[2 * i + 1] = i * SITE_ROW + 4;
		relocations.symbol[2 * i + 1] = key[i]!;
		relocations.addend[2 * i + 1] = siteFlags(sites, i);
	}
	const data = new Uint8Array(sites.count * SITE_ROW);
	return newSection(SITES_SECTION, {
		type: SHT_PROGBITS,
		flags: SHF_ALLOC,
		align: 4,
		entsize: SITE_ROW,
		data,
		relocations,
	});
}

export function siteFlags(sites: SiteTable, i: number): number {
	return (siteKinds[sites.kind[i]!] === "call" ? 0 : TAIL) | (sites.init[i] === 1 ? INIT : 0);
}
