// Holds tables against the code they are about, both ways: every entry's place holds what such a table is for, and every
// branch that must be in a table is. With relocations also: what a table's fields say is what their relocations say.

import { type ElfObject, ET_REL, originOf, R_NONE } from "../elf/object.ts";
import { isCode, symbolName } from "../elf/symbols.ts";
import { KEY_PREFIX, TAIL, TRAMPOLINE_PREFIX } from "../format/static-calls.ts";
import { hexAddress } from "../hex.ts";
import { architectureOf } from "../sites/arch/index.ts";
import { type BranchTable, branchTable, calleeName, calleeOf } from "../sites/branches.ts";
import { codePlace } from "../sites/place.ts";
import { wantedSymbols } from "../sites/wanted.ts";
import { type InstructionAt, type InstructionKind, instructionAt } from "./instruction.ts";
import { type Address, type PatchTable, pointedAt } from "./read.ts";
import { bareText, fieldOf, placeText } from "./words.ts";

/** What holds of the tables of a name. */
interface Rule {
	readonly table: string;
	/** What may lie at an entry's place; anything in code where nothing is said. */
	readonly holds?: readonly InstructionKind[];
	/** What a direct branch there goes to: functions with this prefix. */
	readonly goesTo?: string;
	/** Whether each branch to such a function must be an entry. */
	readonly isComplete?: true;
	/** Sections whose code is not run where it lies, or that the table leaves out. */
	readonly except?: RegExp;
}

const branches: readonly InstructionKind[] = ["call", "jump", "conditional jump"];
const replacements = /^\.altinstr_replacement$/;

const rules: readonly Rule[] = [
	{
		table: "static calls",
		holds: [...branches, "NOP", "return", "zero"],
		goesTo: TRAMPOLINE_PREFIX,
		isComplete: true,
		except: replacements,
	},
	{ table: "user static calls", holds: [...branches, "NOP", "return", "zero"], goesTo: TRAMPOLINE_PREFIX },
	{ table: "jump labels", holds: ["NOP", "jump"] },
	{ table: "function entries (mcount)", holds: ["call", "NOP"], goesTo: "__fentry__", isComplete: true },
	{ table: "function entries (patchable)", holds: ["NOP", "landing pad"] },
	{ table: "paravirt calls", holds: ["indirect call", "call"] },
	{
		table: "retpolines",
		holds: branches,
		goesTo: "__x86_indirect_thunk_",
		isComplete: true,
		except: replacements,
	},
	{ table: "returns", holds: ["jump"], goesTo: "__x86_return_thunk", isComplete: true, except: replacements },
	{ table: "counted calls", holds: ["call"] },
	{ table: "IBT seals", holds: ["landing pad"] },
	{ table: "SMP locks", holds: ["LOCK prefix"] },
	{ table: "CFI traps", holds: ["trap", "breakpoint"] },
	{ table: "bug table", holds: ["trap", "breakpoint"] },
];

/** Something that does not fit. */
export interface Mismatch {
	/** `.text+0x12 (main+0x2)` */
	readonly place: string;
	readonly what: string;
}

export interface Verified {
	readonly table: PatchTable;
	/** Entries whose place holds what it should. */
	readonly sound: number;
	/** Branches in code that must be in the table; undefined where there is no telling. */
	readonly branches: number | undefined;
	/** Fields that have relocations, and say the same. */
	readonly relocated: number;
	readonly mismatches: readonly Mismatch[];
}

export function verifyTable(object: ElfObject, table: PatchTable): Verified {
	const rule: Rule = rules.find((each) => each.table === table.format.name) ?? { table: table.format.name };
	const mismatches: Mismatch[] = [];
	let sound = 0;
	for (const entry of table.entries) {
		const what = entryMismatch(object, table, entry, rule);
		if (what === undefined) sound++;
		else mismatches.push({ place: whereText(object, entry[0]!), what });
	}
	const relocated = checkFields(object, table, mismatches);
	const found = rule.isComplete === true ? checkBranches(object, table, rule, mismatches) : undefined;
	return { table, sound, branches: found, relocated, mismatches };
}

function whereText(object: ElfObject, address: Pick<Address, "symbol" | "value">): string {
	const at = pointedAt(object, address);
	const place = bareText(object, at);
	return at.symbol === 0 ? place : `${place} (${placeText(object, at)})`;
}

/** Undefined where nothing is wrong. */
function entryMismatch(
	object: ElfObject,
	{ format }: PatchTable,
	entry: readonly Address[],
	{ holds, goesTo }: Rule,
): string | undefined {
	const at = pointedAt(object, entry[0]!);
	const section = object.sections[at.section];
	if (at.section === 0 || section === undefined) return "is no place of this file";
	if (entry[0]!.name === "data") return undefined;
	const offset = at.value - originOf(object, section);
	if (!isCode(section) || offset < 0 || offset >= section.data.length) return "is no code";
	const found = instructionAt(object, at.section, offset);
	if (holds !== undefined && !holds.includes(found.kind))
		return `holds: ${found.kind}, which is none of ${holds.join(", ")}`;
	if (
		goesTo !== undefined &&
		found.target !== undefined &&
		!namesAt(object, found).some((name) => name.startsWith(goesTo))
	)
		return `goes to ${placeText(object, found.target)}, not to ${goesTo}…`;
	if (format.name === "static calls") return keyMismatch(object, entry, found);
	if (format.name === "jump labels") return labelMismatch(object, entry, found);
	return spanMismatch(object, entry, section.data.length - offset);
}

/** All names of the place that a branch goes to. */
function namesAt(object: ElfObject, { target }: InstructionAt): readonly string[] {
	const { symbols } = object;
	const { section, symbol, value } = target!;
	if (section === 0) return [symbolName(symbols, symbol)];
	return namesByPlace(object).get(`${section} ${value}`) ?? [];
}

const placeNames = new WeakMap<ElfObject, Map<string, string[]>>();

function namesByPlace(object: ElfObject): ReadonlyMap<string, string[]> {
	const known = placeNames.get(object);
	if (known !== undefined) return known;
	const { symbols } = object;
	const names = new Map<string, string[]>();
	for (let i = 1; i < symbols.count; i++) {
		const name = symbolName(symbols, i);
		if (!name.startsWith("__")) continue;
		const place = `${symbols.section[i]} ${symbols.value[i]}`;
		names.set(place, [...(names.get(place) ?? []), name]);
	}
	placeNames.set(object, names);
	return names;
}

/** The key and the TAIL flag are those of the branch. In a module the trampoline may stand for a key it may not name. */
function keyMismatch(object: ElfObject, entry: readonly Address[], found: InstructionAt): string | undefined {
	const field = fieldOf(entry, "key")!;
	const isTail = (field.flags & TAIL) !== 0;
	const isJump = found.kind === "jump" || found.kind === "conditional jump" || found.kind === "return";
	if (isTail !== isJump) return `is ${isJump ? "a jump" : "a call"}, and its entry says ${isTail ? "tail" : "call"}`;
	const key = pointedAt(object, field);
	const name = key.symbol === 0 ? "" : symbolName(object.symbols, key.symbol);
	if (found.target === undefined || name === "") return undefined;
	const base = name.startsWith(KEY_PREFIX) ? name.slice(KEY_PREFIX.length) : name.slice(TRAMPOLINE_PREFIX.length);
	const goesRight = namesAt(object, found).includes(TRAMPOLINE_PREFIX + base);
	return goesRight ? undefined : `goes to ${placeText(object, found.target)}, and its key is ${name}`;
}

function labelMismatch(object: ElfObject, entry: readonly Address[], found: InstructionAt): string | undefined {
	if (found.length !== 2 && found.length !== 5 && found.length !== 4) return `has ${found.length} bytes`;
	const target = pointedAt(object, fieldOf(entry, "target")!);
	if (found.target === undefined) return undefined;
	const isSame = found.target.section === target.section && found.target.value === target.value;
	return isSame
		? undefined
		: `jumps to ${placeText(object, found.target)}, and its entry says ${placeText(object, target)}`;
}

/** What is replaced lies in its section, and so does the replacement. */
function spanMismatch(object: ElfObject, entry: readonly Address[], left: number): string | undefined {
	const length = fieldOf(entry, "length");
	if (length !== undefined && length.value > left) return `has ${length.value} bytes, and its section ${left} more`;
	const replacement = fieldOf(entry, "replacement");
	if (replacement === undefined || fieldOf(entry, "replacementLength")!.value === 0) return undefined;
	const at = pointedAt(object, replacement);
	const isThere = at.section !== 0 && isCode(object.sections[at.section]!);
	return isThere || (at.section === 0 && at.symbol !== 0) ? undefined : "has a replacement that is no code";
}

/** A field of a linked file whose bytes and whose relocation say something else. */
interface Difference {
	readonly place: string;
	readonly holds: number;
	readonly wanted: number;
}

/** Holds fields against relocations. @returns how many have one */
function checkFields(
	object: ElfObject,
	{ index, offset, size, shape, numbers, entries }: PatchTable,
	mismatches: Mismatch[],
): number {
	const section = object.sections[index]!;
	const { relocations } = section;
	if (relocations === undefined) return 0;
	const fields = new Map<number, Address>();
	const origin = originOf(object, section);
	for (const [i, entry] of entries.entries())
		for (const [j, { at, is }] of shape.fields.entries())
			if (is !== "number") fields.set(offset + (numbers?.[i] ?? i) * shape.entry + at, entry[j]!);
	const end = offset + size;
	const seen = new Set<number>();
	const different: Difference[] = [];
	const zeroed: number[] = [];
	for (let i = 0; i < relocations.count; i++) {
		const at = relocations.offset[i]! - origin;
		if (relocations.type[i] === R_NONE || at < offset || at >= end) continue;
		seen.add(at);
		const field = fields.get(at);
		const place = `${section.name}+${hexAddress(at)}`;
		const wanted = object.symbols.value[relocations.symbol[i]!]! + relocations.addend[i]!;
		// Filler between entries was one before the kernel's build zeroed it.
		if (field === undefined && numbers !== undefined) zeroed.push(wanted);
		else if (field === undefined) mismatches.push({ place, what: "has a relocation where no entry has an address" });
		if (field === undefined || object.type === ET_REL) continue;
		const holds = field.value + field.flags;
		if (wanted !== holds) different.push({ place, holds, wanted });
	}
	if (!isSorted(different, zeroed))
		for (const { place, holds, wanted } of different)
			mismatches.push({ place, what: `holds ${hexAddress(holds)}, its relocation says ${hexAddress(wanted)}` });
	if (object.type === ET_REL)
		for (const at of fields.keys())
			if (!seen.has(at)) mismatches.push({ place: `${section.name}+${hexAddress(at)}`, what: "has no relocation" });
	return seen.size;
}

/** Whether the fields hold what the relocations say in another order: a kernel's build sorts tables after it is linked.
 * @param zeroed what relocations say of entries that are none any more */
function isSorted(different: readonly Difference[], zeroed: readonly number[]): boolean {
	const left = new Map<number, number>();
	for (const value of [...different.map(({ wanted }) => wanted), ...zeroed])
		left.set(value, (left.get(value) ?? 0) + 1);
	return different.every(({ holds }) => {
		const count = left.get(holds) ?? 0;
		left.set(holds, count - 1);
		return count > 0;
	});
}

const branchTables = new WeakMap<ElfObject, Map<string, BranchTable>>();

/** Every branch to functions of the prefix, that a relocation names. */
function branchesTo(object: ElfObject, prefix: string): BranchTable {
	const known = branchTables.get(object) ?? new Map<string, BranchTable>();
	branchTables.set(object, known);
	const found =
		known.get(prefix) ?? branchTable(object, architectureOf(object.machine)!, wantedSymbols(object, { prefix }));
	known.set(prefix, found);
	return found;
}

/** Looks for branches that the table lacks. @returns how many there are; undefined for code without relocations */
function checkBranches(
	object: ElfObject,
	{ entries }: PatchTable,
	rule: Rule,
	mismatches: Mismatch[],
): number | undefined {
	const { sections } = object;
	if (!sections.some((section) => isCode(section) && section.relocations !== undefined)) return undefined;
	if (architectureOf(object.machine) === undefined) return undefined;
	const known = new Set(
		entries.map((entry) => {
			const { section, value } = pointedAt(object, entry[0]!);
			return `${section} ${value}`;
		}),
	);
	const table = branchesTo(object, rule.goesTo!);
	let count = 0;
	for (let row = 0; row < table.count; row++) {
		const section = table.section[row]!;
		if (rule.except?.test(sections[section]!.name) === true) continue;
		count++;
		const value = table.offset[row]! + originOf(object, sections[section]!);
		// A prefix of the branch is part of the instruction, and a list of branches begins behind it.
		if (known.has(`${section} ${value}`) || known.has(`${section} ${value - 1}`)) continue;
		mismatches.push({
			place: codePlace(object, section, table.offset[row]!),
			what: `goes to ${calleeName(object, calleeOf(table, row))}, and is in no entry of ${rule.table}`,
		});
	}
	return count;
}
