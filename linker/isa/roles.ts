// What instructions do with their register fields, read off their rows.

import { formats } from "./instruction-set.ts";
import { rowOf } from "./lookup.ts";

/** Instructions whose first operand is read, not written. */
const readFirst = new Set(["st", "stb", "stx", "cmp", "cmpi", "bound", "push", "callr", "jmpr", "clean", "inval"]);

type Field = "a" | "b" | "c";
export interface Roles {
	readonly defines: boolean;
	readonly uses: readonly Field[];
	/** Nothing but its result matters, so it can go when nobody reads that. */
	readonly pure: boolean;
	/** Traps on some operands: the result has no 32 bits, or an index or divisor is no good. */
	readonly checks: boolean;
}

const known = new Map<string, Roles>();

/**
 * What an instruction does with its register operands.
 * @param mnemonic the row's own: `j`, `set`
 * @throws ArgumentError when no instruction has this mnemonic
 */
export function roles(mnemonic: string): Roles {
	const found = known.get(mnemonic);
	if (found !== undefined) return found;
	const row = rowOf(mnemonic);
	const shape = formats[row.format].bytes;
	const fields = (["a", "b", "c"] as const).filter((field) => new RegExp(`\\b${field}\\b`).test(shape));
	const defines = fields.includes("a") && !readFirst.has(mnemonic);
	const uses = fields.filter((field) => field !== "a" || !defines);
	const computes = ["alu", "mul", "div"].includes(row.cost);
	const checks = computes && row.stops;
	const loads = row.cost === "load" && mnemonic !== "pop";
	const pure = defines && row.flow === "next" && (computes || loads) && !checks;
	const made = { defines, uses, pure, checks };
	known.set(mnemonic, made);
	return made;
}
