// Directives for what is settled when a program is loaded: paravirt operations and their calls, and alternatives. Tables
// name places by a symbol and a distance from it.

import {
	append,
	defineSymbol,
	type ObjectBuilder,
	reference,
	relocate,
	type SectionBuilder,
	SHF_ALLOC,
	SHF_EXECINSTR,
	SHF_WRITE,
	STB_LOCAL,
	section,
} from "../../elf/index.ts";
import { alternativeRow, operationCallRow, type RowShape } from "../../format/rows.ts";
import { OPERATION_PREFIX, OPERATIONS_SECTION, REPLACEMENTS_SECTION } from "../../format/static-calls.ts";
import { clobberKinds, encode, nops, R_TOY_ABS32 } from "../../isa/index.ts";
import { name, needBytes, optional } from "./arguments.ts";
import { type Assembly, isHidden, noteLine, type Open, type Replacement } from "./assembly.ts";
import { accept, type Cursor, expect, unexpected } from "./expression.ts";
import { type Place, sourceError } from "./lex.ts";

/** A length has one byte in the tables. */
const MOST_BYTES = 255;
const CALL_BYTES = encode("callm").length;

export function runParavirt(assembly: Assembly, cursor: Cursor, place: Place): void {
	const operation = name(cursor).text;
	expect(cursor, ",");
	const target = name(cursor).text;
	const cell = OPERATION_PREFIX + operation;
	section(assembly.builder, OPERATIONS_SECTION, { flags: SHF_ALLOC | SHF_WRITE, align: 8, entsize: 8 });
	assembly.keys.set(operation, [cell]);
	const address = target === "null" ? "0" : target;
	const text = `.section ${OPERATIONS_SECTION}; .type ${cell}, @object; .size ${cell}, 8; ${cell}: .word ${address}, ${address}`;
	const type = target === "null" ? "" : `; .type ${target}, @function`;
	assembly.appendix.push({ text: text + type, place });
}

/** An indirect call, room behind it, and a row of the table of such calls. */
export function runOperationCall(assembly: Assembly, cursor: Cursor, place: Place): void {
	const operation = OPERATION_PREFIX + name(cursor).text;
	const bytes = optional(assembly, cursor, CALL_BYTES, CALL_BYTES, MOST_BYTES);
	const clobbers = accept(cursor, ",") ? clobbersNamed(cursor) : clobberKinds.indexOf("all");
	needCode(assembly, place);
	const { builder, section: text } = assembly;
	const { table, row } = appendTo(builder, operationCallRow);
	const { fields } = operationCallRow;
	pointTo(assembly, table, row + fields.address.at, { section: text, offset: text.size }, place);
	relocate(table, row + fields.operation.at, R_TOY_ABS32, reference(builder, operation), 0);
	table.bytes[row + fields.bytes.at] = bytes;
	table.bytes[row + fields.clobbers.at] = clobbers;
	noteLine(assembly, place);
	const at = append(text, encode("callm"));
	relocate(text, at + 1, R_TOY_ABS32, reference(builder, operation), 0);
	append(text, nops(bytes - CALL_BYTES));
}

function clobbersNamed(cursor: Cursor): number {
	const token = name(cursor);
	const kind = (clobberKinds as readonly string[]).indexOf(token.text);
	if (kind < 0) throw unexpected(clobberKinds.join(", "), token);
	return kind;
}

export function runAlternative(assembly: Assembly, _: Cursor, place: Place): void {
	needCode(assembly, place);
	if (assembly.section === replacements(assembly)) throw sourceError("there is no alternative to a replacement", place);
	assembly.alternatives.push({ place, section: assembly.section, start: assembly.section.size, replacements: [] });
}

/** Goes on in the section of replacements. */
export function runReplacement(assembly: Assembly, cursor: Cursor, place: Place): void {
	const open = openAlternative(assembly, place);
	const isMissing = accept(cursor, "~");
	const feature = (isMissing ? "~" : "") + name(cursor).text;
	assembly.section = replacements(assembly);
	const start = assembly.section.size;
	const symbol = `__alternative.${start}.${assembly.order}`;
	defineSymbol(assembly.builder, symbol, { section: assembly.section, value: start, binding: STB_LOCAL });
	open.replacements.push({ feature, symbol, start });
}

/** Back to the original, which is filled up to the longest replacement. */
export function runEndAlternative(assembly: Assembly, _: Cursor, place: Place): void {
	const open = openAlternative(assembly, place);
	if (open.replacements.length === 0) throw sourceError("an alternative needs a .replacement", open.place);
	const ends = [...open.replacements.slice(1).map(({ start }) => start), assembly.section.size];
	const lengths = open.replacements.map(({ start }, i) => ends[i]! - start);
	const bytes = Math.max(open.section.size - open.start, ...lengths);
	if (bytes > MOST_BYTES) throw sourceError(`${bytes} bytes are more than ${MOST_BYTES}`, open.place);
	assembly.section = open.section;
	assembly.alternatives.pop();
	append(open.section, nops(bytes - (open.section.size - open.start)));
	for (const [i, replacement] of open.replacements.entries()) addRow(assembly, open, bytes, replacement, lengths[i]!);
}

/** The innermost one, if the section is still the one that it went on in. */
function openAlternative({ alternatives, section, ...assembly }: Assembly, place: Place): Open {
	const open = alternatives.at(-1);
	if (open === undefined) throw sourceError("there is no .alternative that this belongs to", place);
	const expected =
		open.replacements.length === 0 ? open.section : assembly.builder.sectionsByName.get(REPLACEMENTS_SECTION);
	if (section !== expected) throw sourceError(`the section changed within the alternative: go back first`, place);
	return open;
}

function addRow(assembly: Assembly, open: Open, bytes: number, { symbol, feature }: Replacement, length: number): void {
	const { builder } = assembly;
	const { table, row } = appendTo(builder, alternativeRow);
	const { fields } = alternativeRow;
	pointTo(assembly, table, row + fields.address.at, { section: open.section, offset: open.start }, open.place);
	relocate(table, row + fields.replacement.at, R_TOY_ABS32, reference(builder, symbol), 0);
	relocate(table, row + fields.feature.at, R_TOY_ABS32, reference(builder, featureText(assembly, feature)), 0);
	table.bytes[row + fields.bytes.at] = bytes;
	table.bytes[row + fields.replacementBytes.at] = length;
}

/** Adds an empty row to a table, which is made when it is not there yet. @returns where in the table the row starts */
function appendTo(builder: ObjectBuilder, { section: name, bytes }: RowShape): { table: SectionBuilder; row: number } {
	const table = section(builder, name, { flags: SHF_ALLOC, align: 4, entsize: bytes });
	return { table, row: append(table, new Uint8Array(bytes)) };
}

/** A symbol of the feature's name as text, there once in each object. */
function featureText({ builder }: Assembly, feature: string): string {
	const symbol = `__feature.${feature}`;
	if (builder.symbolIds.has(symbol)) return symbol;
	const texts = section(builder, ".altfeatures", { flags: SHF_ALLOC });
	const value = append(texts, [...new TextEncoder().encode(feature), 0]);
	defineSymbol(builder, symbol, { section: texts, value, binding: STB_LOCAL });
	return symbol;
}

function replacements({ builder }: Assembly): SectionBuilder {
	return section(builder, REPLACEMENTS_SECTION, { flags: SHF_ALLOC | SHF_EXECINSTR });
}

function needCode(assembly: Assembly, place: Place): void {
	needBytes(assembly, place);
	if ((assembly.section.flags & SHF_EXECINSTR) === 0)
		throw sourceError(`section ${assembly.section.name} is not executable`, place);
}

/** Puts the address of a place into a table, as the label before it and the distance. */
function pointTo(
	{ builder, definitions }: Assembly,
	table: SectionBuilder,
	at: number,
	{ section: home, offset }: { readonly section: SectionBuilder; readonly offset: number },
	place: Place,
): void {
	let best: { readonly name: string; readonly offset: number } | undefined;
	for (const [label, { kind, where }] of definitions) {
		if (kind !== "label" || isHidden(label) || where.section !== home || where.offset > offset) continue;
		if (best === undefined || where.offset >= best.offset) best = { name: label, offset: where.offset };
	}
	if (best === undefined) throw sourceError("this needs a label before it, by which its table can name it", place);
	relocate(table, at, R_TOY_ABS32, reference(builder, best.name), offset - best.offset);
}
