// From a protocol and a batch of edits to the steps that carry it out.
// Promises: sites in address order; no step for bytes that are already right; a sync after a write that stored nothing
// is left out, so a batch costs the syncs of one site and a one-byte batch fewer.

import { encode } from "../../linker/isa/encode.ts";
import type { Part, Phase, Protocol } from "./protocol.ts";
import type { Edit, Step } from "./step.ts";

/** Stores are atomic within aligned units of this size. */
const ATOMIC = 8;
const BREAKPOINT = encode("brk");

/** @param edits distinct, not overlapping, any order */
export function plan(protocol: Protocol, edits: readonly Edit[]): Step[] {
	const batch = edits.filter((edit) => !same(edit.old, edit.bytes)).sort((a, b) => a.address - b.address);
	if (batch.length === 0) return [];
	const steps: Step[] = [];
	let stored = false;
	for (const phase of protocol.phases) {
		if (phase.kind === "sync" && !stored) continue;
		const expanded = expand(phase, batch);
		stored = phase.kind === "write" && expanded.length > 0;
		steps.push(...expanded);
	}
	return steps;
}

function expand(phase: Phase, batch: readonly Edit[]): Step[] {
	switch (phase.kind) {
		case "write":
			return batch.flatMap((edit) => stores(edit, phase.part));
		case "sync":
			return [{ kind: "interrupt" }, { kind: "await" }];
		case "trap":
			return [phase.arm ? { kind: "arm", edits: batch } : { kind: "disarm" }];
	}
}

function stores(edit: Edit, part: Part): Step[] {
	const { address, bytes } = edit;
	switch (part) {
		case "breakpoint":
			return [{ kind: "store", address, bytes: BREAKPOINT }];
		case "tail":
			return same(edit.old.subarray(1), bytes.subarray(1)) ? [] : atomicStores(address + 1, bytes.subarray(1));
		case "head":
			return bytes[0] === BREAKPOINT[0] ? [] : [{ kind: "store", address, bytes: bytes.slice(0, 1) }];
		case "whole":
			return atomicStores(address, bytes);
	}
}

/** Splits a store where it crosses the aligned unit. */
function atomicStores(address: number, bytes: Uint8Array): Step[] {
	const steps: Step[] = [];
	for (let from = 0; from < bytes.length; ) {
		const to = Math.min(bytes.length, from + ATOMIC - ((address + from) % ATOMIC));
		steps.push({ kind: "store", address: address + from, bytes: bytes.slice(from, to) });
		from = to;
	}
	return steps;
}

export function same(a: Uint8Array, b: Uint8Array): boolean {
	return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
