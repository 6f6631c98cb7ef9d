// Before text goes away nothing may call it and nobody may be in it. Keys and pointers are looked at, and every CPU's pc,
// stack and indirect jump under way. While it waits the text's own sites are still known, so updates reach them.

import { SITE_BYTES } from "../../linker/format/static-calls.ts";
import { decode } from "../../linker/isa/decode.ts";
import { Cpu } from "../machine/layout.ts";
import { readVirtual } from "../machine/memory.ts";
import type { Core } from "../machine/state.ts";
import { getCpu } from "../machine/state.ts";
import type { Refusal } from "../patch/change/planned-change.ts";
import { type Slot, slotsOf, word } from "../patch/change/slots.ts";
import { carryOut, planQuietly } from "../patch/drive/carry-out.ts";
import { runWhile, settle } from "../patch/drive/run.ts";
import { isVacant } from "../patch/drive/vacant.ts";
import { isAwaited } from "../patch/record/tracer.ts";
import type { System } from "../patch/system.ts";
import type { Interrupted } from "./modules.ts";

export interface Stretch {
	readonly address: number;
	readonly bytes: number;
}

/** Refused, but not with `reset`. */
export interface StillCalled extends Refusal {
	readonly callers: readonly string[];
}

/** Keys and pointers outside of `own` that call into the text now. */
function callersOf(system: System, text: readonly Stretch[], own: readonly Stretch[]): Slot[] {
	return slotsOf(system.image).filter(
		({ address }) => !isInside(own, address) && isInside(text, word(system, address)),
	);
}

/** Waits until no CPU is in the text, nor can come there: nothing but `own` calls it.
 * @param reset whether what calls it is given its default; refused otherwise */
export function evacuate(
	system: System,
	text: readonly Stretch[],
	own: readonly Stretch[],
	{ reset, cycles }: { readonly reset: boolean; readonly cycles?: number | undefined },
): StillCalled | Refusal | Interrupted | undefined {
	for (;;) {
		const callers = callersOf(system, text, own);
		if (callers.length > 0 && !reset) return stillCalled(callers);
		const changes = callers.map(({ address: key }) => ({ key, to: undefined }));
		const updated = carryOut(system, () => planQuietly(system, changes), { cycles });
		if (!("sites" in updated)) return updated;
		const ended = runWhile(system, () => isOccupied(system, text), cycles) ?? settle(system, cycles);
		if (ended !== undefined) return { ended };
		// Somebody may have made a key call it meanwhile, or have come in.
		if (callersOf(system, text, own).length === 0 && !isOccupied(system, text)) return undefined;
	}
}

function stillCalled(callers: readonly Slot[]): StillCalled {
	return { refused: `'${callers[0]!.name}' calls it`, callers: callers.map(({ name }) => name) };
}

function isOccupied(system: System, text: readonly Stretch[]): boolean {
	const { machine, tracer } = system;
	return (
		text.some(({ address, bytes }) => !isVacant(machine, address, bytes) || isAwaited(tracer, address, bytes)) ||
		machine.cores.some((core) => isInside(text, jumpUnderWay(system, core)))
	);
}

/** Where a CPU is about to jump to by way of a register: a thunk or retpoline has read the pointer already. */
function jumpUnderWay({ machine, image }: System, { id, r }: Core): number {
	const pc = getCpu(machine, id, Cpu.pc) >>> 0;
	const bytes = readVirtual(machine, 0, pc, SITE_BYTES);
	const next = bytes && decode(bytes, 0);
	if (next === undefined) return 0;
	if (next.row.mnemonic === "jmpr" || next.row.mnemonic === "callr") return r[next.a]! >>> 0;
	const thunk = image.symbolNamed(RETPOLINE);
	const comesBy = (at: number): boolean =>
		thunk !== undefined && at >= thunk.address && at < thunk.address + thunk.size;
	return comesBy(pc) || comesBy(pc + next.length + next.imm) ? r[SCRATCH]! >>> 0 : 0;
}

/** What indirect calls go through in programs built with retpolines, and the register that holds their target. */
const RETPOLINE = "__indirect_thunk_r14";
const SCRATCH = 14;

function isInside(stretches: readonly Stretch[], at: number): boolean {
	return stretches.some(({ address, bytes }) => at >= address && at < address + bytes);
}
