// The language of scenarios: what its mistakes are told, and the parts of it that no fixture needs.

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { check, onEveryModel, readScenario, type Scenario } from "../../runtime/check/index.ts";

const program = `	.global main, other
	.type main, @function
main:	nop
	hlt
	.size main, . - main
	.type other, @function
other:	hlt
	.size other, . - other
	.data
word:	.word 0
`;

function scenario(...lines: string[]): Scenario {
	const header = ["cpu: main", ...lines].map((line) => `# ${line}\n`).join("");
	return readScenario(header + program, "mine.s");
}

test.each<[string, RegExp]>([
	["model: amr", /mine\.s:2: no model 'amr' .did you mean 'arm'/],
	["model: amr-tso", /mine\.s:2: no model 'amr' .did you mean 'arm'.*with -tso$/],
	["agent: strat 0", /mine\.s:2: no step 'strat' .did you mean 'start'/],
	["poke: min = other by breakpoint", /mine\.s:2: no label 'min' .did you mean 'main'/],
	["poke: main = other by brakpoint", /mine\.s:2: no protocol 'brakpoint' .did you mean 'breakpoint'/],
	["tso: maybe", /mine\.s:2: tso is 'yes' or 'no', not 'maybe'/],
	["redzone: wide", /mine\.s:2: redzone is a number of bytes, not 'wide'/],
	["agent: start 3", /'start cpu3': there is no cpu3/],
	["agent: exchange 0 1", /there is no cpu1/],
	["agent: serialize zero", /'zero' is no number/],
	["agent: after 4", /'after patcher4': there is no such patcher or agent/],
	["agent: kill 4", /'kill patcher4': there is no such patcher or agent/],
	["agent: store 0 cc", /'store 0x0 cc': no page of the program is at 0x0/],
	["agent: protect 0 none", /no page of the program is at 0x0/],
	["agent: remap 0 main", /no page of the program is at 0x0/],
	["agent: clean 0x7fffffff", /no page of the program is at 0x7fffffff/],
	["agent: store word 0x1", /'0x1' is no byte in hex/],
	["agent: store wrd 01", /no label 'wrd' .did you mean 'word'/],
	["agent: copy main word 99", /the program has no 99 bytes at 0x/],
	["agent: map word rwx", /'map word rwx': write map PLACE none\|r\|rw\|rx$/],
	["agent: vacate main", /mine\.s:2: 'vacate main': write vacate PLACE COUNT$/],
	["agent: after", /'after': write after PATCHER$/],
	["agent: copy main word", /'copy main word': write copy PLACE FROM COUNT$/],
	["agent: migrate 0", /'migrate 0': write migrate CPU CPU$/],
	["agent: publish word", /'publish word': write publish PLACE VALUE$/],
	["agent: store word", /'store word': write store PLACE BYTE\.\.\.$/],
	["agent: lock 1", /'lock 1': write lock$/],
	["agent: interrupt serialise", /write interrupt serialize\|flush\|park\|park-interruptible\|serialize-at-rest$/],
	[
		"agent: copyToUserPage word 1 2",
		/write copyToUserPage PLACE BYTE\.\.\. \[equal\] by CPU \[of CPU\.\.\.\] \[threads N\] \[pinned\]$/,
	],
	["agent: exchange 0 0 serialise", /write exchange CPU CPU \[serialize\]$/],
	["probe: man stay", /mine\.s:2: no label 'man'/],
	["never: nowhere", /no label 'nowhere'/],
	["exists: r0=1", /'r0=1' is not CPU:REGISTER=VALUE or LABEL=VALUE|no label 'r0'/],
	["exists: 1:r0=1", /there is no 1:r0/],
	["exists: 0:r16=1", /there is no 0:r16/],
	["also: x68 safe", /mine\.s:2: no model 'x68'/],
	["also: arm", /mine\.s:2: 'arm' is not 'MODEL EXPECTATION'/],
	["expect: fine", /mine\.s:2: 'fine' is not 'safe, N states'/],
	["reaches: nowhere", /no label 'nowhere'/],
	["alias: word = nowhere", /no label 'nowhere'/],
	["alias: word = main rx", /'word = main rx' is not 'WINDOW = TEXT \[rw\|r\|none\]'/],
	["cpu: nowhere", /no function 'nowhere' to start at$/],
	["Never: other", /a header has no 'Never' .did you mean 'never'/],
	["NEVER : other", /a header has no 'NEVER' .did you mean 'never'/],
	["never other", /write '# never: other', with a colon$/],
	["Never other", /write '# never: other', with a colon$/],
	["reaches main, other", /write '# reaches: main, other', with a colon$/],
	["CPU other", /write '# cpu: other', with a colon$/],
	["model arm", /write '# model: arm', with a colon$/],
	["exists 0:r0=1", /write '# exists: 0:r0=1', with a colon$/],
	["poke main = other by breakpoint", /write '# poke: main = other by breakpoint', with a colon$/],
	["pokes main = other by breakpoint", /write '# poke: main = other by breakpoint', with a colon$/],
	["agent store word 1", /write '# agent: store word 1', with a colon$/],
	["expect safe, 12 states", /write '# expect: safe, 12 states', with a colon$/],
	["forbid: other", /a header has no 'forbid' .did you mean 'never'/],
	["thread: main", /a header has no 'thread' .did you mean 'cpu'/],
	["note: beware", /a header has no 'note'; there are model, cpu.*; prose does not begin with 'WORD:'$/],
	["model: arm\n# model: x86", /'model:' is there already, at mine\.s:2; write it once$/],
	["expect: safe\n# expect: unsafe", /'expect:' is there already/],
	["also: arm safe\n# also: arm unsafe", /'arm' is there twice$/],
	["alias: word = main, word = other", /'word' is there twice$/],
	["alias: word", /'word' is not 'NAME = VALUE'$/],
	["alias: word = main = other", /is not 'NAME = VALUE'$/],
	["poke: main = other, main = other by breakpoint", /'main' is there twice$/],
	["never:", /no label is named$/],
	["model: arm\n// never: other", /a header line begins with #: write '# never: other'$/],
])("%s", (line, message) => {
	expect(() => check(scenario(line))).toThrow(message);
	expect(() => check(scenario(line))).toThrow(/^mine\.s:[23]: /);
});

test.each([
	"agent stores 4 values, then says so",
	"CPU 0 starts after the page was mapped; CPU 1 never flushes",
	"never before was this safe",
	"fill levels do not matter",
	"MP and its kin say what they mean",
])("'%s' is prose", (line) => {
	expect(scenario(line).about).toBe(line);
});

test("a title may look like a header if it names a litmus test", () => {
	expect(readScenario(`# CoRR: st x 1\n# cpu: main\n${program}`, "mine.s").about).toBe("CoRR: st x 1");
	expect(() => scenario("CoRR: st x 1")).toThrow("mine.s:2: a header has no 'CoRR'");
});

test("a header below the first line of code is no comment", () => {
	expect(() => readScenario(`# cpu: main\n${program}# never: other\n`, "mine.s")).toThrow(
		"mine.s:12: 'never:' is below the first line of code; a header is above it",
	);
});

test("labels of several lines add up", () => {
	expect(scenario("never: main", "never: other").never).toEqual(["main", "other"]);
});

test("the first CPU starts somewhere", () => {
	expect(() => check(readScenario(`# cpu: nowhere\n${program}`, "mine.s"))).toThrow(
		"mine.s:1: no label 'nowhere' to start at",
	);
});

test.each(["release", "release unserialized"])("agent: %s", (step) => {
	expect(check(scenario(`agent: ${step}`)).verdict).toBe("safe");
});

describe("verdicts", () => {
	const verdictOf = (...lines: string[]): string => check(scenario(...lines)).verdict;

	test("an outcome of memory and registers is allowed or forbidden", () => {
		expect(verdictOf("agent: publish word 7", "exists: word=7 & 0:r0=0")).toBe("allowed");
		expect(verdictOf("agent: publish word 7", "exists: word=8")).toBe("forbidden");
	});

	test("a question about the end of a program without one is vacuous", () => {
		const endless = { ...scenario("exists: 0:r0=1"), program: program.replace("nop", "jmp main") };
		expect(check(endless)).toMatchObject({ verdict: "unsafe", property: "sometimes", why: "never happens: the end" });
	});

	test("a place that is never reached is missed, and one that is ruled out is found", () => {
		expect(check(scenario("reaches: other")).why).toBe("never happens: other");
		expect(verdictOf("cpu: other off", "agent: start 1", "sometimes: nothing")).toBe("safe");
	});

	test("a barrier that somebody gives a CPU is as good as its own", () => {
		const fixture = readScenario(readFileSync("fixtures/check/claims/h-fence.s", "utf8"), "h-fence.s");
		const [store, publish] = fixture.agents![0]!.steps as [string, string];
		const among = (...steps: string[]): string => check({ ...fixture, agents: [{ steps }] }).verdict;
		expect(among(store, publish)).toBe("unsafe");
		expect(among(store, "flush 0", publish)).toBe("unsafe");
		expect(among(store, "serialize 0", publish)).toBe("safe");
	});

	test.each<[string, RegExp]>([
		["ld r1, [r15-4]", /^mine\.s: cpu0 accesses 4 bytes at 4 below its stack pointer near main\+0x.*'# redzone: 4'/],
		["stb [r15-9], r1", /cpu0 accesses 1 bytes at 9 below its stack pointer.*'# redzone: 9'/],
		["movi r1, 0x6fffe000\n\tst [r1], r1", /below its stack pointer/],
	])("who looks below the stack pointer is told to declare it: %s", (line, message) => {
		const looking = (...lines: string[]): Scenario => ({
			...scenario("sometimes: nothing", ...lines),
			program: program.replace("nop", line),
		});
		expect(() => check(looking())).toThrow(message);
		expect(check(looking("redzone: 4096")).verdict).toBe("safe");
	});

	test("an agent that stores below a stack pointer is told the same", () => {
		expect(() => check(scenario("agent: publish 0x6fffe800 1"))).toThrow(/patcher0 accesses 4 bytes at .* of cpu0/);
	});

	test("a program that takes its stack pointer for a number is explored without symmetry", () => {
		const taking = { ...scenario("cpu: 2 main"), program: program.replace("nop", "mov r1, r15\n\tld r2, [r13+word]") };
		expect(check(taking).reductions).toEqual({ symmetry: false, merge: true });
		const plain = { ...taking, program: program.replace("nop", "ld r2, [r13+word]") };
		expect(check(plain).reductions).toEqual({ symmetry: true, merge: true });
	});

	test("CPUs that know their number do not change places", () => {
		const numbered = program.replace("nop", "nop\n\tcpuid r1\n\tcpuid r1");
		const two = { ...scenario(), program: numbered, cpus: [{ entry: "main", count: 2 }] };
		const all = (symmetry: boolean): number => check(two, { reductions: { symmetry, merge: false } }).states;
		expect(all(true)).toBe(all(false));
	});
});

test("a header tells of several models", () => {
	const all = onEveryModel(scenario("model: arm", "expect: safe, 1 states", "also: x86-tso unsafe: torn, 3 steps"));
	expect(all.map(({ model, expect: expected }) => [model, expected])).toEqual([
		["arm", { verdict: "safe", states: 1 }],
		["x86-tso", { verdict: "unsafe", property: "torn", steps: 3 }],
	]);
});

test.each([
	["for itself", ["agent: after 0; store word 1", "agent: after 0; store word 2"]],
	["in a circle", ["agent: after 1; store word 1", "agent: after 0; store word 2", "agent: after 1; store word 3"]],
])("who waits %s never finishes", (_, agents) => {
	expect(check(scenario(...agents))).toMatchObject({ verdict: "unsafe", property: "finish" });
});
