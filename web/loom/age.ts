// How old a value of a byte is, in words, by what the site was and becomes. Band, glyph and word say it; colour repeats it.

import { encode } from "../../linker/isa/index.ts";

export type Age = "old" | "new" | "same" | "breakpoint" | "other";

const BREAKPOINT = encode("brk")[0]!;

/** @param was the byte before the update @param becomes the byte after it */
export function ageOf(value: number, was: number, becomes: number): Age {
	if (value === was && value === becomes) return "same";
	if (value === becomes) return "new";
	if (value === was) return "old";
	return value === BREAKPOINT ? "breakpoint" : "other";
}

export const glyphs: Readonly<Record<Age, string>> = { old: "○", new: "●", same: "", breakpoint: "▲", other: "◆" };

export function hexByte(value: number): string {
	return value.toString(16).padStart(2, "0");
}
