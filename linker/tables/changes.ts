// How the instruction at a place of a table is changed while processors run it, in the terms in which protocols are checked:
// what it is and becomes, and whether it crosses the aligned eight bytes that one store replaces.

import { EM_X86_64 } from "../elf/object.ts";
import type { TableFormat } from "./formats.ts";
import type { TableEntry } from "./words.ts";

/** `call`: calls something else, or nothing; `tail`: jumps elsewhere; `label`: a NOP or a jump; `entry`: a NOP or a call. */
export type ChangeForm = "call" | "tail" | "label" | "entry";
/** Inside an aligned eight bytes, across the boundary between two, or whichever a linker chooses. */
export type ChangePlacement = "aligned" | "straddling" | "either";

export type Change =
	| { readonly kind: "modelled"; readonly form: ChangeForm; readonly placement: ChangePlacement }
	/** Nobody runs it then. */
	| { readonly kind: "at boot" }
	/** The models have no such instruction. */
	| { readonly kind: "not modelled"; readonly why: string }
	| { readonly kind: "never" };

/** The length of calls and jumps on the simulated machine, and of the ones of x86-64. */
const MODELLED = 5;
const UNIT = 8;

export function changeOf(machine: number, { name, when }: TableFormat, entry: TableEntry): Change {
	if (when === "never") return { kind: "never" };
	if (when === "at boot") return { kind: "at boot" };
	if (machine !== EM_X86_64) return { kind: "not modelled", why: "the models' instructions are no words" };
	const form = formOf(name, entry);
	if (form === undefined) return { kind: "not modelled", why: "it is no instruction that such tables are about" };
	const { length } = entry.instruction;
	if (length !== MODELLED)
		return { kind: "not modelled", why: `the models have no such instruction of ${length} bytes` };
	const isOpen = entry.crossesIfAligned.includes(UNIT) || entry.isUnplaced;
	const placement = isOpen ? "either" : entry.crosses.includes(UNIT) ? "straddling" : "aligned";
	return { kind: "modelled", form, placement };
}

function formOf(table: string, { instruction: { kind } }: TableEntry): ChangeForm | undefined {
	if (table === "jump labels") return kind === "NOP" || kind === "jump" ? "label" : undefined;
	if (table.startsWith("function entries")) return kind === "NOP" || kind === "call" ? "entry" : undefined;
	if (kind === "call" || kind === "NOP" || kind === "zero") return "call";
	return kind === "jump" || kind === "return" || kind === "conditional jump" ? "tail" : undefined;
}
