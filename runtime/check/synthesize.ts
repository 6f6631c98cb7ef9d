// Searches the orders of phases for the cheapest protocol that is safe on a model. Cheapest first: the first safe one is
// an answer. A beginning that already lets a CPU execute something wrong is not continued: no end can undo that.

import type { Model } from "../machine/model.ts";
import type { CostProfile } from "../machine/profile.ts";
import type { Protocol } from "../patch/plan/protocol.ts";
import { check } from "./check.ts";
import { type Placement, type SiteKind, scenarioOf } from "./matrix.ts";
import type { Property } from "./properties.ts";
import { phaseOf } from "./scenario.ts";

/** What is searched for: the model, the sites and CPUs on which an order must be safe, and how long it may be. */
export interface Wish {
	readonly model: Model;
	/** Phases at most. */
	readonly length: number;
	readonly placements: readonly Placement[];
	readonly kinds: readonly SiteKind[];
	readonly cpus: number;
	/** Phases that the machine does not have. */
	readonly without: readonly string[];
	readonly profile: CostProfile;
}

/** The cheapest safe order of phases, and what finding it took. */
export interface Found {
	readonly phases: readonly string[];
	/** Cycles until the update is complete, by the profile. */
	readonly cycles: number;
	/** Beginnings that were checked, and complete orders among them. */
	readonly tried: number;
	readonly complete: number;
}

/** What a search may use, how often, and what must have come before. */
interface Letter {
	readonly text: string;
	readonly most: number;
	readonly after?: string;
}

const letters: readonly Letter[] = [
	{ text: "write whole", most: 1 },
	{ text: "write breakpoint", most: 1 },
	{ text: "write spin", most: 1 },
	{ text: "write tail", most: 1 },
	{ text: "write head", most: 1, after: "write tail" },
	{ text: "sync serialize", most: 3 },
	{ text: "arm", most: 1 },
	{ text: "disarm", most: 1, after: "arm" },
	{ text: "sync park", most: 1 },
	{ text: "release", most: 1, after: "sync park" },
];
/** Every phase that a search may use. */
export const letterTexts = letters.map(({ text }) => text);

/** What a beginning can break for good. */
const lasting: readonly Property[] = ["torn", "target", "breakpoint", "fault", "w^x"];

/** @returns undefined when no order of so many phases is safe */
export function synthesize(wish: Wish, progress?: (tried: number, cycles: number) => void): Found | undefined {
	const queue: { readonly phases: readonly string[]; readonly cycles: number }[] = [{ phases: [], cycles: 0 }];
	let tried = 0;
	let complete = 0;
	for (;;) {
		const best = takeCheapest(queue);
		if (best === undefined) return undefined;
		tried++;
		progress?.(tried, best.cycles);
		if (best.phases.length > 0 && !isSafe(wish, best.phases, lasting)) continue;
		if (isComplete(best.phases)) {
			complete++;
			if (isSafe(wish, best.phases, undefined)) return { ...best, tried, complete };
		}
		if (best.phases.length === wish.length) continue;
		for (const { text } of letters.filter(
			(letter) => mayFollow(letter, best.phases) && !wish.without.includes(letter.text),
		))
			queue.push({ phases: [...best.phases, text], cycles: best.cycles + cost(text, wish.profile) });
	}
}

/** Takes the cheapest beginning; among equals the shortest, then the earliest. */
function takeCheapest<T extends { readonly phases: readonly string[]; readonly cycles: number }>(
	queue: T[],
): T | undefined {
	let best = 0;
	for (const [i, { cycles, phases }] of queue.entries()) {
		const now = queue[best]!;
		if (cycles < now.cycles || (cycles === now.cycles && phases.length < now.phases.length)) best = i;
	}
	return queue.splice(best, 1)[0];
}

function mayFollow({ text, most, after }: Letter, phases: readonly string[]): boolean {
	if (after !== undefined && !phases.includes(after)) return false;
	if (text.startsWith("sync") && phases.at(-1) === text) return false;
	if (text !== "write whole" && text.startsWith("write") && phases.includes("write whole")) return false;
	if (text === "write whole" && phases.some((phase) => phase.startsWith("write"))) return false;
	return phases.filter((phase) => phase === text).length < most;
}

/** Every byte is written, and nothing is left held. */
function isComplete(phases: readonly string[]): boolean {
	const has = (text: string): boolean => phases.includes(text);
	const written = has("write whole") || (has("write tail") && has("write head"));
	return written && has("arm") === has("disarm") && has("sync park") === has("release");
}

function isSafe(wish: Wish, phases: readonly string[], properties: readonly Property[] | undefined): boolean {
	const { model, cpus } = wish;
	const protocol: Protocol = { name: "candidate", brief: "", phases: phases.map((text) => phaseOf(text, "candidate")) };
	return wish.kinds.every((kind) =>
		wish.placements.every((placement) => {
			const scenario = scenarioOf({ protocol, model, cpus, kind, placement });
			const asked = properties === undefined ? scenario : { ...scenario, properties, sometimes: [] };
			return check(asked).verdict === "safe";
		}),
	);
}

/** Parking stops everybody for as long as the rest takes: twice an interrupt round, here to one other CPU. */
function cost(text: string, { syncRound, syncCpu, poke, interrupt }: CostProfile): number {
	if (text === "sync serialize") return syncRound + syncCpu;
	if (text === "sync park") return 2 * (syncRound + syncCpu);
	if (text === "release") return interrupt;
	return text.startsWith("write") ? poke : 1;
}
