// RISC-V as litmus tests of instruction fetching use it. Data is in program order on this machine, or waits in a store buffer; verdicts
// name that assumption.

import { LinkError } from "../../../linker/errors.ts";
import { form, LABEL, ofNumber, ofRegisters } from "./forms.ts";
import { branch, type Form, goOn, goTo, goToPointer, type LitmusArch, numberFrom, pointerTo } from "./instruction.ts";

const abi: Readonly<Record<string, number>> = Object.fromEntries(
	"zero ra sp gp tp t0 t1 t2 s0 s1 a0 a1 a2 a3 a4 a5 a6 a7 s2 s3 s4 s5 s6 s7 s8 s9 s10 s11 t3 t4 t5 t6"
		.split(" ")
		.map((name, number) => [name, number]),
);
const R = "([a-z]\\w*)";
const NUMBER = "(0x[0-9A-Fa-f]+|\\d+)";

const conditions: Readonly<Record<string, string>> = {
	beq: "eq",
	bne: "ne",
	blt: "lt",
	bge: "ge",
	bltu: "ult",
	bgeu: "uge",
};

const call: Pick<Form, "flow" | "calls"> = { flow: () => ({ to: "x1", makes: "pointer", from: [] }), calls: true };

const instructions: readonly Form[] = [
	{ form: /^nop$/i, lower: () => [goOn] },
	{
		form: form(`li ${R},${NUMBER}`),
		lower: ([to, n], emit) => [`movi ${emit.result(to!)}, ${numberFrom(n!, emit)}`, goOn],
		flow: ([to, n]) => ({ to: to!, makes: "number", from: [], number: Number(n) }),
	},
	{
		form: form(`mv ${R},${R}`),
		lower: ([to, from], emit) => [`mov ${emit.result(to!)}, ${emit.register(from!)}`, goOn],
		flow: ([to, from]) => ({ to: to!, makes: "copy", from: [from!] }),
	},
	{
		form: form(`l([wd])u? ${R},0\\(${R}\\)`),
		flow: ([size, to]) => ({ to: to!, makes: size === "d" ? "pointer" : "number", from: [] }),
		lower: ([, to, at], emit) => [`ld ${emit.result(to!)}, [${emit.register(at!)}+0]`, goOn],
		eightBytesAt: ([size, , at]) => (size === "d" ? at : undefined),
	},
	{
		form: form(`s([wd]) ${R},0\\(${R}\\)`),
		lower: ([, from, at], emit) => [`st [${emit.register(at!)}+0], ${emit.register(from!)}`, goOn],
		eightBytesAt: ([size, , at]) => (size === "d" ? at : undefined),
	},
	...["add", "sub", "and", "or", "xor"].map((name) => ofRegisters(name, R, name)),
	...["addi", "andi", "ori", "xori"].map((name) => ofNumber(name, `${R},${R},${NUMBER}`, name)),
	...Object.entries(conditions).flatMap(([name, condition]): Form[] => [
		{
			form: form(`${name} ${R},${R},${LABEL}`),
			lower: ([a, b, to], emit) => [
				`cmp ${emit.register(a!)}, ${emit.register(b!)}`,
				...branch(condition, emit.distance(to!)),
			],
		},
	]),
	{
		form: form(`beqz ${R},${LABEL}`),
		lower: ([a, to], emit) => [`cmpi ${emit.register(a!)}, 0`, ...branch("eq", emit.distance(to!))],
	},
	{
		form: form(`bnez ${R},${LABEL}`),
		lower: ([a, to], emit) => [`cmpi ${emit.register(a!)}, 0`, ...branch("ne", emit.distance(to!))],
	},
	{ form: form(`(?:j|jal (?:x0|zero),) ?${LABEL}`), lower: ([to], emit) => goTo(emit.distance(to!)) },
	{
		form: form(`jal (?:(?:x1|ra),)? ?${LABEL}`),
		lower: ([to], emit) => [...pointerTo(emit.register("x1"), 1), ...goTo(emit.distance(to!))],
		...call,
	},
	{ form: form(`jr ${R}`), lower: ([to], emit) => goToPointer(emit.register(to!)) },
	...[`(?:x0|zero),0\\(${R}\\)`, `(?:x0|zero),${R},0`].map(
		(operands): Form => ({
			form: form(`jalr ${operands}`),
			lower: ([to], emit) => goToPointer(emit.register(to!)),
		}),
	),
	...[R, `(?:x1|ra),0\\(${R}\\)`, `(?:x1|ra),${R},0`].map(
		(operands): Form => ({
			form: form(`jalr ${operands}`),
			lower: ([to], emit) => {
				const [there, go] = goToPointer(emit.register(to!));
				return [there!, ...pointerTo(emit.register("x1"), 1), go!];
			},
			...call,
		}),
	),
	{
		form: form(`l?la ${R},${LABEL}`),
		lower: ([to, label], emit) => [...pointerTo(emit.result(to!), emit.distance(label!)), goOn],
		flow: ([to]) => ({ to: to!, makes: "pointer", from: [] }),
		pointsTo: ([, label]) => label!,
	},
	{ form: /^ret$/i, lower: (_, emit) => goToPointer(emit.register("x1")) },
	{ form: /^fence\.i$/i, lower: () => ["fence", "serialize", goOn] },
	{ form: /^fence$/i, lower: () => ["fence", goOn] },
	{
		// Only stores before loads can pass each other here.
		form: form(`fence ([iorw]+),([iorw]+)`),
		lower: ([before, after]) => (/w/i.test(before!) && /r/i.test(after!) ? ["fence", goOn] : [goOn]),
	},
	{ form: /^fence\.tso$/i, lower: () => [goOn] },
];

/** RISC-V as herd7 writes it. */
export const riscv: LitmusArch = {
	name: "RISCV",
	instructions,
	canonical(register) {
		const name = register.toLowerCase();
		const number = Object.hasOwn(abi, name) ? abi[name] : name === "fp" ? 8 : Number(/^x(\d+)$/.exec(name)?.[1] ?? 99);
		return number! > 31 ? undefined : `x${number}`;
	},
	zero: "x0",
	instructionBytes: 4,
	linkRegister: "x1",
	model(cacheType, place) {
		if (cacheType !== "") throw new LinkError(`${place}: RISC-V has no CacheType`);
		return "riscv-tso";
	},
};
