// Static calls as parts of an update: which bytes each site of a key gets for a new target, and why a target cannot be.

import { notIn } from "../../../linker/errors.ts";
import { isElementType, serves, signatureText, signatureTypes } from "../../../linker/format/signatures.ts";
import { SITE_BYTES } from "../../../linker/format/static-calls.ts";
import { hex, hexBytes } from "../../../linker/hex.ts";
import { encode, REL_MAX, REL_MIN } from "../../../linker/isa/index.ts";
import type { Image, ImageKey } from "../../../linker/link/image.ts";
import { type Site, targetAt } from "../../../linker/sites/site-bytes.ts";
import { readVirtual } from "../../machine/memory.ts";
import { permits } from "../../machine/page-table.ts";
import { type Edit, same } from "../plan/step.ts";
import type { System } from "../system.ts";
import type { Retarget } from "./change.ts";
import { type PlannedChange, type Refusal, textAt, wordEdit } from "./planned-change.ts";
import { bytesFor, calls, type Route, throughWord } from "./site-forms.ts";
import { type Slot, slotsOf, word } from "./slots.ts";

/** The key's word and its sites; no sites when it calls `to` already. */
export function planRetarget(system: System, { key, to: wanted, route }: Retarget): PlannedChange | Refusal {
	const { image } = system;
	const slot = slotsOf(image).find(({ address }) => address === key);
	if (slot === undefined) return { refused: `no key at ${hex(key)}` };
	const now = word(system, slot.address);
	const to = typeof wanted === "object" ? now : (wanted ?? word(system, slot.address + 4));
	const refused = unfitTarget(system, slot, to);
	if (refused !== undefined) return { refused };
	const value = storedTarget(system, slot, to);
	const part = { name: slot.name, words: [wordEdit(slot.address, now, value)] };
	if (slot.key === undefined || (now === value && route === undefined)) return { ...part, edits: [] };
	const edits: Edit[] = [];
	for (const site of sitesOf(image, slot.key)) {
		const one = planSite(system, slot.key, site, { now, to, route: route ?? "direct" });
		if ("refused" in one) return one;
		edits.push(one);
	}
	return { ...part, edits };
}

function planSite(
	system: System,
	key: ImageKey,
	site: Site,
	{ now, to, route }: { readonly now: number; readonly to: number; readonly route: Route },
): Edit | Refusal {
	const { image } = system;
	const { address } = site;
	const place = `site ${hex(address)} of '${key.name}'`;
	const old = textAt(system, address);
	if (old === undefined) return { refused: `${place} is not in executable memory` };
	if (!calls(image, key, site, old, now))
		return { refused: `${place} does not hold a ${site.kind} to its current target: ${hexBytes(old)}` };
	const bytes = bytesFor(image, key, site, to, route);
	if (bytes !== undefined) return { address, old, bytes };
	const displacement = notIn(to - (address + SITE_BYTES), REL_MIN, REL_MAX);
	return { refused: `${place} reaches neither ${hex(to)} nor its trampoline: ${displacement}` };
}

/** Why a function cannot stand in for the key's default: null where results are used, or another signature. */
function unfitTarget({ image, machine }: System, slot: Slot, to: number): string | undefined {
	const target = targetAt(to, image.stubs);
	if (target.kind === "ret0")
		return slot.signature !== undefined && isElementType(signatureTypes(slot.signature).result)
			? `'${slot.name}' returns a table, and 0 is none`
			: undefined;
	if (target.kind === "null")
		return slot.nullable ? undefined : `'${slot.name}' may not be null: its callers use the result`;
	if (!permits(machine, 0, to, "x")) return `'${slot.name}' cannot call ${hex(to)}: it is not in executable memory`;
	if (image.symbolAt(to) === undefined && readVirtual(machine, 0, to, 1)?.[0] === FREE[0])
		return `'${slot.name}' cannot call ${hex(to)}: nobody's text is there`;
	return unlike(image, slot.name, slot.signature, to);
}

/** Why a function is not called as the callers of `name` do it, as far as both are known. */
export function unlike(image: Image, name: string, wanted: number | undefined, to: number): string | undefined {
	const given = image.signatureOf(to);
	if (wanted === undefined || given === undefined || serves(wanted, given)) return undefined;
	return `'${name}' is called as ${signatureText(wanted)}, but '${image.symbolize(to)}' is ${signatureText(given)}`;
}

/** What executable memory is full of where no code is. */
const FREE = encode("brk");

/** What is patched for a key. The trampoline is patched as a tail site of its own; in inline mode every site of the key
 * besides. */
export function sitesOf(image: Image, key: ImageKey): Site[] {
	const trampoline: Site[] = key.trampoline === 0 ? [] : [{ address: key.trampoline, kind: "tail", condition: 0 }];
	if (image.mode === "pointer") return [];
	if (image.mode === "trampoline") return trampoline;
	return [...trampoline, ...key.sites.map((index) => image.sites[index]!)];
}

/** A word that is jumped through must lead somewhere, so no target is a function that only returns: a pointer, and a key
 * whose trampoline goes through the word because its target is far. The word is stored before the trampoline changes. */
function storedTarget(system: System, { key }: Slot, to: number): number {
	const { stubs, mode } = system.image;
	const jumped = key === undefined || mode === "pointer" || goesThroughWord(system, key);
	return jumped && to === 0 ? stubs.return : to;
}

function goesThroughWord(system: System, key: ImageKey): boolean {
	const now = key.trampoline === 0 ? undefined : textAt(system, key.trampoline);
	return now !== undefined && same(now, throughWord(key));
}
