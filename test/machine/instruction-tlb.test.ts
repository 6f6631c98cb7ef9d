// Counting instruction-TLB misses beside a run.

import { describe, expect, test } from "vitest";
import { encode } from "../../linker/isa/index.ts";
import { observeFetches, tlbShapes } from "../../runtime/machine/instruction-tlb.ts";
import { Cpu, Status } from "../../runtime/machine/layout.ts";
import type { InstructionTlb, TlbShape } from "../../runtime/machine/observers.ts";
import { LARGE_PAGE } from "../../runtime/machine/page-entry.ts";
import { mapPages } from "../../runtime/machine/page-table.ts";
import { advance, flush } from "../../runtime/machine/run.ts";
import { type Machine, PAGE, setCpu } from "../../runtime/machine/state.ts";
import { bareMachine, putCode, RX } from "../machines.ts";

const tiny: TlbShape = { name: "tiny", small: { entries: 4, ways: 2 }, large: { entries: 1, ways: 1 }, source: "" };
const BASE = LARGE_PAGE;

/** A ring of so many pages, each of which jumps to the next; the last to the first. */
function ring(pages: number, large = false): Machine {
	const machine = bareMachine({ memory: 2 * LARGE_PAGE, entries: 1024, fetch: "fresh" });
	mapPages(machine, 0, BASE, LARGE_PAGE, LARGE_PAGE, RX, large);
	for (let i = 0; i < pages; i++) {
		const to = ((i + 1) % pages) * PAGE;
		putCode(machine, LARGE_PAGE + i * PAGE, encode("jmp", { imm: to - (i * PAGE + 5) }));
	}
	setCpu(machine, 0, Cpu.pc, BASE);
	setCpu(machine, 0, Cpu.status, Status.running);
	return machine;
}

function jump(machine: Machine, times: number): void {
	for (let i = 0; i < times; i++) advance(machine, 0, 1);
}

function counted(machine: Machine, pages: InstructionTlb["pages"], times: number): InstructionTlb["counts"] {
	const tlb = observeFetches(machine, tiny, pages);
	jump(machine, times);
	return tlb.counts;
}

describe("misses of an instruction TLB", () => {
	test("are the first uses while all pages fit", () => {
		expect(counted(ring(4), "as mapped", 40)).toEqual({ changes: 40, misses: 4 });
	});

	test("are all of them when a set has one page too many in turn", () => {
		// Pages 0, 2, 4 share a set of two; pages 1 and 3 the other.
		expect(counted(ring(5), "as mapped", 50)).toEqual({ changes: 50, misses: 30 + 2 });
	});

	test("need one entry for a large page, unless it is taken for small ones", () => {
		expect(counted(ring(40, true), "as mapped", 80)).toEqual({ changes: 1, misses: 1 });
		expect(counted(ring(40, true), "small", 80)).toEqual({ changes: 80, misses: 80 });
	});

	test("count again after a flush", () => {
		const machine = ring(2);
		const tlb = observeFetches(machine, tiny, "as mapped");
		jump(machine, 10);
		flush(machine, 0);
		jump(machine, 10);
		expect(tlb.counts.misses).toBe(4);
	});

	test("are the same whether the CPU goes step by step or fast", () => {
		const machine = ring(5);
		const tlb = observeFetches(machine, tiny, "as mapped");
		advance(machine, 0, 10_000);
		const { changes } = tlb.counts;
		expect(changes).toBeGreaterThan(100);
		expect(counted(ring(5), "as mapped", changes)).toEqual(tlb.counts);
	});

	test("of one TLB for all CPUs are those of taking turns", () => {
		const machine = ring(5);
		const [own, shared] = [false, true].map((together) => observeFetches(machine, tiny, "as mapped", together));
		setCpu(machine, 1, Cpu.pc, BASE + 4 * PAGE);
		for (let i = 0; i < 10; i++) {
			setCpu(machine, 0, Cpu.pc, BASE);
			advance(machine, 0, 1);
			setCpu(machine, 1, Cpu.pc, BASE + (2 + 2 * (i % 2)) * PAGE);
			setCpu(machine, 1, Cpu.status, Status.running);
			advance(machine, 1, 1);
		}
		// CPU 0 stays on page 0 and keeps it; CPU 1 takes pages 2 and 4 from itself, each time.
		expect(own!.counts.misses).toBe(3);
		expect(shared!.counts.misses).toBe(11);
	});

	test("can be had of several shapes in one run", () => {
		const machine = ring(60);
		const tlbs = tlbShapes.map((shape) => observeFetches(machine, shape, "small"));
		jump(machine, 600);
		expect(tlbs.map(({ shape, counts }) => [shape.name, counts.misses])).toEqual([
			["Skylake", 60],
			["Zen 2", 60],
			["Neoverse N1", 600],
		]);
	});
});
