// Litmus tests as herd7 writes them, for the checker.

export { herdText } from "./herd.ts";
export { type Litmus, type Quantifier, readLitmus } from "./read.ts";
export { type LitmusScenario, readLitmusScenario } from "./scenario.ts";
export { inWordsOf } from "./words.ts";
