// The toy instruction set as the rest of patchbay and its users see it (`patchbay/isa`).

export * from "./abi.ts";
export * from "./conditions.ts";
export * from "./core.ts";
export { decode } from "./decode.ts";
export { disassemble, registerName, type Symbolize } from "./disassemble.ts";
export { bounds, encode, type Operands } from "./encode.ts";
export * from "./host-calls.ts";
export * from "./instruction-set.ts";
export { lengthOf, rowOf, rowOfOpcode, type Spelling, spell, spellings, takesCondition, usage } from "./lookup.ts";
export { nops } from "./nops.ts";
export { reference } from "./reference.ts";
export * from "./relocations.ts";
export { roles } from "./roles.ts";
export { EM_TOY, groups, rows, SP } from "./sets/toy.ts";
