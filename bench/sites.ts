// Times listing and collecting a million call sites, as whole processes beside readelf, objdump, objtool and an ELF parser
// from npm on the same object: `npm run bench:sites`. All take turns; the table has medians of a process's wall clock, of
// its processor time and of its memory, and the ratio to readelf's processor time within each turn. `-- --sections` instead
// retargets objects of 5,000, 10,000 and 20,000 sections with a call each, where the time per section must not grow.

import { spawnSync } from "node:child_process";
import { closeSync, copyFileSync, existsSync, mkdirSync, openSync, writeFileSync, writeSync } from "node:fs";
import { createRequire } from "node:module";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const FUNCTIONS = 64;
const objtool = "/usr/lib/linux-kbuild-6.1/tools/objtool/objtool";

/** Assembly with `calls` calls, ten to a function, of 64 functions elsewhere: each is a static call's trampoline. */
function* program(calls: number): Generator<string> {
	let seed = 12345;
	const below = (n: number): number => {
		seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
		return (seed >>> 8) % n;
	};
	yield "\t.text\n";
	for (let left = calls, f = 0; left > 0; f++) {
		const lines = [`\t.globl fn_${f}\n\t.type fn_${f},@function\nfn_${f}:\n\tpushq %rbx\n\tmovl %edi,%ebx\n`];
		for (let i = 0; i < 10 && left > 0; i++, left--)
			lines.push(`\tleal ${below(100)}(%rbx),%edi\n\tcall __SCT__ext_${below(FUNCTIONS)}\n\taddl %eax,%ebx\n`);
		yield `${lines.join("")}\tleal 1(%rbx),%eax\n\tpopq %rbx\n\tret\n\t.size fn_${f},.-fn_${f}\n`;
	}
	const keys = Array.from({ length: FUNCTIONS }, (_, i) => `\t.quad __SCK__ext_${i}\n`);
	yield `\t.section .discard.addressable,"aw"\n${keys.join("")}\t.section .note.GNU-stack,"",@progbits\n`;
}

/** Makes the object unless an earlier run has. */
function prepare(calls: number): string {
	const folder = join(tmpdir(), `patchbay-sites-${calls}`);
	mkdirSync(folder, { recursive: true });
	const object = join(folder, "calls.o");
	if (existsSync(object)) return folder;
	const source = openSync(join(folder, "calls.s"), "w");
	for (const text of program(calls)) writeSync(source, text);
	closeSync(source);
	const { status } = spawnSync("as", [join(folder, "calls.s"), "-o", object], { stdio: "inherit" });
	if (status !== 0) throw new Error("as failed");
	return folder;
}

interface Contender {
	readonly name: string;
	readonly command: readonly string[];
	/** Made anew before each run. */
	readonly copy?: readonly [from: string, to: string];
	/** What it writes reaches the disk before the next one is timed. */
	readonly writes?: boolean;
}

function contenders(folder: string): Contender[] {
	const object = join(folder, "calls.o");
	const patchbay = [process.execPath, fileURLToPath(new URL("../../dist/cli/main.cjs", import.meta.url))];
	const copy = join(folder, "objtool.o");
	const parser = elfinfo(folder);
	const collected = join(folder, "collected.o");
	return [
		{ name: "readelf -rW", command: ["readelf", "-rW", object] },
		{ name: "objdump -dr", command: ["objdump", "-dr", object] },
		...(parser === undefined ? [] : [{ name: "elfinfo (npm)", command: [process.execPath, parser, object] }]),
		{ name: "node, nothing", command: [process.execPath, "-e", "0"] },
		{ name: "sites --summary", command: [...patchbay, "sites", "--summary", object] },
		{ name: "sites", command: [...patchbay, "sites", object] },
		{ name: "sites --json-lines", command: [...patchbay, "sites", "--json-lines", object] },
		{ name: "collect", command: [...patchbay, "collect", object, "-o", collected], writes: true },
		...(existsSync(objtool)
			? [
					{
						name: "objtool --static-call",
						command: [objtool, "--static-call", copy],
						copy: [object, copy] as const,
						writes: true,
					},
				]
			: []),
	];
}

/** A program that reads a file with elfinfo, if that is installed here: `npm install --no-save elfinfo`. */
function elfinfo(folder: string): string | undefined {
	try {
		const path = createRequire(join(process.cwd(), "package.json")).resolve("elfinfo");
		const program = join(folder, "elfinfo.cjs");
		writeFileSync(
			program,
			`const { open } = require(${JSON.stringify(path)});\nopen(require("fs").readFileSync(process.argv[2])).then(({ success }) => process.exit(success ? 0 : 1));\n`,
		);
		return program;
	} catch {
		console.error("elfinfo is not installed (npm install --no-save elfinfo): left out");
		return undefined;
	}
}

interface Measure {
	readonly wall: number;
	readonly cpu: number;
	readonly megabytes: number;
}

/** What `time` says of a process whose output goes nowhere. */
function measure({ name, command, copy, writes }: Contender): Measure {
	if (copy !== undefined) copyFileSync(...copy);
	const { stderr, status } = spawnSync("time", ["-f", "\n@ %e %U %S %M", ...command], {
		stdio: ["ignore", "ignore", "pipe"],
		encoding: "utf8",
		maxBuffer: 2 ** 28,
	});
	const [, wall, user, system, kilobytes] = /@ (\S+) (\S+) (\S+) (\d+)\s*$/.exec(stderr) ?? [];
	if (status !== 0 || kilobytes === undefined) throw new Error(`${name} failed: ${stderr}`);
	if (writes) spawnSync("sync");
	return { wall: Number(wall), cpu: Number(user) + Number(system), megabytes: Number(kilobytes) / 1024 };
}

function median(values: readonly number[]): number {
	return [...values].sort((a, b) => a - b)[values.length >> 1]!;
}

/** Processor time and memory for objects of twice and twice as many sections, per section too. */
function printSections(rounds: number): void {
	const patchbay = [process.execPath, fileURLToPath(new URL("../../dist/cli/main.cjs", import.meta.url))];
	console.log("| sections | CPU s | CPU µs a section | memory MiB |\n|--:|--:|--:|--:|");
	for (const sections of [5_000, 10_000, 20_000]) {
		const object = join(tmpdir(), `patchbay-sections-${sections}.o`);
		const text = Array.from({ length: sections }, (_, i) => `\t.section .text.f${i},"ax"\n\tcall from\n`).join("");
		if (spawnSync("as", ["-o", object], { input: text }).status !== 0) throw new Error("as failed");
		const command = [...patchbay, "retarget", object, "--set", "from=to", "-o", `${object}.out`];
		const rows = Array.from({ length: rounds }, () => measure({ name: "retarget", command, writes: true }));
		const cpu = median(rows.map((row) => row.cpu));
		const memory = median(rows.map(({ megabytes }) => megabytes));
		const each = (cpu * 1e6) / sections;
		console.log(
			`| ${sections.toLocaleString("en-US")} | ${cpu.toFixed(2)} | ${each.toFixed(0)} | ${memory.toFixed(0)} |`,
		);
	}
}

const { values } = parseArgs({
	options: {
		calls: { type: "string", default: "1000000" },
		rounds: { type: "string", default: "7" },
		sections: { type: "boolean", default: false },
	},
});
if (values.sections) {
	printSections(Number(values.rounds));
	process.exit();
}
const list = contenders(prepare(Number(values.calls)));
const measures = new Map(list.map(({ name }) => [name, [] as Measure[]]));
for (let round = 0; round < Number(values.rounds); round++)
	for (const each of list) measures.get(each.name)!.push(measure(each));
const reference = measures.get("readelf -rW")!;
console.log(
	`${Number(values.calls).toLocaleString("en-US")} call sites, ${values.rounds} rounds, ${cpus()[0]?.model}, Node ${process.versions.node}\n`,
);
console.log("| process | wall s | CPU s | CPU / readelf | wall / readelf | memory MiB |\n|---|--:|--:|--:|--:|--:|");
for (const [name, rows] of measures) {
	const ratio = (key: "cpu" | "wall") => median(rows.map((row, i) => row[key] / reference[i]![key])).toFixed(2);
	const of = (key: keyof Measure, digits: number) => median(rows.map((row) => row[key])).toFixed(digits);
	console.log(
		`| ${name} | ${of("wall", 2)} | ${of("cpu", 2)} | ${ratio("cpu")} | ${ratio("wall")} | ${of("megabytes", 0)} |`,
	);
}
