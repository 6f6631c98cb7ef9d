// Gives every object its call-site table, unless it came with one.

import { type ElfObject, SHN_UNDEF, STT_FUNC } from "../elf/object.ts";
import { symbolName } from "../elf/symbols.ts";
import { LinkError, suggestion } from "../errors.ts";
import { R_TOY_CALL28, R_TOY_JUMP28 } from "../isa/index.ts";
import { ownTrampolines } from "../sites/find-sites.ts";
import { collectSites, SITES_SECTION } from "../sites/index.ts";
import { symbolsNamed } from "../sites/patchable.ts";

/** Requires: objects as the compiler left them, or collected. After: every call of a trampoline has a row in its
 * object's table, and patchable functions are called through trampolines only. */
export function collect(objects: readonly ElfObject[], patchable: readonly string[]): ElfObject[] {
	for (const name of patchable) requireFunction(objects, name);
	return objects.map((object) => {
		const collected = object.sections.some(({ name }) => name === SITES_SECTION);
		if (collected) refusePlainCalls(object, patchable);
		return collected ? object : collectSites(object, { patchable });
	});
}

function requireFunction(objects: readonly ElfObject[], name: string): void {
	const defined = ({ symbols }: ElfObject, i: number) => symbols.section[i] !== SHN_UNDEF;
	if (objects.some((object) => symbolsNamed(object.symbols, [name]).some((i) => defined(object, i)))) return;
	const names: string[] = [];
	for (const object of objects) {
		for (let i = 1; i < object.symbols.count; i++) {
			if (defined(object, i) && (object.symbols.info[i]! & 15) === STT_FUNC) names.push(symbolName(object.symbols, i));
		}
	}
	throw new LinkError(
		`${objects[0]?.name ?? "link"}: no object defines '${name}' to make patchable${suggestion(name, names)}`,
	);
}

/** Collecting again is not possible, so a table that leaves calls of a patchable function out cannot be mended here. */
function refusePlainCalls(object: ElfObject, patchable: readonly string[]): void {
	const functions = symbolsNamed(object.symbols, patchable);
	if (functions.length === 0) return;
	const own = ownTrampolines(object);
	for (const [index, { relocations }] of object.sections.entries()) {
		for (let i = 0; i < (relocations?.count ?? 0); i++) {
			const { type, symbol, offset } = relocations!;
			if (type[i] !== R_TOY_CALL28 && type[i] !== R_TOY_JUMP28) continue;
			if (!functions.includes(symbol[i]!) || own.get(index)?.has(offset[i]! - 1)) continue;
			const name = symbolName(object.symbols, symbol[i]!);
			throw new LinkError(
				`${object.name}: has a ${SITES_SECTION} section without its calls of '${name}'; link it as compiled`,
			);
		}
	}
}
