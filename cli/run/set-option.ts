// `--set pick=deadline`, `--set pick=deadline@5000`, `--set tracing=on`: what to retarget, to what, and when.

import { InvalidArgumentError } from "commander";
import { LinkError } from "../../linker/errors.ts";
import type { Image } from "../../linker/link/index.ts";
import { RETURN0 } from "../../linker/sites/index.ts";
import {
	type BootOptions,
	boot,
	type Change,
	carryOut,
	change,
	planQuietly,
	type Settled,
	type System,
} from "../../runtime/patch/index.ts";

/** One transaction. */
export interface Retarget {
	/** As typed. */
	readonly text: string;
	readonly targets: readonly RetargetedKey[];
	/** Undefined: before the program starts. */
	readonly cycle: number | undefined;
	/** When to update a native program, counted from its start. */
	readonly milliseconds?: number;
}

export interface RetargetedKey {
	readonly key: string;
	/** A function, `null`, `ret0` or `default`; of a static key `on`, `off` or `default`. */
	readonly target: string;
}

/** The same where a time may be given as well: `@2s`, `@300ms`. */
export function parseTimedRetarget(text: string, before: readonly Retarget[] = []): Retarget[] {
	const [, change, amount, unit] = /^(.*)@(\d+)(ms|s)$/.exec(text) ?? [];
	if (change === undefined) return parseRetarget(text, before);
	const milliseconds = Number(amount) * (unit === "s" ? 1000 : 1);
	return [...before, ...parseRetarget(change).map((each) => ({ ...each, text, milliseconds }))];
}

/** Parses one `--set` and adds it to those before, as commander wants it. */
export function parseRetarget(text: string, before: readonly Retarget[] = []): Retarget[] {
	const parts = /^((?:[^=@,\s]+=[^=@,\s]+,)*[^=@,\s]+=[^=@,\s]+)(?:@(\d+))?$/.exec(text);
	if (parts === null)
		throw new InvalidArgumentError(
			"Write key=function, or key=function@cycle. A comma joins keys in one update: a=x,b=y@cycle.",
		);
	const targets = parts[1]!.split(",").map((each) => {
		const [key, target] = each.split("=") as [string, string];
		return { key, target };
	});
	return [...before, { text, targets, cycle: parts[2] === undefined ? undefined : Number(parts[2]) }];
}

/** @throws LinkError when the image has no such key or function */
export function changesOf(image: Image, { targets }: Retarget): Change[] {
	return targets.map((each) => changeOf(image, each));
}

function changeOf(image: Image, { key, target }: RetargetedKey): Change {
	switch (target) {
		case "null":
			return change(image, key, null);
		case "default":
			return change(image, key, { reset: true });
		case "ret0":
			return change(image, key, RETURN0);
		default:
			return change(image, key, target);
	}
}

/** Makes the retargets that are due before the start and then settles what the program left open, where nothing runs and
 * nothing counts. @param options undefined: leave it open
 * @throws LinkError when one of them does not fit, or a later one could not be made now */
export function prepare(system: System, retargets: readonly Retarget[], options?: BootOptions): readonly Settled[] {
	const isLate = ({ cycle }: Retarget): boolean => cycle !== undefined;
	retarget(
		system,
		retargets.filter((each) => !isLate(each)),
	);
	const settled = options === undefined ? [] : boot(system, options).settled;
	retarget(system, retargets.filter(isLate));
	for (const count of Object.keys(system.counts) as (keyof typeof system.counts)[]) system.counts[count] = 0;
	return settled;
}

/** Makes those without a cycle, and checks the others. @throws LinkError when one does not fit */
export function retarget(system: System, retargets: readonly Retarget[]): void {
	for (const each of retargets) {
		const planned = () => planQuietly(system, changesOf(system.image, each));
		const done = each.cycle === undefined ? carryOut(system, planned) : planned();
		if ("refused" in done) throw new LinkError(`${system.image.name}: --set ${each.text}: ${done.refused}`);
	}
}

/** Whether the image has all that it names. */
export function isKnown(image: Image, each: Retarget): boolean {
	try {
		return changesOf(image, each).length > 0;
	} catch (error) {
		if (error instanceof LinkError) return false;
		throw error;
	}
}
