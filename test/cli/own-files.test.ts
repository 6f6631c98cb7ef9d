// Models and protocols of one's own: a JSON file stands wherever the command line takes a name.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { modelNamed, protocolNamed } from "../machines.ts";
import { cli, inFolder } from "./command-line.ts";

/** The same as `amd-quad` and `aligned-store`, under other names; the latter does not insist on alignment. */
const quad = { ...modelNamed("amd-quad"), name: "quad" };
const { requires: _, ...anywhere } = { ...protocolNamed("aligned-store"), name: "anywhere" };
const safe = "fixtures/check/text-poke.s";

interface Files {
	readonly model: string;
	readonly protocol: string;
}

function withFiles(act: (files: Files, folder: string) => Promise<void>): Promise<void> {
	return inFolder(async (folder) => {
		const files = { model: join(folder, "quad.json"), protocol: join(folder, "anywhere.json") };
		writeFileSync(files.model, JSON.stringify(quad));
		writeFileSync(files.protocol, JSON.stringify(anywhere));
		await act(files, folder);
	});
}

describe("a file instead of a name", () => {
	test("of check, which gives it on to other processes and into the verdict", () =>
		withFiles(async ({ model, protocol }) => {
			const { out, code } = await cli("check", safe, "--model", model, "--protocol", protocol, "--json");
			expect(code).toBe(1);
			expect(JSON.parse(out)).toMatchObject({ model: "quad", property: "torn", scenario: { model: quad } });
			expect((await cli("check", safe, "--model", model)).code).toBe(0);
		}));

	test("of matrix", () =>
		withFiles(async ({ model, protocol }) => {
			const { out } = await cli("matrix", "--model", model, "--protocol", protocol, "--cpus", "1", "--json");
			const outcomes = { "call aligned": "safe", "call straddling": "torn 3" };
			expect(JSON.parse(out).rows).toMatchObject([{ protocol: "anywhere", model: "quad", outcomes }]);
		}));

	test("of ablate", () =>
		withFiles(async ({ model, protocol }) => {
			const { out } = await cli("ablate", protocol, "--model", model, "--cpus", "1");
			expect(out).toMatch(/anywhere +quad/);
			expect(out).toMatch(/drop 2 +sync serialize +stale 4/);
		}));

	test("of synthesize", () =>
		withFiles(async ({ model }) => {
			const argv = ["--model", model, "--placement", "aligned", "--cpus", "1", "--length", "2"];
			expect((await cli("synthesize", ...argv)).out).toMatch(/1\. write whole\n +2\. sync serialize\n[\s\S]* on quad;/);
		}));

	test("of run, chaos and cost", () =>
		withFiles(async ({ model, protocol }) => {
			const both = ["--model", model, "--protocol", protocol];
			const ran = await cli("run", "fixtures/programs/pick.js", ...both, "--set", "pick=deadline@5");
			expect(ran).toMatchObject({ code: 0 });
			const { out } = await cli("chaos", ...both, "--calls", "100", "--cpus", "1", "--json");
			expect(JSON.parse(out).cells[0]).toMatchObject({ protocol: "anywhere", model: "quad" });
			const cost = await cli("cost", ...both, "--sites", "1", "--cpus", "1", "--json");
			expect(JSON.parse(cost.out)).toMatchObject({ model: "quad", rows: [{ protocol: "anywhere" }] });
		}));
});

describe("is refused", () => {
	test.each([
		["a wrong field", "model", { ...quad, unit: 2 }, 3, "model.json: unit: 2 is not 0, 1, 4, 8"],
		["a missing field", "protocol", { name: "x", brief: "" }, 3, "protocol.json: at the top: 'phases' is missing"],
		["a name that is taken", "model", { ...quad, name: "x86-tso" }, 3, "'x86-tso' is a model of patchbay"],
		["a protocol's too", "protocol", { ...anywhere, name: "naive" }, 3, "'naive' is a protocol of patchbay"],
	])("%s", (_what, option, value, code, message) =>
		inFolder(async (folder) => {
			const file = join(folder, `${option}.json`);
			writeFileSync(file, JSON.stringify(value));
			const seen = await cli("check", safe, `--${option}`, file);
			expect(seen.err).toContain(message);
			expect(seen.code).toBe(code);
		}),
	);

	test.each([
		[["check", safe, "--model", "amr"], "no model 'amr' (did you mean 'arm'?)"],
		[["chaos", "--protocol", "naiv"], "no protocol 'naiv' (did you mean 'naive'?)"],
		[["run", "fixtures/programs/pick.js", "--protocol", "early"], "no protocol 'early'"],
	])("%j", async (argv, message) => {
		const { code, err } = await cli(...argv);
		expect(err).toContain(message);
		expect(code).toBe(2);
	});
});
