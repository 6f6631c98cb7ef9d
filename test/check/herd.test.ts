// Litmus tests as herd7 writes them: the verdicts that are published, what is refused and where, and what is printed.
//
// With LITMUS_TESTS=FOLDER all tests of herdtools7's catalogue of instruction fetching are read where they lie; the folder has `kinds.txt`,
// a line for each test with its name and its published verdict.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { LinkError } from "../../linker/errors.ts";
import { check, herdText, inWordsOf, readLitmusScenario, readScenario } from "../../runtime/check/index.ts";
import { models, variants } from "../../runtime/machine/models/index.ts";
import { cli } from "../cli/command-line.ts";

const folder = "fixtures/check/herd";
const textOf = (name: string): string => readFileSync(`${folder}/${name}.litmus`, "utf8");
const read = (text: string) => readLitmusScenario(text, "t.litmus");
const verdictOf = (text: string): string => check(read(text).scenario).verdict;

/** Verdicts from "ARMv8-A system semantics" and herdtools7's catalogue; those of RISC-V from the manual's chapter on fence.i. */
const published: Readonly<Record<string, string>> = {
	SM: "allowed",
	"SM+cachesync-isb": "forbidden",
	CoFF: "allowed",
	"IDC.CoFF": "allowed",
	"DIC.CoFF": "forbidden",
	"MP.RF+cachesync+ctrl-isb": "forbidden",
	"MP.FF+dmb.st+cachesync": "allowed",
	miniJit: "allowed",
	"SM+fence.i": "forbidden",
	"MP.RF+fence.w.w+fence": "allowed",
	// That it ends otherwise is forbidden.
	forall: "forbidden",
};

describe("verdicts", () => {
	test.each(readdirSync(folder).map((file) => file.replace(/\.litmus$/, "")))("%s is as published", (name) => {
		expect(verdictOf(textOf(name))).toBe(published[name]);
	});

	const twins = {
		SM: "sm",
		CoFF: "coff",
		"MP.RF+cachesync+ctrl-isb": "mp.rf-cachesync-ctrl-isb",
		miniJit: "minijit01",
	};
	test.each(Object.entries(twins))("%s has the verdicts of its twin in toy assembly, on every model", (name, twin) => {
		const { scenario } = read(textOf(name));
		const other = readScenario(readFileSync(`fixtures/check/litmus/${twin}.s`, "utf8"), twin);
		for (const model of [...models, ...variants].filter(({ name }) => name !== "ideal"))
			expect({ model: model.name, verdict: check({ ...scenario, model }).verdict }).toEqual({
				model: model.name,
				verdict: check({ ...other, model }).verdict,
			});
	});

	test("without a step that it needs a forbidden end is seen", () => {
		const whole = textOf("MP.RF+cachesync+ctrl-isb");
		for (const step of ["DC CVAU,X1 ", "IC IVAU,X1 ", "ISB"])
			expect(verdictOf(whole.replace(` ${step}`, " NOP".padEnd(step.length + 1))), step).toBe("allowed");
	});
});

const catalogue = process.env.LITMUS_TESTS ?? "";
if (catalogue === "") console.warn("skipped: herdtools7's catalogue; LITMUS_TESTS=FOLDER names it");

describe.skipIf(!existsSync(`${catalogue}/kinds.txt`))("herdtools7's catalogue", () => {
	test("nothing forbidden is shown, and of what is allowed at most ten are not", () => {
		const lines = readFileSync(`${catalogue}/kinds.txt`, "utf8").trim().split("\n");
		const kinds = new Map(lines.map((line) => line.trim().split(/\s+/) as [string, string]));
		const unseen: string[] = [];
		const refused: string[] = [];
		for (const file of readdirSync(catalogue, { recursive: true, encoding: "utf8" })) {
			const name = /([^/]*)\.litmus$/.exec(file)?.[1];
			const kind = kinds.get(name ?? "");
			if (kind === undefined) continue;
			try {
				const verdict = verdictOf(readFileSync(`${catalogue}/${file}`, "utf8"));
				if (kind === "Forbidden") expect({ name, verdict }).toEqual({ name, verdict: "forbidden" });
				else if (verdict !== "allowed") unseen.push(name!);
			} catch (error) {
				if (!(error instanceof LinkError)) throw error;
				refused.push(error.message);
			}
		}
		console.info(`not shown: ${unseen.join(", ")}\nrefused: ${refused.length}`);
		expect(unseen.length).toBeLessThanOrEqual(10);
		for (const why of refused) expect(why).toMatch(/^t\.litmus:\d+: /);
	});
});

const simple = (init: string, code: string, question: string): string =>
	`AArch64 T\n{\n${init}\n}\n P0 ;\n${code
		.split("\n")
		.map((line) => ` ${line} ;`)
		.join("\n")}\n${question}\n`;

describe("what cannot be represented is refused with its line", () => {
	test.each([
		[
			"an instruction",
			simple("0:X1=x;", "STR W0,[X1]\nLDXR W0,[X1]", "exists x=0"),
			"7: 'LDXR W0,[X1]' is not an instruction that is modelled",
		],
		[
			"another thread",
			simple("", "NOP", "exists x=0").replace("P0", "P0.F"),
			"5: 'P0.F' is no thread that is modelled: P0, P1, ...",
		],
		[
			"an initial value",
			simple("pte_x=(oa:phy_x);", "NOP", "exists x=0"),
			'3: \'(oa:phy_x)\' is no value: a number, x, P1:L0, instr:"NOP" or label:"P1:L0"',
		],
		[
			"a pointer that is computed",
			simple("0:X1=P0:f;", "ADD X1,X1,#4\nf: NOP", "exists x=0"),
			"6: 'ADD X1,X1,#4' is not modelled: it computes with a pointer",
		],
		[
			"an index that is no zero",
			simple("0:X1=x; 0:X2=4;", "LDR W3,[X1,W2,SXTW]", "exists x=0"),
			"6: 'LDR W3,[X1,W2,SXTW]' is not modelled: W2 may be another number than zero",
		],
		[
			"two instructions at once",
			simple("0:X1=P0:f;", "STR X0,[X1]\nf: NOP", "exists x=0"),
			"6: 'STR X0,[X1]' is not modelled: eight bytes of code are two instructions",
		],
		[
			"flags that are lost",
			simple("", "CMP X0,X1\nCBZ X2,f\nf: CSET W0,EQ", "exists x=0"),
			"8: 'CSET W0,EQ' in P0 is not modelled: no comparison stands right before it",
		],
		["a label that is not there", simple("0:X1=P0:g;", "NOP", "exists x=0"), "3: there is no label P0:g"],
		["a register that is not there", simple("", "NOP", "exists 0:X31=0"), "7: 'X31' is no register of AArch64"],
		["a thread that is not there", simple("", "NOP", "exists 3:X1=0"), "7: there is no thread P3"],
		[
			"a fault",
			simple("0:X1=P0:f;", "f: NOP", "exists fault(P0:f)"),
			"7: 'fault(P0:f)' is no condition: write equations like 0:r1=1 or x=2, joined by & (/\\), | (\\/), ~ and parentheses",
		],
		[
			"a cache type",
			simple("", "NOP", "exists x=0").replace("T\n", "T\nCacheType=XYZ\n"),
			" CacheType has no 'XYZ'; there are DIC and IDC",
		],
		[
			"an architecture",
			simple("", "NOP", "exists x=0").replace("AArch64", "PPC"),
			"1: no architecture 'PPC'; there are AArch64, RISCV",
		],
		["a comment without end", "AArch64 T (* {}", " a comment '(*' has no '*)'"],
	])("%s", (_, text, message) => {
		expect(() => read(text)).toThrow(new LinkError(`t.litmus:${message}`));
	});
});

describe("what is printed", () => {
	test("the ends, as herd7 does", () => {
		const all = read(textOf("forall"));
		expect(herdText(all, check(all.scenario, { outcomes: true })).split("\n")).toEqual([
			"Test forall Required",
			"States 4",
			'1:X2=instr:"NOP"; 1:X9=0;',
			'1:X2=instr:"NOP"; 1:X9=1;',
			'1:X2=instr:"B .+8"; 1:X9=0;',
			'1:X2=instr:"B .+8"; 1:X9=1;',
			"Ok",
			"Witnesses",
			"Positive: 4 Negative: 0",
			'Condition forall (1:X2=instr:"NOP" \\/ 1:X2=instr:"B .+8")',
			"Observation forall Always 4 0",
			"",
		]);
	});

	test("a counterexample in the words of the test", () => {
		const jit = read(textOf("miniJit"));
		const { trace = [], why } = inWordsOf(jit, check(jit.scenario));
		expect(why).toBe("1:X9=2");
		expect(trace.map(({ who, text, fetched }) => [who, text, fetched ?? ""].join(" ").trim())).toEqual([
			"cpu0 STR W0,[X1]",
			"cpu0 DC CVAU,X1",
			"cpu0 DSB ISH",
			"cpu0 IC IVAU,X1",
			"cpu0 DSB ISH",
			"cpu0 STR X1,[X3]",
			"cpu0 ends",
			"cpu0 its oldest store reaches memory",
			"cpu1 LDR X1,[X3]",
			"cpu1 P1:f: B .+12 B .+12",
			"cpu1 B .+12",
			"cpu1 ends",
		]);
	});

	test("by the command line", async () => {
		const forbidden = await cli("check", `${folder}/SM+cachesync-isb.litmus`);
		expect(forbidden).toMatchObject({ code: 0, err: "" });
		expect(forbidden.out).toMatch(/^SM\+cachesync-isb \(AArch64\)\n\nforbidden {2}.*arm-tso/);
		const herd = await cli("check", `${folder}/SM.litmus`, "--herd");
		expect(herd.code).toBe(1);
		expect(herd.out).toContain("Observation SM Sometimes 1 1\n");
		expect((await cli("check", "fixtures/check/naive.s", "--herd")).code).toBe(2);
	});
});

describe("RISC-V", () => {
	const riscv = (code: string, question: string): string =>
		`RISCV T\n{\n0:x5=P0:f; 0:x6=1; 0:x8=x;\n}\n P0 ;\n${code
			.split("\n")
			.map((line) => ` ${line} ;`)
			.join("\n")}\nf: ;\n${question}\n`;

	test.each([
		["jalr x0,0(x5)\nli x6,2", "0:x6=1"],
		["jalr zero, x5, 0\nli x6,2", "0:x6=1"],
		["jalr ra,0(x5)\nli x6,2", "0:x6=1"],
		["la x7,f\njr x7\nli x6,2", "0:x6=1"],
		["sw x6,0(x8)\nfence w,r\nlwu a0,0(x8)", "0:x10=1 /\\ x=1"],
		["bne x6,x0,f\nli x6,2", "0:x6=1"],
		["beqz x6,f\nli x6,2", "0:x6=2"],
		["xor x7,x5,x5\nadd x8,x8,x7\nsw x6,0(x8)", "x=1"],
		["addi x0,x6,1\nadd x6,x6,x0", "0:x6=1"],
	])("%j ends with %s alone", (code, end) => {
		expect(verdictOf(riscv(code, `exists ${end}`))).toBe("allowed");
		expect(verdictOf(riscv(code, `exists ~(${end})`))).toBe("forbidden");
	});

	test.each(["addi x5,x5,4", "add x5,x5,x6", "sd x6,0(x5)", "lw x7,4(x5)", "csrr x5,mstatus"])(
		"%s is refused",
		(code) => {
			expect(() => verdictOf(riscv(code, "exists x=0"))).toThrow(/^t\.litmus:6: '.*' is not/);
		},
	);
});

describe("conditions", () => {
	const ends = (condition: string): string => verdictOf(simple("0:X1=x; 0:X2=1;", "STR W2,[X1]\nMOV W3,#2", condition));

	test.each([
		["exists x=1", "allowed"],
		["exists (x=1 /\\ 0:X3=2)", "allowed"],
		["exists x=1 /\\ 0:X3=1", "forbidden"],
		["exists x=0x1 /\\ (0:X3=1 \\/ 0:X3=2)", "allowed"],
		["exists ~(x=1)", "forbidden"],
		["exists not (x=0 \\/ 0:X3=0)", "allowed"],
		["exists ~(x=1 /\\ 0:X3=2)", "forbidden"],
		["~exists x=1", "allowed"],
		["forall x=1 \\/ x=2", "forbidden"],
		["forall x=2", "allowed"],
		["locations [0:X3; x;]", "allowed"],
		["exists true", "allowed"],
	])("%s: %s", (condition, verdict) => {
		expect(ends(condition)).toBe(verdict);
	});

	test.each(["exists", "exists x=", "exists x=1 /\\", "exists (x=1", "exists x=1)", "exists x==1", "exists x=1 y=1"])(
		"'%s' is an error",
		(condition) => {
			expect(() => ends(condition)).toThrow(LinkError);
		},
	);
});
