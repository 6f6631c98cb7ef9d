// What calls are retargeted to: a symbol of the file, one that it gets, or nothing.

import {
	type ElfObject,
	ET_REL,
	SHN_ABS,
	SHN_COMMON,
	SHN_UNDEF,
	STT_FUNC,
	STT_GNU_IFUNC,
	STT_NOTYPE,
} from "../elf/object.ts";
import { isCode, symbolName } from "../elf/symbols.ts";
import { LinkError, suggestion } from "../errors.ts";
import { hex } from "../hex.ts";
import { baseName } from "../sites/wanted.ts";

/** What calls are to go to. */
export type Target =
	| { readonly kind: "null" }
	/** `symbol` may be one behind the file's last, for a name that is added. */
	| { readonly kind: "symbol"; readonly symbol: number };

/** Resolved when the program starts, so a linked file does not know where it goes. */

/** @param added names of symbols that the file gets; what an object does not know is put there */
export function findTarget(object: ElfObject, name: string, added: string[]): Target {
	if (name === "null") return { kind: "null" };
	const { symbols } = object;
	const named: number[] = [];
	for (let i = 1; i < symbols.count; i++) if (baseName(symbolName(symbols, i)) === name) named.push(i);
	const defined = named.filter((i) => symbols.section[i] !== SHN_UNDEF);
	const places = new Set(defined.map((i) => `${symbols.section[i]}+0x${symbols.value[i]!.toString(16)}`));
	if (places.size > 1)
		throw new LinkError(`${object.name}: ${places.size} symbols are called '${name}': which one is not clear`);
	const symbol = defined[0] ?? named[0];
	if (symbol !== undefined && (object.type === ET_REL || defined.length > 0))
		return checkFunction(object, name, symbol);
	if (object.type !== ET_REL) failUndefined(object, name, named.length > 0);
	const known = added.indexOf(name);
	return { kind: "symbol", symbol: symbols.count + (known < 0 ? added.push(name) - 1 : known) };
}

function failUndefined(object: ElfObject, name: string, imported: boolean): never {
	const { symbols } = object;
	if (imported)
		throw new LinkError(
			`${object.name}: '${name}' is not defined in the file but loaded with it; only the object can be retargeted to it`,
		);
	const names = Array.from({ length: symbols.count - 1 }, (_, i) => symbolName(symbols, i + 1));
	throw new LinkError(`${object.name}: has no symbol '${name}'${suggestion(name, names)}`);
}

function checkFunction(object: ElfObject, name: string, symbol: number): Target {
	const { symbols, sections } = object;
	const type = symbols.info[symbol]! & 15;
	const section = symbols.section[symbol]!;
	const isFunction = type === STT_FUNC || type === STT_NOTYPE || type === STT_GNU_IFUNC;
	const isElsewhere = section === SHN_UNDEF || section === SHN_ABS;
	if (!isElsewhere && section !== SHN_COMMON && sections[section] === undefined)
		throw new LinkError(`${object.name}: '${name}' is in section ${hex(section)}, which the file does not have`);
	if (!isFunction || section === SHN_COMMON || (!isElsewhere && !isCode(sections[section]!)))
		throw new LinkError(`${object.name}: '${name}' is data, not a function`);
	if (type === STT_GNU_IFUNC && object.type !== ET_REL)
		throw new LinkError(
			`${object.name}: '${name}' is chosen when the program starts (an ifunc); only the object can be retargeted to it`,
		);
	return { kind: "symbol", symbol };
}
