// What the tests of modules compare, and how much memory they need.

import { allPieces, openAreas } from "../../runtime/execmem/allocator.ts";
import { execmemFlush } from "../../runtime/execmem/execmem.ts";
import { AREA } from "../../runtime/execmem/memory-types.ts";
import { mappings } from "../../runtime/machine/page-table.ts";
import type { Modules } from "../../runtime/module/index.ts";
import { query } from "../../runtime/patch/index.ts";

/** Pages: an area of each kind, and a bit more. */
export const SPARE = 9 * (AREA / 4096);

/** Everything that a load that failed must leave as it was, once all that was freed is free. */
export function stateOf({ system, loaded, execmem }: Modules): object {
	execmemFlush(execmem);
	const { image, machine } = system;
	const { keys, sites, labels, symbols, segments } = image;
	return {
		pieces: [...allPieces(execmem.allocator)],
		areas: openAreas(execmem.allocator),
		frames: [...execmem.frames.free],
		mappings: mappings(machine),
		targets: keys.map(({ name }) => [name, query(system, name)]),
		image: { keys, sites, labels, symbols, segments },
		loaded: [...loaded.keys()],
	};
}
