// Patching (`patchbay/patch`): from an image to a running system, protocols as data, plans, the trap, static calls by name,
// recovery, and `run`.

export { entryNamed, type LoadOptions, load, start } from "../load.ts";
export {
	asIs,
	byDefault,
	type Change,
	type OperationSet,
	type Toggled,
	type Traced,
	type Update,
} from "./change/change.ts";
export { type DryRun, describeUpdate, type PlannedSite } from "./change/dry-run.ts";
export { functionsNamed } from "./change/entry-tracing.ts";
export { type Changed, countChanged, type PatchedText, patchedText, textReserved } from "./change/patched-text.ts";
export type { Refusal } from "./change/planned-change.ts";
export type { Route } from "./change/site-forms.ts";
export { keyNames, query } from "./change/slots.ts";
export {
	freeInit,
	type StaticCall,
	type StaticCalls,
	staticCalls,
	type Targets,
} from "./change/static-calls.ts";
export { type StaticKey, type StaticKeys, staticKeys } from "./change/static-keys.ts";
export { change, planUpdate, type TargetName } from "./change/update.ts";
export { createSystem, type SystemOptions } from "./create-system.ts";
export { type Boot, boot, planBoot, type Settled } from "./drive/boot.ts";
export { carryOut, planQuietly, type Updated } from "./drive/carry-out.ts";
export { allMoves, type Move, make, moves, possible } from "./drive/moves.ts";
export { applyNow, isPatching, NOTHING, stepPatcher, submit } from "./drive/patchers.ts";
export { describePatcher, type PhaseProgress } from "./drive/position.ts";
export { type Recovery, recover } from "./drive/recover.ts";
export { type RunEnd, type RunLimits, run, type ScheduledUpdate, settle } from "./drive/run.ts";
export { restoreSystem, type SavedSystem, saveSystem } from "./drive/save.ts";
export { type Chosen, record, type Tape, type TapeOptions } from "./drive/tape.ts";
export { peekTurn, type Reach, type Turn, takeTurn } from "./drive/turn.ts";
export { whileHeld } from "./drive/while-held.ts";
export { kill, nextStep, perform, ready } from "./perform/perform.ts";
export { findEdit, serveTrap } from "./perform/trap.ts";
export { describeStep } from "./plan/describe-step.ts";
export type { Plan, Transaction } from "./plan/plan.ts";
export { plan, unfitFor } from "./plan/plan.ts";
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
} from "./plan/protocol.ts";
export { protocolSchema } from "./plan/protocol-schema.ts";
export { breakpoint, early, protocols } from "./plan/protocols/index.ts";
export type { Edit, Request, Step } from "./plan/step.ts";
export { coreOf } from "./record/core-dump.ts";
export { perfettoTrace, type TraceFile, textTrace } from "./record/trace.ts";
export type { TraceEvent } from "./record/trace-event.ts";
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
