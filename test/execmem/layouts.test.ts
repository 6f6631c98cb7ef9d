// Layouts of the address space: nothing overlaps, everything lies where the layout says and comes back, and the command says
// what the library counts.

import { readFileSync, writeFileSync } from "node:fs";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compareLayouts, type Setting } from "../../runtime/execmem/layouts/compare.ts";
import { layouts, partNames, withData } from "../../runtime/execmem/layouts/layout.ts";
import { apply, newAddressSpace } from "../../runtime/execmem/layouts/place.ts";
import { isEmpty } from "../../runtime/execmem/layouts/runs.ts";
import { type LoadEvent, madeWorkload } from "../../runtime/execmem/layouts/workload.ts";
import { profiles, tlbShapes } from "../../runtime/machine/index.ts";
import { randomFrom } from "../../runtime/measure/index.ts";
import { cli, inFolder } from "../cli/command-line.ts";

const MIB = 2 ** 20;
const near = { start: 2 * MIB, end: 10 * MIB };
const far = { start: 10 * MIB, end: 64 * MIB };

const setting: Setting = {
	near: 16 * MIB,
	profile: profiles.find(({ name }) => name === "in-order")!,
	tlb: tlbShapes[0]!,
	miss: 20,
	farDistance: 20,
	calls: 2000,
	random: () => randomFrom(1),
};

const part = fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 100 }), fc.integer({ min: 1, max: 3 * MIB }));
const module = fc.record(Object.fromEntries(partNames.map((name) => [name, part])) as Record<"text", typeof part>);
/** Modules by number; one that is there already goes instead. */
const comings = fc.array(fc.tuple(fc.nat(9), module), { maxLength: 40 });

describe.each([...layouts, ...layouts.map((one) => withData(one, "far")), withData(layouts[4]!, "near")])(
	"$name",
	(layout) => {
		test("holds each part in one region", () => {
			expect(layout.regions.flatMap(({ holds }) => holds).sort()).toEqual([...partNames].sort());
		});

		test("places nothing twice, everything where it belongs, and gets all of it back", () => {
			fc.assert(
				fc.property(comings, (events) => {
					const space = newAddressSpace(layout, near, far);
					const there = new Set<string>();
					for (const [number, parts] of events) {
						const name = `m${number}`;
						const leaves = there.delete(name);
						if (!leaves) there.add(name);
						const load = { do: "load", name, calls: 1, ...parts } as LoadEvent;
						apply(space, leaves ? { do: "unload", name } : load);
						const placed = [...space.placed.values()].flat().sort((a, b) => a.address - b.address);
						for (const [i, one] of placed.entries()) {
							const { start, end } = one.space === "near" ? near : far;
							const region = layout.regions.find(({ holds }) => holds.includes(one.part))!;
							expect(one.address).toBeGreaterThanOrEqual(
								placed[i - 1] ? placed[i - 1]!.address + placed[i - 1]!.bytes : 0,
							);
							expect(one.address >= start && one.address + one.bytes <= end).toBe(true);
							expect(one.address % region.granularity).toBe(0);
							expect(one.space === region.space || region.orFar).toBe(true);
							expect(one.part).not.toMatch(/^init/);
						}
					}
					expect(space.counts.reused).toBeLessThanOrEqual(space.counts.left);
					for (const name of there) apply(space, { do: "unload", name });
					expect([space.pools.length, space.taken.size]).toEqual([0, 0]);
					expect(isEmpty(space.spaces.near) && isEmpty(space.spaces.far)).toBe(true);
				}),
				{ numRuns: 30, seed: 1 },
			);
		});
	},
);

describe("side by side", () => {
	const results = compareLayouts(layouts, madeWorkload(500, randomFrom(7)), setting);
	const named = (name: string) => results.find(({ layout }) => layout.name === name)!;

	test("text shares large pages wherever it lies in areas of its own", () => {
		for (const { layout, textPages, loads, refused } of results) {
			const isLarge = layout.regions.some(({ holds, page }) => holds.includes("text") && page === "large");
			expect([textPages.large > 0, textPages.small > 0]).toEqual([isLarge, !isLarge]);
			expect(loads).toBeGreaterThan(refused);
		}
		expect(named("two-blocks").misses).toBeLessThan(named("pages").misses / 10);
	});

	test("only what may lie far is never refused, and it costs thunks and far lines", () => {
		expect(results.filter(({ refused }) => refused === 0).map(({ layout }) => layout.name)).toEqual(["pools"]);
		const { thunks, directCalls, cycles } = named("pools");
		expect(thunks).toBeGreaterThan(0);
		expect(thunks).toBeLessThan(directCalls);
		expect(cycles.thunks).toBeGreaterThan(0);
		expect(cycles.far).toBeGreaterThan(0);
		expect(named("pages").thunks + named("pages").cycles.far).toBe(0);
	});

	test("the same comes of the same seed", () => {
		const again = compareLayouts(layouts, madeWorkload(500, randomFrom(7)), setting);
		expect(again.map(({ cycles, holes, mapped }) => [cycles, holes, mapped])).toEqual(
			results.map(({ cycles, holes, mapped }) => [cycles, holes, mapped]),
		);
	});
});

describe("patchbay layouts", () => {
	const few = ["layouts", "--modules", "60", "--calls", "2000", "--near", "4"];

	test("loads what was recorded, and draws it", () =>
		inFolder(async (folder) => {
			const [loads, svg] = [`${folder}/loads.json`, `${folder}/layouts.svg`];
			const made = await cli(...few, "--record", loads);
			const read = await cli(...few, "--workload", loads, "--picture", "--svg", svg);
			expect([made.code, read.code, made.err, read.err]).toEqual([0, 0, "", ""]);
			expect(read.out.startsWith(made.out.trimEnd())).toBe(true);
			expect(read.out).toMatch(/^pools\n0x[0-9a-f]{8} [Trd·-]+\n0x[0-9a-f]{8} [Trd·-]+\nT text/m);
			expect(readFileSync(svg, "utf8").match(/>(pages|both-ends|two-blocks|three-blocks|pools)</g)).toHaveLength(5);
			const json = JSON.parse((await cli(...few, "--json")).out);
			expect(json.layouts.map(({ layout }: { layout: string }) => layout)).toEqual(layouts.map(({ name }) => name));
		}));

	test.each([
		[
			{ schema: "patchbay/module-loads@1", events: [{ do: "unload", name: "a" }] },
			"w.json: events[0]: 'a' is unloaded, and not loaded",
		],
		[{ schema: "patchbay/module-loads@1", events: [{ do: "load", name: "a", text: -1 }] }, "events[0]"],
		[{ schema: "patchbay/module-loads@2", events: [] }, "schema"],
	])("refuses %j", (workload, message) =>
		inFolder(async (folder) => {
			writeFileSync(`${folder}/w.json`, JSON.stringify(workload));
			const { code, err } = await cli("layouts", "--workload", `${folder}/w.json`);
			expect(code).toBe(3);
			expect(err).toContain(message);
		}),
	);
});
