// The command line as its users meet it: output, messages and exit codes.

import { execFileSync } from "node:child_process";
import {
	closeSync,
	existsSync,
	openSync,
	readdirSync,
	readFileSync,
	readSync,
	rmSync,
	symlinkSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { loadCommands } from "../../cli/commands/index.ts";
import { cli, inFolder } from "./command-line.ts";

const commands = await loadCommands();

const program = (name: string) => `fixtures/programs/${name}.js`;
const assembly = (name: string) => `fixtures/asm/${name}.s`;
const pick = program("pick");

describe("help", () => {
	test.each([[], ...commands.map(({ name }) => [name])])("of %s starts with examples", async (...command) => {
		const { code, out, err } = await cli(...command, "--help");
		expect({ code, err }).toEqual({ code: 0, err: "" });
		expect(out).toMatch(/^Examples:\n {2}patchbay /);
		expect(out).toContain("Usage: patchbay");
	});

	test("a failing command says so in JSON too", async () => {
		const { code, out, err } = await cli("run", "nowhere.js", "--json");
		expect(JSON.parse(out)).toEqual({
			schema: "patchbay/error@1",
			message: "nowhere.js: no such file",
			exitCode: 3,
			file: "nowhere.js",
			reason: "no such file",
		});
		expect({ code, err }).toEqual({ code: 3, err: "nowhere.js: no such file\n" });
	});

	test("every command takes --json", async () => {
		for (const { name } of commands) expect((await cli(name, "--help")).out).toContain("--json");
	});

	test("nothing at all is a mistake, and shows the help", async () => {
		const { code, out, err } = await cli();
		expect({ code, out }).toEqual({ code: 2, out: "" });
		expect(err).toContain("Usage: patchbay");
	});

	test("the version is the package's", async () => {
		const { version } = JSON.parse(readFileSync("package.json", "utf8"));
		expect(await cli("--version")).toEqual({ code: 0, out: `${version}\n`, err: "" });
	});
});

describe("mistyped", () => {
	test.each([
		["a command", ["rnu", pick], 2, "(Did you mean run?)"],
		["an option", ["run", pick, "--stas"], 2, "(Did you mean --stats?)"],
		["a choice", ["run", pick, "--static-calls", "inlien"], 2, "Allowed choices are inline"],
		["a key", ["run", pick, "--set", "pik=deadline"], 3, "no static call 'pik' (did you mean 'pick'?)"],
		["a function", ["run", pick, "--set", "pick=deadlin"], 3, "no function 'deadlin' (did you mean 'deadline'?)"],
		["a file", ["run", "fixtures/programs/pik.js"], 3, "no such file (did you mean 'fixtures/programs/pick.js'?)"],
		["a retarget", ["run", pick, "--set", "pick"], 2, "Write key=function, or key=function@cycle."],
		["a bound", ["run", pick, "--max-cycles", "0"], 2, "Not a positive whole number."],
		["the number of files", ["link"], 2, "missing required argument 'files'"],
	])("%s", async (_, argv, code, message) => {
		const seen = await cli(...argv);
		expect(seen.err).toContain(message);
		expect(seen).toMatchObject({ code, out: "" });
	});
});

describe("options that do not go together", () => {
	test.each([
		["a program beside a replay", ["run", pick, "--replay", "x.json"], "leave fixtures/programs/pick.js out"],
		["an option beside a replay", ["run", "--replay", "x.json", "--stats"], "cannot be used with option '--stats'"],
		["a way to unload and no unload", ["run", pick, "--unload-resets"], "--unload-resets is for --unload"],
		["features without a name", ["run", pick, "--features", ","], "Write names with commas between."],
		["nothing to free", ["maps", pick, "--free", "text"], "no --allocate makes a piece of it"],
		["fills on many CPUs", ["matrix", "--fills", "--cpus", "2"], "cannot be used with option '--cpus <n>'"],
		["what is for real machines", ["sites", pick, "--all"], "are for files of real machines, not fixtures"],
		["two ways to choose", ["sites", pick, "--all", "--prefix", "x"], "cannot be used with option '--prefix <prefix>'"],
		["two formats", ["sites", pick, "--summary", "--json-lines"], "cannot be used with option '--summary'"],
	])("%s", async (_, argv, message) => {
		const seen = await cli(...argv);
		expect(seen.err).toContain(message);
		expect(seen).toMatchObject({ code: 2, out: "" });
	});

	test("a static call is not switched", async () => {
		const seen = await cli("run", pick, "--set", "pick=on");
		expect(seen).toMatchObject({ code: 3, out: "" });
		expect(seen.err).toContain("'pick' is a static call, no static key");
	});

	test("sites of sources are aligned for the protocol that wants it", async () => {
		const argv = ["run", pick, "--protocol", "aligned-store", "--set", "pick=deadline@20"];
		expect((await cli(...argv)).err).toContain("build with --align-sites");
		expect(await cli(...argv, "--align-sites")).toMatchObject({ code: 0, err: "" });
	});
});

describe("run", () => {
	test("prints what the program prints and nothing else", async () => {
		expect(await cli("run", assembly("hello"))).toEqual({
			code: 0,
			out: "hello, toy machine\n1 2 6 24 120 720\n4294967295 -1\n",
			err: "",
		});
		expect(await cli("run", pick)).toEqual({ code: 0, out: "3\n7\n", err: "" });
	});

	test("retargets before the start", async () => {
		expect((await cli("run", pick, "--set", "pick=deadline")).out).toBe("7\n7\n");
		expect((await cli("run", pick, "--set", "pick=ret0")).out).toBe("0\n7\n");
		expect((await cli("run", pick, "--set", "pick=deadline", "--set", "pick=default")).out).toBe("3\n7\n");
	});

	test("retargets at a cycle", async () => {
		const balancer = program("balancer");
		const always = (await cli("run", balancer)).out.split("\n");
		const retargeted = (await cli("run", balancer, "--set", "pick=shortestQueue@1000000")).out.split("\n");
		expect(retargeted.slice(0, 2)).toEqual(always.slice(0, 2));
		expect(retargeted[6]).toContain("mean wait 7 ");
		expect(always[6]).toContain("mean wait 28 ");
	});

	test("says when the cycle never came", async () => {
		const { code, out, err } = await cli("run", pick, "--set", "pick=deadline@9999999");
		expect({ code, out }).toEqual({ code: 0, out: "3\n7\n" });
		expect(err).toMatch(/^--set pick=deadline@9999999: the program had ended by then, at cycle [\d,]+\n$/);
	});

	test.each([
		["pick=null", "'pick' may not be null: its callers use the result"],
		["pick=main", "'pick' is called as (int) -> int, but 'main' is () -> nothing"],
	])("refuses %s, before anything runs", async (set, message) => {
		for (const mode of ["inline", "pointer", "ffp"]) {
			const { code, out, err } = await cli("run", pick, "--set", set, "--static-calls", mode);
			expect({ code, out }).toEqual({ code: 3, out: "" });
			expect(err).toBe(`${pick}: --set ${set}: ${message}\n`);
		}
	});

	test("a summary goes to standard error", async () => {
		const { out, err } = await cli("run", pick, "--stats");
		expect(out).toBe("3\n7\n");
		expect(err).toMatch(/^[\d,]+ cycles, [\d,]+ instructions\n1 update in [\d,]+ cycles: /);
	});

	test("a trap names the line, with a caret", async () => {
		await inFolder(async (folder) => {
			const file = join(folder, "over.js");
			writeFileSync(
				file,
				'import { print } from "patchbay/source";\n\nexport function main() {\n\tlet x = 2147483647;\n\tprint(x);\n\tx++;\n\tprint(x);\n}\n',
			);
			const { code, out, err } = await cli("run", file);
			expect({ code, out }).toEqual({ code: 1, out: "2147483647\n" });
			expect(err.split("\n")).toEqual([
				`${file}:6:2: the result does not fit in -2147483648 .. 2147483647 (int): coerce it (| 0, >>> 0) if it should wrap around`,
				"  \tx++;",
				"  \t^",
				"",
			]);
		});
	});

	test.each(["u - v", "u - 8", "0 - v"])("a trap of %s says that it became negative", async (difference) => {
		await inFolder(async (folder) => {
			const file = join(folder, "below.js");
			const body = `function f(u, v) { u = u >>> 0; v = v >>> 0; return (${difference}) + 1; }`;
			writeFileSync(
				file,
				`import { print } from "patchbay/source"; ${body} export function main() { print(f(7, 9)); }`,
			);
			expect((await cli("run", file)).err).toContain(
				"the result is negative, and the operands are unsigned: write x | 0 for them",
			);
		});
	});

	test("recursion without an end says so", async () => {
		await inFolder(async (folder) => {
			const file = join(folder, "deep.js");
			writeFileSync(file, "function f(n) { return f(n + 1) + 1; }\nexport function main() { f(0); }\n");
			const { code, err } = await cli("run", file);
			expect(code).toBe(1);
			expect(err).toContain(`${file}:1:24: the stack is full: this recursion is too deep`);
		});
	});

	test("an import that is not there is named where it stands", async () => {
		await inFolder(async (folder) => {
			const file = join(folder, "main.js");
			writeFileSync(file, 'import { f } from "./missing.js";\nexport function main() { f(); }\n');
			const { code, err } = await cli("run", file);
			expect(code).toBe(3);
			expect(err).toContain(`${file}:1:19: cannot find "./missing.js"`);
		});
	});

	test("a bound that is reached is exit code 4", async () => {
		await inFolder(async (folder) => {
			const file = join(folder, "forever.s");
			writeFileSync(file, "\t.global main\nmain:\tjmp main\n");
			const { code, out, err } = await cli("run", file, "--max-cycles", "100000");
			expect({ code, out }).toEqual({ code: 4, out: "" });
			expect(err).toBe(`${file}: not done after 100,000 cycles (--max-cycles)\n`);
		});
	});

	test("JSON has the output, the end and the figures", async () => {
		const { code, out } = await cli("run", pick, "--json");
		expect(code).toBe(0);
		expect(JSON.parse(out)).toMatchObject({
			schema: "patchbay/run@2",
			output: ["3", "7"],
			end: { kind: "halted" },
			patching: { updates: 1, syncs: 3 },
		});
	});

	test.each(["inline", "trampoline", "pointer", "ffp", "ffp-retpoline"])("linked %s", async (mode) => {
		expect(await cli("run", pick, "--static-calls", mode)).toEqual({ code: 0, out: "3\n7\n", err: "" });
	});

	test("makes plain calls patchable", async () => {
		await inFolder(async (folder) => {
			const file = join(folder, "plain.js");
			writeFileSync(
				file,
				'import { print } from "patchbay/source";\nfunction one() { return 1; }\nfunction two() { return 2; }\nexport function main() { print(one(), two()); }\n',
			);
			expect((await cli("run", file, "--patchable", "one", "--set", "one=two")).out).toBe("2 2\n");
			expect((await cli("run", file, "--set", "one=two")).err).toContain(
				"no static call, static key or operation 'one'; there is none",
			);
		});
	});
});

describe("compile, asm and link", () => {
	test("step by step gives what run gives at once", async () => {
		await inFolder(async (folder) => {
			const [object, image] = [join(folder, "pick.o"), join(folder, "pick.elf")];
			expect(await cli("compile", pick, "-o", object)).toEqual({ code: 0, out: "", err: "" });
			expect(await cli("link", object, "-o", image)).toEqual({ code: 0, out: "", err: "" });
			expect((await cli("run", image)).out).toBe("3\n7\n");
			expect((await cli("run", object, "--static-calls", "trampoline")).out).toBe("3\n7\n");
			expect(readdirSync(folder).sort()).toEqual(["pick.elf", "pick.o"]);
		});
	});

	test("a module brings its imports along, once", async () => {
		const [main, chain] = ["fixtures/programs/packet-filter/main.js", "fixtures/programs/packet-filter/chain.js"];
		const expected = (await cli("run", main)).out;
		expect(expected).not.toBe("");
		expect((await cli("run", chain, main, `./${main}`)).out).toBe(expected);
	});

	test("any mix of sources and objects", async () => {
		await inFolder(async (folder) => {
			const callee = join(folder, "twice.s");
			const caller = join(folder, "main.s");
			const object = join(folder, "twice.o");
			writeFileSync(callee, "\t.global twice\n\t.type twice, @function\ntwice:\tadd r0, r0, r0\n\tret\n");
			writeFileSync(caller, "\t.global main\nmain:\tmovi r0, 21\n\tcall twice\n\tecall 1; ecall 4\n\tret\n");
			expect((await cli("asm", callee, "-o", object)).code).toBe(0);
			expect((await cli("run", caller, object)).out).toBe("42\n");
			expect((await cli("run", caller, callee)).out).toBe("42\n");
			expect((await cli("run", caller)).err).toContain("'twice'");
		});
	});

	test("one name for several objects is a mistake", async () => {
		const { code, err } = await cli("compile", pick, program("sieve"), "-o", "x.o");
		expect(code).toBe(2);
		expect(err).toContain("-o names one object");
		expect(existsSync("x.o")).toBe(false);
	});

	test("nothing is written when a source is wrong", async () => {
		await inFolder(async (folder) => {
			const [good, bad] = [join(folder, "good.s"), join(folder, "bad.s")];
			writeFileSync(good, "\t.global main\nmain:\tret\n");
			writeFileSync(bad, "main:\tmovv r0, 1\n");
			const { code, err } = await cli("link", good, bad, "-o", join(folder, "out.elf"));
			expect(code).toBe(3);
			expect(err).toContain(`${bad}:1:7: unknown instruction 'movv'`);
			expect(readdirSync(folder).sort()).toEqual(["bad.s", "good.s"]);
		});
	});

	test("a file that cannot be written is the user's error, and no half of it stays", async () => {
		const { code, err } = await cli("link", pick, "-o", "/nowhere/pick.elf");
		expect(code).toBe(3);
		expect(err).toBe("/nowhere/pick.elf: no such folder\n");
	});

	test("a link is written through", async () => {
		await inFolder(async (folder) => {
			const [real, alias] = [join(folder, "real.elf"), join(folder, "alias.elf")];
			writeFileSync(real, "old");
			symlinkSync(real, alias);
			expect((await cli("link", pick, "-o", alias)).code).toBe(0);
			expect((await cli("run", real)).out).toBe("3\n7\n");
			expect(readdirSync(folder).length).toBe(2);
		});
	});

	test("the map names sections and sites", async () => {
		await inFolder(async (folder) => {
			const { out } = await cli("link", pick, "-o", join(folder, "pick.elf"), "--map");
			expect(out).toMatch(/\.text\n/);
			expect(out).toMatch(/ pick +fifo\n/);
		});
	});

	test("the map is part of the JSON", async () => {
		await inFolder(async (folder) => {
			const { out } = await cli("link", pick, "-o", join(folder, "pick.elf"), "--map", "--json");
			expect(JSON.parse(out).map).toContain("1 key, 2 sites, linked inline");
		});
	});

	test("a pipe without a name is written as it is", async () => {
		await inFolder(async (folder) => {
			const name = join(folder, "pipe");
			execFileSync("mkfifo", [name]);
			const pipe = openSync(name, "r+");
			rmSync(name);
			const { code, err } = await cli("compile", pick, "-o", `/proc/self/fd/${pipe}`);
			expect({ code, err }).toEqual({ code: 0, err: "" });
			const head = new Uint8Array(4);
			readSync(pipe, head);
			closeSync(pipe);
			expect(head).toEqual(new Uint8Array([0x7f, 0x45, 0x4c, 0x46]));
		});
	});

	test("an image is not an object", async () => {
		await inFolder(async (folder) => {
			const image = join(folder, "pick.elf");
			await cli("link", pick, "-o", image);
			expect(await cli("run", image, assembly("hello"))).toMatchObject({ code: 3, out: "" });
			expect(await cli("link", image, "-o", join(folder, "again.elf"))).toMatchObject({ code: 3, out: "" });
			expect(await cli("run", image, "--patchable", "main")).toMatchObject({ code: 2, out: "" });
		});
	});

	test("what is no ELF file is said to be none", async () => {
		expect(await cli("run", "package.json")).toMatchObject({ code: 3, out: "" });
		expect((await cli("run", "package.json")).err).toBe(
			"package.json: is neither a source (.js, .s) nor an ELF file\n",
		);
	});
});

describe("sites", () => {
	const header = ["key", "kind", "source", "place", "in", "bytes", "calls"];

	test("of a module", async () => {
		const { code, out, err } = await cli("sites", pick);
		expect({ code, err }).toEqual({ code: 0, err: "" });
		const [title, columns, ...rows] = out.trimEnd().split("\n");
		expect(title).toBe(`${pick}: 2 call sites of 1 key`);
		expect(columns!.split(/ +/)).toEqual(header);
		expect(rows.map((row) => row.split(/ {2,}/)[2])).toEqual([`${pick}:21:8`, `${pick}:23:8`]);
		expect(rows.every((row) => /^pick +call +.*\.text\+0x.* main\+0x.* e8 00 00 00 00 +fifo$/.test(row))).toBe(true);
	});

	test("of an image, in each mode", async () => {
		await inFolder(async (folder) => {
			const image = join(folder, "pick.elf");
			await cli("link", pick, "-o", image);
			expect((await cli("sites", image)).out).toMatch(/2 call sites of 1 key, linked inline\n(.*\n){2}.* fifo\n$/);
			await cli("link", pick, "-o", image, "--static-calls", "trampoline");
			expect((await cli("sites", image)).out).toMatch(/ fifo, by __SCT__pick\n$/);
		});
	});

	test("as JSON", async () => {
		const listed = JSON.parse((await cli("sites", assembly("conditional-tail"), "--json")).out);
		expect(listed).toMatchObject({ schema: "patchbay/sites@2", tables: [] });
		expect(listed.sites).toMatchObject([
			{ file: assembly("conditional-tail"), key: "alarm", kind: "conditional", target: "null" },
		]);
	});

	test("none", async () => {
		expect((await cli("sites", assembly("hello"))).out).toBe(`${assembly("hello")}: 0 call sites of 0 keys\n`);
	});
});

describe("dump", () => {
	test("shows code, relocations and source lines", async () => {
		const { code, out } = await cli("dump", pick);
		expect(code).toBe(0);
		expect(out).toContain("<main>:");
		expect(out).toMatch(/R_TOY_CALL28 +__SCT__pick-0x4/);
		expect(out).toContain("print(pick(3));");
		expect((await cli("dump", pick, "--no-source")).out).not.toContain("print(pick(3));");
	});
});

test("dump refuses the code of other machines", async () => {
	const { code, out, err } = await cli("dump", process.execPath);
	expect({ code, out }).toEqual({ code: 3, out: "" });
	expect(err).toMatch(/is for machine 0x\w+, not the toy; objdump -dr disassembles it\n$/);
});

describe("rewrite", () => {
	test("prints the module in FFP form", async () => {
		const { code, out } = await cli("rewrite", pick);
		expect(code).toBe(0);
		expect(out).toContain("pick.fn(3)");
		expect(out).toContain("setFfp(pick, deadline)");
	});

	test("writes a whole program, with maps", async () => {
		await inFolder(async (folder) => {
			expect((await cli("rewrite", "fixtures/programs/packet-filter/main.js", "-o", `${folder}/out/`)).code).toBe(0);
			expect(readdirSync(join(folder, "out")).sort()).toEqual(
				["chain.js", "main.js", "packet.js"].flatMap((file) => [file, `${file}.map`]),
			);
			expect(readFileSync(join(folder, "out", "main.js"), "utf8")).toMatch(/\/\/# sourceMappingURL=main\.js\.map\n$/);
		});
	});

	test("a program that reaches above itself stays where it is", async () => {
		await inFolder(async (folder) => {
			const { code, err } = await cli("rewrite", "fixtures/programs/packet-filter/../pick.js", "-o", folder);
			expect({ code, err }).toEqual({ code: 0, err: "" });
			expect(readdirSync(folder)).toEqual(["pick.js", "pick.js.map"]);
		});
	});
});
