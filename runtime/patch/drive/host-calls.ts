// What programs ask of their host by ECALL: printing, and retargeting their own static calls.

import { hex } from "../../../linker/hex.ts";
import { HostCall, type Toggle, toggles } from "../../../linker/isa/host-calls.ts";
import { Cpu, Status } from "../../machine/layout.ts";
import { readVirtual } from "../../machine/memory.ts";
import { getCounter, getCpu, setCpu } from "../../machine/state.ts";
import type { Change } from "../change/change.ts";
import { queryAt } from "../change/slots.ts";
import { traceEntry, traceReturn } from "../record/tracer.ts";
import type { System } from "../system.ts";

/** Serves the host call a CPU stopped at. The CPU goes on, or waits for its update, or is trapped by an unknown number. */
export function serveHostCall(system: System, cpu: number): void {
	const { machine } = system;
	const { r } = machine.cores[cpu]!;
	const first = r[0]! >>> 0;
	setCpu(machine, cpu, Cpu.status, Status.running);
	switch (getCpu(machine, cpu, Cpu.stopValue)) {
		case HostCall.printInt:
			print(system, cpu, String(r[0]));
			break;
		case HostCall.printUint:
			print(system, cpu, String(first));
			break;
		case HostCall.printText:
			printText(system, cpu, first, r[1]!);
			break;
		case HostCall.printJoin:
			join(system, cpu);
			break;
		case HostCall.printEnd:
			endLine(system, cpu);
			break;
		case HostCall.update:
			request(system, cpu, { key: first, to: r[1]! >>> 0 });
			break;
		case HostCall.reset:
			request(system, cpu, { key: first, to: undefined });
			break;
		case HostCall.query:
			answerQuery(system, cpu, first);
			break;
		case HostCall.toggle:
			requestToggle(system, cpu, first, toggles[r[1]!]);
			break;
		case HostCall.traceEntry:
			if (!traceEntry(system, cpu)) setCpu(machine, cpu, Cpu.status, Status.trapped);
			break;
		case HostCall.traceReturn:
			if (!traceReturn(system, cpu)) setCpu(machine, cpu, Cpu.status, Status.trapped);
			break;
		default:
			setCpu(machine, cpu, Cpu.status, Status.trapped);
	}
}

/** Queues a program's own update; its CPU goes on when it is complete. With interrupts masked it would wait for others
 * that may wait for it. */
function request(system: System, cpu: number, change: Change): void {
	if (getCpu(system.machine, cpu, Cpu.masked) !== 0) {
		refuse(system, cpu, "an update waits for every CPU, so it cannot be made with interrupts masked");
		return;
	}
	system.queue.push({ changes: [change], cpu, clock: getCounter(system.machine, cpu, Cpu.clock) });
	setCpu(system.machine, cpu, Cpu.status, Status.patching);
}

/** Tells a CPU what a key calls, or traps it when there is nothing to read. */
function answerQuery(system: System, cpu: number, key: number): void {
	const target = queryAt(system, key);
	if (target === undefined) refuse(system, cpu, `host call ${HostCall.query}: a key at ${hex(key)} cannot be read`);
	else system.machine.cores[cpu]!.r[0] = target;
}

/** Traps a CPU, and says why. */
function refuse(system: System, cpu: number, why: string): void {
	system.refusal = why;
	setCpu(system.machine, cpu, Cpu.status, Status.trapped);
}

function requestToggle(system: System, cpu: number, key: number, toggle: Toggle | undefined): void {
	if (toggle === undefined) setCpu(system.machine, cpu, Cpu.status, Status.trapped);
	else request(system, cpu, { key, toggle });
}

function print(system: System, cpu: number, value: string): void {
	const line = system.line.get(cpu) ?? [];
	line.push(value);
	system.line.set(cpu, line);
}

function join(system: System, cpu: number): void {
	const line = system.line.get(cpu) ?? [];
	system.line.set(cpu, [...line.slice(0, -2), line.slice(-2).join("")]);
}

function endLine(system: System, cpu: number): void {
	const line = (system.line.get(cpu) ?? []).join(" ");
	system.line.delete(cpu);
	system.output.push(line);
	system.events?.push({
		clock: getCounter(system.machine, cpu, Cpu.clock),
		cpu,
		what: "print",
		detail: line,
		duration: 0,
	});
}

/** Prints the text in a program's memory, or traps the CPU where there is none: not all of it can be read. */
function printText(system: System, cpu: number, address: number, length: number): void {
	const { machine } = system;
	const bytes = readVirtual(machine, getCpu(machine, cpu, Cpu.space), address, length);
	if (bytes === undefined)
		refuse(system, cpu, `host call ${HostCall.printText}: ${length} bytes at ${hex(address)} cannot be read`);
	else print(system, cpu, new TextDecoder().decode(bytes));
}
