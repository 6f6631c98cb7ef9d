// All text of a program that may be patched, whoever does it: sites and trampolines of static calls, branches of static
// keys, entries of functions. Known from the image's tables, so what came with a module is in it and what was freed is not.
// An entry is reserved only while it is traced: until then it is a NOP5 like any other.

import { SITE_BYTES, type SiteKind, TRACE_ENTRY } from "../../../linker/format/static-calls.ts";
import type { Image } from "../../../linker/link/image.ts";
import { describeSite } from "../../../linker/sites/site-bytes.ts";
import type { System } from "../system.ts";
import { textAt } from "./planned-change.ts";

/** An instruction that updates change: a site, a trampoline, a label, or the entry of a traced function. */
export interface PatchedText {
	readonly address: number;
	readonly kind: SiteKind | "trampoline" | "label" | "entry";
	/** The key's name, or the function's. */
	readonly key: string;
}

const known = new WeakMap<Image, readonly PatchedText[]>();

/** Sorted by address; five bytes each. */
export function patchedText(image: Image): readonly PatchedText[] {
	let all = known.get(image);
	if (all === undefined) {
		all = [...trampolines(image), ...sites(image), ...labels(image), ...entries(image)];
		all = all.toSorted((a, b) => a.address - b.address);
		known.set(image, all);
	}
	return all;
}

/** How many instructions an update changes. */
export interface Changed {
	/** Calls of static calls, branches of static keys and entries of functions. */
	readonly sites: number;
	/** Jumps of trampolines, which are no sites: nobody wrote a call there. */
	readonly trampolines: number;
}

/** Counts what lies at some addresses, by its kind. */
export function countChanged(image: Image, changed: readonly { readonly address: number }[]): Changed {
	const jumps = new Set(trampolines(image).map(({ address }) => address));
	const inTrampolines = changed.filter(({ address }) => jumps.has(address)).length;
	return { sites: changed.length - inTrampolines, trampolines: inTrampolines };
}

function trampolines({ keys, mode }: Image): PatchedText[] {
	const patched = mode === "pointer" ? [] : keys.filter(({ trampoline }) => trampoline !== 0);
	return patched.map(({ name: key, trampoline: address }) => ({ address, kind: "trampoline", key }));
}

function sites({ keys, sites, mode }: Image): PatchedText[] {
	return (mode === "inline" ? sites : []).map(({ address, kind, key }) => ({ address, kind, key: keys[key]!.name }));
}

function labels({ labels, staticKeys }: Image): PatchedText[] {
	return labels.map(({ address, key }) => ({ address, kind: "label", key: staticKeys[key]!.name }));
}

function entries({ entries, symbolize }: Image): PatchedText[] {
	return entries.map(({ address }) => ({ address, kind: "entry", key: symbolize(address) ?? "" }));
}

/** Who patches any byte of [start, end). @returns a key's name, or a traced function's */
export function textReserved(system: System, start: number, end: number): string | undefined {
	const holds = ({ address, kind }: PatchedText): boolean =>
		address < end && address + SITE_BYTES > start && (kind !== "entry" || isTraced(system, address));
	return patchedText(system.image).find(holds)?.key;
}

/** Whether the function at an entry is traced now. */
export function isTraced(system: System, address: number): boolean {
	const text = textAt(system, address);
	const site = text && describeSite(text, address);
	return site?.form === "call" && site.destination === system.image.symbolNamed(TRACE_ENTRY)?.address;
}
