// JavaScript that needs no other form here, as programs that print what it gives.

export const ends = [0, 1, 2, 3, 7, 8, 255, 1000003, 2 ** 31 - 1, -1, -2, -3, -7, -8, -1000003, -(2 ** 31) + 1];

/** Expressions of ints `a` and `b`, of which `b` is not 0, and of uints `u` and `v`, of which `v` is not 0. */
export const numbers = [
	...["floor", "ceil", "round", "trunc"].flatMap((name) => [
		`Math.${name}(a / b)`,
		`Math.${name}(u / v)`,
		`Math.${name}(a / 8)`,
		`Math.${name}(a / -2)`,
		`Math.${name}(u / 10)`,
		`Math.${name}(a)`,
	]),
	"Math.abs(a)",
	"Math.abs(u)",
	"Math.abs(a % 5) - 3",
	"Math.sign(a)",
	"Math.sign(u)",
	"Math.clz32(a)",
	"Math.clz32(u >>> 7)",
	"+a",
	"+(a < b)",
	"Number(u)",
	"Number(a > 3) + Number(u > 3)",
	"2 ** 10 + Math.round(Math.PI * 1000)",
	"(a < b) + (u < v)",
	"(a < b) - (b < a)",
	"(a > 3) * 5",
	"-(a === b)",
	"~(a === b)",
	"(a < b) & (u < v)",
	"(a < b) | 6",
	"(a < b) << 4",
	"a % ((a < b) + 1)",
	"(a < b) < (u < v) ? 1 : 2",
	"(a < 4) >= 1 ? 1 : 2",
	"Math.imul(a < b, b)",
	"Math.max(a < b, u < v)",
	"a ?? b",
	"Math.max(a, b, 3, a % 7)",
	"Math.min(u, v, a, b) + 0",
	"(a < b) == 1 ? 1 : 2",
	"u != (a > b) ? 1 : 2",
	"(a == (u == v)) + (true == 1)",
	"Kind.A + Kind.B - a % 7",
	"Kind.Mask & a",
	"Math.floor(7.5) + Math.ceil(-7.5) + Math.trunc(-0.5) + Math.round(2.5) - Math.round(-2.5) + Math.abs(-1.5) * 2",
	"Math.sqrt(16) + Math.pow(2, 5) + Math.max(3) + Math.round(Math.sin(1) * 1000) + Math.hypot(3, 4) + Math.min(1, 2, 3, 4)",
	"Math.floor(RATIO * 10) + BIG / 1024 ** 3 + Kind.Half * 8",
	...["<", "<=", ">", ">=", "===", "!="].flatMap((operator) => [
		`+(a ${operator} 2.5)`,
		`+(-2.5 ${operator} a)`,
		`+(u ${operator} 2147483647.5) + +(a ${operator} BIG) * 2 + +(u ${operator} -BIG) * 4 + +(a ${operator} 0 / 0) * 8`,
	]),
	"((a | 1.5) + (a & 3.7) - (a & (7 << 1.5)) + (u >>> 4294967297)) | 0",
	"Math.imul(a, 2.5)",
	"(a + 4294967296) | 0",
	"a % 8 + a % 2 * 100",
	"((a % 64) | 0) - ((a / 16) | 0)",
	"(a & 255) - 300 < -45 ? 1 : 2",
	"~(a & 255) + 5",
];

/** Every expression, of every two of some numbers. */
export function arithmetic(): string {
	const rows = numbers.map((expression) => `	print(${expression});`).join("\n");
	const calls = ends.flatMap((a) => ends.filter((b) => b !== 0).map((b) => `	all(${a}, ${b});`)).join("\n");
	return `
import { print } from "patchbay/source";
const Kind = Object.freeze({ A: 0, B: 1 + 2, Mask: 2 ** 10 - 1, Half: 0.5 });
const RATIO = 1.5, BIG = 2 ** 40;
function all(a, b) {
	const u = a >>> 0, v = b >>> 0;
${rows}
}
export function main() {
${calls}
}`;
}

/** Statements of a function with ints `a` and `b`, that print. */
export const statements = [
	"let x = a; x ||= b; print(x); x &&= 9; print(x); x ??= called++; print(x, called);",
	"let d = a > 0; d ||= b > 0; print(d ? 1 : 0); d &&= b > 1; print(d ? 1 : 0); print((d ?? a > 1) ? 1 : 0);",
	"t[1] ||= 5; t[call(0)] &&= a; print(t[0], t[1], t[2], called); print(t[call(2)] ||= a, called);",
	"let p = a, r = b; [p, r] = [r, p]; print(p, r); [p, t[call(1)], called] = [t[1], p, called + 1]; print(p, t[1], called);",
	"let n = 0; for (let i = 0; i < 5; i++) n += i < (b & 7); n -= a < b; print(n);",
	"s[0] = a; s[1]--; s[2] += 130; s[b & 3] = a * 3; print(s[0], s[1], s[2], s[3]);",
	"h[0] = a; h[1]--; h[2] += 40000; h[b & 3] = a * 3; print(h[0], h[1], h[2], h[3], h[a & 3] - 70000);",
	"w[0] = a; w[1]--; w[2] += 70000; w[b & 3] ^= a; print(w[0], w[1], w[2], w[3], w[a & 3] - 70000);",
	"t[0] = a < b; print(t[0]); t[0] += a === b; print(t[0]);",
	"print(key(4, 5)); update(key, a < b ? less : constant); print(key(4, 5)); reset(key); print(key(b & 3, 5));",
	"let x; if (a > b) x = 1; else { x = b; } print(x); let d; if ((d = a > 0) && a) print(d ? 1 : 0);",
	"let x, n = 0; do { x = a + n; if (a > b) break; x++; } while (n++ < 3); print(x); let y; switch (a & 1) { case 0: y = 1; break; default: y = 2; } print(y);",
	"let x; for (;;) { x = b; if (a) break; x--; break; } print(x); let z; z = x; for (let i = 0; i < 3; i++) { let w; w = i; z += w & 1; } print(z);",
	"var x = a & 7; for (var j = 0; j < 3; j++) x += j; for (var j = 5; j < 7; j++) { var y = j; x += y; } print(x);",
	"let n = 0; for (const x of t) { if (x === b) continue; n += x & 255; } for (let x of s) { x *= 2; n += x; } print(n);",
	"for (const i in t) { t[i] = +i * 3 + (b & 1); if (Number(i) > 2) break; s[i] = i | 0; } print(t[0], t[1], t[2], t[3], s[2]);",
	// biome-ignore lint/suspicious/noTemplateCurlyInString: it is the program that has the template
	"print(`a=${a}`, `${b}${a}`, ``, `t`, `${b}:`, `${0 * -1}`, `neg ${-(a & 1)}!`); console.log(`a=${a}`, 5, t[0], t.length, a | 0, called);",
	'for (const i in t) { print(i, t[i]); if (i < 2 && i != b && i >= -1.5) print(i * 2, i - a, i % 2, ~i, -i, i << 1, Math.max(i, b), Kind["B"]); t[i] = i; s[0] -= i; } print(t[3], s[0]);',
	"t[0] = 2.7; t[1] = a > 0 ? -2.7 : 1e10; print(t[0], t[1]); t.fill(-3.5); t.set([1.5], 3); print(t[2], t[3]); print((called++, a) < 0.5 ? 1 : 0, called);",
	"t.fill(a); print(t[0], t[3]); t.fill(a < b, 1, -1); print(t[0], t[1], t[2], t[3]); t.fill(9, -2); print(t[1], t[2]); t.fill(1, a & 3, b & 7); print(t[0], t[1], t[2], t[3]);",
	"t.set([a, b & 7, t[1]], 1); print(t[0], t[1], t[2], t[3]); t.set(s); print(t[0], t[1], t[2], t[3]); u.set(t, 2); u.set(u, 0); print(u[0], u[2], u[5]);",
	"const [p, q] = [a, b]; let [x, y] = [q, p]; print(p, q, x, y);",
	"print(twice(a & 7), plus(1), plus(1, 2), plus(1, 2, 3));",
	"function inner(n) { return n <= 0 ? 0 : n + inner(n - 1); } { const inner = (x) => x; print(inner(4)); } print(inner(a & 7)); update(key, inner); print(key(b & 7, 2)); reset(key);",
	"const square = (x) => { const r = (y) => y * y; return r(x); }; { function inner() { return third(3); } print(inner()); } function third(n) { return n + 1; } print(square(a & 255));",
	"print(nine(a & 7, 2, 3, 4, 5, 6, b & 7, 8, a >>> 0)); print(many(1, 2, 3, 4, 5, 6, b & 7, 8, a >>> 0)); update(many, few); print(many(a & 7, 2, 3, 4, 5, 6, 7, 8, 9), called); reset(many);",
	"print(nine(1, nine(b & 7, 2, 3, 4, 5, 6, 7, 8, 9), 3, 4, 5, 6, nine(1, 2, 3, 4, 5, 6, 7, a & 7, b >>> 0), 8, call(9) >>> 0), turn(5, 1, 2, 3, 4, 5, a & 7, b & 7), called);",
	"print(op(1, a & 7, 3, 4, 5, 6, b & 7, 8, 9), op(a & 7, 2, 3, 4, 5, 6, 7, 8, b >>> 0)); seven(1, 2, 3, 4, 5, 6, a & 7); update(quiet, b & 1 ? seven : null); quiet(1, 2, 3, 4, 5, 6, b & 7); print(called);",
	"fill(t, a); print(t[0], t[3]); fill(t.subarray(1, -1), b); print(total(t), total(t.subarray(b & 3)), total(t.subarray(a & 7, b & 7)), total(t.subarray(a, b)), total(t.subarray()));",
	"t.set([4, a & 7, b & 15, 1]); sorter(t); show(t); t.set([4, a & 7, b & 15, 1]); update(sorter, slow); sorter(t.subarray(1)); show(t); reset(sorter); watch(t); update(watch, show); watch(t); update(watch, null);",
	"let cur = t, next = r; for (let i = 0; i < 3; i++) { for (let j = 0; j < cur.length; j++) next[j] = (cur[j] + i) | 0; [cur, next] = [next, cur]; } show(cur); show(next); next = cur.subarray(a & 3); print(next.length);",
	"let x; if (a > b) x = t; else { x = r.subarray(1); } x[0] = a; x = x.subarray(1, 2); print(x.length, t[0], r[1]); for (const y of x) { x = t; print(y); } for (const i in x) x[i] ^= +i; show(x);",
	"t.set([1, 2, 3, 4]); t.set(t.subarray(1)); show(t); t.subarray(1).set(t.subarray(0, 3)); show(t); t.set(t.subarray(0, 2), a & 1); show(t); u.set(t, a & 1); u.subarray(2).set(u.subarray(0, 4)); show8(u);",
	"let x = t; x.fill((x = r, a & 7), 1, (x = u4, 3)); show(t); print(first(x), x.length, x[3]); print(wide(t, 1, u, 2, r, 3, a & 7), op3(t, b & 3, r)); update(measure, none); print(measure(t), measure(r)); reset(measure);",
	"s[0] = a; h[1] = b; w[2] = a; print(step8(s), step16(h), stepU(w), step8(s.subarray(1)), step16(h.subarray(2)), stepU(w.subarray(a & 1, 4)), s[0], h[0], w[0]);",
	"print(either(a > b ? 1 : 0, t, r)[0], either(a > b ? 1 : 0, t, r).length, nth(a & 3)[0], again(b & 1).length, tail(u)[1], (a < 0 ? t : r.subarray(2))[1], (called++, w)[0], t.subarray(a & 3).length);",
	"either(a > 0 ? 1 : 0, t, r)[1] = b; either(b > 0 ? 1 : 0, t, r)[call(2)] += a & 7; nth(b & 3)[0]++; print(t[1], r[1], called); for (const x of either(a < b ? 1 : 0, t, r)) print(x); for (const i in nth(2)) print(+i);",
	"let x = either(a > b ? 1 : 0, t, r); x[0] = 5; [x, t[1]] = [nth(3), x[0]]; print(x[0], t[1], r[0]); nth(1).fill(a); nth(0).set(tail(r), 0); show(t); show(either(0, t, r));",
	"print(give(t)[0]); update(give, tailOf); print(give(r)[0], give(give(r)).length); reset(give); show(deep(t, 1, 2, 3, 4, 5, 6, a & 1)); print(x2(t, a & 3)[0]);",
	"let x = a & 255; print(x - (x = b & 7), x * x++ + (x -= 3), x); print(few(x, (x = a & 3)), few(x++, x), few(--x, call(x)));",
	"let n = 2; for (let i = 0; i < 5; i++) n--; print(n < a >>> 0 ? 1 : 2, n % 3); print((a & 7) - (b & 255) < b >>> 0 ? 1 : 2);",
	"update(hook, a < b ? note : null); hook(a, b); print(called, query(hook) === note ? 1 : 0);",
];

/** A program that carries out statements for every two of some numbers. */
export function withStatements(row: string): string {
	const values = [-1000003, -300, -1, 0, 1, 5, 255, 70000];
	const calls = values.flatMap((a) => values.map((b) => `	row(${a}, ${b});`)).join("\n");
	return `
import { paravirt, print, query, reset, staticCall, update } from "patchbay/source";
const Kind = Object.freeze({ A: 0, "B": 3 });
const t = new Int32Array([0, 3, 7, -1]);
const s = new Int8Array([1, -128, 127, 300]);
const h = new Int16Array([1, -32768, 32767, 70000]);
const w = new Uint16Array([65535, 65536, 7, -1]);
const u = Uint8Array.from([1, 2, 3, 4, 5, 6]);
let called = 0;
const twice = (x) => x * 2;
const plus = function (x, y = 10, z = -1) { return x + y + z; };
function call(x) { called++; return x; }
function sum(x, y) { return x + y; }
function less(x) { return x - 1; }
function constant() { return 77; }
function note(x) { called += x & 7; }
function two(x, y) { called += y & 7; }
function nine(q, r, s, t, u, v, w, x, y) { y = y >>> 0; return q + r * 2 + s * 3 + t * 4 + u * 5 + v * 6 + w * 7 + x * 8 + (y & 1023); }
function few(x, y) { return x * 10 + y; }
function turn(n, p, q, r, s, t, u, v) { if (n < 1) return p + q * 8 + r * 64 + s * 512 + t * 4096 + u * 9 + v; called++; return turn(n - 1, q, r, s, t, u, v, p); }
function seven(q, r, s, t, u, v, w) { called += q + w * 10; }
const r = new Int32Array([9, 8, 7, 6]), u4 = new Int32Array(4);
function fill(x, v) { for (let i = 0; i < x.length; i++) x[i] = v; }
function total(x) { let s = x.length; for (const v of x) s = (s + v) | 0; return s; }
function show(x) { for (const v of x) print(v); }
function show8(x) { for (const i in x) print(+i, x[i]); }
function quick(x) {
	if (x.length < 2) return;
	let k = 1;
	for (let i = 1; i < x.length; i++) if (x[i] < x[0]) { [x[i], x[k]] = [x[k], x[i]]; k++; }
	[x[0], x[k - 1]] = [x[k - 1], x[0]];
	quick(x.subarray(0, k - 1));
	quick(x.subarray(k));
}
function slow(x) { for (const i in x) for (let j = 0; j < +i; j++) if (x[i] < x[j]) [x[i], x[j]] = [x[j], x[i]]; }
function first(x) { return x[0]; }
function count(x) { return x.length * 10; }
function none() { return 5; }
function wide(x, p, y, q, z, v, n) { return x[0] % 100 + p + y[1] + q + z[2] % 100 + v + n + x.length + y.length; }
function mix(x, i, y) { y[i] = x[3 - i] ^ 5; return y[i] & 255; }
function step8(x) { x[0]++; x[1] += 100; return x[0]-- + (x[1] -= 3) + x[x.length - 1]; }
function step16(x) { x[0] ^= 77; return x[0]++ + (x[1] << 2); }
function stepU(x) { x[1] += 65000; return x[1]-- + (x[0] & 255); }
function either(c, x, y) { return c ? x : y; }
function nth(n) { if (n > 2) return t; return n > 1 ? r.subarray(n) : (called++, t.subarray(n)); }
function again(n) { return nth(n + 1); }
function tail(x) { return x.subarray(1); }
function tailOf(x) { return x.length < 2 ? x : x.subarray(1); }
function same(x) { return x; }
function deep(x, p, q, r, s, v, w, n) { if (n > 0) return deep(tailOf(x), p, q, r, s, v, w, n - 1); x[0] += p + q + r + s + v + w; return x; }
function x2(x, n) { const h = tailOf(x); return n < 1 ? h : x2(h, n - 1); }
const give = staticCall(same);
const sorter = staticCall(quick), watch = staticCall(null, show), measure = staticCall(count);
const op3 = paravirt(mix, { clobbers: "result", bytes: 40 });
const many = staticCall(nine), quiet = staticCall(null, seven);
const op = paravirt(nine, { clobbers: "result" });
const key = staticCall(sum);
const hook = staticCall(null, two);
function row(a, b) { ${row} }
export function main() {
${calls}
}`;
}

/** Statements on `a`, 7, and `b`, 3, that trap: Node goes on with a number that no int or uint holds, or with none. */
export const trapping = [
	"print(Math.floor(a / (b - 3)));",
	"print(Math.floor((a - 2147483648 - 7) / (b - 4)));",
	"let n = a; n += 2147483647; print(n);",
	"print(-2147483647 - a);",
	"print(a * 1000000000);",
	"print(six[a]);",
	"print(six[b - 4]);",
	"print(six[(a >>> 0) % 8]);",
	"let u = a >>> 0; u = (b & 3) - (a & 7); print(u);",
	"let u = a >>> 0; u = (b - a) % 5; print(u);",
	"let n = a + 2147483630; for (let i = 0; i < 20; i++) n++; print(n);",
];

/** A program that prints 1 and then carries out a statement. */
export function withTrap(row: string): string {
	return `
import { print } from "patchbay/source";
const six = new Int32Array(6);
let a = 7, b = 3;
export function main() { a += 0; b += 0; print(1); ${row} }`;
}
