// The code of one function of an object as lines of text, with the symbols that its relocations name.

import { type ElfObject, STT_SECTION, symbolName, symbolType } from "../../linker/elf/index.ts";
import { decode, disassemble, spell } from "../../linker/isa/index.ts";

export interface Line {
	readonly offset: number;
	/** `addt r0, r0, r1`, `call fib`, `jge +12` (bytes from the function's start), `ldx r1, [0+r0*4] {table}` */
	readonly text: string;
}

export function linesOf(object: ElfObject, name: string): Line[] {
	const { symbols } = object;
	const index = Array.from({ length: symbols.count }, (_, i) => i).find((i) => symbolName(symbols, i) === name);
	if (index === undefined) throw new Error(`no symbol '${name}'`);
	const section = object.sections[symbols.section[index]!]!;
	const start = symbols.value[index]!;
	const lines: Line[] = [];
	for (let offset = start; offset < start + symbols.size[index]!; ) {
		const instruction = decode(section.data, offset);
		if (instruction === undefined) throw new Error(`${name}+${offset - start} is no instruction`);
		const target = referenceIn(object, section.relocations, offset, instruction.length);
		const text = disassemble(instruction, offset - start).replace(
			/ 0x([0-9a-f]+)$/,
			(_, hex) => ` +${Number.parseInt(hex, 16)}`,
		);
		const { row, c } = instruction;
		lines.push({
			offset,
			text: target === undefined ? text : row.format === "rel" ? `${spell(row, c)} ${target}` : `${text} {${target}}`,
		});
		offset += instruction.length;
	}
	return lines;
}

export function codeOf(object: ElfObject, name: string): string[] {
	return linesOf(object, name).map(({ text }) => text);
}

function referenceIn(
	object: ElfObject,
	relocations: ElfObject["sections"][number]["relocations"],
	offset: number,
	length: number,
): string | undefined {
	const count = relocations?.count ?? 0;
	for (let i = 0; i < count; i++) {
		const at = relocations!.offset[i]!;
		if (at < offset || at >= offset + length) continue;
		const symbol = relocations!.symbol[i]!;
		const isSection = symbolType(object.symbols, symbol) === STT_SECTION;
		return isSection ? object.sections[object.symbols.section[symbol]!]!.name : symbolName(object.symbols, symbol);
	}
	return undefined;
}
