// Times whole links, from files to a file, beside GNU ld and ld.lld on objects of the same shape: `npm run bench:link`.
// Rounds are interleaved, so that what else the machine does meets all alike; ratios are taken within a round.

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { writeElf } from "../linker/elf/index.ts";
import { collectSites } from "../linker/sites/index.ts";
import { plans, type Shape, toyObject, x86Source, x86Start } from "./objects.ts";

interface Linker {
	readonly name: string;
	readonly command: readonly string[];
}

/** Seconds and bytes of one process. */
interface Measure {
	readonly seconds: number;
	readonly cpu: number;
	readonly memory: number;
}

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

function linkers(folder: string): Linker[] {
	const files = (machine: string) => readdirSync(join(folder, machine)).map((file) => join(folder, machine, file));
	const out = (name: string) => ["-o", join(folder, `${name}.out`)];
	const [toy, x86] = [files("toy"), files("x86")];
	return [
		{ name: "GNU ld --emit-relocs", command: ["ld", "--emit-relocs", ...out("ld"), ...x86] },
		{ name: "GNU ld", command: ["ld", ...out("ld"), ...x86] },
		{ name: "ld.lld --emit-relocs", command: ["ld.lld", "--emit-relocs", ...out("lld"), ...x86] },
		{ name: "ld.lld", command: ["ld.lld", ...out("lld"), ...x86] },
		{
			name: "patchbay, as a library",
			command: [process.execPath, here("./link-process.js"), join(folder, "ours.out"), ...toy],
		},
		{
			name: "patchbay link",
			command: [process.execPath, here("../../dist/cli/main.cjs"), "link", ...out("cli"), ...toy],
		},
	];
}

/** Makes the objects unless an earlier run has. */
function prepare(shape: Shape): string {
	const folder = join(tmpdir(), `patchbay-link-${shape.objects}-${shape.functions}-${shape.calls}`);
	if (existsSync(folder)) return folder;
	const beside = `${folder}.tmp`;
	rmSync(beside, { recursive: true, force: true });
	for (const machine of ["toy", "x86", "s"]) mkdirSync(join(beside, machine), { recursive: true });
	console.error(`making ${shape.objects} objects for each machine in ${folder}`);
	for (const [o, plan] of [...plans(shape)].entries()) {
		writeFileSync(join(beside, "toy", `o${o}.o`), writeElf(toyObject(`o${o}.o`, plan)));
		assembleX86(beside, `o${o}`, x86Source(plan));
	}
	writeFileSync(
		join(beside, "toy", "start.o"),
		writeElf(toyObject("start.o", [{ name: "main", calls: [{ to: "fn_0_0", argument: 1 }] }])),
	);
	assembleX86(beside, "start", x86Start);
	renameSync(beside, folder);
	return folder;
}

function assembleX86(folder: string, name: string, source: string): void {
	const { status, stderr, error } = spawnSync("as", ["-o", join(folder, "x86", `${name}.o`), "-"], { input: source });
	if (status !== 0) throw new Error(`as: ${error?.message ?? stderr}`);
}

/** Runs under GNU time, which knows the peak memory of its child. */
function measure({ name, command }: Linker): Measure {
	const { status, stderr } = spawnSync("/usr/bin/time", ["-f", "%e %U %S %M", ...command], { encoding: "utf8" });
	if (status !== 0) throw new Error(`${name}: ${stderr}`);
	const [elapsed, user, system, kilobytes] = stderr.trim().split("\n").at(-1)!.split(" ").map(Number) as [
		number,
		number,
		number,
		number,
	];
	return { seconds: elapsed, cpu: user + system, memory: kilobytes * 1024 };
}

function median(values: readonly number[]): number {
	return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}

function report(shape: Shape, names: readonly string[], rounds: readonly (readonly Measure[])[]): void {
	const relocations = shape.objects * shape.functions * shape.calls;
	const column = (i: number, of: (measure: Measure, round: readonly Measure[]) => number) =>
		median(rounds.map((round) => of(round[i]!, round)));
	console.log("| linker | seconds | CPU seconds | relocations/s | time / ld | CPU / ld | peak MB | memory / ld |");
	console.log("|---|---|---|---|---|---|---|---|");
	for (const [i, name] of names.entries()) {
		const seconds = column(i, (measure) => measure.seconds);
		const cells = [
			seconds.toFixed(2),
			column(i, (measure) => measure.cpu).toFixed(2),
			`${(relocations / seconds / 1e6).toFixed(2)} M`,
			column(i, (measure, round) => measure.seconds / round[0]!.seconds).toFixed(2),
			column(i, (measure, round) => measure.cpu / round[0]!.cpu).toFixed(2),
			(column(i, ({ memory }) => memory) / 2 ** 20).toFixed(0),
			column(i, (measure, round) => measure.memory / round[0]!.memory).toFixed(2),
		];
		console.log(`| ${[name, ...cells].join(" | ")} |`);
	}
}

/** Collecting, in this process: objects of the same shape whose every call is a static one. */
function collecting(shape: Shape, rounds: number): string {
	const objects = [...plans(shape)].map((plan, o) => toyObject(`o${o}.o`, plan, "__SCT__"));
	const times = Array.from({ length: rounds }, () => {
		const start = performance.now();
		for (const object of objects) collectSites(object);
		return (performance.now() - start) / 1000;
	});
	const sites = shape.objects * shape.functions * shape.calls;
	return `Collecting ${sites} sites: ${median(times).toFixed(2)} s, ${(sites / median(times) / 1e6).toFixed(2)} M relocations/s.`;
}

const { values } = parseArgs({
	options: {
		objects: { type: "string", default: "1000" },
		functions: { type: "string", default: "200" },
		calls: { type: "string", default: "5" },
		rounds: { type: "string", default: "9" },
	},
});
const shape = { objects: Number(values.objects), functions: Number(values.functions), calls: Number(values.calls) };
const rounds = Number(values.rounds);
const all = linkers(prepare(shape));
for (const each of all) measure(each);
const measured = Array.from({ length: rounds }, () => all.map(measure));
console.log(`${cpus().length} × ${cpus()[0]?.model}, Node ${process.version}, medians of ${rounds} rounds\n`);
report(
	shape,
	all.map(({ name }) => name),
	measured,
);
console.log(`\n${collecting(shape, Math.min(rounds, 5))}`);
