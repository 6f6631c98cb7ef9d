// Runs a program away from the page, on a tape: every answer is what the machine is like at one step of it.

import { compile, LinkError, problemOf } from "../../linker/compile/index.ts";
import { decode, disassemble } from "../../linker/isa/index.ts";
import { type CodeRow, type Image, link, placeOf, rowsOf } from "../../linker/link/index.ts";
import {
	Cpu,
	fetchPolicies,
	getCounter,
	getCpu,
	models,
	profiles,
	readVirtual,
	Status,
	TICKS_PER_CYCLE,
	views,
} from "../../runtime/machine/index.ts";
import {
	countChanged,
	createSystem,
	describePatcher,
	type Happening,
	load,
	phaseText,
	protocols,
	query,
	record,
	type System,
	staticCalls,
	type Tape,
} from "../../runtime/patch/index.ts";
import type {
	Asked,
	Go,
	Happened,
	Opened,
	Program,
	RunQuestion,
	RunView,
	SiteInfo,
	SiteStory,
	TargetInfo,
} from "./question.ts";

/** Rows of machine code that are shown, and of a loom. */
const MOST_CODE = 1200;
const MOST_ROWS = 40;
/** Bytes that a program may take: a link may bring any. */
const MOST_MEMORY = 4 * 2 ** 20;
/** Steps between two looks at what else is asked. */
const SLICE = 400_000;

interface Open {
	readonly tape: Tape;
	readonly image: Image;
	readonly rows: readonly CodeRow[];
	readonly sites: readonly SiteInfo[];
	readonly initial: readonly Uint8Array[];
}

type Numbered = RunQuestion & { readonly id: number };

let open: Open | undefined;
/** Ways that were asked for before this question end where they are: nobody can see any more where they would have ended. */
let cutBefore = 0;
let before: Promise<void> = Promise.resolve();

// Questions are answered one after the other, so that three steps back are three steps, however fast they were asked for.
export function receive(data: Numbered): void {
	if (makesEarlierVain(data)) cutBefore = data.id;
	before = before.then(() => respond(data));
}

/** Whether all that was asked for before may as well be left where it is: a place is reached from anywhere. */
function makesEarlierVain(question: RunQuestion): boolean {
	return "open" in question || "standAt" in question || "stop" in question || ("go" in question && "to" in question.go);
}

async function respond(question: Numbered): Promise<void> {
	const { id } = question;
	try {
		postMessage({ id, result: await answer(question) });
	} catch (error) {
		const problem = problemOf(error);
		if (problem === undefined) postMessage({ id, failed: String(error) });
		else postMessage({ id, result: { problem } });
	}
}

async function answer(question: Numbered): Promise<object> {
	if ("standAt" in question) {
		const { standOn } = await import("./stand-on.ts");
		const { row, at } = question.standAt;
		const { system, chosen, places, source, verdict } = standOn(question.standAt.question);
		open = standing(record(system, { chosen }));
		await goTo(open.tape, row === undefined ? at : (places[row] ?? at), question.id);
		return { sites: open.sites, keys: [], view: viewOf(open), source, verdict } satisfies Opened;
	}
	if ("open" in question) {
		open = begin(question.open);
		await goTo(open.tape, question.at, question.id);
		return { sites: open.sites, keys: open.image.keys.map(({ name }) => name), view: viewOf(open) } satisfies Opened;
	}
	if (open === undefined) throw new Error("nothing is open");
	if ("plan" in question) return targetsOf(open, question.plan);
	if ("go" in question) await go(open, question.go, question.id);
	return viewOf(open);
}

function begin({ source, name, protocol, model, fetch, cpus, seed, asked }: Program): Open {
	const image = link([compile(source, { file: name })], { name });
	const size = image.segments.reduce((sum, { memorySize }) => sum + memorySize, 0);
	if (size > MOST_MEMORY) throw new LinkError(`${name}: wants ${size} bytes; the page gives ${MOST_MEMORY}`);
	const machine = load(image, {
		profile: profiles[0]!,
		model: models.find((one) => one.name === model) ?? models[0]!,
		fetch: fetchPolicies.find((one) => one === fetch) ?? "fresh",
		cpus,
		seed,
		stack: 64 * 1024,
		histories: 256,
	});
	const system = createSystem(machine, image, protocols.find((one) => one.name === protocol) ?? protocols[0]!, {
		trace: true,
	});
	const sites = image.sites.map(({ address, key, length }) => ({
		address,
		length,
		place: placeOf(image, address),
		key: image.keys[key]!.name,
		line: image.lines.at(address)?.line,
	}));
	const initial = sites.map(({ address, length }) => readVirtual(machine, 0, address, length) ?? new Uint8Array());
	const chosen = asked.map(({ at, key, to }) => ({ at, ask: { [key]: to } }));
	return { tape: record(system, { chosen }), image, rows: rowsOf(image, MOST_CODE), sites, initial };
}

/** A run whose sites are those of its plans: an assembled program has no table of them. */
function standing(tape: Tape): Open {
	const { machine, image, plans } = tape.system;
	const edits = plans.flatMap(({ edits }) => edits);
	const once = edits.filter(({ address }, i) => edits.findIndex((one) => one.address === address) === i);
	const sites = once.map(({ address, old }) => ({
		address,
		length: old.length,
		place: placeOf(image, address),
		key: image.symbols.find((one) => one.address === address && one.name !== "")?.name ?? placeOf(image, address),
		line: image.lines.at(address)?.line,
	}));
	const initial = sites.map(({ address, length }) => readVirtual(machine, 0, address, length) ?? new Uint8Array());
	return { tape, image, rows: rowsOf(image, MOST_CODE), sites, initial };
}

async function go({ tape }: Open, how: Go, id: number): Promise<void> {
	if ("to" in how) return goTo(tape, how.to, id);
	if ("by" in how) return goTo(tape, Math.max(0, tape.at + how.by), id);
	if ("ask" in how) {
		tape.ask({ [how.ask.key]: how.ask.to });
		return;
	}
	const { system } = tape;
	const before = system.events?.length ?? 0;
	const phase = phaseOf(lastStep(system));
	const isThere = (): boolean => {
		if ("here" in how) return isAt(system, how.here);
		const news = system.events!.slice(before);
		switch (how.until) {
			case "print":
				return news.some(({ what }) => what === "print");
			case "trap":
				return news.some(({ what }) => what === "trap" || what === "fault");
			case "patch":
				return news.some(({ patcher }) => patcher !== undefined);
			case "phase":
				return news.some((one) => one.what === "end" || (one.what === "step" && phaseOf(one) !== phase));
			case "cpu":
				return false;
		}
	};
	if ("until" in how && how.until === "cpu") {
		const cpu = how.cpu ?? 0;
		const count = getCounter(system.machine, cpu, Cpu.instructions);
		tape.until(({ machine }) => getCounter(machine, cpu, Cpu.instructions) !== count, SLICE);
		return;
	}
	while (!tape.until(isThere, SLICE) && tape.end === undefined) {
		postMessage({ id, progress: { at: tape.at } });
		await new Promise((resume) => setTimeout(resume));
		if (id < cutBefore) return;
	}
}

/** Whether a CPU that runs is about to execute the instruction at an address. */
function isAt({ machine }: System, address: number): boolean {
	return machine.cores.some(
		({ id }) => getCpu(machine, id, Cpu.status) === Status.running && getCpu(machine, id, Cpu.pc) >>> 0 === address,
	);
}

async function goTo(tape: Tape, to: number, id: number): Promise<void> {
	if (to <= tape.at) {
		tape.goto(to);
		return;
	}
	while (tape.at < to) {
		if (tape.goto(Math.min(to, tape.at + SLICE)) !== undefined) return;
		postMessage({ id, progress: { at: tape.at } });
		await new Promise((resume) => setTimeout(resume));
		if (id < cutBefore) return;
	}
}

function lastStep({ events }: System): Happening | undefined {
	return events?.findLast(({ patcher }) => patcher !== undefined);
}

function phaseOf(event: Happening | undefined): string | undefined {
	return event?.phase && phaseText(event.phase);
}

function targetsOf({ tape, image }: Open, key: string): TargetInfo[] {
	if (!image.keys.some(({ name }) => name === key)) return [];
	const calls = staticCalls(tape.system).get(key);
	const functions = image.symbols.filter(({ type, name }) => type === 2 && !name.startsWith("__"));
	return functions.map(({ name }) => {
		const plan = calls.plan(name);
		return { name, plan: "refused" in plan ? plan : { ...countChanged(image, plan.sites), syncs: plan.syncs } };
	});
}

function viewOf(all: Open): RunView {
	const { tape, image, rows, sites } = all;
	const { system } = tape;
	const { machine, events = [] } = system;
	const turn = tape.next();
	const sited = new Map(sites.map(({ address }, i) => [address, i]));
	const symbolize = (address: number): string | undefined => image.symbolize(address);
	return {
		at: tape.at,
		length: tape.length,
		end: tape.at === tape.length && tape.end !== undefined ? endText(tape, image) : undefined,
		next: turn && (turn.kind === "queue" ? "an update begins" : `${turn.kind}${turn.index}`),
		cpus: machine.cores.map(({ id, r }) => {
			const pc = getCpu(machine, id, Cpu.pc) >>> 0;
			return {
				status: Object.entries(Status).find(([, value]) => value === getCpu(machine, id, Cpu.status))?.[0] ?? "",
				pc,
				place: image.symbolize(pc) ?? "outside of the program",
				line: image.lines.at(pc)?.line,
				registers: [...r],
				clock: getCounter(machine, id, Cpu.clock) / TICKS_PER_CYCLE,
				instructions: getCounter(machine, id, Cpu.instructions),
				masked: getCpu(machine, id, Cpu.masked) !== 0,
				pending: getCpu(machine, id, Cpu.pending) !== 0,
			};
		}),
		code: rows.map(({ address, length, label }) => {
			const bytes = readVirtual(machine, 0, address, length) ?? new Uint8Array();
			const instruction = decode(bytes, 0);
			return {
				address,
				label,
				bytes: [...bytes],
				text: instruction === undefined ? "" : disassemble(instruction, address, symbolize),
				site: sited.get(address),
				line: image.lines.at(address)?.line,
			};
		}),
		calls: image.keys.map(({ name }) => query(system, name)),
		stories: sites.map((_, i) => storyOf(all, i)),
		output: system.output.slice(-200),
		last: events.length === 0 ? undefined : happened(events.at(-1)!),
		happened: events.length,
		patching: describePatcher(system),
		asked: tape.chosen.flatMap((one): Asked[] =>
			"ask" in one ? Object.entries(one.ask).map(([key, to]) => ({ at: one.at, key, to: String(to) })) : [],
		),
		cycles: Math.max(...machine.cores.map(({ id }) => getCounter(machine, id, Cpu.clock))) / TICKS_PER_CYCLE,
	};
}

function endText({ end }: Tape, image: Image): string {
	if (end === undefined) return "";
	if (end.kind === "trapped") return `cpu${end.cpu} trapped at ${placeOf(image, end.pc)}`;
	return end.kind === "refused" ? `the update was refused: ${end.why}` : end.kind;
}

function happened(event: Happening): Happened {
	const { patcher, cpu, what, detail, clock } = event;
	const text = what === "step" || detail === "" ? detail || what : `${what} ${detail}`;
	const who = patcher === undefined ? `cpu${cpu}` : `patcher${patcher}`;
	return { who, text, phase: phaseOf(event), clock: clock / TICKS_PER_CYCLE };
}

/** The events that have to do with a site, and what its bytes were after each. */
function storyOf({ tape, sites, initial }: Open, index: number): SiteStory {
	const { machine, events = [], plans } = tape.system;
	const { address, length } = sites[index]!;
	const bytes = Uint8Array.from(initial[index]!);
	const rows: Happened[] = [];
	const memory = [[...bytes]];
	const firsts: number[] = [];
	for (const event of events) {
		const { step } = event;
		const isHere = event.address === address;
		const touches =
			step?.kind === "store" && step.address < address + length && step.address + step.bytes.length > address;
		const orders = step !== undefined && ["interrupt", "await", "arm", "disarm", "release"].includes(step.kind);
		if (!isHere && !touches && !orders && event.what !== "interrupt") continue;
		if (touches)
			for (const [i, byte] of step.bytes.entries())
				if (step.address + i - address in bytes) bytes[step.address + i - address] = byte;
		if (event.what === "first") firsts.push(rows.length);
		rows.push(happened(event));
		memory.push([...bytes]);
	}
	const edit = plans.flatMap(({ edits }) => edits).findLast((one) => one.address === address);
	const cut = Math.max(0, rows.length - MOST_ROWS);
	return {
		old: edit === undefined ? [...initial[index]!] : [...edit.old],
		new: edit === undefined ? [...initial[index]!] : [...edit.bytes],
		rows: rows.slice(cut),
		memory: memory.slice(cut),
		firsts: firsts.filter((row) => row >= cut).map((row) => row - cut),
		seen: machine.cores.map(({ id }) => views(machine, id, address, length).map(({ values }) => [...values])),
	};
}
