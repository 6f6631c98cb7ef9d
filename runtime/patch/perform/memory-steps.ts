// The steps that fill memory, map it and take it back, on the machine: page by page, since frames need not be neighbours.

import { encode } from "../../../linker/isa/encode.ts";
import { isAllTraps, isExecutable, restrictFrames, retireText } from "../../machine/frames.ts";
import { unitsInFlux } from "../../machine/histories.ts";
import { writePhysical } from "../../machine/memory.ts";
import type { Permissions } from "../../machine/page-entry.ts";
import { aliasOf, extentOf } from "../../machine/page-table.ts";
import { type Machine, PAGE } from "../../machine/state.ts";
import { clean, invalidate } from "../../machine/visibility.ts";
import type { Step, Stretch } from "../plan/step.ts";

const TRAP = encode("brk")[0]!;

/** Where a step would store many bytes at once although some CPU may execute there: not atomic, so never right.
 * The checker calls it a violation. */
export function storesIntoText(machine: Machine, step: Step): boolean {
	if (step.kind !== "copy" && step.kind !== "poison") return false;
	const bytes = typeof step.bytes === "number" ? step.bytes : step.bytes.length;
	return partsOf(machine, step.address, bytes).some((part) => isExecutable(machine, part.physical, part.bytes));
}

/** @throws Error when some CPU may execute there */
export function copy(machine: Machine, address: number, bytes: Uint8Array): void {
	refuseText(storesIntoText(machine, { kind: "copy", address, bytes }));
	let from = 0;
	for (const part of pagesOf(machine, address, bytes.length)) {
		writePhysical(machine, part.physical, bytes.subarray(from, from + part.bytes));
		from += part.bytes;
	}
}

/** Pages that are breakpoints already are left alone. @returns how many bytes were stored
 * @throws Error when some CPU may execute there */
export function poison(machine: Machine, address: number, bytes: number): number {
	refuseText(storesIntoText(machine, { kind: "poison", address, bytes }));
	const parts = pagesOf(machine, address, bytes).filter((part) => !isAllTraps(machine, part.physical, part.bytes));
	for (const part of parts) writePhysical(machine, part.physical, new Uint8Array(part.bytes).fill(TRAP));
	return parts.reduce((sum, part) => sum + part.bytes, 0);
}

export function restrict(machine: Machine, address: number, bytes: number, permissions: Permissions): void {
	for (const part of partsOf(machine, address, bytes)) restrictFrames(machine, part.physical, part.bytes, permissions);
}

export function retire(machine: Machine, address: number, bytes: number): void {
	for (const part of partsOf(machine, address, bytes)) retireText(machine, part.physical, part.bytes);
}

/** Cleans or invalidates every unit of a stretch. @returns how many there were */
export function maintain(
	machine: Machine,
	{ kind, address, bytes }: Stretch & { readonly kind: "clean" | "invalidate" },
): number {
	const { unit } = machine.config.model;
	const act = kind === "clean" ? clean : invalidate;
	let units = 0;
	for (const part of partsOf(machine, address, bytes)) {
		const first = part.physical - (part.physical % unit);
		const end = part.physical + part.bytes;
		for (const one of unitsInFlux(machine, first, end)) act(machine, one);
		units += Math.ceil((end - first) / unit);
	}
	return units;
}

function refuseText(isText: boolean): void {
	if (isText) throw new Error("assert: a long store into memory that somebody may execute");
}

interface Part {
	readonly physical: number;
	readonly bytes: number;
}

/** The physical memory behind a stretch, by page-table entries. */
function partsOf(machine: Machine, address: number, bytes: number): Part[] {
	const parts: Part[] = [];
	for (let at = address; at < address + bytes; ) {
		const physical = aliasOf(machine, 0, at);
		const extent = extentOf(machine, 0, at)!;
		const length = Math.min(address + bytes - at, extent.physical + extent.bytes - physical);
		parts.push({ physical, bytes: length });
		at += length;
	}
	return parts;
}

/** The same, cut at every small page. */
function pagesOf(machine: Machine, address: number, bytes: number): Part[] {
	return partsOf(machine, address, bytes).flatMap((part) => {
		const pages: Part[] = [];
		for (let at = part.physical; at < part.physical + part.bytes; ) {
			const end = Math.min(part.physical + part.bytes, at - (at % PAGE) + PAGE);
			pages.push({ physical: at, bytes: end - at });
			at = end;
		}
		return pages;
	});
}
