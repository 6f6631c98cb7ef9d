// The protocol checker (`patchbay/check`): scenarios in, verdicts out.

export { type Ablation, ablate, ablating } from "./ablate.ts";
export { build } from "./build.ts";
export {
	type Checking,
	type CheckOptions,
	check,
	checking,
	disagreement,
	replay,
	VERDICT_SCHEMA,
	type Verdict,
} from "./check.ts";
export { type Bounds, type Exploration, explore, REPORT_EVERY, type Space } from "./explore.ts";
export { type FillRow, fillMarkdown, fillRows } from "./fill-table.ts";
export { readScenario } from "./header.ts";
export {
	type CpuStand,
	type LaneRow,
	type LaneSite,
	type Lanes,
	lanesOf,
	type PlannedStep,
	type ReadByte,
	type Stand,
} from "./lanes.ts";
export {
	herdText,
	inWordsOf,
	type Litmus,
	type LitmusScenario,
	type Quantifier,
	readLitmus,
	readLitmusScenario,
} from "./litmus/index.ts";
export {
	type Cell,
	cells as matrixCells,
	checkCell,
	type Extent,
	type MatrixRow,
	matrixMarkdown,
	matrixProtocols,
	matrixRows,
	type Placement,
	placements,
	type SecondPatcher,
	type SiteKind,
	scenarioOf,
	scenarioText,
	siteKinds,
	tabulated,
} from "./matrix.ts";
export type { Outcome } from "./outcomes.ts";
export { type PokeText, pokesOf, withProtocol } from "./poke-text.ts";
export { type Occurrence, occurrences, type Property, properties } from "./properties.ts";
export { type Expectation, onEveryModel, protocolOf, SCENARIO_SCHEMA, type Scenario } from "./scenario.ts";
export { scenarioFromJson, scenarioSchema } from "./schema/scenario.ts";
export {
	type Judged,
	VERDICTS_SCHEMA,
	verdictFromJson,
	verdictSchema,
	verdictsFromJson,
	verdictsSchema,
} from "./schema/verdict.ts";
export { onTape, type Standing } from "./standing.ts";
export { type Found, letterTexts, synthesize, type Wish } from "./synthesize.ts";
export type { TraceStep } from "./trace.ts";
