// The checker's worker, and the question that a link to the check room asks.

import { type Asker, askerOf } from "../state/ask.ts";
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

export interface State extends Question {
	/** The selected step; beyond the last one, the last. */
	readonly step: number;
}

export const LAST = 9999;

export function stateOf(link: unknown): State {
	const fields = fieldsOf(link);
	return {
		phases: fields.list("phases", knownPhases, protocolPhases.breakpoint!, 24),
		kind: fields.oneOf("kind", Object.keys(kinds), "call"),
		placement: fields.oneOf("placement", Object.keys(placements), "straddling"),
		cpus: fields.number("cpus", 2, 1, 3),
		model: fields.oneOf("model", modelNames, "x86"),
		step: fields.number("step", LAST, 0, LAST),
	};
}

export function startChecker(): Asker {
	return askerOf(new Worker(new URL("./worker.ts", import.meta.url), { type: "module" }));
}
