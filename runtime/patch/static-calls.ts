// Static calls of a running system, by name: what they call now, and retargeting them.
// An update is a transaction: everything is validated first, and a refused one changes nothing.

import { SHF_ALLOC, STT_FUNC } from "../../linker/elf/object.ts";
import { LinkError, suggestion } from "../../linker/errors.ts";
import type { Image, ImageKey, ImageSite } from "../../linker/link/image.ts";
import { signatureText } from "../../linker/link/signatures.ts";
import {
	currentTarget,
	reaches,
	type Site,
	siteBytes,
	siteDestination,
	type Target,
	targetAt,
} from "../../linker/sites/site-bytes.ts";
import { SITE_BYTES } from "../../linker/sites/table.ts";
import { readVirtual, unmapPages } from "../machine/memory.ts";
import { plan, unfitFor } from "./plan.ts";
import type { Protocol } from "./protocol.ts";
import type { Edit, Plan, Step } from "./step.ts";
import type { System } from "./system.ts";

/** One key and what it shall call: a function's address, 0 for null, undefined for the key's default. */
export interface Change {
	/** Address of the key. */
	readonly key: number;
	readonly to: number | undefined;
}

/** A validated update of one or many keys, ready to run. */
export interface Update extends Plan {
	readonly keys: readonly string[];
}

/** Why an update cannot be done. Nothing was changed. */
export interface Refusal {
	readonly refused: string;
}

/** What a name stands for that can be retargeted: a static-call key, or an FFP pointer (a key without sites). */
interface Slot {
	readonly name: string;
	/** Address of the word that holds the current function; the default is in the word after it. */
	readonly address: number;
	readonly key: ImageKey | undefined;
}

/** Name of the function that each key or pointer calls now; null when none. */
export function query(system: System, name: string): string | null {
	const address = word(system, slotNamed(system.image, name).address);
	const target = targetAt(address, system.image.stubs);
	return target.kind === "null" ? null : (system.image.symbolize(address) ?? `0x${address.toString(16)}`);
}

/** Address of the function that the key at `address` calls now; 0 when none. */
export function queryAt(system: System, address: number): number {
	const now = word(system, address);
	return targetAt(now, system.image.stubs).kind === "null" ? 0 : now;
}

/** The change of a key, by name, to a function by name, to null, or to its default.
 * @throws LinkError when the image has no such key or function */
export function change(image: Image, name: string, to: string | null | { readonly reset: true }): Change {
	const key = slotNamed(image, name).address;
	if (to === null) return { key, to: 0 };
	return { key, to: typeof to === "object" ? undefined : functionNamed(image, to) };
}

/** Checks an update and lays out its steps: all keys change in one batch, at the syncs of one. */
export function planUpdate(system: System, changes: readonly Change[], protocol: Protocol): Update | Refusal {
	const stores: Step[] = [];
	const edits: Edit[] = [];
	const keys: string[] = [];
	for (const { key, to } of changes) {
		const slot = slots(system.image).find((one) => one.address === key);
		if (slot === undefined) return { refused: `no key at 0x${key.toString(16)}` };
		if (keys.includes(slot.name)) return { refused: `'${slot.name}' is changed twice in one update` };
		const part = planKey(system, slot, to ?? word(system, slot.address + 4));
		if ("refused" in part) return part;
		keys.push(slot.name);
		stores.push(...part.stores);
		edits.push(...part.edits);
	}
	const misfit = unfitFor(protocol, edits);
	if (misfit !== undefined)
		return {
			refused: `protocol '${protocol.name}' patches sites inside an aligned 8 bytes; the one at 0x${misfit.address.toString(16)} is not`,
		};
	const code = plan(protocol, edits, system.machine.config.model);
	return { keys, steps: [...stores, ...code.steps], edits: code.edits };
}

/** The store to a key's word and the edits of its sites; neither when it calls `to` already. */
function planKey(
	system: System,
	slot: Slot,
	to: number,
): { readonly stores: Step[]; readonly edits: Edit[] } | Refusal {
	const { image } = system;
	const refused = unfit(image, slot, to);
	if (refused !== undefined) return { refused };
	const value = storedTarget(image, slot, to);
	if (word(system, slot.address) === value) return { stores: [], edits: [] };
	const stores: Step[] = [{ kind: "store", address: slot.address, bytes: wordBytes(value) }];
	if (slot.key === undefined || image.mode === "pointer") return { stores, edits: [] };
	const edits: Edit[] = [];
	for (const site of sitesToPatch(system, slot.key)) {
		const edit = editOf(system, slot, site, to);
		if ("refused" in edit) return edit;
		edits.push(edit);
	}
	return { stores, edits };
}

/** A function that cannot stand in for the key's default: null where results are used, or another signature. */
function unfit(image: Image, slot: Slot, to: number): string | undefined {
	const target = targetAt(to, image.stubs);
	if (slot.key === undefined || target.kind === "ret0") return undefined;
	if (target.kind === "null") {
		return slot.key.nullable ? undefined : `'${slot.name}' may not be null: its callers use the result`;
	}
	const wanted = slot.key.signature;
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

/** The trampoline is patched as a tail site of its own; in inline mode every site of the key besides, but for those in
 * init text that was freed. */
function sitesToPatch(system: System, key: ImageKey): Site[] {
	const { image } = system;
	const trampoline: Site[] = key.trampoline === 0 ? [] : [{ address: key.trampoline, kind: "tail", condition: 0 }];
	if (image.mode === "trampoline") return trampoline;
	const freed = initIsFreed(system);
	const sites = key.sites.map((index): ImageSite => image.sites[index]!);
	return [...trampoline, ...sites.filter((site) => !(site.init && freed))];
}

/** Whether init text has been freed: its page table entries grant nothing. */
export function initIsFreed(system: System): boolean {
	const first = system.image.sites.find((site) => site.init);
	return first !== undefined && readVirtual(system.machine, 0, first.address, 1) === undefined;
}

/** Frees init text: its pages are unmapped, its sites no longer patched and its text no longer reserved. */
export function freeInit(system: System): void {
	const { elf } = system.image;
	for (const section of elf.sections) {
		if (section.name.startsWith(".init") && (section.flags & SHF_ALLOC) !== 0 && section.size > 0)
			unmapPages(system.machine, 0, section.address, section.size);
	}
}

/** Whether any byte of [start, end) belongs to a site that may be patched.
 * @returns the key's name, or undefined */
export function textReserved(system: System, start: number, end: number): string | undefined {
	for (const key of system.image.keys) {
		const hit = sitesToPatch(system, key).some(({ address }) => address < end && address + SITE_BYTES > start);
		if (hit && system.image.mode !== "pointer") return key.name;
	}
	return undefined;
}

function editOf(system: System, slot: Slot, site: Site, to: number): Edit | Refusal {
	const { stubs } = system.image;
	const old = readVirtual(system.machine, 0, site.address, SITE_BYTES);
	const now = targetAt(word(system, slot.address), stubs);
	const found = old && currentTarget(old, site, stubs);
	if (old === undefined || found === undefined || !expected(slot, site, found, now)) {
		return {
			refused: `site 0x${site.address.toString(16)} of '${slot.name}' does not hold a ${site.kind} to its current target: ${hex(old)}`,
		};
	}
	const target = targetAt(to, stubs);
	const destination = siteDestination(site, target, stubs);
	if (destination === undefined || reaches(site.address, destination))
		return { address: site.address, old, bytes: siteBytes(site, target, stubs) };
	return {
		address: site.address,
		old,
		bytes: siteBytes(site, { kind: "function", address: slot.key!.trampoline }, stubs),
	};
}

/** Sites out of reach of the target go through the trampoline. */
function expected(slot: Slot, site: Site, found: Target, now: Target): boolean {
	const address = (target: Target): number => (target.kind === "function" ? target.address : -1);
	if (found.kind === now.kind && address(found) === address(now)) return true;
	return found.kind === "function" && found.address === slot.key!.trampoline && site.address !== slot.key!.trampoline;
}

/** A pointer is always called, so no target is a function that only returns. */
function storedTarget(image: Image, slot: Slot, to: number): number {
	const called = slot.key === undefined || image.mode === "pointer";
	return called && to === 0 ? image.stubs.return : to;
}

const POINTER_PREFIX = "__FFP__";

function slots(image: Image): Slot[] {
	const keys = image.keys.map((key): Slot => ({ name: key.name, address: key.address, key }));
	const pointers = image.symbols
		.filter((symbol) => symbol.name.startsWith(POINTER_PREFIX))
		.map(
			(symbol): Slot => ({ name: symbol.name.slice(POINTER_PREFIX.length), address: symbol.address, key: undefined }),
		);
	return [...keys, ...pointers];
}

function slotNamed(image: Image, name: string): Slot {
	const all = slots(image);
	const slot = all.find((one) => one.name === name);
	if (slot !== undefined) return slot;
	throw new LinkError(
		`${image.name}: no static call '${name}'${suggestion(
			name,
			all.map((one) => one.name),
		)}`,
	);
}

function functionNamed(image: Image, name: string): number {
	const symbol = image.symbolNamed(name);
	if (symbol?.type === STT_FUNC) return symbol.address;
	const names = image.symbols
		.filter((one) => one.type === STT_FUNC && !one.name.startsWith("__"))
		.map((one) => one.name);
	throw new LinkError(`${image.name}: no function '${name}'${suggestion(name, names)}`);
}

/** The names of all that can be retargeted. */
export function keyNames(image: Image): string[] {
	return slots(image).map((slot) => slot.name);
}

function word(system: System, address: number): number {
	const bytes = readVirtual(system.machine, 0, address, 4);
	if (bytes === undefined) throw new Error(`assert: key at 0x${address.toString(16)} is not mapped`);
	return new DataView(bytes.buffer).getUint32(0, true);
}

function wordBytes(value: number): Uint8Array {
	const bytes = new Uint8Array(4);
	new DataView(bytes.buffer).setUint32(0, value, true);
	return bytes;
}

function hex(bytes: Uint8Array | undefined): string {
	return bytes === undefined ? "not mapped" : Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
}
