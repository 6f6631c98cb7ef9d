// AArch64 as litmus tests of instruction fetching use it. Data is in program order on this machine, or waits in a store buffer, so
// acquire, release and the barriers of loads ask for nothing that does not hold already; verdicts name that assumption.

import { LinkError } from "../../../linker/errors.ts";
import { form, LABEL, ofNumber, ofRegisters } from "./forms.ts";
import {
	branch,
	type Flow,
	type Form,
	goOn,
	goTo,
	goToPointer,
	type LitmusArch,
	numberFrom,
	pointerTo,
	SCRATCH,
} from "./instruction.ts";

const R = "([XW](?:\\d+|ZR))";
const conditions: Readonly<Record<string, string>> = {
	...{ EQ: "eq", NE: "ne", LT: "lt", GE: "ge", LE: "le", GT: "gt" },
	...{ CC: "ult", LO: "ult", CS: "uge", HS: "uge", LS: "ule", HI: "ugt" },
};
const C = `(${Object.keys(conditions).join("|")})`;
const NUMBER = "#?(0x[0-9A-Fa-f]+|\\d+)";

const eightBytesAt = ([register, at]: readonly string[]): string | undefined =>
	/^X/i.test(register!) ? at : undefined;
/** A pointer has 64 bits. */
const loaded = ([to]: readonly string[]): Flow => ({
	to: to!,
	makes: /^X/i.test(to!) ? "pointer" : "number",
	from: [],
});
const call: Pick<Form, "flow" | "calls"> = { flow: () => ({ to: "X30", makes: "pointer", from: [] }), calls: true };

const instructions: readonly Form[] = [
	{ form: /^NOP$/i, lower: () => [goOn] },
	{
		form: form(`MOV ${R},${NUMBER}`),
		lower: ([to, n], emit) => [`movi ${emit.result(to!)}, ${numberFrom(n!, emit)}`, goOn],
		flow: ([to, n]) => ({ to: to!, makes: "number", from: [], number: Number(n) }),
	},
	{
		form: form(`MOV ${R},${R}`),
		lower: ([to, from], emit) => [`mov ${emit.result(to!)}, ${emit.register(from!)}`, goOn],
		flow: ([to, from]) => ({ to: to!, makes: "copy", from: [from!] }),
	},
	{
		form: form(`(?:LDR|LDAR|LDAPR) ${R},\\[${R}\\]`),
		lower: ([to, at], emit) => [`ld ${emit.result(to!)}, [${emit.register(at!)}+0]`, goOn],
		flow: loaded,
		eightBytesAt,
	},
	{
		form: form(`LDR ${R},\\[${R},${R}(?:,(?:SXTW|UXTW|LSL #0))?\\]`),
		lower: ([to, at, by], emit) => [
			`add ${SCRATCH}, ${emit.register(at!)}, ${emit.register(by!)}`,
			`ld ${emit.result(to!)}, [${SCRATCH}+0]`,
			goOn,
		],
		flow: loaded,
		eightBytesAt,
		index: ([, , by]) => by!,
	},
	{
		form: form(`(?:STR|STLR) ${R},\\[${R}\\]`),
		lower: ([from, at], emit) => [`st [${emit.register(at!)}+0], ${emit.register(from!)}`, goOn],
		eightBytesAt,
	},
	{
		form: form(`STR ${R},\\[${R},${R}(?:,(?:SXTW|UXTW|LSL #0))?\\]`),
		lower: ([from, at, by], emit) => [
			`add ${SCRATCH}, ${emit.register(at!)}, ${emit.register(by!)}`,
			`st [${SCRATCH}+0], ${emit.register(from!)}`,
			goOn,
		],
		index: ([, , by]) => by!,
		eightBytesAt,
	},
	ofRegisters("SUB", R, "sub"),
	...["ADD add", "AND and", "ORR or", "EOR xor"].flatMap((names) => {
		const [name, toy] = names.split(" ");
		return [ofRegisters(name!, R, toy!), ofNumber(name!, `${R},${R},${NUMBER}`, `${toy}i`)];
	}),
	{
		form: form(`CMP ${R},${R}`),
		lower: ([a, b], emit) => [`cmp ${emit.register(a!)}, ${emit.register(b!)}`, goOn],
		flags: "written",
	},
	{
		form: form(`CMP ${R},${NUMBER}`),
		lower: ([a, n], emit) => [`cmpi ${emit.register(a!)}, ${numberFrom(n!, emit)}`, goOn],
		flags: "written",
	},
	{
		form: form(`CSET ${R},${C}`),
		lower: ([to, c], emit) => [`set${toyCondition(c!)} ${emit.result(to!)}`, goOn],
		flags: "read",
		flow: ([to]) => ({ to: to!, makes: "number", from: [] }),
	},
	{
		form: form(`CSEL ${R},${R},${R},${C}`),
		lower: ([to, a, b, c], emit) => [
			`j${toyCondition(c!)} 1f`,
			`mov ${emit.result(to!)}, ${emit.register(b!)}`,
			goOn,
			"1:",
			`mov ${emit.result(to!)}, ${emit.register(a!)}`,
			goOn,
		],
		flags: "read",
		flow: ([to, a, b]) => ({ to: to!, makes: "copy", from: [a!, b!] }),
	},
	{ form: form(`B ${LABEL}`), lower: ([to], emit) => goTo(emit.distance(to!)) },
	{
		form: form(`B\\.?${C} ${LABEL}`),
		lower: ([c, to], emit) => branch(toyCondition(c!), emit.distance(to!)),
		flags: "read",
	},
	{
		form: form(`CBZ ${R},${LABEL}`),
		lower: ([a, to], emit) => [`cmpi ${emit.register(a!)}, 0`, ...branch("eq", emit.distance(to!))],
		flags: "lost",
	},
	{
		form: form(`CBNZ ${R},${LABEL}`),
		lower: ([a, to], emit) => [`cmpi ${emit.register(a!)}, 0`, ...branch("ne", emit.distance(to!))],
		flags: "lost",
	},
	{
		form: form(`ADR ${R},${LABEL}`),
		lower: ([to, label], emit) => [...pointerTo(emit.result(to!), emit.distance(label!)), goOn],
		flow: ([to]) => ({ to: to!, makes: "pointer", from: [] }),
		pointsTo: ([, label]) => label!,
	},
	{
		form: form(`BL ${LABEL}`),
		lower: ([to], emit) => [...pointerTo(emit.register("X30"), 1), ...goTo(emit.distance(to!))],
		...call,
	},
	{ form: form(`BR ${R}`), lower: ([to], emit) => goToPointer(emit.register(to!)) },
	{
		form: form(`BLR ${R}`),
		lower: ([to], emit) => {
			const [there, go] = goToPointer(emit.register(to!));
			return [there!, ...pointerTo(emit.register("X30"), 1), go!];
		},
		...call,
	},
	{ form: form(`RET(?: ${R})?`), lower: ([from], emit) => goToPointer(emit.register(from ?? "X30")) },
	{
		form: form(`MSR ELR_EL1,${R}`),
		lower: ([from], emit) => [`mov ${emit.register("ELR_EL1")}, ${emit.register(from!)}`, goOn],
	},
	{
		form: /^ERET$/i,
		lower: (_, emit) => {
			const [there, go] = goToPointer(emit.register("ELR_EL1"));
			return ["serialize", there!, go!];
		},
	},
	{ form: /^ISB(?: SY)?$/i, lower: () => ["serialize", goOn] },
	{ form: form(`(?:DMB|DSB) (?:SY|ISH|OSH|NSH)`), lower: () => ["fence", goOn] },
	{ form: form(`DSB (?:ISH|OSH|NSH)?ST`), lower: () => ["fence", goOn] },
	{ form: form(`DSB (?:ISH|OSH|NSH)?LD`), lower: () => [goOn] },
	{ form: form(`DMB (?:ISH|OSH|NSH)?(?:ST|LD)`), lower: () => [goOn] },
	{ form: form(`DC CVAU,${R}`), lower: ([at], emit) => [`clean ${emit.register(at!)}`, goOn] },
	{ form: form(`IC IVAU,${R}`), lower: ([at], emit) => [`inval ${emit.register(at!)}`, goOn] },
];

function toyCondition(name: string): string {
	return conditions[name.toUpperCase()]!;
}

/** AArch64 as herd7 writes it. */
export const aarch64: LitmusArch = {
	name: "AArch64",
	instructions,
	canonical(register) {
		const name = register.toUpperCase();
		if (name === "ELR_EL1") return name;
		const [, number] = /^[XW](\d+|ZR)$/.exec(name) ?? [];
		if (number === undefined || Number(number) > 30) return undefined;
		return `X${number}`;
	},
	zero: "XZR",
	instructionBytes: 4,
	linkRegister: "X30",
	model(cacheType, place) {
		const kinds = cacheType.split(/[\s,]+/).filter((kind) => kind !== "");
		const wrong = kinds.find((kind) => kind !== "DIC" && kind !== "IDC");
		if (wrong !== undefined) throw new LinkError(`${place}: CacheType has no '${wrong}'; there are DIC and IDC`);
		// A machine whose instruction caches need no invalidation needs no clean either.
		return kinds.includes("DIC") ? "arm-idc-dic-tso" : kinds.includes("IDC") ? "arm-idc-tso" : "arm-tso";
	},
};
