// What a machine's relocations do to the sections of an object that is put into a program: one literal for each machine,
// with formulas in the letters of the psABIs. Branches have none here: their forms (sites/arch) say how they are written.

import type { RealArchitecture } from "../../sites/arch/index.ts";

/** What a relocation puts into a section. */
export interface Field {
	/** `low` is what a relocation at the place that its symbol names leaves out (RISC-V). */
	readonly value: "S + A" | "S + A - P" | "Page(S + A) - Page(P)" | "low";
	/** S is a word that holds the symbol's address. */
	readonly slot?: true;
	/** The value does not change with the place that the program is loaded at, though `S + A` does: only low bits of it are
	 * taken, or another relocation subtracts what it adds. */
	readonly anywhere?: true;
	/** The field is a word for a whole address, which the dynamic linker can fill. */
	readonly word?: true;
	/** Inclusive. */
	readonly min: number;
	readonly max: number;
	/** What the value is a multiple of. */
	readonly unit?: number;
	readonly write: (view: DataView, at: number, value: number) => void;
}

/** How objects become part of programs of a machine. */
export interface LinkRules {
	readonly architecture: RealArchitecture;
	/** By type. */
	readonly fields: ReadonlyMap<number, Field>;
	/** Types that ask for nothing. */
	readonly ignored: readonly number[];
	/** Types of relocations that the dynamic linker carries out. */
	readonly dynamic: {
		/** The load address + A, 64 bits. */
		readonly relative: number;
		/** S + A, 64 bits. */
		readonly symbolic: number;
		/** S, 64 bits, in a word that holds an address. */
		readonly slot: number;
		/** The same for a word that calls alone go through. */
		readonly jumpSlot: number;
		/** What the function at A returns. */
		readonly chosen: number;
	};
	/** Bytes of code that goes on at the address in a word. */
	readonly stubSize: number;
	readonly writeStub: (view: DataView, at: number, address: number, slot: number) => void;
	/** Bits of e_flags that have to be equal. */
	readonly flags: number;
}

const anyNumber = { min: Number.MIN_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER };

/** A field without a range: of 64 bits, or of the low bits of an address. */
export function unbounded(
	value: Field["value"],
	write: Field["write"],
	more: Pick<Field, "slot" | "anywhere" | "word" | "unit"> = {},
): Field {
	return { value, ...anyNumber, write, ...more };
}

/** A field of so many bits, signed, or where `most` says so of either kind. */
export function bounded(
	value: Field["value"],
	bits: number,
	write: Field["write"],
	more: Partial<Pick<Field, "slot" | "unit" | "min" | "max">> = {},
): Field {
	return { value, min: -(2 ** (bits - 1)), max: 2 ** (bits - 1) - 1, write, ...more };
}

/** Writes a whole number of 32 bits; so do the others with theirs. */
export const put32 = (view: DataView, at: number, value: number): void => view.setInt32(at, value, true);
export const put16 = (view: DataView, at: number, value: number): void => view.setInt16(at, value, true);
export const put8 = (view: DataView, at: number, value: number): void => view.setInt8(at, value);
