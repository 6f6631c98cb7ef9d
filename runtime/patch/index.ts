// Patching (`patchbay/patch`): protocols as data, plans, the trap, static calls by name, and `run`.

export { describeStep } from "./perform.ts";
export { plan } from "./plan.ts";
export { arm, disarm, type Part, type Phase, type Protocol, protect, release, sync, write } from "./protocol.ts";
export { breakpoint, early, protocols } from "./protocols/index.ts";
export { applyNow, type RunEnd, type RunLimits, run, type ScheduledUpdate, submit } from "./run.ts";
export {
	type Change,
	change,
	freeInit,
	keyNames,
	planUpdate,
	query,
	type Refusal,
	textReserved,
	type Update,
} from "./static-calls.ts";
export type { Edit, Plan, Step } from "./step.ts";
export { createSystem, type Happening, type PatchCounts, type System } from "./system.ts";
export { findEdit } from "./trap.ts";
