// Executable memory of a system: where it is comes from the allocator, what is behind it from the frames, and how code gets
// there and leaves from the fills, whose steps a patcher carries out: at once while nobody has begun to run, else under
// running CPUs. Whatever is refused changes nothing.

import { hex } from "../../linker/hex.ts";
import { encode } from "../../linker/isa/encode.ts";
import { relocationTypes } from "../../linker/isa/index.ts";
import { PAGE } from "../machine/state.ts";
import { planMemory } from "../patch/plan/plan.ts";
import type { Edit, Span } from "../patch/plan/step.ts";
import { allocate, freePiece, pieceAt, type RefusalKind, type Request } from "./allocator.ts";
import type { Call, Fill } from "./fill.ts";
import { memoryTypes } from "./memory-types.ts";
import { backPages, carryOutMemory, differences, flushFrees, freeNow, spansOf, unbackPages } from "./pages.ts";
import { type Execmem, type Owned, readBytes, type Use } from "./pieces.ts";

/** The reasons for which calls are refused or broken off; docs/execmem.md tells of each. */
export type ExecmemErrorKind =
	| RefusalKind
	| "out-of-memory"
	| "outside-piece"
	| "write-after-finish"
	| "finished-twice"
	| "mapped-twice"
	| "finalized-twice"
	| "not-finished"
	| "not-executable"
	| "wrong-use"
	| "out-of-reach"
	| "interrupted";

/** Why a call was refused, or was broken off. */
export interface ExecmemError {
	readonly kind: ExecmemErrorKind;
	readonly why: string;
}
export type Failed = { readonly ok: false; readonly error: ExecmemError };
/** What a call gives: `ok: true` and its result, or `ok: false` and the error. */
export type Outcome<T = object> = ({ readonly ok: true } & T) | Failed;

/** Memory of a type, not to be executed or made read-only yet. */
export function execmemAlloc(execmem: Execmem, request: Request): Outcome<{ readonly address: number }> {
	return give(execmem, request, "plain", fillFor(execmem, request));
}

/** Text within reach of the image's calls, or not at all. */
export function execmemTextAlloc(execmem: Execmem, bytes: number): Outcome<{ readonly address: number }> {
	return execmemAlloc(execmem, { type: "text", bytes, near: true });
}

/** Text anywhere: called by pointer or through thunks. */
export function jitTextAlloc(execmem: Execmem, bytes: number): Outcome<{ readonly address: number }> {
	return execmemAlloc(execmem, { type: "text", bytes, near: false });
}

/** May be called again and again until it is finished. @param at offset in the piece */
export function execmemWrite(execmem: Execmem, address: number, bytes: Uint8Array, at = 0): Outcome {
	const owned = openPiece(execmem, address, "write-after-finish");
	if ("error" in owned) return owned;
	if (!(at >= 0 && at + bytes.length <= owned.bytes))
		return fail("outside-piece", `${bytes.length} bytes at offset ${at} of a piece of ${owned.bytes}`);
	const target = address + at;
	const edit: Edit = { address: target, old: readBytes(execmem.system.machine, target, bytes.length), bytes };
	return act(execmem, owned, "write", owned.fill.before === "mapped" ? differences(edit) : [edit]);
}

/** After: it can be executed, or nobody writes it any more. */
export function execmemFinish(execmem: Execmem, address: number): Outcome {
	return finish(execmem, address, "plain", "finished-twice");
}

/** Nobody may be in it nor call it. It is nobody's again once many are flushed together, or `execmemFlush` is called.
 * @param bytes when given, how many are meant */
export function execmemFree(execmem: Execmem, address: number, bytes?: number): Outcome {
	const owned = execmem.pieces.get(address);
	if (owned?.state === "freed") return fail("double-free", `${hex(address)} is free already`);
	if (owned === undefined) return refusedRelease(execmem, address);
	if (bytes !== undefined && bytes !== owned.bytes)
		return fail("overlapping", `${bytes} bytes at ${hex(address)}, where a piece has ${owned.bytes}`);
	const ended = freeNow(execmem, owned);
	if (ended !== undefined) return interrupted(ended);
	for (const [handle, at] of execmem.handles) if (at === address) execmem.handles.delete(handle);
	return waiting(execmem) >= (execmem.options.lazy ?? 32) ? execmemFlush(execmem) : { ok: true };
}

/** The memory of all that was freed is anybody's again: one shootdown for all of it. */
export function execmemFlush(execmem: Execmem): Outcome {
	const ended = flushFrees(execmem);
	return ended === undefined ? { ok: true } : interrupted(ended);
}

/** Memory for a compiler: an address, but nothing is mapped there until `jitMap`. What it holds goes by the handle. */
export function jitAlloc(
	execmem: Execmem,
	bytes: number,
): Outcome<{ readonly handle: number; readonly address: number }> {
	const given = give(execmem, { type: "jit", bytes }, "jit", execmem.methods.jit);
	if (!given.ok) return given;
	const handle = ++execmem.counts.handle;
	execmem.handles.set(handle, given.address);
	return { ...given, handle };
}

/**
 * Writes into the memory of a handle that is not mapped yet.
 * @param at where in it the bytes go
 * @param handle from `jitAlloc`
 */
export function jitWrite(execmem: Execmem, handle: number, bytes: Uint8Array, at = 0): Outcome {
	const address = execmem.handles.get(handle);
	if (address === undefined) return fail("unknown-address", `no handle ${handle}`);
	return execmemWrite(execmem, address, bytes, at);
}

/**
 * Makes the memory of a handle executable at its address. It cannot be written afterwards.
 * @param handle from `jitAlloc`
 */
export function jitMap(execmem: Execmem, handle: number): Outcome {
	const address = execmem.handles.get(handle);
	if (address === undefined) return fail("unknown-address", `no handle ${handle}`);
	return finish(execmem, address, "jit", "mapped-twice");
}

/** Memory that the program itself writes, at its final address. */
export function jitMapRwInPlace(execmem: Execmem, bytes: number): Outcome<{ readonly address: number }> {
	return give(execmem, { type: "jit", bytes }, "in-place", execmem.methods.inPlace);
}

/** From writable to executable; the other CPUs are interrupted for the code, or serialize when they next rest. */
export function jitFinalize(execmem: Execmem, address: number, by: "ipi" | "rest" = "ipi"): Outcome {
	return finish(execmem, address, "in-place", "finalized-twice", by === "rest" ? execmem.methods.atRest : undefined);
}

/** Gives memory of `jitAlloc` or `jitMapRwInPlace` back, as `execmemFree` does. */
export const jitFree = execmemFree;

/** A field of code that depends on where it lies. */
export interface Fixup {
	readonly offset: number;
	/** One of the relocation types. */
	readonly type: number;
	/** What it refers to, and what is added. */
	readonly target: number;
	readonly addend: number;
}

/** Code relocated in a buffer for its final address, then written there. */
export function textCopy(
	execmem: Execmem,
	address: number,
	code: Uint8Array,
	fixups: readonly Fixup[] = [],
	at = 0,
): Outcome {
	const buffer = code.slice();
	const view = new DataView(buffer.buffer);
	for (const { offset, type, target, addend } of fixups) {
		const { formula, min, max, write, name } = relocationTypes.find((one) => one.type === type)!;
		const value = target + addend - (formula === "S + A - P" ? address + at + offset : 0);
		if (value < min || value > max)
			return fail("out-of-reach", `${name} at offset ${at + offset}: ${value} is not in [${min}, ${max}]`);
		write(view, offset, value);
	}
	return execmemWrite(execmem, address, buffer, at);
}

/** So many bytes, breakpoints unless said otherwise. */
export function textSet(execmem: Execmem, address: number, at: number, count: number, byte = BRK): Outcome {
	const { bytes = 0 } = pieceAt(execmem.allocator, address) ?? {};
	if (!(count >= 0 && count <= bytes)) return fail("outside-piece", `${count} bytes in a piece of ${bytes}`);
	return execmemWrite(execmem, address, new Uint8Array(count).fill(byte), at);
}

/** Whether an address may be called now, and if not, why. */
export function executable(execmem: Execmem, address: number): Outcome {
	const piece = pieceAt(execmem.allocator, address);
	const owned = piece && execmem.pieces.get(piece.address);
	if (owned === undefined) return fail("unknown-address", `nothing was allocated at ${hex(address)}`);
	if (owned.state === "freed") return fail("unknown-address", `${hex(address)} was freed`);
	if (!owned.fill.text) return fail("not-executable", `${hex(address)} is ${owned.piece.type}`);
	if (owned.state !== "finished") return fail("not-finished", `${hex(address)} is not finished`);
	return { ok: true };
}

const BRK = encode("brk")[0]!;

function fillFor({ methods, options }: Execmem, { type }: Request): Fill {
	const { permissions, pool } = memoryTypes[type];
	if (permissions.x) return options.textPoke === false ? methods.text : methods.poke;
	return pool === "roAfterInit" ? methods.readOnlyLater : methods.data;
}

/** A fill that maps pages changes the rights of whole ones, so its pieces have them to themselves. */
function give(execmem: Execmem, request: Request, use: Use, fill: Fill): Outcome<{ readonly address: number }> {
	const whole: Request =
		fill.before === "mapped" || !(request.bytes > 0)
			? request
			: { ...request, bytes: Math.ceil(request.bytes / PAGE) * PAGE, align: Math.max(PAGE, request.align ?? 1) };
	const first = tryToGive(execmem, whole, request.bytes, use, fill);
	if (first.ok || !["no-room", "out-of-memory"].includes(first.error.kind) || waiting(execmem) === 0) return first;
	const flushed = execmemFlush(execmem);
	return flushed.ok ? tryToGive(execmem, whole, request.bytes, use, fill) : flushed;
}

function tryToGive(
	execmem: Execmem,
	request: Request,
	bytes: number,
	use: Use,
	fill: Fill,
): Outcome<{ readonly address: number }> {
	const given = allocate(execmem.allocator, request);
	if (!given.ok) return given;
	const { piece, opened } = given;
	const owned: Owned = { piece, use, fill, bytes, state: "open" };
	const backed = backPages(execmem, owned, opened);
	if (backed === "out-of-memory") {
		freePiece(execmem.allocator, piece.address);
		return fail("out-of-memory", `no frames for ${opened.reduce((sum, area) => sum + area.bytes, 0)} bytes`);
	}
	if (backed !== undefined) {
		unbackPages(execmem, opened);
		freePiece(execmem.allocator, piece.address);
		return interrupted(backed);
	}
	execmem.pieces.set(piece.address, owned);
	return { ok: true, address: piece.address };
}

function finish(execmem: Execmem, address: number, use: Use, twice: ExecmemErrorKind, fill?: Fill): Outcome {
	const owned = openPiece(execmem, address, twice);
	if ("error" in owned) return owned;
	if (owned.use !== use) return fail("wrong-use", `${hex(address)} was not allocated for this call`);
	const done = act(execmem, owned, "finish", [], fill);
	if (done.ok) owned.state = "finished";
	return done;
}

function openPiece(execmem: Execmem, address: number, finished: ExecmemErrorKind): Owned | Failed {
	const owned = execmem.pieces.get(address);
	if (owned === undefined || owned.state === "freed")
		return fail("unknown-address", `no piece begins at ${hex(address)}`);
	if (owned.state === "finished") return fail(finished, `${hex(address)} is finished`);
	return owned;
}

function act(execmem: Execmem, owned: Owned, call: Call, edits: readonly Edit[], fill = owned.fill): Outcome {
	const { machine } = execmem.system;
	const spans: readonly Span[] = spansOf(owned);
	const { type, address } = owned.piece;
	const plan = planMemory(fill[call], { edits, spans }, machine.config.model);
	const ended = carryOutMemory(execmem, `${call} ${type} at ${hex(address)} (${fill.name})`, plan);
	return ended === undefined ? { ok: true } : interrupted(ended);
}

function waiting({ pieces }: Execmem): number {
	let count = 0;
	for (const { state } of pieces.values()) if (state === "freed") count++;
	return count;
}

/** What the allocator says of an address where no piece begins. */
function refusedRelease({ allocator }: Execmem, address: number): Failed {
	const refused = freePiece(allocator, address);
	if (refused.ok) throw new Error("assert: the allocator has a piece that nobody has");
	return refused;
}

function interrupted(ended: { readonly kind: string }): Failed {
	return fail("interrupted", `the run ended before it was done: ${ended.kind}`);
}

function fail(kind: ExecmemErrorKind, why: string): Failed {
	return { ok: false, error: { kind, why } };
}
