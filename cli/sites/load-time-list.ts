// What an object or an image leaves to be settled when it is loaded, as rows of text: calls of operations and
// alternatives, the second part of what `patchbay sites` prints.

import {
	type ElfObject,
	ET_REL,
	functionAt,
	indexFunctions,
	lineAt,
	readLineTable,
	type SourcePosition,
	symbolName,
} from "../../linker/elf/index.ts";
import { hex } from "../../linker/hex.ts";
import { decode, disassemble } from "../../linker/isa/index.ts";
import { alternatives, operationCalls } from "../../linker/sites/index.ts";
import { type Column, plural, table } from "../shell/table.ts";
import { styled, type Terminal } from "../shell/terminal.ts";

export interface ListedOpening {
	readonly kind: "operation" | "alternative";
	/** The operation's, or the feature's: `~name` where it must be missing. */
	readonly name: string;
	readonly source: SourcePosition | undefined;
	/** `.text+0x34` in an object, `0x400034` in an image. */
	readonly place: string;
	/** `main+0x12` */
	readonly symbol: string;
	/** How many may be replaced. */
	readonly bytes: number;
	/** What a call may change; how many bytes replace an alternative. */
	readonly says: string;
	/** The first instruction there. */
	readonly code: string;
	readonly settled: boolean;
}

/** In the order of the tables. */
export function openings(object: ElfObject): ListedOpening[] {
	const functions = indexFunctions(object);
	const lines = readLineTable(object);
	const isRelocatable = object.type === ET_REL;
	const at = (section: number, offset: number) => {
		const { name, address, data } = object.sections[section]!;
		const value = isRelocatable ? offset : address + offset;
		const fn = functionAt(functions, section, value);
		const within = fn === undefined ? 0 : value - object.symbols.value[fn]!;
		const instruction = decode(data, offset);
		return {
			source: lineAt(lines, value, isRelocatable ? section : 0),
			place: isRelocatable ? `${name}+${hex(offset)}` : hex(value),
			symbol: fn === undefined ? "" : symbolName(object.symbols, fn) + (within === 0 ? "" : `+${hex(within)}`),
			code: instruction === undefined ? "(bad)" : disassemble(instruction, value),
		};
	};
	const calls = operationCalls(object).map(({ section, offset, operation: name, bytes, clobbers, done: settled }) => {
		const says = `clobbers ${clobbers}`;
		return { kind: "operation" as const, name, ...at(section, offset), bytes, says, settled };
	});
	const others = alternatives(object).map((each) => {
		const { section, offset, feature, wanted, bytes, replacementBytes, done: settled } = each;
		const says = `replaced by ${plural(replacementBytes, "byte")}`;
		const name = wanted ? feature : `~${feature}`;
		return { kind: "alternative" as const, name, ...at(section, offset), bytes, says, settled };
	});
	return [...calls, ...others];
}

const columns: readonly Column<ListedOpening>[] = [
	{ title: "name", text: ({ name }) => name },
	{ title: "kind", text: ({ kind }) => kind },
	{ title: "source", text: ({ source }) => (source ? `${source.file}:${source.line}:${source.column}` : "") },
	{ title: "place", text: ({ place }) => place },
	{ title: "in", text: ({ symbol }) => symbol },
	{ title: "bytes", align: "right", text: ({ bytes }) => String(bytes) },
	{ title: "says", text: ({ says }) => says },
	{ title: "settled", text: ({ settled }) => (settled ? "yes" : "no") },
	{ title: "code", text: ({ code }) => code },
];

/** Undefined when there is nothing. */
export function openingsText(terminal: Terminal, file: string, listed: readonly ListedOpening[]): string | undefined {
	if (listed.length === 0) return undefined;
	const calls = listed.filter(({ kind }) => kind === "operation").length;
	const counts = [plural(calls, "operation call"), plural(listed.length - calls, "alternative")];
	const lines = table(columns, listed, (cell, column, row) => {
		if (row === undefined) return styled(terminal, "dim", cell);
		return column === 0 ? styled(terminal, "cyan", cell) : cell;
	});
	return [styled(terminal, "bold", `${file}: ${counts.join(", ")}`), ...lines].join("\n");
}
