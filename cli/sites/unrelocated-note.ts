// What a list cannot have: calls that the assembler resolved itself. They are counted, so that nobody takes the list for all.

import { type ElfObject, originOf } from "../../linker/elf/object.ts";
import { type FunctionIndex, functionAt, indexFunctions } from "../../linker/elf/symbols.ts";
import type { RealArchitecture } from "../../linker/sites/arch/index.ts";
import { codePlace, functionPlace } from "../../linker/sites/place.ts";
import { unrelocatedBranches } from "../../linker/sites/unrelocated.ts";
import { plural } from "../shell/table.ts";

/** How many are named. */
const FEW = 3;

/** @param wanted 1 for each symbol that is asked for; undefined for all functions */
export function noteUnrelocated(
	object: ElfObject,
	architecture: RealArchitecture,
	wanted: Uint8Array | undefined,
	note: (text: string) => void,
): void {
	const functions = indexFunctions(object);
	const holderOf = (section: number, value: number): number => functionAt(functions, section, value) ?? 0;
	const places: string[] = [];
	let count = 0;
	for (const { section, offset, target } of unrelocatedBranches(object, architecture, wanted ?? flagsOf(functions))) {
		const origin = originOf(object, object.sections[section]!);
		const holder = holderOf(section, offset + origin);
		// A loop that begins where its function does calls nothing.
		if (wanted === undefined && holder !== 0 && holder === holderOf(section, target + origin)) continue;
		const within = functionPlace(object, holder, offset + origin);
		if (count < FEW) places.push(`${codePlace(object, section, offset)}${within === "" ? "" : ` in ${within}`}`);
		count++;
	}
	if (count === 0) return;
	const more = count > FEW ? ", ..." : "";
	note(
		`${object.name}: ${plural(count, "call")} without relocation, resolved by the assembler, not listed (${places.join(", ")}${more}); compile with -ffunction-sections or -Wa,-mshared\n`,
	);
}

function flagsOf({ symbols, order }: FunctionIndex): Uint8Array {
	const flags = new Uint8Array(symbols.count);
	for (const symbol of order) flags[symbol] = 1;
	return flags;
}
