// Objects of other producers: we read of them what readelf reads, and what we write of them it reads alike.

import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import {
	type ElfObject,
	ET_DYN,
	filePath,
	functionAt,
	indexFunctions,
	lineAt,
	readElf,
	readLineTable,
	SHF_ALLOC,
	SHT_REL,
	SHT_RELA,
	symbolByName,
	symbolName,
	symbolType,
	writeElf,
} from "../../linker/elf/index.ts";
import { everything, spread } from "../extent.ts";
import { have, listRelocations, ofGcc, output } from "./elf-objects.ts";

const haveTools = have("readelf") && have("objdump") && have("gcc");

const source = `
#include <stdio.h>
static int table[4] = {1, 2, 3, 4};
__thread int calls;
int unused;
int (*hook)(int);
extern int elsewhere(int) __attribute__((weak));
__attribute__((noinline)) static int twice(int x) {
	calls++;
	return x * 2 + table[x & 3];
}
int main(int argc, char **argv) {
	if (elsewhere) argc = elsewhere(argc);
	if (hook) argc = hook(argc);
	printf("%d %s\\n", twice(argc), argv[0]);
	return 0;
}
`;

const builds: readonly { name: string; options: readonly string[] }[] = [
	{ name: "plain.o", options: ["-c"] },
	{ name: "optimised.o", options: ["-c", "-g", "-O2"] },
	{ name: "sections.o", options: ["-c", "-g", "-O2", "-ffunction-sections", "-fdata-sections"] },
	{ name: "dwarf2.o", options: ["-c", "-O1", "-gdwarf-2"] },
	{ name: "dwarf3.o", options: ["-c", "-O1", "-gdwarf-3"] },
	{ name: "dwarf4.o", options: ["-c", "-O1", "-gdwarf-4"] },
	{ name: "dwarf5.o", options: ["-c", "-O1", "-gdwarf-5"] },
	{ name: "emitted", options: ["-g", "-no-pie", "-Wl,--emit-relocs"] },
	{ name: "pie", options: ["-g", "-pie", "-fPIE"] },
	{ name: "library.so", options: ["-g", "-shared", "-fPIC"] },
];
const system = [
	"/usr/lib/x86_64-linux-gnu/crt1.o",
	"/usr/lib/x86_64-linux-gnu/crti.o",
	"/usr/lib/x86_64-linux-gnu/crtn.o",
	ofGcc("crtbegin.o"),
	"/usr/aarch64-linux-gnu/lib/crt1.o",
	"/usr/lib/x86_64-linux-gnu/libc.so.6",
	"/usr/bin/readelf",
];

describe.skipIf(!haveTools)("objects of other producers", () => {
	const directory = mkdtempSync(join(tmpdir(), "patchbay-elf-"));
	afterAll(() => rmSync(directory, { recursive: true }));
	const files = (haveTools ? [...builds.map(build), ...system.filter((path) => existsSync(path))] : []).map(
		(path) => [path.replace(directory, "gcc"), path] as const,
	);

	function build({ name, options }: { name: string; options: readonly string[] }): string {
		const path = join(directory, name);
		writeFileSync(join(directory, "source.c"), source);
		const { status, stderr } = spawnSync("gcc", [...options, "source.c", "-o", path], {
			cwd: directory,
			encoding: "utf8",
		});
		if (status !== 0) throw new Error(stderr);
		return path;
	}

	test.runIf(everything)("reads groups, and more sections than sixteen bits can number", () => {
		const lines = Array.from({ length: 33_000 }, (_, i) => {
			const group = i % 100 === 0 ? `.section .text.f${i},"axG",@progbits,f${i},comdat` : `.section .text.f${i},"ax"`;
			return `${group}\n.globl f${i}\n.type f${i},@function\nf${i}: call g${i % 9}@PLT\n.size f${i}, .-f${i}`;
		});
		const path = join(directory, "many.o");
		writeFileSync(join(directory, "many.s"), `${lines.join("\n")}\n`);
		expect(spawnSync("gcc", ["-c", "many.s", "-o", path], { cwd: directory }).status).toBe(0);
		const object = readElf(readFileSync(path), path);
		expect(object.sections.length).toBeGreaterThan(66_000);
		const text = object.sections[object.symbols.section[symbolByName(object, "f32999")!]!]!;
		expect(text.name).toBe(".text.f32999");
		expect(symbolName(object.symbols, text.relocations!.symbol[0]!)).toBe("g5");
		const copy = join(directory, "many-copy.o");
		writeFileSync(copy, writeElf(object));
		for (const option of ["-gW", "-sW"])
			expect(output("readelf", option, copy)).toEqual(output("readelf", option, path));
	});

	test.each(spread(files, 2))("%s: sections and symbols are those readelf sees", (_, path) => {
		const object = readElf(readFileSync(path), path);
		const sections = [
			...output("readelf", "-SW", path).stdout.matchAll(
				/^ {2}\[ *([1-9]\d*)\] (.*?) +([A-Z_0-9]+|<.*>|VERSYM|SYMTAB SECTION INDICES) +([0-9a-f]{16}) ([0-9a-f]+) ([0-9a-f]+) /gm,
			),
		];
		expect(sections.map(([, , name, , address, offset, size]) => [name, hex(address), hex(offset), hex(size)])).toEqual(
			object.sections.slice(1).map(({ name, address, fileOffset, size }) => [name, address, fileOffset, size]),
		);
		expect(shownSymbols(path)).toEqual(
			Array.from({ length: object.symbols.count }, (_, i) => [
				i,
				object.symbols.value[i],
				object.symbols.size[i],
				symbolName(object.symbols, i),
			]),
		);
	});

	test.each(spread(files, 2))("%s: relocations are those readelf sees", (_, path) => {
		const object = readElf(readFileSync(path), path);
		const parts = output("readelf", "-rW", path)
			.stdout.split(/^Relocation section '/m)
			.slice(1);
		const shown = new Map(
			parts.map((part) => [Number(/at offset (0x[0-9a-f]+)/.exec(part)![1]), shownRelocations(part)]),
		);
		for (const holder of object.sections) {
			const attached = (holder.type === SHT_RELA || holder.type === SHT_REL) && (holder.flags & SHF_ALLOC) === 0;
			if (!attached || holder.size === 0) continue;
			expect(listRelocations(object.sections[holder.info]!.relocations)).toEqual(shown.get(holder.fileOffset));
		}
	});

	test.each(spread(files, 2))("%s: written again, readelf sees the same", (_, path) => {
		const object = readElf(readFileSync(path), path);
		if (object.type === ET_DYN) return;
		const copy = join(directory, "copy");
		writeFileSync(copy, writeElf(object));
		for (const option of object.segments.length > 0 ? ["-h", "-rW"] : ["-gW", "-sW", "-rW"])
			expect(withoutPlaces(output("readelf", option, copy))).toEqual(withoutPlaces(output("readelf", option, path)));
		expect(Buffer.compare(writeElf(readElf(readFileSync(copy), path)), readFileSync(copy))).toBe(0);
	});

	test.each(spread(files, 2))("%s: rows of the line table are those objdump sees", (_, path) => {
		const object = readElf(readFileSync(path), path);
		const table = readLineTable(object);
		const { section, first, last, order } = table.sequences;
		const ours = Array.from(order.keys()).flatMap((i) =>
			Array.from({ length: last[i]! - first[i]! }, (_, k) => {
				const row = first[i]! + k;
				return `${basename(filePath(table, table.file[row]!))} ${table.line[row]} ${table.address[row]}`;
			}),
		);
		const text = table.rowCount > 0 ? output("objdump", "-w", "--dwarf=decodedline", path).stdout : "";
		const theirs = [...text.matchAll(/^(\S+) +(\d+) +(0x[0-9a-f]+|0)(?= |$)/gm)];
		expect(ours.sort()).toEqual(theirs.map(([, file, line, address]) => `${file} ${line} ${Number(address)}`).sort());
		expect(section.length).toBe(first.length);
	});

	test("an executable's relocations are those its objects had", () => {
		const object = readElf(readFileSync(join(directory, "emitted")), "emitted");
		const hook = symbolByName(object, "hook")!;
		const text = object.sections.find(({ name }) => name === ".text")!;
		const uses = listRelocations(text.relocations).filter(([, , symbol]) => symbol === hook);
		expect(uses.length).toBe(2);
		for (const [offset, , , addend] of uses) {
			const at = offset! - text.address;
			const displacement = new DataView(text.data.buffer, text.data.byteOffset).getInt32(at, true);
			expect(offset! + displacement - addend!).toBe(object.symbols.value[hook]);
		}
	});

	test.each(["optimised.o", "sections.o", "emitted", "library.so", "pie"])(
		"%s: code of a function has its name and line",
		(name) => {
			const object = readElf(readFileSync(join(directory, name)), name);
			const twice = symbolByName(object, "twice")!;
			const { value, section } = object.symbols;
			const found = functionAt(indexFunctions(object), section[twice]!, value[twice]! + 1)!;
			expect(symbolName(object.symbols, found)).toBe("twice");
			expect(symbolType(object.symbols, found)).toBe(2);
			const where = lineAt(readLineTable(object), value[twice]!, isRelocatable(object) ? section[twice]! : 0)!;
			expect(basename(where.file)).toBe("source.c");
			expect(source.split("\n")[where.line - 1]).toMatch(/twice\(int x\)|calls\+\+|return x/);
		},
	);
});

function isRelocatable({ segments }: ElfObject): boolean {
	return segments.length === 0;
}

function hex(text: string | undefined): number {
	return Number(BigInt.asIntN(64, BigInt(`0x${text}`)));
}

/** The rows of `.symtab`; a nameless section symbol has no name here either, and versions of dynamic symbols are left
 * out. */
function shownSymbols(path: string): unknown[] {
	const part = output("readelf", "-sW", path).stdout.split(/^Symbol table '.symtab'.*$/m)[1] ?? "";
	const rows = part.matchAll(/^ +(\d+): ([0-9a-f]{16}) +(\S+) (\S+) +\S+ +\S+ +(?:\[.*\] +)?\S+ ?(.*)$/gm);
	const shown = [...rows].map(([, index, value, size, type, name]) => [
		Number(index),
		hex(value),
		Number(size),
		type === "SECTION" ? "" : name!,
	]);
	return shown.length > 0 ? shown : [[0, 0, 0, ""]];
}

function shownRelocations(part: string): number[][] {
	const rows = part.matchAll(/^([0-9a-f]{16}) +([0-9a-f]{8})([0-9a-f]{8}) .*?(?:([+-]) )?([0-9a-f]+)?$/gm);
	return [...rows].map(([, offset, symbol, type, sign, addend]) => [
		hex(offset),
		hex(type),
		hex(symbol),
		(sign === "-" ? -1 : 1) * hex(addend ?? "0"),
	]);
}

/** Output without what depends on where things lie in the file. */
function withoutPlaces({ stdout, stderr }: { stdout: string; stderr: string }): { stdout: string; stderr: string } {
	return {
		stdout: stdout
			.replace(/at offset 0x[0-9a-f]+/g, "")
			.replace(/@GLIBC_[0-9.]+/g, "")
			.replace(/^ {2}(Start of|Number of|Size of program|Section header string).*$/gm, ""),
		stderr,
	};
}
