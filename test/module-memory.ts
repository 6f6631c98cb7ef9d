// Where the tests' modules live: what lies around the image's text is near, all below the stacks is anywhere.

import { allPieces, openAreas } from "../runtime/execmem/allocator.ts";
import { execmemFlush } from "../runtime/execmem/execmem.ts";
import { AREA, reachOf } from "../runtime/execmem/memory-types.ts";
import { createExecmem, type ExecmemOptions } from "../runtime/execmem/pieces.ts";
import { mappings } from "../runtime/machine/memory.ts";
import { createModules, type Modules } from "../runtime/module/index.ts";
import { query, type System } from "../runtime/patch/index.ts";

/** Pages: an area of each kind, and a bit more. */
export const SPARE = 9 * (AREA / 4096);

export function openModules(system: System, options: Partial<ExecmemOptions> = {}): Modules {
	const { segments } = system.image;
	const [start, end] = [segments[0]!.address, segments.at(-1)!.address + segments.at(-1)!.memorySize];
	const near = reachOf({ start, end });
	const anywhere = { start: near.start, end: 0x6000_0000 };
	return createModules(system, createExecmem(system, { near, anywhere, reserved: [{ start, end }], ...options }));
}

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
