// The call-site table: collected from objects, and the bytes of its sites (`patchbay/sites`).

export * from "../format/static-calls.ts";
export { branchKinds } from "./arch/architecture.ts";
export type { FoundSites } from "./find-sites.ts";
export * from "./label-bytes.ts";
export { type ListingOptions, listing } from "./listing.ts";
export { type Alternative, alternatives, type OperationCall, operationCalls } from "./load-tables.ts";
export * from "./site-bytes.ts";
export { type CollectOptions, callSites, collectSites } from "./toy-sites.ts";
