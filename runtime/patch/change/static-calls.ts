// Static calls of a running system, by name: what they call, and retargeting them (`staticCalls(system).get("pick")`).
// An update from outside drives the machine until it is complete; what its CPUs do meanwhile happens.

import { SHF_ALLOC } from "../../../linker/elf/object.ts";
import { isInit } from "../../../linker/format/static-calls.ts";
import { withInitFreed } from "../../../linker/link/read-image.ts";
import { carryOut, planQuietly, type Updated } from "../drive/carry-out.ts";
import type { RunEnd } from "../drive/run.ts";
import { planMemory } from "../plan/plan.ts";
import { map, type Phase, sync } from "../plan/protocol.ts";
import type { Span } from "../plan/step.ts";
import type { System } from "../system.ts";
import { byDefault, type Change, type Update } from "./change.ts";
import { type DryRun, describeUpdate } from "./dry-run.ts";
import type { Refusal } from "./planned-change.ts";
import { keyNames, query, slotNamed } from "./slots.ts";
import { change, type TargetName } from "./update.ts";

/** Key -> what it shall call. */
export type Targets = Readonly<Record<string, TargetName>>;

/** One static call of a running program. */
export interface StaticCall {
	readonly name: string;
	/** Name of the function it calls now; null when none. */
	query(): string | null;
	/** @throws LinkError when the image has no such function */
	update(to: TargetName): Updated;
	reset(): Updated;
	plan(to: TargetName): DryRun | Refusal;
}

/** The static calls of a running program, by name. */
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
	const update = (targets: Targets): Updated => carryOut(system, () => planned(targets), { cycles });
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

/** Frees the program's init text: no process maps its pages any more and no TLB holds them; what was in it is not known any more.
 * Drives the machine until that is so. @returns why the run ended before it was; undefined when it is */
export function freeInit(system: System): RunEnd | undefined {
	const { image, machine } = system;
	const sections = image.elf.sections.filter((one) => isInit(one) && (one.flags & SHF_ALLOC) !== 0 && one.size > 0);
	const spans = sections.flatMap(({ address, size }) =>
		system.spaces.map((space): Span => ({ space, address, bytes: size })),
	);
	if (spans.length === 0) return undefined;
	const done = carryOut(system, () => {
		system.image = withInitFreed(image, image.name);
		return { ...planMemory(unmapped, { edits: [], spans }, machine.config.model), label: "free init text" };
	});
	if ("refused" in done) throw new Error(`assert: ${done.refused}`);
	return "ended" in done ? done.ended : undefined;
}

/** How memory leaves that nobody is given afterwards. */
const unmapped: readonly Phase[] = [
	map(""), // a TLB may still have the old rights
	sync("flush"), // from here on nobody executes, reads or writes there
];
