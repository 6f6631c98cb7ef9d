// `patchbay bench-native`: what ways to call cost on this processor, beside what the simulator takes for it.

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import type { Command as CommandLine } from "commander";
import { readElf } from "../../linker/elf/index.ts";
import { LinkError } from "../../linker/errors.ts";
import { planRetarget } from "../../linker/retarget/retarget.ts";
import { applyRecord } from "../../linker/retarget/retarget-record.ts";
import type { CostProfile } from "../../runtime/machine/index.ts";
import { calibrated, cyclesIn, cyclesOf, type Timings } from "../compare/calibrate.ts";
import { changes, type Loop, loops, source } from "../compare/native-benchmark.ts";
import { DEFAULT_PROFILE, profileOf } from "../run/cost-profiles.ts";
import { type Command, ExitCode, writeJson } from "../shell/command.ts";
import { readBytes, writeFile } from "../shell/files.ts";
import { whole } from "../shell/options.ts";
import { caution, plural, table } from "../shell/table.ts";
import { styled, type Terminal } from "../shell/terminal.ts";

interface Options {
	readonly iterations: number;
	readonly runs: number;
	readonly profile: string;
	readonly writeProfile?: string;
}

interface Row {
	readonly way: Loop;
	readonly nanoseconds: number;
	readonly overDirect: number;
	readonly cycles: number;
	readonly profileCycles: number | undefined;
}

export const benchNative: Command<Options> = {
	name: "bench-native",
	operands: "",
	brief: "Measure what ways to call cost on this x86-64 processor; needs gcc.",
	examples: [
		["bench-native", "direct, retargeted, pointer, retpoline, trampoline"],
		["bench-native --write-profile here.json", "and a cost profile for run --profile here.json"],
	],
	outputs: ["writeProfile"],
	declare(line: CommandLine) {
		line.option("--iterations <n>", "calls per loop and run", positive, 20_000_000);
		line.option("--runs <n>", "runs, of which the median counts", positive, 7);
		line.option("--profile <name>", "the cost profile to compare with", DEFAULT_PROFILE);
		line.option("--write-profile <file>", "write the profile, with calls as measured here");
	},
	async run(terminal, _, { iterations, runs, profile: name, writeProfile, json }) {
		const profile = profileOf(name);
		const timings = measure(iterations, runs);
		const rows = (Object.keys(loops) as Loop[]).map((way) => rowOf(way, timings, profile));
		if (writeProfile !== undefined) {
			const processor = cpus()[0]?.model ?? "an unnamed processor";
			writeFile(writeProfile, `${JSON.stringify(calibrated(profile, timings, processor), null, "\t")}\n`);
		}
		if (json) await writeJson(terminal, "patchbay/bench-native@1", { profile: profile.name, rows });
		else await terminal.write(text(terminal, rows, profile, iterations, runs));
		return ExitCode.ok;
	},
};

const positive = whole("It is a positive number.", 1, 999_999_999_999);

/** Compiles, retargets, links and runs the benchmark. @returns medians */
function measure(iterations: number, runs: number): Timings {
	if (process.arch !== "x64" || process.platform !== "linux")
		throw new LinkError(
			`bench-native: measures x86-64 under Linux, and this is ${process.arch} under ${process.platform}`,
		);
	const folder = mkdtempSync(join(tmpdir(), "patchbay-native-"));
	try {
		const at = (name: string) => join(folder, name);
		writeFileSync(at("calls.c"), source);
		run("gcc", "-O2", "-fno-pie", "-c", at("calls.c"), "-o", at("calls.o"));
		const bytes = readBytes(at("calls.o"));
		const plan = planRetarget(readElf(bytes, "calls.o"), changes);
		writeFileSync(at("fast.o"), applyRecord(bytes, "calls.o", plan));
		run("gcc", "-no-pie", at("fast.o"), "-o", at("calls"));
		return parse(run(at("calls"), String(iterations), String(runs)));
	} finally {
		rmSync(folder, { recursive: true });
	}
}

function run(tool: string, ...argv: readonly string[]): string {
	try {
		return execFileSync(tool, argv, { encoding: "utf8" });
	} catch (error) {
		const missing = (error as NodeJS.ErrnoException).code === "ENOENT";
		throw new LinkError(missing ? `bench-native: ${tool} is not installed` : (error as Error).message);
	}
}

function parse(output: string): Timings {
	const medians = output
		.trim()
		.split("\n")
		.map((line) => {
			const [name, times] = line.split("\t");
			const sorted = times!
				.split(" ")
				.map(Number)
				.sort((a, b) => a - b);
			return [name!, sorted[sorted.length >> 1]!];
		});
	return Object.fromEntries(medians) as Timings;
}

function rowOf(way: Loop, timings: Timings, profile: CostProfile): Row {
	return {
		way,
		nanoseconds: timings[way],
		overDirect: timings[way] / timings.direct,
		cycles: cyclesOf(timings, way),
		profileCycles: cyclesIn(profile, way),
	};
}

function text(
	terminal: Terminal,
	rows: readonly Row[],
	{ name }: CostProfile,
	iterations: number,
	runs: number,
): string {
	const number = (value: number | undefined, digits: number) => value?.toFixed(digits) ?? "";
	const lines = table<Row>(
		[
			{ title: "", text: ({ way }) => way },
			{ title: "ns", align: "right", text: ({ nanoseconds }) => number(nanoseconds, 3) },
			{ title: "/ direct", align: "right", text: ({ overDirect }) => number(overDirect, 2) },
			{ title: "cycles more", align: "right", text: ({ cycles }) => number(cycles, 2) },
			{ title: name, align: "right", text: ({ profileCycles }) => number(profileCycles, 2) },
		],
		rows,
	);
	const title = `One iteration of a loop on ${cpus()[0]?.model ?? "this processor"}; cycles more than the empty loop, taken for one`;
	const basis = `Medians of ${plural(runs, "run")} of ${plural(iterations, "call")} each.`;
	return `${[styled(terminal, "bold", title), ...lines, basis, ...caution(iterations)].join("\n")}\n`;
}
