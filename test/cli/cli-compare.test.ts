// `patchbay compare`: its figures, and the claim that they rest on: a static call linked inline costs what a plain call
// costs, to the tick.

import { writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { loadObjects } from "../../cli/build/build.ts";
import { plainCalls } from "../../cli/compare/plain-calls.ts";
import { SHF_EXECINSTR } from "../../linker/elf/index.ts";
import { type Image, type ImageSite, link } from "../../linker/link/index.ts";
import { targetAt } from "../../linker/sites/index.ts";
import { load } from "../../runtime/load.ts";
import { Cpu, getCounter, profiles } from "../../runtime/machine/index.ts";
import { breakpoint, createSystem, run } from "../../runtime/patch/index.ts";
import { objectsOf } from "../language/modes.ts";
import { type Program, programs } from "../language/programs.ts";
import { cli, inFolder } from "./command-line.ts";

/** The program without its updates: what plain calls can be compared with. */
function withoutUpdates(program: Program): Program {
	const strip = (source: string) => source.replace(/\b(update|reset)\([^;]*\);/g, ";");
	return { ...program, modules: new Map([...program.modules].map(([file, source]) => [file, strip(source)])) };
}

/** Null and RET0: there is no plain call to compare with. */
function callsNothing({ keys, stubs }: Image, { key }: ImageSite): boolean {
	return targetAt(keys[key]!.initial, stubs).kind !== "function";
}

function measure(image: Image) {
	const system = createSystem(load(image, { profile: profiles[0]! }), image, breakpoint);
	const { kind } = run(system, { cycles: 1e9 });
	const [ticks, instructions] = [Cpu.clock, Cpu.instructions].map((field) => getCounter(system.machine, 0, field));
	return { kind, ticks: ticks!, instructions, output: system.output, updates: system.counts.updates };
}

const calling = programs().filter(({ modules }) => [...modules.values()].some((text) => text.includes("staticCall(")));

test.each(calling)("$name: an inline static call costs exactly a direct call", (program) => {
	const objects = objectsOf(withoutUpdates(program));
	const inlined = link(objects);
	const plain = link(plainCalls(objects, new Map()));
	expect(plain.sites.length).toBe(inlined.sites.filter((site) => callsNothing(inlined, site)).length);
	const inline = measure(inlined);
	expect(inline).toMatchObject({ kind: "halted", updates: 0 });
	expect(inline).toEqual(measure(plain));
	expect(inline.ticks).toBeLessThan(measure(link(objects, { staticCalls: "trampoline" })).ticks);
});

describe("the figures", () => {
	const balancer = "fixtures/programs/balancer.js";
	const compare = async (...argv: string[]) => JSON.parse((await cli("compare", ...argv, "--json")).out);

	test("of a program that leaves its keys alone", async () => {
		const figures = await compare(balancer, "--profile", "in-order");
		expect(figures).toMatchObject({ schema: "patchbay/compare@1", keys: 3, sites: 4, ownUpdates: 0 });
		const [direct, inline, trampoline, ffp, retpoline] = figures.ways;
		expect([direct, inline, trampoline, ffp, retpoline].map(({ bytesPerSite }) => bytesPerSite)).toEqual([
			5, 5, 5, 5, 17,
		]);
		expect(inline.cycles).toBe(direct.cycles);
		expect(inline.extraPerCall).toBe(0);
		expect(inline.update.syncs).toBe(3);
		expect(ffp.update).toEqual({ cycles: 50, syncs: 0 });
		expect(trampoline.extraPerCall).toBeGreaterThan(0);
		expect(ffp.extraPerCall).toBeGreaterThan(trampoline.extraPerCall);
		expect(retpoline.extraPerCall).toBeGreaterThan(ffp.extraPerCall);
	});

	test("calls are counted exactly", async () => {
		// A request is served in 26,706 ticks: `pick`, `trace` and `refuse` each, and `pick` once at the start.
		const { calls } = await compare(balancer);
		expect(calls).toBe(3 * 26706 + 1);
	});

	test("an inline call of any target is a direct call of it", async () => {
		const { ways } = await compare(
			balancer,
			"--set",
			"pick=shortestQueue",
			"--set",
			"refuse=tooLate",
			"--set",
			"trace=countLong",
		);
		expect(ways[1].cycles).toBe(ways[0].cycles);
	});

	test("the code of a call is as long as the table says", async () => {
		const text = async (mode: "inline" | "ffp" | "ffp-retpoline") =>
			(await loadObjects([balancer], mode))
				.flatMap(({ sections }) => sections)
				.reduce((sum, { flags, size }) => sum + ((flags & SHF_EXECINSTR) !== 0 ? size : 0), 0);
		const withoutTrampolines = (await text("inline")) - 3 * 5;
		expect((await text("ffp")) - withoutTrampolines).toBe(4 * (5 - 5));
		expect((await text("ffp-retpoline")) - withoutTrampolines).toBe(4 * (17 - 5));
	});

	test("of a program that retargets itself: no plain calls", async () => {
		const figures = await compare("fixtures/programs/pick.js");
		expect(figures).toMatchObject({ calls: 2, ownUpdates: 1 });
		expect(figures.ways[0].cycles).toBeUndefined();
		expect(figures.ways[1].extraPerCall).toBe(0);
	});

	test("a cycle has no meaning", async () => {
		expect(await cli("compare", balancer, "--set", "pick=shortestQueue@1")).toMatchObject({ code: 2, out: "" });
	});
});

describe("the table", () => {
	test("has a row per way and a verdict", async () => {
		const { code, out } = await cli("compare", "fixtures/programs/balancer.js");
		expect(code).toBe(0);
		expect(out).toMatch(/^direct /m);
		expect(out).toMatch(/^FFP \+ retpoline .*█+$/m);
		expect(out).toContain("static inline: no difference to plain calls.");
	});

	test("says when the difference is nothing", async () => {
		const { out } = await cli("compare", "fixtures/programs/chacha20.js");
		expect(out).toMatch(/^FFP pointer: .*: the difference is nothing, a predicted indirect call is nearly free\.$/m);
	});
});

test("a program that traps cannot be compared: exit code 1, as when it is run", async () => {
	await inFolder(async (folder) => {
		const file = `${folder}/crash.s`;
		writeFileSync(file, "\t.global main\n\t.type main, @function\nmain:\tbrk\n");
		const [compared, ran] = [await cli("compare", file), await cli("run", file)];
		expect(compared).toEqual({ ...ran, code: 1, out: "" });
		expect(compared.err).toContain("crash.s:3:7: the program met a breakpoint");
	});
});
