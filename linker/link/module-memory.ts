// The kinds of memory that a module wants, and its layout in them: one piece of each, wherever an allocator puts it.

import { SHF_WRITE } from "../elf/object.ts";
import { alignUp } from "../elf/words.ts";
import { isInit } from "../format/static-calls.ts";
import { isExecutable, isLoaded, type Output, placeParts } from "./layout.ts";

/** The kinds of memory that a module asks for: what is freed after its start, what becomes read-only then, and the
 * others. */
export type ModuleMemory = "text" | "rodata" | "roAfterInit" | "data" | "initText" | "initData";

/** How much memory of a kind a module takes, in one piece. */
export interface WantedPiece {
	readonly memory: ModuleMemory;
	readonly bytes: number;
	/** A power of two. */
	readonly align: number;
}

/** Where each piece goes. Asked again with larger ones when calls turn out to need thunks there: what it said before does
 * not count then. */
export type PlaceModule = (wanted: readonly WantedPiece[]) => readonly number[];

/** Requires: gathered sections. After: all that are loaded have addresses, those of one kind of memory behind each other. */
export function assignModule(outputs: readonly Output[], place: PlaceModule): void {
	for (const output of outputs) placeParts(output);
	const loaded = outputs.filter((output) => isLoaded(output) && output.size > 0);
	const kinds = [...new Set(loaded.map(memoryOf))];
	const pieces = kinds.map((memory) => loaded.filter((output) => memoryOf(output) === memory));
	const addresses = place(pieces.map((sections, i) => ({ memory: kinds[i]!, ...layBehind(sections, 0) })));
	for (const [i, sections] of pieces.entries()) layBehind(sections, addresses[i]!);
}

/** Gives sections addresses from `start` on. */
function layBehind(sections: readonly Output[], start: number): { readonly bytes: number; readonly align: number } {
	let end = start;
	for (const section of sections) {
		section.address = alignUp(end, section.align);
		end = section.address + section.size;
	}
	return { bytes: end - start, align: Math.max(...sections.map(({ align }) => align)) };
}

/** Which kind of memory a loaded output section of a module goes to. */
export function memoryOf(output: Output): ModuleMemory {
	const init = isInit(output);
	if (isExecutable(output)) return init ? "initText" : "text";
	if (init) return "initData";
	if (output.name.startsWith(RO_AFTER_INIT)) return "roAfterInit";
	return (output.flags & SHF_WRITE) === 0 ? "rodata" : "data";
}

const RO_AFTER_INIT = ".data..ro_after_init";
