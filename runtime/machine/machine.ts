// Makes machines, and copies them.

import { ArgumentError } from "../../linker/errors.ts";
import { SimulatedCore } from "./core.ts";
import { reindexHistories } from "./histories.ts";
import { Cpu, Global, layoutOf, MOST_PATCHERS, Status } from "./layout.ts";
import { reindexEntries } from "./memory.ts";
import { type Machine, type MachineConfig, PAGE, setCpu } from "./state.ts";

/** A machine with zeroed memory, nothing mapped and every CPU halted. */
export function createMachine(config: MachineConfig): Machine {
	if (config.cpus < 1 || config.cpus > 256) throw new ArgumentError(`${config.cpus} CPUs: 1 to 256 are supported`);
	if (config.patchers > MOST_PATCHERS)
		throw new ArgumentError(`${config.patchers} patchers: at most ${MOST_PATCHERS} are supported`);
	if (config.values < 2 || config.values > 255)
		throw new ArgumentError(`${config.values} values: 2 to 255 are supported`);
	if (config.memory % PAGE !== 0)
		throw new ArgumentError(`${config.memory} bytes of memory: not a multiple of ${PAGE}`);
	const layout = layoutOf(config, config.model.buffer !== undefined, config.model.queue);
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
	machine.words.set(words);
	machine.decoded.clear();
	reindexEntries(machine);
	reindexHistories(machine);
}
