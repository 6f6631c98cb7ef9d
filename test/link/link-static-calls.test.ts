// Static calls in each mode, what the linker supplies, and signatures that must agree.

import { describe, expect, test } from "vitest";
import { assemble } from "../../linker/compile/assemble.ts";
import { type ElfObject, STB_LOCAL, sectionByName, symbolName } from "../../linker/elf/index.ts";
import { signatureWords } from "../../linker/format/rows.ts";
import { type ParameterType, type ResultType, signatureNumber } from "../../linker/format/signatures.ts";
import { decode, R_TOY_NONE } from "../../linker/isa/index.ts";
import {
	bytesAt,
	type Image,
	link,
	type StaticCallMode,
	staticCallModes,
	TEXT_BASE,
	wordAt,
} from "../../linker/link/index.ts";
import { collectSites, describeSite, SITE_BYTES } from "../../linker/sites/index.ts";
import { addressOf, build, calls, checkKeptRelocations, destination, main } from "./linked.ts";

describe("static calls", () => {
	const at = (image: Image, offset: number) =>
		describeSite(bytesAt(image, addressOf(image, "main") + offset, SITE_BYTES)!, addressOf(image, "main") + offset);
	const withDefault = (target: string, staticCalls: StaticCallMode) =>
		build({ "m.s": calls, "k.s": `fifo: ret\n.static_call pick, ${target}\n.global pick` }, { staticCalls });

	test("inline: sites have the form of the default, and NONE relocations that name the trampoline", () => {
		const image = withDefault("fifo", "inline");
		const fifo = addressOf(image, "fifo");
		expect([0, 5, 10].map((offset) => at(image, offset))).toEqual([
			{ form: "call", condition: 0, destination: fifo },
			{ form: "jcc", condition: 3, destination: fifo },
			{ form: "jmp", condition: 0, destination: fifo },
		]);
		const { relocations } = sectionByName(image.elf, ".text")!;
		const ofSites = [...relocations!.offset.keys()].filter((i) => relocations!.type[i] === R_TOY_NONE);
		expect(ofSites.map((i) => symbolName(image.elf.symbols, relocations!.symbol[i]!))).toEqual(
			new Array(3).fill("__SCT__pick"),
		);
	});

	test("inline: null and ret0 defaults", () => {
		const nulls = withDefault("null", "inline");
		expect([0, 5, 10].map((offset) => at(nulls, offset))).toEqual([
			{ form: "nop" },
			{ form: "jcc", condition: 3, destination: nulls.stubs.return },
			{ form: "ret" },
		]);
		const zeros = withDefault("ret0", "inline");
		expect([0, 5, 10].map((offset) => at(zeros, offset))).toEqual([
			{ form: "ret0" },
			{ form: "jcc", condition: 3, destination: zeros.stubs.return0 },
			{ form: "jmp", condition: 0, destination: zeros.stubs.return0 },
		]);
	});

	test.each(["trampoline", "pointer"] as const)("%s: sites call the trampoline", (mode) => {
		const image = withDefault("fifo", mode);
		const trampoline = addressOf(image, "__SCT__pick");
		for (const offset of [0, 5, 10]) expect(destination(image, addressOf(image, "main") + offset)).toBe(trampoline);
		const instruction = decode(bytesAt(image, trampoline, 5)!, 0)!;
		if (mode === "trampoline") expect(destination(image, trampoline)).toBe(addressOf(image, "fifo"));
		else expect([instruction.row.mnemonic, instruction.imm]).toEqual(["jmpm", addressOf(image, "__SCK__pick")]);
	});

	test.each([
		["null", 0],
		["ret0", "__static_call_return0"],
		["fifo", "fifo"],
	] as const)("pointer with default %s: the key's word is a function in any case", (target, name) => {
		const image = withDefault(target, "pointer");
		const key = addressOf(image, "__SCK__pick");
		const expected = name === 0 ? 0 : addressOf(image, name);
		expect(wordAt(image, key)).toBe(name === 0 ? image.stubs.return : expected);
		expect(wordAt(image, key + 4)).toBe(expected);
		expect(image.keys[0]).toMatchObject({ initial: expected, default: expected, nullable: target === "null" });
		expect(checkKeptRelocations(image)).toBeGreaterThan(0);
	});

	test.each(staticCallModes)("%s: the image describes keys and sites", (mode) => {
		const image = withDefault("fifo", mode);
		const [main, setup, fifo] = ["main", "setup", "fifo"].map((name) => addressOf(image, name)) as [
			number,
			number,
			number,
		];
		expect(image.mode).toBe(mode);
		expect(image.keys).toEqual([
			{
				name: "pick",
				address: addressOf(image, "__SCK__pick"),
				trampoline: addressOf(image, "__SCT__pick"),
				default: fifo,
				initial: fifo,
				nullable: false,
				signature: undefined,
				sites: [0, 1, 2, 3],
			},
		]);
		expect(image.sites).toEqual([
			{ address: main, key: 0, kind: "call", condition: 0, init: false, length: 5 },
			{ address: main + 5, key: 0, kind: "conditional", condition: 3, init: false, length: 5 },
			{ address: main + 10, key: 0, kind: "tail", condition: 0, init: false, length: 5 },
			{ address: setup, key: 0, kind: "call", condition: 0, init: true, length: 5 },
		]);
	});

	test("the table in the image has absolute keys with flags in their low bits, sorted", () => {
		const other =
			".global other\nother: call __SCT__b\n call __SCT__a\n jmp __SCT__b\n.static_call b, other\n.static_call a, other\n.global a, b";
		const image = build({ "m.s": `${main}call __SCT__a\n call other`, "o.s": other });
		const table = sectionByName(image.elf, ".static_call_sites")!;
		const rows = Array.from({ length: table.size / 8 }, (_, i) => {
			const field = (k: number) => table.address + 8 * i + k + (wordAt(image, table.address + 8 * i + k)! | 0);
			return [field(4), field(0)];
		});
		const [a, b, o] = ["__SCK__a", "__SCK__b", "other"].map((name) => addressOf(image, name)) as [
			number,
			number,
			number,
		];
		expect(rows).toEqual(
			[
				[b, o],
				[b + 1, o + 10],
				[a, addressOf(image, "main")],
				[a, o + 5],
			].sort((x, y) => (x[0]! & ~3) - (y[0]! & ~3) || x[1]! - y[1]!),
		);
		expect(checkKeptRelocations(image)).toBeGreaterThan(8);
	});

	test.each(["with", "without"])(
		"local keys of one name in two objects %s file names keep to their own trampolines",
		(files) => {
			const object = (name: string) => {
				const source = `.global ${name}\n${name}: call __SCT__pick\n ret\nown_${name}: ret\n.static_call pick, own_${name}`;
				const made = assemble(source, { file: `${name}.s` });
				if (files === "without") made.symbols.info[1] = STB_LOCAL << 4;
				return made;
			};
			const image = link([assemble(`${main}call a\n call b`, { file: "m.s" }), object("a"), object("b")]);
			expect(image.keys.map(({ name }) => name)).toEqual(["pick", "pick"]);
			for (const [i, owner] of ["a", "b"].entries()) {
				const { trampoline, initial, sites } = image.keys[i]!;
				expect(destination(image, trampoline)).toBe(addressOf(image, `own_${owner}`));
				expect(initial).toBe(addressOf(image, `own_${owner}`));
				expect(sites.map((index) => image.sites[index]!.address)).toEqual([addressOf(image, owner)]);
			}
		},
	);

	test("a site out of reach of its target calls the trampoline, a far target is called directly from afar", () => {
		const far = '.section .text.far, "ax"\n.global far\nfar: ret\n.global user\nuser: call __SCT__pick';
		const image = build(
			{ "m.s": `${main}call __SCT__pick\n.static_call pick, far\n.global pick`, "f.s": far },
			{ sectionStart: new Map([[".text.far", 0x30000000]]) },
		);
		expect(destination(image, addressOf(image, "main"))).toBe(addressOf(image, "__SCT__pick"));
		expect(destination(image, addressOf(image, "__SCT__pick"))).toBe(addressOf(image, "far"));
		expect(at(image, addressOf(image, "user") - addressOf(image, "main"))).toMatchObject({
			destination: addressOf(image, "far"),
		});
	});

	test.each(staticCallModes)("%s: patchable functions are static calls of their own name", (staticCalls) => {
		const sources = {
			"m.s": `${main}call fifo\n movi r1, fifo\n jmp fifo`,
			"f.s": ".global fifo\nfifo: nop\n jne fifo\n ret",
		};
		const image = build(sources, { staticCalls, patchable: ["fifo"] });
		const fifo = addressOf(image, "fifo");
		const { trampoline } = image.keys[0]!;
		expect(image.keys).toMatchObject([{ name: "fifo", default: fifo, initial: fifo, sites: [0, 1, 2] }]);
		expect(image.sites.map(({ kind }) => kind)).toEqual(["call", "tail", "conditional"]);
		for (const { address } of image.sites)
			expect(destination(image, address)).toBe(staticCalls === "inline" ? fifo : trampoline);
		expect(wordAt(image, addressOf(image, "main") + 7)).toBe(fifo);
	});

	test("objects may be collected before they are linked", () => {
		const objects = Object.entries({ "m.s": calls, "k.s": "fifo: ret\n.static_call pick, fifo\n.global pick" });
		const made = objects.map(([file, source]) => assemble(source, { file }));
		expect(link(made.map((object) => collectSites(object))).elf).toEqual(link(made).elf);
	});

	test("stubs are there exactly when there are static calls", () => {
		expect(build({ "m.s": `${main}ret` }).stubs).toEqual({ return: 0, return0: 0 });
		const { stubs, symbolize } = withDefault("fifo", "inline");
		expect([stubs.return, stubs.return0].map(symbolize)).toEqual(["__static_call_return", "__static_call_return0"]);
	});
});

describe("supplied code", () => {
	test("starts by calling main, and a program may bring its own start", () => {
		const image = build({ "m.s": `${main}ret` });
		expect(image.symbolize(image.entry)).toBe("_start");
		expect(destination(image, image.entry)).toBe(addressOf(image, "main"));
		const own = build({ "m.s": ".global _start, go\n_start: hlt\ngo: hlt" });
		expect(own.entry).toBe(TEXT_BASE);
		expect(build({ "m.s": ".global go\nnop\ngo: hlt" }, { entry: "go" }).entry).toBe(TEXT_BASE + 1);
	});

	test("has a retpoline where indirect calls ask for one", () => {
		const image = build({ "m.s": `${main}call __indirect_thunk_r14` });
		const thunk = addressOf(image, "__indirect_thunk_r14");
		const names: string[] = [];
		for (let at = thunk; names.at(-1) !== "ret"; at += decode(bytesAt(image, at, 6)!, 0)!.length)
			names.push(decode(bytesAt(image, at, 6)!, 0)!.row.mnemonic);
		expect(names).toEqual(["call", "nop", "jmp", "st", "ret"]);
		expect(destination(image, thunk)).toBe(thunk + 11);
		expect(destination(image, thunk + 6)).toBe(thunk + 5);
	});
});

/** A `.signatures` section with these entries. */
function signed(name: string, source: string, entries: Record<string, number>): ElfObject {
	const list = Object.entries(entries).map(([symbol, each]) => `.word ${[symbol, ...signatureWords(each)].join(", ")}`);
	return assemble(`${source}\n.section .signatures,"",@progbits,12\n${list.join("\n")}`, { file: name });
}

const signature = (parameters: readonly ParameterType[], result: ResultType, nullable = false) =>
	signatureNumber({ parameters, result, nullable });
const nothing = signature([], "none");
const two = signature(["int", "uint"], "int");
const unsigned = signature(["int"], "uint");
const one = signature(["int"], "int");
const nullable = signature(["int"], "none", true);

describe("signatures", () => {
	const m = `${main}call f\n ret\n .global f`;
	test("are merged and can be asked for", () => {
		const image = link([signed("m.s", m, { main: nothing, f: two }), signed("f.s", ".global f\nf: ret", { f: two })]);
		expect(sectionByName(image.elf, ".signatures")!.size).toBe(24);
		expect([addressOf(image, "main"), addressOf(image, "f"), 4].map((address) => image.signatureOf(address))).toEqual([
			nothing,
			two,
			undefined,
		]);
		expect(checkKeptRelocations(image)).toBe(4);
	});

	test("must agree", () => {
		const objects = [signed("m.s", m, { f: two }), signed("f.s", ".global f\nf: ret", { f: unsigned })];
		expect(() => link(objects)).toThrow("m.s: 'f' is used as (int, uint) -> int, but f.s has it as (int) -> uint");
	});

	test("of a key say whether it may be null, of a patchable function are its own", () => {
		const source = `${main}call f\nf: ret\n.static_call pick, f`;
		const image = link([signed("m.s", source, { f: one, __SCK__pick: nullable })], { patchable: ["f"] });
		const key = (name: string) => image.keys.find((each) => each.name === name);
		expect(key("pick")).toMatchObject({ nullable: true, signature: nullable });
		expect(key("f")).toMatchObject({ nullable: false, signature: one });
	});
});
