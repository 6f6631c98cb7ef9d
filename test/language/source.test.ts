// The Node runtime of programs: what calls, updates and queries do, and that misuse fails as the compiler makes it fail.

import * as fc from "fast-check";
import { describe, expect, expectTypeOf, test } from "vitest";
import {
	capturePrint,
	defineFfp,
	print,
	query,
	queryFfp,
	reset,
	resetFfp,
	setFfp,
	staticCall,
	update,
} from "../../linker/compile/source.ts";
import { ArgumentError } from "../../linker/errors.ts";

const fifo = (now: number) => now & 7;
const deadline = (now: number) => (now * 5) & 7;
const pair = (a: number, b: number) => a - b;
const untyped = (value: unknown) => value as never;

describe("a static call", () => {
	test("calls its default, then what it was updated to, then its default again", () => {
		const pick = staticCall(fifo);
		expect([pick(3), query(pick) === fifo]).toEqual([3, true]);
		update(pick, deadline);
		expect([pick(3), query(pick) === deadline]).toEqual([7, true]);
		reset(pick);
		expect([pick(3), query(pick) === fifo]).toEqual([3, true]);
	});

	test("that is null evaluates its arguments and has no result, even while it is not null", () => {
		const seen: number[] = [];
		const hook = staticCall(null, fifo);
		const argument = () => seen.push(seen.length);
		expect(hook(argument())).toBe(undefined);
		expect(query(hook)).toBe(null);
		update(hook, (x: number) => seen.push(x + 100));
		expect(hook(argument())).toBe(undefined);
		expect(seen).toEqual([0, 1, 102]);
		update(hook, null);
		expect(query(hook)).toBe(null);
	});

	test("made with ret0 returns 0 until updated, and any key can be put into that state", () => {
		const filter = staticCall.ret0(fifo);
		expect([filter(3), query(filter) === staticCall.ret0]).toEqual([0, true]);
		update(filter, fifo);
		expect(filter(3)).toBe(3);
		const pick = staticCall(fifo);
		update(pick, staticCall.ret0);
		expect([pick(3), query(pick) === staticCall.ret0]).toEqual([0, true]);
		reset(pick);
		expect(pick(3)).toBe(3);
	});

	test("has the type of its function", () => {
		const pick = staticCall(pair);
		expectTypeOf(pick).toBeCallableWith(1, 2);
		expectTypeOf(pick(1, 2)).toEqualTypeOf<number>();
		expectTypeOf(staticCall(null, pair)(1, 2)).toEqualTypeOf<void>();
		expectTypeOf(staticCall.ret0(pair)(1, 2)).toEqualTypeOf<number>();
		const misuse = () => {
			// @ts-expect-error pick cannot be null
			update(pick, null);
			// @ts-expect-error not a function of numbers
			update(pick, (a: string, b: string) => a.length + b.length);
			// @ts-expect-error pick has two parameters
			pick(1);
			// @ts-expect-error not a key
			update(pair, pair);
		};
		expect(misuse).toThrow(ArgumentError);
	});

	test("follows any sequence of updates", () => {
		const functions = [fifo, deadline, (x: number) => -x];
		const step = fc.oneof(
			fc.integer({ min: 0, max: 2 }).map((to) => ({ kind: "update" as const, to })),
			fc.constant({ kind: "reset" as const }),
			fc.integer().map((argument) => ({ kind: "call" as const, argument })),
		);
		fc.assert(
			fc.property(fc.array(step), (steps) => {
				const key = staticCall(fifo);
				const pointer = defineFfp(fifo);
				let now = fifo;
				for (const s of steps) {
					if (s.kind === "call") {
						expect([key(s.argument), pointer.fn(s.argument)]).toEqual([now(s.argument), now(s.argument)]);
						continue;
					}
					now = s.kind === "reset" ? fifo : functions[s.to]!;
					if (s.kind === "reset") {
						reset(key);
						resetFfp(pointer);
					} else {
						update(key, now);
						setFfp(pointer, now);
					}
					expect(query(key) === now && queryFfp(pointer) === now).toBe(true);
				}
			}),
		);
	});
});

describe("misuse is a TypeError that says what is wrong", () => {
	const key = staticCall(fifo);
	const cases: [string, () => void, RegExp][] = [
		[
			"another parameter count",
			() => update(key, untyped(pair)),
			/^update: 'pair' takes 2 arguments where the key takes 1$/,
		],
		[
			"null where not allowed",
			() => update(key, untyped(null)),
			/^update: this key may not be null, only one made with staticCall\(null\)$/,
		],
		["a number as target", () => update(key, untyped(7)), /^update: number given where a function is needed$/],
		[
			"a key as target",
			() => update(key, untyped(staticCall(deadline))),
			/^update: a key given where a function is needed$/,
		],
		["a function as key", () => update(untyped(fifo), untyped(deadline)), /^update: the first argument must be a key/],
		["reset of nothing", () => reset(untyped(undefined)), /^reset: the first argument must be a key/],
		["query of a number", () => query(untyped(1)), /^query: the first argument must be a key/],
		["no target", () => staticCall(untyped(undefined)), /^staticCall: undefined given where a function is needed$/],
		["a like that is no function", () => staticCall(null, untyped(3)), /^staticCall: number given/],
		["a call with too few arguments", () => untyped2(key)(), /^a call passes 0 arguments where the key takes 1$/],
		["an FFP with another parameter count", () => setFfp(defineFfp(fifo), untyped(pair)), /^setFfp: 'pair' takes 2/],
		["an FFP set to null", () => setFfp(defineFfp(fifo), untyped(null)), /^setFfp: this key may not be null/],
		["print of a boolean", () => print(untyped(true)), /write b \? 1 : 0/],
		["print of a fraction", () => print(0.5), /print of 0\.5: not an integer of 32 bits/],
		["print of too much", () => print(2 ** 32), /print of 4294967296/],
		["print of too little", () => print(-(2 ** 31) - 1), /print of -2147483649/],
		["print of no result", () => print(untyped(undefined)), /print of undefined/],
	];
	const untyped2 = (value: unknown) => value as (...args: number[]) => unknown;
	for (const [name, run, message] of cases) {
		test(name, () => {
			expect(() => capturePrint(run)).toThrow(ArgumentError);
			expect(() => capturePrint(run)).toThrow(message);
		});
	}

	test("and changes nothing", () => {
		expect(() => update(key, untyped(pair))).toThrow();
		expect(query(key)).toBe(fifo);
	});

	test("the first call or update fixes the signature that a bare null or ret0 leaves open", () => {
		const called = staticCall(null);
		called(1, 2);
		update(called, pair);
		update(called, fifo);
		const updated = staticCall.ret0();
		update(updated, fifo);
		expect(() => updated(1, 2)).toThrow(/passes 2 arguments where the key takes 1/);
	});
});

describe("an FFP", () => {
	test("keeps its default: set, query and reset are Linux's", () => {
		const pointer = defineFfp(fifo);
		setFfp(pointer, deadline);
		expect([pointer.fn(3), queryFfp(pointer) === deadline]).toEqual([7, true]);
		setFfp(pointer, defineFfp.ret0);
		expect([pointer.fn(3), queryFfp(pointer) === defineFfp.ret0]).toEqual([0, true]);
		resetFfp(pointer);
		expect([pointer.fn(3), queryFfp(pointer) === fifo]).toEqual([3, true]);
	});

	test("that is null can be called", () => {
		const hook = defineFfp(null, fifo);
		hook.fn(1);
		expect(queryFfp(hook)).toBe(null);
		expect(defineFfp.ret0().fn(1)).toBe(0);
	});
});

describe("print", () => {
	test("joins values with one space; text and both ranges of 32 bits pass", () => {
		const lines = capturePrint(() => {
			print(1, "is", -2147483648);
			print(4294967295);
			print(-0, "text only");
		});
		expect(lines).toEqual(["1 is -2147483648", "4294967295", "0 text only"]);
	});

	test("is captured only inside capturePrint, which nests and survives a throw", () => {
		const outer = capturePrint(() => {
			print("a");
			expect(() =>
				capturePrint(() => {
					throw new Error("inside");
				}),
			).toThrow("inside");
			expect(capturePrint(() => print("b"))).toEqual(["b"]);
			print("c");
		});
		expect(outer).toEqual(["a", "c"]);
	});

	test("prints every 32-bit integer as String does", () => {
		const value = fc.oneof(fc.integer(), fc.nat({ max: 0xffffffff }));
		fc.assert(
			fc.property(value, (v) => {
				expect(capturePrint(() => print(v))).toEqual([String(v)]);
			}),
		);
	});
});
