// `patchbay tables`: every place of a file that is patched at boot or at run time, as the tables in the file say.

import { Option } from "commander";
import { ET_REL } from "../../linker/elf/object.ts";
import { LinkError, suggestion } from "../../linker/errors.ts";
import { EM_TOY } from "../../linker/isa/machine-number.ts";
import {
	featureNames,
	readFeatures,
	readFlatImage,
	readTables,
	tableFormats,
	withSystemMap,
} from "../../linker/tables/index.ts";
import { type Command, ExitCode, UsageError } from "../shell/command.ts";
import { readText } from "../shell/files.ts";
import { texts } from "../shell/options.ts";
import type { Terminal } from "../shell/terminal.ts";
import { readableObject } from "../sites/readable-object.ts";
import { realObjects } from "../sites/real-files.ts";
import { writeVerified, writeVerifiedJson } from "../tables/table-checks.ts";
import { type Protocols, type TabledFile, writeJsonFile, writeSummary, writeTables } from "../tables/table-list.ts";

interface Options {
	readonly only?: readonly string[];
	readonly summary?: true;
	readonly systemMap?: string;
	readonly features?: string;
	readonly protocols?: true;
	readonly verify?: true;
}

export const tables: Command<Options> = {
	name: "tables",
	operands: "<files...>",
	brief: "List every place that is patched at boot or run time, as the tables in a file say.",
	examples: [
		["tables vmlinux --summary", "which tables a kernel has, and how long they are"],
		["tables kvm.ko --only 'static calls'", "one of them: place, what lies there, what it straddles"],
		["tables kvm.ko --protocols", "which protocols are safe for each place that changes while it runs"],
		["tables kvm.ko --verify", "do tables, relocations and code say the same; exit code 1 if not"],
		["tables vmlinux --system-map System.map", "a kernel that was stripped of its symbols"],
		["tables vmlinux --features cpufeatures.h", "features called as that kernel's header calls them"],
	],
	declare(line) {
		line.option(
			"--only <table>",
			"only this table, by its name or its section's; may be repeated, or several with commas",
			texts,
		);
		line.option("--summary", "only how many entries each table has");
		line.option(
			"--protocols",
			"how each place may be changed: protocols are checked for exactly that instruction and place",
		);
		line.addOption(
			new Option("--verify", "hold tables against code and relocations, both ways, instead of listing them").conflicts([
				"summary",
				"protocols",
			]),
		);
		line.option("--system-map <file>", "symbols of a stripped kernel: addresses and names, as nm prints them");
		line.option(
			"--features <file>",
			"the kernel's <asm/cpufeatures.h>, or <asm/cpucaps.h>, with its names of features",
		);
	},
	async run(terminal, files, options) {
		if (options.systemMap !== undefined && files.length > 1)
			throw new UsageError("--system-map is of one kernel; name one file");
		if (options.protocols && options.summary)
			throw new UsageError("--protocols is of places, which --summary leaves out");
		const protocols = options.protocols ? await import("../tables/table-protocols.ts") : undefined;
		const found = tabled(terminal, files, options, protocols);
		if (options.verify) {
			const isSound = await (options.json ? writeVerifiedJson : writeVerified)(terminal, found);
			return isSound ? ExitCode.ok : ExitCode.violation;
		}
		if (options.json) await writeJson(terminal, found);
		else for await (const each of found) await (options.summary ? writeSummary : writeTables)(terminal, each);
		return ExitCode.ok;
	},
};

/** The files one after the other: they may be large. */
async function* tabled(
	terminal: Terminal,
	files: readonly string[],
	options: Options,
	protocols: Protocols | undefined,
): AsyncGenerator<TabledFile> {
	const formats = chosen(options.only);
	const header = options.features === undefined ? undefined : namesIn(options.features);
	const map = options.systemMap === undefined ? undefined : readText(options.systemMap);
	const flat =
		map === undefined
			? undefined
			: (file: string, bytes: Uint8Array) => readFlatImage(file, bytes, map, options.systemMap!);
	for (const file of files)
		for await (const read of realObjects({ file }, (text) => terminal.note(text), flat)) {
			if (read.machine === EM_TOY)
				throw new LinkError(`${file}: is for the toy machine; \`patchbay sites\` lists what is patched in it`);
			if (map !== undefined && read.type === ET_REL)
				throw new LinkError(`${file}: is not linked, so addresses of a System.map say nothing of it`);
			const object = await readableObject(map === undefined ? read : withSystemMap(read, map, options.systemMap!));
			const names = featureNames(object.machine, header);
			const tables = readTables(object, formats);
			if (tables.length === 0 && object.type !== ET_REL && object.symbols.count <= 1)
				terminal.note(`${object.name}: has no symbols, which say where a linked kernel's tables are; --system-map\n`);
			yield { object, tables, names, ...(protocols && { protocols }) };
		}
}

/** @throws UsageError for a name that no table has */
function chosen(only: readonly string[] | undefined): typeof tableFormats {
	if (only === undefined) return tableFormats;
	const known = tableFormats.flatMap(({ name, sections }) => [name, ...sections]);
	const unknown = only.find((name) => !known.includes(name));
	if (unknown !== undefined) {
		const names = [...new Set(tableFormats.map(({ name }) => name))].join(", ");
		throw new UsageError(`no table is called '${unknown}'${suggestion(unknown, known)}; there are ${names}`);
	}
	return tableFormats.filter(({ name, sections }) => [name, ...sections].some((each) => only.includes(each)));
}

function namesIn(path: string): Map<number, string> {
	const names = readFeatures(readText(path));
	if (names.size === 0) throw new LinkError(`${path}: defines no X86_FEATURE_… and no ARM64_…`);
	return names;
}

async function writeJson(terminal: Terminal, found: AsyncIterable<TabledFile>): Promise<void> {
	await terminal.write('{"schema":"patchbay/tables@1","files":[');
	let any = false;
	for await (const each of found) {
		if (any) await terminal.write(",");
		any = true;
		await writeJsonFile(terminal, each);
	}
	await terminal.write("\n]}\n");
}
