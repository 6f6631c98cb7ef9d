// The toy machine as one more architecture: CALL, JMP and Jcc are five bytes, an opcode and a word with the displacement.
// Its objects come from our own compiler and assembler, so what code does with a trampoline besides calling it is refused.

import { type ElfObject, SHF_ALLOC } from "../../elf/object.ts";
import { isCode, symbolName } from "../../elf/symbols.ts";
import { LinkError } from "../../errors.ts";
import { SITE_BYTES, type SiteKind } from "../../format/static-calls.ts";
import {
	decode,
	disassemble,
	EM_TOY,
	encode,
	type Flow,
	R_TOY_CALL28,
	R_TOY_JUMP28,
	R_TOY_NONE,
	R_TOY_REL32,
	relocationTypes,
} from "../../isa/index.ts";
import { place } from "../place.ts";
import type { Architecture, RelocatedBranch } from "./architecture.ts";

/** Where the word with the displacement starts, from the first byte of the instruction. */
const FIELD = 1;
/** Displacements count from the end of the instruction, the relocation's formula from the field. */
const ADDEND = FIELD - SITE_BYTES;

/** RET, and breakpoints behind it so that nothing runs on. */
const ret = [...encode("ret"), ...new Array<number>(SITE_BYTES - 1).fill(encode("brk")[0]!)];

function branch(
	code: number,
	kind: SiteKind,
	relocation: number,
	nothing?: readonly number[],
	zero?: readonly number[],
) {
	const { min, max, read, write } = relocationTypes[relocation]!;
	return {
		kind: code,
		form: {
			kind,
			length: SITE_BYTES,
			base: SITE_BYTES,
			min,
			max,
			read: (view: DataView, at: number) => read(view, at + FIELD),
			write: (view: DataView, at: number, displacement: number) => write(view, at + FIELD, displacement),
			nothing,
			...(zero && { zero }),
		},
		fieldAt: FIELD,
		length: SITE_BYTES,
		addend: ADDEND,
		relocation,
	};
}

const branches: readonly RelocatedBranch[] = [
	branch(0, "call", R_TOY_CALL28, [...encode("nop5")], [...encode("ret0")]),
	branch(1, "tail", R_TOY_JUMP28, ret),
	branch(2, "conditional", R_TOY_JUMP28),
];
/** What the instructions of `branches` do, by their numbers. */
const flows: readonly (Flow | undefined)[] = ["call", "jump", "branch"];

/** The toy machine as the collector knows it. */
export const toy: Architecture = {
	name: "toy",
	machine: EM_TOY,
	isRelaxed: false,
	branches,
	find: (type, bytes, at) =>
		type === R_TOY_CALL28 || type === R_TOY_JUMP28 ? flows.indexOf(decode(bytes, at - FIELD)?.row.flow) : -1,
	relocation: { none: R_TOY_NONE, relative32: R_TOY_REL32 },
	sites: { flags: SHF_ALLOC, marksInit: true, inReplacements: true, isLinkedHere: true, refuseOther },
};

/** Code may do nothing with a trampoline but call its first byte; data may point to it. */
function refuseOther(object: ElfObject, index: number, i: number): void {
	const section = object.sections[index]!;
	const type = section.relocations!.type[i]!;
	if (type === R_TOY_NONE) return;
	const isBranch = type === R_TOY_CALL28 || type === R_TOY_JUMP28;
	const isExecutable = isCode(section);
	if (!isBranch && !isExecutable) return;
	const what = describe(object, index, i);
	if (!isExecutable) throw new LinkError(`${what} is not in an executable section`);
	if (!isBranch) throw new LinkError(`${what} cannot be a call site: only CALL, JMP and Jcc can be retargeted`);
	const start = section.relocations!.offset[i]! - FIELD;
	const instruction = decode(section.data, start);
	if (instruction === undefined || !flows.includes(instruction.row.flow)) {
		const found = instruction ? `'${disassemble(instruction, start)}'` : `the bytes ${bytesAt(section.data, start)}`;
		throw new LinkError(`${what} is in ${found}, no CALL, JMP or Jcc`);
	}
	const skipped = section.relocations!.addend[i]! - ADDEND;
	throw new LinkError(`${what} goes ${skipped} bytes beside the trampoline's start`);
}

function describe(object: ElfObject, index: number, i: number): string {
	const { offset, type, symbol } = object.sections[index]!.relocations!;
	const typeName = relocationTypes[type[i]!]?.name ?? `of type ${type[i]}`;
	return `${place(object, index, offset[i]!)}: relocation ${typeName} against '${symbolName(object.symbols, symbol[i]!)}'`;
}

function bytesAt(data: Uint8Array, start: number): string {
	const bytes = [...data.subarray(Math.max(0, start), start + SITE_BYTES)];
	return bytes.map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
}
