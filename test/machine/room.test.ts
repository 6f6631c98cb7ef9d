// What a machine has no room for is never dropped in silence: `run` stops, `check` is undecided, and both say of what there
// was too much.

import { describe, expect, test } from "vitest";
import { type CheckOptions, check, readScenario, type Verdict } from "../../runtime/check/index.ts";
import { mapPages, physicalIn } from "../../runtime/machine/page-table.ts";
import { flush } from "../../runtime/machine/run.ts";
import { PAGE } from "../../runtime/machine/state.ts";
import { type RunEnd, run } from "../../runtime/patch/index.ts";
import { imageOf, modelNamed, RW, systemOf } from "../machines.ts";

/** A CPU goes round and round; another writes so many versions of an instruction, through a window on it. */
const versions = (count: number): string => `
	.global reader, writer
	.type reader, @function
	.type writer, @function
reader:	jmp reader
writer:	movi r1, 1
again:	stb [r13+window+2], r1
	addi r1, r1, 1
	cmpi r1, ${count}
	jle again
	hlt
	.align 4096
slot:	movi r0, 0
	.data
	.align 4096
window:	.space 4096`;

describe("run", () => {
	const runOf = (count: number, entries: readonly string[], fetch: "fresh" | "stale" = "stale"): RunEnd => {
		const image = imageOf(versions(count), { entry: "reader" });
		const system = systemOf(image, { entries, model: modelNamed("x86"), fetch, values: 8 });
		const [window, slot] = ["window", "slot"].map((name) => image.symbolNamed(name)!.address) as [number, number];
		mapPages(system.machine, 0, window, physicalIn(system.machine, 0, slot), PAGE, RW);
		for (const { id } of system.machine.cores) flush(system.machine, id);
		return run(system, { cycles: 20_000 });
	};

	test("takes no program that wants more memory than there is", () => {
		const image = imageOf("\t.global main\nmain:\thlt\n\t.bss\n\t.space 8\n", { entry: "main" });
		const segments = image.segments.map((segment) => ({ ...segment, memorySize: segment.memorySize + 2 ** 27 }));
		const memory = /wants \d+ bytes of memory; a program has at most 134217728 \(128 MiB\) here/;
		expect(() => systemOf(Object.assign(Object.create(image), { segments }), { entries: ["main"] })).toThrow(memory);
	});

	test("stops where a CPU may see more values than there is room for", () => {
		const why = "more than 8 values that a unit of code, or a page-table entry, had and some CPU may see";
		expect(runOf(8, ["reader", "writer"])).toEqual({ kind: "bound", why });
	});

	test("goes on while there is room, where nobody can see them, and where only the newest is seen", () => {
		expect(runOf(7, ["reader", "writer"])).toEqual({ kind: "limit" });
		expect(runOf(200, ["reader", "writer"], "fresh")).toEqual({ kind: "limit" });
	});
});

describe("check", () => {
	const checked = (source: string, bounds: CheckOptions["bounds"]): Verdict =>
		check(readScenario(source, "room.s"), { bounds: { states: 20_000, ...bounds } });
	const reader = (header: string): string =>
		`# cpu: reader\n# cpu: writer\n# alias: window = slot\n# exists: 1:r9=7\n${header}${versions(6)}`;

	test.each<[string, CheckOptions["bounds"], string]>([
		["# model: x86", { values: 6 }, "more than 6 values .* \\(--max-values\\)"],
		["# model: x86-tso", { stores: 3 }, "more than 3 stores .* \\(--max-stores\\)"],
		["# model: x86\n# agent: store slot+2 07 07", { units: 1 }, "more than 1 units .* \\(--max-units\\)"],
	])("%s, %o: is undecided and names the bound and the option that raises it", (header, bounds, why) => {
		const { verdict, why: said } = checked(reader(header), bounds);
		expect([verdict, said]).toEqual(["undecided", expect.stringMatching(why)]);
	});

	test("decides with room enough, and a state is no wider for room that is not used", () => {
		const [tight, wide] = [7, 200].map((values) => checked(reader("# model: x86"), { values })) as [Verdict, Verdict];
		expect(tight.verdict).toBe("unsafe");
		expect([wide.verdict, wide.states, wide.steps]).toEqual([tight.verdict, tight.states, tight.steps]);
	});

	test("a CPU that stores for ever and never waits fills any buffer", () => {
		const source =
			"# model: x86-tso\n# cpu: f\n# always: torn\n\t.global f\n\t.type f, @function\nf:\tst [r13+x], r1\n\tjmp f\n\t.data\nx:\t.word 0\n";
		expect(checked(source, {}).why).toMatch(/^more than 32 stores/);
	});
});
