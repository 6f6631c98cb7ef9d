// The modules of a kernel below a folder, held against readelf: how many entries each table has, whether tables, code and
// relocations agree, and whether `collect --module` gives the table of static calls back when it was taken away.
// `npm run bench:corpus -- --kernel FOLDER`, of an unpacked linux-image package; compressed modules are unpacked first.

import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { isPacked } from "../cli/unpack/packed.ts";
import { unpack } from "../cli/unpack/unpack.ts";
import { readElf } from "../linker/elf/reader.ts";
import { writeElf } from "../linker/elf/writer.ts";
import { SITES_SECTION } from "../linker/format/static-calls.ts";
import { addSites } from "../linker/sites/collect.ts";
import { findRealSites } from "../linker/sites/find-sites.ts";
import { readTables, verifyTable } from "../linker/tables/index.ts";

export interface KernelResult {
	modules: number;
	/** By table. */
	readonly entries: Map<string, number>;
	/** Modules whose table of static calls was taken away, and of these those to which it came back row by row. */
	taken: number;
	given: number;
	/** Anything here is a mistake of ours, or of who built the kernel. */
	readonly differences: string[];
}

export async function compareKernel(folder: string): Promise<KernelResult> {
	const result: KernelResult = { modules: 0, entries: new Map(), taken: 0, given: 0, differences: [] };
	const scratch = mkdtempSync(join(tmpdir(), "patchbay-kernel-"));
	try {
		for (const path of modulesBelow(folder)) {
			const bytes = new Uint8Array(readFileSync(path));
			const plain = isPacked(bytes) ? join(scratch, basename(path).replace(/\.ko\..*/, ".ko")) : path;
			const module = await unpack(path, bytes);
			if (plain !== path) writeFileSync(plain, module);
			compareModule(plain, module, scratch, result);
			if (plain !== path) rmSync(plain);
		}
	} finally {
		rmSync(scratch, { recursive: true });
	}
	return result;
}

function modulesBelow(folder: string): string[] {
	return readdirSync(folder, { withFileTypes: true })
		.sort((a, b) => (a.name < b.name ? -1 : 1))
		.flatMap((entry) => {
			const path = join(folder, entry.name);
			if (entry.isDirectory()) return modulesBelow(path);
			return entry.isFile() && /\.ko(\.\w+)?$/.test(entry.name) ? [path] : [];
		});
}

function compareModule(path: string, bytes: Uint8Array, scratch: string, result: KernelResult): void {
	const object = readElf(bytes, path);
	result.modules++;
	const sizes = sectionSizes(path);
	for (const table of readTables(object)) {
		const { format, section, shape, entries } = table;
		result.entries.set(format.name, (result.entries.get(format.name) ?? 0) + entries.length);
		const theirs = sizes.get(section);
		if (theirs !== entries.length * shape.entry)
			result.differences.push(`${path}: ${section}: ${entries.length} entries, readelf shows ${theirs} bytes`);
		for (const { place, what } of verifyTable(object, table).mismatches)
			result.differences.push(`${path}: ${format.name}: ${place}: ${what}`);
	}
	if (sizes.has(".static_call_sites")) giveBack(path, scratch, result);
}

/** Bytes of each section; a name that occurs twice counts once for all. */
function sectionSizes(path: string): Map<string, number> {
	const sizes = new Map<string, number>();
	for (const [, name, size] of readelf("-SW", path).matchAll(
		/^ {2}\[ *\d+\] (\S+) +\S+ +[0-9a-f]{16} [0-9a-f]+ ([0-9a-f]+) /gm,
	))
		sizes.set(name!, (sizes.get(name!) ?? 0) + Number.parseInt(size!, 16));
	return sizes;
}

function readelf(...argv: readonly string[]): string {
	return spawnSync("readelf", argv, { encoding: "latin1", maxBuffer: 2 ** 31 }).stdout;
}

function giveBack(path: string, scratch: string, result: KernelResult): void {
	const [bare, again] = [join(scratch, "bare.ko"), join(scratch, "again.ko")];
	const removed = ["-R", ".static_call_sites", "-R", ".rela.static_call_sites"];
	if (spawnSync("objcopy", [...removed, path, bare]).status !== 0) throw new Error(`${path}: objcopy failed`);
	result.taken++;
	const object = readElf(new Uint8Array(readFileSync(bare)), bare);
	writeFileSync(again, writeElf(addSites(object, findRealSites(object, SITES_SECTION), "trampoline")));
	const [theirs, ours] = [rowsOf(path), rowsOf(again)];
	if (theirs.length > 0 && theirs.join("\n") === ours.join("\n")) result.given++;
	else result.differences.push(`${path}: ${ours.length} rows given back, the kernel's table has ${theirs.length}`);
}

/** The rows of the table of static calls: the place of the instruction and the name of the key with its flags, in order. */
function rowsOf(path: string): string[] {
	const symbols = new Map<number, { section: string; value: number; name: string }>();
	for (const [, index, value, section, name] of readelf("-sW", path).matchAll(
		/^ *(\d+): ([0-9a-f]{16}) +\S+ \S+ +\S+ +\S+ +(\S+) ?(.*)$/gm,
	))
		symbols.set(Number(index), { section: section!, value: Number.parseInt(value!, 16), name: name! });
	const table = /section '\.rela\.static_call_sites'[^\n]*\n[^\n]*\n((?:[0-9a-f]{16} .*\n)+)/.exec(
		readelf("-rW", path),
	);
	const fields = Array.from(
		(table?.[1] ?? "").matchAll(/^([0-9a-f]{16}) +([0-9a-f]{8})[0-9a-f]{8} .* ([+-]) ([0-9a-f]+)$/gm),
		([, offset, symbol, sign, addend]) => ({
			offset: Number.parseInt(offset!, 16),
			symbol: symbols.get(Number.parseInt(symbol!, 16))!,
			addend: Number.parseInt(addend!, 16) * (sign === "-" ? -1 : 1),
		}),
	).sort((a, b) => a.offset - b.offset);
	const rows: string[] = [];
	for (let i = 0; i + 1 < fields.length; i += 2) {
		const [code, key] = [fields[i]!, fields[i + 1]!];
		rows.push(`${code.symbol.section}+${code.symbol.value + code.addend} ${key.symbol.name} ${key.addend}`);
	}
	return rows.map((row) => withoutIndex(row, path)).sort();
}

const names = new Map<string, Map<string, string>>();

/** Sections by name: where one was taken away, others have other indices. */
function withoutIndex(row: string, path: string): string {
	const [, index, rest] = /^(\d+)(\+.*)$/.exec(row) ?? [];
	if (index === undefined) return row;
	const known = names.get(path) ?? sectionNames(path);
	names.clear();
	names.set(path, known);
	return `${known.get(index)}${rest}`;
}

function sectionNames(path: string): Map<string, string> {
	const found = readelf("-SW", path).matchAll(/^ {2}\[ *(\d+)\] (\S+)/gm);
	return new Map(Array.from(found, ([, index, name]) => [index!, name!]));
}

export async function reportKernel(folder: string): Promise<boolean> {
	const { entries, differences, ...counts } = await compareKernel(folder);
	console.log(JSON.stringify({ ...counts, entries: Object.fromEntries(entries) }));
	for (const line of differences) console.log(`different: ${line}`);
	return differences.length === 0;
}
