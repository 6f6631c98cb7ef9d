// Retargets calls of a file that others compiled or linked: which bytes change, checked as a whole before any does. The
// file stays as it is but for those bytes; what was there is kept in it (retarget-record.ts), so every plan starts from
// the file as it was made, and undoing is exact.

import { type ElfObject, ET_REL, originOf, SHF_ALLOC, SHN_LORESERVE, SHN_UNDEF, SHT_RELA } from "../elf/object.ts";
import { functionAt, indexFunctions, symbolName } from "../elf/symbols.ts";
import { REL_SIZE, RELA_SIZE } from "../elf/tables.ts";
import { putWord64, viewOf } from "../elf/words.ts";
import { LinkError, notIn, suggestion, thereAre } from "../errors.ts";
import { hex, hexAddress } from "../hex.ts";
import { type Architecture, type BranchForm, type BranchKind, branchKinds } from "../sites/arch/index.ts";
import {
	type BranchTable,
	branchTable,
	calleeOf,
	hasNoSymbol,
	isCode,
	requireArchitecture,
	wantedSymbols,
} from "../sites/branches.ts";
import { refuseCallsByAddress, requireVisibleCalls } from "../sites/hidden-calls.ts";
import { holders } from "../sites/holders.ts";
import { type Insides, jumpedInto, markInside, newInside } from "../sites/jumped-into.ts";
import { codePlace, functionPlace, nameForMessage, place } from "../sites/place.ts";
import { unrelocatedBranches } from "../sites/unrelocated.ts";
import type { Edit } from "./retarget-record.ts";
import { findTarget, type Target } from "./retarget-target.ts";

export interface Change {
	/** A function, by the name that calls use. */
	readonly from: string;
	/** Another, or `null` for none. */
	readonly to: string;
}

export interface PlannedSite {
	/** `.text+0x12` or `0x401136` */
	readonly place: string;
	/** `main+0x12` */
	readonly in: string;
	readonly kind: BranchKind;
	readonly from: string;
	readonly to: string;
	/** The instruction. */
	readonly before: Uint8Array;
	readonly after: Uint8Array;
}

/** A call that stays as it is, and why. */
export interface LeftSite {
	readonly place: string;
	readonly in: string;
	readonly from: string;
	readonly why: string;
}

export interface RetargetPlan {
	readonly sites: readonly PlannedSite[];
	readonly left: readonly LeftSite[];
	/** For each site one of its instruction and one of its relocation, also where nothing changes. */
	readonly edits: readonly Edit[];
	/** Undefined symbols that the file needs, those of `symbols` first. */
	readonly symbols: readonly string[];
	/** References to the functions that are no calls: their address is taken. */
	readonly references: number;
}

export interface RetargetOptions {
	/** Functions, or for one call `function+0x12` or its place, `.text+0x34` or in what is linked `0x401034`. All of them have
	 * something to change. */
	readonly only?: readonly string[];
	/** Names of undefined symbols that will be added anyway. */
	readonly symbols?: readonly string[];
}

/** What is the same for all sites of a plan. */
interface Planning {
	readonly object: ElfObject;
	readonly architecture: Architecture;
	readonly table: BranchTable;
	readonly holder: Uint32Array;
	readonly relocationsAt: ReadonlyMap<number, number>;
	readonly sites: PlannedSite[];
	readonly left: LeftSite[];
	readonly edits: Edit[];
	readonly symbols: string[];
	/** Which of `only` had something to change. */
	readonly used: Set<string>;
	/** What `only` may name, one for each call. */
	readonly selectable: Set<string>;
}

/** @param object as read from the file that will be edited
 * @throws LinkError when one of the changes cannot be made: then none should be */
export function planRetarget(
	object: ElfObject,
	changes: readonly Change[],
	options: RetargetOptions = {},
): RetargetPlan {
	const architecture = requireArchitecture(object);
	requireVisibleCalls(object);
	const planning: Omit<Planning, "table" | "holder"> = {
		object,
		architecture,
		relocationsAt: relocationTables(object),
		sites: [],
		left: [],
		edits: [],
		symbols: [...(options.symbols ?? [])],
		used: new Set(),
		selectable: new Set(),
	};
	let references = 0;
	for (const change of changes) {
		const wanted = wantedSymbols(object, { names: [change.from] });
		requireFunction(object, change.from, wanted);
		const table = branchTable(object, architecture, wanted, true);
		const here = { ...planning, table, holder: holders(object, table) };
		leaveUnrelocated(here, change, wanted);
		planChange(here, change, options.only);
		references += countReferences(object, architecture, wanted) - table.count;
	}
	const unused = options.only?.find((name) => !planning.used.has(name));
	if (unused !== undefined) failUnused(planning, unused);
	checkSpans(object, architecture, planning.edits);
	const { sites, left, edits, symbols } = planning;
	return { sites, left, edits, symbols, references: Math.max(0, references) };
}

function requireFunction(object: ElfObject, name: string, wanted: Uint8Array): void {
	if (wanted.includes(1)) return;
	throw new LinkError(`${object.name}: ${hasNoSymbol(object, name)}`);
}

/** What chooses a call. */
function selectorsOf(where: string, place: string): string[] {
	if (where === "") return [place];
	const [name] = where.split("+") as [string];
	return name === where ? [place, name, `${name}+0x0`] : [place, where, name];
}

function failUnused(
	{ object, left, selectable }: Pick<Planning, "object" | "left" | "selectable">,
	name: string,
): never {
	const stays = left.find(({ place, in: where }) => selectorsOf(where, place).includes(name));
	if (stays !== undefined)
		throw new LinkError(`${object.name}: nothing to retarget in '${name}': the call at ${stays.place} ${stays.why}`);
	const names = [...selectable];
	throw new LinkError(`${object.name}: nothing to retarget in '${name}'${suggestion(name, names) || thereAre(names)}`);
}

function planChange(planning: Planning, change: Change, only: readonly string[] | undefined): void {
	const { object, table, left } = planning;
	const target = findTarget(object, change.to, planning.symbols);
	let planned = 0;
	for (let i = 0; i < table.count; i++) {
		if (only !== undefined && !isSelected(planning, i, only)) continue;
		const why = reasonToLeave(planning, i, target, only !== undefined);
		if (why !== undefined)
			left.push({ place: placeOf(planning, i), in: holderName(planning, i), from: change.from, why });
		else planSite(planning, i, change, target);
		planned++;
	}
	if (planned > 0 || only !== undefined) return;
	refuseCallsByAddress(object, planning.architecture);
	failNoCalls(object, change.from);
}

/** Remembers which of `only` chose it, and what could. */
function isSelected(planning: Planning, i: number, only: readonly string[]): boolean {
	const where = holderName(planning, i);
	const place = placeOf(planning, i);
	const selectors = selectorsOf(where, place);
	const selected = only.filter((name) => selectors.includes(name));
	for (const name of selected) planning.used.add(name);
	planning.selectable.add(where === "" ? place : where);
	return selected.length > 0;
}

function leaveUnrelocated({ object, architecture, left }: Planning, { from }: Change, wanted: Uint8Array): void {
	const functions = indexFunctions(object);
	for (const { section, offset } of unrelocatedBranches(object, architecture, wanted)) {
		const value = offset + originOf(object, object.sections[section]!);
		left.push({
			place: codePlace(object, section, offset),
			in: functionPlace(object, functionAt(functions, section, value) ?? 0, value),
			from,
			why: "was resolved by the assembler, which left no relocation; compile with -ffunction-sections or -Wa,-mshared",
		});
	}
}

function failNoCalls(object: ElfObject, name: string): never {
	const local =
		object.type === ET_REL
			? "; calls of a local function from its own section have no relocation, compile with -ffunction-sections"
			: "";
	throw new LinkError(`${object.name}: no relocation of a call names '${name}'${local}`);
}

function holderName({ object, table, holder }: Planning, i: number): string {
	const origin = originOf(object, object.sections[table.section[i]!]!);
	return functionPlace(object, holder[i]!, table.offset[i]! + origin);
}

function placeOf({ object, table }: Planning, i: number): string {
	return codePlace(object, table.section[i]!, table.offset[i]!);
}

function formAt({ architecture, table }: Planning, i: number): BranchForm | undefined {
	return architecture.branches[table.branch[i]!]!.form;
}

function reasonToLeave(planning: Planning, i: number, target: Target, chosen: boolean): string | undefined {
	const { object, table, holder } = planning;
	if (formAt(planning, i) === undefined)
		return "goes through the global offset table; compile without -fno-plt to have a direct call";
	const { beyond } = calleeOf(table, i);
	if (beyond !== 0) return `goes ${hex(beyond)} bytes into the function`;
	const isInside = target.kind === "symbol" && holder[i] !== 0 && sameFunction(object, holder[i]!, target.symbol);
	return isInside && !chosen
		? "is in the new target, which would call itself; --only chooses it nevertheless"
		: undefined;
}

function sameFunction({ symbols }: ElfObject, a: number, b: number): boolean {
	const isDefined = symbols.section[a] !== SHN_UNDEF;
	return a === b || (isDefined && symbols.section[a] === symbols.section[b] && symbols.value[a] === symbols.value[b]);
}

function planSite(planning: Planning, i: number, change: Change, target: Target): void {
	const { object, architecture, table, sites, edits } = planning;
	const index = table.section[i]!;
	const section = object.sections[index]!;
	const offset = table.offset[i]!;
	const form = formAt(planning, i)!;
	const before = section.data.slice(offset, offset + form.length);
	checkDestination(planning, i, form);
	const after = newBytes(planning, i, form, target);
	sites.push({
		place: placeOf(planning, i),
		in: holderName(planning, i),
		kind: branchKinds[architecture.branches[table.branch[i]!]!.kind]!,
		from: change.from,
		to: change.to,
		before,
		after,
	});
	edits.push({ offset: section.fileOffset + offset, before, after });
	edits.push(relocationEdit(planning, i, target));
}

/** A linked branch must go where its relocation says, or to a stub of the procedure linkage table. */
function checkDestination({ object, table }: Planning, i: number, form: BranchForm): void {
	if (object.type === ET_REL) return;
	const section = object.sections[table.section[i]!]!;
	const offset = table.offset[i]!;
	const destination = section.address + offset + form.base + form.read(viewOf(section.data), offset);
	const callee = calleeOf(table, i).symbol;
	if (object.symbols.section[callee] !== SHN_UNDEF && object.symbols.value[callee] === destination) return;
	const stubs = object.sections.some(
		({ name, address, size }) => /^\.i?plt/.test(name) && destination >= address && destination < address + size,
	);
	if (stubs) return;
	throw new LinkError(
		`${place(object, table.section[i]!, offset)}: goes to ${hexAddress(destination)}, not to '${nameForMessage(object, callee)}' as its relocation says`,
	);
}

function newBytes({ object, table }: Planning, i: number, form: BranchForm, target: Target): Uint8Array {
	const index = table.section[i]!;
	const section = object.sections[index]!;
	const offset = table.offset[i]!;
	const bytes = section.data.slice(offset, offset + form.length);
	if (target.kind === "null") {
		if (form.nothing !== undefined) return Uint8Array.from(form.nothing);
		throw new LinkError(
			`${place(object, index, offset)}: a conditional tail call cannot become nothing: no one instruction returns on a condition`,
		);
	}
	const { symbols } = object;
	const isPlaced =
		target.kind === "symbol" &&
		symbols.section[target.symbol] !== SHN_UNDEF &&
		symbols.section[target.symbol]! < SHN_LORESERVE;
	if (!isPlaced || (object.type === ET_REL && symbols.section[target.symbol] !== index)) return bytes;
	const displacement = symbols.value[target.symbol]! - (originOf(object, section) + offset + form.base);
	if (displacement < form.min || displacement > form.max)
		throw new LinkError(
			`${place(object, index, offset)}: out of reach of '${symbolName(symbols, target.symbol)}': ${notIn(displacement, form.min, form.max)}`,
		);
	if (object.type !== ET_REL) form.write(viewOf(bytes), 0, displacement);
	return bytes;
}

function relocationEdit(planning: Planning, i: number, target: Target): Edit {
	const { object, architecture, table, relocationsAt } = planning;
	const index = table.section[i]!;
	const { offset, type, symbol, addend } = object.sections[index]!.relocations!;
	const relocation = table.relocation![i]!;
	const branch = architecture.branches[table.branch[i]!]!;
	const at = relocationsAt.get(index);
	if (at === undefined)
		throw new LinkError(
			`${place(object, index, table.offset[i]!)}: its relocations are in the compact form (CREL), which cannot be changed in place; compile without --crel`,
		);
	const before = entry(offset[relocation]!, type[relocation]!, symbol[relocation]!, addend[relocation]!);
	const after =
		target.kind === "null"
			? entry(offset[relocation]!, architecture.relocation.none, symbol[relocation]!, addend[relocation]!)
			: entry(offset[relocation]!, branch.relocation, target.symbol, branch.addend);
	return { offset: at + relocation * RELA_SIZE, before, after };
}

function entry(offset: number, type: number, symbol: number, addend: number): Uint8Array {
	const bytes = new Uint8Array(RELA_SIZE);
	const view = viewOf(bytes);
	putWord64(view, 0, offset);
	view.setUint32(8, type, true);
	view.setUint32(12, symbol, true);
	putWord64(view, 16, addend);
	return bytes;
}

/** Per section with relocations where in the file they are. */
function relocationTables(object: ElfObject): Map<number, number> {
	const found = new Map<number, number>();
	for (const { type, flags, info, fileOffset, entsize } of object.sections)
		if (type === SHT_RELA && entsize > REL_SIZE && (flags & SHF_ALLOC) === 0) found.set(info, fileOffset);
	return found;
}

/** Relocations of loaded sections that name one of the functions. */
function countReferences({ sections }: ElfObject, { relocation }: Architecture, wanted: Uint8Array): number {
	let count = 0;
	for (const { flags, relocations, name } of sections) {
		if ((flags & SHF_ALLOC) === 0 || relocations === undefined || name === ".eh_frame") continue;
		for (let i = 0; i < relocations.count; i++)
			if (wanted[relocations.symbol[i]!] === 1 && relocations.type[i] !== relocation.none) count++;
	}
	return count;
}

/** After: within the instructions to change there is one relocation, and nothing goes into their middle. */
function checkSpans(object: ElfObject, architecture: Architecture, edits: readonly Edit[]): void {
	const insides: Insides = [];
	for (const [index, section] of object.sections.entries()) {
		if (!isCode(section) || section.relocations === undefined) continue;
		const { fileOffset, data } = section;
		const spans = edits
			.filter(({ offset }) => offset >= fileOffset && offset < fileOffset + data.length)
			.map(({ offset, before }) => ({ offset: offset - fileOffset, length: before.length }));
		if (spans.length === 0) continue;
		checkRelocations(object, index, spans, architecture);
		const bits = newInside(section);
		for (const { offset, length } of spans) markInside(bits, offset, length);
		insides[index] = bits;
	}
	for (const [index, intruders] of jumpedInto(object, architecture, insides))
		for (const [offset, intruder] of intruders)
			throw new LinkError(`${place(object, index, offset)}: ${intruder} goes into the middle of it`);
}

function checkRelocations(
	object: ElfObject,
	index: number,
	spans: readonly { offset: number; length: number }[],
	{ relocation }: Architecture,
): void {
	const { data, relocations } = object.sections[index]!;
	const origin = originOf(object, object.sections[index]!);
	const { count, offset, type } = relocations!;
	/** 1 + the number of the span that a byte belongs to. */
	const owner = new Uint32Array(data.length);
	for (const [i, { offset, length }] of spans.entries()) {
		if (owner[offset] !== 0) throw new LinkError(`${place(object, index, offset)}: two changes of the same call`);
		owner.fill(i + 1, offset, offset + length);
	}
	const seen = new Uint8Array(spans.length + 1);
	for (let i = 0; i < count; i++) {
		const span = owner[offset[i]! - origin] ?? 0;
		if (span === 0 || type[i] === relocation.none) continue;
		if (seen[span] === 1)
			throw new LinkError(`${place(object, index, offset[i]! - origin)}: another relocation lies inside the call`);
		seen[span] = 1;
	}
}
