// Undefined symbols. Only those that a relocation uses matter: an import that nothing uses is nobody's mistake.

import { type ElfObject, SHN_UNDEF, STB_WEAK } from "../elf/object.ts";
import { symbolName } from "../elf/symbols.ts";
import { LinkError, suggestion } from "../errors.ts";
import { KEY_PREFIX, TRAMPOLINE_PREFIX } from "../sites/index.ts";
import { place } from "../sites/place.ts";
import type { Input } from "./inputs.ts";
import { idOf, nameOf } from "./names.ts";
import { reportAll } from "./report.ts";
import { type Globals, isDefined } from "./resolve.ts";
import { START, SUPPLIED } from "./synthesise.ts";

/** Requires: everything resolved, supplied objects too. After: every symbol a relocation uses is defined or weak;
 * `absent` are the weak ones. */
export function requireDefined(inputs: readonly Input[], globals: Globals): void {
	const { wanted, absent } = undefinedIds(inputs, globals);
	reportUses(inputs, globals, firstUses(inputs, wanted));
	globals.absent = absent;
}

/** Requires: the same. After: the entry is defined. */
export function requireEntry(inputs: readonly Input[], globals: Globals, entry: string): void {
	const id = idOf(globals.names, entry);
	if (id >= 0 && isDefined(globals, id)) return;
	const owner = inputs.find(({ object }) => hasSymbol(object, entry));
	if (owner !== undefined)
		throw new LinkError(`${owner.object.name}: the entry '${entry}' is a local name: write .global ${entry}`);
	throw new LinkError(
		`${inputs[0]!.object.name}: no object defines the entry '${entry}'${suggestion(entry, definedNames(globals))}`,
	);
}

function hasSymbol({ symbols }: ElfObject, name: string): boolean {
	for (let i = 1; i < symbols.count; i++)
		if (symbols.section[i] !== SHN_UNDEF && symbolName(symbols, i) === name) return true;
	return false;
}

/** What nobody defines: wanted by somebody, or absent from weak mentions only. */
function undefinedIds(inputs: readonly Input[], globals: Globals): { wanted: Set<number>; absent: number[] } {
	const missing: number[] = [];
	for (let id = 0; id < globals.names.count; id++) if (!isDefined(globals, id)) missing.push(id);
	const wanted = new Set<number>();
	if (missing.length === 0) return { wanted, absent: missing };
	for (const { object, firstGlobal, ids } of inputs) {
		for (let i = firstGlobal; i < object.symbols.count; i++) {
			if (!isDefined(globals, ids[i]!) && object.symbols.info[i]! >> 4 !== STB_WEAK) wanted.add(ids[i]!);
		}
	}
	return { wanted, absent: missing.filter((id) => !wanted.has(id)) };
}

/** Where each of the symbols is used first; those that are not used are left out. */
function firstUses(inputs: readonly Input[], wanted: ReadonlySet<number>): Map<number, string> {
	const uses = new Map<number, string>();
	if (wanted.size === 0) return uses;
	for (const { object, firstGlobal, ids } of inputs) {
		for (const [index, { relocations }] of object.sections.entries()) {
			for (let i = 0; i < (relocations?.count ?? 0); i++) {
				const symbol = relocations!.symbol[i]!;
				if (symbol < firstGlobal) continue;
				const id = ids[symbol]!;
				if (wanted.has(id) && !uses.has(id)) uses.set(id, place(object, index, relocations!.offset[i]!));
			}
		}
	}
	return uses;
}

/** A key and its trampoline are one missing thing, reported where it is called. */
function reportUses(inputs: readonly Input[], globals: Globals, uses: ReadonlyMap<number, string>): void {
	const missing = new Map<string, { name: string; where: string }>();
	for (const [id, where] of uses) {
		const name = nameOf(globals.names, id);
		const thing = describe(name);
		if (!missing.has(thing)) missing.set(thing, { name, where });
	}
	const names = missing.size === 0 ? [] : definedNames(globals);
	reportAll([...missing], ([thing, { name, where }]) => {
		const isMain = name === "main" && where.startsWith(SUPPLIED);
		const help = isMain ? `: ${START} calls it; export one or name another entry` : "";
		return `${where}: ${thing} is not defined${hint(inputs, names, name)}${help}`;
	});
}

function hint(inputs: readonly Input[], names: readonly string[], name: string): string {
	const owner = inputs.find((input) => hasLocal(input, name));
	if (owner !== undefined) return ` (${owner.object.name} has one, but does not export it)`;
	const call = staticCallOf(name);
	return call === undefined
		? suggestion(name, names)
		: suggestion(
				call,
				names.flatMap((each) => staticCallOf(each) ?? []),
			);
}

function hasLocal({ object: { symbols }, firstGlobal }: Input, name: string): boolean {
	for (let i = 1; i < firstGlobal; i++)
		if (symbols.section[i] !== SHN_UNDEF && symbolName(symbols, i) === name) return true;
	return false;
}

function describe(name: string): string {
	const call = staticCallOf(name);
	return call === undefined ? `'${name}'` : `static call '${call}'`;
}

/** The bare name when this is the symbol of a key or trampoline. */
function staticCallOf(name: string): string | undefined {
	const prefix = [KEY_PREFIX, TRAMPOLINE_PREFIX].find((each) => name.startsWith(each));
	return prefix && name.slice(prefix.length);
}

function definedNames(globals: Globals): string[] {
	const names: string[] = [];
	for (let id = 0; id < globals.names.count; id++) if (isDefined(globals, id)) names.push(nameOf(globals.names, id));
	return names;
}
