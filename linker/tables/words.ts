// What lists say of an entry of a table: what lies at its place now, what that is to become, and which lines it straddles.

import { type ElfObject, EM_AARCH64, ET_REL, originOf } from "../elf/object.ts";
import { symbolName } from "../elf/symbols.ts";
import { TAIL, TRAMPOLINE_PREFIX } from "../format/static-calls.ts";
import { hexAddress, hexBytes } from "../hex.ts";
import { lineSizes } from "../sites/crossings.ts";
import { codePlace, functionPlace } from "../sites/place.ts";
import type { FeatureNames } from "./features.ts";
import type { FieldName } from "./formats.ts";
import { type InstructionAt, instructionAt } from "./instruction.ts";
import { type Address, type PatchTable, type PointedAt, pointedAt } from "./read.ts";

/** An entry of a table with all that lists say of it. */
export interface TableEntry {
	/** The place itself: of code, or of data for tracepoints. */
	readonly at: PointedAt;
	/** The bytes of code that the entry is about, as far as the file has them; empty for data. */
	readonly bytes: Uint8Array;
	readonly instruction: InstructionAt;
	/** What lies there now. */
	readonly now: string;
	/** Sizes of aligned lines that the bytes cross, and those where it depends on where the section will be. */
	readonly crosses: readonly number[];
	readonly crossesIfAligned: readonly number[];
	/** The section is aligned to less than eight bytes, so the linker decides whether one store replaces the instruction. */
	readonly isUnplaced: boolean;
	/** What the rest of the entry says, in words. */
	readonly says: string;
}

export function fieldOf(entry: readonly Address[], name: FieldName): Address | undefined {
	return entry.find((field) => field.name === name);
}

/** The place of an entry. */
export function placeOfEntry(object: ElfObject, entry: readonly Address[]): PointedAt {
	return pointedAt(object, entry[0]!);
}

/** A place by the symbol that covers it, or bare. */
export function placeText(object: ElfObject, at: PointedAt): string {
	return at.symbol === 0 ? bareText(object, at) : functionPlace(object, at.symbol, at.value);
}

/** A place without the symbol over it: `.text+0x12`, or its address in a linked file. */
export function bareText(object: ElfObject, { section, value }: PointedAt): string {
	if (section === 0 || object.type !== ET_REL) return hexAddress(value);
	return codePlace(object, section, value);
}

/** @param names of features */
export function describeEntry(
	object: ElfObject,
	table: PatchTable,
	entry: readonly Address[],
	names: FeatureNames,
): TableEntry {
	const at = placeOfEntry(object, entry);
	const section = object.sections[at.section];
	const isCode = entry[0]!.name !== "data" && at.section !== 0 && section !== undefined;
	const offset = isCode ? at.value - originOf(object, section) : 0;
	const { span, isOperand } = table.format;
	const operand: InstructionAt | undefined = isOperand && { kind: "operand", length: span! };
	const instruction = isCode ? (operand ?? instructionAt(object, at.section, offset)) : nowhere;
	const length =
		span ?? fieldOf(entry, "length")?.value ?? (instruction.kind === "LOCK prefix" ? 1 : instruction.length);
	const bytes = isCode ? section.data.subarray(offset, offset + length) : new Uint8Array(0);
	const align = section === undefined ? 1 : object.type === ET_REL ? section.align : lineSizes.at(-1)!;
	return {
		at,
		bytes,
		instruction,
		now: operand ? operandText(bytes) : isCode ? nowText(object, instruction, length) : "",
		crosses: lineSizes.filter((size) => align >= size && crosses(at.value, length, size)),
		crossesIfAligned: lineSizes.filter((size) => align < size && crosses(at.value, length, size)),
		isUnplaced: align < lineSizes[0],
		says: saysText(object, table, entry, names),
	};
}

/** `operand 0x0123456789abcdef` */
function operandText(bytes: Uint8Array): string {
	return `operand 0x${hexBytes(bytes.slice().reverse()).replaceAll(" ", "")}`;
}

const nowhere: InstructionAt = { kind: "nothing", length: 0 };

function crosses(at: number, length: number, size: number): boolean {
	return length > 0 && (at & (size - 1)) + length > size;
}

function nowText(object: ElfObject, { kind, length, target }: InstructionAt, span: number): string {
	const more = span > length && length > 0 ? `, ${span} bytes in all` : "";
	if (target === undefined) {
		const text = kind === "NOP" ? `NOP of ${length}` : kind === "trap" ? "traps" : kind === "return" ? "returns" : kind;
		return `${text === "zero" ? "returns 0 in place" : text === "nothing" ? "no instruction" : text}${more}`;
	}
	const name = target.symbol === 0 ? "" : symbolName(object.symbols, target.symbol);
	const isTrampoline = name.startsWith(TRAMPOLINE_PREFIX);
	const verb = kind === "call" ? "calls" : kind === "jump" ? "jumps to" : "jumps on a condition to";
	return `${verb} ${isTrampoline ? "the trampoline " : ""}${placeText(object, target)}${more}`;
}

/** In words what fields behind the first say. */
function saysText(
	object: ElfObject,
	{ format, section }: PatchTable,
	entry: readonly Address[],
	names: FeatureNames,
): string {
	const parts = format.family === undefined ? [] : [`of ${section.slice(format.family.length)}`];
	const feature = fieldOf(entry, "feature");
	const others = entry.slice(1).filter((field) => field !== feature);
	for (const field of feature === undefined ? others : [feature, ...others]) {
		const text = fieldText(object, format.name, field, entry, names);
		if (text !== "") parts.push(text);
	}
	return parts.join(", ");
}

function fieldText(
	object: ElfObject,
	table: string,
	field: Address,
	entry: readonly Address[],
	names: FeatureNames,
): string {
	const where = (): string => placeText(object, pointedAt(object, field));
	switch (field.name) {
		case "key":
			return `key ${where()}${keyFlags(table, field.flags)}`;
		case "target":
			return `to ${where()}`;
		case "function":
			return `of ${where()}`;
		case "fixup":
			return `goes on at ${where()}`;
		case "feature":
			return featureText(object, field, fieldOf(entry, "featureFlags"), names);
		case "replacement":
			return replacementText(object, field, entry);
		case "file":
			return fileText(object, field, fieldOf(entry, "line"));
		case "type":
			return `type ${field.value}`;
		case "flags":
			return (field.value & 1) !== 0 ? "warning" : "bug";
		case "code":
		case "data":
		case "length":
		case "replacementLength":
		case "featureFlags":
		case "line":
			return "";
	}
}

function keyFlags(table: string, flags: number): string {
	if (table === "jump labels") return (flags & 1) !== 0 ? " (likely)" : " (unlikely)";
	return (flags & TAIL) !== 0 ? " (tail)" : "";
}

/** Bit 15 of the old form of x86, and bit 0 of the flags of the new one: for processors without the feature. */
const NOT_OLD = 0x8000;
const NOT = 1;
const DIRECT_CALL = 2;
/** On AArch64 bit 15: not code, but a function that makes it, is the replacement. */
const CALLBACK = 0x8000;

function featureText(object: ElfObject, feature: Address, flags: Address | undefined, names: FeatureNames): string {
	const number = feature.value & 0x7fff;
	if (object.machine === EM_AARCH64) return `for ${names(number)}`;
	const isMissing = flags === undefined ? (feature.value & NOT_OLD) !== 0 : (flags.value & NOT) !== 0;
	const isDirect = flags !== undefined && (flags.value & DIRECT_CALL) !== 0;
	return `${isMissing ? "without" : "for"} ${names(flags === undefined ? number : feature.value)}${isDirect ? ", the call made direct" : ""}`;
}

function replacementText(object: ElfObject, field: Address, entry: readonly Address[]): string {
	const length = fieldOf(entry, "replacementLength")!.value;
	const isMade = object.machine === EM_AARCH64 && (fieldOf(entry, "feature")!.value & CALLBACK) !== 0;
	if (isMade) return `made by ${placeText(object, pointedAt(object, field))}`;
	return length === 0 ? "replaced by NOPs" : `replaced by ${length} byte${length === 1 ? "" : "s"}`;
}

/** `kernel/fork.c:12`, where the file has the name. */
function fileText(object: ElfObject, field: Address, line: Address | undefined): string {
	const { section, value } = pointedAt(object, field);
	const home = object.sections[section];
	if (section === 0 || home === undefined) return "";
	const start = value - originOf(object, home);
	const end = home.data.indexOf(0, start);
	if (start < 0 || end < start) return "";
	return `${decoder.decode(home.data.subarray(start, end))}:${line?.value ?? 0}`;
}

const decoder = new TextDecoder();
