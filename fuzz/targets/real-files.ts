// Objects, executables and archives of real machines: what is read of them, listed, collected, retargeted and undone. They lie
// in fuzz/corpus, made by gcc from a few lines (corpus/README.md).

import { readdirSync, readFileSync } from "node:fs";
import * as fc from "fast-check";
import { readElf, readLineTable, writeElf } from "../../linker/elf/index.ts";
import { resetFile, retargetFile } from "../../linker/retarget/retarget-file.ts";
import { repository } from "../../tools/repository.ts";
import { command, fileOf } from "../command-line.ts";
import { type Edit, editedElf, elfEdits, type Pattern, patternOf } from "../mutate/elf.ts";
import { perhaps, target, Wrong } from "../target.ts";

interface Recipe {
	readonly file: number;
	readonly edits: readonly Edit[];
	/** Which command the file is given to as well. */
	readonly command: number;
}

function corpus(ending: RegExp): { name: string; bytes: Uint8Array }[] {
	const names = readdirSync(repository("fuzz/corpus")).filter((name) => ending.test(name));
	return names.sort().map((name) => ({ name, bytes: new Uint8Array(readFileSync(repository(`fuzz/corpus/${name}`))) }));
}

interface Elf extends Pattern {
	readonly name: string;
}

let elves: readonly Elf[] | undefined;

function allElves(): readonly Elf[] {
	elves ??= corpus(/\.(o|elf)$/).map(({ name, bytes }) => ({ name, ...patternOf(bytes) }));
	return elves;
}

function elfOf(index: number): Elf {
	return allElves()[index % allElves().length]!;
}

const bytesOf = ({ file, edits }: Recipe): Uint8Array => editedElf(elfOf(file), edits);

/** What is retargeted and reset is what it was. */
function thereAndBack(bytes: Uint8Array): void {
	const changed = perhaps(() => retargetFile(bytes, "input.o", [{ from: "f", to: "g" }]));
	if (changed === undefined) return;
	const { plan } = changed;
	if (plan.sites.length === 0) return;
	if (perhaps(() => readElf(changed.bytes, "input.o")) === undefined)
		throw new Wrong("what was retargeted cannot be read");
	if (Buffer.compare(resetFile(changed.bytes, "input.o").bytes, bytes) !== 0)
		throw new Wrong("reset does not give what there was");
}

const commands = [
	["sites", "--all"],
	["sites", "--all", "--json"],
	["sites", "--summary"],
	["sites", "--calls-to", "f"],
	["sites", "--protocol"],
	["sites", "--json-lines"],
	["collect", "-o", "OUT"],
	["retarget", "--set", "f=null", "-o", "OUT"],
	["retarget", "--set", "f=g", "--only", "main", "--dry-run"],
	["dump"],
	["run"],
	["link", "-o", "OUT"],
];

export const realFiles = target<Recipe>({
	name: "real files",
	weight: 260,
	batch: 250,
	recipes: fc.record({ file: fc.nat(1000), edits: elfEdits, command: fc.nat(239) }),
	input: (recipe) => ({ name: elfOf(recipe.file).name, bytes: bytesOf(recipe) }),
	async try(recipe, bytes) {
		await commandOn(commands[recipe.command], "input.o", bytes);
		const elf = readElf(bytes, "input.o");
		perhaps(() => readLineTable(elf));
		perhaps(() => readElf(writeElf(elf), "written.o"));
		thereAndBack(bytes);
	},
});

async function commandOn(given: readonly string[] | undefined, name: string, bytes: Uint8Array): Promise<void> {
	if (given === undefined) return;
	const path = fileOf({ name, bytes });
	await command(given[0]!, path, ...given.slice(1).map((word) => (word === "OUT" ? `${path}.out` : word)));
}

interface AddRecipe {
	readonly program: number;
	readonly programEdits: readonly Edit[];
	readonly objectEdits: readonly Edit[];
}

const added = new Map<string, Pattern>();

/** The object that programs of a machine get, read once. */
function addedFor(machine: string): Pattern {
	const known = added.get(machine);
	if (known !== undefined) return known;
	const pattern = patternOf(new Uint8Array(readFileSync(repository(`fuzz/corpus/added/${machine}.o`))));
	added.set(machine, pattern);
	return pattern;
}

/** A program of the corpus and the object for its machine, both as they are mutated. */
function filesOf({ program, programEdits, objectEdits }: AddRecipe): { program: Uint8Array; object: Uint8Array } {
	const programs = allElves().filter(({ name }) => name.endsWith(".elf"));
	const { name, ...pattern } = programs[program % programs.length]!;
	const machine = name === "shared.elf" ? "x86-64" : name.replace(".elf", "");
	return { program: editedElf(pattern, programEdits), object: editedElf(addedFor(machine), objectEdits) };
}

const mostly = fc.oneof({ weight: 2, arbitrary: fc.constant([]) }, { weight: 3, arbitrary: elfEdits });

export const addedObjects = target<AddRecipe>({
	name: "objects into programs",
	weight: 60,
	batch: 100,
	recipes: fc.record({ program: fc.nat(50), programEdits: mostly, objectEdits: mostly }),
	input: (recipe) => ({ name: "program.elf", bytes: filesOf(recipe).program }),
	async try(recipe) {
		const { program, object } = filesOf(recipe);
		const options = { objects: [{ name: "added.o", bytes: object }] };
		const { bytes } = retargetFile(program, "program.elf", [{ from: "f", to: "own" }], options);
		if (Buffer.compare(resetFile(bytes, "program.elf").bytes, program) !== 0)
			throw new Wrong("reset does not give what there was");
	},
});

interface ArchiveRecipe {
	readonly members: readonly { readonly file: number; readonly edits: readonly Edit[]; readonly name: string }[];
	/** Changes of the archive as a whole, whose headers are text. */
	readonly bytes: readonly { readonly at: number; readonly value: string }[];
	readonly command: number;
}

const digits = ["0", "9", "-", " ", "/", "\0", "`", "A", "#1/", "//"];

function archiveOf({ members, bytes }: ArchiveRecipe): Uint8Array {
	const parts: Uint8Array[] = [Buffer.from("!<arch>\n", "latin1")];
	const headers: number[] = [];
	let at = 8;
	for (const { file, edits, name } of members) {
		const body = editedElf(elfOf(file), edits);
		const header = `${name.slice(0, 16).padEnd(16)}${"0".padEnd(12)}${"0".padEnd(6)}${"0".padEnd(6)}${"644".padEnd(8)}${String(body.length).padEnd(10)}\`\n`;
		headers.push(at);
		parts.push(Buffer.from(header, "latin1"), body, ...(body.length % 2 === 1 ? [Buffer.from("\n")] : []));
		at += 60 + body.length + (body.length % 2);
	}
	const archive = new Uint8Array(Buffer.concat(parts));
	for (const edit of bytes) {
		const header = headers[edit.at % Math.max(1, headers.length)] ?? 0;
		const text = Buffer.from(edit.value, "latin1");
		const place = header + (Math.floor(edit.at / 8) % 60);
		if (place + text.length <= archive.length) archive.set(text, place);
	}
	return archive;
}

const archiveCommands = [
	["sites", "--all"],
	["sites", "--summary"],
	["sites", "--json-lines"],
	["retarget", "--set", "f=g", "--dry-run"],
	["collect", "-o", "OUT"],
	["link", "-o", "OUT"],
];

export const archives = target<ArchiveRecipe>({
	name: "archives",
	weight: 30,
	batch: 50,
	recipes: fc.record({
		members: fc.array(
			fc.record({
				file: fc.nat(1000),
				edits: fc.oneof(fc.constant([]), elfEdits),
				name: fc.constantFrom("a.o/", "b.o/", "/", "//", "/0", "/99", "#1/20", "#1/-1", "", "/SYM64/", "\x1b[31m/"),
			}),
			{ maxLength: 4 },
		),
		bytes: fc.array(fc.record({ at: fc.nat(100_000), value: fc.constantFrom(...digits) }), { maxLength: 4 }),
		command: fc.nat(archiveCommands.length - 1),
	}),
	input: (recipe) => ({ name: "input.a", bytes: archiveOf(recipe) }),
	try: (recipe, bytes) => commandOn(archiveCommands[recipe.command], "input.a", bytes),
});
