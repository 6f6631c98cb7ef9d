// What must always hold, judged at each move, and what must sometimes happen.

import { Patcher } from "../machine/layout.ts";
import { writableAndExecutable } from "../machine/write-xor-execute.ts";
import { getPatcher, type System } from "../patch/system.ts";

/** What `check` proves of every execution, by name. */
export const properties = {
	torn: "no CPU executes an instruction at a site that nobody put there",
	target: "every call reaches the old or the new target, with the right return address and stack",
	breakpoint: "every breakpoint that a patcher placed is served",
	stale: "after the update returned nobody starts the old target",
	"w^x": "no page is writable and executable in any view a CPU may hold",
	fault: "no CPU traps",
	freed: "nobody executes text that is freed or not written yet",
	never: "no CPU comes to a place that the scenario rules out",
	finish: "the update finishes",
} as const;
/** The name of a property that must always hold. */
export type Property = keyof typeof properties;
export const propertyNames = Object.keys(properties) as Property[];

/** What a run must show at least once, against vacuous success. */
export const occurrences = {
	new: "the new target is reached",
	old: "the old target is reached",
	trap: "the breakpoint is met",
} as const;
/** The name of something that a scenario may require to be possible. */
export type Occurrence = keyof typeof occurrences;

/** Judged after a patcher's step that changed page tables. */
export function judgeMappings(system: System): Property | undefined {
	return writableAndExecutable(system.machine) === undefined ? undefined : "w^x";
}

/** Tells whether an address is in text that is nobody's now: before it is first `live`, and after it is `free`. How far
 * the plans are says which; there is no other record of it. */
export function freedText(system: System): (address: number) => boolean {
	const marks = system.plans.flatMap(({ steps }, patcher) =>
		steps.flatMap((step, index) =>
			step.kind === "live" || step.kind === "free"
				? [{ patcher, index, live: step.kind === "live", from: step.address, to: step.address + step.bytes }]
				: [],
		),
	);
	return (address) => {
		const own = marks.filter(({ from, to }) => address >= from && address < to);
		const passed = own.filter(({ patcher, index }) => getPatcher(system.machine, patcher, Patcher.at) > index);
		return own.length > 0 && (passed.at(-1)?.live ?? !own[0]!.live) === false;
	};
}
