// `patchbay execmem`: executable memory beside a program, in numbers.

import { percent } from "../../linker/percent.ts";
import { type ExecmemStats, type PoolStats, statsOf } from "../../runtime/execmem/stats.ts";
import { type BuildOptions, declareBuildOptions, loadImage } from "../build/build.ts";
import { type CpuOptions, declareCpuOptions } from "../run/cpus.ts";
import { declareExecmemOptions, type ExecmemChoice, openMemory } from "../run/execmem-options.ts";
import { type Command, ExitCode, writeJson } from "../shell/command.ts";
import { type Column, count, plural, table } from "../shell/table.ts";

interface Options extends BuildOptions, CpuOptions, ExecmemChoice {}

export const execmem: Command<Options> = {
	name: "execmem",
	operands: "<files...>",
	brief: "Say how executable memory beside a program is used: pages, holes, TLB entries, shootdowns.",
	examples: [
		["execmem pick.js --allocate text=3000*500 --allocate data=2000*500", "a thousand pieces"],
		["execmem pick.js --allocate text=3000*99 --allocate initText=900*99 --free initText", "and holes between them"],
	],
	declare(line) {
		declareExecmemOptions(line);
		declareBuildOptions(line);
		declareCpuOptions(line);
	},
	async run(terminal, files, options) {
		const { system, allocator, counts } = await openMemory(await loadImage(files, options), options);
		const stats = statsOf(system, allocator, counts);
		if (options.json) await writeJson(terminal, "patchbay/execmem@1", stats);
		else await terminal.write(`${textOf(stats).join("\n")}\n`);
		return ExitCode.ok;
	},
};

const columns: readonly Column<PoolStats>[] = [
	{ title: "pool", text: ({ pool }) => pool },
	{ title: "pieces", align: "right", text: ({ pieces }) => count(pieces) },
	{ title: "bytes", align: "right", text: ({ bytes }) => count(bytes) },
	{ title: "open", align: "right", text: ({ backed }) => count(backed) },
	{ title: "in use", align: "right", text: ({ utilization }) => percent(utilization) },
	{ title: "largest hole", align: "right", text: ({ largestFree }) => count(largestFree) },
	{ title: "broken up", align: "right", text: ({ fragmentation }) => percent(fragmentation) },
];

function textOf({ pools, counts, largePages, tlb, shootdowns, freed, calls }: ExecmemStats): string[] {
	return [
		...table(
			columns,
			pools.filter(({ backed }) => backed > 0),
		),
		"",
		`pieces       ${count(counts.allocations)} allocated, ${count(counts.reused)} of them where earlier ones lay, ${count(counts.releases)} freed`,
		`areas        ${count(counts.opened)} opened, ${count(counts.closed)} closed`,
		`large pages  ${count(largePages.kept)} whole, ${count(largePages.split)} split`,
		`TLB entries  ${count(tlb.mapped)} for all code; ${count(tlb.small)} if all pages were small`,
		`shootdowns   ${count(shootdowns)} for ${plural(freed, "free")}`,
		`far calls    ${count(calls.far)} of ${count(calls.calls)} of modules, through ${plural(calls.thunks, "thunk")}`,
	];
}
