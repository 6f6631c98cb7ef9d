// The pointer form of programs: what is rewritten and what is not, and that every column leads back.

import { originalPositionFor, TraceMap } from "@jridgewell/trace-mapping";
import { type Token, tokenizer } from "acorn";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { locate, positionsOf, rewriteFfp, sourceMapText } from "../../linker/compile/rewrite.ts";
import { SourceError } from "../../linker/errors.ts";
import { programs, resolveIn, runUnderNode } from "./programs.ts";

const rewrite = (source: string, others: Record<string, string> = {}) =>
	rewriteFfp(source, {
		file: "main.js",
		resolve: (specifier) => {
			const found = others[specifier];
			return found === undefined ? undefined : { file: specifier, source: found };
		},
	}).code;

describe("a program in pointer form", () => {
	test("defines, calls, sets, resets and queries pointers", () => {
		const source = `
			import { print, query, reset, staticCall, update } from "patchbay/source";
			function fifo(now) { return now & 7; }
			function deadline(now) { return now & 3; }
			export const pick = staticCall(fifo);
			export function main() {
				print(pick(3), pick(pick(4)));
				update(pick, deadline);
				if (query(pick) === deadline) reset(pick);
			}`;
		expect(rewrite(source)).toBe(`
			import { print, queryFfp, resetFfp, defineFfp, setFfp } from "patchbay/source";
			function fifo(now) { return now & 7; }
			function deadline(now) { return now & 3; }
			export const pick = defineFfp(fifo);
			export function main() {
				print(pick.fn(3), pick.fn(pick.fn(4)));
				setFfp(pick, deadline);
				if (queryFfp(pick) === deadline) resetFfp(pick);
			}`);
	});

	test("takes the runtime by the name of the package as well", () => {
		const source = `import { staticCall } from "@static-call/patchbay/source"; function f() {} const k = staticCall(f);`;
		expect(rewrite(source)).toBe(source.replace(/staticCall/g, "defineFfp"));
	});

	test("keeps null and ret0", () => {
		const source = `
			import { staticCall, update } from "patchbay/source";
			function f(x) { return x; }
			const hook = staticCall(null, f), filter = staticCall.ret0(f);
			export function main() {
				hook(1);
				update(filter, f);
				if (filter(2) > 0) update(hook, null);
				else update(filter, staticCall.ret0);
			}`;
		expect(rewrite(source)).toBe(`
			import { defineFfp, setFfp } from "patchbay/source";
			function f(x) { return x; }
			const hook = defineFfp(null, f), filter = defineFfp.ret0(f);
			export function main() {
				hook.fn(1);
				setFfp(filter, f);
				if (filter.fn(2) > 0) setFfp(hook, null);
				else setFfp(filter, defineFfp.ret0);
			}`);
	});

	test("calls the imported names that are keys through pointers, whatever they are called here", () => {
		const chain = `
			import { staticCall } from "patchbay/source";
			function f(x) { return x; }
			const input = staticCall(f);
			export const output = staticCall(f);
			export function plain(x) { return input(x); }
			export { input };`;
		const source = `
			import { update } from "patchbay/source";
			import { input, output as out, plain } from "./chain.js";
			export function main() { update(out, plain); return input(out(plain(1))); }`;
		expect(rewrite(source, { "./chain.js": chain })).toBe(`
			import { setFfp } from "patchbay/source";
			import { input, output as out, plain } from "./chain.js";
			export function main() { setFfp(out, plain); return input.fn(out.fn(plain(1))); }`);
	});

	test("keeps the names that the user chose for imports", () => {
		const source = `
			import { staticCall as key, update as retarget } from "patchbay/source";
			function f() {}
			const k = key(f);
			export function main() { retarget(k, f); k(); }`;
		expect(rewrite(source)).toBe(`
			import { defineFfp as key, setFfp as retarget } from "patchbay/source";
			function f() {}
			const k = key(f);
			export function main() { retarget(k, f); k.fn(); }`);
	});

	test("avoids names that are in use", () => {
		const source = `
			import { staticCall, update } from "patchbay/source";
			function setFfp() {}
			const k = staticCall(setFfp);
			export function main() { const setFfp_1 = 1; update(k, setFfp); return setFfp_1; }`;
		expect(rewrite(source)).toBe(`
			import { defineFfp, setFfp as setFfp_2 } from "patchbay/source";
			function setFfp() {}
			const k = defineFfp(setFfp);
			export function main() { const setFfp_1 = 1; setFfp_2(k, setFfp); return setFfp_1; }`);
	});

	test("leaves locals, parameters, labels and properties of the same names alone", () => {
		const source = `
			import { print, staticCall, update, query } from "patchbay/source";
			const table = new Int32Array(4);
			function f(update) { return update + table.length; }
			const pick = staticCall(f);
			export function main(query) {
				update: for (let reset = 0; reset < 3; reset++) {
					let pick = reset;
					if (pick > 1) break update;
					{ const update = pick; print(update, query); }
				}
				update(pick, f);
				for (let update = 0; update < 1; update++) print(pick(update));
			}
			function g() { return query(pick) === f; }`;
		expect(rewrite(source)).toBe(
			source
				.replace("staticCall, update, query }", "defineFfp, setFfp, queryFfp }")
				.replace("= staticCall(f)", "= defineFfp(f)")
				.replace("update(pick, f);", "setFfp(pick, f);")
				.replace("pick(update)", "pick.fn(update)")
				.replace("return query(pick)", "return queryFfp(pick)"),
		);
	});

	test("is the program itself where there is no static call", () => {
		const source = 'import { print } from "patchbay/source";\nexport function main() { print(1); }\n';
		expect(rewrite(source)).toBe(source);
	});

	test("is not made of what is no program: the message names the user's line", () => {
		const refused = (source: string, message: RegExp) => {
			expect(() => rewrite(source)).toThrow(SourceError);
			expect(() => rewrite(source)).toThrow(message);
		};
		refused("export function main() {\n\treturn }}", /^main\.js:2:10: not JavaScript/);
		refused('import * as p from "patchbay/source";', /^main\.js:1:8: /);
		refused('import { pick } from "./absent.js";', /^main\.js:1:22: cannot find/);
		refused('import { staticCal } from "patchbay/source";', /did you mean 'staticCall'/);
	});
});

/** Tokens of a module, but for the `.` and `fn` that rewriting puts between a key and its arguments. */
function tokensOf(code: string, withoutFn: boolean): Token[] {
	const tokens = [...tokenizer(code, { ecmaVersion: "latest", sourceType: "module", locations: true })];
	const isFn = (i: number) =>
		code.slice(tokens[i]?.start, tokens[i]?.end) === "fn" && tokens[i - 1]?.type.label === ".";
	return withoutFn ? tokens.filter((_, i) => !isFn(i) && !isFn(i + 1)) : tokens;
}

describe.each(programs())("the map of $name", (program) => {
	const resolve = resolveIn(program);
	const modules = [...program.modules].map(([file, source]) => ({
		file,
		source,
		...rewriteFfp(source, { file, resolve }),
	}));

	test("leads every token back to its own", () => {
		for (const { source, code, map } of modules) {
			const [before, after] = [tokensOf(source, false), tokensOf(code, true)];
			expect(after.length).toBe(before.length);
			for (const [i, { loc }] of after.entries()) {
				const { line, column } = before[i]!.loc!.start;
				expect(locate(map, loc!.start.line, loc!.start.column + 1)).toEqual({ line, column: column + 1 });
			}
		}
	});

	test("agrees with a source map consumer at every column", () => {
		for (const { file, code, map } of modules) {
			const trace = new TraceMap(sourceMapText(map));
			for (const [i, line] of code.split("\n").entries())
				for (let column = 0; column < line.length; column++) {
					const { source, line: toLine, column: toColumn } = originalPositionFor(trace, { line: i + 1, column });
					expect({ source, line: toLine, column: toColumn! + 1 }).toEqual({
						source: file,
						...locate(map, i + 1, column + 1),
					});
				}
		}
	});
});

test("places outside the text lead to themselves", () => {
	const { map } = rewriteFfp("export function main() {}\n\n", { file: "empty.js" });
	expect(locate(map, 2, 1)).toEqual({ line: 2, column: 1 });
	expect(locate(map, 9, 7)).toEqual({ line: 9, column: 7 });
	expect(positionsOf(map)).toMatchObject({ file: "empty.js", source: "export function main() {}\n\n" });
});

/** Statements over two keys, among locals that are called as keys and functions of the module are. */
const shadowing = (() => {
	const key = fc.constantFrom("a", "b");
	const fn = fc.constantFrom("one", "two", "three");
	const local = fc.constantFrom("x", "fn", "defineFfp", "setFfp", "main");
	const simple = fc.oneof(
		fc.tuple(key, fc.nat(99)).map(([k, n]) => `print(${k}(${n}));`),
		fc.tuple(key, key, fc.nat(99)).map(([k, l, n]) => `print(${k}(${l}(${n})));`),
		fc.tuple(key, fn).map(([k, f]) => `update(${k}, ${f});`),
		key.map((k) => `reset(${k});`),
		key.map((k) => `update(${k}, staticCall.ret0);`),
		fc.tuple(key, fn).map(([k, f]) => `print(query(${k}) === ${f} ? 1 : 0);`),
		fc.tuple(local, fc.nat(9)).map(([l, n]) => `{ let ${l} = ${n}; ${l}++; print(${l}, a(${l})); }`),
		fc.nat(9).map((n) => `{ const update = ${n}; const query = update; print(query, update, b(update)); }`),
		fc.nat(3).map((n) => `for (let reset = 0; reset < ${n}; reset++) print(reset);`),
		fc.nat(9).map((n) => `{ const a = ${n}; const b = a; print(a, b); }`),
	);
	return fc.array(simple, { minLength: 1, maxLength: 12 }).map((statements) => statements.join("\n\t"));
})();

test("programs with shadowed names print the same in both forms", async () => {
	await fc.assert(
		fc.asyncProperty(shadowing, async (statements) => {
			const source = `
				import { print, query, reset, staticCall, update } from "patchbay/source";
				function one(update) { return update + 1; }
				function two(a) { return (a + 2) & 255; }
				function three(query) { return b(query ^ 3); }
				const a = staticCall(one);
				const b = staticCall.ret0(two);
				export function main() {\n\t${statements.replace(/update\(b, three\)/g, "update(b, two)")}\n}`;
			const main = "main.js";
			const { code } = rewriteFfp(source, { file: main });
			const written = await runUnderNode({ main, modules: new Map([[main, source]]) });
			expect(await runUnderNode({ main, modules: new Map([[main, code]]) })).toEqual(written);
		}),
		{ numRuns: 60 },
	);
});
