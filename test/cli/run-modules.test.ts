// `patchbay run --load --unload`.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { cli, inFolder, type Seen } from "./command-line.ts";

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
		[
			[...load("policy", ""), "--unload", "policy@300000"],
			1,
			"scheduler.js: refused: policy: 'before' calls it (--unload-resets gives it its default)\n",
		],
		[[...load("shortest", "")], 3, "static call 'closer' is not defined"],
		[["--unload", "policy@100"], 3, "--unload policy@100: no --load brings 'policy'\n"],
		[[...load("policy", ""), "--unload", "polcy@100"], 3, "no --load brings 'polcy' (did you mean 'policy'?)"],
		[["--load", ""], 2, "Write file, or file@cycle."],
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

	/** Runs a command with a module that has this init. */
	const withInit = (init: string, ...argv: string[]): Promise<Seen> =>
		inFolder((folder) => {
			const file = `${folder}/bad.js`;
			const text = `import { print } from "patchbay/source";\nconst t = new Int32Array(2);\nlet i = 5;\n`;
			writeFileSync(file, `${text}export function init() { "init"; print("init begins"); ${init} }\n`);
			return cli(...argv.map((each) => each.replace("BAD", file)));
		});
	const undisturbed = "round 0 order 123456\nafter 2000 rounds 123456\n";

	test("that are refused under the program leave it as it is, with exit code 1", async () => {
		const { code, out, err } = await withInit("return 5;", "run", scheduler, "--load", "BAD@20000");
		expect([code, err]).toEqual([1, `${scheduler}: refused: bad: init returned 5\n`]);
		expect(out).toBe(undisturbed.replace("\n", "\ninit begins\n"));
		const seen = await withInit("return 5;", "run", scheduler, "--load", "BAD@20000", "--json");
		expect(JSON.parse(seen.out)).toMatchObject({
			output: out.trimEnd().split("\n"),
			end: { kind: "halted" },
			refused: ["bad: init returned 5"],
		});
		const misfit = await cli("run", scheduler, ...load("shortest", "@20000"));
		expect(misfit).toMatchObject({ code: 1, out: undisturbed });
		expect(misfit.err).toContain("static call 'closer' is not defined");
	});

	test.each(["run", "maps", "execmem"])("that are refused before the start give %s exit code 1", async (command) => {
		const { code, err } = await withInit("return 5;", command, scheduler, "--load", "BAD");
		expect([code, err]).toEqual([1, `${scheduler}: refused: bad: init returned 5\n`]);
	});

	test("that are refused take later updates with them, and nothing that was printed", async () => {
		const argv = ["run", scheduler, "--load", "BAD@20000", "--set", "before=init@30000", "--json"];
		const { code, out } = await withInit("return 5;", ...argv);
		expect(code).toBe(1);
		const { output, end } = JSON.parse(out);
		expect(output).toEqual(["round 0 order 123456", "init begins"]);
		expect(end).toMatchObject({ kind: "refused", why: expect.stringContaining("no function 'init'") });
	});

	test("say that their init calls itself too deep", async () => {
		await inFolder(async (folder) => {
			const file = join(folder, "deep.js");
			writeFileSync(
				file,
				'function deep(x) { return deep(x + 1) + 1; }\nexport function init() { "init"; return deep(1); }\n',
			);
			const { err } = await cli("run", scheduler, "--load", file);
			expect(err).toMatch(/deep: init trapped:\n.*deep\.js:1:\d+: the stack is full: this recursion is too deep\n/);
		});
	});

	test("say where their init trapped", async () => {
		const { code, out, err } = await withInit("return t[i];", "run", scheduler, "--load", "BAD@20000");
		expect([code, out.split("\n").at(-2)]).toEqual([1, "after 2000 rounds 123456"]);
		expect(err).toMatch(/bad: init trapped:\n.*bad\.js:4:\d+: index 5 is out of range\n.*return t\[i\].*\n +\^\n/);
	});

	test("are known to --probe and --set when they are there before the start", async () => {
		const argv = [...load("policy", ""), "--probe", "earliest", "--probe", "pick", "--set", "closer=inOrder"];
		const { code, out, err } = await cli("run", scheduler, ...argv);
		expect([code, out]).toEqual([0, "policy: deadlines rule\nround 0 order 426513\nafter 2000 rounds 426513\n"]);
		expect(err).toMatch(/^earliest +earliest +30,000 /m);
		expect(err).toMatch(/^pick +pick +12,000 /m);
		const probed = await cli("probe", scheduler, ...load("policy", ""), "--at", "earliest");
		expect(probed.out).toMatch(/^earliest +earliest +30,000 /m);
		const traced = await cli("trace", scheduler, ...load("policy", ""), "--functions", "earliest,round");
		expect(traced.out).toContain("earliest");
		const larger = [...load("policy", ""), "--set", "closer=null"];
		expect((await cli("run", scheduler, ...larger)).err).toContain("--set closer=null: ");
	});

	test("that come too late are told, as everything is that has a cycle", async () => {
		const trace = ["--from", "990000", "--set", "before=default@980000", ...load("policy", "@900000")];
		const late = (await cli("trace", scheduler, ...trace)).err;
		for (const what of ["--from 990000", "--set before=default@980000", "policy.js@900000"])
			expect(late).toContain(`${what}: the program had ended by then, at cycle `);
		const argv = [...load("policy", "@900000"), "--unload", "policy@950000", "--set", "before=default@990000"];
		const { code, out, err } = await cli("run", scheduler, ...argv);
		expect([code, out]).toEqual([0, undisturbed]);
		const asked = ["set before=default@990000", "load fixtures/modules/policy.js@900000", "unload policy@950000"];
		const had = (what: string): RegExp =>
			new RegExp(`^--${what}: the program had ended by then, at cycle [\\d,]+$`, "m");
		for (const what of asked) expect(err).toMatch(had(what));
	});

	test("go away under probes and tracing too", async () => {
		const argv = [...load("policy", ""), "--unload", "policy@100000", "--unload-resets"];
		const held = await cli("probe", scheduler, ...argv, "--at", "earliest");
		expect([held.code, held.err]).toEqual([1, `${scheduler}: refused: policy: a probe at earliest is in its text\n`]);
		const counted = await cli("probe", scheduler, ...argv, "--at", "pick", "--json");
		const { output } = JSON.parse(counted.out) as { output: string[] };
		expect([counted.code, output.at(-1)]).toEqual([0, "after 2000 rounds 123456"]);
		const traced = await cli("trace", scheduler, ...argv, "--functions", "round", "--json");
		expect([traced.code, (JSON.parse(traced.out) as { output: string[] }).output.at(-1)]).toEqual([
			0,
			"after 2000 rounds 123456",
		]);
	});

	test("are in the maps", async () => {
		const { out } = await cli("maps", scheduler, ...load("policy", ""), "--pieces");
		expect(out).toMatch(/^00200000-00400000 r-x 2M text +\[text\]\n {2}00200000-\w+ text +policy \.text$/m);
		expect(await cli("maps", scheduler, ...load("shortest", ""))).toMatchObject({ code: 3, out: "" });
	});
});
