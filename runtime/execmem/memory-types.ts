// The kinds of memory that modules, probes and JIT compilers ask for: one literal each says where it may lie, with which
// rights, on which pages and how finely it is cut. The allocator and docs/execmem.md follow this table.

import type { Permissions } from "../machine/page-entry.ts";

/** `near`: within reach of CALL of all of the image. */
export type Nearness = "near" | "anywhere";

export interface MemoryType {
	readonly name: TypeName;
	/** What it is for. */
	readonly brief: string;
	/** Types of one pool share pages, so their rights are the same and holes of one are filled by the other. */
	readonly pool: TypeName;
	readonly place: Nearness;
	/** Where it goes when there is no room in `place`. */
	readonly fallback: Nearness | undefined;
	/** Once it is finished. */
	readonly permissions: Permissions;
	/** Bytes; pieces start and end at multiples of it. */
	readonly granularity: number;
	/** Large ones are 2 MiB and never change their rights in parts; small ones are 4 KiB. */
	readonly page: "large" | "small";
}

export const typeNames = [
	"text",
	"rodata",
	"roAfterInit",
	"data",
	"initText",
	"initData",
	"probes",
	"trampolines",
	"jit",
] as const;
/** The name of a type of memory. */
export type TypeName = (typeof typeNames)[number];

const readOnly: Permissions = { r: true, w: false, x: false };
const writable: Permissions = { r: true, w: true, x: false };
const executable: Permissions = { r: true, w: false, x: true };

/** What each type of memory is for, where it may lie, and how it is mapped. */
export const memoryTypes: Readonly<Record<TypeName, MemoryType>> = {
	text: {
		name: "text",
		brief: "functions of modules",
		pool: "text",
		place: "near",
		fallback: "anywhere",
		permissions: executable,
		granularity: 64,
		page: "large",
	},
	rodata: {
		name: "rodata",
		brief: "constants of modules",
		pool: "rodata",
		place: "anywhere",
		fallback: undefined,
		permissions: readOnly,
		granularity: 64,
		page: "large",
	},
	// A page of its own per piece: its rights change alone, when init is over.
	roAfterInit: {
		name: "roAfterInit",
		brief: "data that only init writes",
		pool: "roAfterInit",
		place: "anywhere",
		fallback: undefined,
		permissions: readOnly,
		granularity: 4096,
		page: "small",
	},
	data: {
		name: "data",
		brief: "variables of modules",
		pool: "data",
		place: "anywhere",
		fallback: undefined,
		permissions: writable,
		granularity: 64,
		page: "large",
	},
	initText: {
		name: "initText",
		brief: "functions that run once, then freed",
		pool: "text",
		place: "near",
		fallback: "anywhere",
		permissions: executable,
		granularity: 64,
		page: "large",
	},
	initData: {
		name: "initData",
		brief: "data that only init uses, then freed",
		pool: "data",
		place: "anywhere",
		fallback: undefined,
		permissions: writable,
		granularity: 64,
		page: "large",
	},
	probes: {
		name: "probes",
		brief: "copies of probed instructions",
		pool: "probes",
		place: "near",
		fallback: undefined,
		permissions: executable,
		granularity: 64,
		page: "small",
	},
	trampolines: {
		name: "trampolines",
		brief: "code that tracing goes through",
		pool: "trampolines",
		place: "near",
		fallback: undefined,
		permissions: executable,
		granularity: 64,
		page: "small",
	},
	// Pages of its own per piece: they are mapped, and change their rights, alone.
	jit: {
		name: "jit",
		brief: "compiled at run time, called by pointer",
		pool: "jit",
		place: "anywhere",
		fallback: undefined,
		permissions: executable,
		granularity: 4096,
		page: "small",
	},
};

/** From `start` up to and without `end`. */
export interface Range {
	readonly start: number;
	readonly end: number;
}

/** Bytes of an area, what pools own of the address space: a large page. */
export const AREA = 2 ** 21;
/** A call reaches from 128 MiB below its end to 128 MiB above, that one byte excluded. */
const REACH = 2 ** 27;

/** The whole areas that every call of some text reaches, and whose every call reaches all of it. The lowest area is left
 * out: address 0 is null. */
export function reachOf({ start, end }: Range): Range {
	const first = Math.max(AREA, Math.ceil((end - REACH) / AREA) * AREA);
	const last = Math.min(2 ** 32, Math.floor((start + REACH) / AREA) * AREA);
	return { start: first, end: Math.max(first, last) };
}
