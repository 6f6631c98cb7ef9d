// What is settled at boot, by way of the command line; and docs/paravirt.md keeps its word.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { assemble, compile } from "../../linker/compile/index.ts";
import { link } from "../../linker/link/index.ts";
import { buildAll, execute } from "../language/modes.ts";
import { programNamed, runUnderNode } from "../language/programs.ts";
import { cli, inFolder } from "./command-line.ts";

const page = readFileSync("docs/paravirt.md", "utf8");
const program = "fixtures/programs/paravirt.js";
const { expected } = programNamed("paravirt");
const lines = (text: string) => text.trimEnd().split("\n");

const alternatives = `
	.global main
	.type main, @function
main:	movi	r0, 7
	.alternative
	muli	r0, r0, 10
	.replacement shift
	shli	r0, r0, 4
	.endalternative
	ecall	1
	ecall	4
	hlt
	.size	main, . - main
`;

async function withAlternatives<T>(use: (source: string, image: string) => Promise<T>): Promise<T> {
	return inFolder(async (folder) => {
		const source = join(folder, "alternatives.s");
		writeFileSync(source, alternatives);
		return use(source, join(folder, "alternatives.elf"));
	});
}

test("probe says that boot has settled what cannot be probed", async () => {
	const image = link([compile(readFileSync(program, "utf8"), { file: program })]);
	const inMain = image.operationCalls
		.map(({ address }) => image.symbolize(address)!)
		.find((at) => at.startsWith("main+"));
	const { code, err } = await cli("probe", program, "--at", inMain!);
	expect(code).toBe(3);
	expect(err).toMatch(
		/it is in the call of an operation at .*paravirt\.js:\d+:\d+, which was settled before the start\n$/,
	);
});

test.each([
	["probe", ["--at", "main"]],
	["trace", []],
])("%s leaves open what it is told to", async (name, more) => {
	const open = await cli(name, program, ...more, "--no-boot", "--json");
	expect((JSON.parse(open.out) as { output: string[] }).output).toEqual(expected);
	const { code, err } = await cli(name, program, ...more, "--no-boot", "--features", "shift");
	expect([code, err]).toEqual([2, "error: --features are for what is settled at boot, which is left out\n"]);
});

describe("run", () => {
	test("settles operations, unless it shall not", async () => {
		const settled = await cli("run", program, "--stats");
		expect([settled.code, lines(settled.out)]).toEqual([0, expected]);
		expect(settled.err).toContain("18 operation calls: 4 nothing, 7 inlined, 7 direct\n");
		const open = await cli("run", program, "--stats", "--no-boot");
		expect([open.code, lines(open.out)]).toEqual([0, expected]);
		expect(open.err).not.toContain("operation call");
		const cycles = (text: string) => Number(/([\d,]+) cycles/.exec(text)![1]!.replace(",", ""));
		expect(cycles(settled.err) * 2).toBeLessThan(cycles(open.err));
	});

	test("sets operations before the start, and then no more", async () => {
		const set = await cli("run", program, "--set", "slowPath=nothing", "--json");
		expect(JSON.parse(set.out)).toMatchObject({ output: expect.arrayContaining(["ticks 40 slow path 0"]) });
		const late = await cli("run", program, "--set", "slowPath=nothing@50");
		expect([late.code, late.err]).toEqual([
			3,
			`${program}: --set slowPath=nothing@50: the calls of 'slowPath' were settled before the start\n`,
		]);
		const unfit = await cli("run", program, "--set", "slowPath=mix");
		expect(unfit.err).toContain("'slowPath' is called as () -> nothing, but 'mix' is (int, int) -> int");
	});

	test("says where an operation that is null was called", async () => {
		const { code, err } = await cli("run", program, "--set", "clock=null");
		expect([code, lines(err)[0]]).toEqual([1, `${program}:124:11: BUG: operation 'clock' is null, and was called`]);
	});

	test("applies alternatives", async () => {
		await withAlternatives(async (source) => {
			expect(await cli("run", source)).toMatchObject({ code: 0, out: "70\n" });
			expect(await cli("run", source, "--features", "shift")).toMatchObject({ code: 0, out: "112\n" });
			expect(await cli("run", source, "--features", "shift,shaft")).toMatchObject({
				code: 3,
				err: `${source}: no alternative asks for feature 'shaft' (did you mean 'shift'?)\n`,
			});
			expect(await cli("run", source, "--features", "shift", "--no-boot")).toMatchObject({ code: 2 });
		});
	});
});

describe("patch", () => {
	test("settles in the file, once", async () => {
		await withAlternatives(async (source, image) => {
			await cli("link", source, "-o", image);
			const { code, out } = await cli("patch", image, "--boot", "--features", "shift", "--json");
			expect(code).toBe(0);
			expect(JSON.parse(out).settled).toEqual([
				{ kind: "alternative", name: "shift", address: 0x400006, bytes: 6, form: "replaced" },
			]);
			expect(await cli("run", image)).toMatchObject({ code: 0, out: "112\n" });
			expect(await cli("patch", image, "--boot")).toMatchObject({ code: 0, out: "nothing to change\n" });
			expect(await cli("run", image, "--features", "shift")).toMatchObject({
				code: 3,
				err: `${image}: the alternatives for 'shift' were settled before\n`,
			});
			expect((await cli("sites", image)).out).toMatch(
				/shift +alternative .* 6 +replaced by 6 bytes +yes +shli r0, r0, 4/,
			);
			expect((await cli("dump", image)).out).toContain("; alternative for shift: 6 bytes, settled\n");
		});
	});

	test("sets an operation, settles its calls, and takes neither back", async () => {
		await inFolder(async (folder) => {
			const image = join(folder, "paravirt.elf");
			await cli("link", program, "-o", image);
			const dry = await cli("patch", image, "--set", "slowPath=nothing", "--boot", "--dry-run");
			expect(dry.out).toContain("slowPath: __PVS__takeSlowPath -> nothing");
			expect(dry.out).toMatch(/operation +slowPath .* nothing$/m);
			await cli("patch", image, "--set", "slowPath=nothing");
			expect((await cli("run", image)).out).toContain("slow path 0");
			expect((await cli("patch", image, "--reset")).out).toContain("slowPath: nothing -> __PVS__takeSlowPath");
			expect(lines((await cli("run", image)).out)).toEqual(expected);
			await cli("patch", image, "--set", "slowPath=nothing", "--boot");
			const { code, err } = await cli("patch", image, "--reset");
			expect([code, err]).toEqual([3, `${image}: the calls of 'slowPath' were settled before the start\n`]);
		});
	});
});

test("sites and dump tell of what is open", async () => {
	const { out } = await cli("sites", program);
	expect(lines(out)[0]).toBe(`${program}: 18 operation calls, 0 alternatives`);
	expect(out).toMatch(
		/^saveFlags +operation +\S+:\d+:\d+ +\.text\+0x\w+ +mixed\+0x\w+ +12 +clobbers result +no +callm/m,
	);
	const { openings } = JSON.parse((await cli("sites", program, "--json")).out);
	expect(openings).toHaveLength(18);
	expect(openings[0]).toMatchObject({ kind: "operation", says: "clobbers result", settled: false });
	expect((await cli("dump", program)).out).toContain("; operation setEntry: 24 bytes, clobbers all\n");
});

describe("docs/paravirt.md", () => {
	test.each([[[]], [["--profile", "in-order"]], [["--set", "entryValue=translated"]]])(
		"has figures for %j",
		async (more) => {
			const { out } = await cli("compare", "fixtures/programs/page-walk.js", ...more);
			expect(page).toContain(
				lines(out)
					.map((line) => `    ${line}`)
					.join("\n"),
			);
		},
	);

	test("has the figures as JSON, and none for programs without operations", async () => {
		const { operations } = JSON.parse((await cli("compare", "fixtures/programs/page-walk.js", "--json")).out);
		expect(operations).toMatchObject({ operations: 1, places: 1, calls: 2048 });
		const [plain, , allSettled, , , settled] = operations.ways;
		expect(plain.extraPerCall).toBe(0);
		expect(Math.abs(allSettled.extraPerCall)).toBeLessThan(0.1);
		expect(settled.extraPerCall).toBeLessThan(-3);
		const other = JSON.parse((await cli("compare", "fixtures/programs/pick.js", "--json")).out);
		expect(other.operations).toBeUndefined();
	});

	test("shows a program that runs, and alternatives that assemble", async () => {
		const [, source] = /```js\n([\s\S]*?)```/.exec(page)!;
		const module = { main: "page.js", modules: new Map([["page.js", source!]]) };
		expect(await runUnderNode(module)).toEqual(["3"]);
		for (const image of buildAll(module).values()) expect(execute(image, undefined, {}).output).toEqual(["3"]);
		expect(() => compile(source!, { file: "page.js" })).not.toThrow();
		const [, asm] = /```asm\n([\s\S]*?)```/.exec(page)!;
		expect(() => assemble(`f:\n${asm}`, { file: "page.s" })).not.toThrow();
	});
});
