// Every object, archive and executable below some folders, read by us and by readelf: each relocation must be the same,
// and what one of the two refuses is listed. `node bench/corpus.ts [--sample N] [folders]`; the tests take a sample.
// `--kernel FOLDER` is about the modules of a kernel instead (kernel.ts).

import { spawnSync } from "node:child_process";
import { closeSync, openSync, readdirSync, readFileSync, readSync, statSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { listBranches } from "../cli/sites/branch-list.ts";
import { isArchive, readArchive } from "../linker/elf/archive.ts";
import { type ElfObject, readElf, symbolName } from "../linker/elf/index.ts";
import { LinkError } from "../linker/errors.ts";
import { architectureOf } from "../linker/sites/arch/index.ts";
import { readTables } from "../linker/tables/index.ts";
import { reportKernel } from "./kernel.ts";

export interface CorpusResult {
	files: number;
	objects: number;
	relocations: number;
	branches: number;
	/** What we refuse, with the reason. */
	readonly refused: string[];
	/** What we and readelf see differently; anything here is a mistake of ours. */
	readonly differences: string[];
}

/** The ELF files and archives below a folder, links left out, in a stable order. */
export function findFiles(folder: string): string[] {
	const found: string[] = [];
	for (const entry of readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))) {
		const path = join(folder, entry.name);
		if (entry.isDirectory()) found.push(...findFiles(path));
		else if (entry.isFile() && isBinary(path)) found.push(path);
	}
	return found;
}

function isBinary(path: string): boolean {
	if (statSync(path).size < 64) return false;
	const head = new Uint8Array(8);
	const file = openSync(path, "r");
	readSync(file, head, 0, 8, 0);
	closeSync(file);
	const text = String.fromCharCode(...head);
	return text.startsWith("\x7fELF") || text === "!<arch>\n";
}

/** Reads one file both ways and adds to `result`. */
export function compareFile(path: string, result: CorpusResult): void {
	const bytes = new Uint8Array(readFileSync(path));
	result.files++;
	const theirs = readelfRelocations(path);
	const ours: string[] = [];
	try {
		const members = isArchive(bytes) ? readArchive(bytes, path) : [{ name: "", bytes }];
		for (const member of members) readMember(path, member, ours, result);
	} catch (error) {
		if (!(error instanceof LinkError)) throw error;
		result.refused.push(error.message);
		return;
	}
	result.relocations += ours.length;
	compare(path, ours, theirs, result);
}

function readMember(
	path: string,
	member: { name: string; bytes: Uint8Array },
	ours: string[],
	result: CorpusResult,
): void {
	const object = readElf(member.bytes, member.name === "" ? path : `${path}(${member.name})`);
	result.objects++;
	for (const section of object.sections) {
		const { relocations } = section;
		for (let i = 0; i < (relocations?.count ?? 0); i++) {
			const symbol = relocations!.symbol[i]!;
			const addend = relocations!.implicitAddends ? "" : relocations!.addend[i]!;
			ours.push(
				`${relocations!.offset[i]!} ${relocations!.type[i]!} ${symbol} ${symbolValue(object, symbol)} ${nameOf(object, symbol)} ${addend}`,
			);
		}
	}
	const architecture = architectureOf(object.machine);
	if (
		architecture === undefined ||
		!object.sections.some(({ relocations, flags }) => relocations !== undefined && (flags & 4) !== 0)
	)
		return;
	readTables(object);
	result.branches += listBranches(object, undefined, () => {}).table.count;
}

function symbolValue({ symbols }: ElfObject, symbol: number): number {
	return symbol === 0 ? 0 : symbols.value[symbol]!;
}

/** As readelf calls it: a section symbol after its section, without a version. */
function nameOf({ symbols, sections }: ElfObject, symbol: number): string {
	if (symbol === 0) return "";
	const isSection = (symbols.info[symbol]! & 15) === 3;
	return isSection ? (sections[symbols.section[symbol]!]?.name ?? "") : symbolName(symbols, symbol);
}

/** Static relocations, one a line as `readMember` writes them. Those of the dynamic linker are in sections that readelf
 * shows too, named .rela.dyn and .rela.plt. */
function readelfRelocations(path: string): string[] {
	const { stdout } = spawnSync("readelf", ["-rW", path], { encoding: "latin1", maxBuffer: 2 ** 31 });
	const rows: string[] = [];
	let isStatic = false;
	for (const line of stdout.split("\n")) {
		const section = /^Relocation section '([^']*)'/.exec(line);
		if (section !== null) isStatic = !/^\.rela?\.(dyn|plt|iplt)$/.test(section[1]!);
		if (isStatic && /^[0-9a-f]{16} /.test(line)) rows.push(parseRow(line));
	}
	return rows;
}

function parseRow(line: string): string {
	const [, offset, info, rest] = /^([0-9a-f]+) +([0-9a-f]+) +\S+(.*)$/.exec(line)!;
	const type = Number.parseInt(info!.slice(8), 16);
	const symbol = Number.parseInt(info!.slice(0, 8), 16);
	const named = /^ +([0-9a-f]{16}) (?:(.*?) ([+-]) ([0-9a-f]+)|(.*))$/.exec(rest!);
	const bare = /^ +(-?)([0-9a-f]+)$/.exec(rest!);
	const number = (hex: string) => Number(BigInt.asIntN(64, BigInt(`0x${hex}`)));
	if (named !== null && named[3] !== undefined) {
		const addend = number(named[4]!) * (named[3] === "-" ? -1 : 1);
		return `${number(offset!)} ${type} ${symbol} ${number(named[1]!)} ${named[2]!.trim()} ${addend === 0 ? 0 : addend}`;
	}
	if (named !== null) return `${number(offset!)} ${type} ${symbol} ${number(named[1]!)} ${named[5]!.trim()} `;
	const addend = bare === null ? 0 : number(bare[2]!) * (bare[1] === "-" ? -1 : 1);
	return `${number(offset!)} ${type} ${symbol} 0  ${addend === 0 ? 0 : addend}`;
}

/** readelf shortens names that have odd characters and adds versions, so names count only where both are plain. */
function compare(path: string, ours: readonly string[], theirs: readonly string[], result: CorpusResult): void {
	if (ours.length !== theirs.length) {
		result.differences.push(`${path}: ${ours.length} relocations, readelf shows ${theirs.length}`);
		return;
	}
	const sorted = [...ours].sort();
	const other = [...theirs].sort();
	const at = sorted.findIndex((row, i) => row !== other[i] && withoutName(row) !== withoutName(other[i]!));
	if (at >= 0) result.differences.push(`${path}: ${sorted[at]}, readelf shows ${other[at]}`);
}

function withoutName(row: string): string {
	const parts = row.split(" ");
	return [...parts.slice(0, 4), parts.at(-1)].join(" ");
}

export function newResult(): CorpusResult {
	return { files: 0, objects: 0, relocations: 0, branches: 0, refused: [], differences: [] };
}

async function main(argv: readonly string[]): Promise<void> {
	if (argv[0] === "--kernel" && argv[1] !== undefined) {
		process.exitCode = (await reportKernel(argv[1])) ? 0 : 1;
		return;
	}
	const sample = argv[0] === "--sample" ? Number(argv[1]) : undefined;
	const folders = argv.slice(sample === undefined ? 0 : 2);
	const files = (folders.length > 0 ? folders : ["/usr"]).flatMap(findFiles);
	const step = sample === undefined ? 1 : Math.max(1, Math.floor(files.length / sample));
	const result = newResult();
	for (let i = 0; i < files.length; i += step) compareFile(files[i]!, result);
	const { refused, differences, ...counts } = result;
	console.log(JSON.stringify(counts));
	for (const line of refused) console.log(`refused: ${line}`);
	for (const line of differences) console.log(`different: ${line}`);
	process.exitCode = differences.length > 0 ? 1 : 0;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) await main(process.argv.slice(2));
