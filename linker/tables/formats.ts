// The tables of places in code that Linux's tools, compilers and patchbay leave in files: one literal per table, which says
// where it is and what its entries look like. The reader, the lists and the cross-check know no table by name.

import { EM_AARCH64, EM_X86_64 } from "../elf/object.ts";
import {
	ENTRIES_SECTION,
	FLAGS,
	LABELS_SECTION,
	SITES_SECTION,
	USER_FLAGS,
	USER_SITES_SECTION,
} from "../format/static-calls.ts";

/** A field of an entry. */
export interface TableField {
	readonly name: FieldName;
	/** From the entry's first byte. */
	readonly at: number;
	readonly size: 1 | 2 | 4 | 8;
	/** `relative` counts from the field itself, `absolute` is an address as such, and `number` is no address. */
	readonly is: "relative" | "absolute" | "number";
	/** Low bits that are no part of the address. */
	readonly flags?: number;
}

/** `code` is the place itself. Of the rest `target`, `key`, `function`, `replacement`, `fixup`, `file` and `data` are places
 * too; `length` is how many bytes of code the entry is about. */
export type FieldName =
	| "code"
	| "target"
	| "key"
	| "function"
	| "replacement"
	| "fixup"
	| "file"
	| "data"
	| "length"
	| "replacementLength"
	| "feature"
	| "featureFlags"
	| "type"
	| "line"
	| "flags";

/** What entries look like. */
export interface TableShape {
	/** Bytes. */
	readonly entry: number;
	readonly fields: readonly TableField[];
}

/** When code is changed at the places of a table: before other processors run it, while they may run it, or never, because
 * other code relies on finding the instructions where they are. */
export type PatchedWhen = "at boot" | "while running" | "never";

export interface TableFormat {
	/** What lists call it. */
	readonly name: string;
	/** What the table is for: the rest of a sentence that begins with its name. */
	readonly brief: string;
	readonly when: PatchedWhen;
	/** Names of its sections in relocatable files, and in linked ones where no symbols say where it is. */
	readonly sections: readonly string[];
	/** What names of further sections start with, in objects as in linked files; the rest of the name is what an entry is of. */
	readonly family?: string;
	/** Bytes of code that every entry is about, where that is not the instruction at its place. */
	readonly span?: number;
	/** The place is that of an operand inside of an instruction. */
	readonly isOperand?: true;
	/** Symbols around it in a linked file. */
	readonly bounds: readonly (readonly [start: string, end: string])[];
	/** Machines (e_machine) that have it; all of them where nothing is said. */
	readonly machines?: readonly number[];
	/** The first that fits is taken. */
	readonly shapes: readonly TableShape[];
	/** In a linked file a zero in the place of code is filler: a linker script rounds a table up to a page, and the build zeroes
	 * entries of functions that a stronger definition replaced. */
	readonly isPadded?: true;
	/** Left out of what `sites` prints, which is about calls and entries of functions. */
	readonly isLong?: true;
}

const relative = (name: FieldName, at: number, flags?: number): TableField =>
	flags === undefined ? { name, at, size: 4, is: "relative" } : { name, at, size: 4, is: "relative", flags };
const absolute = (name: FieldName, at: number): TableField => ({ name, at, size: 8, is: "absolute" });
const number = (name: FieldName, at: number, size: TableField["size"]): TableField => ({
	name,
	at,
	size,
	is: "number",
});

const code4 = [{ entry: 4, fields: [relative("code", 0)] }];
const code8 = [{ entry: 8, fields: [absolute("code", 0)] }];
/** An entry of alternatives on AArch64, and on x86-64 before flags had a field of their own. */
const alternative12: TableShape = {
	entry: 12,
	fields: [
		relative("code", 0),
		relative("replacement", 4),
		number("feature", 8, 2),
		number("length", 10, 1),
		number("replacementLength", 11, 1),
	],
};
const x86 = [EM_X86_64];
const arm64 = [EM_AARCH64];

export const tableFormats: readonly TableFormat[] = [
	{
		name: "static calls",
		brief: "calls and jumps that go wherever their key says",
		when: "while running",
		sections: [SITES_SECTION],
		bounds: [["__start_static_call_sites", "__stop_static_call_sites"]],
		shapes: [{ entry: 8, fields: [relative("code", 0), relative("key", 4, FLAGS)] }],
	},
	{
		name: "user static calls",
		brief: "the same in a program of user space",
		when: "while running",
		sections: [USER_SITES_SECTION],
		bounds: [],
		shapes: [{ entry: 8, fields: [relative("code", 0), relative("key", 4, USER_FLAGS)] }],
	},
	{
		name: "static call keys",
		brief: "keys that modules may call through their trampolines alone",
		when: "while running",
		sections: [".static_call_tramp_key"],
		bounds: [["__start_static_call_tramp_key", "__stop_static_call_tramp_key"]],
		shapes: [{ entry: 8, fields: [relative("code", 0), relative("key", 4)] }],
		isLong: true,
	},
	{
		name: "jump labels",
		brief: "branches that are a NOP or a jump, as a static key says",
		when: "while running",
		sections: [LABELS_SECTION],
		bounds: [["__start___jump_table", "__stop___jump_table"]],
		shapes: [
			{
				entry: 16,
				fields: [
					relative("code", 0),
					relative("target", 4),
					{ name: "key", at: 8, size: 8, is: "relative", flags: FLAGS },
				],
			},
		],
	},
	{
		name: "function entries (mcount)",
		brief: "where functions call the tracer",
		when: "while running",
		sections: ["__mcount_loc"],
		bounds: [["__start_mcount_loc", "__stop_mcount_loc"]],
		shapes: code8,
		isPadded: true,
	},
	{
		name: "function entries (patchable)",
		brief: "NOPs that compilers leave for the tracer",
		when: "while running",
		sections: [ENTRIES_SECTION],
		bounds: [],
		shapes: code8,
	},
	{
		name: "XRay sleds",
		brief: "NOPs that clang leaves for XRay",
		when: "while running",
		sections: ["xray_instr_map"],
		bounds: [["__start_xray_instr_map", "__stop_xray_instr_map"]],
		shapes: [
			{
				entry: 32,
				fields: [
					{ name: "code", at: 0, size: 8, is: "relative" },
					{ name: "function", at: 8, size: 8, is: "relative" },
				],
			},
		],
	},
	{
		name: "alternatives",
		brief: "code that is replaced where the processor has a feature, or has it not",
		when: "at boot",
		sections: [".altinstructions"],
		bounds: [["__alt_instructions", "__alt_instructions_end"]],
		machines: x86,
		shapes: [
			alternative12,
			{
				entry: 14,
				fields: [
					relative("code", 0),
					relative("replacement", 4),
					number("feature", 8, 2),
					number("featureFlags", 10, 2),
					number("length", 12, 1),
					number("replacementLength", 13, 1),
				],
			},
		],
		isLong: true,
	},
	{
		name: "alternatives",
		brief: "code that is replaced where the processor has a capability",
		when: "at boot",
		sections: [".altinstructions"],
		bounds: [["__alt_instructions", "__alt_instructions_end"]],
		machines: arm64,
		shapes: [alternative12],
		isLong: true,
	},
	{
		name: "paravirt calls",
		brief: "calls of operations that a hypervisor may provide",
		when: "at boot",
		sections: [".parainstructions"],
		bounds: [["__parainstructions", "__parainstructions_end"]],
		machines: x86,
		shapes: [{ entry: 16, fields: [absolute("code", 0), number("type", 8, 1), number("length", 9, 1)] }],
		isLong: true,
	},
	{
		name: "retpolines",
		brief: "indirect calls and jumps through a thunk",
		when: "at boot",
		sections: [".retpoline_sites"],
		bounds: [["__retpoline_sites", "__retpoline_sites_end"]],
		machines: x86,
		shapes: code4,
		isLong: true,
	},
	{
		name: "returns",
		brief: "returns through a thunk",
		when: "at boot",
		sections: [".return_sites"],
		bounds: [["__return_sites", "__return_sites_end"]],
		machines: x86,
		shapes: code4,
		isLong: true,
	},
	{
		name: "counted calls",
		brief: "direct calls that go through a thunk where the depth of calls is counted",
		when: "at boot",
		sections: [".call_sites"],
		bounds: [["__call_sites", "__call_sites_end"]],
		machines: x86,
		shapes: code4,
		isLong: true,
	},
	{
		name: "IBT seals",
		brief: "ENDBR instructions that nothing goes to indirectly",
		when: "at boot",
		sections: [".ibt_endbr_seal"],
		bounds: [["__ibt_endbr_seal", "__ibt_endbr_seal_end"]],
		machines: x86,
		shapes: code4,
		isLong: true,
	},
	{
		name: "CFI preambles",
		brief: "hashes in front of functions that are called indirectly",
		when: "at boot",
		sections: [".cfi_sites"],
		bounds: [["__cfi_sites", "__cfi_sites_end"]],
		machines: x86,
		shapes: code4,
		isLong: true,
	},
	...[
		{ machines: x86, isOperand: true as const, pointer: 8, shift: 1 },
		{ machines: arm64, pointer: 16, shift: 4 },
	].flatMap(({ pointer, shift, ...rest }): TableFormat[] => [
		{
			...rest,
			name: "runtime pointers",
			brief: "constants in code that are addresses, known once the kernel has booted",
			when: "at boot",
			sections: [],
			family: "runtime_ptr_",
			span: pointer,
			bounds: [],
			shapes: code4,
			isLong: true,
		},
		{
			...rest,
			name: "runtime shifts",
			brief: "constants in code to shift by, known once the kernel has booted",
			when: "at boot",
			sections: [],
			family: "runtime_shift_",
			span: shift,
			bounds: [],
			shapes: code4,
			isLong: true,
		},
	]),
	{
		name: "CFI traps",
		brief: "instructions that trap where an indirect call finds another type than it wants",
		when: "never",
		sections: [".kcfi_traps"],
		bounds: [["__start___kcfi_traps", "__stop___kcfi_traps"]],
		shapes: code4,
		isLong: true,
	},
	{
		name: "SMP locks",
		brief: "LOCK prefixes, which one processor alone does not need",
		when: "at boot",
		sections: [".smp_locks"],
		bounds: [["__smp_locks", "__smp_locks_end"]],
		machines: x86,
		shapes: code4,
		isPadded: true,
		isLong: true,
	},
	{
		name: "tracepoints",
		brief: "each with a key of jump labels and one of static calls, whose places are in those tables",
		when: "while running",
		sections: ["__tracepoints_ptrs"],
		bounds: [["__start___tracepoints_ptrs", "__stop___tracepoints_ptrs"]],
		shapes: [{ entry: 4, fields: [relative("data", 0)] }],
		isLong: true,
	},
	{
		name: "kprobe blacklist",
		brief: "functions in which no probe may be",
		when: "never",
		sections: ["_kprobe_blacklist"],
		bounds: [["__start_kprobe_blacklist", "__stop_kprobe_blacklist"]],
		shapes: code8,
		isLong: true,
	},
	{
		name: "exception table",
		brief: "instructions that may fault, and where to go on then",
		when: "never",
		sections: ["__ex_table"],
		bounds: [["__start___ex_table", "__stop___ex_table"]],
		machines: x86,
		shapes: [{ entry: 12, fields: [relative("code", 0), relative("fixup", 4), number("type", 8, 4)] }],
		isLong: true,
	},
	{
		name: "exception table",
		brief: "instructions that may fault, and where to go on then",
		when: "never",
		sections: ["__ex_table"],
		bounds: [["__start___ex_table", "__stop___ex_table"]],
		machines: arm64,
		shapes: [{ entry: 12, fields: [relative("code", 0), relative("fixup", 4), number("type", 8, 2)] }],
		isLong: true,
	},
	{
		name: "bug table",
		brief: "instructions that trap to report, and what they report",
		when: "never",
		sections: ["__bug_table"],
		bounds: [["__start___bug_table", "__stop___bug_table"]],
		shapes: [
			{
				entry: 12,
				fields: [relative("code", 0), relative("file", 4), number("line", 8, 2), number("flags", 10, 2)],
			},
			{
				entry: 16,
				fields: [relative("code", 0), relative("file", 8), number("line", 12, 2), number("flags", 14, 2)],
			},
			{ entry: 8, fields: [relative("code", 0), number("flags", 4, 2)] },
		],
		isLong: true,
	},
];
