// The places of a file where code is patched at boot or at run time, as the tables in it say.

export { type Change, type ChangeForm, type ChangePlacement, changeOf } from "./changes.ts";
export { type FeatureNames, featureNames, readFeatures } from "./features.ts";
export { readFlatImage } from "./flat-image.ts";
export { type PatchedWhen, type TableFormat, tableFormats } from "./formats.ts";
export { type InstructionKind, instructionAt } from "./instruction.ts";
export { type Address, type PatchTable, type PointedAt, pointedAt, readSiteTables, readTables } from "./read.ts";
export { withSystemMap } from "./system-map.ts";
export { type Mismatch, type Verified, verifyTable } from "./verify.ts";
export { bareText, describeEntry, placeText, type TableEntry } from "./words.ts";
