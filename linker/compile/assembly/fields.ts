// Fields of data and instructions that hold an expression. At the end of the file each becomes bytes, when the value is
// known, or a relocation.

import { reference, relocate, STB_LOCAL, STT_FUNC, sectionSymbol } from "../../elf/index.ts";
import { TRAMPOLINE_PREFIX } from "../../format/static-calls.ts";
import {
	bounds,
	R_TOY_ABS32,
	R_TOY_CALL28,
	R_TOY_JUMP28,
	R_TOY_REL32,
	type Row,
	relocationTypes,
} from "../../isa/index.ts";
import { type Assembly, type Field, type Fixup, inRange, isHidden, scopeAt } from "./assembly.ts";
import { evaluate, type Point, type Value } from "./expression.ts";
import { type Place, sourceError } from "./lex.ts";

const byType = (type: number) => relocationTypes.find((row) => row.type === type)!;

export const byteField: Field = {
	size: 1,
	min: -128,
	max: 255,
	write: (view, offset, value) => view.setInt8(offset, value),
};
export const halfField: Field = {
	size: 2,
	min: -(2 ** 15),
	max: 2 ** 16 - 1,
	write: (view, offset, value) => view.setInt16(offset, value, true),
};
export const wordField: Field = { ...byType(R_TOY_ABS32), absolute: R_TOY_ABS32, relative: R_TOY_REL32 };
const callField: Field = { ...byType(R_TOY_CALL28), branch: R_TOY_CALL28 };
const jumpField: Field = { ...byType(R_TOY_JUMP28), branch: R_TOY_JUMP28 };

/** The field of a row's immediate; it ends the instruction. */
export function immediateField(row: Row): Field {
	if (row.format === "rel") return row.flow === "call" ? callField : jumpField;
	return row.format === "imm8" ? { ...byteField, ...bounds(row, "imm") } : wordField;
}

/** A symbol whose branches the linker, or a patcher, may want to retarget: they keep their relocation even within the
 * section. Global ones can be overridden, functions named by `--patchable`. */
function isRetargetable(assembly: Assembly, name: string): boolean {
	const binding = assembly.bindings.get(name)?.value ?? STB_LOCAL;
	return binding !== STB_LOCAL || assembly.types.get(name)?.value === STT_FUNC || name.startsWith(TRAMPOLINE_PREFIX);
}

/** Requires: every label of the file is defined, and what is said of names is complete. */
export function settle(assembly: Assembly, fixup: Fixup): void {
	const { field, expression, where } = fixup;
	const value = evaluate(expression, scopeAt(assembly, where));
	for (const point of value.plus) checkDefined(assembly, point, expression.place);
	if (value.plus.length > 1 || value.minus.length > 1) throw inexpressible(value, expression.place);
	if (field.branch !== undefined) settleBranch(assembly, fixup, value, field.branch);
	else settleData(assembly, fixup, value);
}

function checkDefined(assembly: Assembly, { name, section }: Point, place: Place): void {
	if (name === undefined || section !== undefined) return;
	const isLocal = isHidden(name) || assembly.bindings.get(name)?.value === STB_LOCAL;
	if (isLocal) throw sourceError(`local symbol '${name}' is not defined in this file`, place);
}

/** Counted from the end of the field, which is the end of the instruction. */
function settleBranch(assembly: Assembly, fixup: Fixup, value: Value, type: number): void {
	const { section, offset, field, expression } = fixup;
	const point = value.plus[0];
	if (value.minus.length > 0) throw inexpressible(value, expression.place);
	if (point === undefined) relocate(section, offset, type, 0, value.addend - field.size);
	else if (point.section !== section.index || (point.name !== undefined && isRetargetable(assembly, point.name)))
		relocateTo(assembly, fixup, type, point, value.addend - field.size);
	else write(fixup, point.offset + value.addend - (offset + field.size));
}

function settleData(assembly: Assembly, fixup: Fixup, value: Value): void {
	const { section, offset, field, expression } = fixup;
	const [plus] = value.plus;
	const [minus] = value.minus;
	if (plus === undefined && minus === undefined) write(fixup, value.addend);
	else if (plus === undefined || field.absolute === undefined) throw inexpressible(value, expression.place);
	else if (minus === undefined) relocateTo(assembly, fixup, field.absolute, plus, value.addend);
	else if (minus.section !== section.index || field.relative === undefined)
		throw inexpressible(value, expression.place);
	else relocateTo(assembly, fixup, field.relative, plus, value.addend + offset - minus.offset);
}

/** Against the symbol itself where it has one, so that a listing shows its name; else against the section. */
function relocateTo({ builder }: Assembly, fixup: Fixup, type: number, point: Point, addend: number): void {
	const { name, section } = point;
	const { section: from, offset } = fixup;
	if (name !== undefined) relocate(from, offset, type, reference(builder, name), addend);
	else relocate(from, offset, type, sectionSymbol(builder, builder.sections[section! - 1]!), addend + point.offset);
}

function write({ section, offset, field, expression }: Fixup, value: number): void {
	const view = new DataView(section.bytes.buffer, section.bytes.byteOffset);
	field.write(view, offset, inRange(value, field.min, field.max, expression.place));
}

function inexpressible({ plus, minus }: Value, place: Place): Error {
	const names = (points: readonly Point[], sign: string) => points.map(({ name }) => `${sign} ${name ?? "."}`);
	const terms = [...names(plus, "+"), ...names(minus, "-")].join(" ").replace(/^\+ /, "");
	return sourceError(`no relocation puts '${terms}' into this field`, place);
}
