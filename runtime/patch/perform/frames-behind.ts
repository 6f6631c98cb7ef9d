// The memory behind an address of the program. All processes that run it share its text; each has data of its own, and may
// have copies of its own of some pages of text (a probe makes one). What is patched is patched in every one of them.

import { aliasOf, physicalIn } from "../../machine/page-table.ts";
import { PAGE } from "../../machine/state.ts";
import type { System } from "../system.ts";

type Mapped = Pick<System, "machine" | "spaces" | "copies">;

/** The space of physical addresses: what is no process's. */
export const PHYSICAL = -1;

/** Physical addresses, each once; that of space 0 first. @param space one process only */
export function framesBehind({ machine, spaces, copies }: Mapped, address: number, space?: number): number[] {
	if (space === PHYSICAL) return [address];
	if (space !== undefined) return [aliasOf(machine, space, address)];
	const first = aliasOf(machine, 0, address);
	if (spaces.length === 1 && copies.length === 0) return [first];
	const found = new Set([first]);
	for (const each of spaces) {
		const physical = physicalIn(machine, each, address);
		if (physical >= 0) found.add(physical);
	}
	const page = address - (address % PAGE);
	for (const copy of copies)
		if (copy.page === page) for (const frame of [copy.shared, copy.own]) found.add(frame + (address % PAGE));
	return [...found];
}
