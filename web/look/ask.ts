// The worker that measures, and what a link to the look room opens.

import { protocolPhases } from "../check/known.ts";
import { programNames } from "../run/programs.ts";
import { type Asker, startAsker } from "../state/ask.ts";
import { fieldsOf } from "../state/fields.ts";
import { type ChartName, charts } from "./question.ts";

export interface LookState {
	readonly chart: ChartName;
	readonly program: string;
	readonly protocol: string;
	readonly cpus: number;
	/** Says by how much, in percent, before it is shown; 0: nobody was asked, -1: nobody said yet. */
	readonly guess: number;
	/** Steps of zoom into a trace, and where its left end is, in thousandths. */
	readonly zoom: number;
	readonly left: number;
}

export const NOT_YET = -1;
export const MOST_ZOOM = 12;

export function lookOf(link: unknown): LookState {
	const fields = fieldsOf(link);
	return {
		chart: fields.oneOf("chart", Object.keys(charts) as ChartName[], "calls"),
		program: fields.oneOf("program", programNames, "scheduler"),
		protocol: fields.oneOf("protocol", Object.keys(protocolPhases), "breakpoint"),
		cpus: fields.number("cpus", 2, 1, 8),
		guess: fields.number("guess", 0, NOT_YET, 100_000),
		zoom: fields.number("zoom", 0, 0, MOST_ZOOM),
		left: fields.number("left", 0, 0, 1000),
	};
}

export function startLooker(): Asker {
	return startAsker("look");
}
