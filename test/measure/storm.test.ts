// Programs under a storm: every fixture runs on four CPUs while somebody outside retargets all of its keys all the time,
// and must print what Node prints. Ways to patch that mean the same: direct calls become calls through the trampoline and
// back, a function is replaced by an equal one, and back; a static key chooses between two ways to the same result;
// functions are traced, and no longer.
//
// STORM=all runs every program on every model, protocol and policy: minutes, not seconds.

import { describe, expect, test } from "vitest";
import type { Image } from "../../linker/link/image.ts";
import { link } from "../../linker/link/link.ts";
import type { FetchPolicy } from "../../runtime/machine/index.ts";
import type { Model } from "../../runtime/machine/model.ts";
import { models } from "../../runtime/machine/models/index.ts";
import type { Protocol } from "../../runtime/patch/index.ts";
import { spread } from "../extent.ts";
import { objectsOf } from "../language/modes.ts";
import { type Program, programs } from "../language/programs.ts";
import { protocolNamed } from "../machines.ts";
import { type Weather, weather } from "./weather.ts";

/** Updates from outside per program, at least; of protocols that are slow to simulate fewer. */
const enough = ({ name }: Protocol): number => (name === "breakpoint" ? 1500 : 300);
/** Long programs go on in peace after so many more. */
const SPARE = 100;
/** Programs that are over before that begin again, with another seed, so often. */
const TRIES = 12;

function expectToHold(program: Program, image: Image, conditions: Weather): void {
	let updates = 0;
	let traps = 0;
	for (let seed = 1; seed <= TRIES && updates < enough(conditions.protocol); seed++) {
		const { system, end } = weather(program, image, conditions, seed, enough(conditions.protocol) + SPARE);
		expect(end, system.refusal).toEqual({ kind: "halted" });
		expect(system.output, `seed ${seed}`).toEqual(program.expected);
		updates += system.counts.updates;
		traps += system.counts.traps;
	}
	// What is over after a few calls does not see thousands.
	if (["pick", "paravirt"].includes(program.name)) return;
	expect(updates).toBeGreaterThan(enough(conditions.protocol));
	if (trapping.includes(conditions.protocol.name)) expect(traps).toBeGreaterThan(0);
}

/** The protocols under which CPUs notice an update. */
const trapping = ["breakpoint", "unmap-write-map", "rw-flip"];

const policies: readonly FetchPolicy[] = ["stale", "random"];
const anywhere = ["breakpoint", "stop-machine", "unmap-write-map", "rw-flip"];
const aligned = ["aligned-store", "spin-jump"];

/** The protocols that claim to hold on a model. */
function holdingOn({ name }: Model): Protocol[] {
	const whole = name === "ideal" || name === "amd-quad";
	return [...anywhere, ...(whole ? aligned : [])].map(protocolNamed);
}

/** Every program meets two protocols on one model; together they meet them all, and both policies. */
function conditionsFor(index: number): Weather[] {
	if (process.env.STORM === "all")
		return models.flatMap((model) =>
			holdingOn(model).flatMap((protocol) => policies.map((fetch) => ({ model, protocol, fetch }))),
		);
	const model = models[index % models.length]!;
	const [breakpoint, ...others] = holdingOn(model);
	return [breakpoint!, others[index % others.length]!].map((protocol, i) => ({
		model,
		protocol,
		fetch: policies[((index >> 1) + i) % 2]!,
	}));
}

describe.each(
	spread(
		programs().map((program, index) => [program.name, program, index] as const),
		6,
	),
)("%s", (_, program, index) => {
	const plain = link(objectsOf(program, { entryNops: true }));
	/** Every site inside an aligned 8 bytes. */
	const fitting = link(objectsOf(program, { entryNops: true, alignSites: true }));
	const cases = conditionsFor(index).map(
		(one) => [`${one.protocol.name}, ${one.model.name}, ${one.fetch}`, one] as const,
	);

	test.each(cases)("%s", (_name, conditions) => {
		expectToHold(program, conditions.protocol.requires === "aligned" ? fitting : plain, conditions);
	});
});
