// Files that are wrong: each kind of mistake has its message, and no mutation of a good file gets past it.

import { existsSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
	addLines,
	append,
	defineSymbol,
	type ElfObject,
	ET_REL,
	filePath,
	finish,
	functionAt,
	indexFunctions,
	lineAt,
	newObject,
	readElf,
	readLineTable,
	reference,
	relocate,
	reserve,
	STB_GLOBAL,
	STT_FUNC,
	section,
	sectionByName,
	symbolName,
	writeElf,
} from "../../linker/elf/index.ts";
import { LinkError } from "../../linker/errors.ts";
import { asExecutable, MACHINE, ofGcc } from "./elf-objects.ts";

function sample(): ElfObject {
	const builder = newObject("toy.o", MACHINE);
	const text = section(builder, ".text", { align: 16 });
	append(text, new Uint8Array(64).fill(7));
	const data = section(builder, ".data", { align: 4 });
	append(data, new Uint8Array(16));
	reserve(section(builder, ".bss"), 100);
	defineSymbol(builder, "main", { section: text, value: 0, size: 40, binding: STB_GLOBAL, type: STT_FUNC });
	defineSymbol(builder, "local", { section: text, value: 40, size: 24, type: STT_FUNC });
	relocate(text, 8, 3, reference(builder, "elsewhere"), -4);
	relocate(data, 0, 1, reference(builder, "main"), 0);
	const rows = [0, 8, 40].map((offset, i) => ({ offset, file: i % 2, line: 10 * i + 1, column: i }));
	addLines(builder, { files: ["a.js", "b.js"], addressRelocation: 1, sequences: [{ section: text, rows, end: 64 }] });
	return finish(builder);
}

const object = writeElf(sample());
const executable = writeElf(asExecutable(sample()));
const sections = readElf(object, "toy.o").sections;
const headersAt = Number(new DataView(object.buffer).getBigUint64(40, true));
const index = (name: string) => sections.findIndex((each) => each.name === name);
/** Where a field of a section's header is. */
const header = (name: string, field: number) => headersAt + index(name) * 64 + field;
const contents = (name: string, at: number) => sections[index(name)]!.fileOffset + at;

/** Fields of a section header. */
const NAME = 0;
const FLAGS = 8;
const OFFSET = 24;
const SIZE = 32;
const LINK = 40;
const INFO = 44;
const ALIGN = 48;
const ENTSIZE = 56;

type Change = (view: DataView) => void;
const set8 =
	(at: number, value: number): Change =>
	(view) =>
		view.setUint8(at, value);
const set16 =
	(at: number, value: number): Change =>
	(view) =>
		view.setUint16(at, value, true);
const set32 =
	(at: number, value: number): Change =>
	(view) =>
		view.setUint32(at, value, true);
const set64 =
	(at: number, value: bigint): Change =>
	(view) =>
		view.setBigUint64(at, value, true);

function changed(bytes: Uint8Array, ...changes: Change[]): Uint8Array {
	const copy = bytes.slice();
	for (const change of changes) change(new DataView(copy.buffer));
	return copy;
}

describe("a mistake in a file is named with its place", () => {
	const symtab = `toy.o:(.symtab [${index(".symtab")}])`;
	const rela = `toy.o:(.rela.text [${index(".rela.text")}])`;
	const count = sections.length;
	test.each<[string, Change]>([
		["toy.o: is not an ELF file", set8(0, 0)],
		["toy.o: ELF header: class 1 is not 2 (64-bit)", set8(4, 1)],
		["toy.o: ELF header: data encoding 2 is not 1 (little-endian)", set8(5, 2)],
		["toy.o: ELF header: version 9 is not 1", set8(6, 9)],
		["toy.o: ELF header: type 4 is not one of 1 (REL), 2 (EXEC), 3 (DYN)", set16(16, 4)],
		["toy.o: ELF header: e_ehsize 63 is not 64", set16(52, 63)],
		["toy.o: ELF header: e_shentsize 40 is not 64", set16(58, 40)],
		["toy.o: ELF header: e_shoff 0xffffffffffffffff at 0x28 is not in [0x0, 0x", set64(40, 2n ** 64n - 1n)],
		["toy.o: section headers: 65279 of 64 bytes at", set16(60, 0xfeff)],
		[`toy.o: ELF header: e_shstrndx ${count} is not below ${count}`, set16(62, count)],
		["toy.o: section names (section 1): is of type 1, not a string table (3)", set16(62, 1)],
		["toy.o: section 1: sh_size 0x7fffffffffff at", set64(header(".text", SIZE), 2n ** 47n - 1n)],
		["toy.o: section 1: sh_offset", set64(header(".text", OFFSET), 2n ** 40n)],
		["toy.o: section 1: sh_addralign 24 is not a power of two", set64(header(".text", ALIGN), 24n)],
		["toy.o: section 1: sh_flags 0x100000000 at", set64(header(".text", FLAGS), 2n ** 32n)],
		["toy.o: section 3: sh_size 0x1000000000000 at", set64(header(".bss", SIZE), 2n ** 48n)],
		["section 1's at 0xffffff is not below", set32(header(".text", NAME), 0xffffff)],
		[
			"toy.o:(.text [1]): bytes [0x40, 0x80) of the file overlap section 2 (.data) at [0x48, 0x58)",
			set64(header(".data", OFFSET), BigInt(contents(".text", 8))),
		],
		["overlap the ELF header at [0x0, 0x40)", set64(header(".text", OFFSET), 16n)],
		[`${symtab}: sh_link ${count} is not below ${count}`, set32(header(".symtab", LINK), count)],
		[`${symtab}: sh_link 1 is a section of type 1, not 3`, set32(header(".symtab", LINK), 1)],
		[`${symtab}: sh_entsize 23 is not 24`, set64(header(".symtab", ENTSIZE), 23n)],
		[`${symtab}: sh_info 1 is not the count of local symbols`, set32(header(".symtab", INFO), 1)],
		[`${symtab}: sh_info 3 is not the count of local symbols, which`, set8(contents(".symtab", 24 + 4), 0x10)],
		[`${symtab}+0x0: symbol 0 is not null`, set8(contents(".symtab", 8), 1)],
		[`${symtab}+0x18: symbol 1: is in section 900, but there are ${count}`, set16(contents(".symtab", 24 + 6), 900)],
		[`${symtab}+0x18: symbol 1: section index is extended`, set16(contents(".symtab", 24 + 6), 0xffff)],
		[`${symtab}+0x18: symbol 1: name at 0xffff of`, set32(contents(".symtab", 24), 0xffff)],
		[`${symtab}+0x18: symbol 1: value is not within`, set64(contents(".symtab", 24 + 8), 2n ** 60n)],
		[`${symtab}+0x18: symbol 1: size is not below`, set64(contents(".symtab", 24 + 16), 2n ** 60n)],
		["does not start and end with NUL", set8(contents(".strtab", sections[index(".strtab")]!.size - 1), 65)],
		[`${rela}+0x0: relocation 0: symbol 77 is not below`, set32(contents(".rela.text", 12), 77)],
		[`${rela}+0x0: relocation 0: offset 0x41 is not in [0x0, 0x40]`, set64(contents(".rela.text", 0), 65n)],
		[`${rela}+0x0: relocation 0: addend is not within`, set64(contents(".rela.text", 16), 2n ** 62n)],
		[`${rela}: sh_size 23 is not a multiple of 24`, set64(header(".rela.text", SIZE), 23n)],
		[`${rela}: sh_info 99 is not below ${count}`, set32(header(".rela.text", INFO), 99)],
		[`${rela}: relocates toy.o:(.bss [3]), which has no bytes`, set32(header(".rela.text", INFO), 3)],
		["relocates section 1, as section", set32(header(".rela.data", INFO), 1)],
		[`${rela}: its links lead back to it`, set32(header(".rela.text", INFO), index(".rela.text"))],
		[
			"its links lead back to it through section",
			(view) => {
				set32(header(".text", LINK), 2)(view);
				set32(header(".data", LINK), 1)(view);
			},
		],
	])("%s", (message, change) => {
		expect(() => readElf(changed(object, change), "toy.o")).toThrow(LinkError);
		expect(() => readElf(changed(object, change), "toy.o")).toThrow(message);
	});

	test.each<[string, Change]>([
		["toy: segment 0: p_filesz", set64(64 + 32, 2n ** 40n)],
		["toy: segment 0: p_memsz 0x1 at", set64(64 + 40, 1n)],
		["toy: segment 0: p_offset 0x1001 and p_vaddr 0x10000 differ modulo 0x1000", set64(64 + 8, 0x1001n)],
		["toy: segment 0: p_align 3 is not a power of two", set64(64 + 48, 3n)],
		["toy: segment at 0x12000: overlaps the one before", set64(64 + 40, 0x8000n)],
		["toy: program headers: 60000 of 56 bytes", set16(56, 60000)],
	])("%s", (message, change) => {
		expect(() => readElf(changed(executable, change), "toy")).toThrow(message);
	});

	test("an archive is called one", () => {
		expect(() => readElf(new TextEncoder().encode("!<arch>\n/"), "libc.a")).toThrow("libc.a: is an archive");
	});

	test("names that overlap take no more memory than the file allows", () => {
		const builder = newObject("names.o", MACHINE);
		for (let i = 0; i < 3000; i++) section(builder, `.${i}${"x".repeat(i === 2999 ? 100_000 : 0)}`);
		const bytes = writeElf(finish(builder));
		const view = new DataView(bytes.buffer);
		const at = Number(view.getBigUint64(40, true));
		const end = view.getUint32(at + 3000 * 64, true);
		for (let i = 1; i < 3000; i++) view.setUint32(at + i * 64, end + i, true);
		expect(() => readElf(bytes, "names.o")).toThrow("overlap to more than four times the size of the file");
	});
});

describe("no mutation of a file gets past a LinkError", () => {
	const real = ["/usr/lib/x86_64-linux-gnu/crt1.o", "/usr/lib/x86_64-linux-gnu/crti.o", ofGcc("crtbegin.o")];
	const files = [object, executable, ...real.filter((path) => existsSync(path)).map((path) => readFileSync(path))].map(
		(bytes) => Uint8Array.from(bytes),
	);
	const interesting = fc.oneof(
		fc.constantFrom(
			0n,
			1n,
			2n,
			23n,
			24n,
			64n,
			0xff00n,
			0xfff1n,
			0xffffn,
			2n ** 31n,
			2n ** 32n - 1n,
			2n ** 53n,
			2n ** 63n,
			2n ** 64n - 1n,
		),
		fc.bigInt({ min: 0n, max: 5000n }),
		fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
	);
	const mutation = fc.oneof(
		fc.record({ kind: fc.constant("flip" as const), at: fc.nat(), bit: fc.nat(7) }),
		fc.record({
			kind: fc.constant("field" as const),
			at: fc.nat(),
			size: fc.constantFrom(1, 2, 4, 8),
			value: interesting,
		}),
		fc.record({
			kind: fc.constant("header" as const),
			at: fc.nat(),
			size: fc.constantFrom(2, 4, 8),
			value: interesting,
		}),
		fc.record({ kind: fc.constant("truncate" as const), at: fc.nat() }),
	);
	type Mutation = typeof mutation extends fc.Arbitrary<infer M> ? M : never;

	function mutate(bytes: Uint8Array, mutation: Mutation): Uint8Array {
		if (bytes.length < 64) return bytes;
		if (mutation.kind === "truncate") return bytes.slice(0, mutation.at % bytes.length);
		const copy = bytes.slice();
		if (mutation.kind === "flip") {
			copy[mutation.at % copy.length]! ^= 1 << mutation.bit;
			return copy;
		}
		// Fields of the ELF header and of the section headers are aligned to their size.
		const view = new DataView(copy.buffer);
		const headers = Math.min(Number(view.getBigUint64(40, true)), copy.length);
		const from = mutation.kind === "header" && mutation.at % 4 > 0 ? headers : 0;
		const room = (mutation.kind === "header" && from === 0 ? Math.min(64, copy.length) : copy.length) - from - 8;
		if (room <= 0) return copy;
		const at = from + Math.floor((mutation.at % room) / mutation.size) * mutation.size;
		for (let i = 0; i < mutation.size; i++) copy[at + i] = Number((mutation.value >> BigInt(8 * i)) & 255n);
		return copy;
	}

	/** Does what consumers do, and returns the bytes of all columns. */
	function use(bytes: Uint8Array): number {
		const object = readElf(bytes, "mutant");
		const { symbols } = object;
		for (let i = 0; i < symbols.count; i++) symbolName(symbols, i);
		const functions = indexFunctions(object);
		for (let at = 0; at < 100; at += 7) functionAt(functions, 1, at);
		let size = symbols.count * 26;
		for (const { relocations } of object.sections) size += (relocations?.count ?? 0) * 24;
		const lines = readLineTable(object);
		for (let at = 0; at < 100; at += 7) lineAt(lines, at, 1);
		for (let i = 0; i < lines.files.length; i++) filePath(lines, i);
		size += lines.rowCount * 20 + lines.files.length * 8;
		if (object.type === ET_REL) readElf(writeElf(object), "rewritten mutant");
		return size;
	}

	test("neither crashes, nor hangs, nor allocates wildly", () => {
		let accepted = 0;
		let refused = 0;
		let slowest = 0;
		fc.assert(
			fc.property(fc.constantFrom(...files), fc.array(mutation, { minLength: 1, maxLength: 4 }), (file, mutations) => {
				const mutant = mutations.reduce(mutate, file);
				const start = performance.now();
				try {
					expect(use(mutant)).toBeLessThan(20 * mutant.length + 1000);
					accepted++;
				} catch (error) {
					if (!(error instanceof LinkError)) throw error;
					refused++;
				}
				slowest = Math.max(slowest, performance.now() - start);
			}),
			{ numRuns: 6000 },
		);
		expect(slowest).toBeLessThan(5000);
		expect(accepted).toBeGreaterThan(500);
		expect(refused).toBeGreaterThan(500);
	});

	test("stops at every truncation of a file", () => {
		for (const file of [object, executable])
			for (let length = 0; length < file.length; length += length > 400 ? 37 : 1)
				expect(() => readElf(file.subarray(0, length), "cut")).toThrow(LinkError);
	});

	test("reads mutated line tables as rows or as a LinkError", () => {
		const start = contents(".debug_line", 0);
		const size = sectionByName(readElf(object, "toy.o"), ".debug_line")!.size;
		const change = fc.tuple(fc.nat(size - 1), fc.nat(255));
		fc.assert(
			fc.property(fc.array(change, { minLength: 1, maxLength: 3 }), (changes) => {
				const mutant = object.slice();
				for (const [at, value] of changes) mutant[start + at] = value;
				try {
					use(mutant);
				} catch (error) {
					if (!(error instanceof LinkError)) throw error;
					expect(error.message).toMatch(/^mutant:\(\.debug_line\)/);
				}
			}),
			{ numRuns: 3000 },
		);
	});
});
