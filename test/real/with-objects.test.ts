// Objects that are put into linked programs: what they define runs there, with variables, pointers, calls of the program's
// functions and of shared objects', and unwinding; tools read the file without a warning, and it can be undone.

import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { LinkError } from "../../linker/errors.ts";
import { resetFile, retargetFile } from "../../linker/retarget/retarget-file.ts";
import { cli, inFolder } from "../cli/command-line.ts";
import { howMany, spread } from "../extent.ts";
import { has, hasNative, run, source } from "./native-tools.ts";

const expected = "start\none\none is call 1 of fast(1)\n102\ntwo\ntwo is call 2 of fast(10)\n111\ncounter 25\n";

async function ok(...argv: readonly string[]): Promise<string> {
	const { code, out, err } = await cli(...argv);
	expect({ code, err }).toEqual({ code: 0, err: "" });
	return out;
}

/** What the tool says on standard error, its warnings. */
function complaints(tool: string, ...argv: readonly string[]): string {
	return spawnSync(tool, argv, { encoding: "utf8", maxBuffer: 2 ** 28 }).stderr;
}

const words = (text: string): string[] => text.split(" ").filter((word) => word !== "");

interface Way {
	/** Begins the names of the tools; empty for those of this machine. */
	readonly tools: string;
	readonly runs: (program: string) => string;
}
const here: Way = { tools: "", runs: (program) => run(program) };
const emulated = (machine: string): Way => ({
	tools: `${machine}-linux-gnu-`,
	runs: (program) => run(`qemu-${machine}`, "-L", `/usr/${machine}-linux-gnu`, program),
});

/** Links the program in one way, adds the object compiled in another, and holds what comes of it against all that is said. */
async function addsAndRuns({ tools, runs }: Way, link: string, compile: string): Promise<void> {
	await inFolder(async (folder) => {
		const [program, object, out, back] = ["p", "impl.o", "q", "back"].map((name) => `${folder}/${name}`) as [
			string,
			string,
			string,
			string,
		];
		run(`${tools}gcc`, "-O2", ...words(link), "-Wl,--emit-relocs", source("with-program.c"), "-o", program);
		run(`${tools}gcc`, ...words(compile), "-c", source("with-impl.c"), "-o", object);
		const set = ["--with", object, "--set", "slow=fast"];
		const { added, sites } = JSON.parse(await ok("retarget", program, ...set, "-o", out, "--json"));
		expect(sites).toHaveLength(2);
		expect(runs(out)).toBe(expected);
		expect(complaints("readelf", "-aW", out)).toBe(complaints("readelf", "-aW", program));
		const shown = run("readelf", "-SW", out);
		for (const { name, address, size } of added.sections) {
			const line = shown.split("\n").find((each) => each.includes(` ${name} `))!;
			expect(line).toContain(address.toString(16).padStart(16, "0"));
			expect(line).toMatch(new RegExp(` 0*${size.toString(16)} 00 `));
		}
		expect(run(`${tools}objdump`, "-d", "-j", ".patchbay.text", out)).toContain("<fast>:");
		expect(run("nm", out)).toMatch(/ [Bb] many\n/);
		await ok("retarget", out, "--reset", "-o", back);
		expect(readFileSync(back).equals(readFileSync(program))).toBe(true);
	});
}

const linkers = [["bfd"], ["gold"], ["lld", "ld.lld"], ["mold", "mold"]]
	.filter(([name, tool = `ld.${name}`]) => has(tool))
	.map(([name]) => name);
const programs = linkers.flatMap((linker) =>
	["-pie -fPIE", "-no-pie -fno-pie", "-static -no-pie", "-static-pie -fPIE", "-fPIE -pie -fno-plt -Wl,-z,now"]
		.filter((flags) => linker !== "gold" || !flags.includes("static-pie"))
		.map((flags) => `${flags} -fuse-ld=${linker}`),
);

describe.skipIf(!hasNative("readelf"))("on this machine", () => {
	const ways = programs.flatMap((link) =>
		["-O2 -fPIE", "-O2 -fPIC", "-O0 -fPIE"].map((compile) => ({ link, compile })),
	);
	test.each(spread(ways, 8))("linked $link, added $compile", ({ link, compile }) => addsAndRuns(here, link, compile));

	test("code with fixed addresses goes into programs with fixed addresses", () =>
		addsAndRuns(here, "-no-pie -fno-pie", "-O2 -fno-pie"));

	test("the example of the docs is what happens", () =>
		inFolder(async (folder) => {
			const docs = readFileSync(new URL("../../docs/real-objects.md", import.meta.url), "utf8");
			const [, example] = /(\$ gcc -O2 -Wl,--emit-relocs with-program\.c[\s\S]*?)\n\n(?! {4})/.exec(docs)!;
			const lines = example!.split("\n").map((line) => line.trim());
			const output: string[] = [];
			for (const line of lines.filter((each) => each.startsWith("$ "))) {
				const [tool, ...rest] = line
					.slice(2)
					.replace(/(with-\w+\.c)/, (_, name) => source(name))
					.split(" ")
					.map((word) => (/^(program|impl\.o|faster)$/.test(word) ? `${folder}/${word}` : word)) as [
					string,
					...string[],
				];
				if (tool === "patchbay") output.push(await ok(...rest));
				else output.push(run(tool.replace("./", `${folder}/`), ...rest));
			}
			const mentions = (text: string) =>
				text.replaceAll(`${folder}/`, "").replace(/0x\w+|( [0-9a-f]{2})+| {2,}\d+/g, "*");
			const shown = lines.filter((line) => !line.startsWith("$ ")).map((line) => mentions(line).replace(/ +/g, " "));
			const seen = output.join("").trimEnd().split("\n");
			expect(seen.map((line) => mentions(line).replace(/ +/g, " "))).toEqual(shown);
		}));

	test("says what it adds, writes nothing when asked so, and names what it takes out", () =>
		inFolder(async (folder) => {
			const [program, object, out] = [`${folder}/p`, `${folder}/impl.o`, `${folder}/q`];
			run("gcc", "-O2", "-Wl,--emit-relocs", source("with-program.c"), "-o", program);
			run("gcc", "-O2", "-fPIE", "-c", source("with-impl.c"), "-o", object);
			const argv = ["retarget", program, "--with", object, "--set", "slow=fast", "-o", out];
			const plan = await ok(...argv, "--dry-run");
			expect(existsSync(out)).toBe(false);
			expect(plan).toContain("2 call sites to retarget\n");
			expect(plan).toMatch(/^added: .*impl\.o$/m);
			expect(plan).toMatch(/^\.patchbay\.text {2,}0x[0-9a-f]+ +\d+ {2}r-x$/m);
			expect(plan).toMatch(/^\.patchbay\.bss .* rw-$/m);
			expect(plan).toMatch(/^\d+ more relocations for the dynamic linker$/m);
			expect((await ok(...argv)).replace("retargeted", "to retarget")).toBe(plan);
			expect(await ok("retarget", out, "--reset", "-o", `${folder}/back`, "--dry-run")).toMatch(
				/^.*q: \d+ changes to undo, .*impl\.o taken out\n$/,
			);
			expect(existsSync(`${folder}/back`)).toBe(false);
			const undone = JSON.parse(await ok("retarget", out, "--reset", "--dry-run", "--json"));
			expect(undone.undone).toEqual({ edits: 4, objects: [object] });
		}));

	test("more objects come behind, and changes of before stay", () =>
		inFolder(async (folder) => {
			const at = (name: string) => `${folder}/${name}`;
			run("gcc", "-O2", "-Wl,--emit-relocs", source("with-program.c"), "-o", at("p"));
			run("gcc", "-O2", "-fPIE", "-c", source("with-impl.c"), "-o", at("impl.o"));
			writeFileSync(
				at("more.c"),
				"int fast(int); static int calls = 7; int faster(int x) { return fast(x) + 1000 * calls++; }",
			);
			run("gcc", "-O2", "-fPIE", "-c", at("more.c"), "-o", at("more.o"));
			await ok("retarget", at("p"), "--with", at("impl.o"), "--set", "slow=fast", "-o", at("q"));
			const places = (await ok("retarget", at("q"), "--set", "slow=fast", "--dry-run")).match(/^0x[0-9a-f]+/gm)!;
			const second = ["--set", "slow=faster", "--only", places[1]!];
			await ok("retarget", at("q"), "--with", at("more.o"), ...second, "-o", at("r"));
			expect(run(at("r"))).toBe(expected.replace("111", "7111"));
			expect(complaints("readelf", "-aW", at("r"))).toBe("");
			const once = ["--with", `${at("more.o")},${at("impl.o")}`];
			await ok("retarget", at("p"), ...once, "--set", "slow=faster", "-o", at("s"));
			expect(run(at("s"))).toBe(expected.replace("102", "7102").replace("111", "8111"));
			expect((await cli("sites", at("s"), "--calls-to", "faster")).out).toContain("faster: 2 call sites");
			await ok("retarget", at("r"), "--reset", "-o", at("back"));
			expect(readFileSync(at("back")).equals(readFileSync(at("p")))).toBe(true);
		}));

	test("shared objects get functions too", () =>
		inFolder(async (folder) => {
			const at = (name: string) => `${folder}/${name}`;
			writeFileSync(
				at("u.c"),
				"int entry(int, char **); int main(int argc, char **argv) { return entry(argc, argv); }",
			);
			run(
				"gcc",
				"-O2",
				"-fPIC",
				"-shared",
				"-Dmain=entry",
				"-Wl,--emit-relocs",
				source("with-program.c"),
				"-o",
				at("a.so"),
			);
			run("gcc", "-O2", "-fPIC", "-c", source("with-impl.c"), "-o", at("impl.o"));
			await ok("retarget", at("a.so"), "--with", at("impl.o"), "--set", "slow=fast", "-o", at("b.so"));
			run("gcc", at("u.c"), at("b.so"), "-o", at("u"));
			expect(run(at("u"))).toBe(expected);
		}));

	test.skipIf(!has("g++")).each(spread(["-pie -fPIE", "-static -Wl,--eh-frame-hdr", "-no-pie -fno-pie"], 3))(
		"exceptions pass through, and classes are the program's: %s",
		(link) =>
			inFolder(async (folder) => {
				const at = (name: string) => `${folder}/${name}`;
				const shared =
					"#include <stdexcept>\n#include <cstdio>\nstruct Shape { virtual int area() const { return 1; } virtual ~Shape() {} };\n" +
					"struct Other : Shape { int area() const override { return 7; } };\ninline int count() { static int n; return ++n; }\n";
				writeFileSync(
					at("p.cc"),
					`${shared}int measure(Shape &s); namespace ns { int slow(int); }
int main() { std::puts("x"); Other o; std::printf("%d %d\\n", measure(o), count());
	for (int i : {1, 99, 200}) try { std::printf("%d\\n", ns::slow(i)); } catch (const std::exception &e) { std::printf("caught %s\\n", e.what()); } }`,
				);
				writeFileSync(
					at("slow.cc"),
					`${shared}namespace ns { int slow(int x) { if (x > 100) throw std::runtime_error("slow"); return x + 1; } }
int measure(Shape &s) { return s.area() * 10 + (dynamic_cast<Other *>(&s) != nullptr); }`,
				);
				writeFileSync(
					at("fast.cc"),
					`${shared}int measure(Shape &); struct Guard { ~Guard() { std::puts("unwound"); } };
struct Square : Other { int n = 3; int area() const override { return n * n; } };
namespace ns { int slow(int); int fast(int x) { Guard guard; Square square;
	if (x == 99) try { throw std::runtime_error("inner"); } catch (std::runtime_error &e) { std::printf("inner %s\\n", e.what()); }
	std::printf("%d %d\\n", measure(square), count()); return slow(x) * 10; } }`,
				);
				run("g++", "-O1", ...words(link), at("p.cc"), at("slow.cc"), "-Wl,--emit-relocs", "-o", at("p"));
				run("g++", "-O1", "-fPIE", "-c", at("fast.cc"), "-o", at("fast.o"));
				await ok("retarget", at("p"), "--with", at("fast.o"), "--set", "ns::slow(int)=ns::fast(int)", "-o", at("q"));
				expect(run(at("q"))).toBe(
					"x\n71 1\n91 2\nunwound\n20\ninner inner\n91 3\nunwound\n1000\n91 4\nunwound\ncaught slow\n",
				);
				expect(complaints("readelf", "-wF", at("q"))).toBe("");
			}),
	);

	test("what cannot be added is refused by its name, and nothing is written", () =>
		inFolder(async (folder) => {
			const at = (name: string) => `${folder}/${name}`;
			const link = (out: string, ...flags: string[]) =>
				run("gcc", "-O2", ...flags, "-Wl,--emit-relocs", source("with-program.c"), "-o", at(out));
			link("pie", "-pie", "-fPIE");
			link("fixed", "-no-pie", "-fno-pie");
			const refused = async (code: string, program = "pie", flags: readonly string[] = ["-O1", "-fPIE"]) => {
				writeFileSync(at("x.c"), code);
				run("gcc", ...flags, "-c", at("x.c"), "-o", at("x.o"));
				const argv = ["retarget", at(program), "--with", at("x.o"), "--set", "slow=fast", "-o", at("out")];
				const { code: exit, err } = await cli(...argv);
				expect(exit).toBe(3);
				expect(existsSync(at("out"))).toBe(false);
				return err;
			};
			expect(await refused("int absent(int); int fast(int x) { return absent(x) + 1; }")).toMatch(
				/x\.o:\(\.text\+0x5\): relocation against 'absent': it is defined neither by .*pie nor by what is added to it/,
			);
			expect(await refused("__thread int t; int fast(int x) { return x; }")).toMatch(
				/x\.o:\(\.tbss\): holds thread-local variables/,
			);
			expect(await refused("extern __thread int t; int fast(int x) { return t + x; }")).toMatch(
				/x\.o:\(\.text\+0x\d\): relocation against 't': it is thread-local/,
			);
			expect(
				await refused(
					"int fast(int x) { return x; } volatile int n; __attribute__((constructor)) void c(void) { n = 1; }",
				),
			).toMatch(/x\.o:\(\.init_array\): says what runs before or after main/);
			expect(await refused("int counter = 1; int fast(int x) { return x; }")).toMatch(
				/x\.o: defines 'counter', and so does .*pie/,
			);
			expect(
				await refused("extern int counter; int fast(int x) { return counter; }", "pie", [
					"-O1",
					"-mcmodel=large",
					"-fno-pie",
				]),
			).toMatch(
				/relocation against 'counter': it has an address that is only known when the program is loaded, and this section is read only/,
			);
			expect(
				await refused("static int n; int fast(int x) { return n += x; } int *g(void) { return &n; }", "pie", [
					"-O1",
					"-fno-pie",
				]),
			).toMatch(
				/relocation against 'n|\.bss': it has an address that is only known when the program is loaded; compile with -fPIE/,
			);
			expect(await refused("#include <stdio.h>\nint fast(int x) { return x + (int)(long)stderr; }")).toMatch(
				/against 'stderr': it is defined neither by|against 'stderr': it comes from a shared object/,
			);
			link("large", "-pie", "-fPIE", "-DLARGE");
			expect(await refused("int fast(int x) { return x; }", "large")).toMatch(
				/large: its memory ends at 0x[0-9a-f]+, and what is added there would lie behind \d+ bytes of zeros/,
			);
			const other = async (...argv: string[]) => (await cli("retarget", ...argv, "--dry-run")).err;
			expect(await other(at("x.o"), "--with", at("x.o"), "--set", "fast=null")).toMatch(/x\.o: is an object; link it/);
			expect(await other(at("pie"), "--with", at("fixed"), "--set", "slow=null")).toMatch(/fixed: is linked already/);
			expect(await other(at("pie"), "--with", at("x.o"), "--reset")).toMatch(/--reset undoes all/);
		}));
});

test.skipIf(!hasNative())("damaged files are refused, or what comes of them can be undone", () =>
	inFolder(async (folder) => {
		run("gcc", "-O2", "-Wl,--emit-relocs", source("with-program.c"), "-o", `${folder}/p`);
		run("gcc", "-O0", "-fPIC", "-c", source("with-impl.c"), "-o", `${folder}/impl.o`);
		const whole = { program: readFileSync(`${folder}/p`), object: readFileSync(`${folder}/impl.o`) };
		const changes = [{ from: "slow", to: "fast" }];
		const damage = fc.array(fc.record({ at: fc.nat(2 ** 30), byte: fc.nat(255), isOften: fc.boolean() }), {
			minLength: 1,
			maxLength: 4,
		});
		/** Bytes of the tables that everything hangs on are changed more often than others. */
		const damaged = (bytes: Buffer, edits: readonly { at: number; byte: number; isOften: boolean }[]): Uint8Array => {
			const copy = Uint8Array.from(bytes);
			const tables = Number(bytes.readBigUInt64LE(40));
			for (const { at, byte, isOften } of edits)
				copy[isOften && at % 2 === 0 ? tables + (at % (copy.length - tables)) : at % (isOften ? 1024 : copy.length)] =
					byte;
			return copy;
		};
		let added = 0;
		fc.assert(
			fc.property(damage, fc.boolean(), (edits, isObject) => {
				const program = isObject ? Uint8Array.from(whole.program) : damaged(whole.program, edits);
				const object = isObject ? damaged(whole.object, edits) : whole.object;
				try {
					const { bytes } = retargetFile(program, "p", changes, { objects: [{ name: "impl.o", bytes: object }] });
					added++;
					expect(Buffer.compare(resetFile(bytes, "p").bytes, program)).toBe(0);
				} catch (error) {
					if (!(error instanceof LinkError)) throw error;
				}
			}),
			{ numRuns: howMany(150, 3000) },
		);
		expect(added).toBeGreaterThan(10);
	}),
);

const machines = ["aarch64", "riscv64"].filter((machine) => has(`${machine}-linux-gnu-gcc`) && has(`qemu-${machine}`));
describe.skipIf(!has("readelf")).each(machines)("%s", (machine) => {
	// Relaxed calls of RISC-V reach a mebibyte, and not to what lies behind the program.
	const flags = machine === "riscv64" ? " -Wl,--no-relax" : "";
	const ways = ["-static -no-pie", "-pie -fPIE", "-no-pie -fno-pie"].flatMap((link) =>
		["-O2 -fPIC", "-O0 -fPIE"].map((compile) => ({ link: link + flags, compile })),
	);
	test.each(spread(ways, 6))("linked $link, added $compile", ({ link, compile }) =>
		addsAndRuns(emulated(machine), link, compile),
	);
});
