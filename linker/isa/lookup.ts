// Ways into the instruction table: by mnemonic, by opcode, and by what an assembler writes (a mnemonic with its
// condition). Checks once, at load, that no two rows share an opcode or a spelling.

import { ArgumentError } from "../errors.ts";
import { conditions } from "./conditions.ts";
import { formats, type Row } from "./instruction-set.ts";
import { rows } from "./sets/toy.ts";

/** What an assembler mnemonic stands for: `jeq` is row `j` with condition 1. */
export interface Spelling {
	readonly row: Row;
	readonly condition: number;
}

/** Whether the row's encoding has a condition to choose; CALL and JMP carry one that is always `always`. */
export function takesCondition(row: Row): boolean {
	return row.format === "regCond" || row.flow === "branch";
}

/** The row's mnemonic as assembled: `j` with condition 1 is `jeq`. */
export function spell(row: Row, condition: number): string {
	return takesCondition(row) ? row.mnemonic + conditions[condition]! : row.mnemonic;
}

/** How the row is written in assembler: `ld a, [b+imm]`, `j<cond> target`. */
export function usage(row: Row): string {
	const mnemonic = takesCondition(row) ? `${row.mnemonic}<cond>` : row.mnemonic;
	const operands = row.format === "rel" ? "target" : row.syntax;
	return `${mnemonic} ${operands}`.trimEnd();
}

const byMnemonic = unique(rows.map((row) => [row.mnemonic, row] as const));
const byOpcode = unique(rows.map((row) => [row.opcode, row] as const));

const lengths = Uint8Array.from({ length: 256 }, (_, opcode) => {
	const row = byOpcode.get(opcode);
	return row === undefined ? 1 : formats[row.format].length;
});

/** Bytes of an instruction by its first byte; 1 when no instruction has it. */
export function lengthOf(opcode: number): number {
	return lengths[opcode]!;
}

/** Every mnemonic the assembler knows. */
export const spellings: ReadonlyMap<string, Spelling> = unique(
	rows.flatMap((row) =>
		(takesCondition(row) ? [...conditions.keys()] : [0]).map(
			(condition) => [spell(row, condition), { row, condition }] as const,
		),
	),
);

/** @param mnemonic the row's own, without a condition: `j`, `set` */
export function rowOf(mnemonic: string): Row {
	const row = byMnemonic.get(mnemonic);
	if (row === undefined) throw new ArgumentError(`no instruction '${mnemonic}' in the table`);
	return row;
}

/** The instruction whose encoding begins with this byte; undefined when there is none. */
export function rowOfOpcode(opcode: number): Row | undefined {
	return byOpcode.get(opcode);
}

function unique<K, V>(entries: readonly (readonly [K, V])[]): Map<K, V> {
	const map = new Map(entries);
	if (map.size !== entries.length) throw new Error("two rows of the instruction table share an opcode or a mnemonic");
	return map;
}
