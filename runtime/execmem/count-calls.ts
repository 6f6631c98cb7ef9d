// How many calls a linked file makes, and how many of them are too far for a call and go through a thunk.

import { type ElfObject, SHF_EXECINSTR, symbolName } from "../../linker/elf/index.ts";
import { R_TOY_CALL28, R_TOY_JUMP28 } from "../../linker/isa/index.ts";

export interface CallCounts {
	readonly calls: number;
	readonly far: number;
	readonly thunks: number;
}

export function countCalls({ sections, symbols }: Pick<ElfObject, "sections" | "symbols">): CallCounts {
	const isThunk = (symbol: number): boolean => symbolName(symbols, symbol).startsWith("__thunk_");
	const counts = { calls: 0, far: 0, thunks: 0 };
	for (let i = 1; i < symbols.count; i++) if (isThunk(i)) counts.thunks++;
	for (const { flags, relocations } of sections) {
		if ((flags & SHF_EXECINSTR) === 0 || relocations === undefined) continue;
		for (let i = 0; i < relocations.count; i++) {
			if (relocations.type[i] !== R_TOY_CALL28 && relocations.type[i] !== R_TOY_JUMP28) continue;
			counts.calls++;
			if (isThunk(relocations.symbol[i]!)) counts.far++;
		}
	}
	return counts;
}
