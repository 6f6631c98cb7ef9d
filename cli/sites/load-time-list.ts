// What an object or an image leaves to be settled when it is loaded, as rows of text: calls of operations and
// alternatives, the second part of what `patchbay sites` prints.

import { type ElfObject, originOf } from "../../linker/elf/index.ts";
import { decode, disassemble } from "../../linker/isa/index.ts";
import { alternatives, operationCalls } from "../../linker/sites/index.ts";
import { type Column, plural, table } from "../shell/table.ts";
import { styled, type Terminal } from "../shell/terminal.ts";
import type { DescribedPlace, DescribePlace } from "./describe-places.ts";

export interface ListedOpening extends Omit<DescribedPlace, "bytes"> {
	readonly kind: "operation" | "alternative";
	/** The operation's, or the feature's: `~name` where it must be missing. */
	readonly name: string;
	/** How many may be replaced. */
	readonly bytes: number;
	/** What a call may change; how many bytes replace an alternative. */
	readonly says: string;
	/** The first instruction there. */
	readonly code: string;
	readonly settled: boolean;
}

/** What is settled when the object or image is loaded, in the order of its tables. */
export function openings(object: ElfObject, describe: DescribePlace): ListedOpening[] {
	const at = (section: number, offset: number) => {
		const home = object.sections[section]!;
		const instruction = decode(home.data, offset);
		const { source, place, symbol } = describe(section, offset, 0);
		const code = instruction === undefined ? "(bad)" : disassemble(instruction, originOf(object, home) + offset);
		return { source, place, symbol, code };
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
