// What each CPU may still see of memory, byte by byte, for people: which values, how old each is, and why an old one is
// still possible. It reads what fetches and loads go by (visibility.ts) and changes nothing.

import { CODE, historyOf } from "./histories.ts";
import { Cpu } from "./layout.ts";
import { physicalIn } from "./page-table.ts";
import { getCpu, type Machine } from "./state.ts";
import { byteOf, possibleValues } from "./visibility.ts";

/** One byte of code as one CPU may see it. */
export interface ByteView {
	/** Virtual. */
	readonly address: number;
	/** Physical address of the unit that is fetched at once with it; undefined where nothing is mapped. */
	readonly unit: number | undefined;
	/** What memory holds. */
	readonly now: number | undefined;
	/** What the CPU may see, oldest first; the last one is what memory holds. */
	readonly values: readonly SeenByte[];
}

/** A value of a byte that a CPU may still see. */
export interface SeenByte {
	readonly value: number;
	/** How often the unit was changed since it held this: 0 is the present. */
	readonly age: number;
	/** What lets the CPU see it: a cache (`floor`), or only the queue of instructions fetched earlier (`hold`). */
	readonly by: "floor" | "hold";
}

/** What a CPU may see when it fetches bytes from a virtual address on. */
export function views(machine: Machine, cpu: number, address: number, bytes: number): ByteView[] {
	const size = Math.max(1, machine.config.model.unit);
	return Array.from({ length: bytes }, (_, i) => {
		const at = address + i;
		const physical = physicalIn(machine, getCpu(machine, cpu, Cpu.space), at);
		if (physical < 0) return { address: at, unit: undefined, now: undefined, values: [] };
		const unit = physical - (physical % size);
		const now = machine.memory[physical]!;
		const history = historyOf(machine, CODE, unit);
		const values: SeenByte[] =
			history === undefined
				? [{ value: now, age: 0, by: "floor" }]
				: possibleValues(machine, history, cpu).map(({ value, age, by }) => ({
						value: byteOf(value, physical - unit),
						age,
						by,
					}));
		return { address: at, unit, now, values };
	});
}
