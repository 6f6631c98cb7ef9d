// Objects and images of the toy machine: read, written back, listed, linked, loaded and run.

import * as fc from "fast-check";
import { assemble } from "../../linker/compile/index.ts";
import { type ElfObject, ET_EXEC, lineAt, readElf, readLineTable, writeElf } from "../../linker/elf/index.ts";
import { type Image, link, readImage } from "../../linker/link/index.ts";
import { alternatives, callSites, listing, operationCalls } from "../../linker/sites/index.ts";
import { execute, objectsOf } from "../../test/language/modes.ts";
import { programs } from "../../test/language/programs.ts";
import { command, fileOf } from "../command-line.ts";
import { type Edit, editedElf, elfEdits, type Pattern, patternOf } from "../mutate/elf.ts";
import { perhaps, target, Wrong } from "../target.ts";

interface Recipe {
	readonly file: number;
	readonly edits: readonly Edit[];
	/** Which command the file is given to as well; most get none, for that takes far longer. */
	readonly command: number;
}

const chosen = ["pick", "paravirt", "tracepoint"];
const byHand = `	.global main
	.type main, @function
main:	movi r0, 1
at:	.alternative
	nop
	nop
	.replacement fast
	nop
	.endalternative
	call f
	hlt
	.type f, @function
f:	ld r0, [sp]
	ret
	.data
	.word main, f
	.bss
	.space 64
`;

interface Files {
	readonly patterns: readonly Pattern[];
}

let files: Files | undefined;

/** Made when they are first needed: compiling takes a while. */
function filesOf(): Files {
	files ??= { patterns: made().map((elf) => patternOf(writeElf(elf))) };
	return files;
}

function made(): ElfObject[] {
	const sources = programs().filter(({ name }) => chosen.includes(name));
	const objects = sources.map((program) => objectsOf(program, { entryNops: true }));
	const images = objects.flatMap((parts, i) => [
		link(parts, { staticCalls: (["inline", "trampoline", "pointer"] as const)[i % 3]! }).elf,
	]);
	return [...objects.flat(), assemble(byHand, { file: "hand.s" }), ...images];
}

function bytesOf({ file, edits }: Recipe): Uint8Array {
	const { patterns } = filesOf();
	return editedElf(patterns[file % patterns.length]!, edits);
}

/** Larger programs are not loaded: to clear their memory takes all the time. */
const MOST_MEMORY = 16 * 2 ** 20;
const CYCLES = 4000;

function runIt(image: Image): void {
	const memory = image.segments.reduce((sum, { memorySize }) => sum + memorySize, 0);
	if (memory <= MOST_MEMORY) execute(image, CYCLES);
}

function lookInto(elf: ElfObject): void {
	perhaps(() => {
		const table = readLineTable(elf);
		for (let address = 0; address < 64; address += 7) lineAt(table, address, 1);
	});
	perhaps(() => {
		const text = listing(elf);
		if (text.length > 1000 * elf.sections.reduce((sum, { data }) => sum + data.length, 1000))
			throw new Wrong(`a listing of ${text.length} characters`);
	});
	perhaps(() => callSites(elf));
	perhaps(() => alternatives(elf));
	perhaps(() => operationCalls(elf));
}

/** What was read and written is read and written the same. */
function writeBack(elf: ElfObject): void {
	const written = perhaps(() => writeElf(elf));
	if (written === undefined) return;
	const again = perhaps(() => writeElf(readElf(written, elf.name)));
	if (again === undefined) throw new Wrong("what was written cannot be read");
	if (Buffer.compare(written, again) !== 0) throw new Wrong("what was read and written differs from what was written");
}

const commands = [
	["run", "--max-cycles", "20000"],
	["dump"],
	["sites", "--json"],
	["link", "-o", "OUT"],
	["maps"],
	["trace", "--max-cycles", "20000"],
];

export const toyFiles = target<Recipe>({
	name: "toy files",
	weight: 260,
	batch: 250,
	recipes: fc.record({ file: fc.nat(1000), edits: elfEdits, command: fc.nat(199) }),
	input: (recipe) => ({ name: "input.o", bytes: bytesOf(recipe) }),
	async try(recipe, bytes) {
		const given = commands[recipe.command];
		if (given !== undefined) {
			const path = fileOf({ name: "input.o", bytes });
			await command(given[0]!, path, ...given.slice(1).map((word) => (word === "OUT" ? `${path}.out` : word)));
		}
		const elf = readElf(bytes, "input.o");
		lookInto(elf);
		writeBack(elf);
		// To load and run takes most of the time.
		if (recipe.command % 4 === 0) runIt(elf.type === ET_EXEC ? readImage(elf) : link([elf]));
	},
});
