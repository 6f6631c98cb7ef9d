import fc from "fast-check";
import { expect, test } from "vitest";
import { type Core, formats, rowOf, rows, Stop } from "../../linker/isa/index.ts";

const MEMORY = 64;

/** A CPU with 64 bytes of memory at address 0. */
function newCore(): Core & { readonly memory: DataView } {
	const memory = new DataView(new ArrayBuffer(MEMORY));
	const within = (address: number, size: number, fault: Stop) => {
		if (address >= 0 && address + size <= MEMORY) return true;
		core.stop = fault;
		return false;
	};
	const core = {
		memory,
		r: new Int32Array(16),
		flags: 0,
		masked: 0,
		id: 3,
		stop: Stop.none as number,
		stopValue: 0,
		load32: (address: number) => (within(address, 4, Stop.loadFault) ? memory.getInt32(address, true) : 0),
		load8: (address: number) => (within(address, 1, Stop.loadFault) ? memory.getUint8(address) : 0),
		store32: (address: number, value: number) => {
			if (within(address, 4, Stop.storeFault)) memory.setInt32(address, value, true);
		},
		store8: (address: number, value: number) => {
			if (within(address, 1, Stop.storeFault)) memory.setUint8(address, value);
		},
	};
	return core;
}

const int = (value: bigint) => BigInt.asIntN(32, value);
const uint = (value: bigint) => BigInt.asUintN(32, value);
const orZero = (c: bigint, value: () => bigint) => (c === 0n ? 0n : value());

/** Exact results over signed operands; the machine keeps the low 32 bits. */
const wrapping: Record<string, (b: bigint, c: bigint) => bigint> = {
	add: (b, c) => b + c,
	sub: (b, c) => b - c,
	mul: (b, c) => b * c,
	div: (b, c) => orZero(c, () => b / c),
	divu: (b, c) => orZero(c, () => uint(b) / uint(c)),
	rem: (b, c) => orZero(c, () => b % c),
	remu: (b, c) => orZero(c, () => uint(b) % uint(c)),
	and: (b, c) => b & c,
	or: (b, c) => b | c,
	xor: (b, c) => b ^ c,
	shl: (b, c) => b << (c & 31n),
	shr: (b, c) => uint(b) >> (c & 31n),
	sar: (b, c) => b >> (c & 31n),
	addi: (b, c) => b + c,
	muli: (b, c) => b * c,
	andi: (b, c) => b & c,
	ori: (b, c) => b | c,
	xori: (b, c) => b ^ c,
	shli: (b, c) => b << (c & 31n),
	shri: (b, c) => uint(b) >> (c & 31n),
	sari: (b, c) => b >> (c & 31n),
};

/** The exact result, or undefined where the instruction traps. */
const trapping: Record<string, (b: bigint, c: bigint) => bigint | undefined> = {
	addt: (b, c) => signed(b + c),
	addti: (b, c) => signed(b + c),
	subt: (b, c) => signed(b - c),
	mult: (b, c) => signed(b * c),
	addtu: (b, c) => unsigned(uint(b) + uint(c)),
	addtui: (b, c) => unsigned(uint(b) + c),
	subtu: (b, c) => unsigned(uint(b) - uint(c)),
	multu: (b, c) => unsigned(uint(b) * uint(c)),
	remt: (b, c) => (c === 0n ? undefined : b % c),
	remtu: (b, c) => (c === 0n ? undefined : uint(b) % uint(c)),
};
const signed = (value: bigint) => (int(value) === value ? value : undefined);
const unsigned = (value: bigint) => (uint(value) === value ? value : undefined);

const edge = fc.constantFrom(0, 1, 2, 3, 31, 32, -1, -2, 65535, 65536, 2 ** 31 - 1, -(2 ** 31), -(2 ** 31) + 1);
const word = fc.oneof(edge, fc.integer());

/** Runs `mnemonic` with b and c (or the immediate) and gives r3, or undefined after a trap. */
function compute(mnemonic: string, b: number, c: number): bigint | undefined {
	const row = rowOf(mnemonic);
	const core = newCore();
	core.r.set([77, b, c], 3);
	if (row.format === "reg2Imm") row.execute(core, 3, 4, 0, c, 0);
	else row.execute(core, 3, 4, 5, 0, 0);
	if (core.stop === Stop.none) return BigInt(core.r[3]!);
	expect(core.r[3], "a trap leaves the destination alone").toBe(77);
	expect(core.stop).toBe(mnemonic.startsWith("rem") ? Stop.divide : Stop.overflow);
	return undefined;
}

test.each(Object.keys(wrapping))("%s", (mnemonic) => {
	fc.assert(
		fc.property(word, word, (b, c) => {
			expect(compute(mnemonic, b, c)).toBe(int(wrapping[mnemonic]!(BigInt(b), BigInt(c))));
		}),
		{ numRuns: 300 },
	);
});

test.each(Object.keys(trapping))("%s", (mnemonic) => {
	fc.assert(
		fc.property(word, word, (b, c) => {
			const exact = trapping[mnemonic]!(BigInt(b), BigInt(c));
			expect(compute(mnemonic, b, c)).toBe(exact === undefined ? undefined : int(exact));
		}),
		{ numRuns: 300 },
	);
});

test("every arithmetic row is covered above", () => {
	const arithmetic = rows.filter(({ syntax }) => /^a, b, (c|imm)$/.test(syntax));
	const names = arithmetic.map((row) => row.mnemonic);
	expect(names.sort()).toEqual([...Object.keys(wrapping), ...Object.keys(trapping)].sort());
});

test("a row that says it never stops does not, whatever its operands", () => {
	const quiet = rows.filter((row) => !row.stops);
	expect(quiet.length).toBeGreaterThan(0);
	const register = fc.nat(15);
	fc.assert(
		fc.property(fc.constantFrom(...quiet), register, register, register, word, (row, a, b, c, imm) => {
			const core = newCore();
			core.r.fill(0x7fffffff);
			const condition = row.format === "rel" || row.format === "regCond" ? c % 11 : c;
			row.execute(core, a, b, condition, imm, formats[row.format].length);
			expect(core.stop).toBe(Stop.none);
		}),
		{ numRuns: 2000 },
	);
});

test("push, call, ret and pop keep the stack in memory", () => {
	const core = newCore();
	core.r[15] = 32;
	core.r[2] = 0x1234;
	rowOf("push").execute(core, 2, 0, 0, 0, 0);
	expect(rowOf("call").execute(core, 0, 0, 0, 16, 105)).toBe(121);
	expect([core.r[15], core.memory.getInt32(24, true), core.memory.getInt32(28, true)]).toEqual([24, 105, 0x1234]);
	expect(rowOf("ret").execute(core, 0, 0, 0, 0, 0)).toBe(105);
	rowOf("pop").execute(core, 15, 0, 0, 0, 0);
	expect(core.r[15]).toBe(0x1234);
});

test.each(["push", "call", "callr"])("%s into a fault changes nothing", (mnemonic) => {
	const core = newCore();
	core.r[15] = 2;
	rowOf(mnemonic).execute(core, 2, 0, 0, 16, 105);
	expect([core.stop, core.r[15]]).toEqual([Stop.storeFault, 2]);
});

test.each(["xchg", "xadd"])("%s gives the old value", (mnemonic) => {
	const core = newCore();
	core.memory.setInt32(12, 40, true);
	core.r.set([2, 4], 1);
	rowOf(mnemonic).execute(core, 1, 2, 0, 8, 0);
	expect([core.r[1], core.memory.getInt32(12, true)]).toEqual([40, mnemonic === "xchg" ? 2 : 42]);
});

test("element and byte accesses", () => {
	const core = newCore();
	core.r.set([0x1ff, 3], 1);
	rowOf("stx").execute(core, 1, 2, 0, 8, 0);
	rowOf("stb").execute(core, 1, 2, 0, 0, 0);
	expect([core.memory.getInt32(20, true), core.memory.getUint8(3)]).toEqual([0x1ff, 0xff]);
	rowOf("ldx").execute(core, 5, 2, 0, 8, 0);
	rowOf("ldb").execute(core, 6, 2, 0, 0, 0);
	expect([core.r[5], core.r[6]]).toEqual([0x1ff, 0xff]);
});

test("bound traps at and above the limit, unsigned", () => {
	const bound = (index: number) => {
		const core = newCore();
		core.r[1] = index;
		rowOf("bound").execute(core, 1, 0, 0, 10, 0);
		return [core.stop, core.stopValue];
	};
	expect(bound(9)).toEqual([Stop.none, 0]);
	expect(bound(10)).toEqual([Stop.bounds, 10]);
	expect(bound(-1)).toEqual([Stop.bounds, -1]);
});
