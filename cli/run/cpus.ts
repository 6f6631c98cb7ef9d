// Which CPUs there are and what they run: the options of `patchbay run` that are about the machine, not the program.

import { type Command as CommandLine, InvalidArgumentError, Option } from "commander";
import type { Image } from "../../linker/link/index.ts";
import { entryNamed, load, start } from "../../runtime/load.ts";
import { type CostProfile, type FetchPolicy, fetchPolicies, type Machine } from "../../runtime/machine/index.ts";
import { UsageError } from "../shell/command.ts";
import { listOf, whole } from "../shell/options.ts";
import { modelOf, modelOption } from "./models.ts";

export interface CpuOptions {
	readonly cpus?: number;
	readonly entry?: readonly Entry[];
	readonly model: string;
	readonly fetch: FetchPolicy;
	readonly seed: number;
	readonly processes: number;
}

/** So many CPUs begin at a function. */
interface Entry {
	readonly name: string;
	readonly count: number;
}

const MOST_CPUS = 256;
const parseCpus = whole(`Write a number from 1 to ${MOST_CPUS}.`, 1, MOST_CPUS);
const parseSeed = whole("Write a positive whole number.", 1, 2 ** 31 - 1);

export function declareCpuOptions(line: CommandLine): void {
	line.option("--cpus <n>", "so many CPUs; those without an entry idle", parseCpus);
	line.option("--entry <function[*n]>", "what the next n CPUs run; may be given again", listOf(parseEntry));
	line.addOption(modelOption);
	line.addOption(
		new Option("--fetch <policy>", "which of the bytes that a CPU may see it does see")
			.choices(fetchPolicies.filter((policy) => policy !== "chosen"))
			.default("fresh"),
	);
	line.option("--processes <n>", "so many processes run the program, CPU i is in process i modulo that", parseCpus, 1);
	line.option("--seed <n>", "of all random choices", parseSeed, 1);
}

/** The first CPU of each process runs the image's entry and the others idle, unless entries say otherwise.
 * @param spare pages of memory beyond what the program needs */
export function loadWithCpus(image: Image, options: CpuOptions, profile: CostProfile, spare = 0): Machine {
	const addresses = (options.entry ?? []).flatMap(({ name, count }) =>
		new Array<number>(count).fill(entryNamed(image, name)),
	);
	const { fetch, seed, processes } = options;
	const cpus = options.cpus ?? Math.max(processes, addresses.length);
	if (processes > cpus) throw new UsageError(`${processes} processes need as many CPUs, and there are ${cpus}`);
	if (addresses.length > cpus)
		throw new UsageError(`--entry names work for ${addresses.length} CPUs, --cpus says ${cpus}`);
	if (cpus > MOST_CPUS) throw new UsageError(`${cpus} CPUs: there may be ${MOST_CPUS}`);
	const model = modelOf(options.model);
	const machine = load(image, { profile, model, cpus, fetch, seed, processes, spare });
	for (const [cpu, address] of addresses.entries()) start(machine, cpu, address);
	return machine;
}

function parseEntry(text: string): Entry {
	const parts = /^([^*\s]+)(?:\*([1-9]\d{0,2}))?$/.exec(text);
	if (parts === null) throw new InvalidArgumentError("Write function, or function*3 for three CPUs.");
	return { name: parts[1]!, count: Number(parts[2] ?? 1) };
}
