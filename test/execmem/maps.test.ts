// What is mapped where, in lines, numbers and pictures.

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import {
	type Allocator,
	allocate,
	createAllocator,
	freePiece,
	openAreas,
	type Request,
} from "../../runtime/execmem/allocator.ts";
import { mapsOf } from "../../runtime/execmem/maps.ts";
import { AREA, memoryTypes } from "../../runtime/execmem/memory-types.ts";
import { pictureSvg, pictureText } from "../../runtime/execmem/picture.ts";
import { statsOf } from "../../runtime/execmem/stats.ts";
import { LARGE_PAGE, mapPages, PAGE, takeFrames } from "../../runtime/machine/index.ts";
import type { System } from "../../runtime/patch/index.ts";
import { cli, inFolder } from "../cli/command-line.ts";
import { imageOf, systemOf } from "../machines.ts";

const source = `
        .global main
        .type   main, @function
main:   call    once
        hlt
        .size   main, . - main

        .section .init.text, "ax"
        .type   once, @function
once:   ret
        .size   once, . - once

        .data
cell:   .long   1
`;

const MEMORY = 16 * AREA;

function newSystem(options: { cpus?: number; processes?: number } = {}): System {
	return systemOf(imageOf(source, { name: "small" }), { stack: 2 * PAGE, spare: (MEMORY + AREA) / PAGE, ...options });
}

function newAllocator(options: { largePages?: boolean; distances?: number[][] } = {}): Allocator {
	const { largePages = true, distances = [[10]] } = options;
	const near = { start: 8 * AREA, end: 16 * AREA };
	return createAllocator({ near, anywhere: { start: 8 * AREA, end: 64 * AREA }, largePages, nodes: { distances } });
}

function take(allocator: Allocator, ...requests: readonly Request[]): number[] {
	return requests.map((request) => {
		const result = allocate(allocator, request);
		if (!result.ok) throw new Error(result.error.why);
		return result.piece.address;
	});
}

/** Maps what is open; `large` false: by small pages even where large ones were meant. */
function mapAreas({ machine }: System, allocator: Allocator, large = true): void {
	const past = takeFrames(machine, PAGE) % LARGE_PAGE;
	takeFrames(machine, LARGE_PAGE - past - PAGE);
	for (const area of openAreas(allocator).sort((a, b) => Number(b.large) - Number(a.large))) {
		const physical = takeFrames(machine, area.bytes);
		mapPages(machine, 0, area.address, physical, area.bytes, memoryTypes[area.pool].permissions, area.large && large);
	}
}

describe("maps", () => {
	test("of a program on two CPUs", () => {
		const lines = mapsOf(newSystem({ cpus: 2 })).map(({ address, bytes, permissions, type, name }) =>
			[address.toString(16), bytes, permissions, type, name].join(" "),
		);
		expect(lines).toEqual([
			"400000 4096 r-x image small .text",
			"401000 4096 r-x image small .init.text",
			"402000 4096 rw- image small .data",
			"6fffa000 8192 rw- stack [stack cpu1]",
			"6fffd000 8192 rw- stack [stack cpu0]",
			"70000000 4096 r-x other [halt]",
		]);
	});

	test("of each process", () => {
		const lines = mapsOf(newSystem({ cpus: 2, processes: 2 }));
		expect(lines.map(({ space }) => space)).toEqual([0, 0, 0, 0, 0, 1, 1, 1, 1, 1]);
		expect(lines.filter(({ type }) => type === "stack").map(({ space, name }) => [space, name])).toEqual([
			[0, "[stack cpu0]"],
			[1, "[stack cpu1]"],
		]);
	});

	test("what has a name has it", () => {
		const system = newSystem();
		mapPages(system.machine, 0, 64 * AREA, takeFrames(system.machine, PAGE), PAGE, { r: true, w: false, x: true });
		const mapped = () => mapsOf(system).find(({ address }) => address === 64 * AREA);
		expect(mapped()).toMatchObject({ type: "other", name: "" });
		system.named.push({ space: 0, address: 64 * AREA, bytes: PAGE, name: "[probes]" });
		expect(mapped()).toMatchObject({ type: "other", name: "[probes]" });
	});

	test("areas have their type, their pages and their pieces", () => {
		const system = newSystem();
		const allocator = newAllocator();
		const [text, init, , probe] = take(
			allocator,
			{ type: "text", bytes: 100 },
			{ type: "initText", bytes: 3 * AREA },
			{ type: "roAfterInit", bytes: 5000 },
			{ type: "probes", bytes: 1 },
		);
		mapAreas(system, allocator);
		const lines = mapsOf(system, allocator).filter(({ name }) => /^\[(?!stack|halt)/.test(name));
		expect(lines).toMatchObject([
			{ address: text, bytes: 4 * AREA, page: AREA, permissions: "r-x", type: "text", name: "[text]" },
			{ address: probe, bytes: PAGE, page: PAGE, permissions: "r-x", name: "[probes]" },
			{ bytes: 2 * PAGE, page: PAGE, permissions: "r--", name: "[roAfterInit]" },
		]);
		expect(lines[0]!.pieces).toMatchObject([
			{ address: text, bytes: 100, type: "text", name: "" },
			{ address: init, bytes: 3 * AREA, type: "initText" },
		]);
	});
});

describe("stats", () => {
	test("fragmentation is what the largest hole lacks", () => {
		const system = newSystem();
		const allocator = newAllocator();
		const pieces = take(allocator, ...Array.from({ length: 4 }, (): Request => ({ type: "text", bytes: AREA / 4 })));
		const pool = () => statsOf(system, allocator).pools.find((each) => each.pool === "text");
		expect(pool()).toMatchObject({ pieces: 4, backed: AREA, free: 0, fragmentation: 0, utilization: 1 });
		freePiece(allocator, pieces[0]!);
		expect(pool()).toMatchObject({ free: AREA / 4, largestFree: AREA / 4, fragmentation: 0, utilization: 0.75 });
		freePiece(allocator, pieces[2]!);
		expect(pool()).toMatchObject({ pieces: 2, free: AREA / 2, largestFree: AREA / 4, fragmentation: 0.5 });
		freePiece(allocator, pieces[1]!);
		expect(pool()).toMatchObject({ free: (3 * AREA) / 4, fragmentation: 0, utilization: 0.25 });
	});

	test("of small pages only what is open counts as free", () => {
		const system = newSystem();
		const allocator = newAllocator({ largePages: false });
		take(allocator, { type: "text", bytes: 5000 });
		const [text] = statsOf(system, allocator).pools;
		expect(text).toMatchObject({ bytes: 5056, backed: 2 * PAGE, free: 2 * PAGE - 5056, largestFree: 2 * PAGE - 5056 });
	});

	test("large pages are kept, or split", () => {
		for (const large of [true, false]) {
			const system = newSystem();
			const allocator = newAllocator();
			take(allocator, { type: "text", bytes: 100 }, { type: "data", bytes: AREA + 1 });
			mapAreas(system, allocator, large);
			expect(statsOf(system, allocator).largePages).toEqual(large ? { kept: 3, split: 0 } : { kept: 0, split: 3 });
		}
	});

	test("a large page of text spares the entries of what is in it", () => {
		const system = newSystem();
		const allocator = newAllocator();
		take(allocator, ...Array.from({ length: 300 }, (): Request => ({ type: "text", bytes: PAGE })));
		take(allocator, { type: "data", bytes: 9 * PAGE });
		mapAreas(system, allocator);
		const program = 3;
		expect(statsOf(system, allocator).tlb).toEqual({ small: program + 300, mapped: program + 1 });
	});

	test("text of a distant node costs what the profile says", () => {
		const system = newSystem();
		const allocator = newAllocator({
			distances: [
				[10, 21],
				[21, 10],
			],
		});
		take(allocator, { type: "text", bytes: 128, node: 1 });
		const full = {
			...allocator.options,
			nodes: {
				distances: [
					[10, 30],
					[30, 10],
				],
				bytes: [AREA, 0],
			},
		};
		const poor = createAllocator(full);
		take(poor, { type: "text", bytes: 100, node: 1 }, { type: "text", bytes: 64 });
		expect(statsOf(system, allocator).nodes).toEqual([{ distance: 10, pieces: 1, cycles: 0 }]);
		const { farLine } = system.machine.config.profile;
		expect(statsOf(system, poor).nodes).toEqual([
			{ distance: 10, pieces: 1, cycles: 0 },
			{ distance: 30, pieces: 1, cycles: 2 * 2 * farLine },
		]);
	});
});

describe("pictures", () => {
	function drawn(): ReturnType<typeof mapsOf> {
		const system = newSystem();
		const allocator = newAllocator();
		const pieces = take(
			allocator,
			...Array.from({ length: 40 }, (_, i): Request => ({ type: i % 4 === 3 ? "initText" : "text", bytes: AREA / 64 })),
		);
		for (const [i, address] of pieces.entries()) if (i % 5 === 0) freePiece(allocator, address);
		take(allocator, { type: "data", bytes: AREA - 64 }, { type: "probes", bytes: 64 });
		mapAreas(system, allocator);
		return mapsOf(system, allocator);
	}

	test.each([40, 80, 120])("%i columns are enough, a row per area", (width) => {
		const rows = pictureText(drawn(), width);
		expect(Math.max(...rows.map((row) => row.length))).toBeLessThanOrEqual(width);
		expect(rows).toHaveLength(10);
		expect(rows[0]).toMatch(/^address.*in use ├─.*─┤$/);
		for (const row of rows.slice(1)) expect(row).toMatch(/^0x[0-9a-f]{8} |^· free/);
	});

	test("cells show how full they are, and with what", () => {
		expect(pictureText(drawn(), 88).filter((row) => /\[(text|data|probes)\]/.test(row))).toMatchInlineSnapshot(`
			[
			  "0x01000000 r-x 2M [text]             50 % ░█▞▒▓▞█░▞█▓▒██▞▓█▓░▞█▒▞██░██▞·················",
			  "0x01200000 r-x 4K [probes]            2 % ▓·············································",
			  "0x02000000 rw- 2M [data]            >99 % ██████████████████████████████████████████████",
			]
		`);
	});

	test("the SVG is well formed, and says what each piece is", () => {
		const svg = pictureSvg(drawn(), `a < b & "c"`);
		expect(svg).toContain("<title>a &lt; b &amp; &quot;c&quot;</title>");
		expect(svg.match(/<title>text 0x[0-9a-f]{8}, 32,768 bytes<\/title>/g)).toHaveLength(24);
		expect(svg.match(/<title>initText /g)).toHaveLength(8);
		const open = [...svg.matchAll(/<(\/?)([a-z]+)[^>]*?(\/?)>/g)].reduce<string[]>((stack, [, end, name, alone]) => {
			if (end === "/") expect(stack.pop()).toBe(name);
			else if (alone === "") stack.push(name!);
			return stack;
		}, []);
		expect(open).toEqual([]);
		expect(svg).not.toMatch(/NaN|undefined|href|url\(/);
	});
});

describe("patchbay maps", () => {
	const pick = "fixtures/programs/pick.js";

	test("lists mappings, a process in front where there are several", async () => {
		const { code, out } = await cli("maps", pick, "--cpus", "2");
		expect(code).toBe(0);
		expect(out.split("\n").slice(0, 4)).toEqual([
			"00400000-00401000 r-x 4K image       fixtures/programs/pick.js .text",
			"00401000-00402000 r-- 4K image       fixtures/programs/pick.js .static_call_sites",
			"00402000-00403000 rw- 4K image       fixtures/programs/pick.js .data",
			"6ff7e000-6ffbe000 rw- 4K stack       [stack cpu1]",
		]);
		expect((await cli("maps", pick, "--cpus", "2", "--processes", "2")).out).toMatch(/^0 .*(\n0 .*){4}(\n1 .*){5}\n$/);
	});

	test("draws them", async () => {
		await inFolder(async (folder) => {
			const { code, out } = await cli("maps", pick, "--picture", "--svg", `${folder}/maps.svg`);
			expect({ code, rows: out.split("\n").length }).toEqual({ code: 0, rows: 8 });
			expect(readFileSync(`${folder}/maps.svg`, "utf8")).toMatch(/^<svg .*<\/svg>\n$/s);
		});
	});

	test("as JSON", async () => {
		const { out } = await cli("maps", pick, "--json");
		const { schema, maps } = JSON.parse(out);
		expect(schema).toBe("patchbay/maps@1");
		expect(maps[0]).toEqual({
			space: 0,
			address: 0x400000,
			bytes: 4096,
			page: 4096,
			permissions: "r-x",
			type: "image",
			name: `${pick} .text`,
			pieces: [],
		});
	});

	test("of memory beside the program, piece by piece", async () => {
		const { out } = await cli("maps", pick, "--allocate", "text=3000*2", "--allocate", "initText=65", "--pieces");
		expect(out.split("\n").slice(0, 5)).toEqual([
			"00200000-00400000 r-x 2M text        [text]",
			"  00200000-00200bb8 text",
			"  00200bc0-00200c01 initText",
			"  00200c40-002017f8 text",
			"00400000-00401000 r-x 4K image       fixtures/programs/pick.js .text",
		]);
	});

	test.each([
		["text", 2, "Write type=bytes, or type=bytes*3 for three pieces."],
		["txt=64", 2, "Types are text, rodata,"],
		["text=0", 3, "execmem: 0 bytes: a piece has at least one\n"],
		["jit=999999999", 3, "--allocate: 1000001536 bytes are more than 536870912\n"],
	])("refuses %s", async (wanted, code, message) => {
		const seen = await cli("maps", pick, "--allocate", wanted);
		expect(seen).toMatchObject({ code, out: "" });
		expect(seen.err).toContain(message);
	});
});

describe("patchbay execmem", () => {
	const argv = ["execmem", "fixtures/programs/pick.js", "--allocate", "text=3000*90", "--allocate", "initText=900*90"];

	test.each([
		[["--no-text-poke"], "large pages  0 whole, 0 split"],
		[["--nodes", "3"], "large pages  3 whole, 0 split"],
		[["--free", "initText", "--lazy", "1"], "shootdowns   90 for 90 frees"],
	])("takes %j", async (options, line) => {
		const { code, out } = await cli(...argv, ...options);
		expect(code).toBe(0);
		expect(out.split("\n")).toContain(line);
	});

	test.each([
		["--nodes", "0"],
		["--nodes", "9"],
		["--lazy", "0"],
		["--lazy", "x"],
	])("refuses %s %s", async (...option) => {
		expect((await cli(...argv, ...option)).code).toBe(2);
	});

	test("says what holes freed init text leaves", async () => {
		const { code, out } = await cli(...argv, "--free", "initText");
		expect({ code, out }).toMatchInlineSnapshot(`
			{
			  "code": 0,
			  "out": "pool  pieces    bytes       open  in use  largest hole  broken up
			text      90  270,720  2,097,152    13 %     1,740,992        5 %

			pieces       180 allocated, 0 of them where earlier ones lay, 90 freed
			areas        1 opened, 0 closed
			large pages  1 whole, 0 split
			TLB entries  3 for all code; 89 if all pages were small
			shootdowns   3 for 90 frees
			far calls    0 of 0 of modules, through 0 thunks
			",
			}
		`);
	});

	test("as JSON", async () => {
		const { schema, pools, largePages, shootdowns } = JSON.parse((await cli(...argv, "--json")).out);
		expect({ schema, largePages, shootdowns }).toEqual({
			schema: "patchbay/execmem@1",
			largePages: { kept: 1, split: 0 },
			shootdowns: 0,
		});
		expect(pools[0]).toMatchObject({ pool: "text", pieces: 180, bytes: 90 * (3008 + 960), backed: AREA });
	});

	test("without any there is nothing to say", async () => {
		const { out } = await cli("execmem", "fixtures/programs/pick.js");
		expect(out).toContain("areas        0 opened, 0 closed\n");
	});
});
