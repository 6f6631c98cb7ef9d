// Patching (`patchbay/patch`): from an image to a running system, protocols as data, plans, the trap, static calls by name,
// recovery, and `run`.

export { entryNamed, type LoadOptions, load, start } from "../load.ts";
export { type Boot, boot, planBoot, type Settled } from "./boot.ts";
export { carryOut, planQuietly, type Updated } from "./carry-out.ts";
export {
	asIs,
	byDefault,
	type Change,
	type OperationSet,
	type Toggled,
	type Traced,
	type Update,
} from "./changes/change.ts";
export { functionsNamed } from "./changes/entry-tracing.ts";
export type { Refusal } from "./changes/planned-change.ts";
export type { Route } from "./changes/site-forms.ts";
export { coreOf } from "./core-dump.ts";
export { type PassCost, passCosts } from "./costs/pass-cost.ts";
export { type StormCase, type StormCounts, storm } from "./costs/storm.ts";
export { type CostCase, type SiteFamily, siteFamilies, type UpdateCost, updateCost } from "./costs/update-cost.ts";
export { createSystem, type SystemOptions } from "./create-system.ts";
export { describeStep } from "./describe-step.ts";
export { type DryRun, describeUpdate, type PlannedSite } from "./dry-run.ts";
export { type PatchedText, patchedText, textReserved } from "./patched-text.ts";
export { applyNow, isPatching, NOTHING, stepPatcher, submit } from "./patchers.ts";
export { nextStep, perform, ready } from "./perform.ts";
export type { Plan, Transaction } from "./plan.ts";
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
export { keyNames, query } from "./slots.ts";
export {
	freeInit,
	type StaticCall,
	type StaticCalls,
	staticCalls,
	type Targets,
} from "./static-calls.ts";
export { type StaticKey, type StaticKeys, staticKeys } from "./static-keys.ts";
export type { Edit, Request, Step } from "./step.ts";
export type {
	BootOptions,
	Death,
	Happening,
	NamedMapping,
	PatchCounts,
	System,
	TracedCall,
	Tracer,
	TrapServer,
} from "./system.ts";
export { perfettoTrace, type TraceEvent, type TraceFile, textTrace } from "./trace.ts";
export { findEdit, serveTrap } from "./trap.ts";
export { change, planUpdate, type TargetName } from "./update.ts";
export { whileHeld } from "./while-held.ts";
