// The API of static calls on running systems.

import { describe, expect, test } from "vitest";
import { assemble } from "../../linker/compile/assemble.ts";
import { signatureWords } from "../../linker/format/rows.ts";
import { type ParameterType, type ResultType, signatureNumber } from "../../linker/format/signatures.ts";
import { SITE_BYTES } from "../../linker/format/static-calls.ts";
import { encode } from "../../linker/isa/index.ts";
import { link } from "../../linker/link/link.ts";
import { Cpu, Global, Status } from "../../runtime/machine/layout.ts";
import { readVirtual, writePhysical } from "../../runtime/machine/memory.ts";
import { permits } from "../../runtime/machine/page-table.ts";
import { getCpu, type Machine, setCpu } from "../../runtime/machine/state.ts";
import {
	asIs,
	byDefault,
	change,
	type DryRun,
	freeInit,
	planUpdate,
	protocols,
	query,
	type Refusal,
	run,
	type System,
	staticCalls,
	textReserved,
	type Update,
} from "../../runtime/patch/index.ts";
import { imageOf, modelNamed, protocolNamed, systemOf } from "../machines.ts";
import { hotSystem, runFor } from "../measure/hot-sites.ts";

const source = `
	.global main, trace
	.static_call pick, fifo
	.static_call trace, null
	.static_call refuse, ret0
	.type main, @function
main:	movi	r0, 3
1:	call	__SCT__pick
	call	__SCT__trace
	call	__SCT__refuse
	call	over
	jmp	1b
	.type over, @function
over:	cmpi	r0, 0
	jeq	__SCT__trace
	jmp	__SCT__pick
	.type fifo, @function
fifo:	ret
	.type deadline, @function
deadline:
	movi	r0, 7
	movi	r5, 7
	ret
	.type no, @function
no:	movi	r0, 1
	ret
`;
const image = imageOf(source, { alignSites: true });
const fresh = (): System => systemOf(image, { model: modelNamed("x86"), fetch: "stale" });
/** Under way: CPU 0 has run its sites. */
const underway = (): System => {
	const system = fresh();
	run(system, { cycles: 100 });
	return system;
};
const text = ({ machine }: System): Uint8Array => {
	const { address, data } = image.segments.find(({ executable }) => executable)!;
	return readVirtual(machine, 0, address, data.length)!;
};

describe("names", () => {
	test("are those of the image", () => {
		expect([...staticCalls(fresh()).names].sort()).toEqual(["pick", "refuse", "trace"]);
	});

	test("mistyped get a suggestion", () => {
		const calls = staticCalls(fresh());
		expect(() => calls.get("pik")).toThrow("no static call 'pik' (did you mean 'pick'?)");
		expect(() => calls.get("pick").update("deadlin")).toThrow("no function 'deadlin' (did you mean 'deadline'?)");
	});
});

describe("an update", () => {
	test("retargets every site and the trampoline, and says how many", () => {
		const system = underway();
		const pick = staticCalls(system).get("pick");
		expect(pick.query()).toBe("fifo");
		expect(pick.update("deadline")).toEqual({ sites: 2, trampolines: 1 });
		expect(pick.query()).toBe("deadline");
		runFor(system, 100);
		expect(system.machine.cores[0]!.r[5]).toBe(7);
		expect(system.counts).toMatchObject({ updates: 1, sites: 2, trampolines: 1, syncs: 3 });
	});

	test("to what is called already writes nothing", () => {
		const system = underway();
		const calls = staticCalls(system);
		expect(calls.get("pick").update("fifo")).toEqual({ sites: 0, trampolines: 0 });
		expect(calls.update({ pick: byDefault, trace: null, refuse: byDefault })).toEqual({ sites: 0, trampolines: 0 });
		expect(system.counts).toMatchObject({ updates: 0, stores: 0, syncs: 0 });
	});

	test("of many keys is one transaction with three syncs", () => {
		const system = underway();
		const calls = staticCalls(system);
		expect(calls.update({ pick: "deadline", trace: "no", refuse: "no" })).toEqual({ sites: 5, trampolines: 3 });
		expect(system.counts).toMatchObject({ updates: 1, syncs: 3 });
		expect(calls.names.map((name) => calls.get(name).query()).sort()).toEqual(["deadline", "no", "no"]);
	});

	test("before the start needs no sync, and nobody sees what was there before", () => {
		const system = fresh();
		expect(staticCalls(system).get("pick").update("deadline")).toEqual({ sites: 2, trampolines: 1 });
		expect(system.counts.syncs).toBe(0);
		expect(system.machine.words[Global.histories]).toBe(0);
		run(system, { cycles: 100 });
		expect(system.machine.cores[0]!.r[5]).toBe(7);
	});

	test("null, ret0 and reset", () => {
		const system = underway();
		const calls = staticCalls(system);
		expect(calls.get("refuse").query()).toBe("__static_call_return0");
		expect(calls.get("trace").query()).toBeNull();
		expect(calls.get("trace").update("no")).toEqual({ sites: 2, trampolines: 1 });
		expect(calls.get("trace").update(null)).toEqual({ sites: 2, trampolines: 1 });
		expect(calls.get("pick").update("__static_call_return0")).toEqual({ sites: 2, trampolines: 1 });
		expect(calls.get("pick").query()).toBe("__static_call_return0");
		expect(calls.get("pick").reset()).toEqual({ sites: 2, trampolines: 1 });
		expect(calls.get("pick").query()).toBe("fifo");
		expect(runFor(system, 200)).toEqual({ kind: "limit" });
	});

	test("waits for those under way and queued, and ends with the run at the latest", () => {
		const system = underway();
		system.queue.push({ changes: [change(image, "pick", "no")], cpu: undefined, clock: 0 });
		expect(staticCalls(system).get("pick").update("deadline")).toEqual({ sites: 2, trampolines: 1 });
		expect(system.counts.updates).toBe(2);
		setCpu(system.machine, 0, Cpu.masked, 1);
		expect(staticCalls(system, 1000).get("pick").update("fifo")).toEqual({ ended: { kind: "limit" } });
	});
});

describe("a dry run", () => {
	test("says per site what was there and what would be, and changes nothing", () => {
		const system = underway();
		const before = system.machine.words.slice();
		const dry = staticCalls(system).get("pick").plan("deadline") as DryRun;
		expect(dry.keys).toEqual([{ name: "pick", from: "fifo", to: "deadline" }]);
		expect(dry.sites.map(({ kind, place }) => `${kind} ${place}`)).toEqual([
			expect.stringMatching(/^call main\+0x/),
			expect.stringMatching(/^tail over\+0x/),
			"trampoline __SCT__pick",
		]);
		for (const { was, becomes, old, bytes } of dry.sites) {
			expect([was, becomes]).toEqual([expect.stringMatching(/<fifo>$/), expect.stringMatching(/<deadline>$/)]);
			expect([old.length, bytes.length]).toEqual([5, 5]);
		}
		expect([dry.syncs, system.machine.words.every((word, i) => word === before[i])]).toEqual([3, true]);
	});

	test("of null and ret0 shows the instructions that take the place of calls", () => {
		const calls = staticCalls(underway());
		const forms = (dry: DryRun | Refusal): string[] =>
			(dry as DryRun).sites.map(({ becomes }) => becomes.split(" ")[0]!);
		expect(forms(calls.get("pick").plan("__static_call_return0"))).toEqual(["ret0", "jmp", "jmp"]);
		calls.get("trace").update("no");
		expect(forms(calls.get("trace").plan(null))).toEqual(["nop5", "jeq", "ret"]);
	});
});

describe("a refused update changes nothing", () => {
	const refusals: [string, (system: System) => Update | Refusal | { sites: number } | object, RegExp][] = [
		["no key there", (s) => planUpdate(s, [{ key: 0x1234, to: 0 }], s.protocol), /no key at 0x1234/],
		[
			"a key twice",
			(s) => planUpdate(s, [change(image, "pick", "deadline"), change(image, "pick", "fifo")], s.protocol),
			/'pick' is changed twice/,
		],
		[
			"null where the result is used",
			(s) => staticCalls(s).update({ trace: "no", pick: null }),
			/'pick' may not be null/,
		],
		[
			"a target that is no code",
			(s) => planUpdate(s, [{ key: image.keys[0]!.address, to: image.keys[0]!.address }], s.protocol),
			/not in executable memory/,
		],
		[
			"a site that holds something else",
			(s) => {
				const site = image.sites.find(({ key }) => image.keys[key]!.name === "pick")!;
				writePhysical(s.machine, physicalOf(s.machine, site.address), encode("brk"));
				return staticCalls(s).update({ trace: "no", pick: "deadline" });
			},
			/site 0x[0-9a-f]+ of 'pick' does not hold a call to its current target: cc/,
		],
		[
			"a site out of its page",
			(s) => {
				const at = image.keys.find(({ name }) => name === "pick")!.trampoline;
				const entry = s.machine.entries.get((at >>> 12) * 2)!;
				s.machine.words[(s.machine.layout.entries >> 2) + entry * 4 + 3]! &= ~4;
				return staticCalls(s).update({ pick: "deadline" });
			},
			/of 'pick' is not in executable memory|cannot call 0x[0-9a-f]+: it is not in executable memory/,
		],
	];

	test.each(refusals)("%s", (_, attempt, message) => {
		const system = underway();
		let refused = attempt(system);
		const before = system.machine.words.slice();
		refused = attempt(system);
		expect((refused as Refusal).refused).toMatch(message);
		expect(system.machine.words.every((word, i) => word === before[i])).toBe(true);
		expect(system.queue).toEqual([]);
	});

	function physicalOf(machine: Machine, address: number): number {
		const entry = machine.entries.get((address >>> 12) * 2)!;
		return machine.words[(machine.layout.entries >> 2) + entry * 4 + 2]! * 4096 + (address & 4095);
	}
});

describe.each(protocols)("$name", (protocol) => {
	test.each(["x86", "arm"])("%s: update and reset leave every byte as it was", (model) => {
		const quiet = protocol.requires === "quiet";
		const system = systemOf(image, { protocol, model: modelNamed(model) });
		const calls = staticCalls(system);
		const before = text(system);
		if (!quiet) run(system, { cycles: 100 });
		const keys = { pick: "deadline", trace: "no", refuse: "no" } as const;
		expect(calls.update(keys)).toEqual({ sites: 5, trampolines: 3 });
		expect(Buffer.compare(text(system), before)).not.toBe(0);
		expect(calls.update({ pick: byDefault, trace: byDefault, refuse: byDefault })).toEqual({
			sites: 5,
			trampolines: 3,
		});
		expect(Buffer.compare(text(system), before)).toBe(0);
		expect(calls.names.map((name) => query(system, name))).toEqual(calls.names.map((name) => query(fresh(), name)));
	});
});

describe("how sites call", () => {
	test("by way of the trampoline and back means the same", () => {
		const system = underway();
		const before = text(system);
		const through = planUpdate(
			system,
			[change(image, "pick", asIs, "trampoline")],
			protocolNamed("early"),
			0,
		) as Update;
		expect(through.edits).toHaveLength(2);
		expect(through.steps.filter(({ kind }) => kind === "store")).not.toHaveLength(0);
		const calls = staticCalls(system);
		system.queue.push({ changes: [change(image, "pick", asIs, "trampoline")], cpu: undefined, clock: 0 });
		expect(calls.get("pick").update("deadline"), "all are direct again").toEqual({ sites: 2, trampolines: 1 });
		calls.get("pick").reset();
		expect(Buffer.compare(text(system), before)).toBe(0);
	});

	test.each(["inline", "trampoline", "pointer"] as const)("%s: a key has the sites that are patched", (staticCalls) => {
		const linked = imageOf(source, { staticCalls });
		const system = systemOf(linked);
		run(system, { cycles: 100 });
		const update = planUpdate(system, [change(linked, "pick", "deadline")], system.protocol) as Update;
		expect(update.edits).toHaveLength({ inline: 3, trampoline: 1, pointer: 0 }[staticCalls]);
	});
});

describe("reserved text", () => {
	test("is the bytes of sites and trampolines, of nobody else", () => {
		const system = fresh();
		for (const { address, key } of image.sites) {
			const { name } = image.keys[key]!;
			expect(textReserved(system, address, address + 1)).toBe(name);
			expect(textReserved(system, address + SITE_BYTES - 1, address + SITE_BYTES)).toBe(name);
			expect(textReserved(system, address - 1, address)).toBeUndefined();
		}
		expect(textReserved(system, image.keys[0]!.trampoline, image.keys[0]!.trampoline + 5)).toBe(image.keys[0]!.name);
		const { address } = image.symbolNamed("deadline")!;
		expect(textReserved(system, address, address + 6)).toBeUndefined();
		expect(textReserved(system, 0, 2 ** 32)).toBeDefined();
	});

	test("is nothing where calls go through pointers", () => {
		const system = systemOf(imageOf(source, { staticCalls: "pointer" }));
		expect(textReserved(system, 0, 2 ** 32)).toBeUndefined();
	});
});

describe("init text", () => {
	const withInit = imageOf(`
		.global main
		.static_call pick, fifo
		.type main, @function
	main:	call	setup
	1:	call	__SCT__pick
		jmp	1b
		.type fifo, @function
	fifo:	ret
		.type deadline, @function
	deadline:
		movi	r0, 7
		ret
		.section .init.text, "ax"
		.type setup, @function
	setup:	call	__SCT__pick
		ret
		.type only_init, @function
	only_init:
		ret`);
	const setup = withInit.sites.find(({ init }) => init)!.address;

	test("has its sites patched until it is freed", () => {
		const system = systemOf(withInit, { model: modelNamed("x86"), fetch: "stale", cpus: 2 });
		const calls = staticCalls(system);
		expect(calls.get("pick").update("deadline")).toEqual({ sites: 2, trampolines: 1 });
		expect(textReserved(system, setup, setup + 1)).toBe("pick");
		run(system, { cycles: 200 });
		freeInit(system);
		expect(textReserved(system, setup, setup + 1)).toBeUndefined();
		expect(permits(system.machine, 0, setup, "x")).toBe(false);
		expect(calls.get("pick").reset()).toEqual({ sites: 1, trampolines: 1 });
		expect(runFor(system, 200)).toEqual({ kind: "limit" });
	});

	test.each([1, 2, 3, 4, 5, 6])("is gone for every CPU at once, and no target any more (seed %i)", (seed) => {
		const system = systemOf(withInit, { model: modelNamed("x86"), fetch: "stale", entries: ["main", "main"], seed });
		expect(staticCalls(system).get("pick").update("only_init")).toEqual({ sites: 2, trampolines: 1 });
		expect(staticCalls(system).get("pick").reset()).toEqual({ sites: 2, trampolines: 1 });
		run(system, { cycles: 200 });
		freeInit(system);
		expect(() => staticCalls(system).get("pick").update("only_init")).toThrow("no function 'only_init'");
		const [pick, gone] = [withInit.keys[0]!, withInit.symbolNamed("only_init")!];
		expect(planUpdate(system, [{ key: pick.address, to: gone.address }], protocolNamed("early"))).toMatchObject({
			refused: expect.stringMatching(/not in executable memory/),
		});
		setCpu(system.machine, 1, Cpu.pc, setup);
		expect(run(system)).toMatchObject({ kind: "trapped", cpu: 1, pc: setup, value: setup });
	});
});

describe("a module that knows only the trampoline", () => {
	const kernel = `
		.global main, __SCT__pick
		.static_call pick, fifo
		.type main, @function
	main:	call	module
		jmp	main
		.type fifo, @function
	fifo:	movi	r0, 1
		ret
		.type deadline, @function
	deadline:
		movi	r0, 7
		ret`;
	const module = `
		.global module
		.type module, @function
	module:	call	__SCT__pick
		mov	r8, r0
		ret`;

	const systemOfBoth = (exported: string): System => {
		const own = kernel.replace("__SCT__pick", exported);
		const linked = link([assemble(own, { file: "kernel.s" }), assemble(module, { file: "module.s" })]);
		return systemOf(linked, { model: modelNamed("x86"), fetch: "stale" });
	};

	test.each([
		["both are", "pick"],
		["its trampoline alone is", "__SCT__pick"],
	])("has its calls patched like the others, when %s exported", (_, exported) => {
		const system = systemOfBoth(exported);
		expect(system.image.keys.map(({ name, trampoline }) => [name, trampoline > 0])).toEqual([["pick", true]]);
		run(system, { cycles: 100 });
		expect(staticCalls(system).get("pick").update("deadline")).toEqual({ sites: 1, trampolines: 1 });
		runFor(system, 100);
		expect(system.machine.cores[0]!.r[8]).toBe(7);
	});

	test("cannot update what it may only call", () => {
		const objects = [kernel, module.replace("mov	r8, r0", "movi	r0, __SCK__pick")];
		const attempt = (): unknown => link(objects.map((text, i) => assemble(text, { file: `${i}.s` })));
		expect(attempt).toThrow(
			"1.s:(.text+0x7): static call 'pick' may be called here but not updated: its key is not exported",
		);
	});

	test("cannot call what is not exported at all", () => {
		const attempt = (): unknown => systemOfBoth("fifo");
		expect(attempt).toThrow(/static call 'pick' is not defined/);
	});

	test("a trampoline exported by its own object alone is patched, too", () => {
		const system = systemOf(imageOf(kernel.replace("call	module", "call	__SCT__pick")));
		run(system, { cycles: 100 });
		expect(staticCalls(system).get("pick").update("deadline")).toEqual({ sites: 1, trampolines: 1 });
	});
});

describe("types", () => {
	/** A row of signatures as the compiler writes it. */
	const row = (symbol: string, parameters: readonly ParameterType[], result: ResultType, nullable = false) =>
		`.word ${[symbol, ...signatureWords(signatureNumber({ parameters, result, nullable }))].join(", ")}`;
	const typed = imageOf(`${source}
		.section .signatures, "", @progbits, 12
		${row("__SCK__pick", ["int"], "int")}
		${row("fifo", ["int"], "int")}
		${row("deadline", ["int", "int"], "int")}
		${row("no", ["int"], "uint")}
		${row("__SCK__trace", ["int"], "none", true)}
	`);

	test.each([
		["deadline", "'pick' is called as (int) -> int, but 'deadline' is (int, int) -> int"],
		["no", "'pick' is called as (int) -> int, but 'no' is (int) -> uint"],
	])("%s does not fit", (target, message) => {
		const system = systemOf(typed);
		expect(staticCalls(system).get("pick").update(target)).toEqual({ refused: message });
	});

	test("a caller that uses no result takes any; ret0 stands for anything", () => {
		const calls = staticCalls(systemOf(typed));
		expect(calls.get("trace").update("no")).toEqual({ sites: 2, trampolines: 1 });
		expect(calls.get("pick").update("__static_call_return0")).toEqual({ sites: 2, trampolines: 1 });
	});
});

describe("far text", () => {
	const sectionStart = new Map([[".far.text", 0x1040_0000]]);
	const far = `
		.global main
		.static_call pick, near
		.type main, @function
	main:	call	__SCT__pick
		mov	r8, r0
		call	away
		mov	r9, r0
		jmp	main
		.type near, @function
	near:	movi	r0, 1
		ret
		.type nearer, @function
	nearer:	movi	r0, 2
		ret
		.section .far.text, "ax"
		.type away, @function
	away:	jmp	__SCT__pick
		.type remote, @function
	remote:	movi	r0, 3
		ret`;

	test.each(["inline", "trampoline", "pointer"] as const)(
		"%s: any function may be the target, from anywhere",
		(mode) => {
			const linked = imageOf(far, { sectionStart, staticCalls: mode });
			for (const model of ["x86", "arm"]) {
				const system = systemOf(linked, { model: modelNamed(model), fetch: "stale", entries: ["main", "main"] });
				const calls = staticCalls(system);
				runFor(system, 1000);
				for (const [target, result] of [
					["remote", 3],
					["nearer", 2],
					["remote", 3],
					["near", 1],
					["nearer", 2],
				] as const) {
					expect(calls.get("pick").update(target)).toHaveProperty("sites");
					expect(runFor(system, 1000)).toEqual({ kind: "limit" });
					expect([8, 9].map((r) => system.machine.cores[0]!.r[r])).toEqual([result, result]);
				}
				for (const { id } of system.machine.cores) expect(getCpu(system.machine, id, Cpu.status)).toBe(Status.running);
			}
		},
	);

	test("and back again leaves every byte as it was", () => {
		const linked = imageOf(far, { sectionStart });
		const system = systemOf(linked);
		const bytes = (): number[] =>
			linked.sites.flatMap(({ address }) => [...readVirtual(system.machine, 0, address, 5)!]);
		const before = bytes();
		run(system, { cycles: 100 });
		staticCalls(system).get("pick").update("remote");
		expect(bytes()).not.toEqual(before);
		staticCalls(system).get("pick").reset();
		expect(bytes()).toEqual(before);
	});
});

test("hot sites of three CPUs, updated through the API", () => {
	const system = hotSystem({ model: modelNamed("arm"), fetch: "random", seed: 4 });
	const calls = staticCalls(system);
	runFor(system, 100);
	for (const target of ["two", "one", "__static_call_return0", "two", "one"])
		expect(calls.update({ pick: target, hook: target === "two" ? "three" : null })).toHaveProperty("sites");
	expect(runFor(system, 500)).toEqual({ kind: "limit" });
});
