// Makes machines, and copies them.

import { ArgumentError, requireCount } from "../../linker/errors.ts";
import { SimulatedCore } from "./core.ts";
import { reindexHistories } from "./histories.ts";
import { Cpu, Global, layoutOf, MOST_PATCHERS, Status } from "./layout.ts";
import { reindexEntries } from "./page-entry.ts";
import { type Machine, type MachineConfig, PAGE, setCpu } from "./state.ts";

/** How many rows the tables of a machine have at most. */
const MOST_ROWS = 2 ** 24;

/** A machine with zeroed memory, nothing mapped and every CPU halted. @throws ArgumentError when one cannot be so large */
export function createMachine(config: MachineConfig): Machine {
	requireCount("CPUs", config.cpus, 1, 256);
	requireCount("patchers", config.patchers, 0, MOST_PATCHERS);
	requireCount("values", config.values, 2, 255);
	requireCount("bytes of memory", config.memory);
	for (const name of ["entries", "histories", "stores"] as const) requireCount(name, config[name], 0, MOST_ROWS);
	if (config.memory % PAGE !== 0)
		throw new ArgumentError(`${config.memory} bytes of memory: not a multiple of ${PAGE}`);
	const layout = layoutOf(config, config.model.buffer !== undefined, config.model.queue);
	requireCount("bytes of a machine", layout.bytes);
	const buffer = new ArrayBuffer(layout.bytes);
	const cores: SimulatedCore[] = [];
	const machine: Machine = {
		config,
		layout,
		buffer,
		words: new Int32Array(buffer, 0, layout.bytes >> 2),
		bytes: new Uint8Array(buffer),
		memory: new Uint8Array(buffer, layout.memory, config.memory),
		cores,
		decoded: new Map(),
		entries: new Map(),
		codeFrames: new Map(),
		histories: new Map(),
		oracle: { answers: [], options: [] },
		watch: undefined,
		fetches: undefined,
		instructionTlbs: undefined,
		accesses: undefined,
		written: undefined,
	};
	machine.words[Global.random] = config.seed | 0 || 1;
	for (let id = 0; id < config.cpus; id++) {
		cores.push(new SimulatedCore(machine, id));
		setCpu(machine, id, Cpu.status, Status.halted);
	}
	return machine;
}

/** A machine in the same state, sharing nothing with the first. */
export function copyMachine(machine: Machine): Machine {
	const copy = createMachine(machine.config);
	restore(copy, machine.words);
	return copy;
}

/** Puts a machine into the state that `words` is a copy of. */
export function restore(machine: Machine, words: Int32Array): void {
	requireCount("words of the state", words.length, machine.words.length, machine.words.length);
	machine.words.set(words);
	machine.decoded.clear();
	reindexEntries(machine);
	reindexHistories(machine);
}
