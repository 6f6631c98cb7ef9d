// The call sites of a real object as text: a line each, grouped by what they call. Made for millions of lines.

import { filePath, type LineTable } from "../../linker/elf/line-table.ts";
import { ET_REL, originOf, SHN_UNDEF, type Symbols } from "../../linker/elf/object.ts";
import { printable } from "../../linker/errors.ts";
import { hexAddress } from "../../linker/hex.ts";
import { branchKinds } from "../../linker/sites/arch/index.ts";
import { type Callee, calleeName, sectionRuns } from "../../linker/sites/branches.ts";
import { crossings, lineSizes } from "../../linker/sites/crossings.ts";
import {
	type Fixed,
	fixed,
	flush,
	hasRoom,
	type LineBytes,
	makeRoom,
	type Names,
	NUMBER,
	namesIn,
	newLineBytes,
	printableBytes,
	put,
	putBlanks,
	putByte,
	putHex,
	putName,
	putText,
} from "../shell/line-bytes.ts";
import { type Terminal, textOf } from "../shell/terminal.ts";
import { type BranchList, lineRowAt, reachLeft } from "./branch-list.ts";

/** All that a line needs of its row, side by side: the lines come in another order than the rows, and looking up each of
 * these things somewhere else would mean waiting for memory. Five words: offset; section, and the branch in the lowest four bits;
 * function; then the first eight bytes of the instruction. */
type Records = Uint32Array;
const RECORD = 5;
const BRANCH_BITS = 4;

/** The rows that call the same. */
interface Group {
	readonly number: number;
	readonly callee: Callee;
	readonly name: string;
	readonly count: number;
}

/** In the order of the text. */
function groupRows({ object, table, counts }: BranchList): Group[] {
	const groups = table.callees.map((callee, number) => {
		return { number, callee, name: printable(calleeName(object, callee)), count: counts[number]! };
	});
	return groups.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}

/** Group by group, in the order of the file within each. */
function recordRows({ table, holder, sections, architecture }: BranchList, groups: readonly Group[]): Records {
	const next = new Uint32Array(groups.length);
	let end = 0;
	for (const { number, count } of groups) {
		next[number] = end;
		end += count * RECORD;
	}
	const records = new Uint32Array(end);
	const { section, offset, branch, callee } = table;
	const { branches } = architecture;
	for (let row = 0; row < table.count; row++) {
		const at = next[callee[row]!]!;
		next[callee[row]!] = at + RECORD;
		const start = offset[row]!;
		const index = section[row]!;
		const found = branch[row]!;
		const { data } = sections[index]!;
		const { length } = branches[found]!;
		records[at] = start;
		records[at + 1] = (index << BRANCH_BITS) | found;
		records[at + 2] = holder[row]!;
		records[at + 3] = data[start]! | (data[start + 1]! << 8) | (data[start + 2]! << 16) | (data[start + 3]! << 24);
		let high = 0;
		if (length > 4) high = data[start + 4]!;
		if (length > 5) high |= data[start + 5]! << 8;
		if (length > 6) high |= (data[start + 6]! << 16) | (data[start + 7]! << 24);
		records[at + 4] = high;
	}
	return records;
}

/** The lines of the file, below its title. */
export async function writeText(list: BranchList, terminal: Terminal): Promise<void> {
	const groups = groupRows(list);
	const records = recordRows(list, groups);
	const layout = layOut(list);
	const out = newLineBytes();
	putText(out, layout.header);
	let at = 0;
	for (const { callee, name, count } of groups) {
		putText(out, `${name}: ${count} ${count === 1 ? "call site" : "call sites"}\n`);
		for (const end = at + count * RECORD; at < end; ) {
			const size = layout.lineSize + layout.remarksSize;
			if (!hasRoom(out, size)) await makeRoom(out, size, terminal);
			at = putRows(out, list, layout, callee, records, at, Math.min(end, at + BATCH));
		}
	}
	await flush(out, terminal);
}

/** A function that is called often is optimised once, one that runs long also in the middle, in its loop. */
const BATCH = 256 * RECORD;

/** What is the same for all lines. */
interface Layout {
	readonly header: string;
	/** By section: what a place starts with. */
	readonly prefixes: readonly Fixed[];
	readonly placeWidth: number;
	/** By index in the architecture's branches. */
	readonly kinds: readonly Fixed[];
	readonly lengths: readonly number[];
	readonly bytesWidth: number;
	/** Names of symbols. */
	readonly names: Names;
	/** More than a line takes without what is said about the site, */
	readonly lineSize: number;
	/** and the most room that this has asked for so far. */
	remarksSize: number;
	/** The cells from kind to crosses of the instruction before: in an object most are the same. */
	readonly cells: { branch: number; low: number; high: number; byCrossings: (Fixed | undefined)[] };
}

function layOut(list: BranchList): Layout {
	const { object, architecture, lines } = list;
	const used = architecture.branches.filter((_, i) => list.used[i] === 1);
	const placeWidth = widthOfPlaces(list);
	const kindWidth = Math.max(4, ...used.map(({ kind }) => branchKinds[kind]!.length));
	const bytesWidth = Math.max(5, ...used.map(({ length }) => 3 * length - 1));
	const names = namesIn(printableBytes(object.symbols.strings));
	const cells = ["place".padEnd(placeWidth), "kind".padEnd(kindWidth), "bytes".padEnd(bytesWidth)];
	return {
		header: `  ${[...cells, "crosses".padEnd(CROSSES), "in"].join("  ")}${lines === undefined ? "" : ", source"}\n`,
		prefixes: object.sections.map(({ name }) => fixed(object.type === ET_REL ? `  ${printable(name)}+` : "  ")),
		placeWidth,
		kinds: architecture.branches.map(({ kind }) => fixed(branchKinds[kind]!.padEnd(kindWidth + 2))),
		lengths: architecture.branches.map(({ length }) => length),
		bytesWidth,
		names,
		cells: { branch: 0, low: 0, high: 0, byCrossings: [] },
		lineSize: placeWidth + kindWidth + bytesWidth + names.longest + 2 * NUMBER + 64,
		remarksSize: 0,
	};
}

/** The longest place of a section with rows. */
function widthOfPlaces({ object, table }: BranchList): number {
	let longest = 5;
	for (const { section } of sectionRuns(table)) {
		const { name, size } = object.sections[section]!;
		const origin = originOf(object, object.sections[section]!);
		const prefix = object.type === ET_REL ? name.length + 1 : 0;
		longest = Math.max(longest, prefix + hexAddress(origin + size).length);
	}
	return longest;
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

/** Puts rows while there is room. @returns where in the records the next one is */
function putRows(
	out: LineBytes,
	list: BranchList,
	layout: Layout,
	callee: Callee,
	records: Records,
	from: number,
	end: number,
): number {
	const { symbols } = list.object;
	const { placeWidth, names, prefixes } = layout;
	const isRemarkable =
		list.lines !== undefined || list.intruders.size > 0 || symbols.section[callee.symbol] !== SHN_UNDEF;
	let at = from;
	for (; at < end && hasRoom(out, layout.lineSize + layout.remarksSize); at += RECORD) {
		const { view } = out;
		const index = records[at + 1]! >>> BRANCH_BITS;
		const section = list.sections[index]!;
		const value = records[at]! + section.origin;
		const branch = records[at + 1]! & ((1 << BRANCH_BITS) - 1);
		const length = layout.lengths[branch]!;
		let to = put(view, out.at, prefixes[index]!);
		to = putHex(view, to, value);
		to = putBlanks(view, to, out.at + placeWidth + 4);
		to = putCells(
			view,
			to,
			layout,
			branch,
			records[at + 3]!,
			records[at + 4]!,
			(crossings(value, length) << 4) | section.known,
		);
		out.at = putHolder(view, to, symbols, records[at + 2]!, value, names);
		if (isRemarkable || section.isInit) {
			const start = out.at;
			putRemarks(out, list, callee, index, value, branch);
			layout.remarksSize = Math.max(layout.remarksSize, 3 * (out.at - start));
		}
		out.view.setUint8(out.at++, NEWLINE);
	}
	return at;
}
const NEWLINE = 10;

function putRemarks(
	out: LineBytes,
	list: BranchList,
	callee: Callee,
	index: number,
	value: number,
	branch: number,
): void {
	const { origin, isInit } = list.sections[index]!;
	const { lines } = list;
	const row = lineRowAt(list, index, value);
	if (lines !== undefined && row !== undefined) putText(out, `, ${pathOf(lines, lines.file[row]!)}:${lines.line[row]}`);
	if (isInit) putText(out, ", init text");
	const left = reachLeft(list, index, value, branch, callee);
	if (left !== undefined && left < 64 * mebibyte) putText(out, `, ${Math.floor(left / mebibyte)} MiB reach left`);
	const intruder = list.intruders.get(index)?.get(value - origin);
	if (intruder !== undefined) putText(out, `, jumped into from ${intruder}`);
}
const mebibyte = 2 ** 20;

/** Kind, bytes and crosses. @param low, high the instruction, as in a record */
function putCells(
	view: DataView,
	at: number,
	layout: Layout,
	branch: number,
	low: number,
	high: number,
	code: number,
): number {
	const { cells } = layout;
	const isKnown = cells.low === low && cells.high === high && cells.branch === branch;
	const known = isKnown ? cells.byCrossings[code] : undefined;
	return known === undefined ? putNewCells(view, at, layout, branch, low, high, code) : put(view, at, known);
}

function putNewCells(
	view: DataView,
	at: number,
	{ cells, kinds, lengths, bytesWidth }: Layout,
	branch: number,
	low: number,
	high: number,
	code: number,
): number {
	const start = put(view, at, kinds[branch]!);
	let to = start;
	for (let i = 0; i < lengths[branch]!; i++) to = putByte(view, to, (i < 4 ? low : high) >>> ((i & 3) * 8));
	to = putBlanks(view, to - 1, start + bytesWidth + 2);
	to = put(view, to, crossesCells[code]!);
	if (cells.low === low && cells.high === high && cells.branch === branch)
		cells.byCrossings[code] = fixed(textOf(new Uint8Array(view.buffer, view.byteOffset + at, to - at)));
	else {
		cells.branch = branch;
		cells.low = low;
		cells.high = high;
		cells.byCrossings = [];
	}
	return to;
}

function putHolder(view: DataView, at: number, symbols: Symbols, symbol: number, value: number, names: Names): number {
	if (symbol === 0) return at;
	const end = symbols.name[symbol] === 0 ? at : putName(view, at, names, symbols.name[symbol]!);
	const within = value - symbols.value[symbol]!;
	if (within === 0) return end;
	view.setUint8(end, PLUS);
	return putHex(view, end + 1, within);
}
const PLUS = 0x2b;

const paths = new WeakMap<LineTable, Map<number, string>>();

function pathOf(lines: LineTable, file: number): string {
	const known = paths.get(lines) ?? new Map<number, string>();
	paths.set(lines, known);
	const path = known.get(file) ?? shortened(filePath(lines, file));
	known.set(file, path);
	return path;
}

/** From here, where it lies below here. */
function shortened(path: string): string {
	const here = `${process.cwd()}/`;
	return path.startsWith(here) ? path.slice(here.length) : path;
}
