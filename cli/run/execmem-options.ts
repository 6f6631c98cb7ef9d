// Executable memory beside a program, for commands that look at it: pieces that are allocated and freed as the command
// line says.

import { type Command as CommandLine, InvalidArgumentError } from "commander";
import { LinkError } from "../../linker/errors.ts";
import type { Image } from "../../linker/link/index.ts";
import { allPieces } from "../../runtime/execmem/allocator.ts";
import { execmemAlloc, execmemFinish, execmemFlush, execmemFree, type Outcome } from "../../runtime/execmem/execmem.ts";
import { AREA, memoryTypes, type TypeName, typeNames } from "../../runtime/execmem/memory-types.ts";
import { openExecmem } from "../../runtime/execmem/open-execmem.ts";
import type { Execmem } from "../../runtime/execmem/pieces.ts";
import { PAGE } from "../../runtime/machine/index.ts";
import { breakpoint, createSystem } from "../../runtime/patch/index.ts";
import type { BuildOptions } from "../build/build.ts";
import { UsageError } from "../shell/command.ts";
import { listOf, texts, whole } from "../shell/options.ts";
import { DEFAULT_PROFILE, profileOf } from "./cost-profiles.ts";
import { type CpuOptions, loadWithCpus } from "./cpus.ts";
import { loadModules } from "./modules.ts";

export interface ExecmemChoice {
	readonly allocate?: readonly Wanted[];
	readonly free?: readonly TypeName[];
	/** Modules. */
	readonly load?: readonly string[];
	/** Whether text is written while it stays executable. */
	readonly textPoke?: boolean;
	/** Frees that share one shootdown. */
	readonly lazy?: number;
	/** How many nodes have memory, each as far from every other. */
	readonly nodes?: number;
}

/** What a machine says of a node and itself, and of two nodes. */
const OWN = 10;
const DISTANT = 20;
const MOST_NODES = 8;

interface Wanted {
	readonly type: TypeName;
	readonly bytes: number;
	readonly count: number;
}

/** Beside what the pieces take: an area of each pool, and as much again for what lies between pieces. */
const SPARE = 16 * AREA;
const MOST_MEMORY = 2 ** 29;

export function declareExecmemOptions(line: CommandLine): void {
	line.option(
		"--allocate <type=bytes[*n]>",
		"allocate n such pieces, in turn with those of other types; may be given again",
		listOf(parseWanted),
	);
	line.option("--load <file>", "then load a module, a source or an object; may be given again", texts);
	line.option("--free <type>", "then free all pieces of a type; may be given again", listOf(typeNamed));
	line.option("--no-text-poke", "text cannot be written while it is executable: small pages, changed one by one");
	line.option(
		"--lazy <n>",
		"as many frees as share one shootdown; 32 unless given",
		whole("Not a positive whole number."),
	);
	line.option(
		"--nodes <n>",
		"as many nodes have memory; pieces are wanted on each in turn",
		whole(`Not a whole number from 1 to ${MOST_NODES}.`, 1, MOST_NODES),
	);
}

/** The program, loaded but not started, with the memory that was asked for. */
export async function openMemory(image: Image, options: ExecmemChoice & CpuOptions & BuildOptions): Promise<Execmem> {
	const wanted = options.allocate ?? [];
	const bytes = wanted.reduce((sum, each) => sum + pagedBytes(each), 0);
	if (bytes > MOST_MEMORY) throw new LinkError(`--allocate: ${bytes} bytes are more than ${MOST_MEMORY}`);
	const machine = loadWithCpus(image, options, profileOf(DEFAULT_PROFILE), (2 * bytes + SPARE) / PAGE);
	const { textPoke, lazy, nodes = 1 } = options;
	const execmem = openExecmem(createSystem(machine, image, breakpoint, { processes: options.processes }), {
		...(textPoke === false && { textPoke }),
		...(lazy !== undefined && { lazy }),
		...(nodes > 1 && { nodes: { distances: distancesOf(nodes) } }),
	});
	for (const [i, { type, bytes: size }] of inTurn(wanted).entries()) {
		const { address } = must(execmemAlloc(execmem, { type, bytes: size, node: i % nodes }));
		must(execmemFinish(execmem, address));
	}
	for (const type of options.free ?? []) {
		const pieces = [...allPieces(execmem.allocator)].filter((piece) => piece.type === type);
		if (pieces.length === 0) throw new UsageError(`--free ${type}: no --allocate makes a piece of it`);
		for (const { address } of pieces) must(execmemFree(execmem, address));
	}
	await loadModules(execmem, options.load ?? [], options);
	must(execmemFlush(execmem));
	return execmem;
}

function distancesOf(nodes: number): number[][] {
	return Array.from({ length: nodes }, (_, from) =>
		Array.from({ length: nodes }, (_, to) => (from === to ? OWN : DISTANT)),
	);
}

/** One of each, then the second of each, as modules come. */
function inTurn(wanted: readonly Wanted[]): Wanted[] {
	const rounds = Math.max(0, ...wanted.map(({ count }) => count));
	return Array.from({ length: rounds }, (_, i) => wanted.filter(({ count }) => i < count)).flat();
}

function pagedBytes({ type, bytes, count }: Wanted): number {
	const unit = memoryTypes[type].page === "large" ? 64 : PAGE;
	return Math.ceil((Math.ceil(bytes / unit) * unit * count) / PAGE) * PAGE;
}

function must<T>(outcome: Outcome<T>): T {
	if (!outcome.ok) throw new LinkError(`execmem: ${outcome.error.why}`);
	return outcome;
}

function parseWanted(text: string): Wanted {
	const [, type, bytes, count] = /^(\w+)=(\d+)(?:\*(\d+))?$/.exec(text) ?? [];
	if (type === undefined) throw new InvalidArgumentError("Write type=bytes, or type=bytes*3 for three pieces.");
	return { type: typeNamed(type), bytes: Number(bytes), count: Number(count ?? 1) };
}

function typeNamed(text: string): TypeName {
	const type = typeNames.find((name) => name === text);
	if (type === undefined) throw new InvalidArgumentError(`Types are ${typeNames.join(", ")}.`);
	return type;
}
