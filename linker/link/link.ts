// The linker: objects in, an image out, as one list of passes. Each says in its own file what it requires and what is
// true after it. Pure: the objects stay as they are.

import type { ElfObject, Segment, Symbols } from "../elf/object.ts";
import { LinkError } from "../errors.ts";
import { RETURN, RETURN0 } from "../sites/index.ts";
import { bindSites } from "./bind-sites.ts";
import { checkBegin } from "./check-begin.ts";
import { checkLoadTables } from "./check-load-tables.ts";
import { checkSignatures } from "./check-signatures.ts";
import { collect } from "./collect.ts";
import { contributionsSection } from "./contributions.ts";
import { executable, sectionsOf } from "./emit.ts";
import { emitSymbols } from "./emit-symbols.ts";
import type { Image, StaticCallMode } from "./image.ts";
import { checkLinkable, type Input, newInput } from "./inputs.ts";
import { bindLabels } from "./labels.ts";
import { assignAddresses, gather, type Output } from "./layout.ts";
import { lendKeys } from "./lend-keys.ts";
import { fillMemory } from "./memory.ts";
import { mergeSignatures } from "./merge-signatures.ts";
import { idOf } from "./names.ts";
import { readImage } from "./read-image.ts";
import { relocate } from "./relocate.ts";
import { requireDefined, requireEntry } from "./require-defined.ts";
import { type Globals, resolve } from "./resolve.ts";
import { sortSites } from "./sort-sites.ts";
import { START, synthesise } from "./synthesise.ts";
import { layOutWithThunks, type ThunkBlock } from "./thunks.ts";
import { usePointers } from "./use-pointers.ts";

/** What a link may be told; each has a usual value. */
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

/** Address of the first page of text, unless a link says another. */
export const TEXT_BASE = 0x400000;

/** Links objects of the toy machine into an image, which is executable as it is.
 * Objects that are not collected yet get their tables of call sites first. The image starts at `entry`, its text at
 * `textBase`; addresses are 32-bit numbers, in bytes. The objects stay as they are.
 * @param objects relocatable ones, at least one, as `readElf`, `compile` or `assemble` give them
 * @throws LinkError that names object, section and offset: an undefined or doubly defined symbol, signatures that
 * disagree, a relocation out of range, calls that cannot be sites, sections that do not fit */
export function link(objects: readonly ElfObject[], options: LinkOptions = {}): Image {
	const { staticCalls: mode = "inline", entry = START, textBase = TEXT_BASE, name = "a.out" } = options;
	const inputs = inputsOf(objects, mode, name, options.patchable);
	const globals = resolve(inputs);
	synthesise(inputs, globals, { mode, entry });
	lendKeys(inputs, globals);
	requireDefined(inputs, globals);
	requireEntry(inputs, globals, entry);
	checkBegin(inputs);
	checkSignatures(inputs, globals);
	const outputs = gather(inputs, options.sectionStart ?? new Map());
	const blocks = layOutWithThunks(inputs, globals, outputs, (all) => assignAddresses(all, textBase));
	const segments = fillMemory(inputs, outputs);
	const linked = { inputs, globals, outputs, blocks, segments };
	const symbols = complete(linked, mode, segments);
	const sections = [...sectionsOf(linked), contributionsSection(inputs, outputs)];
	const image = readImage(executable({ name, entry: addressOf(globals, entry), sections, segments, symbols }));
	bindLabels(image, image.labels);
	checkLoadTables(image);
	return image;
}

/** What is to be linked, collected and in the form that the mode wants. */
export function inputsOf(
	objects: readonly ElfObject[],
	mode: StaticCallMode,
	name: string,
	patchable: readonly string[] = [],
): Input[] {
	if (objects.length === 0) throw new LinkError(`${name}: there are no objects to link`);
	for (const object of objects) checkLinkable(object);
	const collected = collect(objects, patchable);
	return (mode === "pointer" ? collected.map(usePointers) : collected).map((object) => newInput(object));
}

/** A link whose layout is final and whose memory is filled. */
export interface Linked {
	readonly inputs: readonly Input[];
	readonly globals: Globals;
	readonly outputs: readonly Output[];
	readonly blocks: readonly ThunkBlock[];
	readonly segments: readonly Segment[];
}

/** The passes that work on bytes at their addresses. @param memory where the words of keys are */
export function complete(linked: Linked, mode: StaticCallMode, memory: readonly Segment[]): Symbols {
	const { inputs, globals, outputs, blocks } = linked;
	const symbols = emitSymbols(linked);
	relocate(inputs, globals, outputs, blocks);
	const rows = sortSites(inputs, outputs);
	const stubs = { return: addressOf(globals, RETURN), return0: addressOf(globals, RETURN0) };
	if (mode === "inline") bindSites(memory, outputs, rows, stubs);
	mergeSignatures(outputs);
	return symbols;
}

/** 0 for what is not defined. */
function addressOf(globals: Globals, name: string): number {
	return globals.address[idOf(globals.names, name)] ?? 0;
}
