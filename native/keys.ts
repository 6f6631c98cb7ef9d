// The static calls and static keys of programs with native/patchbay.h, as docs/native.md lays them out: read from the tables
// and words in the memory of the process, named by its symbols.

import type { ElfObject, Section } from "../linker/elf/object.ts";
import { functionAt, indexFunctions, sectionByName, symbolByName, symbolName } from "../linker/elf/symbols.ts";
import { getWord64, viewOf } from "../linker/elf/words.ts";
import { LinkError } from "../linker/errors.ts";
import { readField, rowStarts, siteRow } from "../linker/format/rows.ts";
import {
	EXPECTED,
	IMPORT,
	KEY_PREFIX,
	LABELS_SECTION,
	RETURN,
	RETURN0,
	STATIC_KEY_PREFIX,
	TAIL,
	USER_FLAGS,
	USER_SITES_SECTION,
} from "../linker/format/static-calls.ts";
import { hexAddress } from "../linker/hex.ts";
import type { BranchForm, RealArchitecture } from "../linker/sites/arch/index.ts";
import { requireArchitecture } from "../linker/sites/arch/index.ts";
import { functionPlace } from "../linker/sites/place.ts";
import type { Entry, Key, LeftCall, Site } from "./entries.ts";
import type { Loaded } from "./loaded.ts";
import type { Memory } from "./memory.ts";
import type { Process } from "./process.ts";

type Reader = Pick<Memory, "read">;

/** Bytes of a key of a static call: what it calls, what it called at the start, its trampoline, its runtime. */
const CALL_KEY = 32;
const BRANCH_KEY = 8;
/** Bytes of a row of the table of branches in user space. */
const LABEL_ROW = 16;

/** What is put together for a key. */
interface Found {
	readonly key: Key;
	name: string;
	readonly sites: Site[];
	readonly left: LeftCall[];
}

/** All keys of a process, those of static calls first, by name. */
export function keyEntries(memory: Reader, objects: readonly Loaded[]): Entry[] {
	const found = new Map<number, Found>();
	for (const loaded of objects) addNamed(found, loaded);
	for (const loaded of objects) {
		const sites = userTable(loaded.object, USER_SITES_SECTION);
		const labels = userTable(loaded.object, LABELS_SECTION);
		if (sites !== undefined) addCalls(memory, found, loaded, sites);
		if (labels !== undefined && sites !== undefined) addBranches(memory, found, loaded, labels);
	}
	const rank = ({ key, name }: Found) => `${key.kind === "call" ? 0 : 1}${name}`;
	return [...found.values()]
		.sort((a, b) => (rank(a) < rank(b) ? -1 : 1))
		.map(({ key, name, sites, left }) => ({ name, by: "table", key, sites, left }));
}

function userTable(object: ElfObject, name: string): Section | undefined {
	const section = sectionByName(object, name);
	return section !== undefined && section.address > 0 && section.size > 0 ? section : undefined;
}

/** Adds the keys that have symbols: their sizes tell them from those of other programs that use the same names. */
function addNamed(found: Map<number, Found>, loaded: Loaded): void {
	const { symbols } = loaded.object;
	for (let i = 1; i < symbols.count; i++) {
		if (symbols.section[i] === 0) continue;
		const isCall = symbols.size[i] === CALL_KEY;
		if (!isCall && symbols.size[i] !== BRANCH_KEY) continue;
		const prefix = isCall ? KEY_PREFIX : STATIC_KEY_PREFIX;
		const name = symbolName(symbols, i);
		if (!name.startsWith(prefix)) continue;
		const address = symbols.value[i]! + loaded.bias;
		const key: Key = { kind: isCall ? "call" : "branch", address, loaded };
		found.set(address, { key, name: name.slice(prefix.length), sites: [], left: [] });
	}
}

/** The key at an address; one without a symbol is called after that. */
function keyAt(found: Map<number, Found>, kind: Key["kind"], address: number, loaded: Loaded): Found {
	const known = found.get(address) ?? {
		...{ key: { kind, address, loaded }, name: hexAddress(address), sites: [], left: [] },
	};
	found.set(address, known);
	return known;
}

function addCalls(memory: Reader, found: Map<number, Found>, loaded: Loaded, { address, size }: Section): void {
	const start = address + loaded.bias;
	const view = viewOf(memory.read(start, size));
	for (const at of rowStarts(siteRow, size)) {
		const place = readField(view, start, at, siteRow.fields.address);
		const word = readField(view, start, at, siteRow.fields.key);
		const flags = Number(BigInt(word) & BigInt(USER_FLAGS));
		const named = word - flags;
		const key = (flags & IMPORT) === 0 ? named : getWord64(viewOf(memory.read(named, 8)), 0);
		const entry = keyAt(found, "call", key, loaded);
		const site = siteAt(loaded, place, (flags & TAIL) !== 0);
		if ("why" in site) entry.left.push(site);
		else entry.sites.push(site);
	}
}

/** The call at a place, as the file has it: in memory it may be a NOP by now. */
function siteAt(loaded: Loaded, address: number, isTail: boolean): Site | LeftCall {
	const { section, offset, ...place } = placeOf(loaded, address);
	const architecture = requireArchitecture(loaded.object);
	const form = section && formAt(architecture, section.data.subarray(offset, offset + 8));
	if (section === undefined || form === undefined || (form.kind === "call") === isTail)
		return { address, in: place.in, why: "is in the table of static calls and is no call in the file" };
	const original = section.data.slice(offset, offset + form.length);
	return { ...place, address, form, kind: form.kind, architecture, original, pattern: original, loaded };
}

/** Which direct branch some bytes are. */
function formAt({ branches, find }: RealArchitecture, bytes: Uint8Array): BranchForm | undefined {
	const found = branches.find(
		({ form, relocation, fieldAt }, i) => form !== undefined && find(relocation, bytes, fieldAt) === i,
	);
	return found?.form;
}

function placeOf({ object, bias }: Loaded, address: number) {
	const value = address - bias;
	const index = object.sections.findIndex(
		({ address: start, data, flags }) => (flags & 2) !== 0 && value >= start && value < start + data.length,
	);
	const { symbols } = object;
	const holder = index < 0 ? 0 : (functionAt(indexFunctions(object), index, value) ?? 0);
	const start = holder === 0 ? Number.NaN : symbols.value[holder]! + bias;
	return {
		section: object.sections[index],
		offset: index < 0 ? 0 : value - object.sections[index]!.address,
		in: functionPlace(object, holder, value),
		holder: { start, end: start + symbols.size[holder]! },
	};
}

function addBranches(memory: Reader, found: Map<number, Found>, loaded: Loaded, { address, size }: Section): void {
	const start = address + loaded.bias;
	const view = viewOf(memory.read(start, size));
	const architecture = requireArchitecture(loaded.object);
	const forms = architecture.branches.flatMap(({ form }) => form ?? []);
	const [call, jump] = ["call", "tail"].map((kind) => forms.find((form) => form.kind === kind)!) as [
		BranchForm,
		BranchForm,
	];
	const form: BranchForm = { ...jump, nothing: call.nothing };
	for (let at = 0; at + LABEL_ROW <= size; at += LABEL_ROW) {
		const place = start + at + view.getInt32(at, true);
		const target = start + at + 4 + view.getInt32(at + 4, true);
		const word = start + at + 8 + getWord64(view, at + 8);
		const expected = Number(BigInt(word) & 1n);
		const { section, offset, ...where } = placeOf(loaded, place);
		const entry = keyAt(found, "branch", word - Number(BigInt(word) & 3n), loaded);
		if (section === undefined) continue;
		entry.sites.push({
			...{ ...where, address: place, form, kind: "branch", architecture, loaded },
			original: section.data.slice(offset, offset + form.length),
			pattern: jumpPattern(form),
			label: { target, expected: expected === EXPECTED },
		});
	}
}

/** An unconditional jump, wherever to. */
function jumpPattern(form: BranchForm): Uint8Array {
	return form.length === 4 ? Uint8Array.of(0, 0, 0, 0x14) : Uint8Array.of(0xe9, 0, 0, 0, 0);
}

/** What the key of a static call holds. */
export interface CallKey {
	readonly func: number;
	readonly initial: number;
	readonly trampoline: number;
	/** 0 where none patches its sites. */
	readonly runtime: number;
}

export function readCallKey(memory: Reader, { address }: Key): CallKey {
	const view = viewOf(memory.read(address, CALL_KEY));
	const [func, initial, trampoline, runtime] = [0, 8, 16, 24].map((at) => getWord64(view, at)) as [
		number,
		number,
		number,
		number,
	];
	return { func, initial, trampoline, runtime };
}

/** What a static key holds: how many use it now, and did at the start. */
export interface BranchKey {
	readonly enabled: number;
	readonly initial: number;
}

export function readBranchKey(memory: Reader, { address }: Key): BranchKey {
	const view = viewOf(memory.read(address, BRANCH_KEY));
	return { enabled: view.getInt32(0, true), initial: view.getInt32(4, true) };
}

/** What calls of a key do. */
export interface CallValue {
	readonly func: number;
	readonly kind: "function" | "nothing" | "zero";
}

/** ENDBR64 and what `__static_call_return` and `__static_call_return0` do; behind them a signature. */
const signatures = {
	nothing: [0xf3, 0x0f, 0x1e, 0xfa, 0xc3, 0x0f, 0xb9, 0xcc],
	zero: [0xf3, 0x0f, 0x1e, 0xfa, 0x31, 0xc0, 0xc3, 0x0f, 0xb9, 0xcc],
} as const;

/** Each object has these two functions of its own, so they are known by their bytes; by symbols where the machine is another. */
export function callValue(memory: Reader, objects: readonly Loaded[], func: number): CallValue {
	for (const [kind, name] of [
		["nothing", RETURN],
		["zero", RETURN0],
	] as const)
		if (objects.some((loaded) => addressOf(loaded, name) === func)) return { func, kind };
	const bytes = func === 0 ? new Uint8Array(0) : memory.read(func, signatures.zero.length);
	for (const kind of ["nothing", "zero"] as const)
		if (signatures[kind].every((byte, i) => byte === bytes[i])) return { func, kind };
	return { func, kind: "function" };
}

/** @param name of `__static_call_return` or `__static_call_return0` @throws LinkError where the object has none */
export function requireStub(loaded: Loaded, name: string): number {
	const found = addressOf(loaded, name);
	if (found !== undefined) return found;
	throw new LinkError(`${loaded.object.name}: has no symbol '${name}', so where to send calls of it is not known`);
}

const addresses = new WeakMap<Loaded, Map<string, number | undefined>>();

/** The address of a symbol of an object; undefined where it defines none. */
export function addressOf(loaded: Loaded, name: string): number | undefined {
	const known = addresses.get(loaded) ?? new Map<string, number | undefined>();
	addresses.set(loaded, known);
	if (!known.has(name)) known.set(name, findSymbol(loaded, name));
	return known.get(name);
}

function findSymbol({ object, bias }: Loaded, name: string): number | undefined {
	const symbol = symbolByName(object, name);
	return symbol === undefined || object.symbols.section[symbol] === 0
		? undefined
		: object.symbols.value[symbol]! + bias;
}

/** The runtime of a process, between its updates: what changes when it makes one. Undefined while it is at one.
 * @throws LinkError for one of another version */
export function runtimeStamp(process: Process, memory: Reader, runtime: number): string | undefined {
	const bytes = memory.read(runtime, 24);
	const view = viewOf(bytes);
	const magic = new TextDecoder().decode(bytes.subarray(0, 8));
	const version = view.getUint32(8, true);
	if (magic !== "patchbay" || version !== 1)
		throw new LinkError(
			`${process.name}: the runtime at ${hexAddress(runtime)} is ${magic === "patchbay" ? `of version ${version}` : "none"}; this patchbay knows version 1`,
		);
	return view.getUint32(12, true) === 0 ? `${runtime}:${view.getBigUint64(16, true)}` : undefined;
}
