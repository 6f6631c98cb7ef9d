// Sites and tables of real objects: what gcc, objtool, readelf and objdump know of the same files.

import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { listBranches } from "../../cli/sites/branch-list.ts";
import { readArchive } from "../../linker/elf/archive.ts";
import { type ElfObject, readElf } from "../../linker/elf/index.ts";
import { readElfParts } from "../../linker/elf/reader.ts";
import { LinkError } from "../../linker/errors.ts";
import { SITES_SECTION } from "../../linker/format/static-calls.ts";
import { planRetarget } from "../../linker/retarget/retarget.ts";
import { applyRecord, undoRecord } from "../../linker/retarget/retarget-record.ts";
import { instructionLength } from "../../linker/sites/arch/x86-decode.ts";

import { addSites } from "../../linker/sites/collect.ts";
import { findRealSites } from "../../linker/sites/find-sites.ts";
import { readTables } from "../../linker/tables/index.ts";

import { cli, inFolder } from "../cli/command-line.ts";
import { piecewise } from "../elf/piecewise.ts";
import { spread } from "../extent.ts";
import { has, hasNative, objtool, run, source } from "./native-tools.ts";

const bytesOf = (path: string): Uint8Array => new Uint8Array(readFileSync(path));

/** `sites` as objects. */
async function sitesOf(...argv: readonly string[]) {
	const { code, out, err } = await cli("sites", "--json", ...argv);
	expect({ code, err }).toEqual({ code: 0, err: "" });
	return JSON.parse(out) as {
		sites: {
			file: string;
			section: string;
			offset: number;
			in: string;
			within: number;
			callee: string;
			kind: string;
			bytes: string;
			source: { line: number } | null;
			crosses: number[];
			crossesIfAligned: number[];
			init: boolean;
		}[];
		tables: { section: string; entries: object[] }[];
	};
}

describe.skipIf(!hasNative("readelf", "objdump"))("on this machine", () => {
	test("calls of C, with their lines", () =>
		inFolder(async (folder) => {
			run("gcc", "-g", "-O0", "-c", source("calls.c"), "-o", `${folder}/a.o`);
			const { sites } = await sitesOf(`${folder}/a.o`, "--calls-to", "weigh");
			const lines = readFileSync(source("calls.c"), "utf8").split("\n");
			expect(sites).toHaveLength(5);
			for (const site of sites) {
				expect(site).toMatchObject({ file: `${folder}/a.o`, section: ".text", kind: "call", bytes: "e8 00 00 00 00" });
				expect(lines[site.source!.line - 1]).toMatch(/weigh\(/);
				expect(site.crosses).toEqual([]);
			}
			const counted = (await cli("sites", `${folder}/a.o`, "--calls-to", "weigh", "--summary")).out;
			expect(counted).toBe("5 call sites of 1 key\nsites  key\n    5  weigh\n");
		}));

	test("calls of a linked program are those objdump shows", () =>
		inFolder(async (folder) => {
			run("gcc", "-O1", "-Wl,--emit-relocs", source("calls.c"), "-o", `${folder}/a.out`);
			const { sites } = await sitesOf(`${folder}/a.out`, "--calls-to", "weigh");
			const shown = run("objdump", "-d", `${folder}/a.out`).matchAll(
				/^ +([0-9a-f]+):.*(?:call|jmp) +[0-9a-f]+ <weigh>/gm,
			);
			expect(sites.map(({ offset }) => offset)).toEqual(
				Array.from(shown, ([, address]) => Number.parseInt(address!, 16)),
			);
			for (const { offset, crosses } of sites)
				expect(crosses).toEqual([8, 16, 64, 4096].filter((size) => (offset % size) + 5 > size));
		}));

	test("a program without relocations says what is needed", () =>
		inFolder(async (folder) => {
			run("gcc", source("calls.c"), "-o", `${folder}/a.out`);
			expect(await cli("sites", `${folder}/a.out`)).toMatchObject({
				code: 3,
				err: expect.stringMatching(/-Wl,--emit-relocs/),
			});
		}));

	test("archives, with long names", () =>
		inFolder(async (folder) => {
			const long = "a-name-that-is-longer-than-sixteen.o";
			run("gcc", "-c", source("calls.c"), "-o", `${folder}/a.o`);
			copyFileSync(`${folder}/a.o`, `${folder}/${long}`);
			run("ar", "rcs", `${folder}/lib.a`, `${folder}/a.o`, `${folder}/${long}`);
			const { sites } = await sitesOf(`${folder}/lib.a`, "--calls-to", "weigh");
			expect([...new Set(sites.map(({ file }) => file))]).toEqual([`${folder}/lib.a(a.o)`, `${folder}/lib.a(${long})`]);
			run("ar", "rcsT", `${folder}/thin.a`, `${folder}/a.o`, `${folder}/${long}`);
			const thin = await sitesOf(`${folder}/thin.a`, "--calls-to", "weigh");
			const place = ({ file, ...site }: (typeof sites)[number]) => ({
				...site,
				file: file.replace("thin", "lib").replace(`(${folder}/`, "("),
			});
			expect(thin.sites.map(place)).toEqual(sites);
			writeFileSync(`${folder}/notes.txt`, "no object");
			run("ar", "rcs", `${folder}/lib.a`, `${folder}/notes.txt`);
			const { code, err } = await cli("sites", `${folder}/lib.a`, "--calls-to", "weigh", "--json");
			expect({ code, err }).toEqual({ code: 0, err: `${folder}/lib.a(notes.txt): is not an ELF file; left out\n` });
		}));

	test("tables of patchable entries", () =>
		inFolder(async (folder) => {
			run(
				"gcc",
				"-O1",
				"-fpatchable-function-entry=2",
				"-Wl,--emit-relocs",
				source("calls.c"),
				"-o",
				`${folder}/a.out`,
			);
			run("gcc", "-O1", "-fpatchable-function-entry=2", "-c", source("calls.c"), "-o", `${folder}/a.o`);
			const names = ({ tables }: Awaited<ReturnType<typeof sitesOf>>) =>
				tables.flatMap(({ entries }) => entries.map((entry) => (entry as { code: string }).code)).sort();
			const functions = ["branchy", "loop", "main", "plain", "tail", "tail_trace", "trace", "weigh", "weigh_twice"];
			expect(names(await sitesOf(`${folder}/a.o`))).toEqual(functions);
			expect(names(await sitesOf(`${folder}/a.out`))).toEqual(functions);
		}));

	test("tables of jump labels", () =>
		inFolder(async (folder) => {
			run("gcc", "-O2", "-fcf-protection=none", "-c", source("jump-label.c"), "-o", `${folder}/a.o`);
			const { tables, sites } = await sitesOf(`${folder}/a.o`, "--all");
			const [traced, checked] = sites.map((site) => `${site.in}+0x${site.within.toString(16)}`);
			expect(tables.map(({ section }) => section)).toEqual(["__jump_table"]);
			expect(tables[0]!.entries).toEqual([
				{ code: "traced+0x3", target: traced, key: "tracing" },
				{ code: "checked+0x3", target: checked, key: "unlikely_key (flags 1)" },
			]);
		}));

	test("tables of calls that trace functions", () =>
		inFolder(async (folder) => {
			run("gcc", "-O1", "-pg", "-mfentry", "-mrecord-mcount", "-c", source("calls.c"), "-o", `${folder}/a.o`);
			const { tables, sites } = await sitesOf(`${folder}/a.o`, "--calls-to", "__fentry__");
			expect(tables.map(({ section }) => section)).toEqual(["__mcount_loc"]);
			expect(tables[0]!.entries).toEqual(sites.map((site) => ({ code: site.in })));
			expect(sites.length).toBeGreaterThan(5);
		}));

	test.skipIf(!has("clang"))("tables of xray sleds", () =>
		inFolder(async (folder) => {
			const flags = ["-O1", "-fxray-instrument", "-fxray-instruction-threshold=1"];
			run("clang", ...flags, "-c", source("crc.c"), "-o", `${folder}/a.o`);
			const { tables } = await sitesOf(`${folder}/a.o`, "--all");
			const [table] = tables.filter(({ section }) => section === "xray_instr_map");
			const entries = table!.entries as { code: string; function: string }[];
			expect(entries.length).toBeGreaterThanOrEqual(2);
			for (const { code, function: name } of entries) expect(code.split("+")[0]).toBe(name);
		}),
	);

	test("instructions end where objdump says", () =>
		inFolder(async (folder) => {
			run("gcc", "-O3", "-mavx512f", "-ffast-math", "-c", source("calls.c"), "-o", `${folder}/a.o`);
			const program = process.execPath;
			for (const [path, limit] of [
				[`${folder}/a.o`, 1e9],
				["/usr/bin/readelf", 1e9],
				[program, 0],
			] as const) {
				if (limit === 0) continue;
				const object = readElf(bytesOf(path), path);
				const text = object.sections.find(({ name }) => name === ".text")!;
				const shown = run("objdump", "-d", "--no-show-raw-insn", "-j", ".text", path);
				const starts = Array.from(
					shown.matchAll(/^ *([0-9a-f]+):\t(?!\(bad\))/gm),
					([, at]) => Number.parseInt(at!, 16) - text.address,
				);
				const wrong = starts
					.slice(0, -1)
					.filter((at, i) => instructionLength(text.data, at, text.data.length) !== starts[i + 1]! - at);
				expect(wrong.map((at) => at.toString(16))).toEqual([]);
				expect(starts.length).toBeGreaterThan(30);
			}
		}));

	test("an object without static calls stays as it is", () =>
		inFolder(async (folder) => {
			run("gcc", "-O1", "-g", "-c", source("crc.c"), "-o", `${folder}/a.o`);
			const { out } = await cli("collect", `${folder}/a.o`, "-o", `${folder}/b.o`);
			const collected = readFileSync(`${folder}/b.o`);
			copyFileSync(`${folder}/a.o`, `${folder}/c.o`);
			expect((await cli("collect", `${folder}/c.o`)).code).toBe(0);
			expect(readFileSync(`${folder}/c.o`)).toEqual(collected);
			expect(out).toBe(`${folder}/b.o: 0 call sites\n`);
			expect(bytesOf(`${folder}/b.o`)).toEqual(bytesOf(`${folder}/a.o`));
		}));

	test("calls that the assembler resolved are a kind of their own, and noted once", () =>
		inFolder(async (folder) => {
			run("gcc", "-O2", "-c", source("calls.c"), "-o", `${folder}/a.o`);
			const twice = [`${folder}/a.o`, `${folder}/a.o`];
			for (const options of [
				["--all"],
				["--all", "--summary"],
				["--all", "--protocol"],
				["--calls-to", "weigh"],
				["--calls-to", "weigh", "--json"],
			]) {
				const { code, out, err } = await cli("sites", ...twice, ...options);
				expect(code).toBe(0);
				expect(err).toMatch(
					/^\d+ calls without relocation in 2 files, resolved by the assembler: .*\(\S*a\.o: \.text\+0x\w+ in \w+.*\n$/,
				);
				expect(out).toContain(options[1] === "--summary" ? " local calls\n" : "local ");
			}
			const { sites } = JSON.parse((await cli("sites", ...twice, "--calls-to", "weigh", "--json")).out);
			const lines = (await cli("sites", ...twice, "--calls-to", "weigh", "--json-lines")).out;
			expect(
				lines
					.trim()
					.split("\n")
					.map((line) => JSON.parse(line)),
			).toEqual(sites);
			const local = sites.filter(({ kind }: { kind: string }) => kind.startsWith("local "));
			expect(local.length).toBeGreaterThan(1);
			for (const each of sites) expect(Object.keys(each)).toEqual(Object.keys(local[0]));
			// objdump shows a branch to the start of the function, and no relocation behind it.
			const decoded = run("objdump", "-dr", "--no-show-raw-insn", `${folder}/a.o`);
			for (const { offset } of local)
				expect(decoded).toMatch(
					new RegExp(`^ +${offset.toString(16)}:\\t(call|jmp|j\\w+) +\\w+ <weigh>\\n(?!\\t\\t)`, "m"),
				);
			expect((await cli("sites", `${folder}/a.o`, "--calls-to", "wiegh")).err).toContain(
				"has no symbol 'wiegh' (did you mean 'weigh'?)\n",
			);
			expect((await cli("sites", `${folder}/a.o`, `${folder}/a.o`, "--calls-to", "wiegh", "--json")).err).toContain(
				"nothing has a symbol 'wiegh'\n",
			);
			writeFileSync(`${folder}/c.cc`, "namespace ns { int slow(int); } int main() { return ns::slow(3); }\n");
			run("g++", "-c", `${folder}/c.cc`, "-o", `${folder}/c.o`);
			const hint = "has no symbol 'ns::slow'; there is ns::slow(int)\n";
			expect((await cli("sites", `${folder}/c.o`, "--calls-to", "ns::slow")).err).toContain(hint);
			expect((await cli("retarget", `${folder}/c.o`, "--set", "ns::slow=main", "--dry-run")).err).toContain(hint);
		}));

	test("addresses in the upper half of the address space are those of objdump", () =>
		inFolder(async (folder) => {
			writeFileSync(`${folder}/k.s`, ".globl _start\n_start:\tcall foo\n\tcall foo\n\t.globl foo\nfoo:\tret\n");
			run("as", `${folder}/k.s`, "-o", `${folder}/k.o`);
			run("ld", "-q", "-Ttext=0xffffffff81000000", `${folder}/k.o`, "-o", `${folder}/k.elf`);
			const calls = Array.from(run("objdump", "-d", `${folder}/k.elf`).matchAll(/^([0-9a-f]+):.*\bcall\b/gm));
			expect(calls).toHaveLength(2);
			const { out } = await cli("sites", `${folder}/k.elf`, "--calls-to", "foo");
			expect(Array.from(out.matchAll(/^ {2}0x(\w+) {2}call/gm), ([, at]) => at)).toEqual(calls.map(([, at]) => at));
			const plan = await cli("retarget", `${folder}/k.elf`, "--set", "foo=_start", "--dry-run");
			expect(plan.out).toContain(`0x${calls[1]![1]}  `);
		}));

	test("a hostile object is refused or read, and never more", () =>
		inFolder(async (folder) => {
			run(
				"gcc",
				"-g",
				"-O1",
				"-ffunction-sections",
				"-fpatchable-function-entry=2",
				"-c",
				source("calls.c"),
				"-o",
				`${folder}/a.o`,
			);
			run("gcc", "-O1", "-c", source("static-calls.c"), "-o", `${folder}/b.o`);
			run("gcc", "-O1", "-Wl,--emit-relocs", source("calls.c"), "-o", `${folder}/a.out`);
			run("ar", "rcs", `${folder}/lib.a`, `${folder}/a.o`, `${folder}/b.o`);
			const originals = ["a.o", "b.o", "a.out"].map((name) => bytesOf(`${folder}/${name}`));
			const retargeted = applyRecord(
				originals[0]!,
				"a.o",
				planRetarget(readElf(originals[0]!, "a.o"), [{ from: "weigh", to: "weigh_twice" }]),
			);
			const archive = bytesOf(`${folder}/lib.a`);
			const all = [...originals, retargeted, archive];
			const mutation = fc.record({
				at: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
				byte: fc.integer({ min: 0, max: 255 }),
			});
			const near = fc.record({ at: fc.integer({ min: 0, max: 63 }), byte: fc.constantFrom(0, 1, 0x7f, 0x80, 0xff) });
			const cut = fc.option(fc.double({ min: 0, max: 1, noNaN: true }), { freq: 5 });
			const tryAll = (bytes: Uint8Array, isLibrary: boolean) => {
				for (const member of isLibrary
					? readArchive(bytes, "x")
					: [{ name: "x", bytes: undoRecord(bytes, "x").original }]) {
					const object = readBoth(member.bytes, `x(${member.name})`);
					readTables(object);
					listBranches(object, undefined, () => {});
					planRetarget(object, [{ from: "weigh", to: "weigh_twice" }]);
					addSites(object, findRealSites(object, SITES_SECTION), "refuse");
				}
			};
			fc.assert(
				fc.property(
					fc.nat({ max: all.length - 1 }),
					fc.array(mutation, { maxLength: 6 }),
					fc.array(near, { maxLength: 1 }),
					cut,
					(which, far, header, end) => {
						const original = all[which]!;
						const bytes = original.slice(0, end === null ? undefined : Math.floor(original.length * end));
						for (const { at, byte } of far) if (bytes.length > 0) bytes[Math.floor(at * bytes.length)] = byte;
						for (const { at, byte } of header) if (bytes.length > at) bytes[at] = byte;
						try {
							tryAll(bytes, original === archive);
						} catch (error) {
							if (!(error instanceof LinkError)) throw error;
							expect(error.message).toMatch(/^x/);
						}
					},
				),
				{ numRuns: 600 },
			);
		}));
});

/** As `readElfParts` reads it, which refuses what `readElf` refuses with the same words, relocations when asked for. */
function readBoth(bytes: Uint8Array, name: string): ElfObject {
	const attempt = (read: () => ElfObject) => {
		try {
			return read();
		} catch (error) {
			if (error instanceof LinkError) return error.message;
			throw error;
		}
	};
	const whole = attempt(() => readElf(bytes, name));
	const object = attempt(() => {
		const parts = readElfParts(piecewise(bytes), name);
		for (const { relocations } of parts.sections) relocations?.offset;
		return parts;
	});
	if (typeof object === "string" || typeof whole === "string") {
		expect(object).toBe(whole);
		throw new LinkError(object as string);
	}
	return object;
}

/** The relocations of each entry of `.static_call_sites` as readelf shows them, without their order: objtool puts jumps
 * before calls, and the kernel sorts the table by key. */
function entries(path: string): string[] {
	const shown = run("readelf", "-rW", path)
		.split(/^Relocation section /m)
		.find((part) => part.startsWith("'.rela.static_call_sites'"));
	const fields = (shown ?? "").matchAll(/^([0-9a-f]{16}) +[0-9a-f]+ (R_\S+) +[0-9a-f]* *(\S+) ([+-]) ([0-9a-f]+)$/gm);
	const byEntry = new Map<number, string[]>();
	for (const [, offset, ...rest] of fields) {
		const at = Number.parseInt(offset!, 16);
		byEntry.set(at >> 3, [...(byEntry.get(at >> 3) ?? []), `${at & 7} ${rest.join(" ")}`]);
	}
	return [...byEntry.values()].map((entry) => entry.join(", ")).sort();
}

describe.skipIf(!hasNative("readelf"))("collect", () => {
	const both = async (folder: string, object: string): Promise<void> => {
		copyFileSync(object, `${folder}/objtool.o`);
		run(objtool, "--static-call", `${folder}/objtool.o`);
		expect(await cli("collect", object, "-o", `${folder}/ours.o`)).toMatchObject({ code: 0, err: "" });
		expect(entries(`${folder}/ours.o`)).toEqual(entries(`${folder}/objtool.o`));
		expect(entries(`${folder}/ours.o`).length).toBeGreaterThan(0);
	};

	test.skipIf(!has(objtool)).each(spread(["-O1", "-O2", "-Os", "-O2 -ffunction-sections", "-O2 -fPIC", "-g -O2"], 3))(
		"as objtool: %s",
		(flags) =>
			inFolder(async (folder) => {
				run("gcc", ...flags.split(" "), "-c", source("static-calls.c"), "-o", `${folder}/a.o`);
				await both(folder, `${folder}/a.o`);
			}),
	);

	test.skipIf(!has(objtool))("as objtool: assembly without section symbols", () =>
		inFolder(async (folder) => {
			const calls = Array.from(
				{ length: 500 },
				(_, i) =>
					`.globl fn_${i}\n.type fn_${i},@function\nfn_${i}:\npush %rbx\ncall __SCT__ext_${i % 7}\n${i % 3 === 0 ? `pop %rbx\njmp __SCT__ext_${i % 5}` : "pop %rbx\nret"}\n.size fn_${i},.-fn_${i}\n`,
			);
			const keys = Array.from({ length: 7 }, (_, i) => `.quad __SCK__ext_${i}\n`);
			writeFileSync(`${folder}/a.s`, `.text\n${calls.join("")}.section .discard.addressable,"aw"\n${keys.join("")}`);
			run("as", `${folder}/a.s`, "-o", `${folder}/a.o`);
			await both(folder, `${folder}/a.o`);
		}),
	);

	test("what was there stays, and links", () =>
		inFolder(async (folder) => {
			run("gcc", "-g", "-O2", "-c", source("static-calls.c"), "-o", `${folder}/a.o`);
			await cli("collect", `${folder}/a.o`, "-o", `${folder}/b.o`);
			const text = (path: string) => run("objdump", "-dr", "--no-addresses", path).replaceAll(path, "");
			expect(text(`${folder}/b.o`)).toBe(text(`${folder}/a.o`));
			const dwarf = (path: string) => run("readelf", "--debug-dump=decodedline", path);
			expect(dwarf(`${folder}/b.o`)).toBe(dwarf(`${folder}/a.o`));
			writeFileSync(
				`${folder}/main.c`,
				'extern int twice(int), tail(int); int fifo(int x) { return x + 1; } int hooked(int x) { return x * 2; }\n#include "static-call.h"\nDEFINE_STATIC_CALL(hook, hooked);\nint main(void) { return twice(3) + tail(5) - 19; }\n',
			);
			run("gcc", "-I", source(""), `${folder}/main.c`, `${folder}/b.o`, "-o", `${folder}/a.out`);
			expect(run(`${folder}/a.out`)).toBe("");
		}));

	test("refuses what cannot be patched", () =>
		inFolder(async (folder) => {
			const refused = async (body: string, ...flags: string[]): Promise<string> => {
				writeFileSync(`${folder}/a.s`, `.type f,@function\nf: ${body}\nret\n.size f,.-f\n.data\n.quad __SCK__known\n`);
				run("gcc", "-c", `${folder}/a.s`, "-o", `${folder}/a.o`);
				const { code, err } = await cli("collect", `${folder}/a.o`, "-o", `${folder}/b.o`, ...flags);
				expect(code).toBe(err === "" ? 0 : 3);
				return err;
			};
			expect(await refused("call __SCT__knwon")).toMatch(
				/a\.o:\(\.text\+0x0\): calls '__SCT__knwon', but nothing here names its key '__SCK__knwon' \(did you mean '__SCK__known'\?\)/,
			);
			expect(await refused("call __SCT__knwon", "--module")).toBe("");
			expect(await refused("call __SCT__")).toMatch(/trampoline name '__SCT__' is malformed/);
			expect(await refused("call *__SCT__known@GOTPCREL(%rip)")).toMatch(/through the global offset table/);
			expect(await refused("call __SCT__known")).toBe("");
			expect((await cli("collect", `${folder}/b.o`, "-o", `${folder}/c.o`)).err).toMatch(
				/already has a \.static_call_sites section/,
			);
		}));
});
