// Executable memory (`patchbay/execmem`): allocated by type and range, filled by procedures that are data, freed lazily.

export type { AllocatorOptions, Area, Nodes, Piece, Request } from "./allocator.ts";
export {
	type ExecmemError,
	type ExecmemErrorKind,
	execmemAlloc,
	execmemFinish,
	execmemFlush,
	execmemFree,
	execmemTextAlloc,
	execmemWrite,
	executable,
	type Fixup,
	jitAlloc,
	jitFinalize,
	jitFree,
	jitMap,
	jitMapRwInPlace,
	jitTextAlloc,
	jitWrite,
	type Outcome,
	textCopy,
	textSet,
} from "./execmem.ts";
export type { Fill, Release } from "./fill.ts";
export { fills, methods, releases } from "./fills/index.ts";
export { brokenInvariant } from "./invariants.ts";
export { memoryTypes, type Range, type TypeName } from "./memory-types.ts";
export { openExecmem } from "./open-execmem.ts";
export { createExecmem, type Execmem, type ExecmemOptions, type Methods } from "./pieces.ts";
