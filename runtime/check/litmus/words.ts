// A verdict of a litmus test in the words of the test: its instructions, registers and labels instead of those of the toy program that
// stands for it.

import type { Verdict } from "../check.ts";
import type { Outcome } from "../outcomes.ts";
import type { TraceStep } from "../trace.ts";
import { valueNames } from "./herd.ts";
import type { LitmusScenario } from "./scenario.ts";

/** Puts the steps of a counterexample and the values of ends into the words of a test.
 * @returns a value of the same shape, for people: it cannot be replayed */
export function inWordsOf(test: LitmusScenario, verdict: Verdict): Verdict {
	const nameOf = valueNames(test);
	const step = ({ text, merged = [], fetched, ...rest }: TraceStep): TraceStep => {
		const texts = [text, ...merged].flatMap((one) => textOf(test, one) ?? []);
		const [first = text, ...others] = texts.filter((one, i) => one !== texts[i - 1]);
		return {
			...rest,
			text: first,
			...(others.length > 0 && { merged: others }),
			...(fetched !== undefined && { fetched: wordIn(fetched, nameOf) }),
		};
	};
	const ends = (one: Outcome): Outcome => ({
		...one,
		values: Object.fromEntries(
			Object.entries(one.values).map(([place, value]) => [test.places.get(place) ?? place, value]),
		),
	});
	const why = reasonOf(test, verdict);
	return {
		...verdict,
		...(why !== undefined && { why }),
		...(verdict.trace === undefined ? {} : { trace: verdict.trace.map(step) }),
		...(verdict.outcomes === undefined ? {} : { outcomes: verdict.outcomes.map(ends) }),
	};
}

/** What the verdict says of the condition of the test. */
function reasonOf({ litmus: { asks } }: LitmusScenario, { verdict, why }: Verdict): string | undefined {
	if (asks === undefined) return why;
	if (asks.quantifier === "forall" && verdict === "forbidden") return `it always ends with ${asks.text}`;
	if (verdict !== "allowed") return why;
	return asks.quantifier === "forall" ? `it can end without ${asks.text}` : asks.text;
}

/** The instruction of the test that a toy instruction belongs to: `does.1.STR: st [r0], r2` does what one does, and
 * `words+182: movi r12, does.3.B` fetches one. What only leads from one to the next says nothing. */
function textOf({ values }: LitmusScenario, text: string): string | undefined {
	const [, doing] = /^(does\.\d+\.[^:+ ]*)/.exec(text) ?? [];
	if (doing !== undefined) return bare(values.get(doing) ?? doing);
	const [, word, what] = /^words\+(\d+): movi r12, (\S+)$/.exec(text) ?? [];
	if (word !== undefined)
		return `${values.get(`window+${Number(word) + 2}`) ?? text}: ${bare(values.get(what!) ?? what!)}`;
	if (text === "stop: hlt") return "ends";
	return /^(?:words\+\d+: jmpr|P\d+[.+]\S*:|P\d+:)/.test(text) ? undefined : text;
}

/** What was fetched, `b8 0c` and the four bytes of the word. */
function wordIn(fetched: string, nameOf: (value: number) => string): string {
	const bytes = fetched.split(" ").map((byte) => Number.parseInt(byte, 16));
	if (bytes.length !== 6 || bytes.some(Number.isNaN)) return fetched;
	return bare(nameOf(new DataView(Uint8Array.from(bytes).buffer).getInt32(2, true)));
}

function bare(name: string): string {
	return /^instr:"(.*)"$/.exec(name)?.[1] ?? name;
}
