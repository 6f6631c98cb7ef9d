// Linking modules against a running program, and the joint view of both.

import { describe, expect, test } from "vitest";
import { assemble, compile } from "../../linker/compile/index.ts";
import { type ElfObject, readElf, writeElf } from "../../linker/elf/index.ts";
import { decode } from "../../linker/isa/index.ts";
import { bytesAt, type Image, link, wordAt } from "../../linker/link/index.ts";
import { linkModule, usedBy } from "../../linker/link/link-module.ts";
import type { WantedPiece } from "../../linker/link/module-memory.ts";
import { withInitFreed, withModule, withoutModule } from "../../linker/link/read-image.ts";
import { describeSite } from "../../linker/sites/index.ts";

const program = {
	"sched.js": `
		import { print, staticCall } from "patchbay/source";
		export function fifo(now) { return now & 7; }
		export const pick = staticCall(fifo);
		export const trace = staticCall(null, fifo);
		export function main() { print(pick(3)); trace(1); }
		export function early() { "init"; return pick(9); }
	`,
};
const policy = {
	"policy.js": `
		import { staticCall } from "patchbay/source";
		import { fifo, pick } from "./sched.js";
		export function deadline(now) { return (pick(now) + fifo(now)) | 0; }
		export function other(now) { return fifo(fifo(now)); }
		export const score = staticCall(deadline);
		export function ask(now) { return score(now); }
		export function init() { "init"; return (pick(2) + fifo(1)) & 0; }
	`,
};
type Sources = Readonly<Record<string, string>>;

const all: Sources = { ...program, ...policy };
const compiled = (file: string, sources: Sources = all): ElfObject =>
	compile(sources[file]!, {
		file,
		resolve: (specifier) => ({ file: specifier.slice(2), source: sources[specifier.slice(2)]! }),
	});
const image = link([compiled("sched.js")], { name: "sched" });
const assembled = (source: string, file = "mod.s"): ElfObject => assemble(source, { file });

const NEAR = 0x600000;
const FAR = 0x4000_0000;

/** Pieces behind each other from an address on, and how often they were placed. */
function placer(start: number) {
	const rounds: (readonly WantedPiece[])[] = [];
	const place = (wanted: readonly WantedPiece[]): number[] => {
		rounds.push(wanted);
		let at = start;
		return wanted.map(({ bytes }) => {
			const address = at;
			at = Math.ceil((at + bytes) / 4096) * 4096;
			return address;
		});
	};
	return { rounds, place };
}

const linked = (object: ElfObject, start = NEAR, into: Image = image, name = "policy"): ElfObject =>
	linkModule([object], { image: into, name, place: placer(start).place }).parts.at(-1)!.elf;
const thunksIn = (view: Image): string[] =>
	view.symbols.filter(({ name }) => name.startsWith("__thunk_")).map(({ name }) => name);
const nameAt = (view: Image, address: number): string | undefined => view.symbolize(address);

describe("a module in reach", () => {
	const elf = linked(compiled("policy.js"));
	const joined = withModule(image, elf);

	test("lies in one piece per kind of memory", () => {
		const { rounds, place } = placer(NEAR);
		linkModule([compiled("policy.js")], { image, name: "policy", place });
		expect(rounds).toHaveLength(1);
		expect(rounds[0]!.map(({ memory }) => memory)).toEqual(["text", "initText", "rodata", "data"]);
		expect(elf.segments.map(({ executable, writable }) => [executable, writable])).toEqual([
			[true, false],
			[true, false],
			[false, false],
			[false, true],
		]);
	});

	test("needs no thunk", () => expect(thunksIn(joined)).toEqual([]));

	test("gives its sites to the keys of the program, bound to what those called at the start", () => {
		const pick = joined.keys.find(({ name }) => name === "pick")!;
		const sites = pick.sites.map((index) => joined.sites[index]!);
		expect(sites.map(({ address, init }) => [nameAt(joined, address)?.replace(/\+.*/, ""), init])).toEqual([
			["main", false],
			["early", true],
			["deadline", false],
			["init", true],
		]);
		const fifo = image.symbolNamed("fifo")!.address;
		for (const { address } of sites)
			expect(describeSite(bytesAt(joined, address, 5)!, address)).toMatchObject({ destination: fifo });
	});

	test("has keys of its own", () => {
		const score = joined.keys.find(({ name }) => name === "score")!;
		expect(nameAt(joined, score.initial)).toBe("deadline");
		expect(nameAt(joined, score.trampoline)).toBe("__SCT__score");
		expect(score.sites.map((index) => nameAt(joined, joined.sites[index]!.address)?.replace(/\+.*/, ""))).toEqual([
			"ask",
		]);
	});

	test("is part of the view in every respect", () => {
		const { address } = joined.symbolNamed("deadline")!;
		expect(joined.symbolAt(address)?.name).toBe("deadline");
		expect(joined.lines.at(address)).toMatchObject({ file: "policy.js", line: 4 });
		expect(joined.signatureOf(address)).toBe(image.signatureOf(image.symbolNamed("fifo")!.address));
		expect(joined.lines.at(joined.entry)).toEqual(image.lines.at(image.entry));
		expect(wordAt(joined, joined.keys.find(({ name }) => name === "score")!.address)).toBe(address);
	});

	test("says whose symbols it uses", () => {
		expect(usedBy(elf, image)).toEqual(["sched"]);
		expect(usedBy(elf, withoutModule(joined, "policy"))).toEqual(["sched"]);
	});

	test("can be written to a file and read back", () => {
		const again = withModule(image, readElf(writeElf(elf), "policy"));
		expect(again.keys).toEqual(joined.keys);
		expect(again.sites).toEqual(joined.sites);
	});

	test("leaves with all it brought", () => {
		const without = withoutModule(joined, "policy");
		expect(without.keys).toEqual(image.keys);
		expect(without.sites).toEqual(image.sites);
		expect(without.symbols).toEqual(image.symbols);
		expect(without.segments).toEqual(image.segments);
	});

	test("loses what was only for init, and the program keeps its own", () => {
		const begun = withInitFreed(joined, "policy");
		expect(begun.symbolNamed("init")).toBeUndefined();
		expect(begun.symbolNamed("early")).toBeDefined();
		const pick = begun.keys.find(({ name }) => name === "pick")!;
		expect(pick.sites).toHaveLength(3);
		expect(begun.segments).toHaveLength(joined.segments.length - 1);
		const both = withInitFreed(begun, "sched");
		expect(both.keys.find(({ name }) => name === "pick")!.sites).toHaveLength(2);
		expect(both.symbolNamed("early")).toBeUndefined();
	});
});

describe("a module out of reach", () => {
	const { rounds, place } = placer(FAR);
	const joined = linkModule([compiled("policy.js")], { image, name: "policy", place });

	test("has one thunk per target and text, and asks for the room they take", () => {
		expect(thunksIn(joined).sort()).toEqual([
			"__thunk___SCT__pick",
			"__thunk___SCT__pick",
			"__thunk_fifo",
			"__thunk_fifo",
		]);
		expect(rounds).toHaveLength(2);
		const grown = (memory: string) =>
			rounds[1]!.find((each) => each.memory === memory)!.bytes -
			rounds[0]!.find((each) => each.memory === memory)!.bytes;
		expect([grown("text"), grown("initText"), grown("data")]).toEqual([16, 16, 0]);
	});

	test("calls the program's keys through the thunk of their trampoline", () => {
		const pick = joined.keys.find(({ name }) => name === "pick")!;
		const far = joined.sites.filter(({ address, key }) => address >= FAR && joined.keys[key] === pick);
		const destinations = far.map(({ address }) => {
			const form = describeSite(bytesAt(joined, address, 5)!, address)!;
			return "destination" in form ? nameAt(joined, form.destination) : form.form;
		});
		expect(destinations).toEqual(["__thunk___SCT__pick", "__thunk___SCT__pick"]);
	});

	test("calls its own functions without", () => {
		const score = joined.keys.find(({ name }) => name === "score")!;
		const { address } = joined.sites[score.sites[0]!]!;
		expect(describeSite(bytesAt(joined, address, 5)!, address)).toMatchObject({ destination: score.initial });
	});

	test("may be placed elsewhere when it has grown", () => {
		let asked = 0;
		const view = linkModule([compiled("policy.js")], {
			image,
			name: "policy",
			place: (wanted) => placer(asked++ === 0 ? FAR : FAR + 0x100000).place(wanted),
		});
		expect(view.symbolNamed("deadline")!.address).toBeGreaterThanOrEqual(FAR + 0x100000);
		expect(thunksIn(view)).toHaveLength(4);
	});
});

describe("a second module", () => {
	const first = withModule(image, linked(compiled("policy.js")));
	const caller = assembled(
		".global run\n.type run, @function\nrun: call deadline\n call __SCT__score\n jmp __SCT__pick\n",
	);
	const elf = linked(caller, NEAR + 0x100000, first, "caller");

	test("uses the first one's exports and keys", () => {
		const both = withModule(first, elf);
		expect(usedBy(elf, first).sort()).toEqual(["policy", "sched"]);
		expect(both.keys.find(({ name }) => name === "score")!.sites).toHaveLength(2);
		expect(both.keys.find(({ name }) => name === "pick")!.sites).toHaveLength(5);
	});

	test("cannot use its init text", () => {
		expect(() => linked(assembled("x: call init\n"), NEAR + 0x100000, first, "caller")).toThrow(
			"mod.s:(.text+0x1): 'init' is not defined",
		);
	});
});

describe("a module that does not fit the program is refused, naming the place", () => {
	test.each([
		["an unknown symbol", "x: call fifi\n", "mod.s:(.text+0x1): 'fifi' is not defined (did you mean 'fifo'?)"],
		[
			"an unknown key",
			"x: call __SCT__pik\n",
			"mod.s:(.text+0x1): static call 'pik' is not defined (did you mean 'pick'?)",
		],
		[
			"an export that is there already",
			".global fifo\n.type fifo, @function\nfifo: ret\n",
			/^mod\.s:\(\.text\+0x0\): 'fifo' is defined here and at sched:\(absolute 0x4[0-9a-f]+\)$/,
		],
		[
			"a site that is none",
			"x: movi r0, __SCT__pick\n",
			/^mod\.s:\(\.text\+0x2\): relocation R_TOY_ABS32 against '__SCT__pick' cannot be a call site/,
		],
	])("%s", (_, source, message) => {
		expect(() => linked(assembled(source))).toThrow(message);
	});

	test("a signature that disagrees", () => {
		const stranger = compiled("user.js", {
			"user.js": 'import { fifo } from "./sched.js"; export function use() { return fifo(1, 2); }',
			"sched.js": "export function fifo(a, b) { return a - b; }",
		});
		expect(() => linked(stranger)).toThrow(
			"user.js: 'fifo' is used as (int, int) -> int, but sched has it as (int) -> int",
		);
	});

	test("a name that is taken", () => {
		expect(() => linked(assembled("x: ret\n"), NEAR, image, "sched")).toThrow("sched: is loaded already");
	});

	test("a table with a row for what is no call", () => {
		const object = compiled("policy.js");
		const bad = linked(object);
		const table = bad.sections.find(({ name }) => name === ".static_call_sites")!;
		table.data[0]! ^= 4;
		expect(() => withModule(image, bad)).toThrow(/^policy:\(\.static_call_sites\+0x0\): 0x[0-9a-f]+ is no call site$/);
	});
});

describe("modes", () => {
	test("in pointer mode a module's trampolines jump through its keys", () => {
		const pointers = link([compiled("sched.js")], { name: "sched", staticCalls: "pointer" });
		const view = withModule(pointers, linked(compiled("policy.js"), NEAR, pointers));
		const score = view.keys.find(({ name }) => name === "score")!;
		expect(view.mode).toBe("pointer");
		expect(decode(bytesAt(view, score.trampoline, 5)!, 0)?.row.mnemonic).toBe("jmpm");
	});

	test("a program without static calls gets the stubs from the first module that has some", () => {
		const plain = link([assembled(".global main\n.type main, @function\nmain: ret\n", "plain.s")], { name: "plain" });
		expect(plain.stubs.return).toBe(0);
		const module = assembled(".global hook\n.static_call hook, null\nx: call __SCT__hook\n");
		const view = withModule(plain, linked(module, NEAR, plain));
		expect(nameAt(view, view.stubs.return)).toBe("__static_call_return");
		expect(view.keys.map(({ name, initial }) => [name, initial])).toEqual([["hook", 0]]);
	});

	test("a trampoline that is exported without its key can be called", () => {
		const shy = link(
			[
				assembled(
					".global main, __SCT__pick\n.static_call pick, main\n.type main, @function\nmain: call __SCT__pick\n ret\n",
					"shy.s",
				),
			],
			{ name: "shy" },
		);
		const view = withModule(shy, linked(assembled("x: call __SCT__pick\n"), NEAR, shy));
		expect(view.keys[0]!.sites).toHaveLength(2);
		expect(() => linked(assembled("x: movi r0, __SCK__pick\n call __SCT__pick\n"), NEAR, shy)).toThrow(
			"may be called here but not updated",
		);
	});
});
