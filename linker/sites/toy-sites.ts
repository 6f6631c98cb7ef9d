// The call sites of objects of the toy machine: what the linker collects by itself. Whoever lists files of real machines
// does without this file, and so without the toy's instruction table.

import type { ElfObject } from "../elf/object.ts";
import { SITES_SECTION } from "../format/static-calls.ts";
import { toy } from "./arch/toy.ts";
import { addSites } from "./collect.ts";
import { type FoundSites, findSites, refuseTable } from "./find-sites.ts";
import { makePatchable } from "./patchable.ts";

/** What the collector is asked for beside static calls. */
export interface CollectOptions {
	/** Functions whose plain calls become sites of a key of the function's name. */
	readonly patchable?: readonly string[];
}

/** The call sites of an object of the toy machine.
 * @throws LinkError where a relocation names a trampoline but cannot be retargeted */
export function callSites(object: ElfObject): FoundSites {
	return findSites(object, toy);
}

/** The object with a `.static_call_sites` section, or without when it has no sites. The object given stays as it is.
 * @throws LinkError where it has the section already, and for calls that cannot be sites */
export function collectSites(object: ElfObject, { patchable = [] }: CollectOptions = {}): ElfObject {
	refuseTable(object, SITES_SECTION);
	const whole = makePatchable(object, patchable);
	return addSites(whole, callSites(whole), "add");
}
