// The call sites of a real object as JSON: an object each, in the order of the file. Made for millions of them.

import { filePath } from "../linker/elf/line-table.ts";
import type { ElfObject } from "../linker/elf/object.ts";
import { symbolName } from "../linker/elf/symbols.ts";
import { viewOf } from "../linker/elf/words.ts";
import { branchKinds } from "../linker/sites/arch/index.ts";
import { placeName } from "../linker/sites/branches.ts";
import { crossings, lineSizes } from "../linker/sites/crossings.ts";
import type { Intruder } from "../linker/sites/jumped-into.ts";
import { type BranchList, intruderText, lineRowAt, reachLeft } from "./branch-list.ts";
import {
	type Fixed,
	fixed,
	flush,
	isFull,
	type LineBytes,
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
	/** Names of symbols. */
	readonly strings: DataView;
	/** Per symbol that is called 1 + its index in `callees`. */
	readonly numbers: Uint32Array;
	/** By branch, for calls of the first byte: from the callee to the bytes. */
	readonly callees: Fixed[][];
	/** By section and crossings: what follows the bytes where there is nothing more to say. */
	readonly ends: Fixed[];
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
	const file = JSON.stringify(object.name);
	const head = (index: number) => `{"file":${file},"section":${JSON.stringify(object.sections[index]!.name)},"offset":`;
	const heads: Fixed[] = [];
	const shared: Shared = {
		strings: viewOf(object.symbols.strings),
		numbers: new Uint32Array(object.symbols.count),
		callees: [],
		ends: [],
		name: 0,
		isPlain: true,
	};
	for (let i = 0; i < table.count; i++) {
		const index = table.section[i]!;
		if (i === 0) putText(out, before(true) + head(index));
		else put(out, (heads[index] ??= fixed(before(false) + head(index))));
		putRow(out, list, i, shared);
		if (isFull(out)) await flush(out, terminal);
	}
	await flush(out, terminal);
}

const texts = {
	in: fixed(',"in":"'),
	within: fixed('","within":'),
	init: fixed(',"init":true,"source":'),
	noInit: fixed(',"init":false,"source":'),
	inside: fixed(',"jumpedIntoFrom":'),
	null: fixed("null"),
};

function putRow(out: LineBytes, list: BranchList, i: number, shared: Shared): void {
	const { object, architecture, table, holder, intruders } = list;
	const index = table.section[i]!;
	const { data, address, known } = list.sections[index]!;
	const offset = table.offset[i]!;
	const value = offset + address;
	const { length } = architecture.branches[table.branch[i]!]!;
	const symbol = holder[i]!;
	putDecimal(out, value);
	put(out, texts.in);
	putJsonName(out, object, symbol, shared);
	put(out, texts.within);
	putDecimal(out, symbol === 0 ? 0 : value - object.symbols.value[symbol]!);
	put(out, calleeJson(list, i, shared));
	putByteList(out, data, offset, length);
	const crossed = crossings(value, length);
	const row = lineRowAt(list, i);
	const left = reachLeft(list, i);
	const intruder = intruders.size === 0 ? undefined : intruders.get(index)?.get(offset);
	const code = (crossed << 4) | known;
	if (row !== undefined || left !== undefined || intruder !== undefined)
		putEnd(out, list, index, code, left, row, intruder);
	else put(out, (shared.ends[(index << 4) | crossed] ??= fixed(quietEnd(list, index, code))));
}

/** Names of almost all symbols need no escapes. */
function putJsonName(out: LineBytes, { symbols }: ElfObject, symbol: number, shared: Shared): void {
	const start = symbols.name[symbol]!;
	if (shared.name !== symbol) {
		shared.name = symbol;
		shared.isPlain = isPlain(symbols.strings, start);
	}
	if (!shared.isPlain) putText(out, JSON.stringify(symbolName(symbols, symbol)).slice(1, -1));
	else if (start !== 0) putName(out, shared.strings, start);
}

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
	const { kind } = architecture.branches[branch]!;
	known[branch] ??= fixed(
		`,"callee":${JSON.stringify(placeName(object, callee, beyond))},"kind":"${branchKinds[kind]}","bytes":"`,
	);
	return known[branch];
}

/** By `bits << 4 | known`. */
const crossesJson = Array.from({ length: 256 }, (_, code) => {
	const sizes = lineSizes.filter((_, i) => (code >> (4 + i)) % 2 === 1);
	const certain = sizes.filter((size) => (code >> lineSizes.indexOf(size)) % 2 === 1);
	const maybe = sizes.filter((size) => !certain.includes(size));
	return `","crosses":${JSON.stringify(certain)},"crossesIfAligned":${JSON.stringify(maybe)},"reachLeft":`;
});
const crossesTexts = crossesJson.map(fixed);

function quietEnd({ sections }: BranchList, index: number, code: number): string {
	return `${crossesJson[code]}null,"init":${sections[index]!.isInit},"source":null,"jumpedIntoFrom":null}`;
}

function putEnd(
	out: LineBytes,
	list: BranchList,
	index: number,
	code: number,
	left: number | undefined,
	row: number | undefined,
	intruder: Intruder | undefined,
): void {
	const { lines, sections } = list;
	put(out, crossesTexts[code]!);
	if (left === undefined) put(out, texts.null);
	else putDecimal(out, left);
	put(out, sections[index]!.isInit ? texts.init : texts.noInit);
	if (lines === undefined || row === undefined) put(out, texts.null);
	else {
		const source = { file: filePath(lines, lines.file[row]!), line: lines.line[row]!, column: lines.column[row]! };
		putText(out, JSON.stringify(source));
	}
	put(out, texts.inside);
	putText(out, `${intruder === undefined ? "null" : JSON.stringify(intruderText(intruder))}}`);
}
