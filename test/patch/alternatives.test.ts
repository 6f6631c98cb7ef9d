// Alternatives: what stands at a place after boot for which features, and what the assembler, the linker and boot refuse.

import { describe, expect, test } from "vitest";
import { readElf, writeElf } from "../../linker/elf/index.ts";
import { decode, disassemble } from "../../linker/isa/index.ts";
import { type Image, readImage } from "../../linker/link/index.ts";
import { alternatives } from "../../linker/sites/index.ts";
import { readVirtual, writePhysical } from "../../runtime/machine/memory.ts";
import { aliasOf } from "../../runtime/machine/page-table.ts";
import { type BootOptions, boot, planBoot, run } from "../../runtime/patch/index.ts";
import { imageOf, systemOf, wordAt } from "../machines.ts";

const around = (body: string, more = "") => `
	.global main
	.type main, @function
main:	movi	r0, 7
${body}
	st	[r8 + out], r0
	hlt
	.size	main, . - main
	.type	hundredfold, @function
hundredfold:
	muli	r0, r0, 100
	ret
	.size	hundredfold, . - hundredfold
${more}
	.bss
out:	.zero	4`;

const two = around(`
	.alternative
	muli	r0, r0, 10
	.replacement shifts
	shli	r1, r0, 3
	shli	r0, r0, 1
	add	r0, r0, r1
	.replacement ~multiplier
	call	hundredfold
	.endalternative`);

function booted(image: Image, options: BootOptions = {}) {
	const system = systemOf(image);
	const { settled } = boot(system, options);
	const end = run(system, { cycles: 1e5 });
	return { system, end, forms: settled.map(({ form }) => form), result: wordAt(system, "out") };
}

/** The instructions of the first alternative. */
function codeAt(image: Image, options: BootOptions): string[] {
	const system = systemOf(image);
	boot(system, options);
	const { address, bytes } = image.alternatives[0]!;
	const code = readVirtual(system.machine, 0, address, bytes)!;
	const lines: string[] = [];
	for (let at = 0; at < bytes; ) {
		const instruction = decode(code, at)!;
		lines.push(disassemble(instruction, address + at));
		at += instruction.length;
	}
	return lines;
}

describe("with features", () => {
	const image = imageOf(two);

	test.each([
		[["multiplier"], ["original", "original"], 70],
		[["multiplier", "shifts"], ["replaced", "original"], 70],
		[[], ["original", "replaced"], 700],
		[["shifts"], ["replaced", "replaced"], 700],
	])("%j", (features, forms, result) => {
		expect(booted(image, { features })).toMatchObject({ end: { kind: "halted" }, forms, result });
	});

	test("without boot the original stands, filled up", () => {
		const system = systemOf(image);
		run(system, { cycles: 1e5 });
		expect(wordAt(system, "out")).toBe(70);
		expect(image.alternatives).toMatchObject([
			{ bytes: 15, replacementBytes: 15, feature: "shifts", wanted: true },
			{ bytes: 15, replacementBytes: 5, feature: "multiplier", wanted: false },
		]);
		expect(codeAt(image, { features: ["multiplier"] })).toEqual([
			"muli r0, r0, 10",
			"nop5",
			"nop",
			"nop",
			"nop",
			"nop",
		]);
	});

	test("a call goes where it went, and the rest does nothing", () => {
		const target = image.symbolNamed("hundredfold")!.address;
		expect(codeAt(image, {})).toEqual([`call 0x${target.toString(16)}`, "nop5", "nop5"]);
	});

	test("that nobody asks for are refused, and so are those that were decided", () => {
		const system = systemOf(image);
		expect(planBoot(system, { features: ["shift"] })).toEqual({
			refused: "no alternative asks for feature 'shift' (did you mean 'shifts'?)",
		});
		boot(system);
		expect(planBoot(system)).toMatchObject({ steps: [] });
		expect(planBoot(system, { features: ["shifts"] })).toEqual({
			refused: "the alternatives for 'shifts' were settled before",
		});
	});

	test("in a file that is read back", () => {
		const read = readImage(readElf(writeElf(image.elf), "again"));
		expect(read.alternatives).toEqual(image.alternatives);
		expect(alternatives(image.elf).map(({ section }) => image.elf.sections[section]!.name)).toEqual([".text", ".text"]);
	});
});

test("branches within a replacement move along, others do not; NOPs are merged where nobody jumps", () => {
	const image = imageOf(
		around(`
	.alternative
	nop
	.replacement branches
	cmpi	r0, 7
	jne	hundredfold
	jeq	1f
	nop
	nop
	nop
	nop
	nop
1:	nop
	nop
	nop
	nop
	nop
	jmp	2f
	nop
2:
	.endalternative`),
	);
	const { address } = image.alternatives[0]!;
	const to = (symbol: string) => `0x${image.symbolNamed(symbol)!.address.toString(16)}`;
	expect(codeAt(image, { features: ["branches"] })).toEqual([
		"cmpi r0, 7",
		`jne ${to("hundredfold")}`,
		`jeq 0x${(address + 21).toString(16)}`,
		"nop5",
		"nop5",
		`jmp 0x${(address + 32).toString(16)}`,
		"nop",
	]);
	expect(booted(image, { features: ["branches"] }).result).toBe(7);
});

test("one around others goes over them", () => {
	const image = imageOf(
		around(`
	.alternative
	addi	r0, r0, 1
	.alternative
	addi	r0, r0, 2
	.replacement inner
	addi	r0, r0, 20
	.endalternative
	.replacement outer
	addi	r0, r0, 300
	.endalternative`),
	);
	expect(image.alternatives.map(({ feature, bytes }) => [feature, bytes])).toEqual([
		["inner", 6],
		["outer", 12],
	]);
	for (const [features, result] of [
		[[], 10],
		[["inner"], 28],
		[["outer"], 307],
		[["inner", "outer"], 307],
	] as const)
		expect(booted(image, { features })).toMatchObject({ result });
});

test("a call of an operation goes with the original it is in", () => {
	const image = imageOf(
		around(`
	.paravirt op, hundredfold
	.alternative
	.pv_call op, 9
	.replacement own
	movi	r0, 1
	.endalternative`),
	);
	expect(booted(image, { features: ["own"] })).toMatchObject({ forms: ["replaced", "gone"], result: 1 });
	expect(booted(image)).toMatchObject({ forms: ["original", "inlined"], result: 700 });
});

test("an operation's function is inlined as its alternative has it", () => {
	const image = imageOf(
		around(
			`
	.paravirt op, f
	.pv_call op, 6`,
			`
	.type	f, @function
f:	.alternative
	addi	r0, r0, 1
	.replacement two
	addi	r0, r0, 2
	.endalternative
	ret
	.size	f, . - f`,
		),
	);
	expect(booted(image, { features: ["two"] })).toMatchObject({ forms: ["replaced", "inlined"], result: 9 });
	expect(booted(image)).toMatchObject({ forms: ["original", "inlined"], result: 8 });
});

describe("the linker refuses", () => {
	const alternative = `
	.alternative
	addi	r0, r0, 1
	addi	r0, r0, 2
inside:	addi	r0, r0, 3
	.replacement a
	nop
	.endalternative`;

	test.each([
		["a branch into the middle", around(`${alternative}\n	cmpi	r0, 3\n	jeq	inside`)],
		[
			"a branch from another replacement",
			around(`${alternative}\n	.alternative\n	nop\n	.replacement a\n	jmp	inside\n	.endalternative`),
		],
		["an address in data", around(alternative, "	.data\n	.word	inside")],
		["an address in an instruction", around(`${alternative}\n	movi	r3, inside`)],
	])("%s", (_, source) => {
		expect(() => imageOf(source)).toThrow(
			/^(test\.s:\d+:\d+|a\.out: 0x\w+ <.*>): leads into the middle of the alternative at test\.s:7:2$/,
		);
	});

	test("nothing that stays within, or comes to the first instruction", () => {
		const source = around(`
1:	.alternative
	addi	r0, r0, 1
	cmpi	r0, 12
	jlt	1b
2:	nop
	jmp	2f
	nop
2:	.replacement a
	movi	r0, 12
	.endalternative`);
		expect(booted(imageOf(source)).result).toBe(12);
		expect(booted(imageOf(source), { features: ["a"] }).result).toBe(12);
	});

	test.each([
		["a static call", "call	__SCT__key", "", "	.static_call key, hundredfold"],
		["a static call", "nop", "call	__SCT__key", "	.static_call key, hundredfold"],
		["a static branch", "here: .static_branch key, here", "", "	.static_key key, 0"],
		["a traced entry", ".entry_nop", "", ""],
		["a call of an operation", "nop", "here: .pv_call op", "	.paravirt op, hundredfold"],
	])("%s in one: %s | %s", (what, original, replacement, more) => {
		const body = `	.alternative\n	${original}\n	.replacement a\n	nop\n	${replacement}\n	.endalternative`;
		expect(() => imageOf(around(body, more))).toThrow(`${what} is in an alternative, which may replace it`);
	});

	test("one that begins in another and ends behind it", () => {
		const row = (site: string) => `	.word ${site}, instead, name\n	.byte 6, 1, 0, 0`;
		const table = (...sites: string[]) =>
			`	.section .altinstructions, "a", @progbits, 16\n${sites.map(row).join("\n")}\n	.rodata\nname:	.asciz "a"`;
		const body = `site:${"	nop\n".repeat(12)}instead:	nop`;
		expect(() => imageOf(around(body, table("site", "site + 3")))).toThrow(
			"test.s:8:2: begins inside the alternative at test.s:5:7 and ends behind it",
		);
		expect(imageOf(around(body, table("site", "site", "site + 6"))).alternatives).toHaveLength(3);
	});

	test("a call of an operation that is none", () => {
		const source = around(
			"site:	callm	[__PV__op]",
			'	.paravirt op, hundredfold\n	.section .pv_sites, "a", @progbits, 12\n	.word site + 1, __PV__op\n	.byte 5, 2, 0, 0',
		);
		expect(() => imageOf(source)).toThrow("test.s:5:7: is no call of operation 'op'");
	});
});

describe("boot refuses", () => {
	test("a replacement that does not reach from the original", () => {
		const far = around(
			`	.alternative\n	nop\n	.replacement a\n	call	far\n	.endalternative`,
			'	.section .far.text, "ax"\n	.type far, @function\n	.space 0x20\nfar:	ret',
		);
		const image = imageOf(far, { sectionStart: new Map([[".far.text", 0x840_0000]]) });
		expect(planBoot(systemOf(image), { features: ["a"] })).toMatchObject({
			refused: expect.stringMatching(
				/^alternative at test\.s:6:2: its replacement cannot be put there: from 0x400006 0x8400020 is out of reach: \d+ is not in \[-134217728, 134217728\)$/,
			),
		});
		expect(planBoot(systemOf(image))).toHaveProperty("settled");
	});

	test("an original that somebody changed", () => {
		const image = imageOf(two);
		const system = systemOf(image);
		const { machine } = system;
		writePhysical(machine, aliasOf(machine, 0, image.alternatives[0]!.address), Uint8Array.of(0xcc));
		expect(planBoot(system)).toEqual({ refused: "alternative at test.s:7:2 was changed by somebody else" });
	});
});

test.each([
	["	.replacement a", "there is no .alternative that this belongs to"],
	["f:	.alternative\n	nop", "this has no .endalternative"],
	["f:	.alternative\n	nop\n	.endalternative", "an alternative needs a .replacement"],
	["f:	.alternative\n	nop\n	.replacement a\n	.alternative", "there is no alternative to a replacement"],
	["f:	.alternative\n	.data\n	.replacement a", "the section changed within the alternative"],
	["	.data\n	.alternative", "section .data is not executable"],
	["	.alternative\n	nop\n	.replacement a\n	nop\n	.endalternative", "needs a label before it"],
	["f:	.alternative\n	nop\n	.replacement a\n	.zero 300, 0x90\n	.endalternative", "300 bytes are more than 255"],
	["f:	.alternative\n	nop\n	.replacement 3", "expected a name"],
	["	.pv_call op", "needs a label before it"],
	["f:	.pv_call op, 4", "4 is not in"],
	["f:	.pv_call op, 5, some", "expected none, result, all"],
])("the assembler refuses %j", (source, message) => {
	expect(() => imageOf(source)).toThrow(message);
});
