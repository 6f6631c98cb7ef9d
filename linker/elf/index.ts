// ELF64 little-endian objects and executables: in memory (`ElfObject`), as bytes (`readElf`, `writeElf`), and under
// construction (`ObjectBuilder`). Knows no instruction and no relocation type. What is wrong with a file is a
// LinkError whose message starts with the place.

export {
	alignSection,
	amendSymbol,
	append,
	appendWord,
	defineSymbol,
	fileSymbol,
	finish,
	isDefined,
	newObject,
	type ObjectBuilder,
	reference,
	relocate,
	reserve,
	type SectionBuilder,
	type SectionOptions,
	type SymbolDefinition,
	section,
	sectionSymbol,
	symbolOrder,
} from "./builder.ts";
export { isElf } from "./headers.ts";
export type { LineFile, PathReference } from "./line-header.ts";
export {
	filePath,
	type LineSequences,
	type LineTable,
	lineAt,
	readLineTable,
	rowAt,
	type SourcePosition,
} from "./line-table.ts";
export { addLines, type LineInformation, type LineRow, type LineSequence } from "./line-writer.ts";
export * from "./object.ts";
export { readElf } from "./reader.ts";
export { addString, newStringTable, type StringTable, stringAt, stringTableBytes } from "./strings.ts";
export {
	type FunctionIndex,
	functionAt,
	indexFunctions,
	sectionByName,
	sectionOfSymbol,
	symbolBinding,
	symbolByName,
	symbolName,
	symbolType,
} from "./symbols.ts";
export { allocateRelocations, allocateSymbols } from "./tables.ts";
export { elfPieces, writeElf } from "./writer.ts";
