// The linker (`patchbay/link`): objects to an image, and images read back.

export { isNullable, signatureText } from "../format/signatures.ts";
export * from "./image.ts";
export type { LineTable, SourcePosition } from "./lines.ts";
export { type LinkOptions, link, TEXT_BASE } from "./link.ts";
export { map } from "./map.ts";
export type { Part } from "./part.ts";
export { readImage } from "./read-image.ts";
export { type CodeRow, rowsOf } from "./rows.ts";
export type { ImageSymbol, SymbolIndex } from "./symbol-index.ts";
