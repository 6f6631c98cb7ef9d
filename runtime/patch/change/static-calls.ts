// Static calls of a running system, by name: what they call, and retargeting them (`staticCalls(system).get("pick")`).
// An update from outside drives the machine until it is complete; what its CPUs do meanwhile happens.

import { SHF_ALLOC } from "../../../linker/elf/object.ts";
import { isInit } from "../../../linker/format/static-calls.ts";
import { withInitFreed } from "../../../linker/link/read-image.ts";
import { unmapPages } from "../../machine/memory.ts";
import { flush } from "../../machine/run.ts";
import { carryOut, planQuietly, type Updated } from "../drive/carry-out.ts";
import type { System } from "../system.ts";
import { byDefault, type Change, type Update } from "./change.ts";
import { type DryRun, describeUpdate } from "./dry-run.ts";
import type { Refusal } from "./planned-change.ts";
import { keyNames, query, slotNamed } from "./slots.ts";
import { change, type TargetName } from "./update.ts";

/** Key -> what it shall call. */
export type Targets = Readonly<Record<string, TargetName>>;

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
	const planned = (targets: Targets): Update | Refusal => planQuietly(system, changesFor(system, targets));
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

/** The changes that targets by name mean. @throws LinkError for names that the image does not have */
export function changesFor({ image }: System, targets: Targets): Change[] {
	return Object.entries(targets).map(([name, to]) => change(image, name, to));
}

/** Frees the program's init text: its pages are unmapped and no TLB holds them; what was in it is not known any more. */
export function freeInit(system: System): void {
	const { machine, image } = system;
	for (const section of image.elf.sections) {
		if (isInit(section) && (section.flags & SHF_ALLOC) !== 0 && section.size > 0)
			for (const space of system.spaces) unmapPages(machine, space, section.address, section.size);
	}
	for (const core of machine.cores) flush(machine, core.id);
	system.image = withInitFreed(image, image.name);
}
