// What the assembler knows while it reads: the object under construction, labels and definitions, and the fields whose
// value waits for the end of the file.

import { defineSymbol, type LineRow, type ObjectBuilder, type SectionBuilder } from "../../elf/index.ts";
import type { RelocationType } from "../../isa/index.ts";
import { countBefore } from "../../search.ts";
import { constant, type Expression, evaluate, isConstant, type Scope, type Value } from "./expression.ts";
import { type Place, sourceError, type Token } from "./lex.ts";

/** Where an expression stands: what `.`, `1b` and `1f` mean in it. */
export interface Where {
	readonly section: SectionBuilder;
	readonly offset: number;
	/** Number of the statement. */
	readonly order: number;
}

/** A name that stands for a place in a section. */
interface Label {
	readonly kind: "label";
	readonly where: Where;
	readonly place: Place;
}
/** A name that stands for an expression: `.set`. */
export interface Constant {
	readonly kind: "constant";
	readonly where: Where;
	readonly place: Place;
	readonly expression: Expression;
}
type Definition = Label | Constant;

/** Something said of a name, which may come before its definition. */
export interface Said {
	readonly value: number;
	readonly place: Place;
}

/** How a value lies in the bytes and which relocations can put it there later. */
export interface Field extends Pick<RelocationType, "size" | "min" | "max" | "write"> {
	/** The relocation type for an address, if the field is wide enough. */
	readonly absolute?: number;
	/** For a distance from the field. */
	readonly relative?: number;
	/** For the target of a CALL, JMP or Jcc. */
	readonly branch?: number;
}

/** Bytes that hold an expression, filled in at the end of the file. */
export interface Fixup {
	readonly field: Field;
	readonly section: SectionBuilder;
	readonly offset: number;
	readonly expression: Expression;
	readonly where: Where;
}

/** An alternative whose end is still to come. */
export interface Open {
	/** Where the directive is. */
	readonly place: Place;
	readonly section: SectionBuilder;
	readonly start: number;
	readonly replacements: Replacement[];
}

export interface Replacement {
	readonly feature: string;
	readonly symbol: string;
	readonly start: number;
}

export interface Assembly {
	readonly builder: ObjectBuilder;
	readonly alignSites: boolean;
	section: SectionBuilder;
	/** Number of the current statement. */
	order: number;
	/** Bytes that directives filled in, without a byte of source for each. */
	filled: number;
	readonly definitions: Map<string, Definition>;
	/** Definitions of `1:` and the like, in order. */
	readonly numeric: Map<string, Where[]>;
	readonly bindings: Map<string, Said>;
	readonly types: Map<string, Said>;
	readonly sizes: Map<string, { readonly name: Token; readonly expression: Expression; readonly where: Where }>;
	/** Symbols that `.global name` exports where `name` is a static-call key or an FFP pointer. */
	readonly keys: Map<string, readonly string[]>;
	readonly fixups: Fixup[];
	/** Where the instructions of each section come from. */
	readonly rows: Map<SectionBuilder, LineRow[]>;
	/** Source text that follows the last line, with the directive it came from. */
	readonly appendix: { readonly text: string; readonly place: Place }[];
	/** Alternatives that are begun and not ended, from the outermost. */
	readonly alternatives: Open[];
}

export function here({ section, order }: Assembly): Where {
	return { section, offset: section.size, order };
}

/** Names that stay out of the symbol table. */
export function isHidden(name: string): boolean {
	return name.startsWith(".L");
}

export function defineLabel(assembly: Assembly, { text: name, place }: Token): void {
	define(assembly, name, { kind: "label", where: here(assembly), place });
	if (isHidden(name)) return;
	defineSymbol(assembly.builder, name, { section: assembly.section, value: assembly.section.size });
}

export function defineConstant(assembly: Assembly, { text: name, place }: Token, expression: Expression): void {
	define(assembly, name, { kind: "constant", where: here(assembly), place, expression });
}

function define(assembly: Assembly, name: string, definition: Definition): void {
	const first = assembly.definitions.get(name);
	if (first !== undefined)
		throw sourceError(`'${name}' is already defined on line ${first.place.line}`, definition.place);
	assembly.definitions.set(name, definition);
}

export function defineNumeric(assembly: Assembly, { text }: Token): void {
	addTo(assembly.numeric, text, here(assembly));
}

/** Notes that the instruction which comes next was written at `place`. */
export function noteLine({ section, rows }: Assembly, { line, column }: Place): void {
	addTo(rows, section, { offset: section.size, file: 0, line, column });
}

function addTo<K, V>(lists: Map<K, V[]>, key: K, value: V): void {
	const list = lists.get(key);
	if (list === undefined) lists.set(key, [value]);
	else list.push(value);
}

/** Notes what a directive says of a name, unless another has said something else. */
export function say(said: Map<string, Said>, { text: name, place }: Token, value: number): void {
	const first = said.get(name);
	if (first === undefined) said.set(name, { value, place });
	else if (first.value !== value) throw sourceError(`line ${first.place.line} says otherwise of '${name}'`, place);
}

/** @param open names of constants under evaluation, to find those that need themselves */
export function scopeAt(assembly: Assembly, where: Where, open: readonly string[] = []): Scope {
	return {
		symbol: (name, place) => symbolValue(assembly, name, place, open),
		here: () => pointAt(where, undefined),
		local: (label, forward, place) => {
			const wheres = assembly.numeric.get(label) ?? [];
			const after = countUpTo(wheres, where.order);
			const found = wheres[forward ? after : after - 1];
			if (found === undefined) throw sourceError(`no label '${label}:' ${forward ? "after" : "before"} this`, place);
			return pointAt(found, undefined);
		},
	};
}

/** How many of them come at the statement `order` or before it. */
function countUpTo(wheres: readonly Where[], order: number): number {
	return countBefore(wheres.length, (i) => wheres[i]!.order <= order);
}

function symbolValue(assembly: Assembly, name: string, place: Place, open: readonly string[]): Value {
	const definition = assembly.definitions.get(name);
	if (definition?.kind === "label") return pointAt(definition.where, isHidden(name) ? undefined : name);
	if (definition === undefined) return { ...constant(0), plus: [{ name, section: undefined, offset: 0 }] };
	if (open.includes(name)) throw sourceError(`'${name}' is defined by itself`, place);
	return evaluate(definition.expression, scopeAt(assembly, definition.where, [...open, name]));
}

function pointAt({ section, offset }: Where, name: string | undefined): Value {
	return { addend: 0, plus: [{ name, section: section.index, offset }], minus: [] };
}

/** An integer in [min, max] that the text up to here determines. */
export function numberNow(assembly: Assembly, expression: Expression, min: number, max: number): number {
	return numberAt(assembly, expression, here(assembly), min, max);
}

/** An integer in [min, max], of the labels known by now. */
export function numberAt(assembly: Assembly, expression: Expression, where: Where, min: number, max: number): number {
	const value = evaluate(expression, scopeAt(assembly, where));
	if (!isConstant(value)) throw sourceError("this must be a number, of labels defined before it", expression.place);
	return inRange(value.addend, min, max, expression.place);
}

export function inRange(value: number, min: number, max: number, place: Place): number {
	if (value >= min && value <= max) return value;
	throw sourceError(`${value} is not in [${min}, ${max}]`, place);
}
