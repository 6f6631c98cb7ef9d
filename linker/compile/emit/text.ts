// Functions and trampolines to bytes, relocations and line rows.

import { alignSection, append, type SectionBuilder, section } from "../../elf/index.ts";
import { encode, formats, R_TOY_ABS32, R_TOY_CALL28, R_TOY_JUMP28, rowOf, takesCondition } from "../../isa/index.ts";
import type { CheckedFunction } from "../ir.ts";
import type { Block, Op } from "../lower/code.ts";
import type { Lowered } from "../lower/lower.ts";
import { symbolOf, trampolineOf } from "../lower/symbols.ts";
import { positionOf } from "../origin.ts";
import type { Key } from "../types/bindings.ts";
import { define, type Emission, refer } from "./emission.ts";
import { type Item, type Layout, layOut } from "./layout.ts";
import { noteLine } from "./lines.ts";

/** What stores and fetches do not tear. */
const SITE_UNIT = 8;

export function emitFunction(e: Emission, fn: CheckedFunction, { code, frame }: Lowered): void {
	const text = section(e.builder, fn.isInit ? ".init.text" : ".text");
	const layout = layOut(code, frame, fn.at);
	const start = text.size;
	reserveTables(e, code.blocks);
	const offsets = place(e, text, layout.items);
	const blockOffset = (block: Block) => offsets[layout.starts.get(block)!]!;
	for (const [i, item] of layout.items.entries()) emitItem(e, text, item, offsets[i]!, blockOffset);
	define(e, fn.binding, symbolOf(fn.binding), "function", { section: text, value: start, size: text.size - start });
	fillTables(e, text, code.blocks, blockOffset);
}

const sizeOf = (op: Op) => formats[rowOf(op.mnemonic).format].length;

/** The offset of each instruction, with room for padding before sites. */
function place(e: Emission, text: SectionBuilder, items: Layout["items"]): number[] {
	let offset = text.size;
	return items.map(({ op }) => {
		const size = sizeOf(op);
		if (e.alignSites && isSite(op) && (offset % SITE_UNIT) + size > SITE_UNIT) {
			offset += SITE_UNIT - (offset % SITE_UNIT);
			text.align = Math.max(text.align, SITE_UNIT);
		}
		offset += size;
		return offset - size;
	});
}

const isSite = ({ reference }: Op) => reference?.symbol.startsWith("__SCT__") === true;

function emitItem(
	e: Emission,
	text: SectionBuilder,
	{ op, target }: Item,
	offset: number,
	blockOffset: (block: Block) => number,
): void {
	while (text.size < offset) append(text, encode("nop"));
	const row = rowOf(op.mnemonic);
	const c = takesCondition(row) ? op.condition : op.c;
	const imm = target === undefined ? op.imm : blockOffset(target) - (offset + sizeOf(op));
	noteLine(e, text, op.at);
	append(text, encode(op.mnemonic, { a: op.a, b: op.b, c, imm: op.reference === undefined ? imm : 0 }));
	if (op.reference !== undefined) refer(e, text, offset + sizeOf(op) - 4, relocationOf(op), op.reference);
}

/** The field is the last word of every instruction that has one. */
function relocationOf({ mnemonic }: Op): number {
	if (rowOf(mnemonic).format !== "rel") return R_TOY_ABS32;
	return mnemonic === "call" ? R_TOY_CALL28 : R_TOY_JUMP28;
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
