// Static keys: what branches compile and link to, counting users, batches, exact undoing, and everything that is refused.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { compile, type Resolve, rewriteFfp } from "../../linker/compile/index.ts";
import * as node from "../../linker/compile/source.ts";
import { readElf, writeElf } from "../../linker/elf/index.ts";
import { ArgumentError, LinkError, SourceError } from "../../linker/errors.ts";
import { encode } from "../../linker/isa/index.ts";
import { bytesAt, type Image, link, readImage } from "../../linker/link/index.ts";
import { enabledAt } from "../../linker/sites/index.ts";
import { Patcher } from "../../runtime/machine/layout.ts";
import { readVirtual, writePhysical } from "../../runtime/machine/memory.ts";
import { physicalIn } from "../../runtime/machine/page-table.ts";
import { TICKS_PER_CYCLE } from "../../runtime/machine/profile.ts";
import {
	breakpoint,
	change,
	type DryRun,
	early,
	freeInit,
	kill,
	planUpdate,
	recover,
	run,
	type System,
	staticKeys,
	submit,
	textReserved,
} from "../../runtime/patch/index.ts";
import { getPatcher, Life } from "../../runtime/patch/system.ts";
import { cli, inFolder } from "../cli/command-line.ts";
import { imageOf, modelNamed, protocolNamed, systemOf } from "../machines.ts";

const header = `import { decrement, disable, enable, increment, isEnabled, plainKey, print, staticBranch, staticKey } from "patchbay/source";
export const key = staticKey(false); export const on = staticKey(true);
`;

const build = (source: string, options = {}): Image =>
	link([compile(header + source, { file: "k.js", ...options })], { name: "k" });

/** What the bytes of each branch say of the key, in the order of addresses. */
function enabled({ labels, elf }: Image): (boolean | undefined)[] {
	const sorted = labels.toSorted((a, b) => a.address - b.address);
	return sorted.map((label) => enabledAt(bytesAt(elf, label.address, 5)!, label));
}

const jumps = ({ elf, labels }: Image): boolean[] =>
	labels.map(({ address }) => bytesAt(elf, address, 1)![0] === encode("jmp")[0]);

const program = `
let n = 0;
function step(x) {
	if (staticBranch(key)) n = n + 1;
	if (staticBranch(on)) n = n + 10;
	return staticBranch(key) ? x + 2 : x + 1;
}
function boot() { "init"; if (staticBranch(key)) n = 7; }
export function loop() { let x = 0; while (x >= 0) { x = step(x) & 15; } }
export function main() { boot(); print(step(1), n); }
`;

describe("a branch", () => {
	test("that is expected to be off is NOP5 and falls through to what follows; the rest stands behind", () => {
		const image = build("let n = 0; export function main() { if (staticBranch(key)) n = 1; n = 2; print(n); }");
		expect(image.labels).toHaveLength(1);
		const [{ address, target }] = image.labels as [Image["labels"][0]];
		expect(bytesAt(image.elf, address, 5)).toEqual(encode("nop5"));
		expect(target).toBeGreaterThan(address + 20);
		expect(image.symbolize(target)).toMatch(/^main\+/);
	});

	test.each([
		["staticBranch(key)", false],
		["staticBranch(key, true)", true],
		["staticBranch(on)", false],
		["staticBranch(on, false)", true],
		["!staticBranch(key)", false],
		["!staticBranch(on, false)", true],
	])("%s jumps at first: %s", (test, jump) => {
		const image = build(`export function main() { if (${test}) print(1); else print(2); }`);
		expect(jumps(image)).toEqual([jump]);
		const [{ expected, key }] = image.labels as [Image["labels"][0]];
		expect(image.staticKeys[key]!.users > 0 !== expected).toBe(jump);
	});

	test("of a plain key is a comparison", () => {
		const image = build("const k = plainKey(true); export function main() { if (staticBranch(k)) print(1); }");
		expect(image.labels).toEqual([]);
		expect(image.staticKeys.map(({ name, users }) => [name, users])).toContainEqual(["k", 1]);
	});

	test("and its key are read back from a file", () => {
		const image = build(program);
		const again = readImage(readElf(writeElf(image.elf), "k"));
		expect(again.labels).toEqual(image.labels);
		expect(again.staticKeys).toEqual(image.staticKeys);
		expect(image.labels.filter(({ init }) => init)).toHaveLength(1);
	});

	test("is rewritten with its key's definition alone", () => {
		const { code } = rewriteFfp(`${header}export function main() { if (staticBranch(key)) enable(on); }`, {
			file: "k.js",
		});
		expect(code).toContain("key = plainKey_1(false)");
		expect(code).toContain("if (staticBranch(key)) enable(on)");
	});

	test("of another module's key is as that module has it, whatever it was compiled against", () => {
		const resolveTo =
			(source: string): Resolve =>
			() => ({ file: "lib.js", source });
		const lib = (initial: boolean) =>
			`import { staticKey } from "patchbay/source"; export const shared = staticKey(${initial});`;
		const main = `import { print, staticBranch } from "patchbay/source"; import { shared } from "./lib.js";
			export function main() { if (staticBranch(shared)) print(1); else print(2); }`;
		const stale = compile(main, { file: "main.js", resolve: resolveTo(lib(false)) });
		const image = link([stale, compile(lib(true), { file: "lib.js" })]);
		expect(enabled(image)).toEqual([true]);
		const system = systemOf(image);
		run(system);
		expect(system.output).toEqual(["1"]);
	});
});

describe("switching", () => {
	test("changes all branches of a key and no others, in one batch of three syncs", () => {
		const system = systemOf(build(program), { entries: ["loop", "loop"] });
		run(system, { cycles: 100 });
		const plan = staticKeys(system).get("key").plan("enable") as DryRun;
		expect(plan.sites.map(({ key, kind }) => `${key} ${kind}`)).toEqual(["key label", "key label", "key label"]);
		expect([plan.syncs, plan.keys]).toEqual([3, [{ name: "key", from: "off", to: "on" }]]);
		expect(staticKeys(system).update({ key: "enable", on: "disable" })).toEqual({ sites: 4, trampolines: 0 });
		expect(system.counts.syncs).toBe(3);
		expect(staticKeys(system).get("key").isEnabled()).toBe(true);
		expect(staticKeys(system).get("on").isEnabled()).toBe(false);
	});

	test("there and back restores every byte", () => {
		const system = systemOf(build(program));
		const text = (): Uint8Array => readVirtual(system.machine, 0, system.image.segments[0]!.address, 200)!;
		const before = text();
		const keys = staticKeys(system);
		keys.update({ key: "increment", on: "disable" });
		expect(text()).not.toEqual(before);
		keys.update({ key: "decrement", on: "reset" });
		expect(text()).toEqual(before);
	});

	test("happens with the first user and with the last", () => {
		const key = staticKeys(systemOf(build(program))).get("key");
		const sites = [key.increment(), key.increment(), key.enable(), key.decrement(), key.enable(), key.decrement()];
		expect(sites).toEqual([3, 0, 0, 0, 0, 3].map((sites) => ({ sites, trampolines: 0 })));
		expect(key.users()).toBe(0);
		expect([key.enable(), key.enable(), key.disable(), key.disable()]).toEqual(
			[3, 0, 3, 0].map((sites) => ({ sites, trampolines: 0 })),
		);
	});

	test("is refused where somebody else counts on the key, or nobody does, and then changes nothing", () => {
		const system = systemOf(build(program));
		const key = staticKeys(system).get("key");
		expect(key.decrement()).toEqual({ refused: "'key' has no user" });
		key.increment();
		key.increment();
		const before = system.machine.words.slice();
		expect(key.disable()).toEqual({ refused: "'key' has 2 users, who decrement it" });
		expect(staticKeys(system).update({ on: "disable", key: "disable" })).toHaveProperty("refused");
		expect(system.machine.words).toEqual(before);
	});

	test("is refused where a branch holds something else", () => {
		const system = systemOf(build(program));
		const { machine, image } = system;
		const [{ address }] = image.labels as [Image["labels"][0]];
		writePhysical(machine, physicalIn(machine, 0, address), encode("brk"));
		const place = `branch 0x${address.toString(16)} of '${image.staticKeys[image.labels[0]!.key]!.name}'`;
		expect(planUpdate(system, [change(image, "key", "on"), change(image, "on", "off")], early)).toEqual({
			refused: expect.stringContaining(`${place} does not hold what its key says: cc`),
		});
	});

	test("leaves freed init text alone", () => {
		const system = systemOf(build(program));
		const init = system.image.labels.find(({ init }) => init)!;
		expect(textReserved(system, init.address, init.address + 1)).toBe("key");
		expect((staticKeys(system).get("key").plan("enable") as DryRun).sites).toHaveLength(3);
		freeInit(system);
		expect(textReserved(system, init.address, init.address + 1)).toBeUndefined();
		expect(staticKeys(system).get("key").enable()).toEqual({ sites: 2, trampolines: 0 });
	});

	test.each(["x86", "arm", "alpha", "riscv"])("by the program itself, over and over, on %s", (model) => {
		const image = build(`
			let n = 0;
			function f() { if (staticBranch(key)) n = n + 1; else n = n + 100; }
			export function main() {
				for (let i = 0; i < 20; i++) { f(); increment(key); f(); increment(key); decrement(key); f(); disable(key); }
				print(n, isEnabled(key) ? 1 : 0);
			}`);
		for (const protocol of ["breakpoint", "stop-machine", "rw-flip"]) {
			const options = { model: modelNamed(model), fetch: "stale" as const, protocol: protocolNamed(protocol), cpus: 2 };
			const system = systemOf(image, options);
			expect(run(system)).toEqual({ kind: "halted" });
			expect(system.output).toEqual(["2040 0"]);
			expect(system.counts.syncs).toBeGreaterThanOrEqual(40);
		}
	});

	test("below zero ends a program with the place, as it does under Node", () => {
		const system: System = systemOf(build("export function main() { decrement(key); }"));
		expect(run(system)).toMatchObject({ kind: "trapped" });
		expect(system.refusal).toBe("'key' has no user");
		expect(() => node.decrement(node.staticKey(false))).toThrow(new ArgumentError("decrement: the key has no user"));
	});
});

describe("a patcher that dies while it switches branches and entries", () => {
	const image = build(program, { entryNops: true });
	const functions = image.entries.filter(({ init }) => !init).map(({ address }) => address);
	const side = { finish: "bytes", rollback: "old" } as const;

	test.each(["finish", "rollback"] as const)("leaves a mixture, and %s ends it", (how) => {
		const seen = new Set<number>();
		for (let cycles = 1; cycles < 400; cycles += 3) {
			const system = systemOf(image, {
				entries: ["loop", "loop"],
				model: modelNamed("arm"),
				fetch: "stale",
				seed: cycles,
			});
			run(system, { cycles: 200 });
			const update = planUpdate(system, [change(image, "key", "on"), { functions, traced: true }], breakpoint);
			if ("refused" in update) throw new Error(update.refused);
			submit(system, update, 200 * TICKS_PER_CYCLE);
			run(system, { cycles: 200 + cycles });
			seen.add(getPatcher(system.machine, 0, Patcher.at));
			if (getPatcher(system.machine, 0, Patcher.active) === Life.idle) break;
			kill(system, 0);
			expect(recover(system, how)).toEqual({ patchers: 1, ended: undefined });
			for (const edit of [...update.transaction!.edits, ...update.transaction!.words])
				expect(readVirtual(system.machine, 0, edit.address, edit.bytes.length)).toEqual(edit[side[how]]);
			expect(staticKeys(system).get("key").isEnabled()).toBe(how === "finish");
			const calls = system.tracer.calls.length;
			expect(run(system, { cycles: 4000 })).toEqual({ kind: "limit" });
			expect(system.tracer.calls.length > calls).toBe(how === "finish");
		}
		expect(seen.size).toBeGreaterThan(15);
	});
});

describe("the command line", () => {
	const fixture = "fixtures/programs/collatz.js";

	test("lists branches of objects and images, and in which state they jump", () =>
		inFolder(async (folder) => {
			const elf = join(folder, "c.elf");
			await cli("link", fixture, "-o", elf);
			const listed = await Promise.all(
				[fixture, elf].map(async (file) => JSON.parse((await cli("sites", file, "--json")).out).sites),
			);
			const facts = listed.map((sites: Record<string, unknown>[]) =>
				sites.map(({ key, kind, jumps, source, init }) => JSON.stringify({ key, kind, jumps, source, init })).sort(),
			);
			expect(facts[0]).toHaveLength(5);
			expect(facts[1]).toEqual(facts[0]);
			expect(facts[0]!.filter((row) => row.includes('"jumps":"off"'))).toHaveLength(3);
			const { out } = await cli("sites", elf);
			expect(out).toContain("0 call sites of 0 keys, 5 branches of 3 static keys, linked inline");
			expect(out).toMatch(/^counting {2}label .* jumps to next\+0x\w+ while on$/m);
		}));

	test("switches keys in files, before the start and under way", () =>
		inFolder(async (folder) => {
			const elf = join(folder, "c.elf");
			await cli("link", fixture, "-o", elf);
			const before = readFileSync(elf);
			await cli("patch", elf, "--set", "remember=on,careful=off");
			expect(readFileSync(elf)).not.toEqual(before);
			await cli("patch", elf, "--reset");
			expect(readFileSync(elf)).toEqual(before);
			const fast = JSON.parse((await cli("run", elf, "--set", "remember=on", "--json")).out);
			const late = JSON.parse((await cli("run", elf, "--set", "remember=on@1000", "--json")).out);
			const never = JSON.parse((await cli("run", elf, "--json")).out);
			expect(fast.output.slice(0, 2)).toEqual(never.output.slice(0, 2));
			expect([fast.cycles, late.cycles].every((cycles) => cycles < never.cycles / 2)).toBe(true);
			expect(await cli("run", elf, "--set", "remember=maybe")).toMatchObject({ code: 3 });
		}));

	test("compares patched branches with looking at the key", async () => {
		const { branches, ways } = JSON.parse((await cli("compare", fixture, "--json")).out);
		expect(branches).toBe(5);
		const cycles = (name: string): number => ways.find((way: { name: string }) => way.name === name).cycles;
		expect(cycles("FFP pointer")).toBeGreaterThan(1.2 * cycles("static inline"));
	});
});

describe("under Node", () => {
	test("keys count, and what is no key is refused", () => {
		const key = node.staticKey(true);
		node.increment(key);
		expect(() => node.disable(key)).toThrow(ArgumentError);
		node.decrement(key);
		node.disable(key);
		expect([node.isEnabled(key), node.staticBranch(key, true)]).toEqual([false, false]);
		node.enable(key);
		expect(node.staticBranch(key)).toBe(true);
		expect(() => node.enable({} as node.StaticKey)).toThrow(
			"enable: the first argument must be a key made with staticKey",
		);
		expect(() => node.staticKey(1 as unknown as boolean)).toThrow("write staticKey(false) or staticKey(true)");
	});
});

/** What is wrong on the third line, behind the header. */
// biome-ignore format: one row per mistake
const mistakes: readonly [line: string, message: string][] = [
	["const k = staticKey(); export function main() {}", "11: write staticKey(false) or staticKey(true)"],
	["const k = staticKey(1); export function main() {}", "21: '1' is not known to be true or false: write staticKey(false) or staticKey(true)"],
	["let k = staticKey(false); export function main() {}", "1: 'k' never changes what it is: write const k = ..."],
	["export function main() { const k = staticKey(false); }", "36: a static key is made at module level: const key = staticKey(false)"],
	["export function main() { const b = staticBranch(key); }", "36: 'staticBranch(key)' decides a branch and has no value: write if (staticBranch(key)), or isEnabled(key) for the value"],
	["export function main() { print(staticBranch(key) === true ? 1 : 0); }", "32: 'staticBranch(key)' decides a branch and has no value: write if (staticBranch(key)), or isEnabled(key) for the value"],
	["export function main() { staticBranch(key); }", "26: 'staticBranch(key)' decides a branch and has no value: write if (staticBranch(key)), or isEnabled(key) for the value"],
	["export function main() { if (key) print(1); }", "30: 'key' is a static key: write if (staticBranch(key)), or isEnabled(key)"],
	["export function main() { key(); }", "26: 'key' is not a function"],
	["export function main() { key = on; }", "26: 'key' is a static key: write enable(key) or disable(key)"],
	["export function main() { enable(main); }", "33: 'main' is not a static key: write enable(key), with const key = staticKey(false)"],
	["export function main() { enable(); }", "26: write enable(key)"],
	["export function main() { enable(key, 1); }", "26: write enable(key)"],
	["export function main() { print(enable(key)); }", "32: 'enable' returns no value: write it on a line of its own"],
	["export function main() { isEnabled(key); }", "26: 'isEnabled(key)' does nothing here: assign it to a variable, or leave it out"],
	["export function main() { print(isEnabled(key)); }", "32: 'isEnabled(key)' is a boolean, not a number: write (isEnabled(key)) ? 1 : 0"],
	["export function f(x) { if (staticBranch(key, x)) print(1); }", "46: which way is expected is true or false, known before the program runs: leave it out, or write true"],
];

describe("mistakes", () => {
	test.each(mistakes)("%s", (line, message) => {
		const compiled = () => compile(header + line, { file: "k.js" });
		expect(compiled).toThrow(SourceError);
		expect(compiled).toThrow(`k.js:3:${message}\n`);
	});

	test("a forgotten import is named", () => {
		expect(() => compile("export function main() { enable(x); }", { file: "k.js" })).toThrow(
			`'enable' is not imported: write import { enable } from "patchbay/source"`,
		);
	});

	test("in tables name the place", () => {
		const branch = (text: string) => () =>
			imageOf(`.global main; .static_key k, 0; main: ${text}
				.section __jump_table, "a", @progbits, 12; .word main - ., main - ., __SK__k - .`);
		expect(branch("movi r0, 1; ret")).toThrow(LinkError);
		expect(branch("movi r0, 1; ret")).toThrow(
			/__jump_table\+0x0\): 0x400000 holds neither NOP5 nor a JMP to the label/,
		);
		expect(() =>
			imageOf(`.global main; main: nop5; ret; .section __jump_table, "a"; .word main - ., main - ., main - .`),
		).toThrow(/no static key is at 0x400000/);
		expect(() => imageOf(`.global main; main: nop5; ret; .section __jump_table, "a"; .word 1`)).toThrow(
			/__jump_table\): 4 bytes are not whole rows/,
		);
	});

	test("on the command line say what there is", () => {
		const image = build(program);
		expect(() => change(image, "key", "main")).toThrow(
			"'key' is a static key: it can be on, off or default, not 'main'",
		);
		expect(() => change(image, "key", null)).toThrow("not null");
		expect(() => staticKeys(systemOf(image)).get("kez")).toThrow("no static key 'kez' (did you mean 'key'?)");
	});
});
