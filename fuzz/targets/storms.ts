// Storms: random calls of executable memory, updates of a hot call site by protocols that hold, and programs of the fixtures
// whose keys change all the time and that must print what Node prints.

import { isDeepStrictEqual } from "node:util";
import * as fc from "fast-check";
import { type Image, link } from "../../linker/link/index.ts";
import { models } from "../../runtime/machine/index.ts";
import { runStress, storm, stressCase } from "../../runtime/measure/index.ts";
import { protocols } from "../../runtime/patch/index.ts";
import { objectsOf } from "../../test/language/modes.ts";
import { type Program, programs } from "../../test/language/programs.ts";
import { weather } from "../../test/measure/weather.ts";
import { target, Wrong } from "../target.ts";

const asBytes = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value, null, "\t"));
const seeds = fc.nat(2 ** 31 - 2);

export const stressStorms = target<{ readonly seed: number; readonly calls: number }>({
	name: "stress of executable memory",
	weight: 25,
	batch: 2,
	recipes: fc.record({ seed: seeds, calls: fc.integer({ min: 1, max: 120 }) }),
	input: ({ seed, calls }) => ({ name: "stress.json", bytes: asBytes(stressCase(seed, calls)) }),
	try({ seed, calls }) {
		const { failure } = runStress(stressCase(seed, calls));
		if (failure !== undefined) throw new Wrong(`after call ${failure.at}: ${failure.what}`);
	},
});

/** These take any site and hold on every model. */
const holding = ["breakpoint", "stop-machine", "unmap-write-map", "rw-flip"];

interface StormRecipe {
	readonly protocol: number;
	readonly model: number;
	readonly aligned: boolean;
	readonly cpus: number;
	readonly seed: number;
}

export const protocolStorms = target<StormRecipe>({
	name: "storms on a site",
	weight: 15,
	batch: 3,
	recipes: fc.record({
		protocol: fc.nat(holding.length - 1),
		model: fc.nat(models.length - 1),
		aligned: fc.boolean(),
		cpus: fc.integer({ min: 1, max: 6 }),
		seed: seeds,
	}),
	input: (recipe) => ({ name: "storm.json", bytes: asBytes(recipe) }),
	try({ protocol, model, aligned, cpus, seed }) {
		const by = protocols.find(({ name }) => name === holding[protocol])!;
		const counts = storm({
			protocol: by,
			model: models[model]!,
			site: aligned ? "aligned" : "straddling",
			cpus,
			calls: 400,
			seed,
		});
		const wrong = counts === undefined ? "refused" : counts.torn + counts.stale + counts.lost + counts.died;
		if (wrong !== 0) throw new Wrong(JSON.stringify(counts ?? wrong));
	},
});

let sources: readonly { program: Program; image: Image }[] | undefined;

function sourceOf(index: number): { program: Program; image: Image } {
	sources ??= programs()
		.filter(({ name }) => ["gcd-sums", "scheduler", "workers", "checksum"].includes(name))
		.map((program) => ({ program, image: link(objectsOf(program, { entryNops: true })) }));
	return sources[index % sources.length]!;
}

export const gusts = target<{
	readonly program: number;
	readonly protocol: number;
	readonly model: number;
	readonly stale: boolean;
	readonly seed: number;
}>({
	name: "programs in a storm",
	weight: 15,
	batch: 1,
	recipes: fc.record({
		program: fc.nat(100),
		protocol: fc.nat(holding.length - 1),
		model: fc.nat(models.length - 1),
		stale: fc.boolean(),
		seed: seeds,
	}),
	input: (recipe) => ({
		name: "gusts.json",
		bytes: asBytes({ ...recipe, name: sourceOf(recipe.program).program.name }),
	}),
	try(recipe) {
		const { program, image } = sourceOf(recipe.program);
		const protocol = protocols.find(({ name }) => name === holding[recipe.protocol])!;
		const conditions = {
			model: models[recipe.model]!,
			protocol,
			fetch: recipe.stale ? ("stale" as const) : ("random" as const),
		};
		const { system, end } = weather(program, image, conditions, recipe.seed, 60);
		if (end.kind !== "halted") throw new Wrong(`${JSON.stringify(end)} ${system.refusal ?? ""}`);
		if (!isDeepStrictEqual(system.output, program.expected)) throw new Wrong(`printed ${system.output.join(" ")}`);
	},
});
