// Modules loaded into running systems, and unloaded again.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { assemble, compile } from "../../linker/compile/index.ts";
import type { ElfObject } from "../../linker/elf/index.ts";
import { decode, disassemble } from "../../linker/isa/index.ts";
import { type Image, link, staticCallModes } from "../../linker/link/index.ts";
import { AREA } from "../../runtime/execmem/memory-types.ts";
import { openExecmem } from "../../runtime/execmem/open-execmem.ts";
import { readVirtual } from "../../runtime/machine/memory.ts";
import { extentOf } from "../../runtime/machine/page-table.ts";
import { createModules, loadModule, type Module, type Modules, unloadModule } from "../../runtime/module/index.ts";
import { calls } from "../../runtime/patch/change/site-forms.ts";
import { word } from "../../runtime/patch/change/slots.ts";
import {
	type BootOptions,
	boot,
	planUpdate,
	query,
	run,
	settle,
	staticCalls,
	textReserved,
} from "../../runtime/patch/index.ts";
import { createProbes, insert, instructionsOf, type Probe, remove } from "../../runtime/probe/index.ts";
import { everything, spread } from "../extent.ts";
import { runUnderNode } from "../language/programs.ts";
import { imageOf, modelNamed, type SystemOptions, systemOf, wordAt } from "../machines.ts";
import { SPARE, stateOf } from "./module-memory.ts";

const folder = fileURLToPath(new URL("../../fixtures/modules/", import.meta.url));
const source = (file: string): string => readFileSync(folder + file, "utf8");
const compiled = (file: string): ElfObject => {
	const resolve = (specifier: string) => ({ file: specifier.slice(2), source: source(specifier.slice(2)) });
	return compile(source(file), { file, resolve });
};
const [policy, shortest] = [compiled("policy.js"), compiled("shortest.js")];
const scheduler = link([compiled("scheduler.js")], { name: "scheduler" });
const assembled = (text: string, file = "mod.s"): ElfObject => assemble(text, { file });

const began = (image: Image = scheduler, options: SystemOptions = {}, memory = {}): Modules =>
	createModules(
		openExecmem(systemOf(image, { model: modelNamed("x86"), fetch: "stale", spare: SPARE, ...options }), memory),
	);

const loaded = (modules: Modules, ...objects: readonly ElfObject[]): Module => {
	const result = loadModule(modules, objects);
	if (!("name" in result)) throw new Error(JSON.stringify(result));
	return result;
};

const starts = (modules: Modules, cycles: number): Modules => {
	expect(run(modules.system, { cycles })).toEqual({ kind: "limit" });
	return modules;
};

/** Sites whose bytes do not call what their keys call. */
function staleSites({ system }: Modules): string[] {
	const { image, machine } = system;
	return image.sites.flatMap((site) => {
		const key = image.keys[site.key]!;
		const bytes = readVirtual(machine, 0, site.address, 5)!;
		return calls(image, key, site, bytes, word(system, key.address)) ? [] : [image.symbolize(site.address)!];
	});
}

describe("a module that is loaded before the start", () => {
	test.each(staticCallModes)("makes the program what Node makes of both, in mode %s", async (staticCalls) => {
		const start = `import { init } from "./policy.js"; import { main as run } from "./scheduler.js";
			export function main() { init(); run(); }`;
		const files = ["scheduler.js", "policy.js"].map((file) => [file, source(file)] as const);
		const expected = await runUnderNode({ main: "start.js", modules: new Map([...files, ["start.js", start]]) });
		const modules = began(link([compiled("scheduler.js")], { name: "scheduler", staticCalls }));
		loaded(modules, policy);
		expect(run(modules.system)).toEqual({ kind: "halted" });
		expect(modules.system.output).toEqual(expected);
		expect(expected).toContain("round 0 order 426513");
	});

	test("is known in every respect", () => {
		const modules = began();
		const { system } = modules;
		const { uses, pieces } = loaded(modules, policy);
		expect(uses).toEqual(["scheduler"]);
		expect(pieces.map(({ memory }) => memory)).toEqual(["text", "rodata", "data"]);
		const { image } = system;
		const earliest = image.symbolNamed("earliest")!.address;
		expect(query(system, "before")).toBe("earliest");
		expect(image.lines.at(earliest)).toMatchObject({ file: "policy.js" });
		expect(staticCalls(system).names).toContain("closer");
		expect(textReserved(system, earliest, earliest + 64)).toBe("closer");
		expect(image.symbolNamed("init")).toBeUndefined();
		expect(image.keys.find(({ name }) => name === "picked")!.sites).toHaveLength(2);
	});

	test("can be placed where no call reaches", () => {
		const modules = began(scheduler, {}, { reserved: [{ start: AREA, end: 0x2000_0000 }] });
		loaded(modules, policy);
		expect(modules.system.image.symbolNamed("earliest")!.address).toBeGreaterThanOrEqual(0x2000_0000);
		expect(run(modules.system)).toEqual({ kind: "halted" });
		expect(modules.system.output).toContain("round 0 order 426513");
	});
});

describe.each(spread(["riscv", "arm", "x86"], 3))("a program that runs on %s", (model) => {
	test("changes its ways when a module comes, and goes back to them when it leaves", () => {
		const modules = starts(began(scheduler, { model: modelNamed(model) }), 700);
		loaded(modules, policy);
		run(modules.system, { cycles: 4000 });
		expect(unloadModule(modules, "policy", { reset: true })).toMatchObject({ name: "policy" });
		expect(modules.system.image.parts).toHaveLength(1);
		expect(run(modules.system)).toEqual({ kind: "halted" });
		const orders = modules.system.output.flatMap((line) => /order (\d+)/.exec(line)?.[1] ?? []);
		expect([orders[0], orders.at(-1)]).toEqual(["123456", "123456"]);
		expect(orders).toContain("426513");
	});

	test("has every site at the current target, whenever a module comes", () => {
		for (let cycle = 10; cycle < 400; cycle += 13) {
			const modules = starts(
				began(toggling, { model: modelNamed(model), entries: ["main", "caller"], seed: cycle }),
				cycle,
			);
			loaded(modules, caller);
			expect(staleSites(modules)).toEqual([]);
			expect(run(modules.system, { cycles: cycle + 3000 })).toEqual({ kind: "limit" });
			settle(modules.system);
			expect(staleSites(modules)).toEqual([]);
			expect(wordAt(modules.system, "wrong")).toBe(0);
		}
	});
});

/** CPU 0 updates a key all the time, and says when an update has returned. */
const toggling = imageOf(`
	.global main, caller, wrong, now, one, two, __SCK__hook, __SCT__hook
	.static_call hook, null
	.static_call pick, one
	.global __SCK__pick, __SCT__pick
	.type main, @function
main:	movi r0, __SCK__pick
	movi r1, two
	movi r2, 2
	call turn
	movi r0, __SCK__pick
	movi r1, one
	movi r2, 1
	call turn
	jmp main
turn:	movi r13, 0
	st [r13+now], r13
	ecall 8
	st [r13+now], r2
	movi r3, 40
1:	addi r3, r3, -1
	cmpi r3, 0
	jne 1b
	ret
	.type caller, @function
caller:	call __SCT__hook
	jmp caller
	.type one, @function
one:	movi r0, 1
	ret
	.type two, @function
two:	movi r0, 2
	ret
	.data
now:	.word 0
wrong:	.word 0
`);
/** Calls the key between two looks at what it is said to call. */
const caller = assembled(
	`
	.type visit, @function
visit:	movi r13, 0
	ld r4, [r13+now]
	call __SCT__pick
	ld r5, [r13+now]
	cmp r4, r5
	jne 1f
	cmpi r4, 0
	jeq 1f
	cmp r0, r4
	jeq 1f
	st [r13+wrong], r4
1:	ret
	.section .init.text, "ax"
	.type init, @function
init:	movi r0, __SCK__hook
	movi r1, visit
	ecall 8
	movi r0, 0
	ret
`,
	"caller.s",
);

describe("unloading", () => {
	test("is refused while somebody calls the module, or stands on it", () => {
		const modules = began();
		loaded(modules, policy);
		loaded(modules, shortest);
		const before = stateOf(modules);
		expect(unloadModule(modules, "policy", { reset: true })).toEqual({ refused: "policy: 'shortest' uses it" });
		expect(unloadModule(modules, "shortest")).toEqual({ refused: "shortest: 'before' calls it", callers: ["before"] });
		expect(() => unloadModule(modules, "polcy")).toThrow("polcy: no such module is loaded (did you mean 'policy'?)");
		expect(stateOf(modules)).toEqual(before);
	});

	test("makes its functions no targets any more, though other text is on their page", () => {
		const modules = began();
		const { system } = modules;
		loaded(modules, policy);
		loaded(modules, assembled(".global other\n.type other, @function\nother: ret\n", "other.s"));
		const [key, to] = [
			system.image.symbolNamed("__SCK__before")!.address,
			system.image.symbolNamed("earliest")!.address,
		];
		unloadModule(modules, "policy", { reset: true });
		expect(planUpdate(system, [{ key, to }], system.protocol)).toEqual({
			refused: `'before' cannot call 0x${to.toString(16)}: nobody's text is there`,
		});
	});

	test("leaves nothing behind", () => {
		const modules = began();
		const before = stateOf(modules);
		loaded(modules, policy);
		loaded(modules, shortest);
		expect(stateOf(modules)).not.toEqual(before);
		for (const name of ["shortest", "policy"])
			expect(unloadModule(modules, name, { reset: true })).toMatchObject({ name });
		expect(stateOf(modules)).toEqual(before);
	});

	test("waits for whoever is in the module, and cannot be overtaken", () => {
		for (let cycle = 100; cycle < 600; cycle += 41) {
			const modules = began(visited, { entries: ["main", "main"], seed: cycle });
			loaded(modules, visitor);
			starts(modules, cycle);
			expect(unloadModule(modules, "visitor", { reset: true })).toMatchObject({ name: "visitor" });
			expect(run(modules.system, { cycles: cycle + 5000 })).toEqual({ kind: "limit" });
		}
	});

	test("gives up when nobody leaves", () => {
		const modules = began(visited, { entries: ["main"] });
		loaded(modules, assembled(visitorSource.replace("40", "0x7fffffff"), "visitor.s"));
		starts(modules, 500);
		expect(unloadModule(modules, "visitor", { reset: true, cycles: 5000 })).toEqual({ ended: { kind: "limit" } });
		expect(modules.system.image.parts).toHaveLength(2);
	});
});

const visited = imageOf(`
	.global main, back, __SCK__hook, __SCT__hook
	.static_call hook, null
	.type main, @function
main:	call __SCT__hook
	jmp main
	.type back, @function
back:	ret
`);
const visitorSource = `
	.type visit, @function
visit:	movi r3, 40
1:	call back
	addi r3, r3, -1
	cmpi r3, 0
	jne 1b
	ret
	.section .init.text, "ax"
	.type init, @function
init:	movi r0, __SCK__hook
	movi r1, visit
	ecall 8
	movi r0, 0
	ret
`;
const visitor = assembled(visitorSource, "visitor.s");

describe("a load that fails changes nothing", () => {
	const initOf = (body: string): ElfObject =>
		assembled(
			`
	.global own
	.type own, @function
own:	ret
	.section .init.text, "ax"
	.type init, @function
init:	${body}
	.type early, @function
early:	ret
`,
			"bad.s",
		);
	const pointBefore = (to: string): string => `movi r0, __SCK__hook\n movi r1, ${to}\n ecall 8\n`;

	test.each([
		["init returns an error", "movi r0, -3\n ret", "bad: init returned -3"],
		["init traps", "brk", "bad: init trapped at init"],
		[
			"init fails after it pointed a key at the module",
			`${pointBefore("own")} movi r0, 1\n ret`,
			"bad: init returned 1",
		],
		["a key calls init text", `${pointBefore("early")} movi r0, 0\n ret`, "bad: init text: 'hook' calls it"],
	])("%s", (_, body, refused) => {
		for (const cycles of [0, 300]) {
			const modules = began(visited, { entries: ["main", "main"] });
			if (cycles > 0) starts(modules, cycles);
			const before = stateOf(modules);
			expect(loadModule(modules, [initOf(body)])).toEqual({ refused });
			expect(stateOf(modules)).toEqual(before);
			expect(run(modules.system, { cycles: cycles + 3000 })).toEqual({ kind: "limit" });
		}
	});

	test("it does not fit the program", () => {
		const modules = began();
		const before = stateOf(modules);
		expect(() => loadModule(modules, [assembled("x: call nobody\n")])).toThrow(
			"mod.s:(.text+0x1): 'nobody' is not defined",
		);
		expect(stateOf(modules)).toEqual(before);
	});
});

describe("an init function that nobody could call is refused", () => {
	const written = (text: string): ElfObject => compile(text, { file: "m.js" });

	test.each([
		["export function init() { return 0; }", "'init' is not in init text: begin it with \"init\";"],
		['export function init() { "init"; }', "returns a number, and this one is () -> nothing"],
		[
			'export function init(x) { "init"; return x; }',
			"no parameters and returns a number, and this one is (int) -> int",
		],
		['export function init() { "init"; return 1 < 2; }', "this one is () -> bool"],
	])("%s", (text, message) => {
		const modules = began();
		const before = stateOf(modules);
		expect(() => loadModule(modules, [written(text)])).toThrow(message);
		expect(stateOf(modules)).toEqual(before);
	});

	test("a function of its own that is called so is none", () => {
		loaded(began(), written("function init(x) { return x; } export function own() { return init(3); }"));
	});
});

test.runIf(everything)(
	"a module is probed like the program: its page of 2 MiB gives way to a small copy, and comes back",
	async () => {
		const modules = began();
		const { system } = modules;
		const text = loaded(modules, policy).pieces[0]!;
		const probes = createProbes(system, { outOfLine: "always" }, modules.execmem);
		const inside = [...instructionsOf(system.image)].filter(
			(at) => at >= text.address && at < text.address + text.bytes,
		);
		const placed = inside.map((at) => insert(probes, 0, at)).filter((one): one is Probe => "hits" in one);
		expect(placed.length).toBeGreaterThan(5);
		expect(extentOf(system.machine, 0, text.address)!.bytes).toBe(4096);
		expect(unloadModule(modules, "policy")).toMatchObject({ refused: /probe/ });
		expect(run(system)).toEqual({ kind: "halted" });
		expect(placed.some(({ hits }) => hits > 0)).toBe(true);
		const plain = began();
		loaded(plain, policy);
		expect(run(plain.system)).toEqual({ kind: "halted" });
		expect(system.output).toEqual(plain.system.output);
		for (const probe of placed) expect(remove(probes, probe)).toBeUndefined();
		expect(readVirtual(system.machine, 0, text.address, 64)).toEqual(
			readVirtual(plain.system.machine, 0, text.address, 64),
		);
	},
);

describe("what a module leaves open", () => {
	const native = assembled(`
	.global main, op
	.type main, @function
main:	hlt
	.size main, . - main
	.type work, @function
work:	addi r1, r1, 1
	ret
	.size work, . - work
	.paravirt op, work
`);
	const open = assembled(`
	.global entered
	.type entered, @function
entered: .pv_call op, 8
	.alternative
	movi r0, 1
	.replacement fast
	movi r0, 2
	.endalternative
	ret
	.size entered, . - entered
`);
	const code = (options: BootOptions | undefined): string[] => {
		const modules = began(link([native], { name: "program", entry: "main" }));
		if (options !== undefined) boot(modules.system, options);
		loaded(modules, open);
		const { machine, image } = modules.system;
		const start = image.symbolNamed("entered")!.address;
		const lines: string[] = [];
		for (let at = start; lines.at(-1) !== "ret"; ) {
			const instruction = decode(readVirtual(machine, 0, at, 6)!, 0)!;
			lines.push(disassemble(instruction, at, (to) => image.symbolize(to) ?? "?"));
			at += instruction.length;
		}
		return lines;
	};

	test("is settled as the program was, and stays open in one that was not", () => {
		const [indirect, ...rest] = code(undefined);
		expect(indirect).toMatch(/^callm/);
		expect(rest).toEqual(["nop", "nop", "nop", "movi r0, 1", "ret"]);
		expect(code({ modules: true })).toEqual(["addi r1, r1, 1", "nop", "nop", "movi r0, 1", "ret"]);
		const fast = code({ modules: true, features: ["fast"], inline: false });
		expect(fast).toEqual(["call 0x400001 <work>", "nop", "nop", "nop", "movi r0, 2", "ret"]);
		expect(() => code({ features: ["fast"] })).toThrow("no alternative asks for feature 'fast'");
	});
});
