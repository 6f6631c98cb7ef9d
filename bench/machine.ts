// `npm run bench:machine [quick]`: simulated instructions per second of processor time (others use the machine too). One
// CPU beside avr8js, the same loops for both, taking turns; then many CPUs, running and idle, and under patching. Each
// program has a process of its own: what ran before changes how V8 compiles what runs next.

import { spawnSync } from "node:child_process";
import { avrInstruction, CPU } from "avr8js";
import type { Image } from "../linker/link/index.ts";
import { entryNamed, load, start } from "../runtime/load.ts";
import { Cpu, getCounter, type Machine, profiles, TICKS_PER_CYCLE } from "../runtime/machine/index.ts";
import { breakpoint, change, createSystem, run } from "../runtime/patch/index.ts";
import { avrPrograms } from "./avr-programs.ts";
import { toyImage } from "./toy-programs.ts";

const [only] = process.argv.slice(2).filter((word) => word !== "quick");
const quick = process.argv.includes("quick");
const ROUNDS = quick ? 3 : 9;
/** Instructions in one measurement, about. */
const INSTRUCTIONS = quick ? 2e6 : 2e7;
/** Interrupts and stores are cheap, so that an update fits between two that are a thousand instructions apart: what is
 * measured is the work for an update, not the time the simulated CPUs lose to it. */
const profile = {
	...profiles.find(({ name }) => name === "in-order")!,
	syncRound: 100,
	syncCpu: 0,
	interrupt: 20,
	poke: 5,
	trap: 20,
};

/** Cycles that an instruction of the mix takes on average. */
const CYCLES_PER_INSTRUCTION = 1.4;

/** Does about `INSTRUCTIONS` instructions. @returns how many exactly */
type Work = () => number;

/** Millions per second of processor time. */
function speed(work: Work): number {
	const before = process.cpuUsage();
	const done = work();
	const { user, system } = process.cpuUsage(before);
	return done / (user + system);
}

function median(values: readonly number[]): number {
	return [...values].sort((a, b) => a - b)[values.length >> 1]!;
}

/** Measures all in turn, `ROUNDS` times, after one round to warm up. */
function measure(works: readonly Work[]): number[][] {
	const rounds: number[][] = [];
	for (let i = 0; i <= ROUNDS; i++) rounds.push(works.map(speed));
	return works.map((_, w) => rounds.slice(1).map((round) => round[w]!));
}

function avrLoop(program: Uint16Array): Work {
	const cpu = new CPU(program, 0x2000);
	return () => {
		for (let i = 0; i < INSTRUCTIONS; i++) {
			avrInstruction(cpu);
			cpu.tick();
		}
		return INSTRUCTIONS;
	};
}

interface Crowd {
	readonly cpus: number;
	/** The others wait for an interrupt instead of running the loop. */
	readonly idle?: boolean;
	/** Instructions of each CPU between two updates of the hook. */
	readonly patchEvery?: number;
}

function toyLoop(image: Image, { cpus, idle = false, patchEvery }: Crowd): Work {
	const system = createSystem(load(image, { profile, cpus }), image, breakpoint);
	const { machine } = system;
	for (let cpu = 1; cpu < cpus; cpu++) start(machine, cpu, entryNamed(image, idle ? "wait" : "main"));
	const running = idle ? 1 : cpus;
	const targets = ["other", "leaf"];
	return () => {
		const before = executed(machine);
		let now = getCounter(machine, 0, Cpu.clock) / TICKS_PER_CYCLE;
		for (let done = 0; done < INSTRUCTIONS; done = executed(machine) - before) {
			const left = (INSTRUCTIONS - done) / running;
			const updates = patchEvery === undefined ? [] : [{ at: now, changes: [change(image, "hook", targets[0]!)] }];
			targets.reverse();
			now += Math.ceil(CYCLES_PER_INSTRUCTION * Math.min(patchEvery ?? left, left));
			run(system, { cycles: now, updates });
		}
		return executed(machine) - before;
	};
}

function executed(machine: Machine): number {
	return machine.cores.reduce((sum, { id }) => sum + getCounter(machine, id, Cpu.instructions), 0);
}

function report(title: string, names: readonly string[], speeds: readonly number[][], beside: readonly number[]): void {
	console.log(title);
	for (const [i, name] of names.entries()) {
		const ratio = median(speeds[i]!.map((one, round) => one / beside[round]!));
		console.log(
			`  ${name.padEnd(34)}${median(speeds[i]!).toFixed(1).padStart(7)} MIPS  ${ratio.toFixed(2).padStart(6)}`,
		);
	}
}

function besideAvr(name: string): void {
	const [ours, theirs] = measure([toyLoop(toyImage(name), { cpus: 1 }), avrLoop(avrPrograms[name]!)]);
	report(`${name}: one CPU; ratio to avr8js`, ["patchbay", "avr8js"], [ours!, theirs!], theirs!);
}

function crowds(): void {
	const image = toyImage("mix");
	const all: Crowd[] = [{ cpus: 1 }];
	for (const cpus of [2, 4, 16]) all.push({ cpus }, { cpus, idle: true });
	for (const cpus of [1, 2, 4, 16]) for (const patchEvery of [100_000, 10_000, 1000]) all.push({ cpus, patchEvery });
	const speeds = measure(all.map((crowd) => toyLoop(image, crowd)));
	report("mix: many CPUs; ratio to one CPU alone", all.map(describe), speeds, speeds[0]!);
}

function describe({ cpus, idle, patchEvery }: Crowd): string {
	const crowd = idle ? `1 CPU, ${cpus - 1} idle` : `${cpus} ${cpus === 1 ? "CPU" : "CPUs"}`;
	return patchEvery === undefined ? crowd : `${crowd}, patch every ${patchEvery}`;
}

const parts = ["mix", "arithmetic", "memory", "calls", "crowds"];

if (only === "crowds") crowds();
else if (only !== undefined) besideAvr(only);
else
	for (const part of parts) {
		const { status } = spawnSync(process.execPath, [process.argv[1]!, part, ...(quick ? ["quick"] : [])], {
			stdio: "inherit",
		});
		if (status !== 0) process.exitCode = 1;
	}
