// Random objects and the comparisons the ELF tests share.

import { spawnSync } from "node:child_process";
import fc from "fast-check";
import {
	append,
	defineSymbol,
	type ElfObject,
	ET_EXEC,
	fileSymbol,
	finish,
	newObject,
	type ObjectBuilder,
	type Relocations,
	reference,
	relocate,
	reserve,
	type Section,
	type SectionBuilder,
	SHF_ALLOC,
	SHF_EXECINSTR,
	SHF_WRITE,
	SHN_ABS,
	SHN_COMMON,
	SHT_NOBITS,
	SHT_PROGBITS,
	STB_GLOBAL,
	STB_LOCAL,
	STB_WEAK,
	STT_FUNC,
	STT_NOTYPE,
	STT_OBJECT,
	STT_SECTION,
	section,
	sectionSymbol,
	symbolName,
	symbolType,
} from "../../linker/elf/index.ts";

/** An unassigned machine number. */
export const MACHINE = 0x7062;

const A = SHF_ALLOC;
const sectionKinds = [
	{ type: SHT_PROGBITS, flags: A | SHF_EXECINSTR },
	{ type: SHT_PROGBITS, flags: A | SHF_WRITE },
	{ type: SHT_PROGBITS, flags: A },
	{ type: SHT_PROGBITS, flags: 0 },
	{ type: SHT_NOBITS, flags: A | SHF_WRITE },
];

const word = fc.oneof(fc.nat(), fc.integer(), fc.integer({ min: -(2 ** 53) + 1, max: 2 ** 53 - 1 }));

/** What an object is made of; `build` makes it. */
function recipe(name: fc.Arbitrary<string>) {
	return fc.record({
		file: fc.option(name, { nil: undefined }),
		sections: fc.uniqueArray(
			fc.record({
				name: name.map((text) => `.${text}`),
				kind: fc.constantFrom(...sectionKinds),
				align: fc.constantFrom(1, 2, 8, 64, 4096),
				bytes: fc.uint8Array({ maxLength: 200 }),
			}),
			{ selector: (each) => each.name, maxLength: 8 },
		),
		symbols: fc.uniqueArray(
			fc.record({
				name,
				place: fc.oneof(fc.nat(7), fc.constantFrom("undefined" as const, "absolute" as const, "common" as const)),
				value: fc.nat(2 ** 20),
				size: fc.nat(2 ** 20),
				binding: fc.constantFrom(STB_LOCAL, STB_GLOBAL, STB_WEAK),
				type: fc.constantFrom(STT_NOTYPE, STT_OBJECT, STT_FUNC),
				visibility: fc.nat(3),
			}),
			{ selector: (each) => each.name, maxLength: 20 },
		),
		relocations: fc.array(
			fc.record({ section: fc.nat(7), at: fc.nat(), type: fc.nat(2 ** 31), symbol: fc.nat(30), addend: word }),
			{ maxLength: 40 },
		),
	});
}

export function objects(name: fc.Arbitrary<string>): fc.Arbitrary<ElfObject> {
	return recipe(name).map((parts) => {
		const builder = newObject("random.o", MACHINE);
		if (parts.file !== undefined) fileSymbol(builder, parts.file);
		const sections = parts.sections.map(({ name, kind, align, bytes }) => {
			const made = section(builder, name, { ...kind, align });
			if (kind.type === SHT_NOBITS) reserve(made, bytes.length);
			else append(made, bytes);
			return made;
		});
		const ids = parts.symbols.map((symbol) => addSymbol(builder, sections, symbol));
		const targets = [...ids, ...sections.map((each) => sectionSymbol(builder, each))];
		const relocatable = sections.filter((each) => each.type !== SHT_NOBITS && each.size > 0);
		for (const { section, at, type, symbol, addend } of parts.relocations) {
			const from = relocatable[section % Math.max(1, relocatable.length)];
			if (from !== undefined) relocate(from, at % from.size, type, targets[symbol % targets.length]!, addend);
		}
		return finish(builder);
	});
}

function addSymbol(
	builder: ObjectBuilder,
	sections: readonly SectionBuilder[],
	symbol: {
		name: string;
		place: number | "undefined" | "absolute" | "common";
		value: number;
		size: number;
		binding: number;
		type: number;
	},
): number {
	const { name, place, value, size, binding, type } = symbol;
	const where =
		place === "absolute"
			? SHN_ABS
			: place === "common"
				? SHN_COMMON
				: place === "undefined"
					? undefined
					: sections[place];
	if (where === undefined) return reference(builder, name);
	const isCommon = where === SHN_COMMON;
	return defineSymbol(builder, name, {
		section: where,
		value: isCommon ? 8 : value,
		size,
		binding: isCommon ? STB_GLOBAL : binding,
		type: isCommon ? STT_OBJECT : type,
	});
}

/** The object as an executable: sections on pages of their own, from 64 KiB on, relocations kept. */
export function asExecutable(object: ElfObject): ElfObject {
	let next = 0x10000;
	const sections = object.sections.map((section): Section => {
		if ((section.flags & SHF_ALLOC) === 0) return section;
		const address = next;
		next += Math.ceil((section.size + 1) / 4096) * 4096 + 4096;
		const { relocations } = section;
		const moved = relocations && { ...relocations, offset: relocations.offset.map((offset) => offset + address) };
		return { ...section, address, relocations: moved };
	});
	const { symbols } = object;
	const value = symbols.value.map((value, i) => value + (sections[symbols.section[i]!]?.address ?? 0));
	return { ...object, type: ET_EXEC, entry: 0x10000, sections, symbols: { ...symbols, value } };
}

/** An object as plain data that vitest can compare: without what writing changes. */
export function essence(object: ElfObject, sectionCount = object.sections.length): unknown {
	const { type, machine, flags, entry, symbols } = object;
	return {
		type,
		machine,
		flags,
		entry,
		sections: object.sections.slice(0, sectionCount).map(({ fileOffset, relocations, data, ...rest }) => ({
			...rest,
			data: Buffer.from(data).toString("hex"),
			relocations: listRelocations(relocations),
		})),
		symbols: Array.from({ length: symbols.count }, (_, i) => [
			symbolName(symbols, i),
			symbols.value[i],
			symbols.size[i],
			symbols.info[i],
			symbols.other[i],
			symbols.section[i],
		]),
	};
}

export function listRelocations(relocations: Relocations | undefined): number[][] {
	if (relocations === undefined) return [];
	const { count, offset, type, symbol, addend } = relocations;
	return Array.from({ length: count }, (_, i) => [offset[i]!, type[i]!, symbol[i]!, addend[i]!]);
}

/** What `readelf` calls a symbol: a nameless section symbol has its section's name. */
export function shownName(object: ElfObject, symbol: number): string {
	const name = symbolName(object.symbols, symbol);
	if (name !== "" || symbolType(object.symbols, symbol) !== STT_SECTION) return name;
	return object.sections[object.symbols.section[symbol]!]!.name;
}

/** Whether a program can be run here. Says so on stderr when not, since tests are then skipped. */
/** Where the installed gcc has a file of its own, whichever its version; without gcc, the name alone. */
export function ofGcc(name: string): string {
	return spawnSync("gcc", [`-print-file-name=${name}`], { encoding: "utf8" }).stdout?.trim() || name;
}

export function have(program: string): boolean {
	const found = spawnSync(program, ["--version"]).status === 0;
	if (!found) console.warn(`${program} is not installed: the tests that compare with it are SKIPPED`);
	return found;
}

/** Both streams of a program, in the C locale. */
export function output(program: string, ...args: string[]): { stdout: string; stderr: string } {
	const { stdout, stderr, error } = spawnSync(program, args, {
		encoding: "utf8",
		maxBuffer: 2 ** 30,
		env: { ...process.env, LC_ALL: "C.UTF-8" },
	});
	if (error) throw error;
	return { stdout, stderr };
}
