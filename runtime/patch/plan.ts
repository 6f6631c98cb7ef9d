// From a protocol and a batch of edits to the steps that carry it out.
// Promises: sites in address order; no step for bytes that are already right; a sync after a write that stored nothing
// is left out, so a batch costs the syncs of one site and a batch of one-byte instructions fewer.

import { encode } from "../../linker/isa/encode.ts";
import type { Model } from "../machine/model.ts";
import { PAGE } from "../machine/state.ts";
import { flushIcacheRange, syncCores } from "./cache-maintenance.ts";
import type { Part, Phase, Protocol } from "./protocol.ts";
import { ATOMIC, atomicStores, type Edit, inSpace, type Plan, type Step, same } from "./step.ts";

const BREAKPOINT = encode("brk");
const SPIN = encode("spin");

/** @param edits distinct, not overlapping, any order, all of one process or of all @param words of keys, stored under the lock before the first site
 * @returns a plan without steps when everything holds its new bytes already */
export function plan(protocol: Protocol, edits: readonly Edit[], model: Model, words: readonly Edit[] = []): Plan {
	const batch = edits.filter((edit) => !same(edit.old, edit.bytes)).sort((a, b) => a.address - b.address);
	const data = words.filter((word) => !same(word.old, word.bytes));
	if (batch.length === 0 && data.length === 0) return { steps: [], edits: [] };
	const prologue: Step[] = [
		{ kind: "lock" },
		...data.map(({ address, bytes }): Step => ({ kind: "store", address, bytes })),
	];
	const phased = batch.length === 0 ? [] : phaseSteps(protocol, batch, model);
	return {
		steps: [...prologue, ...phased.map(({ step }) => step), { kind: "unlock" }],
		phases: [...prologue.map(() => undefined), ...phased.map(({ phase }) => phase)],
		edits: batch,
		transaction: { protocol, edits: batch, words: data },
	};
}

/** The first edit that a protocol's requirement rules out. */
export function unfitFor(protocol: Protocol, edits: readonly Edit[]): Edit | undefined {
	if (protocol.requires !== "aligned") return undefined;
	return edits.find(({ address, bytes }) => (address % ATOMIC) + bytes.length > ATOMIC);
}

/** A sync after a write that stored nothing has nothing to make known. */
function phaseSteps(protocol: Protocol, batch: readonly Edit[], model: Model): { step: Step; phase: Phase }[] {
	const steps: { step: Step; phase: Phase }[] = [];
	let stored = true;
	for (const phase of protocol.phases) {
		if (phase.kind === "sync" && phase.request === "serialize" && !stored) continue;
		const expanded = expand(phase, batch, model);
		stored = phase.kind !== "write" || expanded.length > 0;
		steps.push(...expanded.map((step) => ({ step, phase })));
	}
	return steps;
}

function expand(phase: Phase, batch: readonly Edit[], model: Model): Step[] {
	switch (phase.kind) {
		case "write":
			return withMaintenance(
				batch.flatMap((edit) => stores(edit, phase.part)),
				model,
				batch[0]?.space,
			);
		case "sync":
			if (phase.request === "serialize") return syncCores();
			return [{ kind: "interrupt", request: phase.request }, { kind: "await" }];
		case "release":
			return [{ kind: "release", serialize: phase.serialize }];
		case "trap":
			return [{ kind: phase.arm ? "arm" : "disarm" }];
		case "protect":
			return pagesOf(batch).map((address) => ({
				kind: "protect",
				address,
				bytes: PAGE,
				permissions: phase.permissions,
			}));
	}
}

function stores(edit: Edit, part: Part): Step[] {
	const { address, bytes, space } = edit;
	const byte = (value: Uint8Array): Step => ({ kind: "store", address, bytes: value, ...inSpace(space) });
	switch (part) {
		case "breakpoint":
			return [byte(BREAKPOINT)];
		case "spin":
			return [byte(SPIN)];
		case "tail":
			return same(edit.old.subarray(1), bytes.subarray(1)) ? [] : atomicStores(address + 1, bytes.subarray(1), space);
		case "head":
			return bytes[0] === BREAKPOINT[0] ? [] : [byte(bytes.slice(0, 1))];
		case "whole":
			return atomicStores(address, bytes, space);
	}
}

/** After the stores of a phase, what the model's caches need. */
function withMaintenance(stored: Step[], model: Model, space: number | undefined): Step[] {
	const ranges = stored.flatMap((step) =>
		step.kind === "store" ? [{ address: step.address, length: step.bytes.length }] : [],
	);
	return [...stored, ...flushIcacheRange(model, ranges, space)];
}

/** Addresses of the pages that the sites touch. */
function pagesOf(batch: readonly Edit[]): number[] {
	const pages = new Set<number>();
	for (const { address, bytes } of batch) {
		pages.add(address - (address % PAGE));
		const last = address + bytes.length - 1;
		pages.add(last - (last % PAGE));
	}
	return [...pages];
}
