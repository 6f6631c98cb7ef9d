// What somebody who stores instructions does so that those who execute them do not find the old ones: five calls, and
// per kind of machine what they come to, as data. Whoever writes text goes through here: the patcher's phases
// (plan.ts), and who fills a page of a process.
// Promises: a plan's steps and nothing else; no step on a machine that needs none.

import type { Model, Upkeep } from "../../machine/model.ts";
import { PAGE } from "../../machine/state.ts";
import { atomicStores, inSpace, type Step, type Stretch, same } from "../plan/step.ts";

/** Bytes of text that were stored. */
export interface StoredRange {
	readonly address: number;
	readonly length: number;
}

/** Who may execute what is stored in a page of a process. */
export interface UserSpace {
	/** The address space; 0 unless said otherwise. */
	readonly space?: number;
	/** The CPU that stores. */
	readonly cpu: number;
	/** The CPUs that have run the process: its mask. */
	readonly cpus: readonly number[];
	readonly threads: number;
	/** Whether the task that stores may be given another CPU before it has executed what it stored. */
	readonly migrates: boolean;
}

/** After stores to text that anybody executes: by address, where the machine has such operations. Where it has none, whole
 * caches go with `syncCores`, which whoever patches under running CPUs calls anyway. All cleaned, then all invalidated. */
export function flushIcacheRange(model: Model, ranges: readonly StoredRange[], space?: number): Step[] {
	const units = unitsOf(model, ranges);
	return [
		...(model.cleans ? units.map((address): Step => ({ kind: "clean", address, ...inSpace(space) })) : []),
		...(isInvalidatedByAll(model)
			? units.map((address): Step => ({ kind: "invalidate", address, ...inSpace(space) }))
			: []),
	];
}

/** The same for a whole stretch at once, which nobody executes meanwhile. */
export function flushIcacheStretch(model: Model, { address, bytes }: Stretch): Step[] {
	return [
		...(model.cleans ? [{ kind: "clean", address, bytes } as const] : []),
		...(isInvalidatedByAll(model) ? [{ kind: "invalidate", address, bytes } as const] : []),
	];
}

function isInvalidatedByAll({ caches, invalidates }: Model): boolean {
	return caches && invalidates === "broadcast";
}

/** After stores to a page of a process, before the process executes them. The page must hold all of the range: `page` is its
 * address. That the way back to the program is an instruction barrier (`Model.returns`) is left to who goes it. */
export function flushIcacheUserRange(
	model: Model,
	user: UserSpace,
	page: number,
	address: number,
	length: number,
): Step[] {
	if (address < page || address + length > page + PAGE) throw new Error("assert: a range of one page");
	return userFlushes[model.upkeep](model, user, { address, length });
}

/** The data of a page reaches where fetches look; what instruction caches hold stays. */
export function flushDcachePage(model: Model, page: number, space?: number): Step[] {
	if (!model.cleans) return [];
	return unitsOf(model, [{ address: page, length: PAGE }]).map(
		(address): Step => ({ kind: "clean", address, ...inSpace(space) }),
	);
}

/** Stores bytes in a page of a process and makes them executable there.
 * @param old what memory holds: where it is the same nothing is done, if the flush after the last store was everybody's. A
 * flush of some CPUs only says nothing about who executes there now */
export function copyToUserPage(
	model: Model,
	user: UserSpace,
	page: number,
	address: number,
	bytes: Uint8Array,
	old?: Uint8Array,
): Step[] {
	if (old !== undefined && sharesFlushes(model) && same(old, bytes)) return [];
	return [
		...atomicStores(address, bytes, user.space),
		...flushIcacheUserRange(model, user, page, address, bytes.length),
	];
}

/** Every CPU executes an instruction barrier before the next step. */
export function syncCores(): Step[] {
	return [{ kind: "interrupt", request: "serialize" }, { kind: "await" }];
}

/** Every CPU goes by the page tables as they are: its TLB is flushed, and then a virtual instruction cache, which could be filled
 * from the TLB before. */
export function flushTlbs({ tag }: Model): Step[] {
	return [{ kind: "interrupt", request: "flush" }, { kind: "await" }, ...(tag === "virtual" ? syncCores() : [])];
}

/** Whether one CPU's flush is every CPU's. */
function sharesFlushes(model: Model): boolean {
	return model.upkeep === "none" || model.upkeep === "by-address";
}

type UserFlush = (model: Model, user: UserSpace, range: StoredRange) => Step[];

const userFlushes: Readonly<Record<Upkeep, UserFlush>> = {
	/** Fetches find what was stored, once the CPU has returned to the program. */
	none: () => [],
	"by-address": (model, { space }, range) => flushIcacheRange(model, [range], space),
	/** The own `fence.i`, and everybody else's by interrupt: the task may be continued anywhere in its mask. */
	"fence.i": (_, user) => barriers(user),
	/** A task that is alone in its process and stays where it is needs no CPU but its own. One thread is not enough. */
	imb: (_, user) => (user.threads === 1 && !user.migrates ? ownBarrier(user) : barriers(user)),
};

function ownBarrier({ cpu }: UserSpace): Step[] {
	return [{ kind: "serialize", cpu }];
}

/** A barrier on every CPU of the mask. */
function barriers(user: UserSpace): Step[] {
	const others = user.cpus.filter((cpu) => cpu !== user.cpu);
	if (others.length === 0) return ownBarrier(user);
	return [...ownBarrier(user), { kind: "interrupt", request: "serialize", cpus: others }, { kind: "await" }];
}

/** Addresses of the units that the ranges touch, each once, in the order of the ranges. */
function unitsOf({ unit }: Model, ranges: readonly StoredRange[]): number[] {
	const units = new Set<number>();
	if (unit === 0) return [];
	for (const { address, length } of ranges)
		for (let at = address - (address % unit); at < address + length; at += unit) units.add(at);
	return [...units];
}
