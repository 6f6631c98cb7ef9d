// Paravirt operations: their words in one table, the table of their calls, and functions that save registers around
// others which change more than an operation allows.

import { append, SHF_ALLOC, SHF_WRITE, section } from "../../elf/index.ts";
import { operationCallRow } from "../../format/rows.ts";
import { argumentWords, signatureNumber } from "../../format/signatures.ts";
import { OPERATIONS_SECTION } from "../../format/static-calls.ts";
import {
	ARGUMENT_REGISTERS,
	clobberedBy,
	clobberKinds,
	encode,
	R_TOY_ABS32,
	R_TOY_CALL28,
	RESULT,
	SCRATCH,
	SP,
} from "../../isa/index.ts";
import { type Block, callerSaved, type OperationCall, type Register, roles } from "../lower/code.ts";
import { saverOf, slotOf, symbolOf } from "../lower/symbols.ts";
import { positionOf } from "../origin.ts";
import type { Contract, FunctionBinding, Key } from "../types/bindings.ts";
import { functionSignature } from "../types/infer.ts";
import { appendAddress, define, type Emission, refer } from "./emission.ts";
import type { Item } from "./layout.ts";
import { noteLine } from "./lines.ts";

/** Which of the registers that a call may change a function does change. */
export function changedRegisters(blocks: readonly Block[]): Set<Register> {
	const changed = new Set<Register>();
	for (const { ops, end } of blocks) {
		for (const op of end?.kind === "tail" ? [...ops, end.op] : ops) {
			if (roles(op.mnemonic).defines) changed.add(op.a);
			for (const register of op.writes) changed.add(register);
		}
	}
	return changed;
}

/** One row for each call of an operation in a function. Addresses are the function's plus something, so that they hold
 * wherever its section goes. */
export function emitOperationCalls(
	e: Emission,
	symbol: string,
	items: readonly Item[],
	offsetOf: (index: number) => number,
): void {
	for (const [i, { op }] of items.entries())
		if (op.paravirt !== undefined) emitRow(e, op.paravirt, { symbol, addend: offsetOf(i) });
}

function emitRow(
	e: Emission,
	{ operation, bytes, clobbers }: OperationCall,
	place: { readonly symbol: string; readonly addend: number },
): void {
	const { section: name, fields, bytes: size } = operationCallRow;
	const table = section(e.builder, name, { flags: SHF_ALLOC, align: 4, entsize: size });
	const at = append(table, new Uint8Array(size));
	refer(e, table, at + fields.address.at, R_TOY_ABS32, place);
	refer(e, table, at + fields.operation.at, R_TOY_ABS32, { symbol: operation, addend: 0 });
	table.bytes[at + fields.bytes.at] = bytes;
	table.bytes[at + fields.clobbers.at] = clobberKinds.indexOf(clobbers);
}

/** The words with the function that the operation calls, now and by default.
 * @param changed by the functions of this module; what others do is not known */
export function emitOperation(
	e: Emission,
	key: Key,
	{ clobbers }: Contract,
	changed: ReadonlyMap<FunctionBinding, ReadonlySet<Register>>,
): void {
	const functionOf = (name: NonNullable<Key["model"]>): FunctionBinding => {
		const binding = e.analysis.uses.get(name);
		if (binding?.kind !== "function") throw new Error(`'${name.name}' is no function`);
		return binding;
	};
	const entryOf = (fn: FunctionBinding): string => {
		const allowed = clobberedBy(clobbers);
		const registers = changed.get(fn) ?? new Set(callerSaved);
		if (callerSaved.every((register) => !registers.has(register) || allowed.includes(register))) return symbolOf(fn);
		return emitSaver(e, key, fn, registers);
	};
	const initial = key.initial === "function" ? entryOf(functionOf(key.model!)) : undefined;
	for (const name of key.also) entryOf(functionOf(name));
	const table = section(e.builder, OPERATIONS_SECTION, { flags: SHF_ALLOC | SHF_WRITE, align: 8, entsize: 8 });
	const value = appendAddress(e, table, initial);
	appendAddress(e, table, initial);
	define(e, key, slotOf(key), "object", { section: table, value, size: 8 });
}

/** A function that calls another and keeps what that changes, but for its result: fit for every operation with its
 * signature, and there once. Returns its symbol. */
function emitSaver(e: Emission, key: Key, fn: FunctionBinding, changed: ReadonlySet<Register>): string {
	const symbol = saverOf(fn);
	if (e.savers.has(symbol)) return symbol;
	e.savers.add(symbol);
	const text = section(e.builder, ".text");
	const start = text.size;
	const saved = callerSaved.filter((each) => changed.has(each) && (each !== RESULT || fn.result === "none"));
	noteLine(e, text, positionOf(e.module.origin, key.node));
	for (const a of saved) append(text, encode("push", { a }));
	const passed = Math.max(0, argumentWords(signatureNumber(functionSignature(fn))) - ARGUMENT_REGISTERS);
	for (let i = 0; i < passed; i++) {
		// Each push brings the next argument below to the same distance.
		append(text, encode("ld", { a: SCRATCH, b: SP, imm: 4 * (saved.length + passed) }));
		append(text, encode("push", { a: SCRATCH }));
	}
	append(text, encode("call"));
	refer(e, text, text.size - 4, R_TOY_CALL28, { symbol: symbolOf(fn), addend: -4 });
	if (passed > 0) append(text, encode("addi", { a: SP, b: SP, imm: 4 * passed }));
	for (const a of saved.toReversed()) append(text, encode("pop", { a }));
	append(text, encode("ret"));
	define(e, { name: symbol }, symbol, "function", { section: text, value: start, size: text.size - start });
	return symbol;
}
