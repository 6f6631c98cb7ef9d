// The native benchmark runs, and what it measured makes a profile that a program runs with.

import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { calibrated, cyclesIn, type Timings } from "../../cli/compare/calibrate.ts";
import { profileOf } from "../../cli/run/cost-profiles.ts";
import { profiles } from "../../runtime/machine/index.ts";
import { cli, inFolder } from "../cli/command-line.ts";
import { hasNative } from "../real/native-tools.ts";

const pick = fileURLToPath(new URL("../../fixtures/programs/pick.js", import.meta.url));

const timings: Timings = {
	empty: 0.25,
	direct: 0.5,
	retargeted: 0.5,
	"nothing (null)": 0.25,
	trampoline: 0.75,
	"FFP pointer": 1.5,
	retpoline: 8,
	"random pointer": 4,
};

test("a calibrated profile says what was measured", () => {
	const profile = calibrated(profiles[0]!, timings, "test");
	expect(cyclesIn(profile, "direct")).toBe(1);
	expect(cyclesIn(profile, "trampoline")).toBe(2);
	expect(cyclesIn(profile, "FFP pointer")).toBe(5);
	expect(cyclesIn(profile, "retpoline")).toBe(31);
	expect(profile.cycles.div).toBe(profiles[0]!.cycles.div);
});

test.skipIf(!hasNative())("bench-native ends after a single iteration too", async () => {
	expect((await cli("bench-native", "--iterations", "1", "--runs", "1")).code).toBe(0);
});

test.skipIf(!hasNative())("bench-native measures, and its profile runs", () =>
	inFolder(async (folder) => {
		const path = `${folder}/here.json`;
		const { code, out, err } = await cli(
			"bench-native",
			"--iterations",
			"20000",
			"--runs",
			"3",
			"--json",
			"--write-profile",
			path,
		);
		expect({ code, err }).toEqual({ code: 0, err: "" });
		const { rows } = JSON.parse(out) as { rows: { way: string; nanoseconds: number }[] };
		expect(rows.map(({ way }) => way)).toEqual(Object.keys(timings));
		const of = (way: string) => rows.find((row) => row.way === way)!.nanoseconds;
		// The default it was compiled to call takes fifty turns of a loop.
		expect(of("retargeted")).toBeLessThan(of("empty") * 40);
		expect(profileOf(path).name).toBe("measured");
		expect(JSON.parse(readFileSync(path, "utf8")).source).toMatch(/bench-native on/);
		expect((await cli("run", pick, "--profile", path)).code).toBe(0);
		writeFileSync(path, '{"name":"half"}');
		expect(await cli("run", pick, "--profile", path)).toMatchObject({
			code: 3,
			err: expect.stringMatching(/'source' is missing/),
		});
	}),
);
