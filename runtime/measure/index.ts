// What patching costs, and what it withstands (`patchbay/measure`): programs are assembled here, run and patched, to count
// cycles, to storm a call site, and to abuse executable memory.

export { PASSES, type PassCost, passCosts } from "./pass-cost.ts";
export { HITS, type HitWay, hitCost, hitWays } from "./probe-cost.ts";
export { type StormCase, type StormCounts, storm } from "./storm.ts";
export { randomFrom, type StressCall, type StressCase, stressCase } from "./stress/case.ts";
export { STRESS_SCHEMA, stressSchema } from "./stress/case-schema.ts";
export { runStress, type Stressing, type StressResult, stressing } from "./stress/run.ts";
export { minimise, minimising } from "./stress/shrink.ts";
export type { StressCounts } from "./stress/stage.ts";
export { type CostCase, type SiteFamily, siteFamilies, type UpdateCost, updateCost } from "./update-cost.ts";
