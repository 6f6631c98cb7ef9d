// Patching (`patchbay/patch`): from an image to a running system, protocols as data, plans, the trap, static calls by name,
// recovery, and `run`.

export { entryNamed, type LoadOptions, load, start } from "../load.ts";
export { type CostCase, type UpdateCost, updateCost } from "./cost.ts";
export { applyNow, isPatching, NOTHING, stepPatcher, submit } from "./patchers.ts";
export { describeStep, nextStep, perform, ready } from "./perform.ts";
export { plan, unfitFor } from "./plan.ts";
export {
	arm,
	disarm,
	type Part,
	type Phase,
	type Protocol,
	phaseText,
	protect,
	release,
	sync,
	write,
} from "./protocol.ts";
export { breakpoint, early, protocols } from "./protocols/index.ts";
export { kill, type Recovery, recover } from "./recover.ts";
export { type RunEnd, type RunLimits, run, type ScheduledUpdate, settle } from "./run.ts";
export type { Route } from "./site-forms.ts";
export { keyNames, query } from "./slots.ts";
export {
	type DryRun,
	describeUpdate,
	freeInit,
	type PlannedSite,
	type StaticCall,
	type StaticCalls,
	staticCalls,
	type Targets,
	textReserved,
	type Updated,
} from "./static-calls.ts";
export type { Edit, Plan, Request, Step, Transaction } from "./step.ts";
export { type StormCase, type StormCounts, storm } from "./storm.ts";
export { createSystem, type Happening, type PatchCounts, type System } from "./system.ts";
export { perfettoTrace, type TraceEvent, type TraceFile, textTrace } from "./trace.ts";
export { findEdit, serveTrap } from "./trap.ts";
export {
	asIs,
	byDefault,
	type Change,
	change,
	planUpdate,
	type Refusal,
	type TargetName,
	type Update,
} from "./update.ts";
