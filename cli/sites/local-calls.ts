// Calls that have no relocation, as the assembler resolved them: a kind of their own in every list, and one note in total.
// They are found by decoding, and nobody retargets them.

import { type ElfObject, ET_REL, originOf } from "../../linker/elf/object.ts";
import { type FunctionIndex, functionAt, indexFunctions, symbolName } from "../../linker/elf/symbols.ts";
import { hexAddress, hexBytes } from "../../linker/hex.ts";
import type { RealArchitecture } from "../../linker/sites/arch/index.ts";
import { crossings, knownCrossings, lineSizes } from "../../linker/sites/crossings.ts";
import { codePlace, functionPlace } from "../../linker/sites/place.ts";
import { unrelocatedBranches } from "../../linker/sites/unrelocated.ts";
import { instructionAt } from "../../linker/tables/instruction.ts";
import { plural, table } from "../shell/table.ts";

export interface LocalCall {
	/** Index. */
	readonly section: number;
	/** In the section's bytes. */
	readonly offset: number;
	/** Symbols: of the function around it, or 0, and of what it goes to. */
	readonly holder: number;
	readonly callee: number;
}

/** What is told at the end, of all files. */
export interface LocalCalls {
	count: number;
	files: number;
	/** The first few. */
	readonly places: string[];
}

/** How many are named. */
const FEW = 3;

/** Finds the local calls of an object, which count for the note.
 * @param wanted 1 for each symbol that is asked for; undefined for all functions */
export function findLocalCalls(
	object: ElfObject,
	architecture: RealArchitecture,
	wanted: Uint8Array | undefined,
	all: LocalCalls,
): LocalCall[] {
	const functions = indexFunctions(object);
	const found: LocalCall[] = [];
	for (const { section, offset, target } of unrelocatedBranches(object, architecture, wanted ?? flagsOf(functions))) {
		const origin = originOf(object, object.sections[section]!);
		const holder = functionAt(functions, section, offset + origin) ?? 0;
		const callee = functionAt(functions, section, target + origin) ?? 0;
		// A loop that begins where its function does calls nothing.
		if (wanted === undefined && holder !== 0 && holder === callee) continue;
		found.push({ section, offset, holder, callee });
		if (all.places.length === FEW) continue;
		const within = functionPlace(object, holder, offset + origin);
		all.places.push(`${object.name}: ${codePlace(object, section, offset)}${within === "" ? "" : ` in ${within}`}`);
	}
	all.count += found.length;
	if (found.length > 0) all.files++;
	return found;
}

function flagsOf({ symbols, order }: FunctionIndex): Uint8Array {
	const flags = new Uint8Array(symbols.count);
	for (const symbol of order) flags[symbol] = 1;
	return flags;
}

/** A line that says how many there are, if there are any. */
export function noteLocalCalls({ count, files, places }: LocalCalls, note: (text: string) => void): void {
	if (count === 0) return;
	const where = files === 1 ? "" : ` in ${plural(files, "file")}`;
	const more = count > places.length ? ", ..." : "";
	note(
		`${plural(count, "call")} without relocation${where}, resolved by the assembler: local calls, which cannot be retargeted (${places.join(", ")}${more}); compile with -ffunction-sections or -Wa,-mshared\n`,
	);
}

/** `local call`, `local jump`, `local conditional jump`, or `local branch` where the list knows no more; and the instruction. */
function instructionOf(object: ElfObject, { section, offset }: LocalCall): { kind: string; bytes: Uint8Array } {
	const { data } = object.sections[section]!;
	const { kind, length } = instructionAt(object, section, offset);
	// RISC-V says the length in the lowest bits.
	const size = length > 0 ? length : (data[offset]! & 3) === 3 ? 4 : 2;
	return { kind: `local ${length > 0 ? kind : "branch"}`, bytes: data.subarray(offset, offset + size) };
}

/** A row as the lists have it. */
function describe(object: ElfObject, call: LocalCall) {
	const section = object.sections[call.section]!;
	const value = call.offset + originOf(object, section);
	const { kind, bytes } = instructionOf(object, call);
	const known = knownCrossings(object.type === ET_REL ? section.align : 4096);
	const crossed = crossings(value, bytes.length);
	const sizesOf = (bits: number): number[] => lineSizes.filter((_, i) => ((bits >> i) & 1) === 1);
	const callee = symbolName(object.symbols, call.callee);
	return { section, value, kind, bytes, callee, crosses: sizesOf(crossed & known), open: sizesOf(crossed & ~known) };
}

/** What tables say of them. */
export function localCallRows(object: ElfObject, calls: readonly LocalCall[]) {
	return calls.map((call) => {
		const { section, value, kind, bytes, callee, crosses, open } = describe(object, call);
		return {
			place: object.type === ET_REL ? `${section.name}+${hexAddress(value)}` : hexAddress(value),
			kind,
			bytes: hexBytes(bytes),
			crosses: [...crosses, ...open.map((size) => `${size}?`)].join(",").replaceAll("4096", "page"),
			in: functionPlace(object, call.holder, value),
			callee,
		};
	});
}

/** A table below the list, which names what each calls. */
export function localCallsText(object: ElfObject, calls: readonly LocalCall[]): string {
	if (calls.length === 0) return "";
	const columns = (["place", "kind", "bytes", "crosses", "callee", "in"] as const).map((title) => ({
		title,
		text: (row: ReturnType<typeof localCallRows>[number]) => row[title],
	}));
	const lines = table(columns, localCallRows(object, calls)).map((line) => `  ${line}\n`);
	return `without relocation: ${plural(calls.length, "local call")}\n${lines.join("")}`;
}

/** Objects with the fields of the list's. */
export function localCallsJson(object: ElfObject, calls: readonly LocalCall[]): string[] {
	return calls.map((call) => {
		const { section, value, kind, bytes, callee, crosses, open } = describe(object, call);
		return JSON.stringify({
			file: object.name,
			section: section.name,
			sectionIndex: call.section,
			offset: value,
			in: call.holder === 0 ? "" : symbolName(object.symbols, call.holder),
			within: call.holder === 0 ? 0 : value - object.symbols.value[call.holder]!,
			callee,
			kind,
			bytes: hexBytes(bytes),
			crosses,
			crossesIfAligned: open,
			reachLeft: null,
			init: section.name.startsWith(".init."),
			source: null,
			jumpedIntoFrom: null,
		});
	});
}
