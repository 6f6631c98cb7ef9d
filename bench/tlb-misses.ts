// Instruction-TLB misses of a program with 200 modules, whose text lies on 2 MiB pages or on 4 KiB ones. One run counts
// both: what differs is only how the TLBs are told of pages.

import { readdirSync, readFileSync } from "node:fs";
import { compile } from "../linker/compile/index.ts";
import type { ElfObject, Segment } from "../linker/elf/index.ts";
import { link } from "../linker/link/index.ts";
import { openExecmem } from "../runtime/execmem/open-execmem.ts";
import { entryNamed, load, start } from "../runtime/load.ts";
import {
	Cpu,
	getCounter,
	type InstructionTlb,
	LARGE_PAGE,
	type Machine,
	observeFetches,
	PAGE,
	profiles,
	tlbShapes,
} from "../runtime/machine/index.ts";
import { extentOf } from "../runtime/machine/page-table.ts";
import { createModules, loadModule } from "../runtime/module/index.ts";
import { breakpoint, createSystem, type RunEnd, run, type System } from "../runtime/patch/index.ts";

const MODULES = 200;
const PACKETS = 200;
/** How many cycles each of the fixtures runs, in turn. */
const CYCLES = 40_000;

export interface TlbRow {
	readonly workload: string;
	readonly shape: string;
	/** KiB. */
	readonly text: number;
	/** Pages of text that were fetched from, as 4 KiB and as they are mapped. */
	readonly pages: readonly [small: number, mapped: number];
	/** Per thousand instructions. */
	readonly misses: readonly [small: number, mapped: number];
}

/** The fixture programs as modules, each on a thread of its own; the threads take turns on one processor. */
export function fixturesInTurn(): TlbRow[] {
	const sources = fixtureSources();
	const modules = Array.from({ length: MODULES }, (_, i) => {
		const { file, source } = sources[i % sources.length]!;
		return compiled(`${i}-${file}`, privately(source).replace("function main(", `export function run_${i}(`));
	});
	const system = loaded("export function main() {}", modules, MODULES);
	for (let i = 0; i < MODULES; i++) start(system.machine, i, entryNamed(system.image, `run_${i}`));
	return measured("fixtures, taking turns", system, true, () => run(system, { cycles: CYCLES }));
}

/** Packets that go through a chain of filters, each a module of its own. */
export function packetsThroughFilters(): TlbRow[] {
	const filters = Array.from({ length: MODULES }, (_, i) => compiled(`filter${i}.js`, filterSource(i)));
	const calls = filters.map((_, i) => `x = filter_${i}(x);`).join("\n");
	const imports = filters.map((_, i) => `import { filter_${i} } from "./filter${i}.js";`).join("\n");
	const chain = `${imports}\nexport function chain() { for (let p = 0; p < ${PACKETS}; p++) { let x = p; ${calls} } }`;
	const driver = compile(chain, {
		file: "chain.js",
		resolve: (name) => ({ file: name, source: filterSource(Number(/\d+/.exec(name)![0])) }),
	});
	const system = loaded("export function main() {}", [...filters, driver], 1);
	start(system.machine, 0, entryNamed(system.image, "chain"));
	return measured("packets through 200 filters", system, false, () => run(system));
}

function fixtureSources(): { file: string; source: string }[] {
	const folder = "fixtures/programs";
	const files = readdirSync(folder).filter((file) => file.endsWith(".js"));
	return files.map((file) => ({ file, source: readFileSync(`${folder}/${file}`, "utf8") }));
}

/** Without exports, so that many can be in one program, and without init text, which is gone before their `main` runs. */
function privately(source: string): string {
	return source.replace(/^export (?=function|const|let)/gm, "").replace(/^\s*"init";$/gm, "");
}

/** Thirty-six functions, of which a packet meets four, as a small driver has them. */
function filterSource(i: number): string {
	const check = (f: number): string => `function check_${f}(x, y) {
	const a = (x ^ (y << ${1 + (f % 7)})) & 0xffff;
	const b = (x & ${(i * 37 + f * 11) & 1023}) | 0;
	if (((a + b) & 3) === ${f & 3}) return (a ^ b) & 0xffff;
	if (a > b) return (a - b) & 0xffff;
	return ((a << 1) ^ (b >> 2) ^ ${f}) & 0xffff;
}`;
	const checks = Array.from({ length: 36 }, (_, f) => check(f)).join("\n");
	const used = [0, 11, 23, 35].map((f) => `y = check_${f}(x, y);`).join(" ");
	return `${checks}\nexport function filter_${i}(x) { let y = x & 0xffff; ${used} return y; }`;
}

function compiled(file: string, source: string): ElfObject {
	return compile(source, { file });
}

function loaded(program: string, objects: readonly ElfObject[], cpus: number): System {
	const image = link([compiled("program.js", program)], { name: "program" });
	const profile = profiles.find(({ name }) => name === "in-order")!;
	const machine = load(image, { profile, cpus, started: false, stack: 4 * PAGE, spare: 16 * (LARGE_PAGE / PAGE) });
	const system = createSystem(machine, image, breakpoint);
	const modules = createModules(openExecmem(system));
	for (const object of objects) {
		const module = loadModule(modules, [object]);
		if (!("name" in module)) throw new Error(JSON.stringify(module));
	}
	return system;
}

function measured(workload: string, system: System, together: boolean, work: () => RunEnd): TlbRow[] {
	const { machine } = system;
	const tlbs = tlbShapes.map((shape) =>
		(["small", "as mapped"] as const).map((pages) => observeFetches(machine, shape, pages, together)),
	);
	const end = work();
	if (end.kind !== "halted" && end.kind !== "limit") throw new Error(JSON.stringify(end));
	const executed = machine.cores.reduce((sum, { id }) => sum + getCounter(machine, id, Cpu.instructions), 0);
	const perThousand = ({ counts }: InstructionTlb): number => (1000 * counts.misses) / executed;
	const text = system.image.segments.filter(({ executable }) => executable);
	const bytes = text.reduce((sum, { memorySize }) => sum + memorySize, 0);
	return tlbs.map(([small, mapped]) => ({
		workload,
		shape: small!.shape.name,
		text: bytes / 1024,
		pages: [pagesOf(text, () => PAGE), pagesOf(text, (address) => pageAt(machine, address))],
		misses: [perThousand(small!), perThousand(mapped!)],
	}));
}

function pageAt(machine: Machine, address: number): number {
	return extentOf(machine, 0, address)!.bytes;
}

/** Different pages that hold text. */
function pagesOf(text: readonly Segment[], size: (address: number) => number): number {
	const pages = new Set<number>();
	for (const { address, memorySize } of text)
		for (let at = address - (address % size(address)); at < address + memorySize; at += size(address)) pages.add(at);
	return pages.size;
}
