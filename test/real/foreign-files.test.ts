// Files as other people's compilers and linkers make them, each with what is easily got wrong about it. The right answer comes
// from running the result, from readelf, or from the source.

import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { readElf } from "../../linker/elf/index.ts";
import { cli, inFolder } from "../cli/command-line.ts";
import { everything, spread } from "../extent.ts";
import { has, hasNative, run } from "./native-tools.ts";

const trampoline = "extern long __SCK__f; int __SCT__f(int);";
const oneCall = `${trampoline} void *k = &__SCK__f; int h(int x) { return __SCT__f(x) + 1; }\n`;

/** Compiles a text. @returns the path of the object */
function compile(folder: string, name: string, text: string, flags: readonly string[] = [], compiler = "gcc"): string {
	const suffix = /\bas\b/.test(compiler) ? "s" : compiler.includes("++") ? "cc" : "c";
	writeFileSync(`${folder}/${name}.${suffix}`, text);
	run(
		compiler,
		...flags,
		...(suffix === "s" ? [] : ["-c"]),
		`${folder}/${name}.${suffix}`,
		"-o",
		`${folder}/${name}.o`,
	);
	return `${folder}/${name}.o`;
}

async function ok(...argv: readonly string[]): Promise<string> {
	const { code, out, err } = await cli(...argv);
	expect({ code, err }).toEqual({ code: 0, err: "" });
	return out;
}

async function refused(...argv: readonly string[]): Promise<string> {
	const { code, err } = await cli(...argv);
	expect(code).toBe(3);
	return err;
}

describe.skipIf(!hasNative("readelf", "ld"))("relocatable files with addresses", () => {
	test("offsets count from the section all the same", () =>
		inFolder(async (folder) => {
			const flags = ["-O2", "-fpatchable-function-entry=2", "-ffunction-sections"];
			const a = compile(folder, "a", `${oneCall}int other(int x) { return x * h(x); }\n`, flags);
			const script =
				"SECTIONS { .data : { *(.data*) } .text : { *(.text*) } __patchable_function_entries : { *(__pat*) } }";
			writeFileSync(`${folder}/a.lds`, script);
			run("ld", "-r", "-T", `${folder}/a.lds`, a, "-o", `${folder}/a.ko`);
			const moved = readElf(new Uint8Array(readFileSync(`${folder}/a.ko`)), "a.ko");
			expect(moved.sections.find(({ name }) => name === ".text")!.address).toBeGreaterThan(0);
			const json = async (file: string) => JSON.parse(await ok("sites", "--all", "--json", file));
			const [before, after] = [await json(a), await json(`${folder}/a.ko`)];
			const callers = ({ sites }: { sites: { callee: string; in: string; within: number }[] }) =>
				sites.map((site) => `${site.callee} ${site.in}+${site.within}`).sort();
			expect(callers(after)).toEqual(callers(before));
			const entries = ({ tables }: { tables: { entries: { code: string }[] }[] }) =>
				tables.flatMap((table) => table.entries.map(({ code }) => code)).sort();
			expect(entries(after)).toEqual(entries(before));
			expect(entries(after)).toEqual(["h", "other"]);
			expect(await ok("collect", `${folder}/a.ko`, "-o", `${folder}/b.ko`)).toMatch(/: 2 call sites\n$/);
		}));
});

describe.skipIf(!hasNative("clang", "ld.lld"))("numbers of symbols", () => {
	const hooks = [1, 2, 3, 4].map((n) => `int h${n}(int x) { return __SCT__f(x) + ${n}; }`).join("\n");
	const same = "int s1(int x) { return x * 3; } int s2(int x) { return x * 3; } int (*p)(int) = s1, (*q)(int) = s2;";
	const main =
		'#include <stdio.h>\nextern int (*p)(int), (*q)(int); long __SCK__f; int __SCT__f(int x) { return x; }\nint main(void) { puts(p == q ? "merged" : "distinct"); }\n';

	test("lists of functions whose addresses are compared follow", () =>
		inFolder(async (folder) => {
			const flags = ["-O2", "-ffunction-sections", "-fno-asynchronous-unwind-tables"];
			const text = `${trampoline}\n${hooks} ${same} void *k(void) { return &__SCK__f; }\n`;
			const b = compile(folder, "b", text, flags, "clang");
			const m = compile(folder, "m", main, [], "clang");
			await ok("collect", b, "-o", `${folder}/c.o`);
			run("clang", "-fuse-ld=lld", "-Wl,--icf=safe", `${folder}/c.o`, m, "-o", `${folder}/m`);
			expect(run(`${folder}/m`)).toBe("distinct\n");
		}));

	const wild = ".globl h\n.type h,@function\nh: call __SCT__f\nret\n.data\n.quad __SCK__f\n";

	test("call graph profiles follow", () =>
		inFolder(async (folder) => {
			writeFileSync(`${folder}/a.s`, `${wild}.cg_profile h, __SCT__f, 7\n`);
			run("clang", "-c", `${folder}/a.s`, "-o", `${folder}/a.o`);
			await ok("collect", `${folder}/a.o`, "-o", `${folder}/b.o`);
			const profile = (file: string) =>
				run("llvm-readobj-19", "--cg-profile", file)
					.replace(/^File.*$/gm, "")
					.replace(/ \(\d+\)/g, "");
			if (has("llvm-readobj-19")) expect(profile(`${folder}/b.o`)).toBe(profile(`${folder}/a.o`));
		}));

	test("what may hold others is refused", () =>
		inFolder(async (folder) => {
			writeFileSync(`${folder}/a.s`, `${wild}.section .odd,"",@0x6fff1234\n.long 3\n`);
			run("clang", "-c", `${folder}/a.s`, "-o", `${folder}/a.o`);
			const bytes = new Uint8Array(readFileSync(`${folder}/a.o`));
			const { sections } = readElf(bytes, "a.o");
			const view = new DataView(bytes.buffer);
			const headers = Number(view.getBigUint64(40, true));
			const at = (name: string) => sections.findIndex((section) => section.name === name);
			view.setUint32(headers + at(".odd") * 64 + 40, at(".symtab"), true);
			writeFileSync(`${folder}/a.o`, bytes);
			expect(await refused("collect", `${folder}/a.o`, "-o", `${folder}/b.o`)).toMatch(
				/\(\.odd \[\d+\]\): is of type 0x6fff1234 and may hold numbers of symbols/,
			);
		}));
});

describe.skipIf(!hasNative("clang"))("calls that linkers made direct", () => {
	test.each(spread(["lld", "gold", "mold", "bfd"], 2))("%s", (linker) =>
		inFolder(async (folder) => {
			if (!has(linker === "mold" ? "mold" : `ld.${linker}`)) return;
			const flags = ["-O2", "-fPIE"];
			const d = compile(folder, "d", "int f(int x) { return x + 1; } int g(int x) { return x * 10; }\n", flags);
			const e = compile(folder, "e", "int f(int); int o(int x) { return f(x) * 100; }\n", flags);
			const text =
				'#include <stdio.h>\nint f(int), o(int); int t(int x) { return f(x); }\nint main(void) { printf("%d %d %d\\n", f(1), o(1), t(2)); }\n';
			const n = compile(folder, "n", text, [...flags, "-fno-plt"]);
			run("clang", `-fuse-ld=${linker}`, "-pie", "-Wl,-q", n, e, d, "-o", `${folder}/n`);
			expect(run(`${folder}/n`)).toBe("2 200 3\n");
			const { sites } = JSON.parse(await ok("sites", "--calls-to", "f", "--json", `${folder}/n`));
			expect(sites.map(({ in: caller, kind }: { in: string; kind: string }) => `${caller} ${kind}`).sort()).toEqual([
				"main call",
				"main call",
				"o call",
				"t tail",
			]);
			const set = async (...options: readonly string[]): Promise<string> => {
				await ok("retarget", `${folder}/n`, ...options, "-o", `${folder}/r`);
				chmodSync(`${folder}/r`, 0o755);
				return run(`${folder}/r`);
			};
			expect(await set("--set", "f=g")).toBe("10 1000 20\n");
			expect((await cli("sites", "--calls-to", "g", "--json", `${folder}/r`)).out.match(/"callee":"g"/g)).toHaveLength(
				4,
			);
			await set("--set", "f=null", "--only", "main");
			await ok("retarget", `${folder}/r`, "--reset", "-o", `${folder}/again`);
			expect(readFileSync(`${folder}/again`).equals(readFileSync(`${folder}/n`))).toBe(true);
		}),
	);
});

describe.skipIf(!hasNative("objcopy"))("what shows no calls", () => {
	test("relocations that do nothing are nothing, wherever they point", () =>
		inFolder(async (folder) => {
			const text =
				'int f(int x) { return x; } void *t[] __attribute__((section("__ex_table"))) = { f }; int main(void) { return f(0); }\n';
			const z = compile(folder, "z", text, ["-O1", "-fno-inline"]);
			run("gcc", "-no-pie", "-Wl,-q", z, "-o", `${folder}/z`);
			const bytes = new Uint8Array(readFileSync(`${folder}/z`));
			const { sections } = readElf(bytes, "z");
			const zeroed = sections.find(({ name }) => name === ".rela__ex_table")!;
			bytes.fill(0, zeroed.fileOffset, zeroed.fileOffset + zeroed.size);
			writeFileSync(`${folder}/z0`, bytes);
			expect(await ok("sites", "--calls-to", "f", `${folder}/z0`)).toMatch(/: x86-64, 1 call site of 1 key\n/);
		}));

	test.skipIf(!has("clang-19"))("compact relocations are read", () =>
		inFolder(async (folder) => {
			const plain = compile(folder, "a", oneCall, ["-O2"], "clang-19");
			const crel = ["-O2", "-Wa,--crel,--allow-experimental-crel"];
			const compact = compile(folder, "c", oneCall, crel, "clang-19");
			const rows = (text: string) => text.split("\n").slice(1);
			expect(rows(await ok("sites", compact))).toEqual(rows(await ok("sites", plain)));
			await ok("collect", compact, "-o", `${folder}/c2.o`);
			await ok("collect", plain, "-o", `${folder}/a2.o`);
			const shown = (file: string) => run("objdump", "-dr", file).replaceAll(file, "");
			expect(shown(`${folder}/c2.o`)).toBe(shown(`${folder}/a2.o`));
			expect(await refused("retarget", compact, "--set", "__SCT__f=null", "--dry-run")).toMatch(/compact|crel/i);
		}),
	);

	test("each is refused with what it is", () =>
		inFolder(async (folder) => {
			const both = async (file: string, pattern: RegExp) => {
				expect(await refused("sites", file)).toMatch(pattern);
				expect(await refused("sites", "--all", "--summary", file)).toMatch(pattern);
				expect(await refused("collect", file, "-o", `${folder}/x.o`)).toMatch(pattern);
			};
			await both(compile(folder, "lto", oneCall, ["-O2", "-flto"]), /link-time optimisation and no machine code/);
			await both(compile(folder, "large", oneCall, ["-O2", "-mcmodel=large", "-fno-pie"]), /-mcmodel=large/);
			await both(compile(folder, "pic", oneCall, ["-O2", "-mcmodel=large", "-fPIC"]), /-mcmodel=large/);
			const a = compile(folder, "a", oneCall, ["-O2"]);
			run("objcopy", "-R", ".rela*", "-R", ".eh_frame", a, `${folder}/stripped.o`);
			await both(`${folder}/stripped.o`, /'__SC[KT]__f' must be one's symbol: they were stripped/);
			const whole = compile(folder, "main", "int f(int x) { return x; } int main(void) { return f(0); }\n", ["-g"]);
			run("gcc", "-Wl,-q", whole, "-o", `${folder}/main`);
			run("objcopy", "--only-keep-debug", `${folder}/main`, `${folder}/main.debug`);
			expect(await refused("sites", "--calls-to", "f", `${folder}/main.debug`)).toMatch(/has debug information only/);
			writeFileSync(`${folder}/a.bc`, Uint8Array.of(0x42, 0x43, 0xc0, 0xde, 0, 0, 0, 0));
			await both(`${folder}/a.bc`, /is LLVM bitcode/);
			writeFileSync(`${folder}/a.ko.xz`, Uint8Array.of(0xfd, 0x37, 0x7a, 0x58, 0x5a, 0, 0, 4));
			await both(`${folder}/a.ko.xz`, /is compressed by xz/);
			writeFileSync(
				`${folder}/Image`,
				Uint8Array.from({ length: 64 }, (_, i) => Buffer.from("ARMd")[i - 56] ?? 0),
			);
			await both(`${folder}/Image`, /is a boot image of Linux for arm64/);
		}));

	test("addresses that nothing calls are no calls", () =>
		inFolder(async (folder) => {
			const text = "extern int x; int *f(void) { return &x; }\n";
			const a = compile(folder, "a", text, ["-O2", "-mcmodel=large", "-fno-pie"]);
			expect(await ok("collect", a, "-o", `${folder}/b.o`)).toMatch(/: 0 call sites\n/);
		}));
});

describe.skipIf(!hasNative("g++"))("groups of sections", () => {
	test.each(spread(["bfd", "gold", "lld"], 2))("rows of inline functions go with them: %s", (linker) =>
		inFolder(async (folder) => {
			if (!has(`ld.${linker}`)) return;
			writeFileSync(
				`${folder}/c.h`,
				'extern "C" int __SCT__f(int); extern "C" long __SCK__f; inline __attribute__((noinline)) int i(int x) { return __SCT__f(x) + 1; } static void *k __attribute__((used)) = &__SCK__f;\n',
			);
			const one = '#include "c.h"\nint two(int); int main() { return i(1) + two(1) + __SCT__f(0) - 4; }\n';
			const c1 = compile(folder, "c1", one, ["-O2"], "g++");
			const c2 = compile(folder, "c2", '#include "c.h"\nint two(int x) { return i(x); }\n', ["-O2"], "g++");
			const c3 = compile(folder, "c3", "long __SCK__f; int __SCT__f(int x) { return x; }\n");
			for (const file of [c1, c2]) await ok("collect", file, "-o", file.replace(".o", ".sites.o"));
			const sites = [c1, c2].map((file) => file.replace(".o", ".sites.o"));
			run("g++", `-fuse-ld=${linker}`, ...sites, c3, "-o", `${folder}/a.out`);
			run(`${folder}/a.out`);
			const linked = readElf(new Uint8Array(readFileSync(`${folder}/a.out`)), "a.out");
			expect(linked.sections.find(({ name }) => name === ".static_call_sites")!.size).toBe(2 * 8);
		}),
	);
});

describe.skipIf(!hasNative())("names", () => {
	test("NOPs before a function are its own, and keys have their names", () =>
		inFolder(async (folder) => {
			const p = compile(folder, "p", "int a(int x) { return x; } int b(int x) { return x + 1; }\n", [
				"-O2",
				"-fpatchable-function-entry=5,2",
			]);
			expect((await ok("sites", p)).split("\n").slice(-3, -1)).toEqual(["  code a-0x2", "  code b-0x2"]);
			const a = compile(folder, "a", oneCall, ["-O2"]);
			const c3 = compile(
				folder,
				"c3",
				"long __SCK__f; int __SCT__f(int x) { return x; } int main(void) { return 0; }\n",
			);
			await ok("collect", a, "-o", `${folder}/ac.o`);
			run("gcc", "-Wl,-q", `${folder}/ac.o`, c3, "-o", `${folder}/t`);
			expect(await ok("sites", `${folder}/t`)).toMatch(/ {2}code h\+0x\w+, key __SCK__f\n$/);
			const { tables } = JSON.parse(await ok("sites", `${folder}/t`, "--json"));
			expect(tables.at(-1).places[0].key).toMatchObject({ symbol: "__SCK__f", within: 0 });
		}));

	test("other names of a function are told", () =>
		inFolder(async (folder) => {
			const text =
				'__attribute__((noipa)) int g(int x) { return x * 3; } int f(int) __attribute__((alias("g"))); int h(int x) { return x; }\n';
			const d = compile(folder, "d", text, ["-O2"]);
			const m = compile(folder, "m", "int f(int), g(int); int main(void) { return f(1) + g(1); }\n", ["-O1"]);
			run("gcc", "-Wl,-q", m, d, "-o", `${folder}/a.out`);
			const plan = ["retarget", `${folder}/a.out`, "--set", "g=h", "--dry-run"];
			const { sites } = JSON.parse(await ok(...plan, "--json"));
			expect(sites.map(({ from, named }: { from: string; named: string }) => [from, named])).toEqual([
				["g", "f"],
				["g", "g"],
			]);
			expect(await ok(...plan, "--only", sites[0].in)).toMatch(/ g \(as f\) +h /);
			expect(sites[0]).toMatchObject({ section: ".text", symbol: "main", within: expect.any(Number) });
		}));

	test("data among code is not code", () =>
		inFolder(async (folder) => {
			/** What decodes as JZ into the call. */
			const jump = ".byte 0x74, 0xfa\n";
			const text = (data: string) =>
				`.globl f\n.type f,@function\nf: call g\nret\n${data}.size f,.-f\n.globl main\n.type main,@function\nmain: jmp f\n.size main,.-main\n`;
			const into = async (data: string) => {
				const [site] = JSON.parse(
					await ok("sites", "--calls-to", "g", "--json", compile(folder, "a", text(data), [], "as")),
				).sites;
				return site.jumpedIntoFrom;
			};
			expect(await into(jump)).toBe(".text+0x6");
			expect(await into(`${jump}.byte 6, 6\n`)).toBe(null);
			expect(await into(`.type t,@object\nt: ${jump}.size t,.-t\n`)).toBe(null);
		}));
});

describe.skipIf(!hasNative("ld"))("many sections", () => {
	test.runIf(everything)("more than sixteen bits count are retargeted, and back", () =>
		inFolder(async (folder) => {
			const many = Array.from({ length: 33_000 }, (_, i) => `.section .text.f${i},"ax"\n call k\n`);
			const q = compile(folder, "q", many.join(""), [], "as");
			await ok("retarget", q, "--set", "k=z", "-o", `${folder}/r.o`);
			const shown = run("readelf", "-rW", `${folder}/r.o`);
			expect(shown.match(/R_X86_64_PLT32 .* z - 4/g)).toHaveLength(33_000);
			expect(shown).not.toContain(" k - 4");
			await ok("retarget", `${folder}/r.o`, "--reset", "-o", `${folder}/b.o`);
			expect(readFileSync(`${folder}/b.o`).equals(readFileSync(q))).toBe(true);
		}),
	);
});

const aarch64 = "aarch64-linux-gnu-";

describe.skipIf(![`${aarch64}gcc`, `${aarch64}ld`, `${aarch64}objdump`].every(has))("AArch64 programs", () => {
	const link = (folder: string, text: string, ...flags: readonly string[]): string => {
		const object = compile(folder, "a", text, ["-O1", "-fno-pie"], `${aarch64}gcc`);
		run(`${aarch64}ld`, "-q", "-e", "main", object, ...flags, "-o", `${folder}/a.elf`);
		return `${folder}/a.elf`;
	};
	const branches = (file: string) =>
		Array.from(run(`${aarch64}objdump`, "-d", file).matchAll(/\t(bl?\t.*)$/gm), ([, text]) =>
			text!.replace(/\t\w+ /, " "),
		);
	const far = "int f(int x) { return x + 1; } int g(int x) { return x * 2; }";

	test("calls by veneers are followed", () =>
		inFolder(async (folder) => {
			const text = `__attribute__((section(".far"), noipa)) ${far} int main(void) { return f(1); }\n`;
			const file = link(folder, text, "--section-start=.far=0x20000000");
			expect(branches(file)).toContain("bl <__f_veneer>");
			const { sites } = JSON.parse(await ok("sites", "--calls-to", "f", "--json", file));
			expect(sites).toMatchObject([{ callee: "f", in: "main", reachLeft: null }]);
			await ok("retarget", file, "--set", "f=g", "-o", `${folder}/b.elf`);
			expect(branches(`${folder}/b.elf`)).toContain("bl <g>");
		}));

	test("a weak hook that nobody defines is a call of nothing", () =>
		inFolder(async (folder) => {
			const text = `void hook(void) __attribute__((weak)); ${far} int main(void) { hook(); return 3; }\n`;
			const file = link(folder, text);
			const { sites } = JSON.parse(await ok("sites", "--calls-to", "hook", "--json", file));
			expect(sites).toMatchObject([{ callee: "hook", in: "main", bytes: "1f 20 03 d5" }]);
			await ok("retarget", file, "--set", "hook=f", "-o", `${folder}/b.elf`);
			expect(branches(`${folder}/b.elf`)).toContain("bl <f>");
		}));
});
