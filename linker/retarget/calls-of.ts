// The direct calls of one function in a linked file: by relocations where the file kept them, and else by decoding. What
// cannot be retargeted, or might not be a call at all, is in `left` with the reason.

import { type ElfObject, SHN_LORESERVE, SHN_UNDEF } from "../elf/object.ts";
import { functionAt, indexFunctions, isCode } from "../elf/symbols.ts";
import { viewOf } from "../elf/words.ts";
import { LinkError } from "../errors.ts";
import { hex, hexAddress } from "../hex.ts";
import {
	type BranchForm,
	type BranchKind,
	branchKinds,
	type RealArchitecture,
	requireArchitecture,
} from "../sites/arch/index.ts";
import { branchTable, calleeOf } from "../sites/branches.ts";
import { holders } from "../sites/holders.ts";
import { type Insides, jumpedInto, markInside, newInside, visitBranchTargets } from "../sites/jumped-into.ts";
import { functionPlace } from "../sites/place.ts";
import { unrelocatedBranches } from "../sites/unrelocated.ts";
import { flagged, hasNoSymbol, wantedSymbols } from "../sites/wanted.ts";

/** A call or jump to the function's first byte. */
export interface DirectCall {
	readonly section: number;
	/** In the section's bytes. */
	readonly offset: number;
	/** As linked. */
	readonly address: number;
	readonly form: BranchForm;
	readonly kind: BranchKind;
	/** The symbol of the innermost function around it. */
	readonly holder: number;
	/** `main+0x12` */
	readonly in: string;
	/** The instruction. */
	readonly bytes: Uint8Array;
}

/** A call that cannot be retargeted, and why. */
export interface UnusableCall {
	/** As linked. */
	readonly address: number;
	readonly in: string;
	readonly why: string;
}

/** All calls of a function in a linked file. */
export interface CallsOf {
	readonly by: "relocations" | "decoding";
	/** By address. */
	readonly calls: readonly DirectCall[];
	readonly left: readonly UnusableCall[];
}

/** What is found on the way. */
interface Search {
	readonly object: ElfObject;
	readonly architecture: RealArchitecture;
	readonly wanted: Uint8Array;
	readonly calls: DirectCall[];
	readonly left: UnusableCall[];
}

/** @throws LinkError for a name that nothing has, or several functions have */
export function callsOf(object: ElfObject, name: string): CallsOf {
	const architecture = requireArchitecture(object);
	const wanted = wantedSymbols(object, { names: [name] });
	requireOne(object, name, wanted);
	const hasRelocations = object.sections.some((section) => isCode(section) && section.relocations !== undefined);
	const search: Search = { object, architecture, wanted, calls: [], left: [] };
	if (hasRelocations) findRelocated(search);
	else findDecoded(search);
	leaveJumpedInto(search);
	const byAddress = (a: { address: number }, b: { address: number }) => a.address - b.address;
	return {
		by: hasRelocations ? "relocations" : "decoding",
		calls: search.calls.sort(byAddress),
		left: search.left.sort(byAddress),
	};
}

function requireOne(object: ElfObject, name: string, wanted: Uint8Array): void {
	const { section, value } = object.symbols;
	const places = new Set(
		Array.from(flagged(wanted))
			.filter((i) => section[i] !== SHN_UNDEF)
			.map((i) => hexAddress(value[i]!)),
	);
	if (places.size > 1)
		throw new LinkError(
			`${object.name}: ${places.size} functions are called '${name}', at ${[...places].join(", ")}: which one is not clear`,
		);
	if (!wanted.includes(1)) throw new LinkError(`${object.name}: ${hasNoSymbol(object, name)}`);
}

function findRelocated({ object, architecture, wanted, calls, left }: Search): void {
	const table = branchTable(object, architecture, wanted);
	const holder = holders(object, table);
	for (let row = 0; row < table.count; row++) {
		const { form, kind } = architecture.branches[table.branch[row]!]!;
		const call = callAt(object, table.section[row]!, table.offset[row]!, holder[row]!);
		const { beyond } = calleeOf(table, row);
		if (form === undefined)
			left.push({
				...call,
				why: "goes through the global offset table; compile without -fno-plt to have a direct call",
			});
		else if (beyond !== 0) left.push({ ...call, why: `goes ${hex(beyond)} bytes into the function` });
		else calls.push({ ...call, form, kind: branchKinds[kind]!, bytes: bytesOf(object, call, form) });
	}
	const functions = indexFunctions(object);
	for (const { section, offset } of unrelocatedBranches(object, architecture, wanted)) {
		const value = offset + object.sections[section]!.address;
		left.push({
			...callAt(object, section, offset, functionAt(functions, section, value) ?? 0),
			why: "was resolved by the assembler, which left no relocation; compile with -ffunction-sections or -Wa,-mshared",
		});
	}
}

function callAt(object: ElfObject, section: number, offset: number, holder: number) {
	const address = offset + object.sections[section]!.address;
	return { section, offset, address, holder, in: functionPlace(object, holder, address) };
}

function bytesOf({ sections }: ElfObject, { section, offset }: { section: number; offset: number }, form: BranchForm) {
	return sections[section]!.data.slice(offset, offset + form.length);
}

/** Without relocations a branch to the function's first byte counts if decoding the function around it, from its start, comes to
 * it. All other bytes that look like such a branch are left: they may be data, or lie behind bytes that cannot be decoded. */
function findDecoded(search: Search): void {
	const { object, architecture, wanted, left } = search;
	const { symbols } = object;
	const starts = new Set<number>();
	for (const i of flagged(wanted))
		if (symbols.section[i] !== SHN_UNDEF && symbols.section[i]! < SHN_LORESERVE) starts.add(symbols.value[i]!);
	const functions = indexFunctions(object);
	for (const [section, { address, flags }] of object.sections.entries()) {
		if (!isCode({ flags })) continue;
		const branches = new Map(lookAlikes(search, section, starts).map((branch) => [branch.field, branch]));
		const decoded = new Set<number>();
		visitBranchTargets(object, section, architecture, (from, target, field) => {
			if (!starts.has(target + address)) return;
			decoded.add(field);
			if (branches.has(field)) return;
			const call = callAt(object, section, from, functionAt(functions, section, from + address) ?? 0);
			left.push({ ...call, why: "is a short jump, which cannot go elsewhere" });
		});
		for (const branch of branches.values()) addDecoded(search, section, branch, decoded.has(branch.field));
	}
}

interface LookAlike {
	readonly field: number;
	readonly offset: number;
	readonly form: BranchForm;
	readonly kind: BranchKind;
}

/** Every place in a section whose bytes, if they are an instruction, are a branch to one of `starts`. */
function lookAlikes({ object, architecture }: Search, section: number, starts: ReadonlySet<number>): LookAlike[] {
	const { data, address } = object.sections[section]!;
	const { branches, find, align } = architecture;
	const view = viewOf(data);
	const type = branches[0]!.relocation;
	const found: LookAlike[] = [];
	for (let field = 0; field < data.length; field += align) {
		const branch = branches[find(type, data, field)];
		if (branch?.form === undefined) continue;
		const { form, kind, fieldAt } = branch;
		const offset = field - fieldAt;
		if (starts.has(address + offset + form.base + form.read(view, offset)))
			found.push({ field, offset, form, kind: branchKinds[kind]! });
	}
	return found;
}

function addDecoded(search: Search, section: number, branch: LookAlike, isDecoded: boolean): void {
	const { object, wanted, calls, left } = search;
	const { offset, form, kind } = branch;
	const { address } = object.sections[section]!;
	const holder = functionAt(indexFunctions(object), section, address + offset) ?? 0;
	const call = callAt(object, section, offset, holder);
	if (holder === 0)
		left.push({ ...call, why: "lies outside of all functions that symbols name, so it may be no instruction" });
	else if (!isDecoded)
		left.push({ ...call, why: "is not reached by decoding its function from the start, so it may be no instruction" });
	else if (kind !== "call" && wanted[holder] === 1)
		left.push({ ...call, why: "is a jump to the start of its own function, which may be a loop" });
	else calls.push({ ...call, form, kind, bytes: bytesOf(object, call, form) });
}

/** Takes the calls out that something goes into the middle of: an edit would change what it finds there. */
function leaveJumpedInto({ object, architecture, calls, left }: Search): void {
	const insides: Insides = [];
	for (const { section, offset, form } of calls) {
		insides[section] ??= newInside(object.sections[section]!);
		markInside(insides[section], offset, form.length);
	}
	for (const [section, intruders] of jumpedInto(object, architecture, insides))
		for (const [offset, who] of intruders) {
			const index = calls.findIndex((call) => call.section === section && call.offset === offset);
			const [call] = calls.splice(index, 1) as [DirectCall];
			left.push({ ...call, why: `${who} goes into the middle of it` });
		}
}
