// The directives of the assembler, one row each: how it is written and what it does. GNU as's names and meanings.

import {
	alignSection,
	append,
	reserve,
	SHF_ALLOC,
	SHF_EXECINSTR,
	SHF_MERGE,
	SHF_STRINGS,
	SHF_WRITE,
	SHT_NOBITS,
	SHT_NOTE,
	SHT_PROGBITS,
	STB_GLOBAL,
	STB_LOCAL,
	STB_WEAK,
	STT_FUNC,
	STT_NOTYPE,
	STT_OBJECT,
	section,
} from "../../elf/index.ts";
import { entryRow, labelRow } from "../../format/rows.ts";
import {
	INIT,
	KEY_BYTES,
	KEY_PREFIX,
	POINTER_PREFIX,
	RETURN0,
	SITE_BYTES,
	STATIC_KEY_PREFIX,
	TRAMPOLINE_PREFIX,
} from "../../format/static-calls.ts";
import { encode, rowOf } from "../../isa/index.ts";
import { countFilled, list, name, needBytes, numberIn, optional } from "./arguments.ts";
import { type Assembly, defineConstant, defineLabel, type Field, here, isHidden, noteLine, say } from "./assembly.ts";
import { accept, type Cursor, expect, next, parseExpression, peek, unexpected } from "./expression.ts";
import { byteField, halfField, wordField } from "./fields.ts";
import { type Place, sourceError, stringBytes, type Token } from "./lex.ts";
import { runAlternative, runEndAlternative, runOperationCall, runParavirt, runReplacement } from "./load-time.ts";

export interface Directive {
	readonly usage: string;
	readonly run: (assembly: Assembly, cursor: Cursor, place: Place) => void;
}

const MAX_FILL = 2 ** 30;
const MAX_ALIGN = 2 ** 28;

function string(cursor: Cursor): Token {
	if (peek(cursor).kind !== "string") throw unexpected("a string in double quotes", peek(cursor));
	return next(cursor);
}

const switchTo =
	(name: string): Directive["run"] =>
	(assembly) => {
		assembly.section = section(assembly.builder, name);
	};

const flagBits: Record<string, number> = {
	a: SHF_ALLOC,
	w: SHF_WRITE,
	x: SHF_EXECINSTR,
	M: SHF_MERGE,
	S: SHF_STRINGS,
};
const sectionTypes: Record<string, number> = { progbits: SHT_PROGBITS, nobits: SHT_NOBITS, note: SHT_NOTE };

function parseFlags(cursor: Cursor): number {
	const token = string(cursor);
	let flags = 0;
	for (const letter of token.text.slice(1, -1)) {
		const bit = flagBits[letter];
		if (bit === undefined) throw sourceError(`unknown section flag '${letter}'; known are a, w, x, M, S`, token.place);
		flags |= bit;
	}
	return flags;
}

/** `@word` or `%word`, one of `words`. */
function marked(cursor: Cursor, words: Record<string, number>): number {
	const choices = Object.keys(words).map((word) => `@${word}`);
	if (!accept(cursor, "@") && !accept(cursor, "%")) throw unexpected(choices.join(" or "), peek(cursor));
	const token = name(cursor);
	const value = words[token.text];
	if (value === undefined) throw unexpected(choices.join(" or "), token);
	return value;
}

function runSection(assembly: Assembly, cursor: Cursor): void {
	const token = peek(cursor).kind === "string" ? string(cursor) : name(cursor);
	const title = token.kind === "string" ? token.text.slice(1, -1) : token.text;
	const flags = accept(cursor, ",") ? parseFlags(cursor) : undefined;
	const type = flags !== undefined && accept(cursor, ",") ? marked(cursor, sectionTypes) : undefined;
	const entsize = type === undefined ? 0 : optional(assembly, cursor, 0, 0, 2 ** 16);
	const options = { ...(flags !== undefined && { flags }), ...(type !== undefined && { type }), entsize };
	const opened = section(assembly.builder, title, options);
	if ((flags ?? opened.flags) !== opened.flags || (type ?? opened.type) !== opened.type) {
		throw sourceError(`section ${title} has other flags or another type already`, token.place);
	}
	assembly.section = opened;
}

const bind =
	(binding: number): Directive["run"] =>
	(assembly, cursor) =>
		list(cursor, () => {
			const token = name(cursor);
			if (isHidden(token.text) && binding !== STB_LOCAL) {
				throw sourceError("a name that starts with .L stays in its file", token.place);
			}
			say(assembly.bindings, token, binding);
		});

function runType(assembly: Assembly, cursor: Cursor): void {
	const token = name(cursor);
	expect(cursor, ",");
	say(assembly.types, token, marked(cursor, { function: STT_FUNC, object: STT_OBJECT, notype: STT_NOTYPE }));
}

function runSize(assembly: Assembly, cursor: Cursor): void {
	const token = name(cursor);
	expect(cursor, ",");
	assembly.sizes.set(token.text, { name: token, expression: parseExpression(cursor), where: here(assembly) });
}

function alignTo(assembly: Assembly, cursor: Cursor, place: Place, alignment: number): void {
	const isCode = (assembly.section.flags & SHF_EXECINSTR) !== 0;
	const fill = optional(assembly, cursor, isCode ? rowOf("nop").opcode : 0, 0, 255);
	countFilled(assembly, (alignment - (assembly.section.size % alignment)) % alignment, place);
	alignSection(assembly.section, alignment, fill);
}

function runAlign(assembly: Assembly, cursor: Cursor, place: Place): void {
	const alignment = numberIn(assembly, cursor, 1, MAX_ALIGN);
	if ((alignment & (alignment - 1)) !== 0) throw sourceError(`an alignment is a power of two, not ${alignment}`, place);
	alignTo(assembly, cursor, place, alignment);
}

function runPowerAlign(assembly: Assembly, cursor: Cursor, place: Place): void {
	alignTo(assembly, cursor, place, 2 ** numberIn(assembly, cursor, 0, Math.log2(MAX_ALIGN)));
}

const data =
	(field: Field): Directive["run"] =>
	(assembly, cursor, place) => {
		needBytes(assembly, place);
		const { section, fixups } = assembly;
		list(cursor, () => {
			const expression = parseExpression(cursor);
			const where = here(assembly);
			fixups.push({ field, section, offset: reserve(section, field.size), expression, where });
		});
	};

const text =
	(end: readonly number[]): Directive["run"] =>
	(assembly, cursor, place) => {
		needBytes(assembly, place);
		list(cursor, () => append(assembly.section, [...stringBytes(string(cursor)), ...end]));
	};

function runZero(assembly: Assembly, cursor: Cursor, place: Place): void {
	const size = numberIn(assembly, cursor, 0, MAX_FILL);
	const fill = optional(assembly, cursor, 0, -128, 255);
	if (fill !== 0) needBytes(assembly, place);
	countFilled(assembly, size, place);
	const offset = reserve(assembly.section, size);
	if (fill !== 0) assembly.section.bytes.fill(fill, offset, offset + size);
}

function runFill(assembly: Assembly, cursor: Cursor, place: Place): void {
	needBytes(assembly, place);
	const repeat = numberIn(assembly, cursor, 0, MAX_FILL / 4);
	const size = optional(assembly, cursor, 1, 0, 4);
	const value = optional(assembly, cursor, 0, -(2 ** 31), 2 ** 32 - 1);
	const unit = [value, value >> 8, value >> 16, value >> 24].slice(0, size);
	countFilled(assembly, repeat * size, place);
	for (let i = 0; i < repeat; i++) append(assembly.section, unit);
}

function runSet(assembly: Assembly, cursor: Cursor): void {
	const token = name(cursor);
	expect(cursor, ",");
	defineConstant(assembly, token, parseExpression(cursor));
}

/** What a key's default compiles to: as an address, and as the trampoline. */
function defaultForms(target: string): { readonly address: string; readonly jump: string } {
	if (target === "null") return { address: "0", jump: "ret; brk; brk; brk; brk" };
	const address = target === "ret0" ? RETURN0 : target;
	return { address, jump: `jmp ${address}` };
}

/** Defines `symbol`, an object of two words that both hold the default. */
function pointerPair(symbol: string, address: string): string {
	return `.data; .balign 4; .type ${symbol}, @object; .size ${symbol}, ${KEY_BYTES}; ${symbol}: .word ${address}, ${address}`;
}

function runStaticCall(assembly: Assembly, cursor: Cursor, place: Place): void {
	const key = name(cursor).text;
	expect(cursor, ",");
	const target = name(cursor).text;
	const { address, jump } = defaultForms(target);
	const [cell, trampoline] = [KEY_PREFIX + key, TRAMPOLINE_PREFIX + key];
	const align = assembly.alignSites ? ".balign 8; " : "";
	const code = `.text; ${align}.type ${trampoline}, @function; .size ${trampoline}, ${SITE_BYTES}; ${trampoline}: ${jump}`;
	const type = address === target ? `.type ${target}, @function; ` : "";
	assembly.keys.set(key, [cell, trampoline]);
	assembly.appendix.push({ text: `${type}${pointerPair(cell, address)}; ${code}`, place });
}

function runPointer(assembly: Assembly, cursor: Cursor, place: Place): void {
	const key = name(cursor).text;
	expect(cursor, ",");
	const cell = POINTER_PREFIX + key;
	assembly.keys.set(key, [cell]);
	assembly.appendix.push({ text: pointerPair(cell, defaultForms(name(cursor).text).address), place });
}

function runStaticKey(assembly: Assembly, cursor: Cursor, place: Place): void {
	const key = name(cursor).text;
	expect(cursor, ",");
	const users = numberIn(assembly, cursor, 0, 1);
	const cell = STATIC_KEY_PREFIX + key;
	assembly.keys.set(key, [cell]);
	assembly.appendix.push({ text: pointerPair(cell, String(users)), place });
}

/** NOP5 here, and a row of the table of patched branches. */
function runStaticBranch(assembly: Assembly, cursor: Cursor, place: Place): void {
	const key = name(cursor).text;
	expect(cursor, ",");
	const target = name(cursor).text;
	const expected = optional(assembly, cursor, 0, 0, 1);
	const site = patchedPlace(assembly, place);
	const flags = expected | (assembly.section.name === ".init.text" ? INIT : 0);
	const row = `.word ${site} - ., ${target} - ., ${STATIC_KEY_PREFIX}${key} + ${flags} - .`;
	assembly.appendix.push({
		text: `.section ${labelRow.section}, "a", @progbits, ${labelRow.bytes}; .balign 4; ${row}`,
		place,
	});
}

function runEntryNop(assembly: Assembly, _: Cursor, place: Place): void {
	const site = patchedPlace(assembly, place);
	const text = `.section ${entryRow.section}, "a", @progbits, ${entryRow.bytes}; .balign 4; .word ${site}`;
	assembly.appendix.push({ text, place });
}

/** Puts NOP5 here and names it. */
function patchedPlace(assembly: Assembly, place: Place): string {
	needBytes(assembly, place);
	const site = `.Lpatched.${assembly.appendix.length}`;
	defineLabel(assembly, { kind: "name", text: site, place });
	noteLine(assembly, place);
	append(assembly.section, encode("nop5"));
	return site;
}

const table: readonly (readonly [names: string, operands: string, run: Directive["run"]])[] = [
	[".text", "", switchTo(".text")],
	[".init.text", "", switchTo(".init.text")],
	[".data", "", switchTo(".data")],
	[".rodata", "", switchTo(".rodata")],
	[".bss", "", switchTo(".bss")],
	[".section", 'name[, "awxMS"[, @progbits|@nobits|@note[, entsize]]]', runSection],
	[".global .globl", "name, ...", bind(STB_GLOBAL)],
	[".weak", "name, ...", bind(STB_WEAK)],
	[".local", "name, ...", bind(STB_LOCAL)],
	[".type", "name, @function|@object|@notype", runType],
	[".size", "name, expression", runSize],
	[".align .balign", "bytes[, fill]", runAlign],
	[".p2align", "power[, fill]", runPowerAlign],
	[".byte", "expression, ...", data(byteField)],
	[".half .short .2byte", "expression, ...", data(halfField)],
	[".word .long .int .4byte", "expression, ...", data(wordField)],
	[".ascii", '"text", ...', text([])],
	[".asciz .string", '"text", ...', text([0])],
	[".zero .skip .space", "bytes[, fill]", runZero],
	[".fill", "repeat[, size[, value]]", runFill],
	[".set .equ", "name, expression", runSet],
	[".static_call", "key, function|null|ret0", runStaticCall],
	[".ffp", "key, function|null|ret0", runPointer],
	[".static_key", "key, users", runStaticKey],
	[".static_branch", "key, label[, expected]", runStaticBranch],
	[".entry_nop", "", runEntryNop],
	[".paravirt", "operation, function|null", runParavirt],
	[".pv_call", "operation[, bytes[, none|result|all]]", runOperationCall],
	[".alternative", "", runAlternative],
	[".replacement", "[~]feature", runReplacement],
	[".endalternative", "", runEndAlternative],
];

export const directives: ReadonlyMap<string, Directive> = new Map(
	table.flatMap(([names, operands, run]) =>
		names.split(" ").map((name) => [name, { usage: `${name} ${operands}`.trimEnd(), run }] as const),
	),
);
