// The call sites of a real object as JSON: an object each, in the order of the file. Made for millions of them.

import { filePath } from "../linker/elf/line-table.ts";
import type { ElfObject } from "../linker/elf/object.ts";
import { symbolName } from "../linker/elf/symbols.ts";
import { branchKinds } from "../linker/sites/arch/index.ts";
import { placeName } from "../linker/sites/branches.ts";
import { crossings, lineSizes } from "../linker/sites/crossings.ts";
import type { Intruder } from "../linker/sites/jumped-into.ts";
import { type BranchList, intruderText, lineRowAt, reachLeft } from "./branch-list.ts";
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
} from "./line-bytes.ts";
import type { Terminal } from "./terminal.ts";

/** What rows have in common, made when the first of them is written. */
interface Shared {
	/** Of symbols. */
	readonly names: Names;
	/** By section: from what is between rows up to the offset. */
	readonly heads: Fixed[];
	/** Per symbol that is called 1 + its index in `callees`. */
	readonly numbers: Uint32Array;
	/** By branch, for calls of the first byte: from the callee to the bytes. */
	readonly callees: Fixed[][];
	/** By section and crossings: what follows the bytes where there is nothing more to say. */
	readonly ends: Fixed[];
	/** Paths as JSON, by number in the line table. */
	readonly paths: string[];
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
	const shared: Shared = {
		names: namesIn(object.symbols.strings),
		heads: [],
		numbers: new Uint32Array(object.symbols.count),
		callees: [],
		ends: [],
		paths: [],
		name: 0,
		isPlain: true,
	};
	/** An escape is at most six times as long as what it stands for. */
	const nameSize = 6 * shared.names.longest;
	const file = JSON.stringify(object.name);
	const head = (index: number) => `{"file":${file},"section":${JSON.stringify(object.sections[index]!.name)},"offset":`;
	for (let i = 0; i < table.count; i++) {
		const index = table.section[i]!;
		shared.heads[index] ??= fixed(before(false) + head(index));
		const callee = calleeJson(list, i, shared);
		const size = shared.heads[index].length + nameSize + callee.length + MOST;
		if (!hasRoom(out, size)) await makeRoom(out, size, terminal);
		if (i === 0) putText(out, before(true) + head(index));
		else out.at = put(out.view, out.at, shared.heads[index]);
		putRow(out, list, i, callee, shared);
	}
	await flush(out, terminal);
}

/** More than the rest of a row takes. */
const MOST = 512;

const texts = {
	in: fixed(',"in":"'),
	within: fixed('","within":'),
};

/** From the offset on. */
function putRow(out: LineBytes, list: BranchList, i: number, callee: Fixed, shared: Shared): void {
	const { object, architecture, table, holder, intruders } = list;
	const { view } = out;
	const index = table.section[i]!;
	const { data, address, known } = list.sections[index]!;
	const offset = table.offset[i]!;
	const value = offset + address;
	const branch = table.branch[i]!;
	const { length } = architecture.branches[branch]!;
	const symbol = holder[i]!;
	let at = putDecimal(view, out.at, value);
	at = put(view, at, texts.in);
	at = putJsonName(out.bytes, view, at, object, symbol, shared);
	at = put(view, at, texts.within);
	at = putDecimal(view, at, symbol === 0 ? 0 : value - object.symbols.value[symbol]!);
	at = put(view, at, callee);
	at = putByteList(view, at, data, offset, length);
	const crossed = crossings(value, length);
	const code = (crossed << 4) | known;
	const row = lineRowAt(list, index, value);
	const left = reachLeft(list, index, value, branch, table.callee[i]!, table.beyond[i]!);
	const intruder = intruders.size === 0 ? undefined : intruders.get(index)?.get(offset);
	if (row === undefined && left === undefined && intruder === undefined) {
		const end = (shared.ends[(index << 4) | crossed] ??= fixed(
			endJson(list, index, code, undefined, "null", undefined),
		));
		out.at = put(view, at, end);
	} else {
		out.at = at;
		putText(out, endJson(list, index, code, left, sourceJson(list, row, shared), intruder));
	}
}

/** Names of almost all symbols need no escapes. */
function putJsonName(
	bytes: Uint8Array,
	view: DataView,
	at: number,
	{ symbols }: ElfObject,
	symbol: number,
	shared: Shared,
): number {
	const start = symbols.name[symbol]!;
	if (shared.name !== symbol) {
		shared.name = symbol;
		shared.isPlain = isPlain(symbols.strings, start);
	}
	if (start === 0) return at;
	if (shared.isPlain) return putName(view, at, shared.names, start);
	const text = JSON.stringify(symbolName(symbols, symbol)).slice(1, -1);
	return at + encoder.encodeInto(text, bytes.subarray(at)).written;
}
const encoder = new TextEncoder();

function isPlain(strings: Uint8Array, start: number): boolean {
	for (let i = start; i < strings.length && strings[i] !== 0; i++) {
		const byte = strings[i]!;
		if (byte < 0x20 || byte >= 0x7f || byte === 0x22 || byte === 0x5c) return false;
	}
	return true;
}

function calleeJson({ object, architecture, table }: BranchList, i: number, { numbers, callees }: Shared): Fixed {
	const callee = table.callee[i]!;
	const beyond = table.beyond[i]!;
	const branch = table.branch[i]!;
	if (beyond === 0 && numbers[callee] === 0) numbers[callee] = callees.push([]);
	const known = beyond === 0 ? callees[numbers[callee]! - 1]! : [];
	return (known[branch] ??= fixed(
		`,"callee":${JSON.stringify(placeName(object, callee, beyond))},"kind":"${branchKinds[architecture.branches[branch]!.kind]}","bytes":"`,
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
	intruder: Intruder | undefined,
): string {
	const from = intruder === undefined ? "null" : JSON.stringify(intruderText(intruder));
	return `",${crossesJson[code]},"reachLeft":${left ?? "null"},"init":${sections[index]!.isInit},"source":${source},"jumpedIntoFrom":${from}}`;
}

function sourceJson({ lines }: BranchList, row: number | undefined, { paths }: Shared): string {
	if (lines === undefined || row === undefined) return "null";
	const file = lines.file[row]!;
	paths[file] ??= JSON.stringify(filePath(lines, file));
	return `{"file":${paths[file]},"line":${lines.line[row]},"column":${lines.column[row]}}`;
}
