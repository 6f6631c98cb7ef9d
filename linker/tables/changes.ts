// How the instruction at a place of a table is changed while processors run it, in the terms in which protocols are checked:
// what it is and becomes, and whether it crosses the aligned eight bytes that one store replaces.

import { EM_AARCH64, EM_X86_64 } from "../elf/object.ts";
import type { TableFormat } from "./formats.ts";
import type { TableEntry } from "./words.ts";

/** `call`: calls something else, or nothing; `tail`: jumps elsewhere; `conditional`: the same of a conditional jump; `label`: a
 * NOP or a jump; `entry`: a NOP or a call. */
export type ChangeForm = "call" | "tail" | "conditional" | "label" | "entry";
/** Inside an aligned eight bytes, across the boundary between two, or whichever a linker chooses; `word`: a word, which is
 * always fetched and stored as a whole. */
export type ChangePlacement = "aligned" | "straddling" | "either" | "word";

export type Change =
	| {
			readonly kind: "modelled";
			readonly form: ChangeForm;
			readonly placement: ChangePlacement;
			/** Bytes. */
			readonly length: number;
	  }
	/** Nobody runs it then. */
	| { readonly kind: "at boot" }
	/** The models have no such change. */
	| { readonly kind: "not modelled"; readonly why: string }
	| { readonly kind: "never" };

const UNIT = 8;
/** Bytes that instructions of a form have on x86-64: a NOP for a short jump has two, a conditional jump an opcode of two. */
const lengths: Readonly<Record<ChangeForm, readonly number[]>> = {
	call: [5],
	tail: [5],
	conditional: [6],
	label: [2, 5],
	entry: [5],
};

export function changeOf(machine: number, { name, when }: TableFormat, entry: TableEntry): Change {
	if (when === "never") return { kind: "never" };
	if (when === "at boot") return { kind: "at boot" };
	const form = formOf(name, entry);
	if (typeof form !== "string") return { kind: "not modelled", ...form };
	const { length } = entry.instruction;
	if (machine === EM_AARCH64) return { kind: "modelled", form, placement: "word", length };
	if (machine !== EM_X86_64) return { kind: "not modelled", why: "its instructions are not decoded" };
	if (!lengths[form].includes(length)) return { kind: "not modelled", why: lengthText(form, length) };
	const isOpen = entry.crossesIfAligned.includes(UNIT) || entry.isUnplaced;
	const placement = isOpen ? "either" : entry.crosses.includes(UNIT) ? "straddling" : "aligned";
	return { kind: "modelled", form, placement, length };
}

function lengthText(form: ChangeForm, length: number): string {
	const isRow = form === "entry" && length < 5;
	return isRow
		? `a call replaces several NOPs, of which the first has ${length} bytes, and who stands between them runs half of it`
		: `a ${form} of ${length} bytes, not ${lengths[form].join(" or ")}, is changed by nobody`;
}

/** The form, or why there is none. */
function formOf(table: string, { instruction: { kind } }: TableEntry): ChangeForm | { why: string } {
	if (table === "XRay sleds")
		return { why: "a sled is several instructions, which XRay writes behind a jump over them" };
	if (table === "jump labels" && (kind === "NOP" || kind === "jump")) return "label";
	if (table.startsWith("function entries") && (kind === "NOP" || kind === "call")) return "entry";
	if (table.includes("static calls")) {
		if (kind === "call" || kind === "NOP" || kind === "zero") return "call";
		if (kind === "jump" || kind === "return") return "tail";
		if (kind === "conditional jump") return "conditional";
	}
	return { why: `a place of ${table} with: ${kind}` };
}
