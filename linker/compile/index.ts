// Sources to objects (`patchbay/compile`): the compiler of the language, its rewriting to pointers, and the assembler.

export { ArgumentError, LinkError, PatchbayError, type Problem, problemOf, SourceError } from "../errors.ts";
export { type AssembleOptions, assemble } from "./assemble.ts";
export { type CompileOptions, compile } from "./compile.ts";
export type { Position, PositionMap } from "./origin.ts";
export { locate, positionsOf, type RewriteOptions, type Rewritten, rewriteFfp, sourceMapText } from "./rewrite.ts";
export type { Resolve, Resolved } from "./types/declare.ts";
