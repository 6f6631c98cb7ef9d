// `patchbay run --load --unload`.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { cli, inFolder } from "./command-line.ts";

const scheduler = "fixtures/modules/scheduler.js";
const load = (name: string, cycle: string) => ["--load", `fixtures/modules/${name}.js${cycle}`];

describe("modules", () => {
	test("come and go while the program runs", async () => {
		const argv = [...load("policy", "@20000"), "--unload", "policy@300000", "--unload-resets"];
		const { code, out, err } = await cli("run", scheduler, ...argv);
		const [first, loaded, ...rest] = out.trimEnd().split("\n");
		expect([code, err, first, loaded]).toEqual([0, "", "round 0 order 123456", "policy: deadlines rule"]);
		expect(rest.some((line) => line.endsWith("order 426513"))).toBe(true);
		expect(rest.at(-1)).toBe("after 2000 rounds 123456");
	});

	test("bring functions that later updates name", async () => {
		const argv = [...load("policy", ""), ...load("shortest", "@150000"), "--set", "before=earliest@300000"];
		const { code, out } = await cli("run", scheduler, ...argv);
		expect(code).toBe(0);
		expect(out).toMatch(/order 426513\nshortest: least work first\n(.*\n)*after 2000 rounds 426513\n$/);
	});

	test.each([
		[[...load("policy", ""), "--unload", "policy@300000"], 1, "scheduler.js: refused: policy: 'before' calls it\n"],
		[[...load("shortest", "")], 3, "static call 'closer' is not defined"],
		[["--unload", "policy@100"], 3, "policy: no such module is loaded\n"],
		[["--unload", "policy"], 2, "Write name@cycle."],
		[["--load", "nothing.js"], 3, "nothing.js: no such file\n"],
		[["--set", "before=earliest"], 3, "no function 'earliest'"],
	])("are refused with %j", async (argv, code, message) => {
		const seen = await cli("run", scheduler, ...argv);
		expect(seen.code).toBe(code);
		expect(seen.err).toContain(message);
	});

	test("are named in traces, with what their memory goes through", () =>
		inFolder(async (folder) => {
			const trace = join(folder, "trace.txt");
			const argv = [...load("policy", "@20000"), "--unload", "policy@300000", "--unload-resets", "--trace", trace];
			expect(await cli("run", scheduler, ...argv)).toMatchObject({ code: 0 });
			const said = readFileSync(trace, "utf8");
			for (const name of ["load policy", "map pages for text (poke)", "init of policy", "unload policy"])
				expect(said).toContain(`  ${name}\n`);
			expect(said).toMatch(/ write text at 0x200000 \(poke\)\n(.*\n)* .*free text at 0x200000 \(poke-traps\)\n/);
			expect(said).not.toMatch(/ update *$/m);
		}));

	test("are in the maps", async () => {
		const { out } = await cli("maps", scheduler, ...load("policy", ""), "--pieces");
		expect(out).toMatch(/^00200000-00400000 r-x 2M text +\[text\]\n {2}00200000-\w+ text +policy \.text$/m);
		expect(await cli("maps", scheduler, ...load("shortest", ""))).toMatchObject({ code: 3, out: "" });
	});
});
