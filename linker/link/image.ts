// The one value that passes from linker/ to runtime/: an executable and what it says about its static calls. All of it
// is read from the ELF file, so a file written, read and read again as an image gives the same image. Which mode the
// calls were linked in is the value of the absolute symbol `__static_calls_mode`: 1 + its index in `staticCallModes`.

import type { ElfObject, Segment } from "../elf/object.ts";
import { hex } from "../hex.ts";
import type { Clobbers } from "../isa/index.ts";
import type { Label, Site, Stubs } from "../sites/index.ts";
import type { LineTable } from "./lines.ts";
import type { Part } from "./part.ts";
import type { SymbolIndex } from "./symbol-index.ts";

/** How calls of static-call keys are linked: `inline` rewrites each site to call its target directly; `trampoline` calls
 * a jump that is rewritten; `pointer` calls a jump through the key's word in memory, and no code is ever rewritten. */
export type StaticCallMode = "inline" | "trampoline" | "pointer";
/** Every way to link static calls; an image says by the number of its own, from 1 on, how it was linked. */
export const staticCallModes: readonly StaticCallMode[] = ["inline", "trampoline", "pointer"];
/** The absolute symbol whose value is that number. */
export const MODE_SYMBOL = "__static_calls_mode";

/** The key of a static call: two words in memory, and the sites that follow it. */
export interface ImageKey {
	/** As in the source: `pick`, not `__SCK__pick`. */
	readonly name: string;
	/** Address of the two words {function now, default function}. */
	readonly address: number;
	/** 0 when the key has none. */
	readonly trampoline: number;
	/** The function that `reset` restores; 0 is null. */
	readonly default: number;
	/** The function called at the start; 0 is null. */
	readonly initial: number;
	/** May be null, so its result is never used. */
	readonly nullable: boolean;
	/** The number in `.signatures`, see signatures.ts. */
	readonly signature: number | undefined;
	/** Indices into `Image.sites`, in ascending order of their addresses. */
	readonly sites: readonly number[];
}

/** A call site, which an update makes call the target of its key. */
export interface ImageSite extends Site {
	/** Index into `Image.keys`. */
	readonly key: number;
	/** In text that is freed after the start. */
	readonly init: boolean;
	/** Bytes of the instruction. */
	readonly length: number;
}

/** A key that branches follow: enabled while it has users. */
export interface ImageStaticKey {
	/** As in the source: `tracing`, not `__SK__tracing`. */
	readonly name: string;
	/** Address of the two words {users now, users at the start}. */
	readonly address: number;
	readonly users: number;
	readonly initial: number;
	/** Indices into `Image.labels`, in ascending order of their addresses. */
	readonly labels: readonly number[];
}

/** A branch that follows a static key. */
export interface ImageLabel extends Label {
	/** Index into `Image.staticKeys`. */
	readonly key: number;
	/** In text that is freed after the start. */
	readonly init: boolean;
}

/** A function that begins with NOP5. */
export interface ImageEntry {
	readonly address: number;
	/** In text that is freed after the start. */
	readonly init: boolean;
}

/** A paravirt operation: its calls go to the function in its word, directly once they are settled. */
export interface ImageOperation {
	/** As in the source: `readFlags`, not `__PV__readFlags`. */
	readonly name: string;
	/** Address of the two words {function now, default function}. */
	readonly address: number;
	/** The function at the start; 0 is null. */
	readonly initial: number;
}

/** A call of a paravirt operation, to be settled when the program is loaded. */
export interface ImageOperationCall {
	readonly address: number;
	/** Reserved for what takes its place. */
	readonly bytes: number;
	/** What the caller expects to be changed. */
	readonly clobbers: Clobbers;
	/** Index into `Image.operations`. */
	readonly operation: number;
	/** Settled already. */
	readonly done: boolean;
	/** Address of the byte that says so. */
	readonly flag: number;
}

/** Code that other code may take the place of, on machines with a feature (or, unless `wanted`, without). */
export interface ImageAlternative {
	readonly address: number;
	readonly bytes: number;
	/** Address. */
	readonly replacement: number;
	readonly replacementBytes: number;
	readonly feature: string;
	readonly wanted: boolean;
	readonly done: boolean;
	readonly flag: number;
}

/** A linked program as loaders, patchers and lists take it: what is in its files, read once and joined. */
export interface Image extends SymbolIndex {
	/** The program itself, without modules. */
	readonly elf: ElfObject;
	/** The program, and the modules that were loaded into it, in that order. All that follows is of all of them. */
	readonly parts: readonly Part[];
	readonly name: string;
	readonly entry: number;
	readonly mode: StaticCallMode;
	/** Ascending and disjoint, pages of differing permissions apart. */
	readonly segments: readonly Segment[];
	/** Sorted by address. */
	readonly keys: readonly ImageKey[];
	/** Sorted by key, then address. */
	readonly sites: readonly ImageSite[];
	/** Sorted by address. */
	readonly staticKeys: readonly ImageStaticKey[];
	/** Sorted by key, then address. */
	readonly labels: readonly ImageLabel[];
	/** Sorted by address. */
	readonly entries: readonly ImageEntry[];
	/** Sorted by address. */
	readonly operations: readonly ImageOperation[];
	/** As in the tables. */
	readonly operationCalls: readonly ImageOperationCall[];
	/** As in the tables: later ones go over earlier ones. */
	readonly alternatives: readonly ImageAlternative[];
	/** Where jumps go that have no target; both 0 in an image without static calls. */
	readonly stubs: Stubs;
	readonly lines: LineTable;
	/** The number in `.signatures` for the function or key at an address. */
	signatureOf(address: number): number | undefined;
}

/** `length` bytes of what is loaded at `address`, zeros where the file has none; undefined outside of one segment. */
export function bytesAt(
	{ segments }: Pick<Image, "segments">,
	address: number,
	length: number,
): Uint8Array | undefined {
	const segment = segments.find(
		(each) => address >= each.address && address + length <= each.address + each.memorySize,
	);
	if (segment === undefined) return undefined;
	const start = address - segment.address;
	const bytes = segment.data.subarray(start, start + length);
	if (bytes.length === length) return bytes;
	const padded = new Uint8Array(length);
	padded.set(bytes);
	return padded;
}

/** The unsigned word loaded at `address`; undefined outside of the segments. */
export function wordAt(image: Pick<Image, "segments">, address: number): number | undefined {
	const bytes = bytesAt(image, address, 4);
	return bytes && (bytes[0]! | (bytes[1]! << 8) | (bytes[2]! << 16) | (bytes[3]! << 24)) >>> 0;
}

/** `main+0x10`, or the address where no symbol is. */
export function placeOf({ symbolize }: Pick<Image, "symbolize">, address: number): string {
	return symbolize(address) ?? hex(address);
}

/** `pick.js:4:9` where the source is known, else the address and its function. */
export function sourcePlace({ lines, symbolize, name }: Image, address: number): string {
	const at = lines.at(address);
	if (at !== undefined) return `${at.file}:${at.line}:${at.column}`;
	return `${name}: ${hex(address)} <${symbolize(address) ?? "?"}>`;
}
