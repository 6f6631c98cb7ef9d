// What traced functions report: when each was entered and left, and on which CPU. A traced function is made to return by
// way of `__trace_return`; where it was to return to waits on a shadow stack, one for each CPU. A function that was jumped
// to (a tail call) returns there as well, to its predecessor's return, and so appears inside of it.

import { SITE_BYTES, TRACE_RETURN } from "../../../linker/format/static-calls.ts";
import { Stop } from "../../../linker/isa/core.ts";
import { SP } from "../../../linker/isa/index.ts";
import { Cpu } from "../../machine/layout.ts";
import { getCounter } from "../../machine/state.ts";
import type { System, TracedCall, Tracer } from "../system.ts";

export function newTracer(): Tracer {
	return { calls: [], stacks: new Map() };
}

/** A CPU is in `__trace_entry`: on the stack are the place behind the traced function's first instruction, and where the
 * function returns to. @returns false when nothing like that is there */
export function traceEntry({ machine, image, tracer }: System, cpu: number): boolean {
	const core = machine.cores[cpu]!;
	const sp = core.r[SP]!;
	const trampoline = image.symbolNamed(TRACE_RETURN);
	core.stop = Stop.none;
	const address = (core.load32(sp) >>> 0) - SITE_BYTES;
	const returnTo = core.load32(sp + 4) >>> 0;
	if (core.stop !== Stop.none || trampoline === undefined) return false;
	core.store32(sp + 4, trampoline.address);
	if (core.stop !== Stop.none) return false;
	const stack = tracer.stacks.get(cpu) ?? [];
	tracer.stacks.set(cpu, stack);
	const entered = getCounter(machine, cpu, Cpu.clock);
	const call: TracedCall = { cpu, address, depth: stack.length, entered, left: undefined, returnTo };
	stack.push(call);
	tracer.calls.push(call);
	return true;
}

/** A CPU is in `__trace_return`: the word at its stack pointer is for where to go. @returns false when nobody returns */
export function traceReturn({ machine, tracer }: System, cpu: number): boolean {
	const core = machine.cores[cpu]!;
	const call = tracer.stacks.get(cpu)?.pop();
	if (call === undefined) return false;
	core.stop = Stop.none;
	core.store32(core.r[SP]!, call.returnTo);
	call.left = getCounter(machine, cpu, Cpu.clock);
	return core.stop === Stop.none;
}

/** Whether somebody will return to [address, address + bytes), though no stack says so. */
export function isAwaited({ stacks }: Tracer, address: number, bytes: number): boolean {
	const inside = ({ returnTo }: TracedCall): boolean => returnTo >= address && returnTo < address + bytes;
	return [...stacks.values()].some((stack) => stack.some(inside));
}
