// Static calls of a running system, by name: what they call, and retargeting them (`staticCalls(system).get("pick")`).
// An update from outside drives the machine until it is complete; what its CPUs do meanwhile happens.

import { SHF_ALLOC } from "../../linker/elf/object.ts";
import { disassemble } from "../../linker/isa/disassemble.ts";
import { decode } from "../../linker/isa/index.ts";
import type { Image } from "../../linker/link/image.ts";
import { withInitFreed } from "../../linker/link/read-image.ts";
import { isInit } from "../../linker/sites/call-sites.ts";
import { SITE_BYTES, type SiteKind } from "../../linker/sites/table.ts";
import { unmapPages } from "../machine/memory.ts";
import { flush } from "../machine/run.ts";
import { applyNow, submit } from "./patchers.ts";
import { early } from "./protocols/index.ts";
import { now, type RunEnd, settle } from "./run.ts";
import { keyNames, nameOf, query, slotNamed, slotsOf } from "./slots.ts";
import type { Edit } from "./step.ts";
import type { System } from "./system.ts";
import { byDefault, change, planUpdate, type Refusal, sitesOf, type TargetName, type Update } from "./update.ts";

/** Key -> what it shall call. */
export type Targets = Readonly<Record<string, TargetName>>;

/** What became of an update: complete, with how many sites were changed (a trampoline is one); refused, with nothing
 * changed; or the run ended before it was complete. */
export type Updated = { readonly sites: number } | Refusal | { readonly ended: RunEnd };

/** What an update would do. */
export interface DryRun {
	readonly keys: readonly { readonly name: string; readonly from: string | null; readonly to: string | null }[];
	/** Sorted by address. */
	readonly sites: readonly PlannedSite[];
	readonly stores: number;
	/** Rounds of interrupts. */
	readonly syncs: number;
}

export interface PlannedSite {
	readonly key: string;
	readonly kind: SiteKind | "trampoline";
	readonly address: number;
	/** `main+0x10` */
	readonly place: string;
	readonly old: Uint8Array;
	readonly bytes: Uint8Array;
	/** Both as people read them. */
	readonly was: string;
	readonly becomes: string;
}

export interface StaticCall {
	readonly name: string;
	/** Name of the function it calls now; null when none. */
	query(): string | null;
	/** @throws LinkError when the image has no such function */
	update(to: TargetName): Updated;
	reset(): Updated;
	plan(to: TargetName): DryRun | Refusal;
}

export interface StaticCalls {
	readonly names: readonly string[];
	/** @throws LinkError when the image has no such key */
	get(name: string): StaticCall;
	/** All of them in one transaction, at the syncs of one. @throws LinkError for names that the image does not have */
	update(targets: Targets): Updated;
	plan(targets: Targets): DryRun | Refusal;
}

/** @param cycles that an update waits at most */
export function staticCalls(system: System, cycles?: number): StaticCalls {
	const planned = (targets: Targets): Update | Refusal => planTargets(system, targets);
	const update = (targets: Targets): Updated => carryOut(system, () => planned(targets), cycles);
	const plan = (targets: Targets): DryRun | Refusal => describeUpdate(system, planned(targets));
	const get = (name: string): StaticCall => ({
		name: slotNamed(system.image, name).name,
		query: () => query(system, name),
		update: (to) => update({ [name]: to }),
		reset: () => update({ [name]: byDefault }),
		plan: (to) => plan({ [name]: to }),
	});
	return {
		get names() {
			return keyNames(system.image);
		},
		get,
		update,
		plan,
	};
}

function planTargets(system: System, targets: Targets): Update | Refusal {
	const changes = Object.entries(targets).map(([name, to]) => change(system.image, name, to));
	const quiet = planUpdate(system, changes, early);
	return "refused" in quiet ? planUpdate(system, changes, system.protocol) : quiet;
}

/** Waits until nobody else patches, plans against what is there then, and drives the machine until it is done. */
function carryOut(system: System, planned: () => Update | Refusal, cycles: number | undefined): Updated {
	const before = settle(system, cycles);
	if (before !== undefined) return { ended: before };
	const update = planned();
	if ("refused" in update) return update;
	if (update.transaction?.protocol === early) {
		applyNow(system, update);
		return { sites: update.edits.length };
	}
	const submitted = submit(system, update, now(system));
	if (typeof submitted === "object") return submitted;
	const after = settle(system, cycles);
	return after === undefined ? { sites: update.edits.length } : { ended: after };
}

/** What an update would do, for people and for `--json`. */
export function describeUpdate(system: System, update: Update | Refusal): DryRun | Refusal {
	if ("refused" in update) return update;
	const { image } = system;
	const words = update.transaction?.words ?? [];
	return {
		keys: words.map(({ address, old, bytes }) => ({
			name: slotsOf(image).find((slot) => slot.address === address)!.name,
			from: nameOf(image, unsigned(old)),
			to: nameOf(image, unsigned(bytes)),
		})),
		sites: update.edits.map((edit) => describeEdit(image, edit)),
		stores: update.steps.filter(({ kind }) => kind === "store").length,
		syncs: update.steps.filter(({ kind }) => kind === "interrupt").length,
	};
}

function describeEdit(image: Image, { address, old, bytes }: Edit): PlannedSite {
	const site = image.sites.find((one) => one.address === address);
	const key = site === undefined ? image.keys.find((one) => one.trampoline === address) : image.keys[site.key];
	const text = (code: Uint8Array): string =>
		disassemble(decode(code, 0)!, address, (target) => image.symbolize(target) ?? `0x${target.toString(16)}`);
	return {
		key: key!.name,
		kind: site?.kind ?? "trampoline",
		address,
		place: image.symbolize(address) ?? `0x${address.toString(16)}`,
		old,
		bytes,
		was: text(old),
		becomes: text(bytes),
	};
}

function unsigned(bytes: Uint8Array): number {
	return new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
}

/** Whether any byte of [start, end) belongs to a site that may be patched.
 * @returns the key's name, or undefined */
export function textReserved(system: System, start: number, end: number): string | undefined {
	const overlaps = ({ address }: { address: number }): boolean => address < end && address + SITE_BYTES > start;
	return system.image.keys.find((key) => sitesOf(system.image, key).some(overlaps))?.name;
}

/** Frees the program's init text: its pages are unmapped and no TLB holds them; what was in it is not known any more. */
export function freeInit(system: System): void {
	const { machine, image } = system;
	for (const section of image.elf.sections) {
		if (isInit(section) && (section.flags & SHF_ALLOC) !== 0 && section.size > 0)
			unmapPages(machine, 0, section.address, section.size);
	}
	for (const core of machine.cores) flush(machine, core.id);
	system.image = withInitFreed(image, image.name);
}
