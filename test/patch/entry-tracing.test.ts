// Function entry tracing: every program prints the same with all entries traced, and what is reported fits together; sets
// of functions by pattern, switching under running CPUs, and `patchbay trace`.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compile, type Resolve } from "../../linker/compile/index.ts";
import { LinkError } from "../../linker/errors.ts";
import { encode } from "../../linker/isa/index.ts";
import { bytesAt, type Image, link } from "../../linker/link/index.ts";
import { readVirtual } from "../../runtime/machine/memory.ts";
import { TICKS_PER_CYCLE } from "../../runtime/machine/profile.ts";
import { now } from "../../runtime/patch/drive/run.ts";
import {
	applyNow,
	breakpoint,
	early,
	freeInit,
	functionsNamed,
	planUpdate,
	run,
	type System,
	settle,
	staticKeys,
	submit,
	type TracedCall,
	type TraceEvent,
	type TraceFile,
	textReserved,
} from "../../runtime/patch/index.ts";
import { isAwaited } from "../../runtime/patch/record/tracer.ts";
import { createProbes, insert, type Probe, remove } from "../../runtime/probe/index.ts";
import { cli, inFolder } from "../cli/command-line.ts";
import { howMany, spread } from "../extent.ts";
import { type Program, programs, resolveIn } from "../language/programs.ts";
import { randomProgram } from "../language/random/program.ts";
import { modelNamed, systemOf } from "../machines.ts";

function build({ modules }: Pick<Program, "modules">): Image {
	const resolve: Resolve = resolveIn({ modules });
	return link(Array.from(modules, ([file, source]) => compile(source, { file, resolve, entryNops: true })));
}

const one = (source: string): Image => build({ modules: new Map([["t.js", source]]) });

/** Traces functions, or no longer: before the start, or under the running CPUs. */
function trace(system: System, functions: readonly number[], traced = true, running = false): void {
	const update = planUpdate(system, [{ functions, traced }], running ? breakpoint : early);
	if ("refused" in update) throw new Error(update.refused);
	if (!running) applyNow(system, update);
	else {
		submit(system, update, now(system));
		settle(system);
	}
}

const all = ({ entries }: Image): number[] => entries.map(({ address }) => address);
const name = ({ image }: System, address: number): string => image.symbolize(address)!;
/** `main > f > g`, by what is around what. */
function paths(system: System): string[] {
	const around: string[] = [];
	return system.tracer.calls.map(({ address, depth }) => {
		around.length = depth;
		around.push(name(system, address));
		return around.join(" > ");
	});
}

/** Every call ended inside of the one around it, on its CPU. */
function expectNested({ tracer }: System): void {
	const stacks = new Map<number, TracedCall[]>();
	const wrong = tracer.calls.filter((call) => {
		const stack = stacks.get(call.cpu) ?? [];
		stacks.set(call.cpu, stack);
		stack.length = Math.min(stack.length, call.depth);
		const outer = stack.at(-1);
		const inside = outer === undefined || (outer.entered < call.entered && outer.left! > call.left!);
		return stack.push(call) !== call.depth + 1 || !(call.left! > call.entered) || !inside;
	});
	expect(wrong).toEqual([]);
	expect([...tracer.stacks.values()].flat()).toEqual([]);
}

/** Cycles after which a program goes on untraced; STORM=all traces programs to their ends. */
const LONG = process.env.STORM === "all" ? Number.POSITIVE_INFINITY : 400_000;

describe("with every entry traced", () => {
	const traced = spread(
		programs().map((program) => [program.name, program] as const),
		3,
	);
	test.each(traced)("%s prints the same", (_, program) => {
		const image = build(program);
		const system = systemOf(image, { stack: 64 * 1024 });
		trace(system, all(image));
		const end = run(system, { cycles: LONG });
		if (end.kind === "limit") trace(system, all(image), false, true);
		expect(end.kind === "limit" ? run(system) : end, system.refusal).toEqual({ kind: "halted" });
		expect(system.output).toEqual(program.expected);
		expect(name(system, system.tracer.calls[0]!.address)).toBe("main");
		expect(system.tracer.calls.length).toBeGreaterThan(1);
		expectNested(system);
	});

	test("random programs print the same", () => {
		fc.assert(
			fc.property(fc.integer(), (seed) => {
				const image = build(randomProgram(seed, 3));
				const outputs = [[], all(image)].map((functions) => {
					const system = systemOf(image, { stack: 64 * 1024 });
					trace(system, functions);
					const { kind } = run(system, { cycles: 2e7 });
					return { kind, output: system.output };
				});
				expect(outputs[1]).toEqual(outputs[0]);
			}),
			{ numRuns: howMany(20, 100) },
		);
	});
});

const source = `
import { print, staticCall, update } from "patchbay/source";
let n = 0;
function leaf(x) { n = n + x; return n; }
function tail(x) { return leaf(x); }
function inner(x) { return leaf(x) + tail(x); }
export const key = staticCall(leaf);
function boot() { "init"; n = 1; }
export function loop() { let x = 0; while (x >= 0) x = inner(x) & 7; }
export function main() { boot(); print(inner(1) + key(2)); }
`;

describe("what is reported", () => {
	test("is what called what, tail calls and init functions too", () => {
		const system = systemOf(one(source));
		trace(system, all(system.image));
		run(system);
		expect(paths(system)).toEqual([
			"main",
			"main > boot",
			"main > inner",
			"main > inner > leaf",
			"main > inner > tail",
			"main > inner > tail > leaf",
			"main > leaf",
		]);
		expectNested(system);
	});

	test("is of the functions that were asked for", () => {
		const system = systemOf(one(source));
		trace(
			system,
			functionsNamed(system.image, ["*l*", "!tail"]).map(({ address }) => address),
		);
		run(system);
		expect(paths(system)).toEqual(["leaf", "leaf", "leaf"]);
	});

	test("is per CPU", () => {
		const system = systemOf(one(source), { entries: ["loop", "main", "loop"] });
		trace(system, all(system.image));
		run(system, { cycles: 2000 });
		expect(new Set(system.tracer.calls.map(({ cpu }) => cpu))).toEqual(new Set([0, 1, 2]));
		expect(
			paths({ ...system, tracer: { ...system.tracer, calls: system.tracer.calls.filter(({ cpu }) => cpu === 1) } }),
		).toHaveLength(7);
	});
});

describe("patterns", () => {
	const names = (image: Image, ...patterns: string[]): string[] =>
		functionsNamed(image, patterns).map(({ address }) => image.symbolize(address)!);

	test("join, leave out, and without any mean all", () => {
		const image = one(source);
		const everything = ["leaf", "tail", "inner", "loop", "main", "boot"];
		expect(names(image)).toEqual(everything);
		expect(names(image, "*")).toEqual(everything);
		expect(names(image, "!*o*")).toEqual(["leaf", "tail", "inner", "main"]);
		expect(names(image, "?????", "main")).toEqual(["inner", "main"]);
		expect(() => names(image, "leav")).toThrow("no function 'leav' to trace (did you mean 'leaf'?)");
		expect(() => names(image, "!nothing*")).toThrow(LinkError);
	});

	test("need entries to be there", () => {
		const image = link([compile("export function main() {}", { file: "m.js" })]);
		expect(image.entries).toEqual([]);
		expect(() => names(image, "*")).toThrow("build with --entry-nops");
	});
});

describe("entries", () => {
	test("are NOP5 where functions begin; trampolines and what the linker supplies have none", () => {
		const image = one(source);
		expect(image.entries.map(({ init }) => init)).toEqual([false, false, false, false, false, true]);
		for (const { address } of image.entries) {
			expect(image.symbolNamed(image.symbolize(address)!)!.address).toBe(address);
			expect(bytesAt(image.elf, address, 5)).toEqual(encode("nop5"));
		}
	});

	test("are switched in one batch under running CPUs, and restored to the byte", () => {
		for (const model of ["x86", "arm", "alpha"]) {
			const options = { entries: ["loop", "loop", "loop"], model: modelNamed(model), fetch: "stale" as const };
			const system = systemOf(one(source), options);
			run(system, { cycles: 500 });
			trace(system, all(system.image), true, true);
			expect(system.counts.syncs).toBe(3);
			run(system, { cycles: now(system) / TICKS_PER_CYCLE + 1000 });
			expect(paths(system)).toContain("inner > tail > leaf");
			trace(system, all(system.image), false, true);
			run(system, { cycles: now(system) / TICKS_PER_CYCLE + 1000 });
			const count = system.tracer.calls.length;
			expect(run(system, { cycles: now(system) / TICKS_PER_CYCLE + 1000 })).toEqual({ kind: "limit" });
			expect(system.tracer.calls.length).toBe(count);
			// Who was in a function when tracing ended still came back from it.
			expect([...system.tracer.stacks.values()].flat()).toEqual([]);
			for (const { address } of system.image.entries)
				expect(readVirtual(system.machine, 0, address, 5)).toEqual(encode("nop5"));
		}
	});

	test("in freed init text are gone: asked for they are refused, no longer wanted they are skipped", () => {
		const system = systemOf(one(source));
		const functions = all(system.image);
		const boot = system.image.entries.find(({ init }) => init)!.address;
		expect(textReserved(system, boot + 4, boot + 5)).toBeUndefined();
		trace(system, functions);
		expect(textReserved(system, boot + 4, boot + 5)).toBe("boot");
		freeInit(system);
		expect(textReserved(system, boot, boot + 5)).toBeUndefined();
		expect(planUpdate(system, [{ functions, traced: true }], early)).toMatchObject({
			refused: expect.stringContaining("cannot be traced"),
		});
		const off = planUpdate(system, [{ functions, traced: false }], early);
		expect("refused" in off ? off : off.edits.length).toBe(functions.length - 1);
	});

	test("belong to who comes first: traced they cannot be probed, probed they cannot be traced", () => {
		const image = one("export function main() { return 1; }");
		const system = systemOf(image, { spare: 64 });
		const probes = createProbes(system, { optimise: true });
		const functions = all(image);
		const on = { functions, traced: true } as const;
		const probe = insert(probes, 0, functions[0]!) as Probe;
		expect(probe.uncallable).toBeUndefined();
		expect(planUpdate(system, [on], early)).toMatchObject({
			refused: expect.stringMatching(/the site at .* is taken by a probe at main$/),
		});
		expect(remove(probes, probe)).toBeUndefined();
		trace(system, functions);
		expect(insert(probes, 0, functions[0]!)).toMatchObject({ refused: expect.stringContaining("'main'") });
		trace(system, functions, false);
		expect(insert(probes, 0, functions[0]!)).toMatchObject({ place: "main" });
	});

	test("belong to who traces them, and branches to their key: no probe goes there", () => {
		const image = one(`import { print, staticBranch, staticKey } from "patchbay/source";
			export const key = staticKey(false);
			export function main() { if (staticBranch(key)) print(1); print(2); }`);
		const system = systemOf(image);
		const probes = createProbes(system);
		const [{ address }] = image.labels as [Image["labels"][0]];
		trace(system, all(image));
		for (const [place, holder] of [
			[image.entries[0]!.address, "main"],
			[address, "key"],
		] as const)
			expect(insert(probes, 0, place)).toMatchObject({ refused: expect.stringContaining(`'${holder}'`) });
		expect(staticKeys(system).get("key").enable()).toEqual({ sites: 1, trampolines: 0 });
		expect(run(system)).toEqual({ kind: "halted" });
		expect(system.output).toEqual(["1", "2"]);
		expect(paths(system)).toEqual(["main"]);
	});

	test("that are traced already are left alone", () => {
		const system = systemOf(one(source));
		trace(system, all(system.image));
		const again = planUpdate(system, [{ functions: all(system.image), traced: true }], early);
		expect(again).toMatchObject({ steps: [], edits: [] });
	});
});

test("text that only a shadow stack leads back to is awaited", () => {
	const system = systemOf(one(source), { entries: ["loop"] });
	trace(system, all(system.image));
	run(system, { cycles: 301 });
	const inside = system.tracer.calls.filter(({ left }) => left === undefined);
	expect(inside.length).toBeGreaterThan(0);
	for (const { returnTo } of inside) {
		expect(isAwaited(system.tracer, returnTo, 1)).toBe(true);
		expect(isAwaited(system.tracer, returnTo - 4, 4)).toBe(false);
	}
});

describe("patchbay trace", () => {
	const traced = async (...argv: string[]) =>
		inFolder(async (folder) => {
			const file = join(folder, "t.js");
			writeFileSync(file, source);
			const out = join(folder, "out.json");
			const seen = await cli(
				"trace",
				file,
				"--profile",
				"in-order",
				...argv.map((each) => (each === "OUT" ? out : each)),
			);
			const events = argv.includes("OUT") ? (JSON.parse(readFileSync(out, "utf8")) as TraceFile).traceEvents : [];
			return { ...seen, events };
		});

	test("draws the calls", async () => {
		const { out, code } = await traced("--functions", "*,!boot");
		expect(code).toBe(0);
		const drawn = out.split("\n").map((line) => line.replace(/^.{29}/, ""));
		expect(drawn).toEqual([
			"| FUNCTION CALLS",
			"| main() {",
			"|   inner() {",
			"|     leaf();",
			"|     tail() {",
			"|       leaf();",
			"|     } /* tail */",
			"|   } /* inner */",
			"|   leaf();",
			"|   /* 10 */",
			"| } /* main */",
			"",
		]);
		const took = out.split("\n").flatMap((line) => /^ +[\d.]+ +0\) +([\d.]+) \|/.exec(line)?.[1] ?? []);
		expect(took.map(Number).every((cycles) => cycles > 0)).toBe(true);
		expect(took).toHaveLength(6);
		const times = out.split("\n").slice(1, -1).map(Number.parseFloat);
		expect(times).toEqual(times.toSorted((a, b) => a - b));
	});

	test("writes them for Perfetto, inside of each other, beside the patcher's work", async () => {
		const crowd = ["--entry", "loop*2", "--max-cycles", "20000", "--from", "2000"];
		const { events } = await traced(...crowd, "--trace", "OUT");
		const calls = events.filter(({ cat }) => cat === "function");
		expect(new Set(calls.map(({ tid }) => tid))).toEqual(new Set([1, 2]));
		expect(events.some(({ cat }) => cat === "update")).toBe(true);
		const end = ({ ts, dur }: TraceEvent) => ts + dur!;
		const tails = calls.filter((each) => each.name === "tail");
		const around = (inner: TraceEvent) => (each: TraceEvent) =>
			each.tid === inner.tid && each.name === "inner" && each.ts < inner.ts && end(each) >= end(inner);
		const inside = tails.filter((inner) => calls.some(around(inner)));
		// But for who was in `inner` when tracing began.
		expect(inside.length).toBeGreaterThan(10);
		expect(tails.length - inside.length).toBeLessThanOrEqual(2);
	});

	test("lists them as JSON", async () => {
		const { out } = await traced("--functions", "leaf", "--json");
		const { schema, functions, calls, output } = JSON.parse(out);
		expect([schema, functions, output]).toEqual(["patchbay/trace@1", ["leaf"], ["10"]]);
		expect(calls.map(({ depth }: { depth: number }) => depth)).toEqual([0, 0, 0]);
		expect(calls[0]).toMatchObject({ cpu: 0, function: "leaf" });
		expect(calls[0].left - calls[0].entered).toBe(calls[0].cycles);
	});

	test("ends when told to", async () => {
		const argv = ["--entry", "loop", "--max-cycles", "20000", "--json"];
		const calls = async (...more: string[]) => {
			const { out, code } = await traced(...argv, ...more);
			expect(code).toBe(4);
			return JSON.parse(out).calls as { entered: number }[];
		};
		const part = await calls("--from", "4000", "--until", "8000");
		expect(part.length).toBeGreaterThan(10);
		expect(part.every(({ entered }) => entered > 4000 && entered < 12000)).toBe(true);
		expect((await calls()).length).toBeGreaterThan(2 * part.length);
		const { err } = await traced(...argv, "--from", "4000", "--until", "8000");
		const [, from, until] = /^traced from cycle ([\d.]+) to ([\d.]+)$/m.exec(err)!;
		expect(Number(from)).toBe(Math.min(...part.map(({ entered }) => entered)));
		expect(Number(until)).toBeGreaterThan(Number(from));
		expect((await traced(...argv, "--from", "19000")).err).toMatch(/^(traced from cycle 19|nothing was traced)/);
	});

	test("says what is wrong", async () => {
		expect(await traced("--functions", "leav")).toMatchObject({
			code: 3,
			err: expect.stringContaining("did you mean 'leaf'"),
		});
		expect(await traced("--functions", "leaf,!leaf")).toMatchObject({
			code: 3,
			out: "",
			err: expect.stringContaining("no function is left to trace of 'leaf,!leaf'"),
		});
		expect(await traced("--from", "9", "--until", "5")).toMatchObject({ code: 2 });
	});
});
