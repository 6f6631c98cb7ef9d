// Orders the image's call-site table by key, then address, so that the sites of a key lie together.

import type { Relocations } from "../elf/object.ts";
import { allocateRelocations } from "../elf/tables.ts";
import { viewOf } from "../elf/words.ts";
import { LinkError } from "../errors.ts";
import { isWhole, readField, siteRow, writeField } from "../format/rows.ts";
import { hex } from "../hex.ts";
import { FLAGS, SITES_SECTION } from "../sites/index.ts";
import type { Input } from "./inputs.ts";
import { type Output, origin } from "./layout.ts";

/** The rows of the table by columns. */
export interface SiteRows {
	readonly count: number;
	readonly address: Float64Array;
	readonly key: Float64Array;
	readonly flags: Uint8Array;
}

/** Requires: relocated sections. After: the table and its relocations are sorted, and no instruction is in it twice. */
export function sortSites(inputs: readonly Input[], outputs: readonly Output[]): SiteRows {
	const table = outputs.find(({ name }) => name === SITES_SECTION);
	if (table === undefined) return newRows(0);
	const fields = relocationOfField(inputs, table);
	const rows = readRows(table);
	refuseTwice(inputs, table, rows);
	const order = Uint32Array.from(rows.address.keys());
	order.sort((a, b) => rows.key[a]! - rows.key[b]! || rows.address[a]! - rows.address[b]!);
	const sorted = newRows(rows.count);
	for (const column of ["address", "key", "flags"] as const)
		for (const [i, row] of order.entries()) sorted[column][i] = rows[column][row]!;
	writeRows(table, sorted);
	table.relocations = reordered(table, order, fields);
	return sorted;
}

function newRows(count: number): SiteRows {
	return { count, address: new Float64Array(count), key: new Float64Array(count), flags: new Uint8Array(count) };
}

function readRows({ data, address }: Output): SiteRows {
	const rows = newRows(data.length / siteRow.bytes);
	const view = viewOf(data);
	for (let i = 0, at = 0; i < rows.count; i++, at += siteRow.bytes) {
		const key = readField(view, address, at, siteRow.fields.key);
		rows.address[i] = readField(view, address, at, siteRow.fields.address);
		rows.flags[i] = key & FLAGS;
		rows.key[i] = key - (key & FLAGS);
	}
	return rows;
}

function writeRows({ data, address }: Output, rows: SiteRows): void {
	const view = viewOf(data);
	for (let i = 0, at = 0; i < rows.count; i++, at += siteRow.bytes) {
		writeField(view, address, at, siteRow.fields.address, rows.address[i]!);
		writeField(view, address, at, siteRow.fields.key, rows.key[i]! + rows.flags[i]!);
	}
}

/** For each field of the table, two in a row, the index of the relocation that fills it. */
function relocationOfField(inputs: readonly Input[], table: Output): Uint32Array {
	const fields = new Uint32Array(table.data.length / 4);
	const filled = new Uint8Array(fields.length);
	for (let i = 0; i < (table.relocations?.count ?? 0); i++) {
		const field = (table.relocations!.offset[i]! - table.address) / 4;
		fields[field] = i;
		filled[field] = 1;
	}
	const empty = filled.indexOf(0);
	if (empty >= 0)
		throw new LinkError(`${origin(inputs, table, empty * 4)}: the field of a call site has no relocation`);
	if (!isWhole(siteRow, table.data.length))
		throw new LinkError(`${SITES_SECTION}: ${table.data.length} bytes are not whole rows`);
	return fields;
}

function refuseTwice(inputs: readonly Input[], table: Output, rows: SiteRows): void {
	const sorted = rows.address.slice().sort();
	const twice = sorted.findIndex((address, i) => i > 0 && address === sorted[i - 1]);
	if (twice < 0) return;
	const where = origin(inputs, table, rows.address.lastIndexOf(sorted[twice]!) * siteRow.bytes);
	throw new LinkError(`${where}: the call site at ${hex(sorted[twice]!)} is in the table twice`);
}

function reordered({ relocations, address }: Output, order: Uint32Array, fields: Uint32Array): Relocations {
	const old = relocations!;
	const columns = allocateRelocations(order.length * 2);
	for (let i = 0; i < columns.count; i++) {
		const from = fields[order[i >> 1]! * 2 + (i & 1)]!;
		columns.offset[i] = address + i * 4;
		columns.type[i] = old.type[from]!;
		columns.symbol[i] = old.symbol[from]!;
		columns.addend[i] = old.addend[from]!;
	}
	return columns;
}
