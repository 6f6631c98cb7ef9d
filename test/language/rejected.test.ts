// Every construct that is outside the language, and the message that says what to write instead.

import { describe, expect, test } from "vitest";
import { compile, type Resolve } from "../../linker/compile/index.ts";
import { mathInstead, rejectedNames, rejectedNodes, rejectedOperators } from "../../linker/compile/rejected.ts";
import { SourceError } from "../../linker/errors.ts";

const imports =
	'import { defineFfp, paravirt, print, query, queryFfp, reset, resetFfp, setFfp, staticCall, update } from "patchbay/source";\n';

/** Around statements of a function, in which there is something of everything. */
const declarations = `const t = new Int32Array(8); const u8 = new Uint8Array(4); let g = 0; let gu = 0 >>> 0;
function id(x) { return x; } function takes(x) { return x[0]; }
function nothing(x) { g = x; }
function uns(x) { x = x >>> 0; return x; }
const key = staticCall(id); const nul = staticCall(null, nothing);
export function f(a, b, u) { u = u >>> 0; let d = false;
`;

const resolve: Resolve = (specifier) => {
	if (specifier !== "./a.js") return undefined;
	const source = "export let v = 1; function hidden() {} export function foob() {} export function main() {}";
	return { file: "a.js", source };
};

/** The message, with the column in front. */
function refusal(source: string): string {
	try {
		compile(source, { file: "x.js", resolve });
	} catch (error) {
		if (!(error instanceof SourceError)) throw error;
		return error.message.split("\n")[0]!.replace(/^x\.js:\d+:/, "");
	}
	return "compiles";
}

/** Statements in a function with the parameters a, b (int) and u (uint). */
// biome-ignore format: one row per construct
const inFunctions: readonly [statements: string, message: string][] = [
	["const x = 1; x = 2;", "14: 'x' is a const: declare it with let to assign to it"],
	["let [x] = a;", "5: there are only [a, b] = [b, a] and the like, with as many values as names: write one assignment for each variable"],
	["let {x} = a;", "5: there are only [a, b] = [b, a] and the like, with as many values as names: write one assignment for each variable"],
	["x = 1;", "1: 'x' is not declared"],
	["let s = 'text';", "9: text is only for print(...): use a number"],
	["let s = `t`;", "9: text is only printed: write print(...) with the text or template in it"],
	["return key`x`;", "8: text is only printed: write print(...) with the text or template in it"],
	["return class {};", "8: there are no classes: write functions, and keep their data in module-level typed arrays"],
	// biome-ignore lint/suspicious/noTemplateCurlyInString: it is the program that has the template
	["return `${a}`;", "8: text is only printed: write print(...) with the text or template in it"],
	["let o = {};", "9: there are no objects: keep numbers in variables and in module-level typed arrays"],
	["let o = [1];", "9: there are no arrays as values: write const table = new Int32Array([...]) at module level"],
	["return () => 1;", "8: a function is not a value here: declare it at module level with 'function name(...) { ... }' and call it by name"],
	["class A {}", "1: there are no classes: write functions, and keep their data in module-level typed arrays"],
	["try { a = 1; } catch {}", "1: there are no exceptions: return a number that says what went wrong and test it"],
	["throw a;", "1: there are no exceptions: return a number that says what went wrong and test it"],
	["this.x = 1;", "1: there is no 'this': pass what the function needs as an argument"],
	["return new Foo();", "8: 'new' is only for typed arrays: Int32Array, Uint32Array, Int16Array, Uint16Array, Int8Array and Uint8Array"],
	["return new Int32Array(4)[0];", "8: a typed array lives at module level: move 'const table = new Int32Array(...)' out of the function"],
	["let y = new Int32Array(4);", "9: a typed array lives at module level: move 'const table = new Int32Array(...)' out of the function"],
	["return a?.b;", "8: optional chaining is not available: there are no objects, write table[i] and test i before"],
	["return a ** b;", "8: '**' is only for constants: write x * x, or 1 << n for a power of two below 2147483648"],
	["return typeof a;", "8: there is no 'typeof': types are known when the program is compiled"],
	["void a;", "1: there is no 'void': write the call as a statement of its own"],
	["delete t[0];", "1: there is no 'delete': variables and elements stay, and always have a number"],
	["return a in t;", "8: there is no 'in': write i >= 0 && i < table.length"],
	["return a instanceof id;", "8: there is no 'instanceof': types are known when the program is compiled"],
	["return a / b;", "8: a division may leave a fraction: write (a / b) | 0, or (a / b) >>> 0"],
	["return (a * b) | 0;", "9: a product can need more than 53 bits, and Node rounds: write Math.imul(a, b)"],
	["return (a + b / 2) | 0;", "13: a division may leave a fraction: write (b / 2) | 0, or (b / 2) >>> 0"],
	["return a + u;", "8: 'a' is int and 'u' is uint: write u | 0 if it is always below 2147483648, or a >>> 0 if that is never negative"],
	["return a === d;", "8: a boolean and a number are never equal, so this is always false: write == to compare them as numbers"],
	["a = u;", "5: 'a' is int, 'u' is uint: write u | 0 if it is always below 2147483648"],
	["u = a;", "5: 'u' is uint, 'a' is int: write a >>> 0 if it is never negative"],
	["u |= a;", "1: 'u' is uint, and '|' gives int: write u = (u | a) >>> 0 if that is never negative"],
	["a >>>= b;", "1: 'a' is int, and '>>>' gives uint: write a = (a >>> b) | 0 if that is always below 2147483648"],
	["d = 1;", "5: 'd' is bool, '1' is a number: write true"],
	["a = d;", "5: 'a' is int, 'd' is bool: write d ? 1 : 0"],
	["if (d !== 1) return;", "5: a boolean and a number are never equal, so this is always true: write != to compare them as numbers"],
	["print(d);", "7: 'd' is a boolean, not a number: write d ? 1 : 0"],
	["print('a' + a);", "7: text is only for print(...): use a number"],
	["let z = print(a);", "9: 'print' returns no value: write it on a line of its own"],
	["a = nothing(a);", "5: 'nothing' returns no value: let it return one, or call it on a line of its own"],
	["a = nul(a);", "5: 'nul' may be null, and then there is no result: write nul(a); on a line of its own, or use staticCall.ret0"],
	["id(1, 2);", "1: 'id' takes 1 argument, not 2"],
	["id();", "1: 'id' takes 1 argument, not 0"],
	["id(u);", "4: argument 1 of 'id' is int, 'u' is uint: write u | 0 if it is always below 2147483648"],
	["id(d);", "4: argument 1 of 'id' is int, 'd' is bool: write d ? 1 : 0"],
	["uns(a);", "5: argument 1 of 'uns' is uint, 'a' is int: write a >>> 0 if it is never negative"],
	["foo(a);", "1: 'foo' is not declared"],
	["a(1);", "1: 'a' is not a function"],
	["t(1);", "1: 't' is not a function"],
	["print(t);", "7: 't' is a table: write t[i] or t.length"],
	["return id;", "8: 'id' is a function: call it, or give it to staticCall or update"],
	["return key;", "8: 'key' is a static call: call it, or give it to update, reset or query"],
	["return key.x;", "8: there are no objects: only tables have [i] and .length, and 'key' is none"],
	["t.foo = 1;", "1: of a table there are t[i] and t.length"],
	["t.length = 1;", "1: of a table there are t[i] and t.length"],
	["t[8] = 1;", "3: index 8 is out of range: 't' has 8 elements"],
	["return t[-1];", "10: index -1 is out of range: 't' has 8 elements"],
	["return t.push(1);", "8: there are no methods: call a function, and pass it what it needs"],
	["Math.max(a, b);", "1: 'Math.max(a, b)' does nothing here: assign it to a variable, or leave it out"],
	["return Math.max(a);", "8: of Math there are imul, min and max of two numbers or more, abs, sign, clz32, floor, ceil, round and trunc, its constants, and all of constants"],
	["return Math.hypot(a);", "8: of Math there are imul, min and max of two numbers or more, abs, sign, clz32, floor, ceil, round and trunc, its constants, and all of constants"],
	["return Math.valueOf(a);", "8: of Math there are imul, min and max of two numbers or more, abs, sign, clz32, floor, ceil, round and trunc, its constants, and all of constants"],
	["return Math.PI;", "8: 'Math.PI' is 3.141592653589793, and there are no fractions: write Math.PI | 0 if what is behind the point does not matter"],
	["return Math.imul(a);", "8: Math.imul takes 2 arguments"],
	["return Math;", "8: of Math there are imul, min and max of two numbers or more, abs, sign, clz32, floor, ceil, round and trunc, its constants, and all of constants"],
	["const half = 0.5; return half;", "26: 'half' is 0.5, and there are no fractions: write half | 0 if what is behind the point does not matter"],
	["return Math.max(a, 0.5);", "20: there are no fractions: numbers are 32-bit integers; scale them"],
	["return (a * 0.5) | 0;", "13: there are no fractions: numbers are 32-bit integers; scale them"],
	["return (a + 1.5) | 0;", "13: there are no fractions: numbers are 32-bit integers; scale them"],
	["return a % 2.5;", "12: there are no fractions: numbers are 32-bit integers; scale them"],
	["return Math.floor(a * 1.5);", "23: there are no fractions: numbers are 32-bit integers; scale them"],
	["return Math.max();", "8: 'Math.max()' is -Infinity, and there is no Infinity: begin with the first of the values instead of one beyond all"],
	["return 1.5;", "8: there are no fractions: numbers are 32-bit integers; scale them"],
	["return 0x100000000;", "8: this number needs more than 32 bits: the largest is 0xffffffff"],
	["return 10n;", "8: there are no bigints: numbers are 32-bit integers; keep two halves"],
	["return /x/;", "8: there are no regular expressions: compare numbers"],
	["return undefined;", "8: 'undefined' is not a number: let a number that is none of yours stand for nothing; a static call may be null"],
	["return NaN;", "8: there is no NaN: numbers are 32-bit integers"],
	["console.log(a);", "13: console.log shows a sign for -0, which 'a' may be in JavaScript: write print(...)"],
	["require('x');", "1: 'require' is not available: write import { name } from \"./file.js\""],
	["return arguments[0];", "8: 'arguments' is not available: name the parameters"],
	["return a.b;", "8: there are no objects: only tables have [i] and .length, and 'a' is none"],
	["return null;", "8: null is only for static calls: let a number that is none of yours stand for nothing"],
	["return 'x';", "8: text is only for print(...): use a number"],
	["update(key, null);", "13: 'key' is never null: only a key made with staticCall(null) can be, and its results cannot be used"],
	["update(key, uns);", "13: 'key' is called as (int) -> int, but 'uns' is (uint) -> uint"],
	["update(key, nothing);", "13: 'key' is called as (int) -> int, but 'nothing' is (int) -> nothing"],
	["update(key);", "1: write update(key, f)"],
	["update(id, id);", "8: 'id' is not a static call: write update(key, f), with const key = staticCall(f)"],
	["update(key, a);", "13: 'a' is not the name of a function, null or staticCall.ret0"],
	["key = id;", "1: 'key' is a static call: write update(key, f)"],
	["id = 1;", "1: 'id' is a function and stays what it is: use staticCall(id) and update()"],
	["t = 1;", "1: 't' is a table: assign to t[i]"],
	["print = 1;", "1: 'print' is a function and stays what it is: use staticCall(print) and update()"],
	["const k2 = staticCall(id);", "12: a static call is made at module level: const key = staticCall(f)"],
	["return query(key);", "8: what 'query' finds can only be compared: write query(key) === f"],
	["if (query(key) < id) g = 1;", "5: functions have no order: write query(key) === id"],
	["if (query(key) === a) g = 1;", "20: 'a' is not the name of a function, null or staticCall.ret0"],
	["reset(key, 1);", "1: write reset(key)"],
	["setFfp(key, id);", "8: 'key' is made with staticCall, 'setFfp' is for the other kind"],
	["key.fn(1);", "1: 'key' is a static call: write key(...)"],
	["a + b;", "1: 'a + b' does nothing here: assign it to a variable, or leave it out"],
	["a;", "1: 'a' does nothing here: assign it to a variable, or leave it out"],
	["d;", "1: 'd' does nothing here: assign it to a variable, or leave it out"],
	["1;", "1: '1' does nothing here: assign it to a variable, or leave it out"],
	["a === b;", "1: 'a === b' does nothing here: assign it to a variable, or leave it out"],
	["'x';", "1: ''x'' does nothing here: assign it to a variable, or leave it out"],
	["'use foo';", "1: ''use foo'' does nothing here: assign it to a variable, or leave it out"],
	["switch (a) { case b: return 1; }", "19: 'b' is not a constant: write if (...) { } else if (...) { }"],
	["switch (a) { case 1: let x = 1; }", "22: a declaration in a case needs braces: case 1: { let x = 0; ... }"],
	["switch (u) { case -1: return 1; }", "19: the value of this switch is uint, '-1' is int: -1 is not one"],
	["switch (d) { case true: return 1; }", "9: 'd' is a boolean, not a number: write d ? 1 : 0"],
	["if (a) return 1;", "17: 'f' returns a value on some ways through it and ends without one on others: add a return at the end"],
	["while (a) { return 1; }", "17: 'f' returns a value on some ways through it and ends without one on others: add a return at the end"],
	["return;\nreturn 1;", "1: 'f' returns a value elsewhere: return one here too"],
	["print(x1); let x1 = 2;", "7: 'x1' is used before its declaration"],
	["let q = q + 1;", "9: 'q' is used before its declaration"],
	["{ a = w; const w = 1; }", "7: 'w' is used before its declaration"],
	["const c1 = 1; c1++;", "15: 'c1' is a const: declare it with let to assign to it"],
	["d++;", "1: 'd' is a boolean: write d ? 1 : 0"],
	["d += 1;", "1: 'd' is a boolean, not a number: write d ? 1 : 0"],
	["g = u;", "5: 'g' is int, 'u' is uint: write u | 0 if it is always below 2147483648"],
	["gu = u; gu = -1;", "14: 'gu' is uint, '-1' is int: -1 is not one"],
	["return 2147483648 + 2147483648;", "8: '2147483648 + 2147483648' is 4294967296, which needs more than 32 bits: write (2147483648 + 2147483648) | 0 or (2147483648 + 2147483648) >>> 0 to wrap"],
	["return 7 / 2;", "8: '7 / 2' is 3.5, and there are no fractions: write (7 / 2) | 0 if what is behind the point does not matter"],
	["return 5 % 0;", "8: '5 % 0' is not a number: write (5 % 0) | 0 for 0"],
	["return -u;", "8: 'u' is uint and has no negative: write -(u | 0) if it is always below 2147483648"],
	["a = -2147483649;", "5: '-2147483649' is -2147483649, which needs more than 32 bits: write (-2147483649) | 0 or (-2147483649) >>> 0 to wrap"],
	["debugger;", "1: 'debugger' is not available: use print, or a breakpoint of the machine"],
	["label: { continue label; }", "10: not JavaScript: Unsyntactic continue"],
	["async function q() {}", "1: there are no async functions: leave out 'async'"],
	["await a;", "1: not JavaScript: Cannot use keyword 'await' outside an async function"],
	["yield a;", "1: not JavaScript: The keyword 'yield' is reserved"],
	["import('x');", "1: import() is not available: write import { name } from \"./file.js\" at the top"],
	["new.target;", "1: import.meta and new.target are not available: pass the value as an argument"],
	["with (a) {}", "1: not JavaScript: 'with' in strict mode"],
	["a = b = d;", "5: 'a' is int, 'b = d' is bool: write (b = d) ? 1 : 0"],
	["return a && d;", "13: 'd' is a boolean, not a number: write d ? 1 : 0"],
	["return (a, d) + 1;", "9: 'a' does nothing here: assign it to a variable, or leave it out"],
	["a **= 2;", "1: there is no '**=': write x *= x for a square"],
	["a /= 2;", "1: a division may leave a fraction: write a = (a / 2) | 0, or a = (a / 2) >>> 0"],
	["t[0] /= 0.5;", "9: there are no fractions: numbers are 32-bit integers; scale them"],
	["return a ? u : b;", "16: the other value, 'u', is uint, 'b' is int: write b >>> 0 if it is never negative"],
	["print(...t);", "7: spread and rest are not available: write each element"],
	["id(...t);", "4: spread and rest are not available: write each element"],
	["return super.x;", "8: not JavaScript: 'super' keyword outside a method"],
	["return [...t];", "8: there are no arrays as values: write const table = new Int32Array([...]) at module level"],
	["return eval('1');", "8: 'eval' is not available: write the code as a function"],
	["return tt[0];", "8: 'tt' is not declared"],
	["nul(a, b);", "1: 'nul' takes 1 argument, not 2"],
	["f(1,2);", "1: 'f' takes 3 arguments, not 2"],
	["staticCall(id);", "1: a static call is made at module level: const key = staticCall(f)"],
	["return staticCall.ret0;", "8: 'staticCall.ret0' has its place in update(key, ...) and in const key = ..."],
	["return key.fn;", "8: 'key.fn' is a function: call it, key.fn(...)"],
	["Int32Array.of(1);", "1: 'Int32Array' is only for const table = new Int32Array(...) at module level"],
	["return a * a * 3.5;", "16: there are no fractions: numbers are 32-bit integers; scale them"],
	["if (a) let z = 1;", "8: not JavaScript: The keyword 'let' is reserved"],
	["return a &", "1: not JavaScript: Unexpected token"],
	["let yy = y2; let y2 = 1;", "10: 'y2' is used before its declaration"],
	["t[d] = 1;", "3: 'd' is a boolean, not a number: write d ? 1 : 0"],
	["return t[u] + u;", "8: 't[u]' is int and 'u' is uint: write u | 0 if it is always below 2147483648, or t[u] >>> 0 if that is never negative"],
	["label: label: a = 1;", "8: not JavaScript: Label 'label' is already declared"],
	["return d ? 1 : d;", "12: '1' is a number, not a boolean: write 1 !== 0"],
	["return d || 1;", "13: '1' is a number, not a boolean: write 1 !== 0"],
	["let x; if (a) x = 1; return x;", "5: 'x' may be read on line 8 before it has a value: write let x = 0"],
	["let x; while (a--) x = 1; return x;", "5: 'x' may be read on line 8 before it has a value: write let x = 0"],
	["let x; x++;", "5: 'x' may be read on line 8 before it has a value: write let x = 0"],
	["let x; for (;;) { if (a) break; x = 1; } return x;", "5: 'x' may be read on line 8 before it has a value: write let x = 0"],
	["let x; a && (x = 1); return x;", "5: 'x' may be read on line 8 before it has a value: write let x = 0"],
	["for (let i = 0; i < 3; i++) { let x; if (i === 0) x = 1; a = x; }", "35: 'x' may be read on line 8 before it has a value: write let x = 0"],
	["let x; switch (a) { case 1: x = 1; } return x;", "5: 'x' may be read on line 8 before it has a value: write let x = 0"],
	["var x = 1; { var x = 2; }", "18: 'x' is the variable that is there already: write x = ... here"],
	["{ var x = 2; } return x;", "23: 'x' is used outside of the block that declares it: declare it with let before the block"],
	["g = 1; if (a) { var g = 2; }", "1: 'g' is used outside of the block that declares it: declare it with let before the block"],
	["if (a) { var a = 2; }", "5: 'a' is used outside of the block that declares it: declare it with let before the block"],
	["var x = 1; var x = 2;", "16: 'x' is the variable that is there already: write x = ... here"],
	["for (const i in t) a += i;", "25: 'i' is text in JavaScript, \"0\" and so on: write +i for a sum"],
	["for (const i in t) if (i === 1) a = 1;", "24: 'i' is text in JavaScript, \"0\" and so on: write +i to compare numbers"],
	["for (const i in t) for (const j in t) if (i < j) a = 1;", "43: 'i' is text in JavaScript, \"0\" and so on: write +i to compare numbers"],
	["for (const i in t) id(i);", "23: 'i' is text in JavaScript, \"0\" and so on: write +i for the number"],
	["for (const i in t) { let x; x = i; print(x); }", "33: 'i' is text in JavaScript, \"0\" and so on: write +i for the number"],
	["for (const i in t) if (i) a = 1;", "24: 'i' is text in JavaScript, \"0\" and so on: write +i to ask whether it is 0, as no text of an index is empty"],
	["for (const i in t) a = i + 1;", "24: 'i' is text in JavaScript, \"0\" and so on: write +i for a sum"],
	["for (const x of g) {}", "1: there are no objects: only tables have [i] and .length, and 'g' is none"],
	["for (const x of [1, 2]) {}", "1: for-in and for-of are for tables and declare one variable: write for (const x of table)"],
	["console.log(-a);", "13: console.log shows a sign for -0, which '-a' may be in JavaScript: write print(...)"],
	["console.log('%d', 1);", "13: console.log reads a '%' in its first text as a format: write print(...)"],
	["a = console.log(1);", "5: 'console.log' returns no value: write it on a line of its own"],
	// biome-ignore lint/suspicious/noTemplateCurlyInString: it is the program that has the template
	["print(`${d}`);", "10: 'd' is a boolean, not a number: write d ? 1 : 0"],
	["function inner() { return a; }", "27: 'inner' uses 'a' of 'f', and there would be one of it for each call of that: pass it as an argument"],
	["const h = () => a;", "17: 'h' uses 'a' of 'f', and there would be one of it for each call of that: pass it as an argument"],
	["print(later()); const later = () => 1;", "7: 'later' is used before its declaration"],
	["const h = (x) => x; print(query(key) === h ? 1 : 0);", "42: 'h' is another function in each call of what is around it: move it to module level to compare it"],
	["function q(x = a) { return x; }", "16: 'q' uses 'a' of 'f', and there would be one of it for each call of that: pass it as an argument"],
	["let [x, y] = [1, x];", "5: there are only [a, b] = [b, a] and the like, with as many values as names: write one assignment for each variable"],
	["[a, b] = [1];", "1: there are only [a, b] = [b, a] and the like, with as many values as names: write one assignment for each variable"],
	["const q = [a, b] = [b, a];", "11: '[a, b] = [b, a]' has no value here: write it on a line of its own"],
	["let h = () => 1;", "9: a function is not a value here: declare it at module level with 'function name(...) { ... }' and call it by name"],
	["const s = t.subarray(1, 2, 3);", "11: a part of a typed array is t.subarray(from, to), t.subarray(from) or t.subarray()"],
	["let s = t; s = 5;", "16: 's' is an Int32Array, and '5' is none: write the name of one, or t.subarray(from, to)"],
	["let s = t; s = u8;", "16: 's' is an Int32Array, 'u8' is an Uint8Array: write a function of its own for that"],
	["let s; if (a) s = t; s[0] = 1;", "5: 's' may be used on line 8 before it is a table: give it one where it is declared"],
	["let s = t; print(s);", "18: 's' is a table: write s[i] or s.length"],
	["let s = t; s += 1;", "12: 's' is a table: assign to s[i], or write s = ..."],
	["let s = t; print((s = t)[0]);", "18: there are no objects: only tables have [i] and .length, and 's = t' is none"],
	["let s = t; s.length = 1;", "12: of a table there are s[i] and s.length"],
	["const s = t; s[8] = 1;", "16: index 8 is out of range: 't' has 8 elements"],
	["id(t); print(id(t));", "14: 'id(t)' is a table: write id(t)[i] or id(t).length"],
	["return a > b ? t : u8;", "20: the result of 'f' is an Int32Array, 'u8' is an Uint8Array: write a function of its own for that"],
	["if (a) return t; return a;", "25: the result of 'f' is an Int32Array, and 'a' is none: write the name of one, or t.subarray(from, to)"],
	["if (a) return t;", "17: 'f' returns a value on some ways through it and ends without one on others: add a return at the end"],
	["return t; } const k0 = staticCall.ret0(f2); function f2() { return t;", "40: 'k0' returns a table, and 0 is none: give it a function that returns one"],
	["return t; } const k0 = paravirt(f2); function f2() { return t;", "19: an operation returns a number or nothing, and 'f2' returns a table"],
	["(a ? t : t.subarray(1))[0] = t;", "30: 't' is a table: write t[i] or t.length"],
	["takes(t); takes(u8);", "17: argument 1 of 'takes' is an Int32Array, 'u8' is an Uint8Array: write a function of its own for that"],
	["takes(a + 1);", "7: argument 1 of 'takes' is an Int32Array, and 'a + 1' is none: write the name of one, or t.subarray(from, to)"],
	["return takes;\n} function g2(x) { return x[0] + x;", "8: 'takes' is a function: call it, or give it to staticCall or update"],
	["a++;\n} function g2(x) { x[0] = 1; return x + 1;", "37: 'x' is a table: write x[i] or x.length"],
	["update(key, takes);", "13: 'key' is called as (Int32Array) -> Int32Array, but 'takes' is (Int32Array) -> int"],
	["print(t.subarray(1));", "7: 't.subarray(1)' is a table: write t.subarray(1)[i] or t.subarray(1).length"],
	["t.subarray(1);", "1: 't.subarray(1)' is a table: give it a name, const part = ..., or pass it to a function"],
];

// biome-ignore format: one row per construct
const inModules: readonly [module: string, message: string][] = [
	["export default function main() {}", "1: there is no default export: write 'export function name(...)' and import { name }"],
	["export * from './a.js';", "1: 'export *' is not available: import each name where it is used, from where it is declared"],
	["export { x } from './a.js';", "1: a name is imported from where it is declared: leave out the 'export ... from'"],
	["function f() {} export { f as g };", "26: a name is exported as it is: leave out the 'as', and rename where it is imported"],
	["import x from './a.js';", "8: there is no default import: write import { name } from ..."],
	["import * as x from './a.js';", "8: 'import *' is not available: write import { name } from ..., with each name that is used"],
	["import { x } from './missing.js';", "19: cannot find \"./missing.js\""],
	["import fs from 'fs';", "8: there is no default import: write import { name } from ..."],
	["import { readFile } from 'fs';", "26: a program imports from \"patchbay/source\" and from its own files (\"./name.js\")"],
	["import { prnt } from 'patchbay/source';", "10: \"patchbay/source\" has no 'prnt' (did you mean 'print'?)"],
	["import { foo } from './a.js';", "10: \"./a.js\" does not export 'foo' (did you mean 'foob'?)"],
	["import { hidden } from './a.js';", "10: \"./a.js\" does not export 'hidden'"],
	["let x = f(); let y = 1; function f() { return y; }", "5: 'y' is used here, in 'f', before its declaration: declare it further up"],
	["const c = f(); function f() { return c; }", "7: 'c' is used here, in 'f', before its declaration: declare it further up"],
	["print(a); let a = 1;", "7: 'a' is used here before its declaration: declare it further up"],
	["a = 2; let a = 1;", "1: 'a' is used here before its declaration: declare it further up"],
	["k(1); const k = staticCall(g); function g(x) {}", "1: 'k' is used here before its declaration: declare it further up"],
	["const k = staticCall(g); k(1); function g(x) { h(x); } function h(x) { print(l); } const l = 2;", "26: 'l' is used here, in 'h', before its declaration: declare it further up"],
	["function id(x) { return x; } const c = id(1); export function m() { c = 2; }", "69: 'c' is a const: declare it with let to assign to it"],
	["let x = print(1);", "9: 'print' returns no value: write it on a line of its own"],
	["const t = new Int32Array(4); const s = t.subarray(1); s = t;", "55: 's' is a const: declare it with let to assign to it"],
	["const a = b; const b = 1;", "11: 'b' is used before its declaration"],
	["let t = new Int32Array(4); t = 5;", "32: 't' is an Int32Array, and '5' is none: write the name of one, or t.subarray(from, to)"],
	["const t = new Float64Array(4);", "11: there are no fractions: write new Int32Array(...) and scale the numbers"],
	["const t = new Int32Array();", "11: write new Int32Array(length) or new Int32Array([values])"],
	["const t = new Int32Array(-1);", "26: a typed array has a constant length, 0 or more, or copies one that has"],
	["const t = new Int32Array(1e9);", "26: a typed array has at most 16777216 elements here"],
	["const t = new Int8Array(t);", "25: 't' copies itself, or tables that copy it: begin with a length"],
	["const t = Uint8Array.from(t);", "27: 't' copies itself, or tables that copy it: begin with a length"],
	["let n = 1; const t = new Int32Array(n);", "37: a typed array has a constant length, 0 or more, or copies one that has"],
	["const t = new Int32Array([1,,2]);", "26: an element is missing: write 0"],
	["const t = new Int32Array([x]);", "27: 'x' is not declared"],
	["const a = [1, 2];", "11: there are no arrays as values: write const table = new Int32Array([...]) at module level"],
	["const s = 'x';", "11: text is only for print(...): use a number"],
	["class A {}", "1: there are no classes: write functions, and keep their data in module-level typed arrays"],
	["async function f() {}", "1: there are no async functions: leave out 'async'"],
	["function* f() {}", "1: there are no generators: keep the state in module-level variables and return the next value"],
	["function f(a, b, c, d, e, g, h, i, j, k, l, m, n, o, p, q) {}", "1: a function has at most 15 parameters: pass the rest in module-level variables"],
	["function f(...a) {}", "12: spread and rest are not available: write each element"],
	["function f({a}) {}", "12: there are only [a, b] = [b, a] and the like, with as many values as names: write one assignment for each variable"],
	["function f([a]) {}", "12: there are only [a, b] = [b, a] and the like, with as many values as names: write one assignment for each variable"],
	["function f(a, a) {}", "15: not JavaScript: Argument name clash"],
	["function __x() {}", "10: names like '__x' belong to the linker: choose another"],
	["function _start() {}", "10: names like '_start' belong to the linker: choose another"],
	["const Math = 1;", "7: 'Math' means something in JavaScript: choose another name"],
	["function Int32Array() {}", "10: 'Int32Array' means something in JavaScript: choose another name"],
	["const undefined = 1;", "7: 'undefined' means something in JavaScript: choose another name"],
	["export function main(x) {}", "22: 'main' is called without arguments: leave out its parameters"],
	["const k = staticCall(f, f); function f() {}", "25: only staticCall(null, like) has a second argument"],
	["const k = staticCall(1);", "22: write staticCall(f) with a function's name, staticCall(null, like) or staticCall.ret0(like)"],
	["const k = staticCall(g);", "22: 'g' is not declared"],
	["let k = staticCall(f); function f() {}", "1: 'k' never changes what it is: write const k = ..."],
	["export const k = staticCall(null);", "14: nothing tells other modules which parameters 'k' has: write staticCall(null, like) with a function like those it will call"],
	["const k = staticCall(null); function f() { update(k, null); k(1); k(1, 2); }", "67: 'k' takes 1 argument, not 2"],
	["function b(x) { return x > 1; } const k = staticCall.ret0(b);", "59: 'k' returns a boolean, and 0 is none: give it a function that returns false"],
	["const k = staticCall(); ", "11: write staticCall(f) with a function's name, staticCall(null, like) or staticCall.ret0(like)"],
	["const x = 1; const k = staticCall(x);", "35: 'x' is not a function"],
	["const k = staticCall(null, () => 1);", "28: a function is not a value here: declare it at module level with 'function name(...) { ... }' and call it by name"],
	["const k = staticCall.foo(f); function f() {}", "11: write staticCall.ret0(like), or staticCall(f)"],
	["import { main } from './a.js' with { type: 'json' };", "38: import attributes are not available: leave out 'with { ... }'"],
	["let a = 1; let a = 2;", "16: not JavaScript: Identifier 'a' has already been declared"],
	["function f( {", "14: not JavaScript: Unexpected token"],
	["let i; function use() { return i + 1; } export function main() { print(use()); }", "5: 'i' may be read on line 2 before it has a value: write let i = 0"],
	["let b; export function main() { if (b) b = true; }", "5: 'b' may be read on line 2 before it has a value: write let b = false"],
	["const q = new Int32Array(2); let t; export function main() { print(t[0]); t = q; }", "34: 't' may be used on line 2 before it is a table: give it one where it is declared"],
	["let i; export function set() { i = 1; } export function get() { return i; }", "5: 'i' may be read on line 2, as 'get' may be called first, before it has a value: write let i = 0"],
	["let i; function get() { return i; } const key = staticCall(get); export function main() { i = 1; print(key()); }", "5: 'i' may be read on line 2, as 'get' may be called first, before it has a value: write let i = 0"],
	["let i; const set = (c) => { if (c) i = 1; }; set(1); print(i);", "5: 'i' may be read on line 2 before it has a value: write let i = 0"],
	["let i; function get() { return i; } if (get()) i = 1;", "5: 'i' may be read on line 2 before it has a value: write let i = 0"],
	["export let i; export function main() { i = 1; }", "12: 'i' may be read by other modules before it has a value: write let i = 0"],
	["function f(x = y, y = 2) { return x + y; }", "16: 'y' is used before its declaration"],
	["function f(x, y = x / 2) { return x + y; }", "19: a division may leave a fraction: write (x / 2) | 0, or (x / 2) >>> 0"],
	["function f(x, y = x > 2) { return x + y; }", "19: argument 2 of 'f' is int, 'x > 2' is bool: write (x > 2) ? 1 : 0"],
	["function f(x = 1, y) { return x + y; } export function main() { f(); }", "65: 'f' takes 2 arguments, not 0"],
	["let x = 4294967296;", "9: this number needs more than 32 bits: the largest is 0xffffffff"],
	["let x = true; function f() { x = 1; }", "34: 'x' is bool, '1' is a number: write true"],
	["import { v } from './a.js'; export function f() { v = 1; }", "51: 'v' belongs to another module: export a function there that sets it"],
	["import { v } from './a.js'; export { v };", "38: 'v' is exported where it is declared: import it from there"],
	["let x = 1.5;", "9: there are no fractions: numbers are 32-bit integers; scale them"],
	["const x = 1; export { y };", "23: not JavaScript: Export 'y' is not defined"],
	["export let z = 1n;", "16: there are no bigints: numbers are 32-bit integers; keep two halves"],
	["await 1;", "1: there is no async code: call the function and use its result"],
	["let k = null;", "9: null is only for static calls: let a number that is none of yours stand for nothing"],
	["function f(x, y = 1) { return x + y; } const k = staticCall(f);", "61: 'f' has default values, and a call of 'k' passes every argument: leave them out"],
	["const K = { A: 0 }; export function main() { print(K.B); }", "52: 'K' has no 'B' (did you mean 'A'?), and never changes"],
	["const K = { A: 0 }; export function main() { K.A = 1; }", "46: 'K' has no 'A', and never changes"],
	["const K = { A: f }; function f() {}", "16: 'f' is not known before the program runs: write let A = 0 and set it in a function"],
	["let K = Object.freeze({ A: 0 });", "1: 'K' never changes what it is: write const K = ..."],
];

describe("in a function", () => {
	test.each(inFunctions)("%s", (statements, message) => {
		expect(refusal(`${imports}${declarations}${statements}\n}`)).toBe(message);
	});
});

describe("in a module", () => {
	test.each(inModules)("%s", (module, message) => {
		expect(refusal(imports + module)).toBe(message);
	});
});

describe("the tables of messages", () => {
	const seen = [...inFunctions, ...inModules].map(([, message]) => message.replace(/^\d+: /, ""));

	test.each(Object.entries({ ...rejectedNodes, ...rejectedOperators }))("%s has a program above", (_, message) => {
		expect(seen).toContain(message);
	});

	test.each(Object.entries(rejectedNames))(
		"%s is refused where it is used and where it is declared",
		(name, message) => {
			expect(refusal(`export function f(a) { return ${name}; }`)).toContain(message);
			if (!["eval", "arguments"].includes(name))
				expect(refusal(`const ${name} = 1;`)).toBe(`7: '${name}' means something in JavaScript: choose another name`);
		},
	);

	test.each(Object.entries(mathInstead))("Math.%s says what takes its place", (name, instead) => {
		expect(refusal(`export function f(a) { return Math.${name}(a); }`)).toBe(
			`31: there is no Math.${name}: ${instead}`,
		);
	});
});

test("a run tells of several mistakes, in the order of their lines", () => {
	const source = `export function f(a) {
	const x = nowhere(a);
	while (x) { print(x, elsewhere); break; }
	return x;
}
export function main() { let y = 1; y = missing; }
`;
	expect(() => compile(source, { file: "f.js" })).toThrow(
		/^f.js:2:12: 'nowhere' is not declared[\s\S]*\nf.js:3:14: 'print' is not imported[\s\S]*\nf.js:6:41: 'missing' is not/,
	);
	const divided = "export function f(a) { let b = a / 2; b = a / 3; return b / 4; }";
	expect(refusalCount(divided)).toBe(3);
	expect(refusalCount(`export function f(a) { ${"a = a / 2; ".repeat(100)} return a; }`)).toBe(20);
});

/** How many mistakes the error tells of. */
function refusalCount(source: string): number {
	try {
		compile(source, { file: "x.js" });
	} catch (error) {
		return String((error as Error).message).match(/^x\.js:/gm)!.length;
	}
	return 0;
}

test("a message shows the line and where in it", () => {
	const source = "export function f(a, u) {\n\tu = u >>> 0;\n\treturn a + u;\n}\n";
	expect(() => compile(source, { file: "dir/f.js" })).toThrow(
		new SourceError(
			"'a' is int and 'u' is uint: write u | 0 if it is always below 2147483648, or a >>> 0 if that is never negative",
			{
				file: "dir/f.js",
				line: 3,
				column: 9,
				lineText: "\treturn a + u;",
				length: 5,
			},
		),
	);
});

test("names of JavaScript's own objects are free", () => {
	const source = "export function toString(constructor) { const valueOf = constructor; return valueOf; }";
	expect(refusal(source)).toBe("compiles");
});
