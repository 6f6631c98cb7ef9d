// What a module declares beside functions, to sections: variables, tables, keys and pointers, texts, and the signatures
// that the linker compares.

import { alignSection, append, appendWord, reserve, section } from "../../elf/index.ts";
import { signatureRow, signatureWords } from "../../format/rows.ts";
import { SIGNATURES_SECTION, signatureNumber } from "../../format/signatures.ts";
import { slotOf, staticKeySlot, symbolOf, targetSymbol } from "../lower/symbols.ts";
import { TEXTS, type Texts } from "../lower/texts.ts";
import type { Key, StaticKey, Table, Variable } from "../types/bindings.ts";
import { constantOf, elementSize, numberOf, tableLength } from "../types/constant.ts";
import { functionSignature, keySignature, type Signature } from "../types/infer.ts";
import { startsEnabled } from "../types/static-keys.ts";
import { appendAddress, define, type Emission } from "./emission.ts";
import { emitTrampoline } from "./text.ts";

export function emitVariable(e: Emission, variable: Variable): void {
	if (variable.view === undefined) emitWord(e, variable, variable);
	else for (const word of [variable.view.address, variable.view.length]) emitWord(e, variable, word);
}

/** @param variable whose value the word is, or a part of it */
function emitWord(e: Emission, variable: Variable, word: Variable): void {
	const { initial } = word;
	const value = Number((initial && constantOf(e.analysis, initial)) ?? 0);
	const home = section(e.builder, value === 0 ? ".bss" : ".data");
	const start = alignSection(home, 4);
	if (value === 0) reserve(home, 4);
	else appendWord(home, value | 0);
	define(e, variable, symbolOf(word), "object", { section: home, value: start, size: 4 });
}

export function emitTable(e: Emission, table: Table): void {
	const values = Array.from(table.values, (node) => numberOf(e.analysis, node)!);
	const size = tableLength(e.analysis, table) * elementSize(table);
	const home = section(e.builder, sectionOf(e, table));
	const start = alignSection(home, elementSize(table));
	if (table.length !== undefined) reserve(home, size);
	else append(home, bytesOf(table, values));
	define(e, table, symbolOf(table), "object", { section: home, value: start, size });
}

/** Tables that nobody can write to are protected from it. */
function sectionOf(e: Emission, table: Table): string {
	if (table.length !== undefined) return ".bss";
	return table.stored || e.module.exported.has(table.name) ? ".data" : ".rodata";
}

/** As the typed array of that name stores them. */
function bytesOf({ element }: Table, values: readonly number[]): Uint8Array {
	const size = elementSize({ element });
	const bytes = new Uint8Array(values.length * size);
	const view = new DataView(bytes.buffer);
	for (const [i, value] of values.entries()) {
		if (size === 1) view.setInt8(i, value);
		else if (size === 2) view.setInt16(i * 2, value, true);
		else view.setInt32(i * 4, value, true);
	}
	return bytes;
}

/** Two words, what is called now and the default, and for a static call the trampoline. */
export function emitKey(e: Emission, key: Key): void {
	const initial = initialSymbol(e, key);
	const data = section(e.builder, ".data");
	const start = alignSection(data, 8);
	appendAddress(e, data, initial);
	appendAddress(e, data, initial);
	define(e, key, slotOf(key), "object", { section: data, value: start, size: 8 });
	if (key.form === "static") emitTrampoline(e, key, initial);
}

/** Two words, how many users the key has now and at the start. */
export function emitStaticKey(e: Emission, key: StaticKey): void {
	const users = startsEnabled(e, key) ? 1 : 0;
	const data = section(e.builder, ".data");
	const start = alignSection(data, 8);
	appendWord(data, users);
	appendWord(data, users);
	define(e, key, staticKeySlot(key), "object", { section: data, value: start, size: 8 });
}

function initialSymbol(e: Emission, key: Key): string | undefined {
	if (key.initial !== "function") return targetSymbol(key, key.initial);
	const model = e.analysis.uses.get(key.model!);
	if (model?.kind !== "function") throw new Error(`the default of '${key.name}' is no function`);
	return targetSymbol(key, model);
}

export function emitTexts(e: Emission, { bytes }: Texts): void {
	if (bytes.length === 0) return;
	const rodata = section(e.builder, ".rodata");
	e.hidden.set(TEXTS, { section: rodata, offset: append(rodata, bytes) });
}

/** One entry for each function and key that the module declares or imports. */
export function emitSignatures(e: Emission): void {
	for (const binding of [...e.module.declared, ...e.module.imported]) {
		if (binding.kind === "function") emitSignature(e, symbolOf(binding), functionSignature(binding));
		const signature = binding.kind === "key" ? keySignature(e.analysis, binding) : undefined;
		if (binding.kind === "key" && signature !== undefined) emitSignature(e, slotOf(binding), signature);
	}
}

function emitSignature(e: Emission, symbol: string, signature: Signature): void {
	const table = section(e.builder, SIGNATURES_SECTION, { entsize: signatureRow.bytes, align: 4 });
	appendAddress(e, table, symbol);
	for (const word of signatureWords(signatureNumber(signature))) appendWord(table, word);
}
