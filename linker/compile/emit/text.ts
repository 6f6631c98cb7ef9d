// Functions and trampolines to bytes, relocations and line rows.

import {
	alignSection,
	append,
	reference,
	relocate,
	type SectionBuilder,
	SHF_ALLOC,
	section,
	sectionSymbol,
} from "../../elf/index.ts";
import { entryRow, labelRow } from "../../format/rows.ts";
import { EXPECTED, INIT, TRAMPOLINE_PREFIX } from "../../format/static-calls.ts";
import {
	encode,
	formats,
	nops,
	R_TOY_ABS32,
	R_TOY_CALL28,
	R_TOY_JUMP28,
	R_TOY_REL32,
	rowOf,
	takesCondition,
} from "../../isa/index.ts";
import type { CheckedFunction } from "../ir.ts";
import type { Block, Op, PatchedLabel } from "../lower/code.ts";
import type { Lowered } from "../lower/lower.ts";
import { symbolOf, trampolineOf } from "../lower/symbols.ts";
import { positionOf } from "../origin.ts";
import type { Key } from "../types/bindings.ts";
import { define, type Emission, refer } from "./emission.ts";
import { type Item, type Layout, layOut } from "./layout.ts";
import { noteLine } from "./lines.ts";
import { emitOperationCalls } from "./paravirt.ts";

/** What stores and fetches do not tear. */
const SITE_UNIT = 8;

export function emitFunction(e: Emission, fn: CheckedFunction, { code, frame }: Lowered): void {
	const text = section(e.builder, fn.isInit ? ".init.text" : ".text");
	const layout = layOut(code, frame, fn.at);
	if (e.entryNops && e.alignSites) alignSection(text, SITE_UNIT, encode("nop")[0]);
	const start = text.size;
	if (e.entryNops) emitEntry(e, text, fn);
	reserveTables(e, code.blocks);
	const offsets = place(e, text, layout.items);
	const blockOffset = (block: Block) => offsets[layout.starts.get(block)!]!;
	for (const [i, item] of layout.items.entries()) emitItem(e, text, item, offsets[i]!, blockOffset);
	emitOperationCalls(e, symbolOf(fn.binding), layout.items, (index) => offsets[index]! - start);
	define(e, fn.binding, symbolOf(fn.binding), "function", { section: text, value: start, size: text.size - start });
	fillTables(e, text, code.blocks, blockOffset);
}

const sizeOf = (op: Op) => formats[rowOf(op.mnemonic).format].length;
/** With what is left free for whatever takes the place of the instruction. */
const roomOf = (op: Op) => op.paravirt?.bytes ?? sizeOf(op);

/** The offset of each instruction, with room for padding before sites. */
function place(e: Emission, text: SectionBuilder, items: Layout["items"]): number[] {
	let offset = text.size;
	return items.map(({ op, label }) => {
		const size = sizeOf(op);
		if (e.alignSites && (label !== undefined || isSite(op)) && (offset % SITE_UNIT) + size > SITE_UNIT) {
			offset += SITE_UNIT - (offset % SITE_UNIT);
			text.align = Math.max(text.align, SITE_UNIT);
		}
		offset += roomOf(op);
		return offset - roomOf(op);
	});
}

const isSite = ({ reference }: Op) => reference?.symbol.startsWith(TRAMPOLINE_PREFIX) === true;

function emitItem(
	e: Emission,
	text: SectionBuilder,
	{ op, target, label }: Item,
	offset: number,
	blockOffset: (block: Block) => number,
): void {
	while (text.size < offset) append(text, encode("nop"));
	const row = rowOf(op.mnemonic);
	const c = takesCondition(row) ? op.condition : op.c;
	const destination = target === undefined || op.mnemonic === "nop5" ? undefined : blockOffset(target);
	const imm = destination === undefined ? op.imm : destination - (offset + sizeOf(op));
	noteLine(e, text, op.at);
	append(text, encode(op.mnemonic, { a: op.a, b: op.b, c, imm: op.reference === undefined ? imm : 0 }));
	if (label !== undefined) emitLabel(e, text, offset, blockOffset(target!), label);
	if (op.reference !== undefined) refer(e, text, offset + sizeOf(op) - 4, relocationOf(op), op.reference);
	append(text, nops(roomOf(op) - sizeOf(op)));
}

/** The field is the last word of every instruction that has one. */
function relocationOf({ mnemonic }: Op): number {
	if (rowOf(mnemonic).format !== "rel") return R_TOY_ABS32;
	return mnemonic === "call" ? R_TOY_CALL28 : R_TOY_JUMP28;
}

/** A row of the table of patched branches: the instruction, where it jumps if it does, the key; each relative to itself. */
function emitLabel(e: Emission, text: SectionBuilder, code: number, target: number, label: PatchedLabel): void {
	const { section: name, bytes, fields } = labelRow;
	const table = section(e.builder, name, { flags: SHF_ALLOC, align: 4, entsize: bytes });
	const flags = (label.expected ? EXPECTED : 0) | (text.name === ".init.text" ? INIT : 0);
	const row = append(table, new Uint8Array(bytes));
	const base = sectionSymbol(e.builder, text);
	relocate(table, row + fields.address.at, R_TOY_REL32, base, code);
	relocate(table, row + fields.target.at, R_TOY_REL32, base, target);
	relocate(table, row + fields.key.at, R_TOY_REL32, reference(e.builder, label.key), flags);
}

/** NOP5 in front of a function, for whoever wants to be called there, and its address in a table. */
function emitEntry(e: Emission, text: SectionBuilder, fn: CheckedFunction): void {
	noteLine(e, text, fn.at);
	const offset = append(text, encode("nop5"));
	const table = section(e.builder, entryRow.section, { flags: SHF_ALLOC, align: 4, entsize: entryRow.bytes });
	const row = append(table, new Uint8Array(entryRow.bytes));
	relocate(table, row, R_TOY_ABS32, sectionSymbol(e.builder, text), offset);
}

function* tablesOf(blocks: readonly Block[]) {
	for (const { end } of blocks) if (end?.kind === "table") yield end;
}

function reserveTables(e: Emission, blocks: readonly Block[]): void {
	for (const { name, targets } of tablesOf(blocks)) {
		const rodata = section(e.builder, ".rodata");
		const offset = alignSection(rodata, 4);
		for (const _ of targets) append(rodata, [0, 0, 0, 0]);
		e.hidden.set(name, { section: rodata, offset });
	}
}

/** Words with the addresses of the blocks. */
function fillTables(
	e: Emission,
	text: SectionBuilder,
	blocks: readonly Block[],
	blockOffset: (block: Block) => number,
): void {
	for (const { name, targets } of tablesOf(blocks)) {
		const table = e.hidden.get(name)!;
		for (const [i, block] of targets.entries()) {
			const symbol = `${name}.${i}`;
			e.hidden.set(symbol, { section: text, offset: blockOffset(block) });
			refer(e, table.section, table.offset + 4 * i, R_TOY_ABS32, { symbol, addend: 0 });
		}
	}
}

/** `__SCT__name`: a jump to the default, or what does as little as a null call. */
export function emitTrampoline(e: Emission, key: Key, initial: string | undefined): void {
	const text = section(e.builder, ".text");
	const start = e.alignSites ? alignSection(text, SITE_UNIT, encode("nop")[0]) : text.size;
	noteLine(e, text, positionOf(e.module.origin, key.node));
	if (initial === undefined) {
		append(text, encode("ret"));
		for (let i = 0; i < 4; i++) append(text, encode("brk"));
	} else {
		append(text, encode("jmp"));
		refer(e, text, start + 1, R_TOY_JUMP28, { symbol: initial, addend: -4 });
	}
	define(e, key, trampolineOf(key), "function", { section: text, value: start, size: text.size - start });
}
