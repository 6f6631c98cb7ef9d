// `patchbay probe` and what `run` knows of probes, as their users meet them.

import { execFileSync, spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { cli, inFolder } from "./command-line.ts";

const pick = "fixtures/programs/pick.js";
const workers = "fixtures/programs/workers.js";

describe("probe", () => {
	test("counts the hits of functions, places in them and lines", async () => {
		const { code, out, err } = await cli(
			"probe",
			pick,
			"--at",
			"deadline",
			"--at",
			"deadline+0x6",
			"--at",
			"./pick.js:11",
		);
		expect({ code, err }).toEqual({ code: 0, err: "" });
		expect(out.split("\n").map((line) => line.split(/ {2,}/).slice(0, 4))).toEqual([
			["probe", "place", "hits", "done"],
			["deadline", "deadline", "1", "out of line"],
			["deadline+0x6", "deadline+0x6", "1", "out of line"],
			["./pick.js:11", "fifo", "1", "out of line"],
			[""],
		]);
	});

	test("prints a line for each hit where it is told to", async () => {
		const { out } = await cli("probe", pick, "--at", "fifo", "--handler", "print");
		expect(out).toMatch(/^fifo: cpu0, cycle \d+: r0=3\n\n/);
		const { out: inside } = await cli("probe", pick, "--at", "fifo+6", "--handler", "print");
		expect(inside).toMatch(/^fifo\+0x6: cpu0, cycle \d+:( r\d=-?\d+){6}\n/);
		const { out: whole } = await cli("probe", pick, "--at", "deadline", "--at", "fifo", "--handler", "registers");
		expect(whole).toMatch(/^fifo: cpu0, cycle \d+: r0=3( r\d+=-?\d+){15}\ndeadline: cpu0, /);
	});

	test("becomes a call on the NOP5 of an entry, and says where it cannot", async () => {
		const { out, err } = await cli(
			...["probe", workers, "--cpus", "2", "--entry", "main", "--entry", "worker", "--entry-nops"],
			...["--optimise", "--at", "shiftAndXor", "--at", "main+5"],
		);
		expect(out).toMatch(/^shiftAndXor .* called +nop5$/m);
		expect(err).toMatch(/^--optimise: the probe at main\+5 stays a breakpoint: the instruction is \w+, not nop5\n/);
	});

	test("prints arguments on the stack as well, also from a call in place of the breakpoint", () =>
		inFolder(async (folder) => {
			const file = join(folder, "nine.js");
			writeFileSync(
				file,
				`function nine(a, b, c, d, e, f, g, h, i) { return a + i; }
				export function main() { for (let n = 0; n < 300; n++) nine(n, 2, 3, 4, 5, 6, 7, 8, n * 2); }`,
			);
			const how = ["--entry-nops", "--optimise", "--handler", "print"];
			const { out } = await cli("probe", file, "--at", "nine", ...how);
			const lines = out.split("\n").filter((line) => line.startsWith("nine: "));
			expect(lines.map((line) => line.replace(/.*cycle \d+: /, ""))).toEqual(
				lines.map((_, n) => `r0=${n} r1=2 r2=3 r3=4 r4=5 r5=6 [sp+4]=7 [sp+8]=8 [sp+12]=${2 * n}`),
			);
			expect([lines.length, out]).toEqual([300, expect.stringMatching(/^nine .* 300 +called +nop5$/m)]);
		}));

	test("goes to labels too", () =>
		inFolder(async (folder) => {
			const file = join(folder, "work.s");
			writeFileSync(
				file,
				"\t.global main\n\t.type main, @function\nmain:\tmovi r0, 7\nsite:\tnop5\n\thlt\n\t.size main, . - main\n",
			);
			expect((await cli("probe", file, "--at", "site")).out).toMatch(/^site +main\+0x6 +1 .* nop5$/m);
		}));

	test("says the same in JSON", async () => {
		const { out } = await cli("probe", workers, "--processes", "2", "--cpus", "2", "--at", "main", "--json");
		const { schema, probes, end } = JSON.parse(out);
		expect({ schema, end }).toEqual({ schema: "patchbay/probe@1", end: { kind: "halted" } });
		expect(probes).toMatchObject([
			{ at: "main", process: 0, hits: 1 },
			{ at: "main", process: 1, hits: 1 },
		]);
	});

	test.each([
		["nowhere", 2, "nothing to probe", []],
		["an unknown function", 3, "no function 'deadlien' to probe (did you mean 'deadline'?)", ["--at", "deadlien"]],
		[
			"a line without code",
			3,
			"no instruction comes from pick.js:1, the next line with code is ",
			["--at", "pick.js:1"],
		],
		["an unknown source", 3, "no source 'pikc.js' to probe", ["--at", "pikc.js:1"]],
		["the middle of an instruction", 3, "in the middle of the instruction at fifo", ["--at", "fifo+1"]],
		["a static call", 3, "patched there; the next instruction is at main+0xb\n", ["--at", "main+6"]],
		["a place behind a function", 3, "no place fifo+0x1000 to probe: 'fifo' has 7 bytes", ["--at", "fifo+0x1000"]],
		["what is no place", 3, "a place is a function, function+offset or file:line", ["--at", "12"]],
		[
			"more processes than CPUs",
			2,
			"2 processes need as many CPUs",
			["--at", "main", "--processes", "2", "--cpus", "1"],
		],
	] as const)("%s is refused", async (_, code, message, argv) => {
		const result = await cli("probe", pick, ...argv);
		expect(result.code).toBe(code);
		expect(result.err).toContain(message);
	});
});

test("probe retargets calls before the start, and one that comes too late is said", async () => {
	const hits = async (...set: string[]): Promise<{ hits: number[]; err: string }> => {
		const { code, out, err } = await cli("probe", pick, "--at", "fifo,deadline", "--json", ...set);
		expect(code).toBe(0);
		return { hits: JSON.parse(out).probes.map((probe: { hits: number }) => probe.hits), err };
	};
	expect(await hits()).toEqual({ hits: [1, 1], err: "" });
	expect(await hits("--set", "pick=deadline")).toEqual({ hits: [0, 2], err: "" });
	expect(await hits("--set", "pick=deadline@900000000")).toEqual({
		hits: [1, 1],
		err: expect.stringContaining("--set pick=deadline@900000000"),
	});
});

describe("run", () => {
	test("--probe counts beside the program's own output", async () => {
		const { code, out, err } = await cli("run", pick, "--probe", "fifo");
		expect({ code, out }).toEqual({ code: 0, out: "3\n7\n" });
		expect(err).toMatch(/fifo +fifo +1 +out of line/);
	});

	test("--stats counts the traps of probes apart, and says when an update outlived the program", async () => {
		const { err } = await cli("run", pick, "--probe", "fifo", "--stats");
		expect(err).toMatch(/^([\d,]+) cycles, .*\n1 update in .* 0 traps\nprobes: 2 traps\n/);
		const cycles = Number(/^[\d,]+/.exec(err)![0].replaceAll(",", ""));
		const late = ["--set", `pick=fifo@${cycles - 10}`];
		const outlived =
			/^the last update was done at cycle [\d,]+, after the program had ended at [\d,]+: .*--profile in-order/m;
		expect((await cli("run", pick, "--probe", "fifo", ...late, "--stats")).err).toMatch(outlived);
		expect((await cli("run", pick, "--set", "pick=fifo@5")).err).toMatch(outlived);
		expect((await cli("run", pick)).err).toBe("");
	});

	test("--core writes what readelf takes, the page of slots with it", () =>
		inFolder(async (folder) => {
			const file = join(folder, "pick.core");
			expect((await cli("run", pick, "--probe", "fifo", "--core", file)).code).toBe(0);
			const said = execFileSync("readelf", ["-aW", file], { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
			expect(said).toMatch(/Type: +CORE/);
			expect(said).toContain("NT_PRSTATUS");
			expect(said.match(/LOAD .* R E /g)?.length).toBe(3);
			expect(said).not.toMatch(/warning|error/i);
		}));

	const hasGdb = spawnSync("gdb", ["--version"]).status === 0;
	if (!hasGdb) console.warn("SKIPPED: gdb is missing; nobody but readelf has read a core");

	test.skipIf(!hasGdb)("gdb reads the registers of --core, of every CPU", () =>
		inFolder(async (folder) => {
			const [source, image, core] = ["p.s", "p.elf", "p.core"].map((name) => join(folder, name)) as [
				string,
				string,
				string,
			];
			writeFileSync(
				source,
				".globl one, two\n.type one, @function\n.type two, @function\none:\tmovi r3, 0x1234\n\thlt\ntwo:\tmovi r3, -2\n\thlt\n\tnop\n",
			);
			await cli("link", source, "-o", image, "--entry", "one");
			expect(await cli("run", image, "--cpus", "2", "--entry", "one,two", "--core", core)).toMatchObject({ code: 0 });
			const { out: script } = await cli("native", "--gdb");
			const commands = [
				"toy registers 1",
				"p/x $r3",
				"toy cpu 1",
				"p $r3",
				"info symbol $toy_pc",
				"x/6xb one",
				"toy cpu 2",
			];
			const { stdout, stderr } = spawnSync(
				"gdb",
				["-nx", "-batch", "-x", script.trim(), ...commands.flatMap((line) => ["-ex", line]), image, core],
				{ encoding: "utf8" },
			);
			expect(stdout).toMatch(/^cpu 1\n(.*\n){3}r3 +0xfffffffe +-2\n/m);
			expect(stdout).toMatch(/^pc .* two \+ 7$/m);
			expect(stdout).toContain("$1 = 0x1234\n$2 = -2\ntwo + ");
			expect(stderr).toContain("'2' is no CPU: there are 0 to 1");
		}),
	);
});

test("maps shows the page of slots of each process", async () => {
	const { out } = await cli("maps", pick, "--cpus", "2", "--processes", "2", "--probe", "fifo");
	expect(out.match(/^[01] .*r-x.*\[probes\]$/gm)?.length).toBe(2);
});
