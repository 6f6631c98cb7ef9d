// Between which values an expression lies, as intervals. What lies in 0 .. 2^31-1 is the same number signed and unsigned,
// so it fits wherever one of the two is asked for: `x >>> 1`, `u % 6`, `x & mask`, and small sums of such.
//
// The interval is that of the number Node computes, before anything cuts it to 32 bits: that of `a + b` reaches beyond
// them. What a call gives has the whole range of its type, because patching may put another function in its place.

import type { AnyNode, AssignmentExpression, MemberExpression, Node, Expression as Syntax } from "acorn";
import type { Analysis, Guess, Local, Range, Table, Variable } from "./bindings.ts";
import { constantOf, extremeOf, isNumberCall, LARGEST, mathName } from "./constant.ts";
import { memberName } from "./key-forms.ts";
import { typeOfCall } from "./results.ts";
import { tableTypeOf } from "./tables.ts";

const INT: Range = { low: -(2 ** 31), high: 2 ** 31 - 1 };
const UINT: Range = { low: 0, high: 2 ** 32 - 1 };
const SMALL: Range = { low: 0, high: 2 ** 31 - 1 };

const ofGuess: Record<Guess, Range> = {
	int: INT,
	uint: UINT,
	either: SMALL,
	bool: { low: 0, high: 1 },
	flex: { low: INT.low, high: UINT.high },
	none: { low: INT.low, high: UINT.high },
};

const within = (inner: Range, outer: Range) => inner.low >= outer.low && inner.high <= outer.high;

/** Whether all values are the same signed and unsigned. */
export const fitsBoth = (range: Range): boolean => within(range, SMALL);

/** Whether all values are unsigned ones, and some are too large for signed. */
export const isOnlyUnsigned = (range: Range): boolean => within(range, UINT) && !within(range, INT);

/** Whether all values are signed ones. */
export const isSigned = (range: Range): boolean => within(range, INT);

/** No number in the range is further from 0. */
export const magnitudeOf = ({ low, high }: Range): number => Math.max(Math.abs(low), Math.abs(high));

export function union(a: Range, b: Range): Range {
	return { low: Math.min(a.low, b.low), high: Math.max(a.high, b.high) };
}

export function rangeOf(analysis: Analysis, node: Node): Range {
	const { ranges } = analysis;
	const known = ranges.get(node);
	if (known !== undefined) return known;
	const range = computed(analysis, node as Syntax);
	ranges.set(node, range);
	return range;
}

/** What a variable holds of that: anything else traps, or is refused. */
export function heldRange(analysis: Analysis, node: Node, type: Guess): Range {
	return common(rangeOf(analysis, node), ofGuess[type]);
}

function common(a: Range, b: Range): Range {
	return { low: Math.max(a.low, b.low), high: Math.min(a.high, b.high) };
}

/** What arithmetic on a variable leaves there, once its type is final: anything else traps. */
function stored(analysis: Analysis, target: Node, range: Range): Range {
	const binding = analysis.uses.get(target);
	if ((binding?.kind !== "local" && binding?.kind !== "variable") || analysis.guesses.size > 0) return range;
	return common(range, ofGuess[binding.type]);
}

function computed(analysis: Analysis, node: Syntax): Range {
	const of = (part: Node) => rangeOf(analysis, part);
	const value = constantOf(analysis, node);
	if (value !== undefined) return { low: Number(value), high: Number(value) };
	switch (node.type) {
		case "Identifier":
			return rangeOfName(analysis, node);
		case "UnaryExpression":
			return unary(node.operator, of(node.argument));
		case "BinaryExpression":
			return binary(node.operator, of(node.left), of(node.right));
		case "LogicalExpression":
			if (node.operator === "??") return of(node.left);
			return union(of(node.left), of(node.right));
		case "ConditionalExpression":
			return union(of(node.consequent), of(node.alternate));
		case "AssignmentExpression":
			return compound(analysis, node);
		case "UpdateExpression": {
			const { low, high } = of(node.argument);
			const range = node.operator === "++" ? { low, high: high + 1 } : { low: low - 1, high };
			return stored(analysis, node.argument, range);
		}
		case "MemberExpression":
			return rangeOfElement(analysis, node);
		case "SequenceExpression":
			return of(node.expressions.at(-1)!);
		case "CallExpression": {
			const extreme = extremeOf(node);
			if (extreme !== undefined) return between(Math[extreme], node.arguments.map(of));
			const [argument] = node.arguments;
			const name = isNumberCall(node) ? "trunc" : (mathName(node) ?? "");
			if (argument !== undefined && Object.hasOwn(mathRules, name)) return mathRules[name]!(of(argument));
			return ofGuess[typeOfCall(analysis, node)];
		}
		default:
			return ofGuess.none;
	}
}

/** What `Math` makes of a range. A quotient has the range of the exact one: rounding it leads no further than to the next
 * whole number, which is in the range as well. */
const mathRules: Readonly<Record<string, (range: Range) => Range>> = {
	abs: ({ low, high }) => ({
		low: low > 0 ? low : high < 0 ? -high : 0,
		high: low < 0 ? Math.min(Math.max(-low, high), INT.high) : high,
	}),
	sign: ({ low, high }) => ({ low: low < 0 ? -1 : 0, high: high > 0 ? 1 : 0 }),
	clz32: () => ({ low: 0, high: 32 }),
	floor: (range) => range,
	ceil: (range) => range,
	round: (range) => range,
	trunc: (range) => range,
};

function between(extreme: typeof Math.min, ranges: readonly Range[]): Range {
	return { low: extreme(...ranges.map(({ low }) => low)), high: extreme(...ranges.map(({ high }) => high)) };
}

function compound(analysis: Analysis, { operator, left, right }: AssignmentExpression): Range {
	if (operator === "=") return rangeOf(analysis, right);
	if (operator === "??=") return rangeOf(analysis, left);
	if (operator === "||=" || operator === "&&=") return union(rangeOf(analysis, left), rangeOf(analysis, right));
	const range = binary(operator.slice(0, -1), rangeOf(analysis, left), rangeOf(analysis, right));
	return ["+=", "-=", "*="].includes(operator) ? stored(analysis, left, range) : range;
}

function rangeOfName(analysis: Analysis, node: AnyNode): Range {
	const binding = analysis.uses.get(node);
	if (binding?.kind !== "local" && binding?.kind !== "variable") return ofGuess.none;
	const type = analysis.guesses.get(binding) ?? binding.type;
	if (binding.kind === "local" && !binding.writable) return heldRange(analysis, binding.sources[0]!, type);
	return analysis.small.has(binding) ? SMALL : ofGuess[type];
}

function rangeOfElement(analysis: Analysis, node: MemberExpression): Range {
	const element = tableTypeOf(analysis, node.object);
	if (element === undefined) return ofGuess.none;
	if (node.computed) return ofElement[element];
	if (memberName(node) === "length") return { low: 0, high: LARGEST };
	return memberName(node) === "size#" ? { low: 1, high: 4 } : ofGuess.none;
}

const ofElement: Record<Table["element"], Range> = {
	Int32Array: INT,
	Uint32Array: UINT,
	Uint8Array: { low: 0, high: 255 },
	Uint16Array: { low: 0, high: 65535 },
	Int8Array: { low: -128, high: 127 },
	Int16Array: { low: -32768, high: 32767 },
};

function unary(operator: string, { low, high }: Range): Range {
	if (operator === "-") return { low: -high, high: -low };
	if (operator === "!") return ofGuess.bool;
	if (operator === "+") return { low, high };
	const cut = toInt({ low, high });
	return { low: ~cut.high, high: ~cut.low };
}

/** As `| 0` and `>>> 0` cut it: a fraction goes, and NaN becomes 0. */
const toInt = (range: Range) => cutTo(range, INT);
const toUint = (range: Range) => cutTo(range, UINT);

function cutTo({ low, high }: Range, type: Range): Range {
	const whole = { low: Math.trunc(low), high: Math.trunc(high) };
	return within(whole, type) ? whole : type;
}

type Rule = (a: Range, b: Range) => Range;

const rules: Readonly<Record<string, Rule>> = {
	"+": (a, b) => ({ low: a.low + b.low, high: a.high + b.high }),
	"-": (a, b) => ({ low: a.low - b.high, high: a.high - b.low }),
	"*": (a, b) => {
		const products = [a.low * b.low, a.low * b.high, a.high * b.low, a.high * b.high];
		return { low: Math.min(...products), high: Math.max(...products) };
	},
	// Whole numbers divide to nothing larger; of a division by 0, a coercion makes 0.
	"/": (a, b) => (a.low >= 0 && b.low >= 0 ? { low: 0, high: a.high } : symmetric(magnitudeOf(a))),
	// The remainder has the sign of the dividend, and is smaller than the divisor.
	"%": (a, b) => {
		const most = Math.min(magnitudeOf(a), Math.max(0, magnitudeOf(b) - 1));
		return { low: a.low >= 0 ? 0 : -most, high: a.high <= 0 ? 0 : most };
	},
	// It is refused where it is no constant.
	"**": () => ofGuess.flex,
	"&": (a, b) => {
		const limits = [toInt(a), toInt(b)].flatMap(({ low, high }) => (low >= 0 ? [high] : []));
		return limits.length === 0 ? INT : { low: 0, high: Math.min(...limits) };
	},
	"|": bitsOfBoth,
	"^": bitsOfBoth,
	"<<": (a, b) => {
		const cut = toInt(a);
		const shifted = exactly(b, (by) => ({ low: cut.low * 2 ** by, high: cut.high * 2 ** by }));
		return shifted !== undefined && within(shifted, INT) ? shifted : INT;
	},
	">>": (a, b) => {
		const { low, high } = toInt(a);
		const shifted = exactly(b, (by) => ({ low: low >> by, high: high >> by }));
		return shifted ?? { low: Math.min(low, 0), high: Math.max(high, 0) };
	},
	">>>": (a, b) => {
		const { low, high } = toUint(a);
		return exactly(b, (by) => ({ low: low >>> by, high: high >>> by })) ?? { low: 0, high };
	},
};

function binary(operator: string, a: Range, b: Range): Range {
	return rules[operator]?.(a, b) ?? ofGuess.bool;
}

const symmetric = (most: number): Range => ({ low: -most, high: most });

/** The range of `|` and `^` on two values that are not negative: no bit is set above the highest there is. */
function bitsOfBoth(a: Range, b: Range): Range {
	const [x, y] = [toInt(a), toInt(b)];
	if (x.low < 0 || y.low < 0) return INT;
	return { low: 0, high: 2 ** (32 - Math.clz32(Math.max(x.high, y.high))) - 1 };
}

/** What a shift by a known distance gives. */
function exactly({ low, high }: Range, shift: (by: number) => Range): Range | undefined {
	return low === high ? shift(low & 31) : undefined;
}

/** Finds the variables that only ever hold what fits both types, as counters from 0 upwards do. It assumes it of all,
 * and takes out those that a value of theirs contradicts: no step of a program is then the first to break it.
 * Requires: the type of every variable is final. */
export function findSmall(analysis: Analysis, sources: ReadonlyMap<Local | Variable, readonly Syntax[]>): void {
	const { small, ranges } = analysis;
	for (const binding of sources.keys()) if (binding.type === "int" || binding.type === "uint") small.add(binding);
	for (let changed = true; changed; ) {
		changed = false;
		ranges.clear();
		for (const binding of small) {
			if (sources.get(binding)!.every((source) => fitsBoth(heldRange(analysis, source, binding.type)))) continue;
			small.delete(binding);
			changed = true;
		}
	}
	ranges.clear();
}
