// `patchbay tables` on what GNU as and ld make: the places that tables name, what lies there, and what becomes of them.

import { readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { safeProtocols } from "../../cli/tables/table-protocols.ts";
import { readElf } from "../../linker/elf/reader.ts";
import {
	type ChangeForm,
	type ChangePlacement,
	changeOf,
	featureNames,
	type InstructionKind,
	readFeatures,
	type TableEntry,
	type TableFormat,
	tableFormats,
} from "../../linker/tables/index.ts";
import { cli, inFolder } from "../cli/command-line.ts";
import { everything } from "../extent.ts";
import { hasNative, run } from "./native-tools.ts";

interface Place {
	readonly section: string;
	readonly offset: number;
	readonly symbol: string | null;
	readonly within: number | null;
}
interface Entry extends Place {
	readonly kind: string;
	readonly now: string;
	readonly says: string;
	readonly bytes: string;
	readonly crosses: number[];
	readonly crossesIfAligned: number[];
	readonly change?: string;
	readonly fields: Record<string, unknown>;
}
interface Listed {
	readonly files: {
		readonly file: string;
		readonly tables: { table: string; section: string; patched: string; entries: Entry[] }[];
		readonly safe?: Record<string, Record<string, string[]>>;
	}[];
}

async function tablesOf(...argv: readonly string[]) {
	const { code, out, err } = await cli("tables", "--json", ...argv);
	expect({ code, err }).toEqual({ code: 0, err: "" });
	return (JSON.parse(out) as Listed).files[0]!;
}

/** An entry of a table around each place of code, as the kernel's headers make them. @param alternative the form's middle */
const program = (alternative: string): string => `
	.text
	.globl first
	.type first, @function
first:	call __fentry__
1:	call __SCT__hook
2:	.byte 0x0f, 0x1f, 0x44, 0, 0
3:	.byte 0x66, 0x90
4:	lock incl (%rdi)
5:	call *%gs:pv_ops(%rip)
6:	ud2
	jmp 9f
	nop
9:
7:	jmp __SCT__hook
8:	ret
	.size first, .-first
	.section .static_call_sites, "aw"
	.long 1b - ., __SCK__hook - .
	.long 7b - ., __SCK__hook + 1 - .
	.section __jump_table, "aw"
	.long 2b - ., 8b - .
	.quad key + 1 - .
	.long 3b - ., 8b - .
	.quad key - .
	.section __mcount_loc, "a"
	.quad first
	.section .smp_locks, "a"
	.long 4b - .
	.section .altinstr_replacement, "ax"
11:	nop
	.section .altinstructions, "a"
	.long 5b - ., 11b - .
	${alternative}
	.byte 7, 1
	.long 6b - ., 11b - .
	.word 3*32+21
	${alternative.includes("flags") ? ".word 0" : ""}
	.byte 2, 0
	.section __bug_table, "aw"
	.long 6b - ., name - .
	.word 42, 1
	.section __ex_table, "a"
	.long 4b - ., 8b - ., 1
	.section _kprobe_blacklist, "aw"
	.quad first
	.section .rodata.str1.1, "aMS", @progbits, 1
name:	.string "kernel/first.c"
	.data
	.balign 8
key:	.quad 0
	.globl __SCK__hook
__SCK__hook: .quad 0
	.section .static_call.text, "ax"
	.globl __SCT__hook
	.type __SCT__hook, @function
__SCT__hook: jmp first
	.size __SCT__hook, .-__SCT__hook
	.globl __fentry__
	.type __fentry__, @function
__fentry__: ret
	.size __fentry__, .-__fentry__
	.globl pv_ops
	.data
pv_ops:	.quad 0
`;
const OLD = ".word 0x8000 + 8*32 + 16";
const NEW = ".word 8*32 + 16 # flags\n\t.word 3";

const wanted = {
	"static calls": [
		["call", "calls the trampoline __SCT__hook", "key __SCK__hook"],
		["jump", "jumps to the trampoline __SCT__hook", "key __SCK__hook (tail)"],
	],
	"jump labels": [
		["NOP", "NOP of 5", "to first+0x25, key key (likely)"],
		["NOP", "NOP of 2", "to first+0x25, key key (unlikely)"],
	],
	"function entries (mcount)": [["call", "calls __fentry__", ""]],
	"SMP locks": [["LOCK prefix", "LOCK prefix", ""]],
	"kprobe blacklist": [["call", "calls __fentry__", ""]],
	"exception table": [["LOCK prefix", "LOCK prefix", "goes on at first+0x25, type 1"]],
	"bug table": [["trap", "traps", "kernel/first.c:42, warning"]],
};

const told = (tables: Listed["files"][0]["tables"]) =>
	Object.fromEntries(
		tables.map(({ table, entries }) => [table, entries.map(({ kind, now, says }) => [kind, now, says])]),
	);

const placesOf = (tables: Listed["files"][0]["tables"]) =>
	tables.flatMap(({ table, entries }) => entries.map(({ offset, symbol }) => [table, offset, symbol]));

/** Every table between the symbols that a kernel's linker script defines, in sections of other names. */
const script = `SECTIONS {
	. = 0xffffffff81000000;
	.text : { *(.text) *(.static_call.text) *(.altinstr_replacement) }
	.rodata : ALIGN(4096) {
		__start___jump_table = .; KEEP(*(__jump_table)) __stop___jump_table = .;
		__start_static_call_sites = .; KEEP(*(.static_call_sites)) __stop_static_call_sites = .;
		__start_mcount_loc = .; KEEP(*(__mcount_loc)) __stop_mcount_loc = .;
		__start_kprobe_blacklist = .; KEEP(*(_kprobe_blacklist)) __stop_kprobe_blacklist = .;
		__start___ex_table = .; KEEP(*(__ex_table)) __stop___ex_table = .;
		__start___bug_table = .; KEEP(*(__bug_table)) __stop___bug_table = .;
		__alt_instructions = .; KEEP(*(.altinstructions)) __alt_instructions_end = .;
		. = ALIGN(8); __smp_locks = .; KEEP(*(.smp_locks)) . = ALIGN(64); __smp_locks_end = .;
		*(.rodata*)
	}
	.data : { *(.data) }
}`;

test.runIf(hasNative("as", "ld", "nm", "strip"))("tables of objects, kernels and stripped kernels", () =>
	inFolder(async (folder) => {
		for (const [form, says] of [
			[OLD, "without VMMCALL, replaced by 1 byte"],
			[NEW, "without VMMCALL, the call made direct, replaced by 1 byte"],
		] as const) {
			writeFileSync(`${folder}/a.s`, program(form.replace("16", "15")));
			writeFileSync(`${folder}/a.lds`, script);
			run("as", `${folder}/a.s`, "-o", `${folder}/a.o`);
			run("ld", "-T", `${folder}/a.lds`, `${folder}/a.o`, "-o", `${folder}/vmlinux`);
			const alternatives = [
				["indirect call", "indirect call", says],
				["trap", "traps", "for ALWAYS, replaced by NOPs"],
			];
			const expected = { ...wanted, alternatives };
			expect(told((await tablesOf(`${folder}/a.o`)).tables)).toEqual(expected);
			const linked = await tablesOf(`${folder}/vmlinux`);
			expect(told(linked.tables)).toEqual(expected);
			writeFileSync(`${folder}/System.map`, run("nm", "-n", `${folder}/vmlinux`));
			run("strip", "-s", `${folder}/vmlinux`);
			const stripped = await tablesOf(`${folder}/vmlinux`, "--system-map", `${folder}/System.map`);
			// A map has no sizes, so what lies behind a function counts as its.
			expect(told(stripped.tables)).toEqual(told(linked.tables));
			expect(placesOf(stripped.tables)).toEqual(placesOf(linked.tables));
			const bare = await cli("tables", "--summary", `${folder}/vmlinux`);
			expect(bare.err).toContain("has no symbols");
		}
	}),
);

test.runIf(hasNative("as"))("places are where readelf and the program have them", () =>
	inFolder(async (folder) => {
		writeFileSync(`${folder}/a.s`, program(OLD));
		run("as", `${folder}/a.s`, "-o", `${folder}/a.o`);
		const { tables } = await tablesOf(`${folder}/a.o`);
		const relocations = run("readelf", "-rW", `${folder}/a.o`);
		for (const { section, entries } of tables) {
			const rows = new RegExp(
				`'\\.rela${section.replace(/\./g, "\\.")}'[^\\n]*\\n[^\\n]*\\n((?:[0-9a-f]{16} .*\\n)+)`,
			).exec(relocations);
			const places = Array.from(rows![1]!.matchAll(/(?:\.text|first) \+ ([0-9a-f]+)$/gm), ([, at]) =>
				Number.parseInt(at!, 16),
			);
			for (const { offset } of entries) expect(places).toContain(offset);
		}
		const sites = tables.find(({ table }) => table === "static calls")!.entries;
		expect(sites.map(({ offset, within, bytes }) => ({ offset, within, bytes }))).toEqual([
			{ offset: 5, within: 5, bytes: "e8 00 00 00 00" },
			{ offset: 0x20, within: 0x20, bytes: "e9 00 00 00 00" },
		]);
	}),
);

test.runIf(hasNative("as", "ld"))("constants that the kernel writes when it boots, and CFI traps", () =>
	inFolder(async (folder) => {
		const text = `	.globl _start
_start:	movabs $0x0123456789abcdef, %rax
1:	shr $12, %eax
2:	ud2
3:	ret
	.section runtime_ptr_table, "a"
	.long 1b - 8 - .
	.section runtime_shift_bits, "a"
	.long 2b - 1 - .
	.section .kcfi_traps, "ao", @progbits, .text
	.long 2b - .
`;
		writeFileSync(`${folder}/a.s`, text);
		run("as", `${folder}/a.s`, "-o", `${folder}/a.o`);
		run("ld", `${folder}/a.o`, "-o", `${folder}/a`);
		for (const file of ["a.o", "a"]) {
			const { tables } = await tablesOf(`${folder}/${file}`);
			expect(tables).toMatchObject([
				{
					table: "runtime pointers",
					patched: "at boot",
					entries: [{ says: "of table", now: "operand 0x0123456789abcdef", kind: "operand" }],
				},
				{ table: "runtime shifts", entries: [{ says: "of bits", now: "operand 0x0c", bytes: "0c" }] },
				{ table: "CFI traps", patched: "never", entries: [{ now: "traps", bytes: "0f 0b" }] },
			]);
			expect((await cli("tables", `${folder}/${file}`, "--verify")).out).toContain(
				"tables, code and relocations agree",
			);
		}
	}),
);

test.runIf(hasNative("as", "ld"))("entries that a kernel's build zeroed are none", () =>
	inFolder(async (folder) => {
		const code = "	.globl _start\n_start:\ncall _start\n1:	ret\n";
		const bounds = "	.globl __start_mcount_loc, __stop_mcount_loc\n";
		const table = (rows: string): string =>
			`${code}${bounds}	.section .rodata, "a"\n__start_mcount_loc:\n${rows}__stop_mcount_loc:\n`;
		writeFileSync(`${folder}/a.s`, table("	.quad 0\n	.quad 0\n	.quad _start\n"));
		run("as", `${folder}/a.s`, "-o", `${folder}/a.o`);
		run("ld", "-q", `${folder}/a.o`, "-o", `${folder}/a`);
		const { tables } = await tablesOf(`${folder}/a`);
		expect(tables).toMatchObject([{ table: "function entries (mcount)", entries: [{ symbol: "_start", within: 0 }] }]);
		expect(tables[0]!.entries).toHaveLength(1);
		// The build zeroes the first of two and leaves its relocation.
		writeFileSync(`${folder}/a.s`, table("	.quad 1b\n	.quad _start\n"));
		run("as", `${folder}/a.s`, "-o", `${folder}/a.o`);
		run("ld", "-q", `${folder}/a.o`, "-o", `${folder}/a`);
		const bytes = readFileSync(`${folder}/a`);
		const object = readElf(new Uint8Array(bytes), "a");
		const { fileOffset } = object.sections.find(({ name }) => name === ".rodata")!;
		bytes.copyWithin(fileOffset, fileOffset + 8, fileOffset + 16);
		bytes.fill(0, fileOffset + 8, fileOffset + 16);
		writeFileSync(`${folder}/a`, bytes);
		expect((await tablesOf(`${folder}/a`)).tables[0]!.entries).toMatchObject([{ symbol: "_start" }]);
		expect((await cli("tables", `${folder}/a`, "--verify", "--only", "function entries (mcount)")).out).not.toContain(
			"its relocation says",
		);
	}),
);

test.runIf(hasNative("as"))("tables that make no sense are refused, naming them", () =>
	inFolder(async (folder) => {
		writeFileSync(`${folder}/a.s`, '.section .altinstructions, "a"\n.zero 13\n');
		run("as", `${folder}/a.s`, "-o", `${folder}/a.o`);
		const whole = await cli("tables", `${folder}/a.o`);
		expect(whole).toMatchObject({ code: 3 });
		expect(whole.err).toContain("13 bytes are not whole entries of 12 or 14");
		writeFileSync(`${folder}/a.s`, '.section .altinstructions, "a"\n.zero 84\n');
		run("as", `${folder}/a.s`, "-o", `${folder}/a.o`);
		expect((await cli("tables", `${folder}/a.o`)).err).toContain("none of these makes sense of them");
		expect(await cli("tables", `${folder}/a.o`, "--only", "jump label")).toMatchObject({ code: 2 });
		writeFileSync(`${folder}/map`, "ffffffff B The real System.map is elsewhere\n");
		expect(await cli("tables", `${folder}/a.o`, "--system-map", `${folder}/map`)).toMatchObject({ code: 3 });
	}),
);

test("how each place changes is told by its table, its instruction and where it lies", () => {
	const [labels, entries, calls, sleds] = [
		"jump labels",
		"function entries (mcount)",
		"static calls",
		"XRay sleds",
	].map((name) => tableFormats.find((format) => format.name === name)!);
	const entry = (kind: InstructionKind, length: number, crosses: number[] = []) =>
		({ instruction: { kind, length }, crosses, crossesIfAligned: [], isUnplaced: false }) as unknown as TableEntry;
	const change = (form: string, placement: string, length: number) => ({ kind: "modelled", form, placement, length });
	expect(changeOf(62, labels!, entry("NOP", 5, [8]))).toEqual(change("label", "straddling", 5));
	expect(changeOf(62, labels!, entry("jump", 2))).toEqual(change("label", "aligned", 2));
	expect(changeOf(62, entries!, entry("call", 5))).toEqual(change("entry", "aligned", 5));
	expect(changeOf(62, calls!, entry("conditional jump", 6, [8]))).toEqual(change("conditional", "straddling", 6));
	expect(changeOf(183, entries!, entry("NOP", 4))).toEqual(change("entry", "word", 4));
	const why = (machine: number, format: TableFormat, of: TableEntry): string => {
		const found = changeOf(machine, format, of);
		return found.kind === "not modelled" ? found.why : found.kind;
	};
	expect(why(62, entries!, entry("NOP", 1))).toContain("a call replaces several NOPs");
	expect(why(62, sleds!, entry("jump", 2))).toContain("a sled is several instructions");
	expect(why(62, labels!, entry("call", 5))).toBe("a place of jump labels with: call");
	expect(why(243, labels!, entry("NOP", 4))).toBe("its instructions are not decoded");
});

const judged = (form: ChangeForm, placement: ChangePlacement, length: number, on: string) =>
	safeProtocols({ kind: "modelled", form, placement, length }, ["aligned-store", "breakpoint", "naive"], [on])![on];

test("what is fetched at once is never torn, and a short label is where it crosses", () => {
	expect(judged("label", "straddling", 2, "x86")).toEqual(["breakpoint"]);
	expect(judged("label", "word", 4, "arm")).toContain("aligned-store");
});

test.runIf(everything)("a protocol is judged for that instruction at that place", () => {
	for (const [form, length] of [
		["label", 5],
		["label", 2],
		["entry", 5],
		["conditional", 6],
	] as const) {
		expect(judged(form, "straddling", length, "x86")).toEqual(["breakpoint"]);
		expect(judged(form, "straddling", length, "amd-quad")).toEqual(["breakpoint"]);
	}
	expect(judged("label", "aligned", 2, "amd-quad")).toContain("aligned-store");
	for (const form of ["label", "entry"] as const)
		for (const model of ["arm", "arm-idc-dic"])
			expect(judged(form, "word", 4, model)).toEqual(expect.arrayContaining(["aligned-store", "breakpoint"]));
});

test.runIf(everything && hasNative("as"))("protocols are checked for each place", () =>
	inFolder(async (folder) => {
		writeFileSync(`${folder}/a.s`, program(OLD));
		run("as", `${folder}/a.s`, "-o", `${folder}/a.o`);
		const { tables, safe } = await tablesOf(`${folder}/a.o`, "--protocols", "--only", "static calls");
		expect(tables[0]!.entries.map(({ change }) => change)).toEqual(["call either", "tail either"]);
		// Where a linker may put it across two words, what is safe inside one is not enough.
		expect(safe!["call either"]!["amd-quad"]).not.toContain("aligned-store");
		expect(safe!["call either"]!.x86).toContain("breakpoint");
		expect(safe!["call either"]!.x86).not.toContain("naive");
	}),
);

test("features have the names of the header that is given", () => {
	const x86 = readFeatures(`#define NCAPINTS\t\t\t22\t   /* words */
#define X86_FEATURE_FPU\t\t( 0*32+ 0) /* "fpu" Onboard FPU */
#define X86_FEATURE_MINE	(11*32+18)
#define X86_BUG_F00F			X86_BUG(0) /* "f00f" */
#define X86_BUG_SRSO			X86_BUG(1*32 + 0)
`);
	expect([...x86]).toEqual([
		[0, "FPU"],
		[370, "MINE"],
		[704, "bug F00F"],
		[736, "bug SRSO"],
	]);
	expect([...readFeatures("#define ARM64_ALWAYS_BOOT\t0\n#define ARM64_HAS_LSE 31\n")]).toEqual([
		[0, "ALWAYS_BOOT"],
		[31, "HAS_LSE"],
	]);
	const known = featureNames(62, undefined);
	expect([known(3 * 32 + 21), known(9 * 32 + 9), known(704 + 14), known(370), known(5000)]).toEqual([
		"ALWAYS",
		"ERMS",
		"bug CPU_MELTDOWN",
		"CLEAR_CPU_BUF or SGX_EDECCSSA",
		"feature 156*32+8",
	]);
	expect(featureNames(183, undefined)(34)).toBe("capability 34");
});

test.runIf(hasNative("as", "ld"))("--verify finds what a table has wrong, and what it lacks", () =>
	inFolder(async (folder) => {
		const verified = async (text: string, linked: boolean) => {
			writeFileSync(`${folder}/a.s`, text);
			writeFileSync(`${folder}/a.lds`, script);
			run("as", `${folder}/a.s`, "-o", `${folder}/a.o`);
			if (linked) run("ld", "-q", "-T", `${folder}/a.lds`, `${folder}/a.o`, "-o", `${folder}/vmlinux`);
			return cli("tables", "--verify", `${folder}/${linked ? "vmlinux" : "a.o"}`);
		};
		for (const linked of [false, true]) {
			const sound = await verified(program(OLD), linked);
			expect(sound.out).toContain("tables, code and relocations agree");
			expect(sound.code).toBe(0);
			for (const [from, to, says] of [
				[".long 7b - ., __SCK__hook + 1 - .", "", "goes to __SCT__hook, and is in no entry of static calls"],
				["__SCK__hook + 1 - .", "__SCK__hook - .", "is a jump, and its entry says call"],
				[".long 4b - .\n", ".long 5b - .\n", "holds: indirect call, which is none of LOCK prefix"],
				[".long 3b - ., 8b", ".long 4b - ., 8b", "holds: LOCK prefix, which is none of NOP, jump"],
			] as const) {
				const broken = program(OLD).replace(from, to);
				expect(broken).not.toBe(program(OLD));
				const { code, out } = await verified(broken, linked);
				expect(out).toContain(says);
				expect(code).toBe(1);
			}
		}
		const json = await cli("tables", "--verify", "--json", `${folder}/a.o`);
		expect(JSON.parse(json.out)).toMatchObject({ schema: "patchbay/tables-verify@1" });
	}),
);
