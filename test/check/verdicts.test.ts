// What a verdict says beside its one word: what it rests on, what was never exercised, and a counterexample in the words of
// the scenario.

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { HostCall } from "../../linker/isa/host-calls.ts";
import { check, readScenario, replay, type Verdict } from "../../runtime/check/index.ts";
import { cli } from "../cli/command-line.ts";

const program = `	.global main, other
	.type main, @function
	.type other, @function
main:	nop
	hlt
	.size main, . - main
other:	hlt
	.size other, . - other
	.data
word:	.word 0
`;

function verdict(header: readonly string[], code = program): Verdict {
	return check(readScenario(`${header.map((line) => `# ${line}\n`).join("")}${code}`, "mine.s"));
}

function fixture(name: string): Verdict {
	return check(readScenario(readFileSync(`fixtures/check/${name}.s`, "utf8"), name));
}

describe("assumptions", () => {
	test.each<[readonly string[], string]>([
		[["cpu: main"], "the model is x86, as none is named"],
		[["model: arm", "cpu: main"], "data in program order"],
		[["model: x86-tso", "cpu: main"], "data in TSO order"],
		[["cpu: main", "agent: publish word 1"], "each step of a patcher is done at once and in order"],
		[["model: arm", "cpu: main", "agent: clean main"], "cache maintenance is done at once"],
		[["cpu: main", "agent: store main 00"], "text that no poke names is no site"],
		[["cpu: main"], "no NMI comes"],
		[["cpu: main"], "no more than one CPU"],
		[["cpu: 3 main"], "no more than 3 CPUs"],
		[["cpu: main", "always: torn stale"], "only torn, stale is judged"],
	])("%j rests on: %s", (header, text) => {
		expect(verdict(header).assumptions).toContain(text);
	});

	test("what an agent stores to a part of a site is said not to be judged by stale, unless stale is not asked for", () => {
		const text = "what an agent stores to a part of a site is not judged by stale";
		const code = readFileSync("fixtures/check/text-poke.s", "utf8").replace(/^#.*\n/gm, "");
		const header = ["model: x86", "cpu: caller", "poke: site = deadline by breakpoint", "agent: store site+1 0"];
		expect(verdict([...header, "always: torn stale"], code).assumptions).toContain(text);
		expect(verdict([...header, "always: torn"], code).assumptions).not.toContain(text);
		expect(verdict(header.slice(0, 3), code).assumptions).not.toContain(text);
		const whole = [...header.slice(0, 3), "agent: store site 90 90 90 90 90"];
		expect(verdict(whole, code).assumptions).not.toContain(text);
	});

	test("text of no poke is no assumption where nobody stores it, or neither torn nor stale is asked for", () => {
		const text = "text that no poke names is no site";
		expect(verdict(["cpu: main", "agent: publish word 1"]).assumptions).not.toContain(text);
		expect(verdict(["cpu: main", "agent: store main 00", "always: fault"]).assumptions).not.toContain(text);
	});

	test.each([
		["arm", true],
		["x86", false],
	])("that a probe's copy of a page is complete is assumed on %s: %s", (model, assumed) => {
		const text = readFileSync("fixtures/check/probes/insert-emulated.s", "utf8").replace(
			/^# model: .*/m,
			`# model: ${model}`,
		);
		const { assumptions } = check(readScenario(text, "insert-emulated"));
		expect(assumptions.includes("a page that a probe copies is complete when it is mapped")).toBe(assumed);
	});

	test("that no NMI comes is not assumed where one may", () => {
		expect(verdict(["cpu: main", "nmi: other"]).assumptions).not.toContain("no NMI comes");
	});

	test("a named model is no assumption", () => {
		expect(verdict(["model: x86", "cpu: main"]).assumptions.join()).not.toContain("the model is");
	});
});

test("a long store where a CPU may execute breaks w^x, and is an error where nobody asks about that", () => {
	const file = "fixtures/check/execmem/rw-then-rox.s";
	const without = readFileSync(file, "utf8").replace("by unmap", "by unmap without restrict none");
	expect(check(readScenario(without, file))).toMatchObject({ verdict: "unsafe", property: "w^x" });
	const unasked = readScenario(without.replace("# cpu:", "# always: fault\n# cpu:"), file);
	expect(() => check(unasked)).toThrow(/'poison code 4096' stores many bytes at once where a CPU may execute/);
});

describe("what was never exercised", () => {
	test("is said of sites, CPUs and ends of functions", () => {
		expect(fixture("unexercised").unexercised).toEqual([
			"the site beyond, where no CPU comes",
			"the CPUs of sleeper, which execute nothing",
			"what follows caller, which returns and halts its CPU",
			"the end of a function: a CPU runs on from open into sleeper",
			"never, which nothing here can break",
		]);
	});

	test("is nothing where all was", () => {
		expect(fixture("text-poke").unexercised).toEqual([]);
		expect(fixture("litmus/sb").unexercised).toEqual([]);
	});

	test("is an outcome that contradicts itself, or a part of it that never holds", () => {
		const both = verdict(["model: x86", "cpu: main", "exists: 0:r1=1 & 0:r1=0x2"]);
		expect(both).toMatchObject({ verdict: "forbidden" });
		expect(both.unexercised).toContain("the outcome, which is never possible: 0:r1 cannot be 1 and 2 at once");
		const never = verdict(["model: x86", "cpu: main", "exists: 0:r0=0 & 0:r1=5"]);
		expect(never.unexercised).toEqual(["0:r1=5, which holds in no end"]);
	});

	test("is every property where nothing happens", () => {
		expect(verdict(["model: x86", "cpu: main"]).unexercised.join()).toContain("stale, which nothing here can break");
	});
});

test.each(["update", "reset", "toggle", "traceEntry", "traceReturn"] as const)(
	"a program that asks its host for '%s' is an error: no state could hold that",
	(name) => {
		const code = program.replace("nop", `ecall ${HostCall[name]}`);
		expect(() => verdict(["model: x86", "cpu: main"], code)).toThrow(
			`the program asks its host for '${name}' (ecall ${HostCall[name]}) before `,
		);
	},
);

test("a program may print, and ask what a key calls", () => {
	const code = program.replace("nop", `movi r0, 1\n\tecall ${HostCall.printInt}\n\tecall ${HostCall.printEnd}`);
	expect(verdict(["model: x86", "cpu: main"], code).verdict).toBe("safe");
});

test("an outcome is decimal or hexadecimal, signed or unsigned, and 32 bits", () => {
	for (const value of ["0xffffffff", "4294967295", "-1", "-0x1"]) {
		const code = program.replace("nop", "movi r1, -1");
		expect(verdict(["model: x86", "cpu: main", `exists: 0:r1=${value}`], code).verdict).toBe("allowed");
	}
	expect(() => verdict(["cpu: main", "exists: 0:r1=0x100000000"])).toThrow(
		"mine.s:2: 0x100000000 is not in [-2147483648",
	);
});

test.each([
	["0 main", "mine.s:1: 0 CPUs are not one or more"],
	["300 main", "mine.s:1: 300 CPUs are too many; a scenario has at most 64"],
])("cpu: %s", (cpus, message) => {
	expect(() => verdict([`cpu: ${cpus}`])).toThrow(message);
});

describe("all ends", () => {
	const ends = (name: string, model?: string): unknown => {
		const scenario = readScenario(readFileSync(`fixtures/check/${name}.s`, "utf8"), name);
		return check(model === undefined ? scenario : { ...scenario, model }, { outcomes: true }).outcomes?.map(
			({ values }) => Object.values(values).join(),
		);
	};

	test("are those of the literature", () => {
		expect(ends("litmus/sb", "x86")).toEqual(["0,1", "1,0", "1,1"]);
		expect(ends("litmus/sb", "x86-tso")).toEqual(["0,0", "0,1", "1,0", "1,1"]);
	});

	test("are of every register that is used where no outcome is asked for, and count states", () => {
		const code = program.replace("nop", "cpuid r1");
		const { outcomes } = check(readScenario(`# model: x86\n# cpu: 2 main\n${code}`, "mine.s"), { outcomes: true });
		expect(outcomes).toEqual([{ values: { "1:r1": 1 }, states: 1 }]);
	});

	test("have no value of a word that is not mapped any more", () => {
		const header = "# model: x86\n# cpu: main\n# agent: map x none\n# exists: x=0 & 0:r1=0\n";
		const data = "\t.data\n\t.align 4096\nx:\t.word 0\n";
		const { outcomes } = check(readScenario(`${header}${program}${data}`, "mine.s"), { outcomes: true });
		expect(outcomes).toEqual([{ values: { "0:r1": 0 }, states: 1 }]);
	});

	test("are printed", async () => {
		const { out } = await cli("check", "fixtures/check/litmus/sb.s", "--model", "x86", "--outcomes");
		expect(out).toMatch(/^ {2}States 3\n +\d+ {2}0:r1=0; 1:r1=1;$/m);
	});

	test("are not guessed where a bound is hit", () => {
		const scenario = readScenario(readFileSync("fixtures/check/litmus/sb.s", "utf8"), "sb.s");
		const verdict = check(scenario, { outcomes: true, bounds: { states: 5 } });
		expect(verdict).toMatchObject({ verdict: "undecided" });
		expect(verdict.outcomes).toBeUndefined();
	});
});

describe("a counterexample", () => {
	const naive = fixture("naive");

	test("names places and says what becomes of a site", () => {
		expect(naive.trace![1]!.text).toMatch(/^store site /);
		expect(naive.trace![1]!.sites[0]).toMatchObject({ place: "site", change: "call fifo → deadline" });
		expect(fixture("museum/xol-fence-i-broken").trace![0]!.text).toBe("store slot+2 02 00 00 00");
	});

	test("says which bytes were old, who replaced them, and why they could be fetched", () => {
		expect(naive.trace!.at(-1)!.older).toMatch(
			/^byte \d is older than memory: patcher0 replaced it \(store site [0-9a-f ]+\), and cpu0 has executed no instruction barrier since$/,
		);
	});

	test("has its merged steps, and goes the same way again", () => {
		const broken = fixture("museum/xol-fence-i-broken");
		expect(broken.trace!.flatMap(({ merged = [] }) => merged)).toContain("task+17: jmp slot");
		expect(replay(broken)).toEqual(broken.trace);
	});

	test("shows them with --all-steps only", async () => {
		const file = "fixtures/check/museum/xol-fence-i-broken.s";
		expect((await cli("check", file)).out).toMatch(/\(and 3 more\)/);
		const all = (await cli("check", file, "--all-steps")).out;
		expect(all).not.toMatch(/and \d more/);
		expect(all).toMatch(/^ +task\+17: jmp slot$/m);
	});
});
