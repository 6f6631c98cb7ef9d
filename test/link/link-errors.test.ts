// What the linker refuses, and in which words.

import { describe, expect, test } from "vitest";
import { assemble } from "../../linker/compile/assemble.ts";
import {
	append,
	defineSymbol,
	type ElfObject,
	ET_EXEC,
	finish,
	newObject,
	relocate,
	SHN_COMMON,
	STB_GLOBAL,
	section,
} from "../../linker/elf/index.ts";
import { LinkError } from "../../linker/errors.ts";
import { EM_TOY, R_TOY_ABS32 } from "../../linker/isa/index.ts";
import { type LinkOptions, link } from "../../linker/link/index.ts";
import { collectSites } from "../../linker/sites/index.ts";
import { main } from "./linked.ts";

describe("link errors", () => {
	const object = (make: (builder: ReturnType<typeof newObject>) => void, change: Partial<ElfObject> = {}) => {
		const builder = newObject("x.o", EM_TOY);
		make(builder);
		return { ...finish(builder), ...change };
	};
	const m = (source = "ret") => assemble(main + source, { file: "m.s" });
	const many = Array.from({ length: 30 }, (_, i) => `call f${i}`).join("\n");
	const cases: [name: string, objects: () => ElfObject[], message: string, options?: LinkOptions][] = [
		["nothing to link", () => [], "a.out: there are no objects to link"],
		[
			"an undefined symbol",
			() => [m("call fiffo"), assemble(".global fifo\nfifo: ret", { file: "f.s" })],
			"m.s:(.text+0x1): 'fiffo' is not defined (did you mean 'fifo'?)",
		],
		[
			"several undefined symbols",
			() => [m("call a\n jmp b\n call a")],
			"m.s:(.text+0x1): 'a' is not defined\nm.s:(.text+0x6): 'b' is not defined",
		],
		["many undefined symbols", () => [m(many)], "m.s:(.text+0x60): 'f19' is not defined\n... and 10 more like these"],
		[
			"an undefined static call",
			() => [m("call __SCT__pik\n.static_call pick, main\n.global pick")],
			"m.s:(.text+0x1): static call 'pik' is not defined (did you mean 'pick'?)",
		],
		[
			"a symbol that another object keeps to itself",
			() => [m("call fifo"), assemble("fifo: ret", { file: "f.s" })],
			"m.s:(.text+0x1): 'fifo' is not defined (f.s has one, but does not export it)",
		],
		[
			"a static call that another object keeps to itself",
			() => [m("call __SCT__pick"), assemble(".static_call pick, null", { file: "f.s" })],
			"m.s:(.text+0x1): static call 'pick' is not defined (f.s has one, but does not export it)",
		],
		[
			"no main",
			() => [assemble(".global mian\nmian: ret", { file: "m.s" })],
			"'main' is not defined (did you mean 'mian'?): _start calls it; export one or name another entry",
		],
		[
			"an unknown entry",
			() => [m()],
			"m.s: no object defines the entry 'mein' (did you mean 'main'?)",
			{ entry: "mein" },
		],
		[
			"an entry that no other object may name",
			() => [m(), assemble("begin: ret", { file: "n.s" })],
			"n.s: the entry 'begin' is a local name: write .global begin",
			{ entry: "begin" },
		],
		[
			"a symbol defined twice",
			() => [m(), assemble(".data\n.word 1\n.global main\nmain: .word 2", { file: "n.s" })],
			"n.s:(.data+0x4): 'main' is defined here and at m.s:(.text+0x0)",
		],
		[
			"a common symbol",
			() => [m(), object((b) => defineSymbol(b, "c", { section: SHN_COMMON, value: 4, binding: STB_GLOBAL }))],
			"x.o: 'c' is a common symbol; define it in .bss instead",
		],
		["another machine", () => [object(() => {}, { machine: 62 })], "x.o: is for machine 0x3e, not the toy"],
		[
			"an executable",
			() => [object(() => {}, { type: ET_EXEC })],
			"x.o: is not relocatable, so it cannot be linked again",
		],
		[
			"writable text",
			() => [m(), object((b) => append(section(b, ".odd", { flags: 7 }), [1]))],
			"x.o:(.odd): is both writable and executable",
		],
		[
			"sections on top of each other",
			() => [m("ret\n.data\n.word 1")],
			"segment at 0x400000: overlaps the one before",
			{ sectionStart: new Map([[".data", 0x400000]]) },
		],
		[
			"a page with two permissions",
			() => [m("ret\n.data\n.word 1")],
			"segment at 0x400800: shares a page with the one before, whose permissions differ",
			{ sectionStart: new Map([[".data", 0x400800]]) },
		],
		[
			"an address for a section that does not exist",
			() => [m()],
			".txet: has an address to start at, but no object has that section (did you mean '.text'?)",
			{ sectionStart: new Map([[".txet", 0]]) },
		],
		[
			"an address that is not aligned",
			() => [m("ret\n.data\n.align 8\n.word 1")],
			".data: cannot start at 0x500004: it is aligned to 8 bytes",
			{ sectionStart: new Map([[".data", 0x500004]]) },
		],
		[
			"an address for a section that is not loaded",
			() => [m("ret\n.section .notes\n.word 1")],
			".notes: cannot start at 0x1000: it is not loaded",
			{ sectionStart: new Map([[".notes", 0x1000]]) },
		],
		[
			"a key that leaves no room for flags",
			() => [m("call __SCT__p\n__SCT__p: jmp main\n.data\n.byte 1\n__SCK__p: .word main, main")],
			"a.out: key 'p' at 0x402001 is not aligned to 4 bytes",
		],
		[
			"more than the address space",
			() => [m("ret\n.data\n.zero 8")],
			".data: 8 bytes at 0xfffffffc do not fit in 32-bit addresses",
			{ sectionStart: new Map([[".data", 0xfffffffc]]) },
		],
		[
			"an unknown relocation type",
			() => [m(), object((b) => relocate(withBytes(b), 0, 77, 0, 0))],
			"x.o:(.data+0x0): relocation type 77 is not one of the toy's",
		],
		[
			"a field beyond its section",
			() => [m(), object((b) => relocate(withBytes(b), 1, R_TOY_ABS32, 0, 0))],
			"x.o:(.data+0x1): relocation R_TOY_ABS32 reaches beyond the section's bytes",
		],
		[
			"a patchable function that nobody has",
			() => [m("ret\nfifo: ret\n.type fifo, @function")],
			"m.s: no object defines 'fido' to make patchable (did you mean 'fifo'?)",
			{ patchable: ["fido"] },
		],
		[
			"a table that leaves a patchable function out",
			() => [collectSites(m("call fifo\n call __SCT__p\nfifo: ret\n.static_call p, fifo"))],
			"m.s: has a .static_call_sites section without its calls of 'fifo'; link it as compiled",
			{ patchable: ["fifo"] },
		],
		[
			"a trampoline without key in pointer mode",
			() => [m("ret\n__SCT__p: jmp main")],
			"m.s:(.text+0x1): trampoline '__SCT__p' cannot jump through a pointer: its key is not defined in a section of this object",
			{ staticCalls: "pointer" },
		],
		[
			"a table without relocations",
			() => [m('call __SCT__p\n.static_call p, main\n.section .static_call_sites,"a"\n.zero 8')],
			"m.s:(.static_call_sites+0x0): the field of a call site has no relocation",
		],
		[
			"the same site twice",
			() => [doubled(collectSites(m("call __SCT__p\n.static_call p, main")))],
			"m.s:(.static_call_sites+0x8): the call site at 0x400000 is in the table twice",
		],
	];
	const withBytes = (builder: ReturnType<typeof newObject>) => {
		const data = section(builder, ".data");
		append(data, [0, 0, 0, 0]);
		return data;
	};
	test.each(cases)("%s", (_, objects, message, options) => {
		const given = objects();
		expect(() => link(given, options)).toThrow(LinkError);
		expect(() => link(given, options)).toThrow(message);
	});
});

/** The object with every row of its site table there twice. */
function doubled(object: ElfObject): ElfObject {
	const sections = object.sections.map((each) => {
		if (each.name !== ".static_call_sites") return each;
		const { count, offset, type, symbol, addend } = each.relocations!;
		const twice = <T extends Uint32Array | Float64Array>(column: T, shift = 0) =>
			Float64Array.from([...column, ...[...column].map((value) => value + shift)]);
		const relocations = {
			count: count * 2,
			offset: twice(offset, each.size),
			type: Uint32Array.from(twice(type)),
			symbol: Uint32Array.from(twice(symbol)),
			addend: twice(addend),
		};
		return { ...each, size: each.size * 2, data: new Uint8Array(each.size * 2), relocations };
	});
	return { ...object, sections };
}
