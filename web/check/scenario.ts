// The scenario that a question is about: from its parts, or from its text.

import {
	type Cell,
	type Placement,
	protocolOf,
	readScenario,
	type Scenario,
	type SecondPatcher,
	type SiteKind,
	scenarioOf,
	scenarioText,
} from "../../runtime/check/index.ts";
import { models } from "../../runtime/machine/index.ts";
import { type Protocol, phaseText, protocols } from "../../runtime/patch/index.ts";
import type { Question } from "./question.ts";

/** @throws LinkError for a text that is no scenario */
export function scenarioFor(question: Question): Scenario {
	if (question.text !== "") return readScenario(question.text, "scenario");
	const [cell, second] = partsOf(question);
	return scenarioOf(cell, second);
}

/** The scenario as text, or why it cannot be written as one. */
export function textFor(question: Question): string | { readonly why: string } {
	if (question.text !== "") return question.text;
	try {
		return scenarioText(...partsOf(question));
	} catch (error) {
		return { why: (error as Error).message };
	}
}

function partsOf({ phases, kind, placement, cpus, model, second, unlocked }: Question): [Cell, SecondPatcher?] {
	const cell: Cell = {
		protocol: protocolFor(phases),
		model: models.find(({ name }) => name === model) ?? models[0]!,
		cpus,
		kind: kind as SiteKind,
		placement: placement as Placement,
	};
	return second === undefined ? [cell] : [cell, { protocol: protocolFor(second), unlocked }];
}

/** A registered protocol keeps its name, and with it what it requires of sites. */
export function protocolFor(phases: readonly string[]): Protocol {
	const same = ({ phases: known }: Protocol): boolean =>
		known.length === phases.length && known.every((phase, i) => phaseText(phase) === phases[i]);
	return protocols.find(same) ?? protocolOf(phases, "the protocol");
}
