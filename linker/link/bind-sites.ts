// Mode `inline`: every call site calls what its key calls at the start, with no trampoline between.

import type { Segment } from "../elf/object.ts";
import { R_TOY_NONE } from "../isa/index.ts";
import {
	describeSite,
	reaches,
	SITE_BYTES,
	type Site,
	type Stubs,
	siteBytes,
	siteDestination,
	targetAt,
} from "../sites/index.ts";
import { bytesAt, wordAt } from "./image.ts";
import { isExecutable, type Output } from "./layout.ts";
import type { SiteRows } from "./sort-sites.ts";

/** Requires: relocated sections and the rows of the table. After: a site holds the form for its key's first target, and
 * its relocation, now of type NONE, still names the trampoline. A site out of reach of the target keeps calling the
 * trampoline. */
export function bindSites(
	segments: readonly Segment[],
	outputs: readonly Output[],
	rows: SiteRows,
	stubs: Stubs,
): void {
	const bound = new Set<number>();
	for (let i = 0; i < rows.count; i++) {
		if (bind(segments, rows.address[i]!, rows.key[i]!, stubs)) bound.add(rows.address[i]! + 1);
	}
	if (bound.size > 0) for (const output of outputs) if (isExecutable(output)) forgetCalls(output, bound);
}

/** Whether the site could be bound. What is no site at all is for the reader of the image to complain about. */
function bind(segments: readonly Segment[], address: number, key: number, stubs: Stubs): boolean {
	const bytes = bytesAt({ segments }, address, SITE_BYTES);
	const site = bytes && asRelocated(bytes, address);
	const first = wordAt({ segments }, key);
	if (site === undefined || first === undefined) return false;
	const target = targetAt(first, stubs);
	const destination = siteDestination(site, target, stubs);
	if (destination !== undefined && !reaches(address, destination)) return false;
	bytes!.set(siteBytes(site, target, stubs));
	return true;
}

const kinds = { call: "call", jmp: "tail", jcc: "conditional" } as const;

function asRelocated(bytes: Uint8Array, address: number): Site | undefined {
	const now = describeSite(bytes, address);
	return now && "destination" in now ? { address, kind: kinds[now.form], condition: now.condition } : undefined;
}

/** @param fields addresses of the displacements of bound sites */
function forgetCalls({ relocations }: Output, fields: ReadonlySet<number>): void {
	for (let i = 0; i < (relocations?.count ?? 0); i++) {
		if (fields.has(relocations!.offset[i]!)) relocations!.type[i] = R_TOY_NONE;
	}
}
