// Conditions on the end of a litmus test: `0:r1=1 & x=2`, and herd's way of writing them, `0:X1=1 /\ ~(x=2 \/ y=0)`.

import { LinkError } from "../../linker/errors.ts";

/** A condition as it is written: equations, and how they are joined. */
export type Condition =
	| { readonly kind: "equation"; readonly place: string; readonly value: string; readonly text: string }
	| { readonly kind: "not"; readonly of: Condition }
	| { readonly kind: "and" | "or"; readonly of: readonly Condition[] };

/** One equation of a way in which a condition can hold. */
export interface Literal {
	readonly place: string;
	readonly value: string;
	readonly text: string;
	/** The place holds something else. */
	readonly not: boolean;
}

/** More ways than this are refused: each final state is compared with all of them. */
const MOST_WAYS = 1000;

const tokenForm =
	/\s*(?:(\/\\|&&?|and\b)|(\\\/|\|\|?|or\b)|(~|not\b)|([()]|true\b)|([^\s()&|~=/\\]+)\s*=\s*((?:instr|label):"[^"]*"|[^\s()&|~=/\\;]+))/y;

const always: Condition = { kind: "and", of: [] };

/** All equations of a condition. */
export function equationsOf(condition: Condition): (Condition & { readonly kind: "equation" })[] {
	if (condition.kind === "equation") return [condition];
	return condition.kind === "not" ? equationsOf(condition.of) : condition.of.flatMap(equationsOf);
}

/** Reads a condition. `&`, `/\` and `and` bind closer than `|`, `\/` and `or`; `~` and `not` closer than both. `true`
 * always holds. @param place for messages @throws LinkError naming what is not understood */
export function conditionOf(text: string, place: string): Condition {
	let at = 0;
	const peek = (): RegExpExecArray | undefined => {
		tokenForm.lastIndex = at;
		return tokenForm.exec(text) ?? undefined;
	};
	const wrong = (): LinkError =>
		new LinkError(
			`${place}: '${text.slice(at).trim()}' is no condition: write equations like 0:r1=1 or x=2, joined by & (/\\), | (\\/), ~ and parentheses`,
		);
	const joined = (kind: "and" | "or", group: 1 | 2, next: () => Condition): Condition => {
		const of = [next()];
		for (let token = peek(); token?.[group] !== undefined; token = peek()) {
			at += token[0].length;
			of.push(next());
		}
		return of.length === 1 ? of[0]! : { kind, of };
	};
	const one = (): Condition => {
		const token = peek();
		if (token === undefined) throw wrong();
		const [all, , , not, parenthesis, named, value] = token;
		if (not !== undefined) {
			at += all.length;
			return { kind: "not", of: one() };
		}
		if (parenthesis === "true") {
			at += all.length;
			return always;
		}
		if (parenthesis === "(") {
			at += all.length;
			const inside = either();
			const close = peek();
			if (close?.[4] !== ")") throw wrong();
			at += close[0].length;
			return inside;
		}
		if (named === undefined) throw wrong();
		at += all.length;
		return { kind: "equation", place: named, value: value!, text: all.trim() };
	};
	const both = (): Condition => joined("and", 1, one);
	const either = (): Condition => joined("or", 2, both);
	const condition = either();
	if (text.slice(at).trim() !== "") throw wrong();
	return condition;
}

/** The ways in which a condition can hold: in each, all equations do. None: it never does.
 * @throws LinkError when there are more than anybody waits for */
export function waysOf(condition: Condition, place: string, isNot = false): Literal[][] {
	if (condition.kind === "not") return waysOf(condition.of, place, !isNot);
	if (condition.kind === "equation") {
		const { place: where, value, text } = condition;
		return [[{ place: where, value, text, not: isNot }]];
	}
	const parts = condition.of.map((part) => waysOf(part, place, isNot));
	if ((condition.kind === "or") !== isNot) return parts.flat();
	return parts.reduce(
		(ways, part) => {
			if (ways.length * part.length > MOST_WAYS)
				throw new LinkError(`${place}: the condition can hold in more than ${MOST_WAYS} ways`);
			return ways.flatMap((way) => part.map((more) => [...way, ...more]));
		},
		[[]] as Literal[][],
	);
}

/** A condition with `&`, `|` and `~`, its equations as `equation` writes them. */
export function conditionText(
	condition: Condition,
	equation: (one: Condition & { kind: "equation" }) => string,
): string {
	if (condition.kind === "equation") return equation(condition);
	if (condition.kind === "not") return `~(${conditionText(condition.of, equation)})`;
	if (condition.of.length === 0) return condition.kind === "and" ? "true" : "~(true)";
	const parts = condition.of.map((part) => {
		const text = conditionText(part, equation);
		return part.kind === "and" || part.kind === "or" ? `(${text})` : text;
	});
	return parts.join(condition.kind === "and" ? " & " : " | ");
}
