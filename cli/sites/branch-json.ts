// The call sites of a real object as JSON: an object each, in the order of the file. Made for millions of them.

import { filePath } from "../../linker/elf/line-table.ts";
import { type ElfObject, SHN_UNDEF } from "../../linker/elf/object.ts";
import { symbolName } from "../../linker/elf/symbols.ts";
import { branchKinds } from "../../linker/sites/arch/index.ts";
import { calleeName, calleeOf } from "../../linker/sites/branches.ts";
import { crossings, lineSizes } from "../../linker/sites/crossings.ts";
import {
	type Fixed,
	fixed,
	flush,
	hasRoom,
	type LineBytes,
	makeRoom,
	type Names,
	namesIn,
	newLineBytes,
	put,
	putByteList,
	putDecimal,
	putName,
	putText,
} from "../shell/line-bytes.ts";
import type { Terminal } from "../shell/terminal.ts";
import { type BranchList, lineRowAt, reachLeft } from "./branch-list.ts";

/** What rows have in common, made when the first of them is written. */
interface Shared {
	/** Names of symbols. */
	readonly names: Names;
	readonly between: Fixed;
	/** By section: up to the offset. */
	readonly heads: Fixed[];
	/** By what is called and branch: from the callee to the bytes. */
	readonly callees: readonly Fixed[][];
	/** By section and crossings: what follows the bytes where there is nothing more to say. */
	readonly ends: Fixed[];
	/** Paths as JSON, by number in the line table. */
	readonly paths: string[];
	/** More than a row takes up to its bytes, */
	readonly size: number;
	/** and the most room that what follows them has asked for so far. */
	endSize: number;
	/** The symbol whose name was looked at last, and whether it can be copied. */
	name: number;
	isPlain: boolean;
}

/** A JSON object per row, in the order of the file. @param before what comes before each */
export async function writeJsonRows(
	list: BranchList,
	terminal: Terminal,
	before: (first: boolean) => string,
): Promise<void> {
	const out = newLineBytes();
	const { object, table } = list;
	const names = namesIn(object.symbols.strings);
	/** An escape is at most six times as long as what it stands for. */
	const longest = object.sections.reduce((most, { name }) => Math.max(most, name.length), names.longest);
	const shared: Shared = {
		names,
		between: fixed(before(false)),
		heads: [],
		callees: table.callees.map(() => []),
		ends: [],
		paths: [],
		size: 6 * (3 * longest + object.name.length) + MOST,
		endSize: 0,
		name: 0,
		isPlain: true,
	};
	for (let i = 0; i < table.count; ) {
		const size = shared.size + shared.endSize;
		if (!hasRoom(out, size)) await makeRoom(out, size, terminal);
		if (i === 0) putText(out, before(true));
		i = putRows(out, list, i, shared);
	}
	await flush(out, terminal);
}

/** More than a row takes without its names. */
const MOST = 1024;

const texts = {
	in: fixed(',"in":"'),
	within: fixed('","within":'),
};

/** Puts rows while there is room. @returns the next one */
function putRows(out: LineBytes, list: BranchList, from: number, shared: Shared): number {
	const { object, architecture, table, holder } = list;
	const { symbols } = object;
	const isQuiet = list.lines === undefined && list.intruders.size === 0;
	let i = from;
	for (; i < table.count && hasRoom(out, shared.size + shared.endSize); i++) {
		const { view } = out;
		const index = table.section[i]!;
		const { data, origin, known } = list.sections[index]!;
		const offset = table.offset[i]!;
		const value = offset + origin;
		const { length } = architecture.branches[table.branch[i]!]!;
		const symbol = holder[i]!;
		let at = i === 0 ? out.at : put(view, out.at, shared.between);
		at = put(view, at, headJson(list, index, shared));
		at = putDecimal(view, at, value);
		at = put(view, at, texts.in);
		at = putJsonName(out, at, object, symbol, shared);
		at = put(view, at, texts.within);
		at = putDecimal(view, at, symbol === 0 ? 0 : value - symbols.value[symbol]!);
		at = put(view, at, calleeJson(list, i, shared));
		at = putByteList(view, at, data, offset, length);
		const code = (crossings(value, length) << 4) | known;
		if (isQuiet && symbols.section[calleeOf(table, i).symbol] === SHN_UNDEF)
			out.at = put(view, at, quietEnd(list, index, code, shared));
		else {
			out.at = at;
			putEnd(out, list, i, code, shared);
		}
	}
	return i;
}

function headJson({ object }: BranchList, index: number, { heads }: Shared): Fixed {
	const { name, sections } = object;
	return (heads[index] ??= fixed(
		`{"file":${JSON.stringify(name)},"section":${JSON.stringify(sections[index]!.name)},"sectionIndex":${index},"offset":`,
	));
}

/** What follows the bytes where there is nothing more to say. */
function quietEnd(list: BranchList, index: number, code: number, { ends }: Shared): Fixed {
	return (ends[(index << 4) | (code >> 4)] ??= fixed(endJson(list, index, code, undefined, "null", undefined)));
}

/** What follows the bytes. */
function putEnd(out: LineBytes, list: BranchList, i: number, code: number, shared: Shared): void {
	const { table, sections, intruders } = list;
	const index = table.section[i]!;
	const value = table.offset[i]! + sections[index]!.origin;
	const left = reachLeft(list, index, value, table.branch[i]!, calleeOf(table, i));
	const source = sourceJson(list, lineRowAt(list, index, value), shared);
	const start = out.at;
	putText(out, endJson(list, index, code, left, source, intruders.get(index)?.get(table.offset[i]!)));
	shared.endSize = Math.max(shared.endSize, 3 * (out.at - start));
}

/** Names of almost all symbols need no escapes. */
function putJsonName(out: LineBytes, at: number, { symbols }: ElfObject, symbol: number, shared: Shared): number {
	const start = symbols.name[symbol]!;
	if (shared.name !== symbol) {
		shared.name = symbol;
		shared.isPlain = isPlain(symbols.strings, start);
	}
	if (start === 0) return at;
	if (shared.isPlain) return putName(out.view, at, shared.names, start);
	const text = JSON.stringify(symbolName(symbols, symbol)).slice(1, -1);
	return at + encoder.encodeInto(text, out.bytes.subarray(at)).written;
}
const encoder = new TextEncoder();

function isPlain(strings: Uint8Array, start: number): boolean {
	for (let i = start; i < strings.length && strings[i] !== 0; i++) {
		const byte = strings[i]!;
		if (byte < 0x20 || byte >= 0x7f || byte === 0x22 || byte === 0x5c) return false;
	}
	return true;
}

function calleeJson({ object, architecture, table }: BranchList, i: number, { callees }: Shared): Fixed {
	const branch = table.branch[i]!;
	return (callees[table.callee[i]!]![branch] ??= fixed(
		`,"callee":${JSON.stringify(calleeName(object, calleeOf(table, i)))},"kind":"${branchKinds[architecture.branches[branch]!.kind]}","bytes":"`,
	));
}

/** By `bits << 4 | known`. */
const crossesJson = Array.from({ length: 256 }, (_, code) => {
	const sizes = lineSizes.filter((_, i) => (code >> (4 + i)) % 2 === 1);
	const certain = sizes.filter((size) => (code >> lineSizes.indexOf(size)) % 2 === 1);
	const maybe = sizes.filter((size) => !certain.includes(size));
	return `"crosses":${JSON.stringify(certain)},"crossesIfAligned":${JSON.stringify(maybe)}`;
});

/** What follows the bytes. */
function endJson(
	{ sections }: BranchList,
	index: number,
	code: number,
	left: number | undefined,
	source: string,
	intruder: string | undefined,
): string {
	const from = intruder === undefined ? "null" : JSON.stringify(intruder);
	return `",${crossesJson[code]},"reachLeft":${left ?? "null"},"init":${sections[index]!.isInit},"source":${source},"jumpedIntoFrom":${from}}`;
}

function sourceJson({ lines }: BranchList, row: number | undefined, { paths }: Shared): string {
	if (lines === undefined || row === undefined) return "null";
	const file = lines.file[row]!;
	paths[file] ??= JSON.stringify(filePath(lines, file));
	return `{"file":${paths[file]},"line":${lines.line[row]},"column":${lines.column[row]}}`;
}
