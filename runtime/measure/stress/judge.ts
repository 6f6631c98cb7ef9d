// What has to be so after every call, whatever it was.

import { hex } from "../../../linker/hex.ts";
import { brokenInvariant } from "../../execmem/invariants.ts";
import { readVirtual } from "../../machine/memory.ts";
import type { Stage } from "./stage.ts";

/** @param deep whether every byte of free memory is looked at @returns what is not as it has to be */
export function judge(stage: Stage, deep: boolean): string | undefined {
	return brokenInvariant(stage.execmem, deep) ?? contentIsThere(stage) ?? strangers(stage);
}

/** What was written is what memory holds, where somebody may look. */
function contentIsThere({ system, slots }: Stage): string | undefined {
	for (const piece of slots) {
		if (piece?.content === undefined || piece.state === "freed" || piece.state === "gone") continue;
		const found = readVirtual(system.machine, 0, piece.address, piece.content.length);
		const wrong = found?.findIndex((byte, i) => byte !== piece.content![i]) ?? -1;
		if (wrong >= 0) return `${hex(piece.address + wrong)} of ${piece.type} does not hold what was written`;
	}
	return undefined;
}

/** A CPU may trap only where it was told to. */
function strangers({ trapped }: Stage): string | undefined {
	return trapped.length === 0 ? undefined : `CPU ${trapped[0]} trapped`;
}
