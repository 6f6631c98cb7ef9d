// The simulated machine (`patchbay/machine`): plain-data state, its CPUs, memory, models and costs.

export { observeFetches, tlbShapes } from "./instruction-tlb.ts";
export { type BufferLayout, Cpu, Status } from "./layout.ts";
export { copyMachine, createMachine, restore } from "./machine.ts";
export { readVirtual, writePhysical } from "./memory.ts";
export type { Model } from "./model.ts";
export { modelSchema } from "./model-schema.ts";
export { ideal, models, variants, withStoreBuffer } from "./models/index.ts";
export type { FetchNote, InstructionTlb, Sighting, TlbShape, Watch } from "./observers.ts";
export { type Access, LARGE_PAGE, type Permissions } from "./page-entry.ts";
export { type Mapping, mapPages, mappings, protectPages, translate, unmapPages } from "./page-table.ts";
export { type CostProfile, TICKS_PER_CYCLE, ticksToCycles } from "./profile.ts";
export { profileSchema } from "./profile-schema.ts";
export { profiles } from "./profiles/index.ts";
export { advance, type Choice, choices, flush, Interrupt, interruptible, take } from "./run.ts";
export {
	addCounter,
	BoundReached,
	type FetchPolicy,
	fetchPolicies,
	getCounter,
	getCpu,
	type Machine,
	type MachineConfig,
	PAGE,
	setCpu,
	takeFrames,
} from "./state.ts";
export { type ByteView, type SeenByte, views } from "./views.ts";
export { clean, flushTlb, invalidate, serialize } from "./visibility.ts";
export { sightings, watch } from "./watch.ts";
export { writableAndExecutable } from "./write-xor-execute.ts";
