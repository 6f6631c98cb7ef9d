// What of the objects goes into the program: the sections that are in memory while it runs. What would need more than to be
// there, such as functions that run before main, is refused by its name.

import { groupsOf } from "../../elf/groups.ts";
import {
	type ElfObject,
	ET_REL,
	type Relocations,
	SHF_ALLOC,
	SHF_EXECINSTR,
	SHF_TLS,
	SHF_WRITE,
	SHT_GROUP,
	SHT_NOBITS,
	SHT_NOTE,
} from "../../elf/object.ts";
import { symbolName } from "../../elf/symbols.ts";
import { viewOf } from "../../elf/words.ts";
import { LinkError } from "../../errors.ts";
import type { Program } from "./program.ts";
import type { LinkRules } from "./rules.ts";

/** Where parts go, in the order of their addresses. */
export const rooms = ["text", "data", "bss", "rodata", "eh_frame"] as const;
/** The name of a place where parts go. */
export type Room = (typeof rooms)[number];

/** A section of an object, or a variable that has none yet, on its way into the program. */
export interface Part {
	readonly object: ElfObject;
	/** The section's name, or the variable's. */
	readonly name: string;
	/** Index in the object; 0 for a variable. */
	readonly section: number;
	readonly room: Room;
	readonly align: number;
	readonly size: number;
	readonly relocations: Relocations | undefined;
	/** Its number among all parts. */
	readonly number: number;
	/** Set by the layout. */
	address: number;
}

/** The parts of all objects, and by object which part each of its sections became. */
export interface Parts {
	readonly all: Part[];
	readonly bySection: ReadonlyMap<ElfObject, ReadonlyMap<number, Part>>;
}

/** @param defined names that the program defines: its copy of an inline function and the like is the one that is used
 * @throws LinkError for a section that cannot be added */
export function partsOf(
	program: Program,
	rules: LinkRules,
	objects: readonly ElfObject[],
	defined: ReadonlySet<string>,
): Parts {
	const all: Part[] = [];
	const bySection = new Map<ElfObject, Map<number, Part>>();
	const known = new Set(defined);
	for (const object of objects) {
		checkObject(program, rules, object);
		const own = new Map<number, Part>();
		bySection.set(object, own);
		const groups = groupsOf(object.sections);
		const dropped = droppedGroups(object, known);
		for (const [section, { type, flags, align, size, relocations, name }] of object.sections.entries()) {
			const group = groups.get(section);
			if ((flags & SHF_ALLOC) === 0 || size === 0 || type === SHT_NOTE || (group !== undefined && dropped.has(group)))
				continue;
			checkSection(program, object, section);
			const isCode = (flags & SHF_EXECINSTR) !== 0;
			if (isCode && (flags & SHF_WRITE) !== 0)
				throw new LinkError(`${object.name}:(${name}): is writable and executable, which is not added to programs`);
			const room = isCode ? "text" : roomOf(name, type, flags);
			const number = all.length;
			const part: Part = {
				...{ object, name, section, room, align: Math.max(1, align), size, relocations, number },
				address: 0,
			};
			own.set(section, part);
			all.push(part);
		}
	}
	return { all, bySection };
}

function roomOf(name: string, type: number, flags: number): Room {
	if (name === ".eh_frame") return "eh_frame";
	if ((flags & SHF_WRITE) === 0) return "rodata";
	return type === SHT_NOBITS ? "bss" : "data";
}

function checkObject(program: Program, { flags }: LinkRules, object: ElfObject): void {
	const { name, type, machine, sections } = object;
	if (type !== ET_REL) throw new LinkError(`${name}: is linked already; what is added is an object (.o)`);
	if (machine !== program.object.machine)
		throw new LinkError(`${name}: is for machine ${machine}, and ${program.object.name} for ${program.object.machine}`);
	if (((object.flags ^ program.object.flags) & flags) !== 0)
		throw new LinkError(`${name}: passes arguments in other registers than ${program.object.name} (e_flags)`);
	const stack = sections.find((section) => section.name === ".note.GNU-stack");
	if (stack !== undefined && (stack.flags & SHF_EXECINSTR) !== 0)
		throw new LinkError(
			`${name}:(.note.GNU-stack): asks for a stack that can be executed, which the program may not have`,
		);
}

const indices = new WeakMap<Relocations, ReadonlyMap<number, readonly number[]>>();

/** Indices of the relocations at an offset of a part. */
export function relocationsAt({ relocations }: Part, offset: number): readonly number[] {
	if (relocations === undefined) return [];
	let byOffset = indices.get(relocations);
	if (byOffset === undefined) {
		byOffset = indicesBy(relocations.count, (i) => relocations.offset[i]!);
		indices.set(relocations, byOffset);
	}
	return byOffset.get(offset) ?? [];
}

/** Indices below `count`, in their order, by a number that each has. */
export function indicesBy(count: number, of: (index: number) => number): Map<number, number[]> {
	const found = new Map<number, number[]>();
	for (let i = 0; i < count; i++) {
		const known = found.get(of(i));
		if (known === undefined) found.set(of(i), [i]);
		else known.push(i);
	}
	return found;
}

/** Groups of which one of this name is there: by their indices. The names of the others become known. */
function droppedGroups({ sections, symbols }: ElfObject, known: Set<string>): Set<number> {
	const dropped = new Set<number>();
	for (const [index, { type, data, info }] of sections.entries()) {
		if (type !== SHT_GROUP || data.length < 4 || (viewOf(data).getUint32(0, true) & GRP_COMDAT) === 0) continue;
		const name = symbolName(symbols, info);
		if (known.has(name)) dropped.add(index);
		known.add(name);
	}
	return dropped;
}
const GRP_COMDAT = 1;

function checkSection(program: Program, object: ElfObject, index: number): void {
	const { name, type, flags } = object.sections[index]!;
	const fail = (why: string): never => {
		throw new LinkError(`${object.name}:(${name}): ${why}`);
	};
	if ((flags & SHF_TLS) !== 0) fail("holds thread-local variables, which only a link can add");
	if ((type >= SHT_INIT_ARRAY && type <= SHT_PREINIT_ARRAY) || /^\.(init|fini|ctors|dtors)(\.|$|_array)/.test(name))
		fail("says what runs before or after main, which only a link can add");
	// A linker lets a program find all entries of such a section between two symbols.
	if (/^[A-Za-z_]\w*$/.test(name) && program.object.sections.some((section) => section.name === name))
		fail("adds to a table that the program has, and its end is known to the program");
}
const SHT_INIT_ARRAY = 14;
const SHT_PREINIT_ARRAY = 16;
