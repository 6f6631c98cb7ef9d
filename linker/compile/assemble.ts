// The assembler: `.s` source to a relocatable object. Instructions have one length each, so one walk over the source
// places everything; fields that hold expressions are settled after it, to bytes or relocations.

import {
	addLines,
	amendSymbol,
	append,
	defineSymbol,
	type ElfObject,
	fileSymbol,
	finish,
	newObject,
	reference,
	type SectionBuilder,
	SHN_ABS,
	section,
} from "../elf/index.ts";
import { suggestion } from "../errors.ts";
import { TRAMPOLINE_PREFIX } from "../format/static-calls.ts";
import { EM_TOY, encode, formats, R_TOY_ABS32, type Row, spellings, takesCondition, usage } from "../isa/index.ts";
import { needBytes } from "./assembly/arguments.ts";
import {
	type Assembly,
	type Constant,
	defineConstant,
	defineLabel,
	defineNumeric,
	here,
	noteLine,
	numberAt,
	scopeAt,
	type Where,
} from "./assembly/assembly.ts";
import { directives } from "./assembly/directives.ts";
import {
	accept,
	type Cursor,
	type Expression,
	evaluate,
	next,
	parseExpression,
	peek,
	unexpected,
} from "./assembly/expression.ts";
import { immediateField, settle } from "./assembly/fields.ts";
import { type Place, type Source, sourceError, type Token, tokenize } from "./assembly/lex.ts";
import { isAtEnd, matchOperands, parseOperands } from "./assembly/operands.ts";

/** What a fetch or a store of any model takes at once. */
const SITE_UNIT = 8;

/** How a `.s` source is assembled. */
export interface AssembleOptions {
	/** For messages and line information. */
	readonly file: string;
	/** Pads with NOP so that no CALL, JMP or Jcc of a static call crosses an aligned 8-byte boundary. */
	readonly alignSites?: boolean;
}

/** @throws SourceError at the first mistake */
export function assemble(source: string, { file, alignSites = false }: AssembleOptions): ElfObject {
	const assembly = newAssembly(file, alignSites);
	const lines: Source = { file, lines: source.split(/\r?\n/) };
	for (const [i, text] of lines.lines.entries()) {
		assembleText(assembly, text, (column, length) => ({ source: lines, line: i + 1, column, length }));
	}
	const open = assembly.alternatives.at(-1);
	if (open !== undefined) throw sourceError("this has no .endalternative", open.place);
	for (const { text, place } of assembly.appendix) assembleText(assembly, text, () => place);
	exportKeys(assembly);
	for (const fixup of assembly.fixups) settle(assembly, fixup);
	declare(assembly);
	describeLines(assembly, file);
	return finish(assembly.builder);
}

function newAssembly(file: string, alignSites: boolean): Assembly {
	const builder = newObject(file, EM_TOY);
	fileSymbol(builder, file);
	return {
		builder,
		alignSites,
		section: section(builder, ".text"),
		order: 0,
		filled: 0,
		definitions: new Map(),
		numeric: new Map(),
		bindings: new Map(),
		types: new Map(),
		sizes: new Map(),
		keys: new Map(),
		fixups: [],
		rows: new Map(),
		appendix: [],
		alternatives: [],
	};
}

function assembleText(assembly: Assembly, text: string, placeOf: (column: number, length: number) => Place): void {
	const cursor: Cursor = { tokens: tokenize(text, placeOf), index: 0 };
	while (peek(cursor).kind !== "end") {
		assembly.order++;
		if (!accept(cursor, ";")) assembleStatement(assembly, cursor);
	}
}

function assembleStatement(assembly: Assembly, cursor: Cursor): void {
	const token = next(cursor);
	if (accept(cursor, ":")) assembleLabel(assembly, token);
	else if (token.kind !== "name") throw unexpected("a label, a directive or an instruction", token);
	else if (accept(cursor, "=")) assembleConstant(assembly, token, cursor);
	else if (token.text.startsWith(".")) assembleDirective(assembly, token, cursor);
	else assembleInstruction(assembly, token, cursor);
}

function assembleLabel(assembly: Assembly, token: Token): void {
	if (token.kind === "number") defineNumeric(assembly, token);
	else if (token.kind === "name" && token.text !== ".") defineLabel(assembly, token);
	else throw sourceError("a label is a name or a number", token.place);
}

function assembleConstant(assembly: Assembly, token: Token, cursor: Cursor): void {
	defineConstant(assembly, token, parseExpression(cursor));
	expectEnd(cursor, "name = expression");
}

function assembleDirective(assembly: Assembly, token: Token, cursor: Cursor): void {
	const directive = directives.get(token.text);
	if (directive === undefined) {
		throw sourceError(`unknown directive '${token.text}'${suggestion(token.text, directives.keys())}`, token.place);
	}
	directive.run(assembly, cursor, token.place);
	expectEnd(cursor, directive.usage);
}

function assembleInstruction(assembly: Assembly, token: Token, cursor: Cursor): void {
	const spelling = spellings.get(token.text);
	if (spelling === undefined) {
		throw sourceError(`unknown instruction '${token.text}'${suggestion(token.text, spellings.keys())}`, token.place);
	}
	const { row, condition } = spelling;
	const { a, b, c, imm } = matchOperands(row, parseOperands(cursor), token);
	expectEnd(cursor, usage(row));
	needBytes(assembly, token.place);
	if (assembly.alignSites && imm !== undefined && isSite(row, imm))
		padSite(assembly.section, formats[row.format].length);
	const where = here(assembly);
	noteLine(assembly, token.place);
	append(assembly.section, encode(row.mnemonic, { a, b, c: takesCondition(row) ? condition : c }));
	if (imm !== undefined) defer(assembly, row, imm, where);
}

/** Only a label may have another statement after it without a `;`. */
function expectEnd(cursor: Cursor, usage: string): void {
	if (!isAtEnd(cursor)) throw unexpected(`the end of the statement (${usage})`, peek(cursor));
}

/** Leaves the immediate, which ends the instruction, to the end of the file. */
function defer(assembly: Assembly, row: Row, expression: Expression, where: Where): void {
	const field = immediateField(row);
	const offset = assembly.section.size - field.size;
	assembly.fixups.push({ field, section: assembly.section, offset, expression, where });
}

function isSite(row: Row, target: Expression): boolean {
	return row.format === "rel" && target.kind === "symbol" && target.name.startsWith(TRAMPOLINE_PREFIX);
}

/** Keeps the next `length` bytes within an aligned unit of eight, which stores and fetches do not tear. */
function padSite(section: SectionBuilder, length: number): void {
	section.align = Math.max(section.align, SITE_UNIT);
	while ((section.size % SITE_UNIT) + length > SITE_UNIT) append(section, encode("nop"));
}

/** `.global pick` exports the symbols of the key `pick`, unless `pick` is a label itself. */
function exportKeys({ bindings, definitions, keys }: Assembly): void {
	for (const [name, said] of [...bindings]) {
		const symbols = definitions.has(name) ? [] : (keys.get(name) ?? []);
		for (const symbol of symbols) bindings.set(symbol, said);
	}
}

/** Gives symbols what directives said of them, wherever in the file. */
function declare(assembly: Assembly): void {
	const { builder, bindings, types, sizes, definitions } = assembly;
	for (const [name, { value }] of bindings) {
		const definition = definitions.get(name);
		if (definition?.kind === "constant") defineAlias(assembly, name, definition);
		if (builder.symbolIds.has(name)) amendSymbol(builder, reference(builder, name), { binding: value });
	}
	for (const [name, { value }] of types) {
		if (builder.symbolIds.has(name)) amendSymbol(builder, reference(builder, name), { type: value });
	}
	for (const { name, expression, where } of sizes.values()) {
		if (!definitions.has(name.text)) throw sourceError(`'${name.text}' is not defined in this file`, name.place);
		const size = numberAt(assembly, expression, where, 0, 2 ** 32);
		if (builder.symbolIds.has(name.text)) amendSymbol(builder, reference(builder, name.text), { size });
	}
}

function describeLines({ builder, rows }: Assembly, file: string): void {
	if (rows.size === 0) return;
	const sequences = Array.from(rows, ([section, rows]) => ({ section, rows, end: section.size }));
	addLines(builder, { files: [file], sequences, addressRelocation: R_TOY_ABS32 });
}

/** A `.set` name that is declared global, weak or local becomes a symbol. */
function defineAlias(assembly: Assembly, name: string, { expression, where }: Constant): void {
	const { addend, plus, minus } = evaluate(expression, scopeAt(assembly, where));
	const point = plus[0];
	if (minus.length > 0 || plus.length > 1 || (point !== undefined && point.section === undefined)) {
		throw sourceError(`'${name}' is neither a number nor a place in this file`, expression.place);
	}
	const home = point === undefined ? SHN_ABS : assembly.builder.sections[point.section! - 1]!;
	defineSymbol(assembly.builder, name, { section: home, value: addend + (point?.offset ?? 0) });
}
