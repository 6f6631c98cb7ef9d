// Whether anybody is in a stretch of text, or will return to it: what unloading waits for. A look at every CPU's pc and
// at every word between its stack pointer and the end of its stack, as a conservative collector would.

import { SP } from "../../../linker/isa/sets/toy.ts";
import { Cpu, Status } from "../../machine/layout.ts";
import { physicalIn } from "../../machine/page-table.ts";
import { getCpu, type Machine, PAGE } from "../../machine/state.ts";
import { waiting } from "../../machine/store-buffer.ts";
import { loadedWord } from "../../machine/words.ts";

/** A CPU that halted for good returns nowhere. An address that a CPU holds in a register is the program's own care. */
export function isVacant(machine: Machine, address: number, bytes: number): boolean {
	const isInside = (word: number): boolean => word >>> 0 >= address && word >>> 0 < address + bytes;
	return machine.cores.every(
		({ id }) =>
			getCpu(machine, id, Cpu.status) === Status.halted ||
			(!isInside(getCpu(machine, id, Cpu.pc)) &&
				!isInside(getCpu(machine, id, Cpu.probed)) &&
				!someWordOfStack(machine, id, isInside)),
	);
}

/** A stack ends at the first page that is not mapped. */
function someWordOfStack(machine: Machine, cpu: number, holds: (word: number) => boolean): boolean {
	const space = getCpu(machine, cpu, Cpu.space);
	const buffered = waiting(machine, cpu) > 0;
	for (let at = machine.cores[cpu]!.r[SP]! >>> 0; ; ) {
		const physical = physicalIn(machine, space, at);
		if (physical < 0) return false;
		const end = at - (at % PAGE) + PAGE;
		for (let word = (machine.layout.memory + physical) >> 2; at < end; at += 4, word++)
			if (holds(buffered ? loadedWord(machine, cpu, at)! : machine.words[word]!)) return true;
	}
}
