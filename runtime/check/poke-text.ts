// The protocol of a scenario as text and as phases: two views of one thing. What is not the protocol stays as it is written.

import { LinkError } from "../../linker/errors.ts";
import { phaseOf } from "./scenario.ts";

/** Where a protocol is written in the header of a scenario. */
export interface PokeText {
	/** 1-based. */
	readonly line: number;
	/** The characters of the source that say it. */
	readonly from: number;
	readonly to: number;
	/** A name, or phases as text. */
	readonly protocol: string | readonly string[];
}

/** Every `# poke:` line of a scenario, in order. */
export function pokesOf(source: string): PokeText[] {
	const found: PokeText[] = [];
	let at = 0;
	for (const [i, line] of source.split("\n").entries()) {
		const [, before, text] = /^(\s*#\s?\s*poke\s*:.*?\sby\s+)(.*?)(?:\s+without lock)?\s*$/.exec(line) ?? [];
		if (before !== undefined && text !== undefined) {
			const from = at + before.length;
			const protocol = text.includes(";") ? text.split(";").map((phase) => phase.trim()) : text;
			found.push({ line: i + 1, from, to: from + text.length, protocol });
		}
		at += line.length + 1;
	}
	return found;
}

/** The scenario with other phases for one of its pokes. @throws LinkError where there is no such poke, phase, or only one
 * phase, which would read as a name */
export function withProtocol(source: string, poke: number, phases: string | readonly string[]): string {
	const place = pokesOf(source)[poke];
	if (place === undefined) throw new LinkError(`there is no poke ${poke} in the scenario`);
	if (typeof phases !== "string") for (const phase of phases) phaseOf(phase, `line ${place.line}`);
	if (phases.length < 2) throw new LinkError("a protocol has two phases at least");
	const text = typeof phases === "string" ? phases : phases.join("; ");
	return source.slice(0, place.from) + text + source.slice(place.to);
}
