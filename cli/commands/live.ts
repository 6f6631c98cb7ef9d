// `patchbay live`: what a running process calls, and updates of that from outside.

import { setTimeout } from "node:timers/promises";
import type { Command as CommandLine } from "commander";
import { symbolName } from "../../linker/elf/symbols.ts";
import { hexAddress, hexBytes } from "../../linker/hex.ts";
import type { Change } from "../../linker/retarget/retarget.ts";
import type { Done, Stopping } from "../../native/carry-out.ts";
import type { Entry } from "../../native/entries.ts";
import {
	describeState,
	findEntries,
	type Live,
	type LiveChange,
	lookAt,
	makeChanges,
	openLive,
	planChanges,
	type SeenEntry,
} from "../../native/live.ts";
import type { LivePlan, PlannedSite } from "../../native/plan.ts";
import { isAlive } from "../../native/process.ts";
import { type Command, ExitCode, UsageError, writeJson } from "../shell/command.ts";
import { linkageName, readable } from "../shell/demangle.ts";
import { parseChanges, texts, whole } from "../shell/options.ts";
import { plural, table } from "../shell/table.ts";
import { styled, type Terminal } from "../shell/terminal.ts";

interface Options {
	readonly callsTo?: readonly string[];
	readonly set?: readonly Change[];
	readonly reset?: true;
	readonly dryRun?: true;
	readonly stop?: boolean;
	readonly watch?: number | true;
	readonly interval: number;
}

export const live: Command<Options> = {
	name: "live",
	operands: "<pid>",
	brief: "List what a running x86-64 or AArch64 process calls, and make its calls go to other functions while it runs.",
	examples: [
		["live 4711", "the static calls and keys of a program with native/patchbay.h"],
		["live 4711 --set pick=deadline --set tracing=on", "change them in one update, under the running threads"],
		["live 4711 --calls-to slow", "the calls of any function, and where each goes now"],
		["live 4711 --set 'ns::slow(int)=ns::fast(int)'", "of C++ functions as c++filt writes them, or mangled"],
		["live 4711 --set slow=fast", "make them calls of another"],
		["live 4711 --set trace=null --dry-run", "only say what would change, and how"],
		["live 4711 --set slow=fast --no-stop", "or not at all, should a thread have to stop for it"],
		["live 4711 --reset", "all keys as they were at the start; with --calls-to, the calls of a function"],
		["live 4711 --watch", "a table that follows what others change"],
	],
	declare,
	async run(terminal, [pid], options) {
		checkOptions(options);
		const process = openLive(parsePid(pid!));
		try {
			const { watch, json } = options;
			const { set = [], callsTo = [] } = inLinkersWords(process, options);
			const names = [...new Set([...callsTo, ...set.map(({ from }) => from)])];
			const entries = findEntries(process, names.length > 0 ? names : undefined);
			if (watch !== undefined) return await watchEntries(terminal, process, entries, options);
			const changes = changesOf(entries, { set, ...(options.reset && { reset: true }) });
			if (changes.length > 0) return await update(terminal, process, changes, options);
			const seen = entries.map((entry) => lookAt(process, entry));
			if (json) await writeJson(terminal, "patchbay/live@1", asJson(process, seen));
			else await terminal.write(listing(terminal, process, seen));
			return ExitCode.ok;
		} finally {
			process.close();
		}
	},
};

function declare(line: CommandLine): void {
	line.option("--calls-to <name>", "only this key, or the direct calls of this function; may be repeated", texts);
	line.option(
		"--set <name=other>",
		"make a static call, or the calls of a function, call another, null, ret0 or default; a static key: on, off or default; may be repeated",
		parseChanges,
	);
	line.option("--reset", "make all keys, or those of --calls-to, what they were when the program was loaded");
	line.option("--dry-run", "print the plan and write nothing");
	line.option("--stop", "stop all threads for every update, not only where one store per call does not do");
	line.option("--no-stop", "never stop a thread: refuse what one store per call cannot do");
	line.option("--watch [looks]", "look again and again, until the process ends or so many times", parseLooks);
	line.option("--interval <ms>", "between two looks", parseInterval, 1000);
}

function checkOptions({ set = [], reset, dryRun, watch }: Options): void {
	if (reset && set.length > 0) throw new UsageError("--reset undoes; it goes without --set");
	if (watch !== undefined && (set.length > 0 || reset || dryRun))
		throw new UsageError("--watch only looks; it goes without --set, --reset and --dry-run");
}

function parsePid(text: string): number {
	if (/^[1-9]\d{0,9}$/.test(text)) return Number(text);
	throw new UsageError(`'${text}' is no process number`);
}

const parseLooks = whole("It is a positive number.", 1, 999_999_999);
const parseInterval = whole("It is a number of milliseconds.", 0, 99_999_999);

/** Names of functions that are given as C++ or Rust writes them, by the names that linkers know. */
function inLinkersWords({ objects, process: { name: program } }: Live, { set, callsTo }: Options) {
	const names = function* (): Generator<string> {
		for (const { object } of objects)
			for (let i = 1; i < object.symbols.count; i++) yield symbolName(object.symbols, i);
	};
	const known = (name: string): string => linkageName(names(), name, program);
	return {
		set: set?.map(({ from, to }) => ({ from: known(from), to: known(to) })),
		callsTo: callsTo?.map(known),
	};
}

function changesOf(entries: readonly Entry[], { set = [], reset }: Pick<Options, "set" | "reset">): LiveChange[] {
	if (reset) return entries.map((entry) => ({ entry, to: "default" }));
	return set.map(({ from, to }) => ({ entry: entries.find(({ name }) => name === from)!, to }));
}

async function update(
	terminal: Terminal,
	process: Live,
	changes: readonly LiveChange[],
	{ dryRun, stop, json }: Options & { json?: true },
): Promise<ExitCode> {
	const stopping: Stopping = stop === undefined ? "fitting" : stop ? "always" : "never";
	const done = dryRun ? undefined : makeChanges(process, changes, stopping);
	const plans = done?.plans ?? planChanges(process, changes);
	if (json) await writeJson(terminal, "patchbay/live-update@1", updateJson(process, changes, plans, done));
	else await terminal.write(updateText(terminal, process, changes, plans, done));
	return ExitCode.ok;
}

function programOf({ objects }: Live): string {
	return objects[0]!.object.name;
}

function asJson(process: Live, entries: readonly SeenEntry[]): object {
	return {
		pid: process.process.pid,
		program: programOf(process),
		entries: entries.map((entry) => ({
			name: entry.name,
			by: entry.by,
			key: entry.key === undefined ? null : { kind: entry.key.kind, address: entry.key.address },
			calls: entry.calls ?? null,
			sites: entry.sites.map((site) => ({
				...{ address: site.address, in: site.in, kind: site.kind, object: site.loaded.object.name },
				...{ bytes: hexBytes(site.bytes), state: site.state.kind, calls: describeState(process.symbols, entry, site) },
				fitsOneStore: fits(site),
			})),
			left: entry.left,
		})),
	};
}

/** Whether one store can make it another call, whichever. */
function fits({ architecture, address, bytes, pattern }: SeenEntry["sites"][number]): boolean {
	return architecture.fitsOneStore(address, bytes, pattern);
}

function listing(terminal: Terminal, process: Live, entries: readonly SeenEntry[]): string {
	const title = styled(terminal, "bold", `${process.process.name}: ${programOf(process)}`);
	const none =
		entries.length > 0 ? [] : ["no static calls of native/patchbay.h; --calls-to lists the calls of a function"];
	return `${[title, ...none, ...entries.flatMap((entry) => ["", ...entryText(terminal, process, entry)])].join("\n")}\n`;
}

function entryText(terminal: Terminal, process: Live, entry: SeenEntry): string[] {
	const { sites, left } = entry;
	const rows = table<SeenEntry["sites"][number]>(
		[
			{ title: "place", text: ({ address }) => hexAddress(address) },
			{ title: "in", text: (site) => readable(site.in) },
			{ title: "kind", text: ({ kind }) => kind },
			{ title: "calls", text: (site) => readable(describeState(process.symbols, entry, site)) },
			{ title: "one store", text: (site) => (fits(site) ? "yes" : "no") },
			{ title: "bytes", text: ({ bytes }) => hexBytes(bytes) },
		],
		sites,
	);
	return [styled(terminal, "bold", readable(titleOf(entry))), ...(sites.length > 0 ? rows : []), ...leftText(left)];
}

function titleOf({ name, key, by, sites, left, calls }: SeenEntry): string {
	if (key?.kind === "branch") return `${name}: static key, ${calls}; ${plural(sites.length, "branch", "branches")}`;
	if (key !== undefined) return `${name}: static call of ${calls}; ${plural(sites.length, "call site")}`;
	const found = `${name}: ${plural(sites.length, "call site")}, found by ${by}`;
	if (sites.length === 0 && left.length === 0) return `${found} (inlined?)`;
	if (sites.length === 0 || calls === name) return found;
	const does = calls === "nothing" ? "all do nothing" : `all call ${calls}`;
	return `${found}; ${calls === undefined ? "they do not all do the same" : does}`;
}

function leftText(left: SeenEntry["left"]): string[] {
	return left.map(({ address, in: where, why }) => readable(`stays: ${hexAddress(address)} in ${where}: ${why}`));
}

function updateJson(
	process: Live,
	changes: readonly LiveChange[],
	plans: readonly LivePlan[],
	done: Done | undefined,
): object {
	return {
		pid: process.process.pid,
		program: programOf(process),
		done: done !== undefined,
		stoppedNanoseconds: done?.stopped ?? null,
		changes: changes.map(({ entry, to }, i) => ({
			name: entry.name,
			to,
			sites: plans[i]!.sites.map(({ address, in: where, kind, before, after, fits }) => ({
				...{ address, in: where, kind, before: hexBytes(before), after: hexBytes(after), fitsOneStore: fits },
			})),
			left: plans[i]!.left,
		})),
	};
}

function updateText(
	terminal: Terminal,
	process: Live,
	changes: readonly LiveChange[],
	plans: readonly LivePlan[],
	done: Done | undefined,
): string {
	const lines = changes.flatMap(({ entry, to }, i) => {
		const { sites, left } = plans[i]!;
		const where = plural(
			sites.length,
			entry.key?.kind === "branch" ? "branch" : "call site",
			entry.key?.kind === "branch" ? "branches" : "call sites",
		);
		const what = `${entry.name} → ${to}: ${where} ${done ? "changed" : "to change"}`;
		return [
			styled(terminal, "bold", readable(what)),
			...(done || sites.length === 0 ? [] : plannedText(sites)),
			...leftText(left),
		];
	});
	return `${[...lines, `${process.process.name}: ${howText(plans, done)}`].join("\n")}\n`;
}

function plannedText(sites: readonly PlannedSite[]): string[] {
	return table<PlannedSite>(
		[
			{ title: "place", text: ({ address }) => hexAddress(address) },
			{ title: "in", text: (site) => readable(site.in) },
			{ title: "kind", text: ({ kind }) => kind },
			{ title: "bytes", text: ({ before, after }) => `${hexBytes(before)} → ${hexBytes(after)}` },
			{ title: "", text: ({ fits }) => (fits ? "one store" : "needs a stop") },
		],
		sites,
	);
}

function howText(plans: readonly LivePlan[], done: Done | undefined): string {
	const sites = plans.flatMap((plan) => plan.sites);
	const unfit = sites.filter(({ fits }) => !fits).length;
	if (done === undefined)
		return unfit > 0 ? `${plural(unfit, "call site")} of ${sites.length} would need a stop` : "no stop would be needed";
	if (done.pokes === 0) return "nothing had to change";
	return done.stopped === undefined
		? "no thread was stopped"
		: `all threads were stopped for ${(done.stopped / 1e6).toFixed(2)} ms`;
}

/** Looks until the process ends. On a terminal each look takes the place of the one before. */
async function watchEntries(
	terminal: Terminal,
	process: Live,
	entries: readonly Entry[],
	{ watch, interval, json }: Options & { json?: true },
): Promise<ExitCode> {
	const looks = watch === true ? Number.POSITIVE_INFINITY : watch!;
	for (let look = 0; look < looks && isAlive(process.process); look++) {
		if (look > 0) await setTimeout(interval);
		const seen = entries.map((entry) => lookAt(process, entry));
		if (json) await terminal.write(`${JSON.stringify({ schema: "patchbay/live@1", ...asJson(process, seen) })}\n`);
		else await terminal.write(watchText(terminal, process, seen));
	}
	return ExitCode.ok;
}

function watchText(terminal: Terminal, process: Live, entries: readonly SeenEntry[]): string {
	const rows = entries.flatMap((entry) => {
		const counts = new Map<string, number>();
		for (const site of entry.sites) {
			const calls = describeState(process.symbols, entry, site);
			counts.set(calls, (counts.get(calls) ?? 0) + 1);
		}
		if (counts.size === 0) counts.set(entry.calls ?? "", 0);
		return [...counts].map(([calls, count]) => ({ name: entry.name, key: entry.key && entry.calls, calls, count }));
	});
	const lines = table<(typeof rows)[number]>(
		[
			{ title: "", text: ({ name }) => readable(name) },
			{ title: "key", text: ({ key }) => readable(key ?? "") },
			{ title: "sites do", text: ({ calls }) => readable(calls) },
			{ title: "sites", align: "right", text: ({ count }) => String(count) },
		],
		rows,
	);
	const home = terminal.colour ? "\u001b[H\u001b[2J" : "";
	return `${home}${styled(terminal, "bold", `${process.process.name}: ${programOf(process)}`)}\n${lines.join("\n")}\n`;
}
