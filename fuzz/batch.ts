// One batch: so many recipes of a target from a seed, each tried under bounds of time and memory; the first that fails is
// made as short as fast-check can make it.

import { getHeapStatistics } from "node:v8";
import * as fc from "fast-check";
import { repository } from "../tools/repository.ts";
import { isExpected, type Target } from "./target.ts";

/** Seconds of processor time that a recipe may take, whatever it says. Inputs are a few KiB, and programs are run for
 * some 100,000 cycles. */
export const MOST_SECONDS = 10;
/** Bytes of memory that a recipe may leave behind or hold at its end. */
export const MOST_BYTES = 256 * 2 ** 20;

export interface Batch {
	readonly target: string;
	readonly seed: number;
	readonly runs: number;
}

export interface Found {
	readonly target: string;
	readonly seed: number;
	readonly kind: "crash or wrong result" | "time or memory";
	readonly what: string;
	/** As short as it could be made. */
	readonly recipe: unknown;
}

export interface Tally {
	/** Recipes that were tried. */
	runs: number;
	/** Recipes of which something was an input that was refused as a whole. */
	refused: number;
}

/** Too much was taken for one recipe. */
class TooMuch extends Error {}

/** @param begun is told of every recipe before it is tried */
export async function runBatch(
	target: Target,
	{ seed, runs }: Batch,
	tally: Tally,
	begun: (recipe: unknown) => void = () => {},
): Promise<Found | undefined> {
	const tried = fc.asyncProperty(target.recipes, async (recipe) => {
		begun(recipe);
		if (!(await tryRecipe(target, recipe))) tally.refused++;
		tally.runs++;
	});
	const { failed, counterexample, errorInstance } = await fc.check(tried, { seed, numRuns: runs });
	if (!failed) return undefined;
	const said = errorInstance instanceof Error ? (errorInstance.stack ?? errorInstance.message) : String(errorInstance);
	// A finding may be kept, and where the repository lies is nobody's business.
	const what = said.replaceAll(`file://${repository()}/`, "").replaceAll(`${repository()}/`, "");
	const kind = errorInstance instanceof TooMuch ? "time or memory" : "crash or wrong result";
	return { target: target.name, seed, kind, what, recipe: counterexample![0] };
}

/** Tries one recipe. @returns false when its input was refused @throws what a finding is */
export async function tryRecipe(target: Target, recipe: unknown): Promise<boolean> {
	const before = { time: process.cpuUsage(), bytes: held() };
	let taken = true;
	const input = await target.input(recipe);
	try {
		await target.try(recipe, input.bytes);
	} catch (error) {
		if (!isExpected(error)) throw error;
		taken = false;
	}
	const { user, system } = process.cpuUsage(before.time);
	const seconds = (user + system) / 1e6;
	if (seconds > MOST_SECONDS) throw new TooMuch(`took ${seconds.toFixed(1)} s of processor time`);
	const bytes = held() - before.bytes;
	if (bytes > MOST_BYTES) throw new TooMuch(`took ${bytes} bytes of memory`);
	return taken;
}

function held(): number {
	const { used_heap_size, external_memory } = getHeapStatistics();
	return used_heap_size + external_memory;
}
