// What `trace` adds up, and the calls that a trap names: against what the program itself counts.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { cli, inFolder } from "./command-line.ts";

const program = `import { print, staticCall } from "patchbay/source";
const t = new Int32Array(4);
let called = 0;
function inner(i) { called++; t[i] += 1; return t[i]; }
export const key = staticCall(inner);
function outer(n) {
	let s = 0;
	for (let i = 0; i < n; i++) s += key(i);
	return s + 1;
}
function fib(n) { called++; return n < 2 ? n : fib(n - 1) + fib(n - 2); }
export function main() { print(outer(3), fib(6)); print(called); LAST }
`;

interface Total {
	readonly function: string;
	readonly calls: number;
	readonly self: number;
	readonly total: number;
	readonly longest: number;
}

const traced = (last: string, use: (file: string, folder: string) => Promise<void>) =>
	inFolder(async (folder) => {
		const file = join(folder, "prog.js");
		writeFileSync(file, program.replace("LAST", last));
		await use(file, folder);
	});

test("totals count every call once, and every cycle once", () =>
	traced("", async (file) => {
		const { out } = await cli("trace", file, "--totals", "--json");
		const { totals, output } = JSON.parse(out) as { totals: Total[]; output: string[] };
		const of = (name: string) => totals.find((row) => row.function === name)!;
		expect(of("inner").calls + of("fib").calls).toBe(Number(output[1]));
		expect([of("inner").calls, of("fib").calls, of("main").calls]).toEqual([3, 25, 1]);
		const self = totals.reduce((sum, row) => sum + row.self, 0);
		expect(self).toBeCloseTo(of("main").total, 6);
		expect(of("fib").longest).toBeCloseTo(of("fib").total, 6);
		expect(of("outer").total).toBeCloseTo(of("outer").self + of("inner").total, 6);
		const table = (await cli("trace", file, "--totals")).out.trim().split("\n");
		expect(table).toHaveLength(1 + totals.length);
	}));

test("the speedscope file nests its calls, and the flame graph names every function", () =>
	traced("", async (file, folder) => {
		await cli("trace", file, "--flame", join(folder, "out.json"));
		const { shared, profiles } = JSON.parse(readFileSync(join(folder, "out.json"), "utf8"));
		const open: number[] = [];
		let at = 0;
		for (const event of profiles[0].events) {
			expect(event.at).toBeGreaterThanOrEqual(at);
			at = event.at;
			if (event.type === "O") open.push(event.frame);
			else expect(open.pop()).toBe(event.frame);
		}
		expect(open).toEqual([]);
		expect(profiles[0].events).toHaveLength(2 * (1 + 1 + 3 + 25));
		await cli("trace", file, "--flame", join(folder, "out.svg"));
		const svg = readFileSync(join(folder, "out.svg"), "utf8");
		for (const { name } of shared.frames) expect(svg).toContain(`<title>${name}: `);
		expect((await cli("trace", file, "--flame", "out.png")).code).toBe(2);
	}));

test("depth and limit shorten the list, and what is left out is counted", () =>
	traced("", async (file) => {
		const all = (await cli("trace", file)).out.split("\n");
		const shallow = (await cli("trace", file, "--depth", "2")).out;
		expect(shallow).toContain("outer();");
		expect(shallow).not.toContain("inner");
		const { out, err } = await cli("trace", file, "--limit", "5");
		expect(out).toBe(`${all.slice(0, 6).join("\n")}\n`);
		expect(err).toContain(`${all.length - 7} lines more`);
	}));

test("a trap names the calls that led there, the innermost first", () =>
	traced("print(outer(9));", async (file) => {
		const { err, code } = await cli("run", file);
		expect(code).toBe(1);
		const lines = err.trim().split("\n");
		expect(lines[0]).toContain(":4:");
		expect(lines[0]).toContain("index 4 is out of range");
		expect(lines[3]).toMatch(/^ {2}called from .*prog\.js:8:\d+ <outer>: for \(let i = 0; .*$/);
		expect(lines[4]).toMatch(/^ {2}called from .*prog\.js:12:\d+ <main>: export function main/);
	}));

test("a recursion that is too deep is shown in part, and counted", () =>
	inFolder(async (folder) => {
		const file = join(folder, "deep.js");
		writeFileSync(file, "function down(n) { return down(n + 1) + 1; }\nexport function main() { down(0); }\n");
		const { err } = await cli("run", file);
		expect(err).toContain("this recursion is too deep");
		expect(err.match(/called from/g)).toHaveLength(12);
		expect(err).toMatch(/and [\d,]{5,} more/);
	}));

test("a torn site is named where a CPU jumped to nowhere", () =>
	inFolder(async (folder) => {
		const file = join(folder, "torn.js");
		writeFileSync(
			file,
			`import { print, staticCall } from "patchbay/source";
let n = 0;
function one(x) { n += x; return n; }
function far(x) { n += x * 2; return n; }
export const key = staticCall(one);
export function worker() { for (let i = 0; i < 3000; i++) n = key(i) & 1023; }
export function main() { worker(); print(1); }
`,
		);
		const torn = ["--protocol", "naive", "--fetch", "stale", "--model", "x86", "--cpus", "3", "--entry", "worker*2"];
		const { err } = await cli("run", file, ...torn, "--set", "key=far@3000", "--set", "key=one@9000");
		expect(err).toMatch(/torn: the site of 'key' at .*torn\.js:6:\d+ called 0x[0-9a-f]+, where no function begins/);
		const { err: whole } = await cli("run", file, "--cpus", "3", "--entry", "worker*2", "--set", "key=far@3000");
		expect(whole).not.toContain("torn");
	}));
