// Indirect calls and jumps are as many as objdump shows, through registers and through memory, and are said with all calls.

import { writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { cli, inFolder } from "../cli/command-line.ts";
import { spread } from "../extent.ts";
import { has, hasNative, run, source } from "./native-tools.ts";

const virtual = `struct Shape { virtual int area(int) const; virtual int tail(int) const; virtual ~Shape(); };
typedef int (*Callback)(int);
extern Callback table[8];
int first(const Shape &s) { return s.area(1) + 1; }
int second(const Shape &s) { return s.tail(2); }
int third(Callback f) { return f(1) + f(2); }
int fourth(int i) { return table[i](i) + table[1](2); }
int fifth(int x) { switch (x) { case 0: return first(*(Shape *)0); case 1: return third(0); case 2: return fourth(1); case 3: return fourth(7) * 3; case 4: return x * 7; case 5: return third(table[2]) * x; } return 0; }
`;

interface Counts {
	readonly throughRegisters: number;
	readonly throughMemory: number;
	readonly jumps: number;
}

/** What objdump shows of a file, the stubs of the procedure linkage table left out. */
function shown(machine: string, tool: string, file: string): Counts {
	const sections = run(tool, "-d", "--no-show-raw-insn", ...(machine === "riscv64" ? ["-M", "no-aliases"] : []), file)
		.split("Disassembly of section ")
		.filter((text) => !/^\.i?plt/.test(text));
	const lines = sections.join("").split("\n");
	const count = (pattern: RegExp): number => lines.filter((line) => pattern.test(line)).length;
	if (machine === "x86-64")
		return {
			throughRegisters: count(/\tcall +\*%/),
			throughMemory: count(/\tcall +\*[^%]/),
			jumps: count(/\t(notrack |bnd )*jmp +\*/),
		};
	if (machine === "aarch64") return { throughRegisters: count(/\tblr/), throughMemory: 0, jumps: count(/\tbr\t/) };
	let [throughRegisters, jumps] = [0, 0];
	for (const [i, line] of lines.entries()) {
		const [, compressed, first, second] = /\t(c\.)?j(?:al)?r\t(\w+)(?:,(?:-?\d+\()?(\w+))?/.exec(line) ?? [];
		const through = second ?? first;
		const auipc = /\tauipc\t(\w+)/.exec(lines[i - 1] ?? "")?.[1];
		if (through === undefined || (compressed === undefined && auipc === through)) continue;
		if (compressed !== undefined ? line.includes("c.jalr") : first !== "zero") throughRegisters++;
		else if (through !== "ra" && through !== "t0") jumps++;
	}
	return { throughRegisters, throughMemory: 0, jumps };
}

const machines = [
	{ machine: "x86-64", tools: "" },
	{ machine: "aarch64", tools: "aarch64-linux-gnu-" },
	{ machine: "riscv64", tools: "riscv64-linux-gnu-" },
].filter(({ machine, tools }) => (machine === "x86-64" ? hasNative("objdump") : has(`${tools}gcc`)));

describe.each(machines)("$machine", ({ machine, tools }) => {
	const compiler = ["g++", "gcc"].find((each) => has(`${tools}${each}`))!;

	test.skipIf(compiler !== "g++").each(spread(["-O2", "-O0", "-O2 -fPIC -fno-plt", "-Os"], 2))(
		"of an object, %s",
		(flags) =>
			inFolder(async (folder) => {
				writeFileSync(`${folder}/a.cc`, virtual);
				run(`${tools}${compiler}`, ...flags.split(" "), "-c", `${folder}/a.cc`, "-o", `${folder}/a.o`);
				const expected = shown(machine, `${tools}objdump`, `${folder}/a.o`);
				const { indirect, sites } = JSON.parse((await cli("sites", `${folder}/a.o`, "--all", "--json")).out);
				// Those of the global offset table are in the list, by what they call.
				const listed = (kind: string) => sites.filter((site: { kind: string }) => site.kind === kind).length;
				expect(indirect).toEqual([
					{
						file: `${folder}/a.o`,
						...expected,
						throughMemory: expected.throughMemory - listed("indirect call"),
						jumps: expected.jumps - listed("indirect jump"),
						undecoded: 0,
					},
				]);
				expect(expected.throughRegisters + expected.throughMemory).toBeGreaterThan(3);
			}),
	);

	test("of a program with its C library", () =>
		inFolder(async (folder) => {
			run(`${tools}gcc`, "-O2", "-static", source("calls.c"), "-Wl,--emit-relocs", "-o", `${folder}/a`);
			const { throughRegisters, throughMemory, jumps } = shown(machine, `${tools}objdump`, `${folder}/a`);
			const summary = JSON.parse((await cli("sites", `${folder}/a`, "--all", "--summary", "--json")).out);
			expect(summary.indirect).toMatchObject([{ throughRegisters, throughMemory, jumps }]);
			const said = `  besides: ${throughRegisters + throughMemory} indirect calls (${throughRegisters} through registers, ${throughMemory} through memory), of virtual functions and by pointers, and ${jumps} indirect jumps`;
			expect((await cli("sites", `${folder}/a`, "--all", "--summary")).out).toContain(`\n${said}`);
			expect((await cli("sites", `${folder}/a`, "--all")).out.split("\n")[1]).toContain(said);
			const some = JSON.parse((await cli("sites", `${folder}/a`, "--calls-to", "main", "--json")).out);
			expect(some.indirect).toBeUndefined();
		}));
});
