// Retargeted files run: objects and executables of gcc, with every option that changes what calls look like, do what the
// same source says when it calls the other function itself.

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { cli, inFolder } from "../cli/command-line.ts";
import { spread } from "../extent.ts";
import { has, hasNative, run, source } from "./native-tools.ts";

const calls = source("calls.c");
const changes = ["--set", "weigh=weigh_twice", "--set", "trace=null"];

async function ok(...argv: readonly string[]): Promise<string> {
	const { code, out, err } = await cli(...argv);
	expect(err).toBe("");
	expect(code).toBe(0);
	return out;
}

const optimized = ["-O0", "-O1", "-O2", "-O3"];
const variants = ["", "-fPIC", "-ffunction-sections", "-fpatchable-function-entry=4,2"];

interface Machine {
	readonly compiler: string;
	readonly runs: (program: string) => string;
}
/** GNU's assembler resolves jumps to functions of the same section, unless told that they may be replaced. */
const keepJumps = "-Wa,-mshared";
const native: Machine = { compiler: "gcc", runs: (program) => run(program) };
const arm: Machine = { compiler: "aarch64-linux-gnu-gcc", runs: (program) => run("qemu-aarch64", program) };

/** Compiles, retargets the object, links and runs; the same with the executable. Both undo exactly. */
async function retargetBothWays(
	machine: Machine,
	file: string,
	flags: readonly string[],
	link: readonly string[],
	set: readonly string[],
) {
	await inFolder(async (folder) => {
		const at = (name: string) => `${folder}/${name}`;
		const { compiler, runs } = machine;
		run(compiler, ...flags, "-DREFERENCE", file, ...link, "-o", at("reference"));
		run(compiler, ...flags, "-c", file, "-o", at("a.o"));
		run(compiler, at("a.o"), ...link, "-Wl,--emit-relocs", "-o", at("a.out"));
		const expected = runs(at("reference"));
		expect(runs(at("a.out"))).not.toBe(expected);
		await ok("retarget", at("a.o"), ...set, "-o", at("b.o"));
		run(compiler, at("b.o"), ...link, "-o", at("b.out"));
		expect(runs(at("b.out"))).toBe(expected);
		await ok("retarget", at("a.out"), ...set, "-o", at("c.out"));
		expect(runs(at("c.out"))).toBe(expected);
		for (const [from, to, back] of [
			["a.o", "b.o", "back.o"],
			["a.out", "c.out", "back.out"],
		] as const) {
			expect(run("readelf", "-aW", at(to))).toBeTruthy();
			await ok("retarget", at(to), "--reset", "-o", at(back));
			expect(readFileSync(at(back)).equals(readFileSync(at(from)))).toBe(true);
		}
	});
}

const words = (text: string): string[] => text.split(" ").filter((word) => word !== "");

const ways = optimized.flatMap((level) => variants.map((variant) => `${level} ${variant}`.trim()));

describe.skipIf(!hasNative("readelf"))("on this machine", () => {
	test.each(spread(ways, 8))("gcc %s", (flags) =>
		retargetBothWays(native, calls, [keepJumps, ...words(flags)], [], changes),
	);

	test.each(spread(["-pie", "-static", "-no-pie", "-static-pie"], 4))("linked %s", (link) =>
		retargetBothWays(
			native,
			calls,
			[keepJumps, "-O2", link.includes("pie") && link !== "-no-pie" ? "-fPIE" : "-fno-pie"],
			[link],
			changes,
		),
	);

	test.skipIf(!has("g++")).each(spread(["-O2 -ffunction-sections", "-O0"], 2))("g++ %s", (flags) =>
		retargetBothWays(
			{ ...native, compiler: "g++" },
			source("calls.cc"),
			words(flags),
			[],
			["--set", "_ZN5scale5weighEi=_ZN5scale11weigh_twiceEi"],
		),
	);

	test("a checksum made fast is the same checksum", () =>
		inFolder(async (folder) => {
			run("gcc", "-O2", "-Wl,--emit-relocs", source("crc.c"), "-o", `${folder}/crc`);
			const set = ["--set", "crc32_update=crc32_update_table"];
			const plan = JSON.parse(await ok("retarget", `${folder}/crc`, ...set, "-o", `${folder}/fast`, "--json"));
			expect(plan.sites).toMatchObject([{ in: expect.stringMatching(/^main/), kind: "call" }]);
			expect(plan.left).toMatchObject([{ in: expect.stringMatching(/^crc32_update_table/) }]);
			expect(run(`${folder}/fast`, source("crc.c"))).toBe(run(`${folder}/crc`, source("crc.c")));
			expect(run(`${folder}/fast`, source("calls.c"))).not.toBe(run(`${folder}/crc`, source("crc.c")));
		}));

	test("plans the relocations of an object as readelf shows them afterwards", () =>
		inFolder(async (folder) => {
			const [before, after] = [`${folder}/a.o`, `${folder}/b.o`];
			writeFileSync(
				`${folder}/a.c`,
				"int slow(int); void gone(void); int f(int x) { gone(); return slow(x) + 1; } int g(int x) { return slow(x); }",
			);
			run("gcc", "-O2", "-c", `${folder}/a.c`, "-o", before);
			const set = ["--set", "slow=fast", "--set", "gone=null"];
			const { sites } = JSON.parse(await ok("retarget", before, ...set, "--dry-run", "--json"));
			await ok("retarget", before, ...set, "-o", after);
			/** By field, as `.text+0x12`, in the words of plans. */
			const shown = (file: string): string[] =>
				[
					...run("readelf", "-rW", file).matchAll(
						/^[0-9a-f]{16} .* (R_X86_64_(?:PLT32|NONE)) +[0-9a-f]* *(\S*) - (\d+)$/gm,
					),
				]
					.map(([, type, name, addend]) => (type!.endsWith("NONE") ? type! : `${type} ${name}-0x${addend}`))
					.sort();
			const planned = (when: "before" | "after"): string[] =>
				sites.map((site: { relocation: Record<string, string> }) => site.relocation[when]).sort();
			expect(planned("before")).toEqual(shown(before));
			expect(planned("after")).toEqual(shown(after));
			expect(planned("after")).toEqual(["R_X86_64_NONE", "R_X86_64_PLT32 fast-0x4", "R_X86_64_PLT32 fast-0x4"]);
		}));

	test("chooses one function, or one call", () =>
		inFolder(async (folder) => {
			run("gcc", "-O1", "-c", calls, "-o", `${folder}/a.o`);
			const plan = async (...only: string[]) =>
				JSON.parse(await ok("retarget", `${folder}/a.o`, ...changes.slice(0, 2), "--dry-run", "--json", ...only));
			const all = (await plan()).sites as { in: string }[];
			const plain = all.filter((site) => site.in.startsWith("plain"));
			expect(all.length).toBeGreaterThan(plain.length);
			expect(plain).toHaveLength(2);
			expect((await plan("--only", "plain")).sites).toEqual(plain);
			expect((await plan("--only", plain[1]!.in)).sites).toEqual([plain[1]]);
			const { code, err } = await cli("retarget", `${folder}/a.o`, ...changes, "--only", "nobody", "--dry-run");
			expect({ code, err }).toEqual({ code: 3, err: expect.stringMatching(/nothing to retarget in 'nobody'/) });
		}));

	test("retargets again on top of what is retargeted", () =>
		inFolder(async (folder) => {
			run("gcc", "-O1", "-c", calls, "-o", `${folder}/a.o`);
			await ok("retarget", `${folder}/a.o`, "--set", "weigh=null", "-o", `${folder}/b.o`);
			expect((await cli("sites", `${folder}/b.o`, "--all")).err).toContain(
				"b.o: is retargeted; `patchbay retarget --reset`",
			);
			await ok("retarget", `${folder}/b.o`, "--set", "trace=elsewhere", "-o", `${folder}/c.o`);
			await ok("retarget", `${folder}/c.o`, "--set", "weigh=weigh_twice", "-o", `${folder}/d.o`);
			await ok("retarget", `${folder}/d.o`, "--set", "trace=null", "-o", `${folder}/e.o`);
			run("gcc", `${folder}/e.o`, "-o", `${folder}/e`);
			run("gcc", "-O1", "-DREFERENCE", calls, "-o", `${folder}/reference`);
			expect(run(`${folder}/e`)).toBe(run(`${folder}/reference`));
			await ok("retarget", `${folder}/e.o`, "--reset", "-o", `${folder}/back.o`);
			expect(readFileSync(`${folder}/back.o`).equals(readFileSync(`${folder}/a.o`))).toBe(true);
		}));

	test("refuses what cannot be right, and writes nothing", () =>
		inFolder(async (folder) => {
			const assembly = `${folder}/odd.s`;
			const program = (body: string) =>
				`.globl f\nf: ret\n.globl g\ng: ret\n.globl main\n.type main,@function\nmain:\n${body}\nret\n.size main,.-main\n.data\n.globl datum\ndatum: .long 1\n`;
			const refused = async (body: string, set: string): Promise<string> => {
				writeFileSync(assembly, program(body));
				run("gcc", "-c", assembly, "-o", `${folder}/odd.o`);
				const { code, err } = await cli("retarget", `${folder}/odd.o`, "--set", set, "-o", `${folder}/out.o`);
				expect(code).toBe(3);
				expect(existsSync(`${folder}/out.o`)).toBe(false);
				return err;
			};
			expect(await refused("jmp 1f+2\n1: call f", "f=g")).toMatch(
				/\.text\+0x4\): \.text\+0x2 goes into the middle of it/,
			);
			const twice = await cli("retarget", `${folder}/odd.o`, "--set", "f=g", "--set", "f=null", "--dry-run");
			expect([twice.code, twice.err]).toEqual([2, expect.stringContaining("What calls of 'f' become is said twice.")]);
			expect(await refused("jz h", "h=null")).toMatch(/conditional tail call cannot become nothing/);
			expect(await refused("call f", "f=datum")).toMatch(/'datum' is data, not a function/);
			expect(await refused("call f", "ff=g")).toMatch(/has no symbol 'ff' \(did you mean 'f'\?\)/);
			expect(await refused("mov $f, %eax", "f=g")).toMatch(/no relocation of a call names 'f'/);
			expect(await refused("call f\n.reloc .-3, R_X86_64_16, g", "f=g")).toMatch(/another relocation lies inside/);
		}));

	test("says what it leaves", () =>
		inFolder(async (folder) => {
			run("gcc", "-O2", "-fPIC", "-fno-plt", "-c", calls, "-o", `${folder}/a.o`);
			const { left, sites } = JSON.parse(
				await ok("retarget", `${folder}/a.o`, "--set", "printf=puts", "--dry-run", "--json"),
			);
			expect(sites).toEqual([]);
			expect(left.length).toBeGreaterThan(0);
			expect(left[0].why).toMatch(/global offset table/);
		}));

	test.each(spread(["-gdwarf-4 -ffunction-sections", "-gdwarf-2", "-g -gz", "-gdwarf-4 -gz"], 4))(
		"debug information is not in the way: %s",
		(flags) =>
			inFolder(async (folder) => {
				run("gcc", "-O1", ...flags.split(" "), calls, "-Wl,--emit-relocs", "-o", `${folder}/a`);
				expect((await cli("sites", `${folder}/a`, "--all")).out).not.toContain("jumped into");
				await ok("retarget", `${folder}/a`, ...changes, "-o", `${folder}/b`);
				run("gcc", "-O1", ...flags.split(" "), "-c", calls, "-o", `${folder}/a.o`);
				await ok("retarget", `${folder}/a.o`, ...changes, "-o", `${folder}/b.o`);
				run("gcc", `${folder}/b.o`, "-o", `${folder}/c`);
				run("gcc", "-O1", "-DREFERENCE", calls, "-o", `${folder}/reference`);
				expect([run(`${folder}/b`), run(`${folder}/c`)]).toEqual(Array(2).fill(run(`${folder}/reference`)));
			}),
	);

	test("a call is chosen by its place too, and what cannot be chosen is explained", () =>
		inFolder(async (folder) => {
			writeFileSync(
				`${folder}/a.s`,
				".globl f\n.type f,@function\nf: call g\n call g\n.size f,.-f\nbare: jmp g\n call l\n.type l,@function\nl: ret\n.size l,1\n",
			);
			run("gcc", "-c", `${folder}/a.s`, "-o", `${folder}/a.o`);
			const only = (...names: string[]) =>
				cli(
					"retarget",
					`${folder}/a.o`,
					"--set",
					"g=h",
					"--dry-run",
					"--json",
					...names.flatMap((name) => ["--only", name]),
				);
			const places = async (...names: string[]) =>
				(JSON.parse((await only(...names)).out) as { sites: { place: string }[] }).sites.map(({ place }) => place);
			expect(await places("f")).toEqual([".text+0x0", ".text+0x5"]);
			expect(await places("f+0x0")).toEqual([".text+0x0"]);
			expect(await places(".text+0x5", "f+0x5")).toEqual([".text+0x5"]);
			expect(await places("f+0x5", "f")).toEqual([".text+0x0", ".text+0x5"]);
			expect(await places(".text+0xa")).toEqual([".text+0xa"]);
			expect((await only("f+0x4")).err).toContain("nothing to retarget in 'f+0x4' (did you mean 'f+0x5'?)");
			expect((await only("nobody")).err).toContain("nothing to retarget in 'nobody'; there are f, f+0x5, .text+0xa\n");
			const local = await cli("retarget", `${folder}/a.o`, "--set", "l=h", "--only", ".text+0xf", "--dry-run");
			expect(local.err).toContain("'.text+0xf': the call at .text+0xf was resolved by the assembler");
		}));

	test("says which tail calls the assembler left no relocation", () =>
		inFolder(async (folder) => {
			run("gcc", "-O2", "-fno-pie", "-c", calls, "-o", `${folder}/a.o`);
			const { left } = JSON.parse(await ok("retarget", `${folder}/a.o`, "--set", "weigh=null", "--dry-run", "--json"));
			const resolved = left.filter(({ why }: { why: string }) => why.startsWith("was resolved by the assembler"));
			expect(resolved.map((site: { in: string }) => site.in.split("+")[0]).sort()).toEqual(["branchy", "tail"]);
		}));

	test("undoes nothing in a file that another tool changed", () =>
		inFolder(async (folder) => {
			run("gcc", "-g", "-O1", "-c", calls, "-o", `${folder}/a.o`);
			await ok("retarget", `${folder}/a.o`, ...changes, "-o", `${folder}/b.o`);
			run("objcopy", "--strip-debug", `${folder}/b.o`);
			const { code, err } = await cli("retarget", `${folder}/b.o`, "--reset", "-o", `${folder}/c.o`);
			expect({ code, err }).toEqual({ code: 3, err: expect.stringMatching(/another tool changed the file/) });
			expect((await cli("retarget", `${folder}/a.o`, "--reset", "-o", `${folder}/c.o`)).err).toMatch(
				/was not retargeted/,
			);
		}));
});

describe.skipIf(!has("aarch64-linux-gnu-gcc") || !has("qemu-aarch64"))("AArch64", () => {
	test.each(spread(["-O2", "-O0", "-O1", "-O3 -ffunction-sections", "-O2 -fPIC"], 5))("gcc %s", (flags) =>
		retargetBothWays(arm, calls, words(flags), ["-static"], changes),
	);
});
