// From a protocol and a batch of edits to the steps that carry it out.
// Promises: sites in address order; no step for bytes that are already right; a sync after a write that stored nothing
// is left out, so a batch costs the syncs of one site and a batch of one-byte instructions fewer.

import { encode } from "../../../linker/isa/encode.ts";
import type { Model } from "../../machine/model.ts";
import { PAGE } from "../../machine/state.ts";
import { flushIcacheRange, flushIcacheStretch, flushTlbs, syncCores } from "../perform/cache-maintenance.ts";
import type { Part, Phase, Protocol } from "./protocol.ts";
import { ATOMIC, atomicStores, type Edit, inSpace, type Span, type Step, same } from "./step.ts";

/** What is to become true: all of it or, after a rollback, nothing. */
export interface Transaction {
	readonly protocol: Protocol;
	/** Sorted by address. */
	readonly edits: readonly Edit[];
	/** Words of keys: data, stored before the first site changes. */
	readonly words: readonly Edit[];
}

/** What a patcher carries out. */
export interface Plan {
	readonly steps: readonly Step[];
	/** For traces: the phase of the protocol that each step belongs to; none for those before and after. */
	readonly phases?: readonly (Phase | undefined)[];
	/** What the breakpoint trap looks up, sorted by address. */
	readonly edits: readonly Edit[];
	/** What the steps were made from, so that somebody can take over from a patcher that died (recover.ts). */
	readonly transaction?: Transaction;
}

/** A plan that is no update. */
export interface Labelled extends Plan {
	/** What it is about, for people. */
	readonly label: string;
}

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
	const phased = batch.length === 0 ? [] : phaseSteps(protocol.phases, { edits: batch, spans: pagesOf(batch) }, model);
	return {
		steps: [...prologue, ...phased.map(({ step }) => step), { kind: "unlock" }],
		phases: [...prologue.map(() => undefined), ...phased.map(({ phase }) => phase)],
		edits: batch,
		transaction: { protocol, edits: batch, words: data },
	};
}

/** What phases work on: the bytes that change, and the memory that they lie in. */
export interface Batch {
	readonly edits: readonly Edit[];
	readonly spans: readonly Span[];
	/** The spans among them that need cache maintenance: all of them unless said otherwise. */
	readonly stale?: readonly Span[];
}

/** Phases that fill memory or give it back. What they store is nobody's instruction yet, so no trap stands in for it. */
export function planMemory(phases: readonly Phase[], batch: Batch, model: Model): Plan {
	const phased = phaseSteps(phases, batch, model);
	if (phased.length === 0) return { steps: [], edits: [] };
	return {
		steps: [{ kind: "lock" }, ...phased.map(({ step }) => step), { kind: "unlock" }],
		phases: [undefined, ...phased.map(({ phase }) => phase), undefined],
		edits: [],
	};
}

/** The steps of a plan without its lock, for a plan around them that holds one. */
export function underLock({ steps }: Plan): Step[] {
	return steps.filter(({ kind }) => kind !== "lock" && kind !== "unlock");
}

/** The first edit that a protocol's requirement rules out. */
export function unfitFor(protocol: Protocol, edits: readonly Edit[]): Edit | undefined {
	if (protocol.requires !== "aligned") return undefined;
	return edits.find(({ address, bytes }) => (address % ATOMIC) + bytes.length > ATOMIC);
}

/** A sync after a write that stored nothing has nothing to make known. */
function phaseSteps(phases: readonly Phase[], batch: Batch, model: Model): { step: Step; phase: Phase }[] {
	const steps: { step: Step; phase: Phase }[] = [];
	let stored = true;
	for (const phase of phases) {
		if (phase.kind === "sync" && phase.request === "serialize" && !stored) continue;
		const expanded = expand(phase, batch, model);
		stored = phase.kind !== "write" || expanded.length > 0;
		for (const step of expanded) steps.push({ step, phase });
	}
	return steps;
}

function expand(phase: Phase, { edits, spans, stale = spans }: Batch, model: Model): Step[] {
	switch (phase.kind) {
		case "write":
			return withMaintenance(
				edits.flatMap((edit) => stores(edit, phase.part)),
				model,
				edits[0]?.space,
			);
		case "sync":
			if (phase.unless === "coherent" && model.upkeep === "none") return [];
			if (phase.request === "serialize") return syncCores();
			if (phase.request === "flush") return flushTlbs(model);
			return [{ kind: "interrupt", request: phase.request }, { kind: "await" }];
		case "release":
			return [{ kind: "release", serialize: phase.serialize }];
		case "trap":
			return [{ kind: phase.arm ? "arm" : "disarm" }];
		case "protect":
		case "restrict":
			return spans.map(({ address, bytes }) => ({ kind: phase.kind, address, bytes, permissions: phase.permissions }));
		case "map":
			return spans.map((span) => ({ kind: "map", ...span, permissions: phase.permissions }));
		case "copy":
			return edits.map(({ address, bytes }) => ({ kind: "copy", address, bytes }));
		case "poison":
		case "retire":
			return spans.map(({ address, bytes }) => ({ kind: phase.kind, address, bytes }));
		case "maintain":
			return stale.flatMap((span) => flushIcacheStretch(model, span));
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

/** The pages that the sites touch. */
function pagesOf(batch: readonly Edit[]): Span[] {
	const pages = new Set<number>();
	for (const { address, bytes } of batch) {
		pages.add(address - (address % PAGE));
		const last = address + bytes.length - 1;
		pages.add(last - (last % PAGE));
	}
	return [...pages].map((address) => ({ address, bytes: PAGE }));
}
