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
		const [, before, text] =
			/^(\s*#\s?\s*poke\s*:.*?\sby\s+)(.*?)(?:\s+without lock)?(?:\s+after \d+)?\s*$/.exec(line) ?? [];
		if (before !== undefined && text !== undefined) {
			const from = at + before.length;
			const protocol = isName(text) ? text : text.split(";").map((phase) => phase.trim());
			found.push({ line: i + 1, from, to: from + text.length, protocol });
		}
		at += line.length + 1;
	}
	return found;
}

/** Whether the text behind `by` is the name of a protocol; otherwise it is phases. */
export function isName(text: string): boolean {
	return /^[\w-]+$/.test(text);
}

/** The scenario with other phases for one of its pokes. @throws LinkError where there is no such poke or phase, no phase, or
 * only one of one word, which would read as a name */
export function withProtocol(source: string, poke: number, phases: string | readonly string[]): string {
	const place = pokesOf(source)[poke];
	if (place === undefined) throw new LinkError(`there is no poke ${poke} in the scenario`);
	if (typeof phases !== "string") for (const phase of phases) phaseOf(phase, `line ${place.line}`);
	const text = typeof phases === "string" ? phases : phases.join("; ");
	if (text === "") throw new LinkError("a protocol has one phase at least");
	if (typeof phases !== "string" && isName(text))
		throw new LinkError(`'${text}' alone would read as the name of a protocol; add another phase`);
	return source.slice(0, place.from) + text + source.slice(place.to);
}
