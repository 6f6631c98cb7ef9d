// Loops for avr8js, instruction for instruction what toy-programs.ts has for our machine: as many instructions of the
// same kinds per iteration, on 8-bit registers.

const inc = (d: number): number[] => [0x9403 | (d << 4)];
const add = (d: number, r: number): number[] => [two(0x0c00, d, r)];
const eor = (d: number, r: number): number[] => [two(0x2400, d, r)];
const cpi = (d: number, k: number): number[] => [0x3000 | ((k & 0xf0) << 4) | ((d - 16) << 4) | (k & 15)];
const sts = (address: number, r: number): number[] => [0x9200 | (r << 4), address];
const lds = (d: number, address: number): number[] => [0x9000 | (d << 4), address];
const call = (word: number): number[] => [0x940e, word];
const brne = (offset: number): number[] => [0xf401 | ((offset & 0x7f) << 3)];
const RET = 0x9508;

const LEAF = 0x100;
const CELL = 0x0200;

function two(opcode: number, d: number, r: number): number {
	return opcode | (d << 4) | ((r & 16) << 5) | (r & 15);
}

/** `r17` stays 0, so the branch back is always taken; `leaf: add; ret` is at word 0x100. */
function loop(body: readonly number[]): Uint16Array {
	const words = [...inc(16), ...body, ...cpi(17, 1)];
	const program = new Uint16Array(0x400);
	program.set([...words, ...brne(-(words.length + 1))]);
	program.set([...add(22, 16), RET], LEAF);
	return program;
}

const sums = [...add(18, 16), ...eor(19, 18), ...add(18, 16), ...eor(19, 18)];
const cells = [...sts(CELL, 19), ...lds(21, CELL)];

export const avrPrograms: Readonly<Record<string, Uint16Array>> = {
	arithmetic: loop(sums),
	memory: loop(cells),
	calls: loop(call(LEAF)),
	mix: loop([...add(18, 16), ...eor(19, 18), ...cells, ...call(LEAF)]),
};
