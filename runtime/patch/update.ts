// An update of static calls is a transaction: everything is validated first, and a refused one changes nothing. What is
// left is a plan, in which all keys and all sites change in one batch, at the syncs of one.

import { notIn } from "../../linker/errors.ts";
import { REL_MAX, REL_MIN } from "../../linker/isa/index.ts";
import type { Image, ImageKey } from "../../linker/link/image.ts";
import { signatureText } from "../../linker/link/signatures.ts";
import { type Site, targetAt } from "../../linker/sites/site-bytes.ts";
import { SITE_BYTES } from "../../linker/sites/table.ts";
import { Cpu, Status } from "../machine/layout.ts";
import { aliasOf, isText, permits, readVirtual } from "../machine/memory.ts";
import { getCounter, getCpu } from "../machine/state.ts";
import { plan, unfitFor } from "./plan.ts";
import type { Protocol } from "./protocol.ts";
import { bytesFor, calls, type Route } from "./site-forms.ts";
import { functionNamed, type Slot, slotNamed, slotsOf, word } from "./slots.ts";
import type { Edit, Plan } from "./step.ts";
import type { System } from "./system.ts";

/** One key and what it shall call: a function's address, 0 for null, undefined for the key's default. */
export interface Change {
	/** Address of the key. */
	readonly key: number;
	readonly to: number | undefined | typeof asIs;
	/** How its sites shall call it; when this is not said, a key that calls `to` already is left alone. */
	readonly route?: Route;
}

/** A target by name, null, or one of these two. */
export type TargetName = string | null | typeof byDefault | typeof asIs;
/** What the key calls when nobody updated it. */
export const byDefault = { reset: true } as const;
/** What the key calls now. */
export const asIs = { keep: true } as const;

/** A validated update of one or many keys, ready to run. */
export interface Update extends Plan {
	readonly keys: readonly string[];
}

/** Why an update cannot be done. Nothing was changed. */
export interface Refusal {
	readonly refused: string;
}

/** The change of a key, by name. @throws LinkError when the image has no such key or function */
export function change(image: Image, name: string, to: TargetName, route?: Route): Change {
	const key = slotNamed(image, name).address;
	return { key, to: meaning(image, to), ...(route && { route }) };
}

function meaning(image: Image, to: TargetName): Change["to"] {
	if (to === null) return 0;
	if (typeof to === "string") return functionNamed(image, to);
	return "keep" in to ? asIs : undefined;
}

/** Checks an update and lays out its steps. @param cpu who asks; undefined: somebody outside */
export function planUpdate(
	system: System,
	changes: readonly Change[],
	protocol: Protocol,
	cpu?: number,
): Update | Refusal {
	const words: Edit[] = [];
	const edits: Edit[] = [];
	const keys: string[] = [];
	for (const one of changes) {
		const slot = slotsOf(system.image).find(({ address }) => address === one.key);
		if (slot === undefined) return { refused: `no key at ${hex(one.key)}` };
		if (keys.includes(slot.name)) return { refused: `'${slot.name}' is changed twice in one update` };
		const part = planKey(system, slot, one);
		if ("refused" in part) return part;
		keys.push(slot.name);
		words.push(part.word);
		edits.push(...part.edits);
	}
	const misfit = unfitProtocol(system, protocol, edits, cpu);
	if (misfit !== undefined) return { refused: misfit };
	return { ...plan(protocol, edits, system.machine.config.model, words), keys };
}

/** The key's word and its sites, as they are and as they shall be; no sites when it calls `to` already. */
function planKey(
	system: System,
	slot: Slot,
	{ to: wanted, route }: Change,
): { readonly word: Edit; readonly edits: Edit[] } | Refusal {
	const { image } = system;
	const now = word(system, slot.address);
	const to = typeof wanted === "object" ? now : (wanted ?? word(system, slot.address + 4));
	const refused = unfitTarget(system, slot, to);
	if (refused !== undefined) return { refused };
	const value = storedTarget(image, slot, to);
	const edit = { address: slot.address, old: wordBytes(now), bytes: wordBytes(value) };
	if (slot.key === undefined || (now === value && route === undefined)) return { word: edit, edits: [] };
	const edits: Edit[] = [];
	for (const site of sitesOf(image, slot.key)) {
		const one = planSite(system, slot.key, site, { now, to, route: route ?? "direct" });
		if ("refused" in one) return one;
		edits.push(one);
	}
	return { word: edit, edits };
}

function planSite(
	system: System,
	key: ImageKey,
	site: Site,
	{ now, to, route }: { readonly now: number; readonly to: number; readonly route: Route },
): Edit | Refusal {
	const { image, machine } = system;
	const { address } = site;
	const place = `site ${hex(address)} of '${key.name}'`;
	const old = readVirtual(machine, 0, address, SITE_BYTES);
	if (old === undefined || !permits(machine, 0, address, "x") || !permits(machine, 0, address + SITE_BYTES - 1, "x"))
		return { refused: `${place} is not in executable memory` };
	if (!calls(image, machine, key, site, old, now))
		return { refused: `${place} does not hold a ${site.kind} to its current target: ${hexBytes(old)}` };
	const bytes = bytesFor(image, machine, key, site, to, route);
	if (bytes !== undefined) return { address, old, bytes };
	const displacement = notIn(to - (address + SITE_BYTES), REL_MIN, REL_MAX);
	return { refused: `${place} reaches neither ${hex(to)} nor its trampoline: ${displacement}` };
}

/** Why a function cannot stand in for the key's default: null where results are used, or another signature. */
function unfitTarget({ image, machine }: System, slot: Slot, to: number): string | undefined {
	const target = targetAt(to, image.stubs);
	if (target.kind === "ret0") return undefined;
	if (target.kind === "null")
		return slot.nullable ? undefined : `'${slot.name}' may not be null: its callers use the result`;
	if (!permits(machine, 0, to, "x")) return `'${slot.name}' cannot call ${hex(to)}: it is not in executable memory`;
	const wanted = slot.signature;
	const given = image.signatureOf(to);
	if (wanted === undefined || given === undefined || sameCallers(wanted, given)) return undefined;
	return `'${slot.name}' is called as ${signatureText(wanted)}, but '${image.symbolize(to)}' is ${signatureText(given)}`;
}

/** Parameter count, their signs and the result agree; a caller that uses no result takes any. */
function sameCallers(wanted: number, given: number): boolean {
	const parameters = 0xffff;
	if ((wanted & parameters) !== (given & parameters)) return false;
	const result = (wanted >> 16) & 0xff;
	return result === 0 || result === ((given >> 16) & 0xff);
}

/** Why these sites cannot be patched by this protocol now. */
function unfitProtocol(
	system: System,
	protocol: Protocol,
	edits: readonly Edit[],
	cpu: number | undefined,
): string | undefined {
	const misfit = unfitFor(protocol, edits);
	if (misfit !== undefined)
		return `protocol '${protocol.name}' patches sites inside an aligned 8 bytes, and the one at ${hex(misfit.address)} is not: build with --align-sites`;
	const runner = protocol.requires === "quiet" ? disturber(system, edits, cpu) : undefined;
	return runner === undefined
		? undefined
		: `protocol '${protocol.name}' patches text that nobody runs, and CPU ${runner} does`;
}

/** A CPU that may have fetched the bytes: none when the text was never executable. */
function disturber({ machine }: System, edits: readonly Edit[], cpu: number | undefined): number | undefined {
	const text = edits.some(({ address }) => isText(machine, aliasOf(machine, 0, address)));
	const began = ({ id }: { id: number }): boolean => getCounter(machine, id, Cpu.instructions) > 0;
	const runs = (id: number): boolean => id !== cpu && getCpu(machine, id, Cpu.status) !== Status.halted;
	return text ? machine.cores.find((core) => runs(core.id) && began(core))?.id : undefined;
}

/** What is patched for a key. The trampoline is patched as a tail site of its own; in inline mode every site of the key
 * besides. */
export function sitesOf(image: Image, key: ImageKey): Site[] {
	const trampoline: Site[] = key.trampoline === 0 ? [] : [{ address: key.trampoline, kind: "tail", condition: 0 }];
	if (image.mode === "pointer") return [];
	if (image.mode === "trampoline") return trampoline;
	return [...trampoline, ...key.sites.map((index) => image.sites[index]!)];
}

/** A pointer is always called, so no target is a function that only returns. */
function storedTarget(image: Image, slot: Slot, to: number): number {
	const called = slot.key === undefined || image.mode === "pointer";
	return called && to === 0 ? image.stubs.return : to;
}

function wordBytes(value: number): Uint8Array {
	const bytes = new Uint8Array(4);
	new DataView(bytes.buffer).setUint32(0, value, true);
	return bytes;
}

function hex(value: number): string {
	return `0x${value.toString(16)}`;
}

function hexBytes(bytes: Uint8Array): string {
	return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
}
