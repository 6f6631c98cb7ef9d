// The condition codes of Jcc and SETcc: a four-bit number each, and which values of the flags satisfy it.

import { ArgumentError } from "../errors.ts";

/** Flag bits as `cmp` leaves them. */
export const EQUAL = 1;
/** Flag bit: the first operand was less than the second, both read as signed numbers. */
export const LESS = 2;
/** Flag bit: the first operand was less than the second, both read as unsigned numbers. */
export const BELOW = 4;

/** Index = encoding. `always` belongs to CALL and JMP; a Jcc may use it too and then always jumps. */
export const conditions = ["always", "eq", "ne", "lt", "ge", "le", "gt", "ult", "uge", "ule", "ugt"] as const;
/** The name of a condition: `eq` as in `jeq`, `ult` as in `setult`. */
export type Condition = (typeof conditions)[number];

const tests: Record<Condition, (flags: number) => boolean> = {
	always: () => true,
	eq: (f) => (f & EQUAL) !== 0,
	ne: (f) => (f & EQUAL) === 0,
	lt: (f) => (f & LESS) !== 0,
	ge: (f) => (f & LESS) === 0,
	le: (f) => (f & (LESS | EQUAL)) !== 0,
	gt: (f) => (f & (LESS | EQUAL)) === 0,
	ult: (f) => (f & BELOW) !== 0,
	uge: (f) => (f & BELOW) === 0,
	ule: (f) => (f & (BELOW | EQUAL)) !== 0,
	ugt: (f) => (f & (BELOW | EQUAL)) === 0,
};

/** Per condition, bit `f` is set when the flags value `f` (0..7) satisfies it. */
const masks = Uint8Array.from(conditions, (name) =>
	Array.from({ length: 8 }, (_, f) => (tests[name](f) ? 1 << f : 0)).reduce((all, bit) => all | bit, 0),
);

/**
 * Whether a condition holds after a comparison.
 * @param condition its index in `conditions`
 * @param flags the bits `EQUAL`, `LESS` and `BELOW`
 */
export function holds(condition: number, flags: number): boolean {
	return ((masks[condition]! >> flags) & 1) !== 0;
}

// Local: V8 compiles a module's own constants in, and looks exports up.
const same = EQUAL;
const less = LESS;
const below = BELOW;

/** The flags after comparing two 32-bit values. */
export function compare(a: number, b: number): number {
	if (a === b) return same;
	return (a < b ? less : 0) | (a >>> 0 < b >>> 0 ? below : 0);
}

/** The encoding of a condition, its index in `conditions`; -1 for what is no condition's name. */
export function conditionCode(name: string): number {
	return conditions.indexOf(name as Condition);
}

/** The condition that holds exactly when `condition` does not (`always` has none). */
export function inverse(condition: Condition): Condition {
	const index = conditions.indexOf(condition);
	const pair = index % 2 === 1 ? index + 1 : index - 1;
	const name = conditions[pair];
	if (index === 0 || name === undefined) throw new ArgumentError(`condition '${condition}' has no inverse`);
	return name;
}
