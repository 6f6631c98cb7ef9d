// `npm run fuzz -- --minutes 60 --seed 1`: tries recipes until the time, or the number of runs, is over. One thread tries; this
// one watches it, ends it when it hangs or its heap is full, and goes on behind the batch. A finding is written as a small file
// to fuzz/found (or --out), and `npm run fuzz -- --replay FILE` tries it again. Exit code 1 says that something was found.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";
import { repository } from "../tools/repository.ts";
import { type Found, MOST_SECONDS, tryRecipe } from "./batch.ts";
import { begunIn, newNotes, readNote } from "./notes.ts";
import { batchAt } from "./plan.ts";
import { targetNamed, targets } from "./targets/index.ts";
import type { Done, Task } from "./worker.ts";

const { values: options } = parseArgs({
	options: {
		minutes: { type: "string" },
		runs: { type: "string" },
		seed: { type: "string", default: "1" },
		first: { type: "string", default: "0" },
		target: { type: "string", multiple: true },
		out: { type: "string", default: repository("fuzz/found") },
		replay: { type: "string" },
	},
});

/** More processor time than this without an end is a hang. It is more than a recipe may take, which then says so itself. */
const HANGS = 6 * MOST_SECONDS;
/** Seconds by the clock after which a thread that takes no processor time, and has not ended, waits for something that never
 * comes. */
const WAITS = 600;
/** MiB of JavaScript's heap. */
const HEAP = 2048;
const LOOK = 2000;

const number = (name: "minutes" | "runs" | "seed" | "first", fallback: number): number => {
	const value = Number(options[name] ?? fallback);
	if (Number.isNaN(value) || value < 0) throw new Error(`--${name}: ${options[name]} is no number`);
	return value;
};

const counts = new Map<string, { batches: number; runs: number; refused: number; found: number }>();
const began = performance.now();
let runs = 0;
let batches = 0;

function count({ target, tally, found }: Omit<Done, "batch">): void {
	const row = counts.get(target) ?? { batches: 0, runs: 0, refused: 0, found: 0 };
	counts.set(target, row);
	row.batches++;
	row.runs += tally.runs;
	row.refused += tally.refused;
	row.found += found === undefined ? 0 : 1;
	runs += tally.runs;
	batches++;
}

/** Writes a finding down. Two of the same target and seed are one. */
async function record(found: Found): Promise<void> {
	mkdirSync(options.out, { recursive: true });
	const path = join(options.out, `${found.target.replaceAll(/\W+/g, "-")}-${found.seed}.json`);
	writeFileSync(path, `${JSON.stringify(found, null, "\t")}\n`);
	process.stdout.write(`found: ${found.target}: ${found.what.split("\n").slice(0, 4).join("\n")}\n  ${path}\n`);
	try {
		const { name, bytes } = await targetNamed(found.target)!.input(found.recipe as never);
		writeFileSync(`${path.replace(/\.json$/, "")}.${name}`, bytes);
	} catch {
		// The input itself could not be made; the recipe says why.
	}
}

/** One thread's life. @returns the batch that it ended in */
function thread(task: Omit<Task, "notes">, isOver: () => boolean): Promise<number> {
	const notes = newNotes();
	const worker = new Worker(new URL("./worker.js", import.meta.url), {
		workerData: { ...task, notes } satisfies Task,
		resourceLimits: { maxOldGenerationSizeMb: HEAP },
	});
	let last = { begun: -1, time: process.cpuUsage(), clock: performance.now() };
	let current = task.first;
	return new Promise((resolve) => {
		const end = async (found?: Pick<Found, "what">): Promise<void> => {
			clearInterval(looking);
			worker.removeAllListeners();
			await worker.terminate();
			const note = readNote(notes);
			if (found !== undefined) failed(note ?? { batch: current, recipe: null }, found.what);
			resolve(note?.batch ?? current);
		};
		const failed = (note: { batch: number; recipe: unknown }, what: string): void => {
			const { target, seed } = batchAt(targets, task.seed, note.batch, task.only);
			const found: Found = { target: target.name, seed, kind: "time or memory", what, recipe: note.recipe };
			void record(found);
			count({ target: target.name, tally: { runs: 1, refused: 0 }, found });
		};
		const look = (): void => {
			const begun = begunIn(notes);
			if (begun !== last.begun) last = { begun, time: process.cpuUsage(), clock: performance.now() };
			else if (begun > 0) {
				const { user, system } = process.cpuUsage(last.time);
				if ((user + system) / 1e6 > HANGS) void end({ what: `still at it after ${HANGS} s of processor time` });
				else if (performance.now() - last.clock > WAITS * 1000) void end({ what: `still waits after ${WAITS} s` });
			}
		};
		const looking = setInterval(look, LOOK);
		worker.on("message", (done: Done) => {
			current = done.batch;
			count(done);
			if (done.found !== undefined) void record(done.found);
			if (batches % 500 === 0) progress();
			if (isOver()) void end();
		});
		worker.on("error", (error) => void end({ what: `the thread ended: ${error.stack ?? error.message}` }));
	});
}

function progress(): void {
	const minutes = ((performance.now() - began) / 60_000).toFixed(1);
	const found = [...counts.values()].reduce((sum, row) => sum + row.found, 0);
	process.stdout.write(`${minutes} min: ${batches} batches, ${runs} inputs, ${found} findings\n`);
}

async function campaign(): Promise<number> {
	const seed = number("seed", 1);
	const minutes = number("minutes", options.runs === undefined ? 1 : Number.POSITIVE_INFINITY);
	const most = number("runs", Number.POSITIVE_INFINITY);
	let asked = false;
	process.once("SIGINT", () => (asked = true));
	const isOver = (): boolean => asked || runs >= most || performance.now() - began > minutes * 60_000;
	let first = number("first", 0);
	while (!isOver()) first = (await thread({ seed, first, only: options.target }, isOver)) + 1;
	process.stdout.write(`seed ${seed}, batches ${number("first", 0)} to ${first - 1}\n`);
	for (const { name } of targets) {
		const row = counts.get(name);
		if (row === undefined) continue;
		const refused = Math.round((100 * row.refused) / Math.max(1, row.runs));
		process.stdout.write(
			`${name.padEnd(28)} ${String(row.runs).padStart(9)} inputs, ${refused} % refused, ${row.found} findings\n`,
		);
	}
	progress();
	return [...counts.values()].some(({ found }) => found > 0) ? 1 : 0;
}

async function replay(file: string): Promise<number> {
	const { target, recipe } = JSON.parse(readFileSync(file, "utf8")) as Found;
	const one = targetNamed(target);
	if (one === undefined) throw new Error(`there is no target '${target}'`);
	const taken = await tryRecipe(one, recipe);
	process.stdout.write(`nothing is wrong any more; the input is ${taken ? "taken" : "refused"}\n`);
	return 0;
}

for (const name of options.target ?? [])
	if (targetNamed(name) === undefined)
		throw new Error(`no target '${name}'; there are ${targets.map((target) => target.name).join(", ")}`);
process.exitCode = options.replay === undefined ? await campaign() : await replay(options.replay);
