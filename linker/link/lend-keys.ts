// A trampoline may be exported without its key. Other objects can then call it, and their sites are patched like all
// others, but they cannot update it.

import { SHF_ALLOC, SHN_UNDEF } from "../elf/object.ts";
import { symbolName } from "../elf/symbols.ts";
import { KEY_PREFIX, SITES_SECTION, TRAMPOLINE_PREFIX } from "../sites/index.ts";
import { place } from "../sites/place.ts";
import type { Input } from "./inputs.ts";
import { idOf, nameOf } from "./names.ts";
import { reportAll } from "./report.ts";
import { defineAs, type Globals, isDefined } from "./resolve.ts";

/** Requires: names resolved. After: a key that is missing in call-site tables only, since its object exports nothing but
 * the trampoline, is that object's. */
export function lendKeys(inputs: readonly Input[], globals: Globals): void {
	for (let id = 0; id < globals.names.count; id++) {
		if (isDefined(globals, id)) continue;
		const key = nameOf(globals.names, id);
		if (!key.startsWith(KEY_PREFIX)) continue;
		const name = key.slice(KEY_PREFIX.length);
		const trampoline = idOf(globals.names, TRAMPOLINE_PREFIX + name);
		if (trampoline < 0 || !isDefined(globals, trampoline)) continue;
		const owner = globals.input[trampoline]!;
		const symbol = localNamed(inputs[owner]!, key);
		if (symbol === 0) continue;
		refuseUpdates(inputs, id, name);
		defineAs(globals, id, owner, symbol);
	}
}

/** 0 when there is none. */
function localNamed({ object: { symbols }, firstGlobal }: Input, name: string): number {
	for (let i = 1; i < firstGlobal; i++)
		if (symbols.section[i] !== SHN_UNDEF && symbolName(symbols, i) === name) return i;
	return 0;
}

/** Who mentions the key where it is loaded, other than in a table of sites, wants more than to call. */
function refuseUpdates(inputs: readonly Input[], id: number, name: string): void {
	const uses: string[] = [];
	for (const { object, firstGlobal, ids } of inputs) {
		for (const [index, { relocations, flags, name: section }] of object.sections.entries()) {
			if (section === SITES_SECTION || (flags & SHF_ALLOC) === 0) continue;
			for (let i = 0; i < (relocations?.count ?? 0); i++) {
				const symbol = relocations!.symbol[i]!;
				if (symbol >= firstGlobal && ids[symbol] === id) uses.push(place(object, index, relocations!.offset[i]!));
			}
		}
	}
	reportAll(
		uses,
		(where) => `${where}: static call '${name}' may be called here but not updated: its key is not exported`,
	);
}
