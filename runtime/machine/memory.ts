// Physical memory as it is written and read. Old bytes of code stay visible as the model says (visibility.ts).

import { ArgumentError } from "../../linker/errors.ts";
import { hex } from "../../linker/hex.ts";
import { dropDecoded } from "./decode-cache.ts";
import { CODE, type Value } from "./histories.ts";
import { physicalIn } from "./page-table.ts";
import type { Machine } from "./state.ts";
import { record } from "./visibility.ts";

/** Whether some entry maps the frame of a physical address executable, or did: instruction caches may hold its bytes. */
export function isText(machine: Machine, physical: number): boolean {
	return machine.codeFrames.has(physical >>> 12);
}

function failPhysical(physical: number, length: number): never {
	throw new ArgumentError(`${length} bytes of physical memory at ${hex(physical)}: there are none`);
}

/** Writes physical memory: every path of every store ends here, or in a core's cached translation of a frame that is not
 * code. Old bytes of code stay visible as the model says. @throws ArgumentError for bytes that there are not */
export function writePhysical(machine: Machine, physical: number, bytes: Uint8Array): void {
	if (!(physical >= 0 && physical + bytes.length <= machine.memory.length)) failPhysical(physical, bytes.length);
	const { unit } = machine.config.model;
	if (unit === 0 || machine.config.fetch === "fresh" || !machine.codeFrames.has(physical >>> 12)) {
		machine.memory.set(bytes, physical);
	} else {
		const first = physical - (physical % unit);
		const last = physical + bytes.length - 1;
		const before: Value[] = [];
		for (let at = first; at <= last; at += unit) before.push(unitValue(machine, at));
		machine.memory.set(bytes, physical);
		for (const [i, old] of before.entries()) {
			const now = unitValue(machine, first + i * unit);
			if (old[0] !== now[0] || old[1] !== now[1]) record(machine, CODE, first + i * unit, old, now);
		}
		// A neighbour in the same unit is fetched anew as well, whether it was decoded before or not.
		dropDecoded(machine, first, before.length * unit);
	}
	dropDecoded(machine, physical, bytes.length);
	if (machine.written !== undefined)
		for (let at = physical & ~3; at < physical + bytes.length; at += 4) machine.written.push(at);
}

/** Reads bytes as an address space has them now. @returns undefined when a page is not mapped */
export function readVirtual(machine: Machine, space: number, address: number, length: number): Uint8Array | undefined {
	if (length < 0 || length > machine.memory.length) return undefined;
	const bytes = new Uint8Array(length);
	for (let i = 0; i < length; i++) {
		const physical = physicalIn(machine, space, address + i);
		if (physical < 0) return undefined;
		bytes[i] = machine.memory[physical]!;
	}
	return bytes;
}

function unitValue(machine: Machine, physical: number): Value {
	const bytes = machine.memory.subarray(physical, physical + machine.config.model.unit);
	return [wordFrom(bytes, 0), wordFrom(bytes, 4)];
}

function wordFrom(bytes: Uint8Array, at: number): number {
	return (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24);
}
