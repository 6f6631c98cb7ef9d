// The call sites of a real object as text: a line each, grouped by what they call. Made for millions of lines.

import { filePath, type LineTable } from "../linker/elf/line-table.ts";
import { type ElfObject, ET_REL } from "../linker/elf/object.ts";
import { viewOf } from "../linker/elf/words.ts";
import { branchKinds } from "../linker/sites/arch/index.ts";
import { placeName } from "../linker/sites/branches.ts";
import { crossings, lineSizes } from "../linker/sites/crossings.ts";
import { type BranchList, intruderText, lineRowAt, reachLeft } from "./branch-list.ts";
import {
	endCell,
	type Fixed,
	fixed,
	flush,
	type LineBytes,
	newLineBytes,
	put,
	putByteList,
	putDecimal,
	putHex,
	putName,
	putText,
} from "./line-bytes.ts";
import type { Terminal } from "./terminal.ts";

/** Rows that call the same. */
interface Group {
	readonly name: string;
	count: number;
	/** Their lines, as far as they are not in `full`. */
	out: LineBytes;
	readonly full: Uint8Array[];
}

/** Finds the group of a row, or makes it. */
function grouping({ object, table }: BranchList): { groups: Group[]; groupOf: (row: number) => Group } {
	const groups: Group[] = [];
	/** By symbol, for calls of its first byte: 1 + the index in `groups`. */
	const plain = new Uint32Array(object.symbols.count);
	const others = new Map<string, Group>();
	const make = (callee: number, beyond: number): Group => {
		const group = { name: placeName(object, callee, beyond), count: 0, out: newLineBytes(SMALL), full: [] };
		groups.push(group);
		return group;
	};
	const groupOf = (row: number): Group => {
		const callee = table.callee[row]!;
		const beyond = table.beyond[row]!;
		if (beyond === 0) {
			if (plain[callee] !== 0) return groups[plain[callee]! - 1]!;
			plain[callee] = groups.length + 1;
			return make(callee, 0);
		}
		const key = `${callee} ${beyond}`;
		const group = others.get(key) ?? make(callee, beyond);
		others.set(key, group);
		return group;
	};
	return { groups, groupOf };
}

/** Bytes of the first lines of a group, and of many. */
const SMALL = 1 << 10;
const LARGE = 1 << 17;
/** Most lines are shorter. */
const LINE = 256;

/** The lines of the file, below its title. They are made in the order of the file, each behind those of its group: going
 * through the rows group by group would wait for memory at each of them. */
export async function writeText(list: BranchList, terminal: Terminal): Promise<void> {
	const { groups, groupOf } = grouping(list);
	const layout = layOut(list);
	for (let row = 0; row < list.table.count; row++) {
		const group = groupOf(row);
		group.count++;
		const { at, bytes } = group.out;
		if (at + LINE > bytes.length) {
			group.full.push(bytes.subarray(0, at));
			group.out = newLineBytes(Math.min(bytes.length * 2, LARGE));
		}
		putRow(group.out, list, row, layout);
	}
	await terminal.write(layout.header);
	groups.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
	for (const { name, count, out, full } of groups) {
		await terminal.write(`${name}: ${count} ${count === 1 ? "call site" : "call sites"}\n`);
		for (const bytes of full) await terminal.write(bytes);
		await flush(out, terminal);
	}
}

/** What is the same for all lines. */
interface Layout {
	readonly header: string;
	/** By section: what a place starts with. */
	readonly prefixes: readonly Fixed[];
	readonly placeWidth: number;
	/** By index in the architecture's branches. */
	readonly kinds: readonly Fixed[];
	readonly bytesWidth: number;
	/** Names of symbols. */
	readonly strings: DataView;
}

function layOut({ object, table, architecture, lines }: BranchList): Layout {
	const { placeWidth, kinds } = used(object, table, architecture);
	const kindWidth = Math.max(...branchKinds.map(({ length }, kind) => (kinds[kind] === 1 ? length : 4)));
	const isLong = architecture.align === 1 && kinds.lastIndexOf(1) > 1;
	const bytesWidth = architecture.align === 4 ? 11 : isLong ? 17 : 14;
	const cells = ["place".padEnd(placeWidth), "kind".padEnd(kindWidth), "bytes".padEnd(bytesWidth)];
	return {
		header: `  ${[...cells, "crosses".padEnd(CROSSES), "in"].join("  ")}${lines === undefined ? "" : ", source"}\n`,
		prefixes: object.sections.map(({ name }) => fixed(object.type === ET_REL ? `  ${name}+` : "  ")),
		placeWidth,
		kinds: architecture.branches.map(({ kind }) => fixed(branchKinds[kind]!.padEnd(kindWidth + 2))),
		bytesWidth,
		strings: viewOf(object.symbols.strings),
	};
}

/** The longest place of a section with rows, and which kinds there are. */
function used(object: ElfObject, table: BranchList["table"], { branches }: BranchList["architecture"]) {
	const kinds = new Uint8Array(branchKinds.length);
	const sections = new Uint8Array(object.sections.length);
	for (let i = 0; i < table.count; i++) {
		kinds[branches[table.branch[i]!]!.kind] = 1;
		sections[table.section[i]!] = 1;
	}
	const lengths = object.sections.map(({ name, address, size }, index) => {
		const prefix = object.type === ET_REL ? name.length + 1 : 0;
		return sections[index] === 1 ? prefix + 2 + (address + size).toString(16).length : 0;
	});
	return { placeWidth: lengths.reduce((most, length) => Math.max(most, length), 5), kinds };
}

/** `8,16?,64?`: as wide as it gets but for pages. */
const CROSSES = 9;
/** By `bits << 4 | known`. */
const crossesCells = Array.from({ length: 256 }, (_, code) => {
	const sizes = lineSizes.flatMap((size, i) => {
		if ((code >> (4 + i)) % 2 === 0) return [];
		return [`${size === 4096 ? "page" : size}${(code >> i) % 2 === 1 ? "" : "?"}`];
	});
	return fixed(sizes.join(",").padEnd(CROSSES + 2));
});

function putRow(out: LineBytes, list: BranchList, i: number, layout: Layout): void {
	const { architecture, table } = list;
	const index = table.section[i]!;
	const { data, address, known } = list.sections[index]!;
	const offset = table.offset[i]!;
	const value = offset + address;
	const { length } = architecture.branches[table.branch[i]!]!;
	let start = out.at;
	put(out, layout.prefixes[index]!);
	putHex(out, value);
	endCell(out, start, layout.placeWidth + 2);
	put(out, layout.kinds[table.branch[i]!]!);
	start = out.at;
	putByteList(out, data, offset, length);
	endCell(out, start, layout.bytesWidth);
	put(out, crossesCells[(crossings(value, length) << 4) | known]!);
	putHolder(out, list, i, value, layout.strings);
	putRemarks(out, list, i);
	put(out, newline);
}
const newline = fixed("\n");

function putHolder(out: LineBytes, { object, holder }: BranchList, i: number, value: number, strings: DataView): void {
	const { symbols } = object;
	const symbol = holder[i]!;
	if (symbol === 0) return;
	if (symbols.name[symbol] !== 0) putName(out, strings, symbols.name[symbol]!);
	const within = value - symbols.value[symbol]!;
	if (within === 0) return;
	put(out, plus);
	putHex(out, within);
}
const plus = fixed("+");

const mebibyte = 2 ** 20;
const separator = fixed(", ");
const colon = fixed(":");

function putRemarks(out: LineBytes, list: BranchList, i: number): void {
	const { table, lines, intruders } = list;
	const section = table.section[i]!;
	const row = lineRowAt(list, i);
	if (lines !== undefined && row !== undefined) {
		put(out, separator);
		put(out, pathOf(lines, lines.file[row]!));
		put(out, colon);
		putDecimal(out, lines.line[row]!);
	}
	if (list.sections[section]!.isInit) putText(out, ", init text");
	const left = reachLeft(list, i);
	if (left !== undefined && left < 64 * mebibyte) putText(out, `, ${Math.floor(left / mebibyte)} MiB reach left`);
	const intruder = intruders.size === 0 ? undefined : intruders.get(section)?.get(table.offset[i]!);
	if (intruder !== undefined) putText(out, `, jumped into from ${intruderText(intruder)}`);
}

const paths = new WeakMap<LineTable, Map<number, Fixed>>();

function pathOf(lines: LineTable, file: number): Fixed {
	const known = paths.get(lines) ?? new Map<number, Fixed>();
	paths.set(lines, known);
	const path = known.get(file) ?? fixed(shortened(filePath(lines, file)));
	known.set(file, path);
	return path;
}

/** From here, where it lies below here. */
function shortened(path: string): string {
	const here = `${process.cwd()}/`;
	return path.startsWith(here) ? path.slice(here.length) : path;
}
