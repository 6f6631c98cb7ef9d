// Programs with native/patchbay.h, built in every way that changes what calls look like, changed while they run, and
// treated badly. `npm run test:all` builds every combination, `npm test` some of each.

import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { cli, inFolder } from "../cli/command-line.ts";
import { everything as all } from "../extent.ts";
import { has, hasNative, run } from "./native-tools.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const runtime = `${root}fixtures/native/runtime`;
const storm = `${root}bench/native`;
const header = ["-Wall", "-Wextra", "-Werror", `-I${root}native`, `-I${runtime}`];

/** What main.c prints, whatever it was built with: the error, a call, a tail call, and how often the hook ran. */
const changes = `start: 0 10021 22 0
update: 0 10040 42 0
hook: 0 10040 42 20
quota: 0 10061 42 40
inc: 0 11061 42 60
inc again: 0 11061 42 80
in use: -16 11061 42 100
dec: 0 10061 42 120
below zero: -22 10061 42 140
disable: 0 61 42 160
null: 0 61 42 160
ret0: 0 21 0 160
reset: 0 42 22 160
all: 0 40 42 180
twice: -22 40 42 200
query: 1 1 1
null: 1
mode: auto
text: mprotect
calls: 4
branches: 2
on trampolines: 0
updates: 11
refused: 3
`;

async function collect(object: string): Promise<void> {
	const { code, err } = await cli("collect", object, "--user");
	expect({ code, err }).toEqual({ code: 0, err: "" });
	expect(spawnSync("readelf", ["-aW", object], { encoding: "utf8" }).stderr).toBe("");
}

/** Compiles and collects. @returns the objects */
async function compile(folder: string, compiler: string, flags: string, files: readonly string[]): Promise<string[]> {
	const objects: string[] = [];
	for (const file of files) {
		const object = `${folder}/${file.replace(/^.*\//, "")}.o`;
		const language = compiler.endsWith("++") ? "c++" : "c";
		run(compiler, ...header, ...words(flags), "-x", language, "-c", file, "-o", object);
		await collect(object);
		objects.push(object);
	}
	return objects;
}

/** Compiles, collects, links. @returns the program */
async function build(
	folder: string,
	compiler: string,
	flags: string,
	link: string,
	files: readonly string[],
): Promise<string> {
	const objects = await compile(folder, compiler, flags, files);
	run(compiler, ...objects, ...words(link), "-o", `${folder}/program`);
	return `${folder}/program`;
}

const words = (text: string): string[] => text.split(" ").filter((word) => word !== "");
const mainFiles = ["main.c", "work.c"].map((file) => `${runtime}/${file}`);

const linkers: Readonly<Record<string, string>> = {
	"ld.bfd": "-fuse-ld=bfd",
	"ld.gold": "-fuse-ld=gold",
	"ld.lld": "-fuse-ld=lld",
	mold: "-B/usr/libexec/mold",
};

/** A compiler, its options, and ways to link what it makes. */
type Way = readonly [compiler: string, flags: string, links: readonly string[]];

const few: readonly Way[] = [
	["gcc", "-O2 -fPIE -ffunction-sections", ["-static-pie", "-fuse-ld=lld -Wl,--gc-sections"]],
	["g++", "-O2 -std=c++17", [""]],
];

const options = ["-O0", "-Os", "-O2", "-O3 -fcf-protection", "-O2 -ffunction-sections"];
const positions: readonly (readonly [code: string, links: readonly string[]])[] = [
	["-fPIE", ["-pie", "-static-pie"]],
	["-fno-pie", ["-no-pie", "-static"]],
	["-fPIC", ["-Wl,--gc-sections"]],
];
const many: readonly Way[] = ["gcc", "g++", "clang", "clang++"].flatMap((compiler) =>
	options.flatMap((flags) =>
		positions.map(([code, links]): Way => {
			const all = links.flatMap((link) => Object.values(linkers).map((linker) => `${linker} ${link}`));
			return [compiler, `${flags} ${code}`, all];
		}),
	),
);

/** Whether the tool is there; what is not is said once. */
const isThere = new Map<string, boolean>();
function hasOnce(tool: string): boolean {
	if (!isThere.has(tool)) isThere.set(tool, has(tool));
	return isThere.get(tool)!;
}
/** gold knows no -static-pie. */
const canLink = (link: string): boolean =>
	!(link.includes("gold") && link.includes("static-pie")) &&
	Object.entries(linkers).every(([linker, option]) => !link.includes(option) || hasOnce(linker));

describe.skipIf(!hasNative("readelf"))("on this machine", () => {
	test.each((all ? many : few).filter(([compiler]) => hasOnce(compiler)))(
		"%s %s does what main.c says, however it is linked",
		(compiler, flags, links) =>
			inFolder(async (folder) => {
				const objects = await compile(folder, compiler, flags, mainFiles);
				for (const link of links.filter(canLink)) {
					run(compiler, ...objects, ...words(link), "-o", `${folder}/program`);
					const out = run(`${folder}/program`);
					expect(`${link}: ${out.slice(0, changes.length)}`).toBe(`${link}: ${changes}`);
					expect(out).not.toContain("left:");
				}
			}),
	);

	test.runIf(all)("link-time optimization, by -r", () =>
		inFolder(async (folder) => {
			const at = (name: string) => `${folder}/${name}`;
			for (const [i, file] of mainFiles.entries())
				run("gcc", ...header, "-O2", "-flto", "-c", file, "-o", at(`${i}.o`));
			run("gcc", "-O2", "-flto", "-r", "-flinker-output=nolto-rel", at("0.o"), at("1.o"), "-o", at("all.o"));
			await collect(at("all.o"));
			run("gcc", at("all.o"), "-o", at("program"));
			expect(run(at("program")).split("mode:")[0]).toBe(changes.split("mode:")[0]);
		}),
	);

	test("without a table calls go by their trampolines, and are as right", () =>
		inFolder(async (folder) => {
			run("gcc", ...header, "-O2", ...mainFiles, "-o", `${folder}/a`);
			const out = run(`${folder}/a`);
			expect(out.split("mode:")[0]).toBe(changes.split("mode:")[0]);
			expect(out).toContain("calls: 0\n");
		}));

	test.runIf(all)("functions that the linker drops or merges take their rows along", () =>
		inFolder(async (folder) => {
			const inline = `#include "keys.h"\ninline int shared(int now) { return static_branch_unlikely(tracing) ? 7 : static_call(pick)(now); }\n`;
			writeFileSync(
				`${folder}/one.cc`,
				`${inline}int one(int now) { return shared(now); }\nint unused(int now) { return static_call(pick)(now) + 1; }\n`,
			);
			writeFileSync(
				`${folder}/two.cc`,
				`${inline}int one(int);\nextern "C" int decide(int now) { return shared(now) + one(now); }\nextern "C" int decide_last(int now) { return now; }\n`,
			);
			const files = [`${folder}/one.cc`, `${folder}/two.cc`, `${runtime}/main.c`];
			const out = run(await build(folder, "g++", "-O0 -ffunction-sections", "-fuse-ld=gold -Wl,--gc-sections", files));
			expect(out).toMatch(/^start: 0 42 20 0\nupdate: 0 80 20 0\n/);
			const lld = has("ld.lld")
				? run(await build(folder, "g++", "-O0 -ffunction-sections", "-fuse-ld=lld -Wl,--gc-sections", files))
				: "calls: 1\nbranches: 1\n";
			expect(lld).toContain("calls: 1\nbranches: 1\n");
		}),
	);

	test.each([
		[
			"gcc",
			"c",
			"int wrong(long);\nint f(void) { return static_call_update(pick, wrong); }",
			"is of another type than wrong",
		],
		["g++", "c++", "int wrong(long);\nint f() { return static_call_update(pick, wrong); }", "invalid conversion"],
		["gcc", "c", "int f(void) { return static_call(pick)(1, 2); }", "too many arguments"],
		[
			"gcc",
			"c",
			'#define PATCHBAY_RUNTIME\n#undef _GNU_SOURCE\n#undef PATCHBAY_H\n#include "patchbay.h"\n',
			"before the first #include",
		],
	])("%s refuses what does not fit: %s %s", (compiler, language, code, message) =>
		inFolder(async (folder) => {
			writeFileSync(`${folder}/a`, `#include "keys.h"\n${code}\n`);
			const argv = [`-I${root}native`, `-I${runtime}`, "-x", language, "-fsyntax-only", `${folder}/a`];
			const { status, stderr } = spawnSync(compiler, argv, { encoding: "utf8" });
			expect({ status, stderr }).toEqual({ status: 1, stderr: expect.stringContaining(message) });
		}),
	);

	test("collect --user says what it cannot take", () =>
		inFolder(async (folder) => {
			const at = (name: string) => `${folder}/${name}`;
			run("gcc", ...header, "-O2", "-c", `${runtime}/work.c`, "-o", at("a.o"));
			const before = readFileSync(at("a.o"));
			expect(JSON.parse((await cli("collect", at("a.o"), "--user", "--json", "-o", at("b.o"))).out)).toMatchObject({
				sites: 4,
			});
			expect(readFileSync(at("a.o")).equals(before)).toBe(true);
			const { tables } = JSON.parse((await cli("sites", at("b.o"), "--json")).out);
			expect(tables.find(({ section }: { section: string }) => section === "static_call_sites").entries).toHaveLength(
				4,
			);
			expect(await cli("collect", at("b.o"), "--user")).toMatchObject({
				code: 3,
				err: expect.stringContaining("already has a static_call_sites section"),
			});
			run("gcc", ...header, "-O2", "-fno-plt", "-c", `${runtime}/work.c`, "-o", at("c.o"));
			expect(await cli("collect", at("c.o"), "--user")).toMatchObject({
				code: 3,
				err: expect.stringContaining("compile without -fno-plt"),
			});
			expect(await cli("collect", at("a.o"), "--user", "--module")).toMatchObject({ code: 2 });
		}));

	test("sites --protocol says which sites one store can change", () =>
		inFolder(async (folder) => {
			const at = (name: string) => `${folder}/${name}`;
			const calls = (padding: string) =>
				`.globl f\n.type f,@function\nf: ${padding}\ncall __SCT__pick\njmp __SCT__pick\n.size f,.-f\n`;
			writeFileSync(at("a.s"), `.balign 16\n${calls(".skip 10, 0x90")}`);
			run("gcc", "-c", at("a.s"), "-o", at("a.o"));
			const protocols = async (...argv: string[]) => {
				const { out } = await cli("sites", ...argv, "--protocol", "--json");
				return (JSON.parse(out).sites as { place: string; protocol: string; why: string }[]).map(
					({ place, protocol, why }) => `${place} ${protocol}: ${why}`,
				);
			};
			expect(await protocols(at("a.o"))).toEqual([
				".text+0xa one store: lies within 16",
				".text+0xf one store: lies within 16",
			]);
			writeFileSync(at("b.s"), calls(".skip 9, 0x90"));
			run("gcc", "-c", at("b.s"), "-o", at("b.o"));
			expect(await protocols(at("b.o"))).toEqual(
				Array.from(["0x9", "0xe"], (place) => `.text+${place} undecided: .text is aligned to 1`),
			);
			writeFileSync(at("c.s"), `.balign 16\n${calls(".skip 9, 0x90")}`);
			run("gcc", "-c", at("c.s"), "-o", at("c.o"));
			expect(await protocols(at("c.o"))).toEqual([
				".text+0x9 one store: lies within 16",
				".text+0xe breakpoint: crosses 16",
			]);
			expect((await cli("sites", at("c.o"), "--protocol")).out).toContain("c.o: 1 one store, 1 breakpoint\nplace");
		}));

	describe("treated badly", () => {
		const scenarios = [
			"forks",
			"blocked",
			"handlers",
			"objects",
			"mdwe",
			"sealed",
			"undumpable",
			"nothing-left",
			"signals",
			"others",
			"unsynced",
		];
		const modes = ["off", "trampoline", "mem", "mprotect"];
		const runs = [...scenarios.map((name) => [name, ""] as const), ...modes.map((mode) => ["modes", mode] as const)];
		let program: Promise<readonly [string, string]> | undefined;

		async function made(folder: string): Promise<readonly [string, string]> {
			const files = ["abuse.c", "work.c"].map((file) => `${runtime}/${file}`);
			const abuse = await build(folder, "gcc", "-O2", "-rdynamic", files);
			run("gcc", ...header, "-O2", "-fPIC", "-c", `${runtime}/plugin.c`, "-o", `${folder}/plugin.o`);
			await collect(`${folder}/plugin.o`);
			run("gcc", "-shared", `${folder}/plugin.o`, "-o", `${folder}/plugin.so`);
			execFileSync("chmod", ["-R", "a+rX", folder]);
			return [abuse, `${folder}/plugin.so`];
		}

		test("every scenario ends well", () =>
			inFolder(async (folder) => {
				program ??= made(folder);
				const [abuse, plugin] = await program;
				const ended = runs.map(([scenario, PATCHBAY]) => {
					const env = { ...process.env, PLUGIN: plugin, ...(PATCHBAY === "" ? {} : { PATCHBAY }) };
					const { status, signal, stderr } = spawnSync(abuse, [scenario], { env, encoding: "utf8", timeout: 100_000 });
					if (status === 77) process.stderr.write(`SKIPPED: ${scenario}: this kernel cannot do it\n`);
					return { scenario, PATCHBAY, status: status === 77 ? 0 : status, signal, stderr };
				});
				expect(ended).toEqual(
					runs.map(([scenario, PATCHBAY]) => ({ scenario, PATCHBAY, status: 0, signal: null, stderr: "" })),
				);
			}));
	});

	describe("in a storm", () => {
		const aligned = "-Wa,-malign-branch-boundary=16,-malign-branch=call+jmp+jcc";
		const files = [`${storm}/storm.c`, `${storm}/storm-calls.c`];
		const updates = all ? "20000" : "400";

		test.each(all ? [56, 1000] : [56])("no call of %i sites is torn, lost or stale", (sites) =>
			inFolder(async (folder) => {
				for (const flags of sites === 56 || all ? [aligned, ""] : [""]) {
					const sized = `-O2 -DSITES=${sites} -DDEFINE_KEYS -DROUND=round_here ${flags}`;
					const program = await build(folder, "gcc", sized, "", files);
					for (const kind of ["store", "zero", "null", "both"]) {
						const result = JSON.parse(run(program, kind, updates, "3"));
						expect(result).toMatchObject({ changes: kind, wrong: 0, lost: 0, stale: 0, refused: 0 });
						expect(result.calls).toBeGreaterThan(3 * sites);
						if (kind === "store" && flags === aligned) expect(result.traps).toBe(0);
					}
				}
			}),
		);

		test.runIf(all)("nor is one of a shared object that has keys, sites and functions", () =>
			inFolder(async (folder) => {
				const at = (name: string) => `${folder}/${name}`;
				const flags = [...header, "-O2", "-DSITES=56", "-DTHERE"];
				run("gcc", ...flags, "-c", files[0]!, "-o", at("storm.o"));
				run("gcc", ...flags, "-DROUND=round_here", "-c", files[1]!, "-o", at("here.o"));
				run(
					"gcc",
					...flags,
					"-fPIC",
					"-DDEFINE_KEYS",
					"-DTARGETS",
					"-DROUND=round_there",
					"-c",
					files[1]!,
					"-o",
					at("there.o"),
				);
				for (const object of ["here.o", "there.o"]) await collect(at(object));
				run("gcc", "-shared", at("there.o"), "-o", at("libthere.so"));
				run("gcc", at("storm.o"), at("here.o"), at("libthere.so"), `-Wl,-rpath,${folder}`, "-o", at("storm"));
				for (const kind of ["store", "both"]) {
					const result = JSON.parse(run(at("storm"), kind, updates, "3"));
					expect(result).toMatchObject({ wrong: 0, lost: 0, stale: 0, refused: 0 });
					expect(result.patched).toBeGreaterThan(100);
				}
			}),
		);
	});
});

describe.skipIf(!all || !has("aarch64-linux-gnu-gcc") || !has("qemu-aarch64"))(
	"AArch64, as far as qemu can tell",
	() => {
		const arm = "aarch64-linux-gnu-gcc";
		test.each([
			["-O2", "-static"],
			["-O0 -fPIE", "-static-pie"],
			["-O2 -fPIC", ""],
		])("%s %s does what main.c says", (flags, link) =>
			inFolder(async (folder) => {
				const program = await build(folder, arm, flags, link, mainFiles);
				const out = run("qemu-aarch64", "-L", "/usr/aarch64-linux-gnu", program);
				expect(out.slice(0, changes.length)).toBe(changes);
			}),
		);

		test.runIf(all)("no call of a storm is torn or lost", () =>
			inFolder(async (folder) => {
				const files = [`${storm}/storm.c`, `${storm}/storm-calls.c`];
				const program = await build(folder, arm, "-O2 -DSITES=56 -DDEFINE_KEYS -DROUND=round_here", "-static", files);
				for (const kind of ["store", "both"]) {
					const { stdout } = spawnSync("qemu-aarch64", [program, kind, "200", "2"], { encoding: "utf8" });
					expect(JSON.parse(stdout)).toMatchObject({ wrong: 0, lost: 0, refused: 0 });
				}
			}),
		);
	},
);
