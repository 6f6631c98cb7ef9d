// Pages under pieces: frames for those that the allocator opens, and back for those that it closes, in the order that the
// fills and releases say.

import { hex } from "../../linker/hex.ts";
import { encode } from "../../linker/isa/encode.ts";
import { forgetEntries } from "../machine/frames.ts";
import { extentOf } from "../machine/page-table.ts";
import { type Machine, PAGE } from "../machine/state.ts";
import { carryOut } from "../patch/drive/carry-out.ts";
import type { RunEnd } from "../patch/drive/run.ts";
import { type Plan, planMemory } from "../patch/plan/plan.ts";
import { type Phase, phaseText } from "../patch/plan/protocol.ts";
import { ATOMIC, type Edit, type Span } from "../patch/plan/step.ts";
import { type Area, freePiece } from "./allocator.ts";
import type { Release } from "./fill.ts";
import { giveBack, takeRuns } from "./frames.ts";
import { memoryTypes } from "./memory-types.ts";
import { type Execmem, type Owned, readBytes } from "./pieces.ts";

const BRK = encode("brk")[0]!;

/** Carries out a plan of memory. @param label what it is, for people
 * @returns why the run ended before the plan was done; undefined when it is */
export function carryOutMemory({ system, options }: Execmem, label: string, plan: Plan): RunEnd | undefined {
	if (plan.steps.length === 0) return undefined;
	const done = carryOut(system, () => ({ ...plan, label }), { trapped: options.trapped });
	if ("refused" in done) throw new Error(`assert: ${done.refused}`);
	return "ended" in done ? done.ended : undefined;
}

/** Frames behind the pages that a piece opened, mapped as its fill begins; pages that pieces share as they stay.
 * @returns why not: then nothing is mapped */
export function backPages(
	execmem: Execmem,
	{ fill, piece }: Owned,
	opened: readonly Area[],
): "out-of-memory" | RunEnd | undefined {
	const { system, frames } = execmem;
	const spans: Span[] = [];
	for (const { address, bytes, large } of opened) {
		const runs = takeRuns(frames, bytes, large);
		if (runs === undefined) {
			for (const { frames: taken, bytes: length } of spans) giveBack(frames, taken!.physical, length);
			return "out-of-memory";
		}
		let at = address;
		for (const run of runs) {
			spans.push({ address: at, bytes: run.bytes, frames: { physical: run.physical, large, text: fill.text } });
			at += run.bytes;
		}
	}
	const asTheyStay: readonly Phase[] = [{ kind: "map", permissions: memoryTypes[piece.type].permissions }];
	const phases = fill.before === "mapped" ? asTheyStay : fill.alloc;
	if (spans.length === 0) return undefined;
	const plan = planMemory(phases, { edits: [], spans }, system.machine.config.model);
	return carryOutMemory(execmem, `map pages for ${piece.type} (${fill.name})`, plan);
}

/** The frames behind pages that nobody can reach any more are free. */
export function unbackPages({ system, frames }: Execmem, closed: readonly Area[]): void {
	const { machine } = system;
	for (const area of closed) {
		for (const { physical, bytes } of framesOf(machine, area)) giveBack(frames, physical, bytes);
		forgetEntries(machine, 0, area.address, area.bytes);
	}
}

function framesOf(machine: Machine, { address, bytes, large }: Area): { physical: number; bytes: number }[] {
	if (large) return [{ physical: extentOf(machine, 0, address)!.physical, bytes }];
	return Array.from({ length: bytes / PAGE }, (_, i) => ({
		physical: extentOf(machine, 0, address + i * PAGE)!.physical,
		bytes: PAGE,
	}));
}

/** The pages that a piece has to itself; none where it shares them. */
export function spansOf({ fill, piece }: Owned): Span[] {
	return fill.before === "mapped" ? [] : [{ address: piece.address, bytes: piece.bytes }];
}

/** What happens at once to a piece that is freed. */
export function freeNow(execmem: Execmem, owned: Owned): RunEnd | undefined {
	const { machine } = execmem.system;
	const { piece } = owned;
	const old = readBytes(machine, piece.address, piece.bytes);
	const edits = differences({ address: piece.address, old, bytes: new Uint8Array(old.length).fill(BRK) });
	const spans = owned.fill.before === "mapped" ? [{ address: piece.address, bytes: piece.bytes }] : spansOf(owned);
	const { free, name } = releaseOf(execmem, owned);
	const label = `free ${piece.type} at ${hex(piece.address)} (${name})`;
	const ended = carryOutMemory(execmem, label, planMemory(free, { edits, spans }, machine.config.model));
	if (ended === undefined) owned.state = "freed";
	return ended;
}

/** The same with no more bytes than differ, in whole units of a store. */
export function differences({ address, old, bytes }: Edit): Edit[] {
	const edits: Edit[] = [];
	let from = 0;
	for (let at = 0; at <= bytes.length; ) {
		const end = Math.min(bytes.length, at + ATOMIC - ((address + at) % ATOMIC));
		const isLast = at === bytes.length;
		if (isLast || isSame(old, bytes, at, end)) {
			if (at > from) edits.push({ address: address + from, old: old.slice(from, at), bytes: bytes.slice(from, at) });
			from = end;
		}
		if (isLast) break;
		at = end;
	}
	return edits;
}

function isSame(old: Uint8Array, bytes: Uint8Array, from: number, to: number): boolean {
	for (let i = from; i < to; i++) if (old[i] !== bytes[i]) return false;
	return true;
}

/** Gives everything back that was freed since the last time: the pieces to the allocator, and the pages that are closed by
 * that, after one shootdown for all of them, to the frames. */
export function flushFrees(execmem: Execmem): RunEnd | undefined {
	const { allocator, pieces, counts } = execmem;
	const freed = [...pieces.values()].filter(({ state }) => state === "freed");
	if (freed.length === 0) return undefined;
	const closed: Area[] = [];
	for (const { piece } of freed) {
		const released = freePiece(allocator, piece.address);
		if (!released.ok) throw new Error(`assert: ${released.error.why}`);
		closed.push(...released.closed);
		pieces.delete(piece.address);
	}
	const ended = carryOutMemory(execmem, "flush what was freed", flushPlan(execmem, freed, closed));
	if (ended !== undefined) return ended;
	unbackPages(execmem, closed);
	counts.freed += freed.length;
	counts.shootdowns++;
	return undefined;
}

function flushPlan(execmem: Execmem, freed: readonly Owned[], closed: readonly Area[]): Plan {
	const unmap = execmem.methods.releases.find(({ name }) => name === "unmap")!;
	const others = new Set(freed.map((owned) => releaseOf(execmem, owned)));
	const phases: Phase[] = closed.length > 0 ? [...unmap.free, ...unmap.flush] : [];
	for (const { flush } of others) {
		if (flush === unmap.flush) continue;
		const known = phases.map(phaseText);
		phases.push(...flush.filter((phase) => !known.includes(phaseText(phase))));
	}
	const spans = closed.map(({ address, bytes }) => ({ address, bytes }));
	// Text of pages that pieces shared was breakpoints when the last of them was freed, and no cache of instructions holds data.
	const stale = freed.filter(({ fill }) => fill.text).flatMap(spansOf);
	return planMemory(phases, { edits: [], spans, stale }, execmem.system.machine.config.model);
}

function releaseOf({ methods }: Execmem, { fill }: Owned): Release {
	return methods.releases.find(({ name }) => name === fill.release)!;
}
