// Retargets calls of a file that others compiled or linked: which bytes change, checked as a whole before any does. The
// file stays as it is but for those bytes; what was there is kept in it (retarget-record.ts), so every plan starts from
// the file as it was made, and undoing is exact.

import {
	type ElfObject,
	ET_REL,
	originOf,
	SHF_ALLOC,
	SHN_LORESERVE,
	SHN_UNDEF,
	SHT_RELA,
	STB_WEAK,
} from "../elf/object.ts";
import { functionAt, indexFunctions, isCode, symbolName } from "../elf/symbols.ts";
import { REL_SIZE, RELA_SIZE, relaBytes } from "../elf/tables.ts";
import { viewOf } from "../elf/words.ts";
import { LinkError, notIn, suggestion, thereAre } from "../errors.ts";
import { hex, hexAddress } from "../hex.ts";
import {
	type BranchForm,
	type BranchKind,
	branchKinds,
	type RealArchitecture,
	requireArchitecture,
} from "../sites/arch/index.ts";
import { refuseCallsByAddress, requireVisibleCalls } from "../sites/hidden-calls.ts";
import { nameForMessage, place } from "../sites/place.ts";
import { unrelocatedBranches } from "../sites/unrelocated.ts";
import { baseName, hasNoSymbol, wantedSymbols } from "../sites/wanted.ts";
import { checkSpans, type Span } from "./check-spans.ts";
import { type CallPlace, callPlace, callsTo, type FoundCall } from "./found-calls.ts";
import type { Edit } from "./retarget-record.ts";
import { findTarget, type Target } from "./retarget-target.ts";

/** Which calls are to go where. */
export interface Change {
	/** A function, by the name that calls use. */
	readonly from: string;
	/** Another, or `null` for none. */
	readonly to: string;
}

/** A call that will change. */
export interface PlannedSite extends CallPlace {
	readonly kind: BranchKind;
	/** As the change says it. */
	readonly from: string;
	/** What the relocation names: another name of the same function, where that is what was written. */
	readonly named: string;
	readonly to: string;
	/** The instruction. */
	readonly before: Uint8Array;
	readonly after: Uint8Array;
	/** Its relocation, as `R_X86_64_PLT32 slow-0x4`. */
	readonly relocation: { readonly before: string; readonly after: string };
}

/** A call that stays as it is, and why. */
export interface LeftSite extends CallPlace {
	readonly from: string;
	readonly why: string;
}

/** What retargeting will do to a file, checked as a whole. */
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

/** What narrows a plan down. */
export interface RetargetOptions {
	/** Functions, or for one call `function+0x12` or its place, `.text+0x34` or in what is linked `0x401034`. All of them have
	 * something to change. */
	readonly only?: readonly string[];
	/** Names of undefined symbols that will be added anyway. */
	readonly symbols?: readonly string[];
}

/** What is the same for all changes of a plan, and what becomes of them. */
interface Planning {
	readonly object: ElfObject;
	readonly architecture: RealArchitecture;
	readonly relocationsAt: ReadonlyMap<number, number>;
	readonly sites: PlannedSite[];
	readonly left: LeftSite[];
	readonly edits: Edit[];
	/** By section the instructions that change. */
	readonly spans: Map<number, Span[]>;
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
	const planning: Planning = {
		object,
		architecture,
		relocationsAt: relocationTables(object),
		sites: [],
		left: [],
		edits: [],
		spans: new Map(),
		symbols: [...(options.symbols ?? [])],
		used: new Set(),
		selectable: new Set(),
	};
	let references = 0;
	for (const change of changes) {
		const wanted = wantedSymbols(object, { names: [change.from] });
		requireFunction(object, change.from, wanted);
		planning.left.push(...unrelocatedCalls(planning.object, planning.architecture, change.from, wanted));
		const calls = callsTo(object, architecture, wanted);
		planChange(planning, calls, change, options.only);
		references += countReferences(object, architecture, wanted) - calls.length;
	}
	const unused = options.only?.find((name) => !planning.used.has(name));
	if (unused !== undefined) failUnused(planning, unused);
	checkSpans(object, architecture, planning.spans);
	const { sites, left, edits, symbols } = planning;
	return { sites, left, edits, symbols, references: Math.max(0, references) };
}

function requireFunction(object: ElfObject, name: string, wanted: Uint8Array): void {
	if (wanted.includes(1)) return;
	throw new LinkError(`${object.name}: ${hasNoSymbol(object, name)}`);
}

/** What chooses a call. */
function selectorsOf({ in: where, place }: Pick<CallPlace, "in" | "place">): string[] {
	if (where === "") return [place];
	const [name] = where.split("+") as [string];
	return name === where ? [place, name, `${name}+0x0`] : [place, where, name];
}

function failUnused(
	{ object, left, selectable }: Pick<Planning, "object" | "left" | "selectable">,
	name: string,
): never {
	const stays = left.find((each) => selectorsOf(each).includes(name));
	if (stays !== undefined)
		throw new LinkError(`${object.name}: nothing to retarget in '${name}': the call at ${stays.place} ${stays.why}`);
	const names = [...selectable];
	throw new LinkError(`${object.name}: nothing to retarget in '${name}'${suggestion(name, names) || thereAre(names)}`);
}

function planChange(
	planning: Planning,
	calls: readonly FoundCall[],
	change: Change,
	only: readonly string[] | undefined,
): void {
	const { object, architecture } = planning;
	const target = findTarget(object, change.to, planning.symbols);
	let planned = 0;
	for (const call of calls) {
		if (only !== undefined && !isSelected(planning, call, only)) continue;
		const why = reasonToLeave(object, call, target, only !== undefined);
		if (why !== undefined) planning.left.push({ ...call.where, from: change.from, why });
		else planSite(planning, call, change, target);
		planned++;
	}
	if (planned > 0 || only !== undefined) return;
	refuseCallsByAddress(object, architecture);
	failNoCalls(object, change.from);
}

/** Remembers which of `only` chose it, and what could. */
function isSelected({ used, selectable }: Planning, { where }: FoundCall, only: readonly string[]): boolean {
	const selectors = selectorsOf(where);
	const selected = only.filter((name) => selectors.includes(name));
	for (const name of selected) used.add(name);
	selectable.add(where.in === "" ? where.place : where.in);
	return selected.length > 0;
}

/** Calls that stay, for no relocation names what they call. @param wanted 1 for each symbol of the function `from` */
export function unrelocatedCalls(
	object: ElfObject,
	architecture: RealArchitecture,
	from: string,
	wanted: Uint8Array,
): LeftSite[] {
	const functions = indexFunctions(object);
	return unrelocatedBranches(object, architecture, wanted).map(({ section, offset }) => {
		const value = offset + originOf(object, object.sections[section]!);
		return {
			...callPlace(object, section, offset, functionAt(functions, section, value) ?? 0),
			from,
			why: "was resolved by the assembler, which left no relocation; compile with -ffunction-sections or -Wa,-mshared",
		};
	});
}

function failNoCalls(object: ElfObject, name: string): never {
	const local =
		object.type === ET_REL
			? "calls of a local function from its own section have no relocation, compile with -ffunction-sections; or "
			: "";
	throw new LinkError(
		`${object.name}: no relocation of a call names '${name}'; ${local}is it inlined wherever it is called, or called by pointers alone, as virtual functions are?`,
	);
}

function reasonToLeave(
	object: ElfObject,
	{ branch, callee, holder }: FoundCall,
	target: Target,
	chosen: boolean,
): string | undefined {
	if (branch.form === undefined)
		return "goes through the global offset table; compile without -fno-plt to have a direct call";
	if (callee.beyond !== 0) return `goes ${hex(callee.beyond)} bytes into the function`;
	const isInside = target.kind === "symbol" && holder !== 0 && sameFunction(object, holder, target.symbol);
	return isInside && !chosen
		? "is in the new target, which would call itself; --only chooses it nevertheless"
		: undefined;
}

function sameFunction({ symbols }: ElfObject, a: number, b: number): boolean {
	const isDefined = symbols.section[a] !== SHN_UNDEF;
	return a === b || (isDefined && symbols.section[a] === symbols.section[b] && symbols.value[a] === symbols.value[b]);
}

function planSite(planning: Planning, call: FoundCall, change: Change, target: Target): void {
	const { object, architecture, sites, edits, spans } = planning;
	const { section: index, offset, branch, where } = call;
	const form = branch.form!;
	const { data, fileOffset } = object.sections[index]!;
	const before = data.slice(offset, offset + form.length);
	checkDestination(object, architecture, call, form);
	const after = newBytes(object, call, form, target);
	const named = baseName(nameForMessage(object, call.callee.symbol));
	const { edit, relocation } = changedRelocation(planning, call, target);
	const kind = branchKinds[branch.kind]!;
	sites.push({ ...where, kind, from: change.from, named, to: change.to, before, after, relocation });
	const span = { offset, length: form.length };
	if (spans.get(index)?.push(span) === undefined) spans.set(index, [span]);
	edits.push({ offset: fileOffset + offset, before, after });
	edits.push(edit);
}

/** A linked branch must go where its relocation says, to a stub of the procedure linkage table, or to a veneer that goes there.
 * One to a weak function that nobody defines goes wherever the linker liked. */
function checkDestination(object: ElfObject, architecture: RealArchitecture, call: FoundCall, form: BranchForm): void {
	const { symbols, sections } = object;
	if (object.type === ET_REL) return;
	const section = sections[call.section]!;
	const callee = call.callee.symbol;
	const isDefined = symbols.section[callee] !== SHN_UNDEF;
	if (!isDefined && symbols.info[callee]! >> 4 === STB_WEAK) return;
	let destination = section.address + call.offset + form.base + form.read(viewOf(section.data), call.offset);
	for (let veneers = 0; veneers < 2; veneers++) {
		if (isDefined && symbols.value[callee] === destination) return;
		const home = sections.find(
			({ flags, address, size }) => isCode({ flags }) && destination >= address && destination < address + size,
		);
		if (home !== undefined && /^\.i?plt/.test(home.name)) return;
		const next = home && architecture.followVeneer?.(home.data, destination - home.address, destination);
		if (next === undefined) break;
		destination = next;
	}
	throw new LinkError(
		`${place(object, call.section, call.offset)}: goes to ${hexAddress(destination)}, not to '${nameForMessage(object, callee)}' as its relocation says`,
	);
}

function newBytes(object: ElfObject, { section: index, offset }: FoundCall, form: BranchForm, target: Target) {
	const section = object.sections[index]!;
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

/** The relocation of a call, as it becomes in the file and in words. */
function changedRelocation(
	{ object, architecture, relocationsAt, symbols: added }: Planning,
	call: FoundCall,
	target: Target,
): { edit: Edit; relocation: PlannedSite["relocation"] } {
	const { section: index, relocation: i, branch } = call;
	const { relocations } = object.sections[index]!;
	const at = relocationsAt.get(index);
	if (at === undefined)
		throw new LinkError(
			`${place(object, index, call.offset)}: its relocations are in the compact form (CREL), which cannot be changed in place; compile without --crel`,
		);
	const old = {
		offset: relocations!.offset[i]!,
		type: relocations!.type[i]!,
		symbol: relocations!.symbol[i]!,
		addend: relocations!.addend[i]!,
	};
	const now =
		target.kind === "null"
			? { ...old, type: architecture.relocation.none }
			: { ...old, type: branch.relocation, symbol: target.symbol, addend: branch.addend };
	const text = ({ type, symbol, addend }: typeof old): string => {
		const name = Object.entries(architecture.relocation.names).find(([, number]) => number === type)?.[0];
		const { count } = object.symbols;
		const named = symbol < count ? nameForMessage(object, symbol) : added[symbol - count]!;
		const plus = addend === 0 ? "" : addend < 0 ? `-${hex(-addend)}` : `+${hex(addend)}`;
		return `${name ?? `type ${type}`}${type === architecture.relocation.none ? "" : ` ${named}${plus}`}`;
	};
	return {
		edit: { offset: at + i * RELA_SIZE, before: relaBytes(old), after: relaBytes(now) },
		relocation: { before: text(old), after: text(now) },
	};
}

/** Per section with relocations where in the file they are. */
function relocationTables(object: ElfObject): Map<number, number> {
	const found = new Map<number, number>();
	for (const { type, flags, info, fileOffset, entsize } of object.sections)
		if (type === SHT_RELA && entsize > REL_SIZE && (flags & SHF_ALLOC) === 0) found.set(info, fileOffset);
	return found;
}

/** Relocations of loaded sections that name one of the functions. */
function countReferences({ sections }: ElfObject, { relocation }: RealArchitecture, wanted: Uint8Array): number {
	let count = 0;
	for (const { flags, relocations, name } of sections) {
		if ((flags & SHF_ALLOC) === 0 || relocations === undefined || name === ".eh_frame") continue;
		for (let i = 0; i < relocations.count; i++)
			if (wanted[relocations.symbol[i]!] === 1 && relocations.type[i] !== relocation.none) count++;
	}
	return count;
}
