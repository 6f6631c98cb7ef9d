// The worker that runs programs, and what a link to the run room opens.

import { LAST, questionOf, stateOf } from "../check/ask.ts";
import { modelNames, protocolPhases } from "../check/known.ts";
import type { Question } from "../check/question.ts";
import { type Asker, startAsker } from "../state/ask.ts";
import { fieldsOf } from "../state/fields.ts";
import { FIRST_PROGRAM, programNames } from "./programs.ts";
import type { Asked, Program } from "./question.ts";

export const fetches = ["fresh", "stale", "random"] as const;

export interface Setting extends Omit<Program, "source" | "asked"> {
	/** A source of one's own, instead of the program's. */
	readonly own: string | undefined;
}

export interface Place {
	readonly at: number;
	readonly asked: readonly Asked[];
	/** A step of the checker's way, in a link that comes from there. */
	readonly row: number | undefined;
}

/** What a run is of: a program, or the way of a verdict. */
export function settingOf(link: unknown): Place & { setting: Setting; stand: Question | undefined } {
	const { stand } = (link ?? {}) as { stand?: unknown };
	const fields = fieldsOf(link);
	const own = fields.text("own", "");
	return {
		setting: {
			own: own === "" ? undefined : own,
			name: fields.oneOf("name", programNames, FIRST_PROGRAM),
			protocol: fields.oneOf("protocol", Object.keys(protocolPhases), "breakpoint"),
			model: fields.oneOf("model", modelNames, "x86"),
			fetch: fields.oneOf("fetch", fetches, "fresh"),
			cpus: fields.number("cpus", 2, 1, 8),
			seed: fields.number("seed", 1, 1, 2 ** 31 - 1),
		},
		stand: typeof stand === "object" && stand !== null ? questionOf(stateOf(stand)) : undefined,
		at: fields.number("at", 0, 0, 1e9),
		row: fields.has("row") ? fields.number("row", 0, 0, LAST) : undefined,
		asked: askedOf(link),
	};
}

/** What was asked by hand, at most so often. */
function askedOf(link: unknown): Asked[] {
	const list = (link as { asked?: unknown } | null | undefined)?.asked;
	if (!Array.isArray(list) || list.length > 32) return [];
	return list.flatMap((one) => {
		const fields = fieldsOf(one);
		const asked = {
			at: fields.number("at", 0, 0, 1e9),
			key: fields.text("key", "", 100),
			to: fields.text("to", "", 100),
		};
		return asked.key === "" || asked.to === "" ? [] : [asked];
	});
}

export function startRunner(): Asker {
	return startAsker("run");
}
