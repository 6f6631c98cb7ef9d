// Paravirt operations: what a call becomes at boot, who keeps which registers, and what is refused.

import { describe, expect, test } from "vitest";
import { compile } from "../../linker/compile/index.ts";
import { readElf, writeElf } from "../../linker/elf/index.ts";
import { decode } from "../../linker/isa/index.ts";
import { type Image, link, readImage } from "../../linker/link/index.ts";
import { operationCalls } from "../../linker/sites/index.ts";
import { models } from "../../runtime/machine/index.ts";
import { readVirtual } from "../../runtime/machine/memory.ts";
import {
	applyNow,
	type BootOptions,
	boot,
	change,
	early,
	planBoot,
	planUpdate,
	run,
	type System,
	staticCalls,
} from "../../runtime/patch/index.ts";
import { objectsOf } from "../language/modes.ts";
import { programNamed } from "../language/programs.ts";
import { imageOf, systemOf, wordAt } from "../machines.ts";

const around = (declarations: string, main = "print(op(3));") => `
import { paravirt, print, staticCall } from "patchbay/source";
let state = 5;
${declarations}
export function main() { ${main} }`;

function imageOfModule(source: string): Image {
	return link([compile(source, { file: "pv.js" })]);
}

/** The instructions at a call after boot, without what follows the first NOP. */
function codeAt({ machine, image }: System, index = 0): string[] {
	const { address, bytes } = image.operationCalls[index]!;
	const code = readVirtual(machine, 0, address, bytes)!;
	const found: string[] = [];
	for (let at = 0; at < bytes; ) {
		const { row, length } = decode(code, at)!;
		found.push(row.mnemonic);
		at += length;
	}
	return found;
}

function booted(image: Image, options: BootOptions = {}, set: Record<string, string | null> = {}) {
	const system = systemOf(image);
	const changes = Object.entries(set).map(([name, to]) => change(image, name, to));
	const update = planUpdate(system, changes, early);
	if ("refused" in update) throw new Error(update.refused);
	applyNow(system, update);
	const { settled } = boot(system, options);
	const code = image.operationCalls.map((_, i) => codeAt(system, i));
	const end = run(system, { cycles: 1e6 });
	return { system, forms: settled.map(({ form }) => form), code, output: system.output, end };
}

describe("a call becomes", () => {
	const forms: readonly [string, string, string, string[], BootOptions?][] = [
		[
			"nothing, for a function that does nothing with its argument",
			"function f(x) { return x; } const op = paravirt(f);",
			"nothing",
			["nop5"],
		],
		[
			"the function's instructions",
			"function f(x) { return (x + state) | 0; } const op = paravirt(f, { bytes: 15 });",
			"inlined",
			["movi", "ld", "add"],
		],
		[
			"them and NOPs",
			"function f(x) { return x << 2; } const op = paravirt(f, { bytes: 17 });",
			"inlined",
			["shli", "nop5", "nop5", "nop"],
		],
		[
			"a call of what is a byte too long",
			"function f(x) { return (x + state) | 0; } const op = paravirt(f, { bytes: 14 });",
			"direct",
			["call", "nop5", ...Array(4).fill("nop")],
		],
		[
			"a call if it shall",
			"function f(x) { return x << 2; } const op = paravirt(f, { bytes: 6 });",
			"direct",
			["call", "nop"],
			{ inline: false },
		],
		[
			"a call of what branches",
			"function f(x) { return x < 3 ? 1 : 0; } const op = paravirt(f, { bytes: 99 });",
			"direct",
			["call"],
		],
		[
			"a call of what may trap",
			"function f(x) { return x + 1; } const op = paravirt(f, { bytes: 10 });",
			"direct",
			["call", "nop5"],
		],
		[
			"a call of what is patched",
			"function g(x) { return x; } const key = staticCall(g); function f(x) { return (key(x) + key(1)) | 0; } const op = paravirt(f, { bytes: 99 });",
			"direct",
			["call"],
		],
	];
	test.each(forms)("%s", (_, declarations, form, code, options = {}) => {
		const image = imageOfModule(around(declarations));
		const unsettled = systemOf(image);
		expect(run(unsettled, { cycles: 1e6 }).kind).toBe("halted");
		const found = booted(image, options);
		expect([found.forms[0], found.code[0]!.slice(0, code.length)]).toEqual([form, code]);
		expect(found.output).toEqual(unsettled.output);
	});

	test("a call that is relocated, where the function calls", () => {
		const image = imageOf(`
	.global main
	.paravirt op, f
	.type main, @function
main:	movi	r0, 5
	.space	300, 0x90
	.pv_call op, 11
	st	[r8 + out], r0
	hlt
	.size	main, . - main
	.type	f, @function
f:	call	g
	addi	r0, r0, 1
	ret
	.size	f, . - f
	.type	g, @function
g:	muli	r0, r0, 10
	ret
	.size	g, . - g
	.bss
out:	.zero	4`);
		const { system, forms, code } = booted(image);
		expect([forms, code]).toEqual([["inlined"], [["call", "addi"]]]);
		expect(wordAt(system, "out")).toBe(51);
	});

	test("a breakpoint, where there is no function", () => {
		const declarations = "function like(x) { return x; } const op = paravirt(null, like, { bytes: 7 });";
		const image = imageOfModule(around(declarations));
		const { forms, code, end } = booted(image);
		expect([forms, code]).toEqual([["bug"], [Array(7).fill("brk")]]);
		expect(end).toMatchObject({ kind: "trapped", pc: image.operationCalls[0]!.address });
		expect(booted(image, {}, { op: "like" })).toMatchObject({ forms: ["nothing"], output: ["3"] });
	});

	test("what it was, where the function is out of reach", () => {
		const far = (distance: number) =>
			imageOf(
				`
	.global main
	.paravirt op, f
	.type main, @function
main:	.pv_call op, 6
	st	[r8 + out], r0
	hlt
	.size	main, . - main
	.section .far.text, "ax"
	.type	f, @function
f:	push	r1
	movi	r0, 7
	pop	r1
	ret
	.size	f, . - f
	.bss
out:	.zero	4`,
				{ sectionStart: new Map([[".far.text", 0x40_0000 + distance]]) },
			);
		const { system, forms, code } = booted(far(0x1000_0000));
		expect([forms, code, wordAt(system, "out")]).toEqual([["indirect"], [["callm", "nop"]], 7]);
		expect(booted(far(0x100_0000)).forms).toEqual(["direct"]);
	});
});

describe("registers", () => {
	const values = Array.from({ length: 9 }, (_, i) => `v${i}`);
	const pressure = (options: string) => `
import { paravirt, print } from "patchbay/source";
let seed = 3;
function native(x) { return x; }
function fat(x) { seed = (Math.imul(seed, 5) + x) | 0; print("fat"); return seed & 255; }
export const op = paravirt(native, ${options});
export function work(${values.slice(0, 5).join(", ")}) {
	${values
		.slice(5)
		.map((name, i) => `const ${name} = v${i} * 2;`)
		.join(" ")}
	const got = op(v0);
	return (got + ${values.join(" + ")}) | 0;
}
export function main() { print(work(1, 2, 3, 4, 5)); }`;
	const stackUse = (options: string): number => {
		const { elf, symbolNamed } = imageOfModule(pressure(options));
		const { address, size } = symbolNamed("work")!;
		const text = elf.sections.find(({ name }) => name === ".text")!;
		let uses = 0;
		for (let at = address - text.address; at < address - text.address + size; ) {
			const { row, b, length } = decode(text.data, at)!;
			if (["push", "pop"].includes(row.mnemonic) || (["ld", "st"].includes(row.mnemonic) && b === 15)) uses++;
			at += length;
		}
		return uses;
	};

	test("that a call leaves alone are not saved by the caller", () => {
		expect(stackUse('{ clobbers: "all" }')).toBeGreaterThan(12);
		expect(stackUse('{ clobbers: "result" }')).toBeLessThan(6);
	});

	test("are saved around a function that changes more", () => {
		const image = imageOfModule(pressure('{ clobbers: "result", also: [fat] }'));
		expect(booted(image)).toMatchObject({ forms: ["nothing"], output: ["36"] });
		const { system, output } = booted(image, {}, { op: "fat" });
		expect(output).toEqual(["fat", String(35 + 16)]);
		expect(image.symbolize(wordAt(system, "__PV__op"))).toBe("__PVS__fat");
		expect(image.symbolize(wordAt(system, "__PV__op", 1))).toBe("native");
	});

	test("are the promise of the function that is set", () => {
		const image = imageOfModule(pressure('{ clobbers: "result" }'));
		const refused = planUpdate(systemOf(image), [change(image, "op", "fat")], early);
		expect(refused).toEqual({
			refused: "calls of 'op' may change the result alone, and 'fat' changes r1, r2, r3: compile it with also: [fat]",
		});
		expect(planUpdate(systemOf(image), [change(image, "op", "main")], early)).toEqual({
			refused: "'op' is called as (int) -> int, but 'main' is () -> nothing",
		});
	});

	const assembly = (body: string) =>
		imageOf(`
	.global main
	.paravirt op, f
	.type main, @function
main:	.pv_call op, 5, none
	hlt
	.size	main, . - main
	.type	f, @function
f:	${body}
	.size	f, . - f
	.type	other, @function
other:	movi	r3, 1
	ret
	.size	other, . - other`);

	test.each([
		["keeps what it pushes and pops", "push r0; push r3; movi r0, 1; movi r3, 1; pop r3; pop r0; ret", undefined],
		["pops in another order", "push r0; push r3; movi r0, 1; pop r0; pop r3; ret", "r0, r3"],
		["does not restore on one way", "push r3; movi r3, 1; cmpi r0, 3; jeq 1f; pop r3; 1: ret", "r3"],
		["leaves by a jump", "push r3; pop r3; jmp other", "r0, r1, r2, r3, r4, r5, r6, r7"],
		["calls one that changes a register", "call other; ret", "r3"],
		["calls itself", "call f; ret", "r0, r1, r2, r3, r4, r5, r6, r7"],
		["calls who knows whom", "callr r8; ret", "r0, r1, r2, r3, r4, r5, r6, r7"],
		["calls an operation that changes nothing", ".pv_call op, 5, none; ret", undefined],
		["gives 0", "ret0; ret", "r0"],
		["reads and compares only", "st [r1], r2; cmp r1, r2; push r1; addi sp, sp, 4; ret", undefined],
	])("a function that %s", (_, body, changed) => {
		const planned = planBoot(systemOf(assembly(body)));
		if (changed === undefined) expect(planned).toHaveProperty("settled");
		else
			expect(planned).toEqual({ refused: expect.stringContaining(`may change nothing, and 'f' changes ${changed}`) });
	});
});

describe("boot", () => {
	const program = programNamed("paravirt");
	const image = link(objectsOf(program));

	test("settles every call once", () => {
		const system = systemOf(image);
		const before = system.machine.memory.slice();
		expect(boot(system).settled).toHaveLength(image.operationCalls.length);
		const after = system.machine.memory.slice();
		expect(after).not.toEqual(before);
		expect(boot(system)).toMatchObject({ steps: [], settled: [] });
		expect(system.machine.memory).toEqual(after);
		expect(planUpdate(system, [change(image, "slowPath", "nothing")], early)).toEqual({
			refused: "the calls of 'slowPath' were settled before the start",
		});
	});

	test("is for before the start", () => {
		const system = systemOf(image);
		run(system, { cycles: 50 });
		expect(planBoot(system)).toEqual({ refused: "protocol 'early' patches text that nobody runs, and CPU 0 does" });
	});

	test("finds out that somebody was there before", () => {
		const one = imageOf(`
	.global main
	.static_call key, main
	.paravirt op, main
main:	call	__SCT__key
	.pv_call op
	hlt`);
		const system = systemOf(one);
		const { address } = one.operationCalls[0]!;
		system.machine.memory[readPhysical(system, address)] = 0xcc;
		const refused = { refused: "call of 'op' at test.s:6:2 was changed by somebody else" };
		expect(planBoot(system)).toEqual(refused);
	});

	test.each(models.map((model) => ({ model, name: model.name })))("holds on $name", ({ model }) => {
		const system = systemOf(image, { model, fetch: "stale", cpus: 2 });
		boot(system);
		run(system, { cycles: 1e6 });
		expect(system.output).toEqual(program.expected);
	});

	test("of a file that is read back goes on where it was", () => {
		const read = readImage(readElf(writeElf(image.elf), "again"));
		expect(read.operationCalls).toEqual(image.operationCalls);
		expect(booted(read).output).toEqual(program.expected);
	});
});

function readPhysical({ machine }: System, address: number): number {
	const bytes = readVirtual(machine, 0, address, 8)!;
	const { memory } = machine;
	for (let at = 0; at < memory.length; at++) if (bytes.every((byte, i) => memory[at + i] === byte)) return at;
	throw new Error("not there");
}

test("tables name places by symbols of functions", () => {
	const object = compile(around("function f(x) { return x; } const op = paravirt(f);"), { file: "pv.js" });
	const table = object.sections.find(({ name }) => name === ".pv_sites")!.relocations!;
	const names = Array.from(table.symbol, (symbol) => object.symbols.name[symbol]! > 0);
	expect(names).toEqual([true, true]);
	expect(operationCalls(object)).toMatchObject([{ operation: "op", clobbers: "all", bytes: 5, done: false }]);
});

test("static calls know no operations, and operations no updates", () => {
	const image = imageOfModule(around("function f(x) { return x; } const op = paravirt(f);"));
	expect(() => staticCalls(systemOf(image)).get("op")).toThrow("no static call 'op': it is an operation");
	expect(() => change(image, "up", "f")).toThrow("no static call 'up' (did you mean 'op'?)");
});

describe("the compiler refuses", () => {
	const wrong: readonly (readonly [string, string])[] = [
		['function f(x) { return x; } const op = paravirt(f, { clobbers: "none" });', "has a result"],
		['function f(x) {} const op = paravirt(f, { clobbers: "some" });', '"none", "result" or "all"'],
		["function f(x) {} const op = paravirt(f, { bytes: 4 });", "from 5, for a call, to 255"],
		["function f(x) {} const op = paravirt(f, { byte: 5 });", "did you mean 'bytes'?"],
		[
			"function f(x) {} function g(x, y) {} const op = paravirt(f, { also: [g] });",
			"'op' is called as (int) -> nothing",
		],
		["function f(x) {} const op = paravirt(f, { also: f });", "write also: [f, g]"],
		["function f(x) {} const op = paravirt(f, 3);", "only paravirt(null, like) has a second argument"],
		["function f(x) {} const op = paravirt.ret0(f);", "write paravirt(f)"],
		["function f(x) {} let op = paravirt(f);", "write const op"],
		[
			"function f(x) {} const op = paravirt(f); export function g() { op = f; }",
			"set before the program starts: --set op=f",
		],
		[
			"import { update } from 'patchbay/source'; function f(x) {} const op = paravirt(f); export function g() { update(op, f); }",
			"set before the program starts",
		],
		["export function g() { const op = paravirt(g); }", "made at module level"],
		["export function g(x) { return g({ a: 1 }); }", "there are no objects"],
	];
	test.each(wrong)("%s", (declarations, message) => {
		expect(() => compile(around(declarations, ""), { file: "pv.js" })).toThrow(message);
	});
});
