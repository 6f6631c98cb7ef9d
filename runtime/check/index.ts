// The protocol checker (`patchbay/check`): scenarios in, verdicts out.

export { build } from "./build.ts";
export { type CheckOptions, check, disagreement, VERDICT_SCHEMA, type Verdict } from "./check.ts";
export { type Bounds, type Exploration, explore, type Space } from "./explore.ts";
export { type Occurrence, occurrences, type Property, properties } from "./properties.ts";
export { phaseText, protocolOf, readScenario, SCENARIO_SCHEMA, type Scenario } from "./scenario.ts";
export type { TraceStep } from "./trace.ts";
