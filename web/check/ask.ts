// The checker's worker, and the question that a link to the check room asks.

import { type Asker, startAsker } from "../state/ask.ts";
import { fieldsOf } from "../state/fields.ts";
import { knownPhases, modelNames, protocolPhases } from "./known.ts";
import type { Question } from "./question.ts";

export const kinds = {
	call: "call fifo",
	tail: "jmp fifo",
	conditional: "jeq fifo",
	null: "call → nop5",
	ret0: "call → ret0",
};
export const placements = { aligned: "inside 8 bytes", straddling: "across 8 bytes" };

/** A protocol and a machine to compare with; the rest of the scenario is the same. */
export interface Other {
	readonly phases: readonly string[];
	readonly model: string;
}

export interface State extends Question {
	/** The selected step; beyond the last one, the last. */
	readonly step: number;
	readonly other: Other | undefined;
}

export const LAST = 9999;
const MOST_PHASES = 24;
const nobody: readonly string[] = [];

export function stateOf(link: unknown): State {
	const fields = fieldsOf(link);
	const second = fields.list("second", knownPhases, nobody, MOST_PHASES);
	const { other } = (link ?? {}) as { other?: unknown };
	const others = fieldsOf(other);
	return {
		phases: fields.list("phases", knownPhases, protocolPhases.breakpoint!, MOST_PHASES),
		kind: fields.oneOf("kind", Object.keys(kinds), "call"),
		placement: fields.oneOf("placement", Object.keys(placements), "straddling"),
		cpus: fields.number("cpus", 2, 1, 3),
		model: fields.oneOf("model", modelNames, "x86"),
		second: second === nobody ? undefined : second,
		unlocked: fields.flag("unlocked"),
		text: fields.text("text", ""),
		step: fields.number("step", LAST, 0, LAST),
		other:
			typeof other !== "object" || other === null
				? undefined
				: {
						phases: others.list("phases", knownPhases, protocolPhases.breakpoint!, MOST_PHASES),
						model: others.oneOf("model", modelNames, "x86"),
					},
	};
}

/** What is asked about a state: the verdict does not depend on the rest. */
export function questionOf({ step: _, other: __, ...question }: State): Question {
	return question;
}

/** The question about what is compared with. */
export function otherQuestionOf(state: State, other: Other): Question {
	return { ...questionOf(state), ...other };
}

export function startChecker(): Asker {
	return startAsker("check");
}
