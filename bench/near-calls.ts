// How many calls of modules are direct, and how many thunks the others need, as modules fill what calls of the program
// reach. Addresses only: the modules are linked where the allocator puts them, and nothing runs.

import { type Image, link } from "../linker/link/index.ts";
import { linkModule } from "../linker/link/link-module.ts";
import { type Allocator, allocate, createAllocator, freePiece } from "../runtime/execmem/allocator.ts";
import { countCalls } from "../runtime/execmem/count-calls.ts";
import { reachOf } from "../runtime/execmem/memory-types.ts";
import { type Plan, toyObject } from "./objects.ts";

const FUNCTIONS = 16;
const CALLS = 12;
const PROGRAM_FUNCTIONS = 400;
/** Text of a module. What its functions do not fill stands for functions that call nothing outside. */
const TEXT = 512 * 1024;
/** Distances of the marks, in parts of what a call reaches. */
const MARKS = [0.25, 0.5, 0.75, 1, 1.25, 1.5];

export interface NearCalls {
	/** Text of modules over what is in reach. */
	readonly fill: number;
	readonly modules: number;
	/** All calls so far, and those that go through a thunk. */
	readonly calls: number;
	readonly far: number;
	readonly thunks: number;
	/** If every far call had a thunk of its own. */
	readonly bytes: number;
}

export function nearCalls(): NearCalls[] {
	let image = link([toyObject("program", programPlan())], { entry: "p_0", name: "program" });
	const { address, memorySize } = image.segments[0]!;
	const near = reachOf({ start: address, end: address + memorySize });
	const end = 0x7000_0000 - (0x7000_0000 % (near.end - near.start));
	const allocator = createAllocator({
		near,
		anywhere: { start: near.start, end },
		reserved: [{ start: address, end: address + 2 ** 21 }],
	});
	const random = generator(5);
	const rows: NearCalls[] = [];
	const counts = { calls: 0, far: 0, thunks: 0 };
	for (let modules = 0; rows.length < MARKS.length; ) {
		image = addModule(image, allocator, modules++, random);
		const more = countCalls(image.parts.at(-1)!.elf);
		counts.calls += more.calls;
		counts.far += more.far;
		counts.thunks += more.thunks;
		const fill = (modules * TEXT) / (near.end - near.start);
		if (fill >= MARKS[rows.length]!) rows.push({ fill, modules, ...counts, bytes: counts.thunks * 8 });
	}
	return rows;
}

function addModule(image: Image, allocator: Allocator, number: number, random: (n: number) => number): Image {
	const held: number[] = [];
	const get = (type: "text" | "rodata" | "data", bytes: number): number => {
		const allocated = allocate(allocator, { type, bytes });
		if (!allocated.ok) throw new Error(allocated.error.why);
		held.push(allocated.piece.address);
		return allocated.piece.address;
	};
	const name = `m${number}`;
	return linkModule([toyObject(name, modulePlan(number, random))], {
		image,
		name,
		place: (wanted) => {
			for (const address of held.splice(0)) freePiece(allocator, address);
			return wanted.map(({ memory, bytes }) =>
				get(memory as "text", memory === "text" ? Math.max(TEXT, bytes) : bytes),
			);
		},
	});
}

function programPlan(): Plan[] {
	return Array.from({ length: PROGRAM_FUNCTIONS }, (_, f) => ({ name: `p_${f}`, calls: [] }));
}

/** Three calls in five go to the program, one to an earlier module, one stays. */
function modulePlan(number: number, random: (n: number) => number): Plan[] {
	const target = (): string => {
		const where = random(5);
		if (where < 3) return `p_${random(PROGRAM_FUNCTIONS)}`;
		return `m${where === 3 && number > 0 ? random(number) : number}_${random(FUNCTIONS)}`;
	};
	return Array.from({ length: FUNCTIONS }, (_, f) => ({
		name: `m${number}_${f}`,
		calls: Array.from({ length: CALLS }, () => ({ to: target(), argument: random(100) })),
	}));
}

function generator(seed: number): (n: number) => number {
	let state = seed;
	return (n) => {
		state = (Math.imul(state, 1103515245) + 12345) >>> 0;
		return (state >>> 8) % n;
	};
}
