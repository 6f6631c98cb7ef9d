// The simulated machine (`patchbay/machine`): plain-data state, its CPUs, memory and costs.

export { Core } from "./core.ts";
export { Cpu, type Layout, Status } from "./layout.ts";
export { copyMachine, createMachine } from "./machine.ts";
export {
	type Access,
	mapPages,
	type Permissions,
	readVirtual,
	translate,
	translateIn,
	unmapPages,
	writePhysical,
} from "./memory.ts";
export { type CostProfile, TICKS_PER_CYCLE, ticksToCycles } from "./profile.ts";
export { profiles } from "./profiles/index.ts";
export { advance, type Choice, choices, Interrupt, interruptible, take } from "./run.ts";
export { addCounter, getCounter, getCpu, type Machine, type MachineConfig, PAGE, setCpu, takeFrames } from "./state.ts";
