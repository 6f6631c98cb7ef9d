// The linker: objects in, an image out, as one list of passes. Each says in its own file what it requires and what is
// true after it. Pure: the objects stay as they are.

import type { ElfObject } from "../elf/object.ts";
import { LinkError } from "../errors.ts";
import { RETURN, RETURN0 } from "../sites/index.ts";
import { bindSites } from "./bind-sites.ts";
import { checkSignatures } from "./check-signatures.ts";
import { collect } from "./collect.ts";
import { emit } from "./emit.ts";
import { emitSymbols } from "./emit-symbols.ts";
import type { Image, StaticCallMode } from "./image.ts";
import { checkLinkable, newInput } from "./inputs.ts";
import { bindLabels } from "./labels.ts";
import { gather } from "./layout.ts";
import { lendKeys } from "./lend-keys.ts";
import { fillMemory } from "./memory.ts";
import { mergeSignatures } from "./merge-signatures.ts";
import { idOf } from "./names.ts";
import { readImage } from "./read-image.ts";
import { relocate } from "./relocate.ts";
import { requireDefined } from "./require-defined.ts";
import { type Globals, resolve } from "./resolve.ts";
import { sortSites } from "./sort-sites.ts";
import { START, synthesise } from "./synthesise.ts";
import { layOut } from "./thunks.ts";
import { usePointers } from "./use-pointers.ts";

export interface LinkOptions {
	/** `inline` unless said otherwise. */
	readonly staticCalls?: StaticCallMode;
	/** Functions whose plain calls become static calls. */
	readonly patchable?: readonly string[];
	/** Output sections that start at a given address, away from the others. */
	readonly sectionStart?: ReadonlyMap<string, number>;
	/** Address of the first text page. */
	readonly textBase?: number;
	/** Symbol to start at; `_start`, which calls `main`, is supplied. */
	readonly entry?: string;
	/** The image's name in messages. */
	readonly name?: string;
}

export const TEXT_BASE = 0x400000;

export function link(objects: readonly ElfObject[], options: LinkOptions = {}): Image {
	const { staticCalls: mode = "inline", entry = START, textBase = TEXT_BASE, name = "a.out" } = options;
	if (objects.length === 0) throw new LinkError(`${name}: there are no objects to link`);
	for (const object of objects) checkLinkable(object);
	const collected = collect(objects, options.patchable ?? []);
	const inputs = (mode === "pointer" ? collected.map(usePointers) : collected).map(newInput);
	const globals = resolve(inputs);
	synthesise(inputs, globals, mode, entry);
	lendKeys(inputs, globals);
	requireDefined(inputs, globals, entry);
	checkSignatures(inputs, globals);
	const outputs = gather(inputs, options.sectionStart ?? new Map());
	const blocks = layOut(inputs, globals, outputs, textBase);
	const segments = fillMemory(inputs, outputs);
	const symbols = emitSymbols({ inputs, globals, outputs, blocks });
	relocate(inputs, globals, outputs, blocks);
	const rows = sortSites(inputs, outputs);
	const stubs = { return: addressOf(globals, RETURN), return0: addressOf(globals, RETURN0) };
	if (mode === "inline") bindSites(segments, outputs, rows, stubs);
	mergeSignatures(outputs);
	const image = readImage(emit({ name, entry: addressOf(globals, entry), inputs, outputs, segments, symbols }));
	bindLabels(image);
	return image;
}

/** 0 for what is not defined. */
function addressOf(globals: Globals, name: string): number {
	return globals.address[idOf(globals.names, name)] ?? 0;
}
