// The collector and the forms of call sites.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { assemble } from "../../linker/compile/assemble.ts";
import {
	append,
	defineSymbol,
	type ElfObject,
	finish,
	newObject,
	reference,
	relocate,
	SHF_ALLOC,
	SHF_EXECINSTR,
	STB_GLOBAL,
	STT_FUNC,
	STT_SECTION,
	section,
	sectionByName,
	symbolName,
} from "../../linker/elf/index.ts";
import { LinkError } from "../../linker/errors.ts";
import {
	conditions,
	EM_TOY,
	encode,
	R_TOY_ABS32,
	R_TOY_CALL28,
	R_TOY_JUMP28,
	R_TOY_REL32,
	REL_MAX,
	REL_MIN,
} from "../../linker/isa/index.ts";
import {
	callSites,
	collectSites,
	currentTarget,
	describeSite,
	INIT,
	SITE_BYTES,
	SITES_SECTION,
	type Site,
	siteBytes,
	siteKinds,
	TAIL,
	type Target,
	targetAt,
} from "../../linker/sites/index.ts";

const stubs = { return: 0x400100, return0: 0x400200 };

const anySite: fc.Arbitrary<Site> = fc
	.record({
		address: fc.integer({ min: 0x400000, max: 0x500000 }),
		kind: fc.constantFrom(...siteKinds),
		condition: fc.integer({ min: 0, max: conditions.length - 1 }),
	})
	.map((site) => ({ ...site, condition: site.kind === "conditional" ? site.condition : 0 }));

const anyTarget: fc.Arbitrary<Target> = fc.oneof(
	fc.record({ kind: fc.constant("function" as const), address: fc.integer({ min: 0x500000, max: 0x8000000 }) }),
	fc.constantFrom<Target>({ kind: "null" }, { kind: "ret0" }),
);

describe("site bytes", () => {
	test("are one instruction as long as a call, and read back as the target", () => {
		fc.assert(
			fc.property(anySite, anyTarget, (site, target) => {
				const bytes = siteBytes(site, target, stubs);
				expect(bytes.length).toBe(SITE_BYTES);
				expect(currentTarget(bytes, site, stubs)).toEqual(target);
			}),
		);
	});

	const forms: [Site["kind"], Target["kind"], string][] = [
		["call", "function", "e8 f0 0f 00 00"],
		["call", "null", "0f 00 00 00 00"],
		["call", "ret0", "2e 00 00 00 00"],
		["tail", "function", "e9 f0 0f 00 00"],
		["tail", "null", "c3 cc cc cc cc"],
		["tail", "ret0", "e9 f0 1f 00 00"],
		["conditional", "function", "70 f3 0f 00 00"],
		["conditional", "null", "70 f3 0f 00 00"],
		["conditional", "ret0", "70 f3 1f 00 00"],
	];
	test.each(forms)("%s with target %s is %s", (kind, target, bytes) => {
		const site = { address: 0x3ffffc, kind, condition: kind === "conditional" ? 3 : 0 };
		const made = siteBytes(site, target === "function" ? { kind: target, address: 0x400100 } : { kind: target }, stubs);
		expect(Buffer.from(made).toString("hex")).toBe(bytes.replaceAll(" ", ""));
	});

	test.each([
		[REL_MIN - 1, false],
		[REL_MIN, true],
		[REL_MAX, true],
		[REL_MAX + 1, false],
	])("displacement %d is in reach: %s", (displacement, ok) => {
		const site: Site = { address: 0x10000000, kind: "call", condition: 0 };
		const target: Target = { kind: "function", address: site.address + SITE_BYTES + displacement };
		const make = () => siteBytes(site, target, stubs);
		if (ok) expect(currentTarget(make(), site, stubs)).toEqual(target);
		else
			expect(make).toThrow(
				`0x10000000: call site out of reach of 0x${target.address.toString(16)}: ${displacement} is not in [-134217728, 134217728)`,
			);
	});

	test("a form of another kind of site is no form of this one", () => {
		fc.assert(
			fc.property(anySite, anySite, anyTarget, (site, other, target) => {
				fc.pre(site.kind !== other.kind || site.condition !== other.condition);
				expect(
					currentTarget(siteBytes({ ...other, address: site.address }, target, stubs), site, stubs),
				).toBeUndefined();
			}),
		);
	});

	test.each([
		["breakpoint over a call", "cc 00 00 00 00"],
		["ret and rubbish", "c3 90 cc 90 90"],
		["another instruction", "d8 00 00 40 00"],
		["a call with a condition", "e8 01 00 00 00"],
		["too few bytes", "0f 00 00 00"],
	])("%s is no site", (_, hex) => {
		expect(describeSite(Uint8Array.from(Buffer.from(hex.replaceAll(" ", ""), "hex")), 0x400000)).toBeUndefined();
	});

	test("a trampoline of a null key, padded with NOP, is a tail site without target", () => {
		const bytes = Uint8Array.from([...encode("ret"), ...new Array(4).fill(encode("nop")[0])]);
		expect(currentTarget(bytes, { address: 0x400000, kind: "tail", condition: 0 }, stubs)).toEqual({ kind: "null" });
	});

	test("the address in a key says which target it is", () => {
		expect([0, stubs.return, stubs.return0, 0x400300].map((address) => targetAt(address, stubs).kind)).toEqual([
			"null",
			"null",
			"ret0",
			"function",
		]);
	});
});

/** The rows of an object's table, resolved by hand from its relocations. */
function rowsOf(object: ElfObject) {
	const table = sectionByName(object, SITES_SECTION)!;
	const relocations = table.relocations!;
	return Array.from({ length: relocations.count / 2 }, (_, i) => {
		expect([relocations.offset[2 * i], relocations.offset[2 * i + 1]]).toEqual([8 * i, 8 * i + 4]);
		expect([relocations.type[2 * i], relocations.type[2 * i + 1]]).toEqual([R_TOY_REL32, R_TOY_REL32]);
		const base = relocations.symbol[2 * i]!;
		expect(object.symbols.info[base]! & 15).toBe(STT_SECTION);
		return {
			section: object.sections[object.symbols.section[base]!]!.name,
			offset: relocations.addend[2 * i],
			key: symbolName(object.symbols, relocations.symbol[2 * i + 1]!),
			flags: relocations.addend[2 * i + 1],
		};
	});
}

const sample = `
	.global main, pick
main:
	call __SCT__pick
	jlt __SCT__pick
	call fifo
	jmp __SCT__pick
fifo:	ret
	.static_call pick, fifo
	.section .init.text, "ax"
setup:	call __SCT__other
	jmp __SCT__pick
`;

describe("collector", () => {
	test("finds calls, tail calls and conditional ones, and marks init text", () => {
		expect(rowsOf(collectSites(assemble(sample, { file: "a.s" })))).toEqual([
			{ section: ".text", offset: 0, key: "__SCK__pick", flags: 0 },
			{ section: ".text", offset: 5, key: "__SCK__pick", flags: TAIL },
			{ section: ".text", offset: 15, key: "__SCK__pick", flags: TAIL },
			{ section: ".init.text", offset: 0, key: "__SCK__other", flags: INIT },
			{ section: ".init.text", offset: 5, key: "__SCK__pick", flags: TAIL | INIT },
		]);
	});

	test("leaves the object it is given as it was", () => {
		const object = assemble(sample, { file: "a.s" });
		const before = structuredClone(object);
		collectSites(object, { patchable: ["fifo"] });
		expect(object).toEqual(before);
	});

	test("an object without static calls gets no table", () => {
		const object = assemble("main: call main", { file: "a.s" });
		expect(collectSites(object)).toBe(object);
	});

	test("goes by the name of the symbol, never by its section", () => {
		const undefinedHere = assemble("main: call __SCT__x\n jmp __SCT__y", { file: "a.s" });
		expect(rowsOf(collectSites(undefinedHere)).map(({ key }) => key)).toEqual(["__SCK__x", "__SCK__y"]);
		const elsewhere = assemble('main: call other\n.section .static_call.text,"ax"\nother: ret', { file: "a.s" });
		expect(callSites(elsewhere).count).toBe(0);
	});

	test("the jump in a trampoline is no site, whatever it jumps to", () => {
		const object = assemble("main: call __SCT__a\n__SCT__a: jmp __SCT__b\n.data\n__SCK__a: .word 0, 0", {
			file: "a.s",
		});
		expect(rowsOf(collectSites(object)).map(({ key }) => key)).toEqual(["__SCK__a"]);
	});

	test("data may point to a trampoline", () => {
		expect(callSites(assemble(".data\n.word __SCT__a", { file: "a.s" })).count).toBe(0);
	});
});

describe("patchable functions", () => {
	const plain = `
	.global main, fifo
main:	call fifo
	jge fifo
	movi r0, fifo
	call other
	jmp fifo
fifo:	ret
	`;
	test("have their plain calls, and nothing else, collected under a key of their name", () => {
		const object = collectSites(assemble(plain, { file: "a.s" }), { patchable: ["fifo"] });
		expect(rowsOf(object).map(({ offset, key, flags }) => [offset, key, flags])).toEqual([
			[0, "__SCK__fifo", 0],
			[5, "__SCK__fifo", TAIL],
			[21, "__SCK__fifo", TAIL],
		]);
	});

	test("are not defined twice: only their own object has key and trampoline", () => {
		const importer = collectSites(assemble("main: call fifo", { file: "b.s" }), { patchable: ["fifo"] });
		const { symbols } = importer;
		const found = Array.from({ length: symbols.count }, (_, i) => i).filter((i) =>
			symbolName(symbols, i).startsWith("__SC"),
		);
		expect(found.map((i) => [symbolName(symbols, i), symbols.section[i]])).toEqual([
			["__SCT__fifo", 0],
			["__SCK__fifo", 0],
		]);
	});

	test("keep the jump in a trampoline of another key plain", () => {
		const source = "main: call __SCT__pick\n call fifo\nfifo: ret\n.static_call pick, fifo";
		const object = collectSites(assemble(source, { file: "a.s" }), { patchable: ["fifo"] });
		expect(rowsOf(object).map(({ key }) => key)).toEqual(["__SCK__pick", "__SCK__fifo"]);
		const { relocations } = sectionByName(object, ".text")!;
		const called = [...relocations!.symbol].map((symbol) => symbolName(object.symbols, symbol));
		expect(called).toEqual(["__SCT__pick", "__SCT__fifo", "fifo"]);
	});

	test("cannot be static calls already", () => {
		const object = assemble("main: call __SCT__pick\npick: ret\n.static_call pick, pick", { file: "a.s" });
		expect(() => collectSites(object, { patchable: ["pick"] })).toThrow(
			"a.s: 'pick' cannot be made patchable: it has a static-call key already",
		);
	});
});

/** An object with one relocation against a trampoline (or several) as no assembler would make it. */
function crafted(
	bytes: ArrayLike<number>,
	relocations: { at: number; type?: number; name?: string; addend?: number }[],
	{ flags = SHF_ALLOC | SHF_EXECINSTR, define = false } = {},
): ElfObject {
	const builder = newObject("a.o", EM_TOY);
	const text = section(builder, ".text.x", { flags });
	append(text, bytes);
	if (define) defineSymbol(builder, "__SCT__pick", { section: text, value: 10, type: STT_FUNC, binding: STB_GLOBAL });
	for (const { at, type = R_TOY_CALL28, name = "__SCT__pick", addend = -4 } of relocations) {
		relocate(text, at, type, reference(builder, name), addend);
	}
	return finish(builder);
}

const call = [...encode("call"), ...encode("ret")];

describe("collector errors", () => {
	const cases: [name: string, object: () => ElfObject, message: string | RegExp][] = [
		[
			"a table that is there already",
			() => collectSites(assemble(sample, { file: "a.s" })),
			/^a\.s: already has a \.static_call_sites section/,
		],
		[
			"a trampoline without a key name",
			() => crafted(call, [{ at: 1, name: "__SCT__" }]),
			"a.o:(.text.x+0x1): trampoline name '__SCT__' is malformed",
		],
		[
			"a trampoline defined without its key",
			() => crafted([...call, ...call], [{ at: 1 }], { define: true }),
			"a.o:(.text.x+0x1): calls '__SCT__pick', which this object defines without its key '__SCK__pick'",
		],
		[
			"an instruction that is no call",
			() => crafted(encode("callm"), [{ at: 1 }]),
			"a.o:(.text.x+0x1): relocation R_TOY_CALL28 against '__SCT__pick' is in 'callm [0x0]', no CALL, JMP or Jcc",
		],
		[
			"bytes that are no instruction",
			() => crafted([0x0f, 1, 2, 3, 4], [{ at: 1 }]),
			"is in the bytes 0f 01 02 03 04, no CALL, JMP or Jcc",
		],
		[
			"a field before the section",
			() => crafted(call, [{ at: 0 }]),
			"a.o:(.text.x+0x0): relocation R_TOY_CALL28 against '__SCT__pick' is in the bytes",
		],
		["a field behind the section", () => crafted(call, [{ at: 4 }]), "no CALL, JMP or Jcc"],
		[
			"a section that is not executable",
			() => crafted(call, [{ at: 1 }], { flags: SHF_ALLOC }),
			"a.o:(.text.x+0x1): relocation R_TOY_CALL28 against '__SCT__pick' is not in an executable section",
		],
		[
			"two relocations for one site",
			() => crafted(call, [{ at: 1 }, { at: 1, name: "__SCT__other" }]),
			"a.o:(.text.x+0x0): two relocations make a call site of the same instruction",
		],
		[
			"a relocation type that cannot be a site",
			() => crafted(call, [{ at: 1, type: R_TOY_ABS32 }]),
			"relocation R_TOY_ABS32 against '__SCT__pick' cannot be a call site",
		],
		[
			"a relocation type that does not exist",
			() => crafted(call, [{ at: 1, type: 99 }]),
			"relocation of type 99 against '__SCT__pick' cannot be a call site",
		],
		[
			"a call beside the trampoline's start",
			() => crafted(call, [{ at: 1, addend: 4 }]),
			"goes 8 bytes beside the trampoline's start",
		],
	];
	test.each(cases)("%s", (_, object, message) => {
		const given = object();
		expect(() => collectSites(given)).toThrow(LinkError);
		expect(() => collectSites(given)).toThrow(message);
	});
});

/** A random text: calls of plain functions and trampolines between other instructions. */
const anyText = fc.array(
	fc.record({
		row: fc.constantFrom("call", "jmp", "j", "nop", "movi"),
		condition: fc.integer({ min: 0, max: conditions.length - 1 }),
		to: fc.integer({ min: 0, max: 4 }),
		isStatic: fc.boolean(),
	}),
	{ maxLength: 40 },
);

test("exactly the calls of trampolines are sites, wherever they are", () => {
	fc.assert(
		fc.property(fc.array(anyText, { minLength: 1, maxLength: 3 }), (texts) => {
			const builder = newObject("a.o", EM_TOY);
			const expected: string[] = [];
			for (const [t, instructions] of texts.entries()) {
				const text = section(builder, t === 2 ? ".init.text" : `.text.${t}`);
				for (const { row, condition, to, isStatic } of instructions) {
					const at = append(text, encode(row, row === "j" ? { c: condition } : {}));
					const branch = row === "call" || row === "jmp" || row === "j";
					const target = `${branch && isStatic ? "__SCT__" : ""}f${to}`;
					if (branch)
						relocate(text, at + 1, row === "call" ? R_TOY_CALL28 : R_TOY_JUMP28, reference(builder, target), -4);
					if (row === "movi") relocate(text, at + 2, R_TOY_ABS32, reference(builder, target), 0);
					if (branch && isStatic)
						expected.push(`${text.name}+${at} ${to} ${(row === "call" ? 0 : TAIL) | (t === 2 ? INIT : 0)}`);
				}
			}
			const made = finish(builder);
			const rows = callSites(made).count === 0 ? [] : rowsOf(collectSites(made));
			expect(rows.map((row) => `${row.section}+${row.offset} ${row.key.slice(8)} ${row.flags}`)).toEqual(expected);
		}),
	);
});
