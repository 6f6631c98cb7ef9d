// Executable memory for a program as it was loaded: around its text, and in no area in which something is mapped already.

import { mappings } from "../machine/page-table.ts";
import { PAGE } from "../machine/state.ts";
import type { System } from "../patch/system.ts";
import { AREA, reachOf } from "./memory-types.ts";
import { createExecmem, type Execmem, type ExecmemOptions } from "./pieces.ts";

/** Below the stacks. */
const ANYWHERE = { start: AREA, end: 0x6000_0000 };
/** Behind the program, for pages that are put beside it (`[probes]`). */
const ROOM = 16 * PAGE;

/** @param options other ranges and methods than the usual */
export function openExecmem(system: System, options: Partial<ExecmemOptions> = {}): Execmem {
	const { segments } = system.image;
	const [first, last] = [segments[0]!, segments.at(-1)!];
	const reserved = mappings(system.machine).map(({ address }) => ({ start: address, end: address + PAGE }));
	const end = last.address + last.memorySize;
	const reach = reachOf({ start: first.address, end });
	const near = { start: Math.min(reach.start, ANYWHERE.end), end: Math.min(reach.end, ANYWHERE.end) };
	return createExecmem(system, {
		near,
		anywhere: ANYWHERE,
		reserved: [...reserved, { start: end, end: end + ROOM }],
		...options,
	});
}
