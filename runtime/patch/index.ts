// Patching (`patchbay/patch`): protocols as data, plans, the breakpoint trap, static calls by name, and `run`.

export { plan } from "./plan.ts";
export { arm, disarm, type Part, type Phase, type Protocol, sync, write } from "./protocol.ts";
export { breakpoint, early, protocols } from "./protocols/index.ts";
export { applyNow, type RunEnd, type RunLimits, run, submit } from "./run.ts";
export { keyNames, planUpdate, planUpdateAt, query, type Refusal, type Update } from "./static-calls.ts";
export type { Edit, Step } from "./step.ts";
export { createSystem, type PatchCounts, type Patcher, type System } from "./system.ts";
export { findEdit } from "./trap.ts";
