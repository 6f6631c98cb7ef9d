// What updates cost: the published shape, and what must hold whatever the costs are.

import { describe, expect, test } from "vitest";
import { hitCosts } from "../../cli/compare/hit-costs.ts";
import { plot } from "../../cli/shell/plot.ts";
import { profiles } from "../../runtime/machine/index.ts";
import { type CostCase, passCosts, type UpdateCost, updateCost } from "../../runtime/measure/index.ts";
import { protocols } from "../../runtime/patch/index.ts";
import { cli } from "../cli/command-line.ts";
import { everything, spread } from "../extent.ts";
import { modelNamed, protocolNamed, quick } from "../machines.ts";

function costOf(one: Partial<CostCase>): UpdateCost {
	const plain = {
		family: "call" as const,
		sites: 4,
		cpus: 2,
		protocol: protocolNamed("breakpoint"),
		model: modelNamed("x86"),
		profile: quick,
	};
	return updateCost({ ...plain, batched: true, ...one });
}

describe("56 sites on 24 CPUs", () => {
	const together = costOf({ sites: 56, cpus: 24, batched: true });
	const apart = costOf({ sites: 56, cpus: 24, batched: false });

	test("take 168 rounds of interrupts one by one, and 3 together", () => {
		expect(apart.syncs).toBe(168);
		expect(together.syncs).toBe(3);
	});

	test("interrupt every CPU in every round", () => {
		expect(apart.interruptsPerCpu).toBe(168);
		expect(together.interruptsPerCpu).toBe(3);
	});

	test("take less time together, from the patcher and from everybody else", () => {
		expect(together.latency).toBeLessThan(apart.latency / 2);
		expect(together.stolenPerCpu).toBeLessThan(apart.stolenPerCpu / 4);
	});
});

test.each(["label", "entry"] as const)("so do those of another family: %s", (family) => {
	const [apart, together] = [false, true].map((batched) => costOf({ family, sites: 56, cpus: 24, batched }));
	expect([apart!.syncs, apart!.interruptsPerCpu]).toEqual([168, 168]);
	expect([together!.syncs, together!.interruptsPerCpu]).toEqual([3, 3]);
	expect(together!.latency).toBeLessThan(apart!.latency / 2);
});

test("passing a branch costs less than looking at a variable, and an entry next to nothing until it is traced", () => {
	for (const profile of profiles) {
		const [off, on, looked, entry, traced] = passCosts(profile).map(({ cycles }) => cycles);
		expect(off).toBeLessThanOrEqual(1);
		expect(on).toBeLessThan(looked!);
		expect(entry).toBeCloseTo(off!, 1);
		expect(traced).toBeGreaterThan(20);
	}
});

test("the syncs of a batch do not depend on its size", () => {
	for (const sites of [1, 3, 20]) expect(costOf({ sites })).toMatchObject({ syncs: 3, interruptsPerCpu: 3 });
});

test("every CPU loses what its interrupts and traps take, and hardly more", () => {
	const { interruptsPerCpu, traps, stolenPerCpu } = costOf({ sites: 56, cpus: 4 });
	const accounted = interruptsPerCpu * quick.interrupt + (traps / 4) * quick.trap;
	expect(traps).toBeGreaterThan(0);
	expect(stolenPerCpu).toBeGreaterThan(0.5 * accounted);
	expect(stolenPerCpu).toBeLessThan(1.5 * accounted);
});

test.each(spread(protocols, 2).filter(({ requires }) => requires !== "quiet"))(
	"$name can be measured on every model",
	(protocol) => {
		for (const model of ["ideal", "arm"]) {
			const { latency, syncs, interruptsPerCpu } = costOf({ protocol, model: modelNamed(model) });
			expect(latency).toBeGreaterThan(0);
			expect(interruptsPerCpu).toBe(syncs);
		}
	},
);

describe("the command", () => {
	test("prints the published case", async () => {
		const { rows } = JSON.parse(
			(
				await cli(
					"cost",
					...["--sites", "56", "--cpus", "24", "--protocol", "breakpoint", "--profile", "in-order", "--json"],
				)
			).out,
		);
		expect(rows).toEqual([expect.objectContaining({ protocol: "breakpoint", cpus: 24, sites: 56 })]);
		expect(rows[0]).toMatchObject({ unbatched: { syncs: 168 }, batched: { syncs: 3 } });
	});

	test("prints a row per case, and curves of them", async () => {
		const { code, out } = await cli("cost", "--sites", "3,1", "--cpus", "2", "--protocol", "naive-sync,breakpoint");
		expect(code).toBe(0);
		expect(
			out
				.split("\n")
				.slice(2, 6)
				.map((line) => line.split(/ +/).slice(0, 3)),
		).toEqual([
			["naive-sync", "2", "1"],
			["naive-sync", "2", "3"],
			["breakpoint", "2", "1"],
			["breakpoint", "2", "3"],
		]);
		expect(out).toContain("Cycles stolen from each of 2 CPUs");
	});

	test.runIf(everything)("names the published figures beside the published case", async () => {
		const { out } = await cli(
			...["cost", "--kind", "label", "--sites", "56", "--cpus", "24", "--protocol", "breakpoint"],
			...["--profile", "in-order"],
		);
		expect(out).toContain("57 ms one by one, 1.4 ms in a batch");
		expect(out).toMatch(/^branch of a static key, off +1\.00$/m);
		expect(out).toMatch(/^call of an operation, as compiled +7\.01$/m);
		expect(out).toMatch(/^call of an operation, direct +5\.00$/m);
		expect(out).toMatch(/^call of an operation, inlined +1\.00$/m);
	});

	test.each([
		[["--kind", "jump"], "No 'jump'; there are call, label, entry"],
		[["--sites", "0"], "from 1 to 4096"],
		[["--cpus", "2,257"], "from 1 to 256"],
		[["--protocol", "early"], "no protocol 'early'; there are breakpoint"],
	])("refuses %j", async (argv, message) => {
		const seen = await cli("cost", ...argv);
		expect(seen.err).toContain(message);
		expect(seen).toMatchObject({ code: 2, out: "" });
	});
});

test("curves have their ends in the corners and meet in stars", () => {
	const up = {
		name: "up",
		mark: "u",
		points: [
			[1, 1],
			[100, 100],
		] as const,
	};
	const flat = {
		name: "flat",
		mark: "f",
		points: [
			[1, 1],
			[100, 1],
		] as const,
	};
	expect(plot({ plot: "p", x: "x", y: "y" }, [up, flat], { width: 9, height: 4 })).toEqual([
		"p",
		"  u up",
		"  f flat",
		"y, logarithmic",
		"100 ┤       uu",
		" 22 ┤    uuu",
		"4.6 ┤  uu",
		"  1 ┤**fffffff",
		"    └─────────",
		"     1     100 x, logarithmic",
	]);
});

describe("a hit of a probe", () => {
	test.each(profiles)("costs a call less than a trap, and a trap less than two, with $name", (profile) => {
		const costs = hitCosts(profile, modelNamed("x86"));
		const of = (name: string, instruction: string): number =>
			costs.find((one) => one.name === name && one.instruction === instruction)!.cycles;
		expect(of("a call, optimised", "nop5")).toBeLessThan(of("emulated", "nop") / 2);
		expect(of("emulated", "nop")).toBeGreaterThan(profile.trap - 10);
		expect(of("emulated", "push")).toBeLessThan(1.1 * of("emulated", "nop"));
		expect(of("out of line", "nop5")).toBeGreaterThan(1.9 * of("emulated", "nop"));
		expect(of("out of line", "ret")).toBeGreaterThan(1.9 * of("emulated", "nop"));
		const order = costs.toSorted((a, b) => a.speed - b.speed).map(({ name }) => name);
		const published = costs.toSorted((a, b) => a.publishedSpeed - b.publishedSpeed).map(({ name }) => name);
		expect(order).toEqual(published);
	});
});
