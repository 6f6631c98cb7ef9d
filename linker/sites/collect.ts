// The collector: gives an object its call-site table, as objtool does for a kernel object. Pure; the object may come
// from our compiler, our assembler or anybody else's, and linking it with or without the table means the same program.

import { addSymbols, type NewSymbol, newSection } from "../elf/edit.ts";
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
import { hasPrefix, symbolName } from "../elf/symbols.ts";
import { allocateRelocations } from "../elf/tables.ts";
import { LinkError } from "../errors.ts";
import {
	INIT,
	KEY_PREFIX,
	SITE_ROW,
	SITES_SECTION,
	siteKinds,
	TAIL,
	TRAMPOLINE_PREFIX,
} from "../format/static-calls.ts";
import { R_TOY_REL32 } from "../isa/index.ts";
import { callSites, type SiteTable } from "./call-sites.ts";
import { makePatchable } from "./patchable.ts";
import { place } from "./place.ts";

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
	const { object: extended, base, key } = withSymbols(whole, sites);
	return { ...extended, sections: [...extended.sections, sitesSection(sites, base, key)] };
}

/** What the rows of the table refer to: per section its section symbol, per trampoline the symbol of its key. The object
 * gets those that it has not; a module that only calls the trampoline of another does not mention the key itself. */
function withSymbols(object: ElfObject, sites: SiteTable): { object: ElfObject; base: Uint32Array; key: Uint32Array } {
	const base = sectionSymbols(object);
	const key = keysByTrampoline(object);
	const sections = [...new Set(sites.section)].filter((section) => base[section] === 0);
	const trampolines = [...new Set(sites.symbol)].filter((trampoline) => key[trampoline] === 0);
	const additions = [
		...sections.map(sectionSymbol),
		...trampolines.map((trampoline) => keyFor(object, sites, trampoline)),
	];
	const { object: extended, added, moved } = addSymbols(object, additions);
	const keys = key.map(moved);
	for (const [i, section] of sections.entries()) base[section] = added[i]!;
	for (const [i, trampoline] of trampolines.entries()) keys[trampoline] = added[sections.length + i]!;
	return { object: extended, base, key: keys };
}

/** Per section its section symbol, or 0. */
function sectionSymbols({ symbols, sections }: ElfObject): Uint32Array {
	const base = new Uint32Array(sections.length);
	for (let i = 1; i < symbols.count; i++) {
		const section = symbols.section[i]!;
		if ((symbols.info[i]! & 15) === STT_SECTION && section < base.length) base[section] = i;
	}
	return base;
}

/** Per trampoline the symbol of the key of the same name, or 0. */
function keysByTrampoline({ symbols }: ElfObject): Uint32Array {
	const byName = new Map<string, number>();
	const bare = (symbol: number, prefix: string) => symbolName(symbols, symbol).slice(prefix.length);
	for (let i = 1; i < symbols.count; i++) if (hasPrefix(symbols, i, keyPrefix)) byName.set(bare(i, KEY_PREFIX), i);
	const keys = new Uint32Array(symbols.count);
	byName.delete("");
	if (byName.size === 0) return keys;
	for (let i = 1; i < symbols.count; i++) {
		if (hasPrefix(symbols, i, trampolinePrefix)) keys[i] = byName.get(bare(i, TRAMPOLINE_PREFIX)) ?? 0;
	}
	return keys;
}

const keyPrefix = new TextEncoder().encode(KEY_PREFIX);
const trampolinePrefix = new TextEncoder().encode(TRAMPOLINE_PREFIX);

function keyFor(object: ElfObject, sites: SiteTable, trampoline: number): NewSymbol {
	const { symbols } = object;
	const name = symbolName(symbols, trampoline);
	const key = KEY_PREFIX + name.slice(TRAMPOLINE_PREFIX.length);
	if (name === TRAMPOLINE_PREFIX || symbols.section[trampoline] !== SHN_UNDEF)
		refuseKey(object, sites, trampoline, key);
	const binding = symbols.info[trampoline]! >> 4;
	return { name: key, binding, type: STT_OBJECT, section: SHN_UNDEF, value: 0, size: 0 };
}

function refuseKey(object: ElfObject, sites: SiteTable, trampoline: number, key: string): never {
	const first = sites.symbol.indexOf(trampoline);
	const where = place(object, sites.section[first]!, sites.offset[first]! + 1);
	const name = symbolName(object.symbols, trampoline);
	if (name === TRAMPOLINE_PREFIX)
		throw new LinkError(`${where}: trampoline name '${name}' is malformed: no key name follows`);
	throw new LinkError(`${where}: calls '${name}', which this object defines without its key '${key}'`);
}

function sectionSymbol(section: number): NewSymbol {
	return { name: "", binding: STB_LOCAL, type: STT_SECTION, section, value: 0, size: 0 };
}

/** @param base per section, the symbol that addresses count from @param key per trampoline, the key's symbol */
function sitesSection(sites: SiteTable, base: Uint32Array, key: Uint32Array): Section {
	const relocations: Relocations = allocateRelocations(sites.count * 2);
	relocations.type.fill(R_TOY_REL32);
	for (let i = 0; i < sites.count; i++) {
		relocations.offset[2 * i] = i * SITE_ROW;
		relocations.symbol[2 * i] = base[sites.section[i]!]!;
		relocations.addend[2 * i] = sites.offset[i]!;
		relocations.offset[2 * i + 1] = i * SITE_ROW + 4;
		relocations.symbol[2 * i + 1] = key[sites.symbol[i]!]!;
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
