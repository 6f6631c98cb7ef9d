// What is fuzzed: a target makes recipes of inputs, and tries what a recipe says. A recipe is plain JSON, so that it can be
// shortened, written down and tried again.

import type * as fc from "fast-check";
import { ArgumentError, PatchbayError } from "../linker/errors.ts";
import { BoundReached } from "../runtime/machine/index.ts";

/** A file that a command takes. */
export interface Input {
	readonly name: string;
	readonly bytes: Uint8Array;
}

/** The inputs of one kind. */
export interface Target<R = unknown> {
	readonly name: string;
	/** How many of a thousand batches are about it. */
	readonly weight: number;
	/** Recipes in one batch: a tenth of a second to a second of work. */
	readonly batch: number;
	readonly recipes: fc.Arbitrary<R>;
	/** The input as a file that commands take: what is tried, and what people look at who look into a finding. Making it
	 * never fails; if it does, the target itself is broken, and that is a finding. */
	input(recipe: R): Input | Promise<Input>;
	/** Does all that is done to such an input. @param bytes as input() makes them
	 * @throws what a finding is, and errors of the user's, which are none */
	try(recipe: R, bytes: Uint8Array): void | Promise<void>;
}

/** The target, of whatever recipes: only it looks into them. */
export function target<R>(one: Target<R>): Target {
	return one as unknown as Target;
}

/** A result that is not what it should be. */
export class Wrong extends Error {
	override readonly name = "Wrong";
}

/** Says whether an error is one that an input may cause. */
export function isExpected(error: unknown): boolean {
	return error instanceof PatchbayError && !(error instanceof ArgumentError) && !(error instanceof BoundReached);
}

/** Does something to an input that may be refused. @returns what was done, or undefined when it was refused */
export function perhaps<T>(act: () => T): T | undefined {
	try {
		return act();
	} catch (error) {
		if (isExpected(error)) return undefined;
		throw error;
	}
}
