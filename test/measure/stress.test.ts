// The abuser itself: it finds nothing wrong on any model, is the same every time, and finds and minimises what is made
// wrong on purpose.

import { describe, expect, test } from "vitest";
import type { Fill, Release } from "../../runtime/execmem/fill.ts";
import { methods } from "../../runtime/execmem/fills/index.ts";
import type { Methods } from "../../runtime/execmem/pieces.ts";
import { models } from "../../runtime/machine/models/index.ts";
import { minimise, minimising, runStress, type StressCase, stressCase } from "../../runtime/measure/index.ts";
import { phaseText } from "../../runtime/patch/plan/protocol.ts";
import { spread } from "../extent.ts";

describe("nothing goes wrong", () => {
	const numbered = models.map(({ name }, i) => [name, i] as const);
	test.each(spread(numbered, 6))("on %s", (model, i) => {
		const one = stressCase(100 + i, 80, { model, textPoke: i % 2 === 0, fetch: "stale", largePages: 3 });
		const { failure, counts } = runStress(one);
		expect(failure).toBeUndefined();
		expect(counts.executions).toBeGreaterThan(0);
	});

	test("and the same happens again", () => {
		const one = stressCase(3, 60);
		expect(stressCase(3, 60)).toEqual(one);
		expect(runStress(one)).toEqual(runStress(JSON.parse(JSON.stringify(one)) as StressCase));
	});
});

describe("what is wrong is found, and in few calls", () => {
	const without = (fill: Fill, text: string): Fill => ({
		...fill,
		write: fill.write.filter((phase) => phaseText(phase) !== text),
		finish: fill.finish.filter((phase) => phaseText(phase) !== text),
	});
	const releasesWithout = (name: string, text: string): readonly Release[] =>
		methods.releases.map((one) =>
			one.name === name
				? {
						...one,
						free: one.free.filter((phase) => phaseText(phase) !== text),
						flush: one.flush.filter((phase) => phaseText(phase) !== text),
					}
				: one,
		);
	const broken: [what: string, model: string, wrong: Partial<Methods>][] = [
		["jit-map without maintenance", "arm", { jit: without(methods.jit, "maintain") }],
		["in place without the flush", "x86", { inPlace: without(methods.inPlace, "sync flush") }],
		["unmap without the shootdown", "x86", { releases: releasesWithout("unmap", "sync flush") }],
		["freed text without breakpoints", "x86", { releases: releasesWithout("poke-traps", "write whole") }],
		["freed text without the sync", "x86", { releases: releasesWithout("poke-traps", "sync serialize") }],
		["poke without its sync", "x86", { poke: without(methods.poke, "sync serialize") }],
	];

	test.each(spread(broken, 6))("%s", (_, model, wrong) => {
		const least = minimise(failing(model, wrong), wrong);
		const { calls } = least;
		expect(runStress(least, wrong).failure?.at).toBe(calls.length - 1);
		expect(runStress(least).failure).toBeUndefined();
		expect(calls.length).toBeLessThanOrEqual(12);
		for (let i = 0; i < calls.length; i++)
			expect(runStress({ ...least, calls: calls.toSpliced(i, 1) }, wrong).failure).toBeUndefined();
	});

	test("a case that is being shortened fails wherever one stops", () => {
		const wrong = { jit: without(methods.jit, "maintain") };
		const lengths: number[] = [];
		for (const one of minimising(failing("arm", wrong), wrong)) {
			if (lengths.at(-1) === one.calls.length) continue;
			expect(runStress(one, wrong).failure).toBeDefined();
			if (lengths.push(one.calls.length) === 2) break;
		}
		expect(lengths).toHaveLength(2);
		expect(lengths).toEqual(lengths.toSorted((a, b) => b - a));
	});

	function failing(model: string, wrong: Partial<Methods>): StressCase {
		const fixed = { model, fetch: "stale", cpus: 2, nodes: 1, textPoke: true, lazy: 2, largePages: 2 } as const;
		for (let seed = 1; seed < 20; seed++) {
			const one = stressCase(seed, 100, fixed);
			if (runStress(one, wrong).failure !== undefined) return one;
		}
		throw new Error("nothing was found");
	}
});
