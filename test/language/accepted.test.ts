// JavaScript that needs no other form here: each row prints on the machine, in every mode, what it prints under Node.

import { format } from "node:util";
import { expect, test } from "vitest";
import { print } from "../../linker/compile/source.ts";
import { arithmetic, ends, numbers, statements, trapping, withStatements, withTrap } from "./accepted-programs.ts";
import { buildAll, execute, someModes } from "./modes.ts";
import { runUnderNode } from "./programs.ts";

async function same(source: string, lib = ""): Promise<readonly string[]> {
	const modules = new Map([
		["main.js", source],
		["lib.js", lib],
	]);
	const sources = { main: "main.js", modules };
	const { log } = console;
	console.log = (...values) => print(format(...values));
	const expected = await runUnderNode(sources).finally(() => {
		console.log = log;
	});
	for (const [mode, image] of buildAll(sources, someModes))
		expect([mode, execute(image).output]).toEqual([mode, expected]);
	return expected;
}

test("arithmetic", async () => {
	expect(await same(arithmetic())).toHaveLength(numbers.length * ends.length * (ends.length - 1));
});

test("code at module level runs once, after that of the imports", async () => {
	const lib = `
import { print, staticCall, update } from "patchbay/source";
print("lib");
export const crc = new Uint32Array(256);
for (let n = 0; n < crc.length; n++) {
	let c = n >>> 0;
	for (let k = 0; k < 8; k++) c = c & 1 ? (0xedb88320 ^ (c >>> 1)) >>> 0 : c >>> 1;
	crc[n] = c;
}
function twice(x) { return x * 2; }
function thrice(x) { return x * 3; }
export const key = staticCall(twice);
export let calls = key(2);
update(key, thrice);
calls += key(2);
export function called() { calls++; return calls; }`;
	const main = `
import { print, query } from "patchbay/source"; import { called, calls, crc, key } from "./lib.js";
const SIZE = 4, start = called(), big = crc[255] + 1, more = start + SIZE;
let flag = start > 3, later = 5;
const add = (a, b) => a + b + start;
const t = new Int32Array(SIZE), low = Uint8Array.from(crc), same = new Uint32Array(low);
print("main", start, big, more, flag ? 1 : 0);
if (flag) { const z = add(later, 1); later += z; t.fill(z, 1); }
for (const x of t.subarray(2)) print(x);
let [p, q] = [called(), key(1)];
function show() { print(start, later, p, q, calls, key(5)); p--; }
show();
export function main() { show(); print(big, t[0], t[3], low[255], same[254], same.length, crc[254]); if (p > 8) main(); }`;
	const lines = await same(main, lib);
	expect(lines.slice(0, 2)).toEqual(["lib", "main 11 755167118 15 1"]);
	expect(lines.filter((line) => line === "lib")).toHaveLength(1);
});

test("defaults are computed where the function is declared", async () => {
	const lib = `
import { print } from "patchbay/source";
const t = new Int32Array([1, 2, 3]), bytes = new Uint8Array([7, 8]); let g = 3, calls = 0;
function count() { return ++calls; }
export function sum(x, n = x.length) { let s = 0; for (let i = 0; i < n; i++) s += x[i] & 255; return s; }
export function three(a = count(), b = a * 10, c = count()) { return a + b + c + calls; }
export function first(x = bytes) { return x[0]; }
export function part(x = t.subarray(1)) { return x; }
export function next(n = g) { g = n + 1; return n; }
export function show(a, b = a + 1, c = 4) { print("show", a, b, c); }
export function unsigned(a, b = (a >>> 0) + 1) { a = a >>> 0; b = b >>> 0; return b; }
export const product = (x, y = x + 1) => x * y;
export function down(n, all = n & 3) { return n === 0 ? all : down(n - 1, all + n); }
export const early = product(4) + next();`;
	const main = `
import { print } from "patchbay/source"; import { down, early, first, next, part, product, show, sum, three, unsigned } from "./lib.js";
const mine = new Int32Array([9, 8]), small = new Uint8Array(1);
export function main() {
	const inner = (p, s = p * 2) => p + s;
	print(sum(mine), sum(mine, 1), three(), three(1), three(1, 2), three(1, 2, 3), first(), first(small));
	print(part()[0], part(mine).length, next(), next(7), next(), unsigned(4000000000), unsigned(1, 2));
	print(product(3), product(3, 3), down(5), down(5, 1), early, inner(2), inner(2, 2));
	show(1); show(1, 5); show(1, 5, 6);
}`;
	expect(await same(main, lib)).toHaveLength(6);
});

test("variables at module level get their values later", async () => {
	const lib = `
let seed, d, t; export let best; let n;
const a = new Int32Array([3, 1, 2, 7]);
best = a[0];
for (const x of a) if (x > best) best = x;
function bump() { n = best + 1; return n; }
const m = bump();
function start(s) { seed = s; }
function next() { seed = (Math.imul(seed, 1664525) + 1013904223) | 0; return seed >>> 16; }
function use() { if (d) return t[0]; return t.length; }
function countdown(x) { if (x > 0) return countdown(x - 1); d = best > x; t = a.subarray(x + 1); return 1; }
export function run(s) { start(s); return next() + next() + m + n + countdown(3) + use(); }`;
	const main = `
import { print } from "patchbay/source"; import { best, run } from "./lib.js";
var i, last;
export function main() { for (i = 0; i < 3; i++) { last = run(i); print(i, last); } print(i, best); }`;
	expect(await same(main, lib)).toHaveLength(4);
});

test("variables at module level hold tables", async () => {
	const lib = `
import { print } from "patchbay/source";
const t = new Int32Array([1, 2, 3, 4]);
export const part = t.subarray(1, 3), rest = part.subarray(1);
export let now = new Int32Array([5, 6, 7]), next = new Int32Array(3);
let copy = new Int32Array(t), same = copy, fixed = new Uint8Array([9, 300]);
const some = now[0] > 5 ? t : part;
part[0] = 20;
for (const x of rest) print(x);
export function step() { for (const i in now) next[i] = now[i] * 2; [now, next] = [next, now]; copy = t; return now; }
export function show() { print(now[0], next[0], copy[1], same[1], fixed[1], some[0], part.length, t[2]); }`;
	const main = `
import { print } from "patchbay/source"; import { next, now, part, rest, show, step } from "./lib.js";
const last = step().subarray(-1), mine = part;
export function main() {
	show(); print(now[2], next[2], last[0], mine[0]);
	rest[0] = 8; now[1]++; show(); step(); show();
	print(now[1], next[1], last.length, now.subarray(1)[0]);
}`;
	expect(await same(main, lib)).toHaveLength(6);
});

test("code at module level that nothing runs is refused, and so is that of modules in a circle", () => {
	const alone = "export let x = f(); function f() { return 3; }";
	const modules = new Map([
		["a.js", alone],
		["main.js", "export function main() {}"],
	]);
	expect(() => buildAll({ modules })).toThrow("a.js: it has code at module level, and nothing runs that");
	const a = 'import { g } from "./b.js"; export let x = f(); export function f() { return g(); }';
	const b = 'import { f } from "./a.js"; export function g() { return 1; } export function main() { f(); }';
	const circle = {
		modules: new Map([
			["a.js", a],
			["b.js", b],
		]),
	};
	expect(() => buildAll(circle)).toThrow("this runs while modules that import each other are not all there");
});

test("a table is passed to another module, which says of what it is", async () => {
	const lib = `
import { print, staticCall } from "patchbay/source";
export const bytes = new Uint8Array([1, 2, 3]);
export function sum(x) { let s = 0; for (const v of x) s += v; return s; }
export function last(x) { return x[x.length - 1]; }
function size(x) { return sum(bytes) + x.length; }
export const measure = staticCall(size);
export function store(x, at, v) { x[at] = v; print(last(x)); }`;
	const main = `
import { print, update } from "patchbay/source"; import { bytes, last, measure, store, sum } from "./lib.js";
const mine = Uint8Array.of(200, 100), words = new Int32Array([-5, -6]);
function second(x) { return x[1]; }
export function main() {
	print(sum(mine), sum(bytes.subarray(1)), last(words), measure(words));
	update(measure, second);
	print(measure(words.subarray(0, 2)));
	store(words, 1, bytes[2]);
}`;
	expect(await same(main, lib)).toEqual(["300 5 -6 8", "-6", "3"]);
	const wrong = {
		modules: new Map([
			["main.js", main.replace("last(words)", "last(mine)")],
			["lib.js", lib],
		]),
	};
	expect(() => buildAll(wrong)).toThrow("argument 1 of 'last' is an Int32Array, 'mine' is an Uint8Array");
});

test.each(trapping)("%s traps", (row) => {
	for (const [mode, image] of buildAll({ modules: new Map([["main.js", withTrap(row)]]) })) {
		const { output, end } = execute(image);
		expect([mode, output, end.kind]).toEqual([mode, ["1"], "trapped"]);
	}
});

test.each(statements)("%s", async (row) => {
	expect((await same(withStatements(row))).length).toBeGreaterThanOrEqual(64);
});
