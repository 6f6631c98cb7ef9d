// Links a module against a running program: the passes of link.ts, with the program's symbols as absolute ones and its
// memory given by an allocator. The module of the same objects is a different one in another program, or elsewhere in it.

import { type ElfObject, SHN_UNDEF } from "../elf/object.ts";
import { LinkError } from "../errors.ts";
import { checkBegin } from "./check-begin.ts";
import { checkInit } from "./check-init.ts";
import { checkLoadTables } from "./check-load-tables.ts";
import { checkSignatures } from "./check-signatures.ts";
import { executable, sectionsOf } from "./emit.ts";
import { exportsOf } from "./exports.ts";
import type { Image } from "./image.ts";
import { newInput } from "./inputs.ts";
import { bindLabels } from "./labels.ts";
import { gather } from "./layout.ts";
import { lendKeys } from "./lend-keys.ts";
import { complete, inputsOf } from "./link.ts";
import { fillMemory } from "./memory.ts";
import { assignModule, memoryOf, type PlaceModule } from "./module-memory.ts";
import { partAt } from "./part.ts";
import { withModule } from "./read-image.ts";
import { requireDefined } from "./require-defined.ts";
import { resolve } from "./resolve.ts";
import { synthesise } from "./synthesise.ts";
import { layOutWithThunks } from "./thunks.ts";

/** What a module is linked against, what it is called, and who says where it goes. */
export interface ModuleOptions {
	/** The program with the modules that are loaded, as it is now. */
	readonly image: Image;
	/** The module's, among them. */
	readonly name: string;
	readonly place: PlaceModule;
}

/** The program with the module, which is its last part: an executable at its final addresses. What it uses of the program
 * is undefined in it, with addresses. Its sites of the program's keys call what those called when the program began.
 * @throws LinkError */
export function linkModule(objects: readonly ElfObject[], { image, name, place }: ModuleOptions): Image {
	if (image.parts.some(({ elf }) => elf.name === name)) throw new LinkError(`${name}: is loaded already`);
	const own = inputsOf(objects, image.mode, name);
	for (const input of own) checkInit(input);
	const inputs = [...image.parts.map(({ elf }) => newInput(exported(elf), true)), ...own];
	const globals = resolve(inputs);
	synthesise(inputs, globals, {});
	lendKeys(inputs, globals);
	requireDefined(inputs, globals);
	checkBegin(own);
	checkSignatures(inputs, globals);
	const outputs = gather(inputs, new Map());
	const blocks = layOutWithThunks(inputs, globals, outputs, (all) => assignModule(all, place));
	const segments = fillMemory(inputs, outputs, memoryOf);
	const linked = { inputs, globals, outputs, blocks, segments };
	const symbols = complete(linked, image.mode, [...segments, ...image.segments]);
	const elf = executable({ name, entry: 0, sections: sectionsOf(linked), segments, symbols });
	const joined = withModule(image, elf);
	bindLabels(
		joined,
		joined.labels.filter(({ address }) => partAt(joined.parts, address)?.elf === elf),
	);
	checkLoadTables(joined);
	return joined;
}

/** Names of the parts of a program whose symbols a module uses. */
export function usedBy({ symbols }: ElfObject, { parts }: Pick<Image, "parts">): string[] {
	const names = new Set<string>();
	for (let i = 1; i < symbols.count; i++) {
		const part = symbols.section[i] === SHN_UNDEF ? partAt(parts, symbols.value[i]!) : undefined;
		if (part !== undefined) names.add(part.elf.name);
	}
	return [...names];
}

const known = new WeakMap<ElfObject, ElfObject>();

/** Made once for each part: many modules may be linked against it. */
function exported(elf: ElfObject): ElfObject {
	const made = known.get(elf) ?? exportsOf(elf);
	known.set(elf, made);
	return made;
}
