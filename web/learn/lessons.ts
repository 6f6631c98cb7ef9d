// The lessons, in their order.

import { protocolPhases } from "../check/known.ts";
import { isTorn } from "../check/torn.ts";
import { hexByte } from "../loom/age.ts";
import type { Found, Judged, Lesson } from "./lesson.ts";

const breakpoint = protocolPhases.breakpoint!;
const ONE_STORE: readonly string[] = ["write whole", "sync serialize"];

const no = (words: string): Judged => ({ done: false, words });
const yes = (words: string): Judged => ({ done: true, words });

/** A verdict in a few words. */
function verdictOf({ verdict }: Found): string {
	const { verdict: word, why } = verdict;
	return why === undefined ? word : `${word} (${why})`;
}

function hasTornStep({ lanes }: Found): boolean {
	return lanes?.rows.some(isTorn) ?? false;
}

export const lessons: readonly Lesson[] = [
	{
		title: "A call and its bytes",
		room: "run",
		start: { name: "pick", protocol: "breakpoint", model: "x86", fetch: "fresh", cpus: 1, at: 0 },
		text: [
			"The program below calls `pick` twice. In the machine code each call is five bytes: e8, and the distance from the next instruction to the function. There is no pointer that could be read at run time. The linker knows the place of every such call, because the compiler left a relocation there.",
			"To retarget the call is to write another distance into those bytes. The program asks for that itself, between its two calls, and the loom beside the code shows what the bytes of the chosen site become.",
		],
		said: [
			"On 5 October 2018 Andy Lutomirski answered Ard Biesheuvel's patches for patchable function pointers: one should simply call the default implementation, and collect the places of those calls from the relocations when the kernel is built.",
			"Peter Zijlstra had asked in the same thread how all call sites were to be found, since nothing wrapped the call.",
		],
		task: "Go on until the bytes of the first site of `pick` are a call of `deadline`. The key p goes to the next step of the patcher, s takes one step, b goes one back.",
		judge(view) {
			const line = view.code.find(({ site }) => site === 0);
			const story = view.stories[0];
			if (line === undefined || story === undefined) return no("This program has no call site.");
			const bytes = line.bytes.map(hexByte).join(" ");
			const here = `At step ${view.at} the site holds ${bytes}, which is: ${line.text || "no instruction of the program"}.`;
			return /^call .*<deadline>$/.test(line.text) ? yes(here) : no(`${here} Go on.`);
		},
	},
	{
		title: "Plain stores under a running CPU",
		room: "check",
		start: { phases: ["write whole"], model: "x86", kind: "call", placement: "straddling", cpus: 2, step: 0 },
		text: [
			"Here the patcher writes the five bytes and does nothing else. The site lies across a boundary of 8 bytes, so that the write takes two stores, and a CPU may fetch between them.",
			"Every row is a step of a patcher or of a CPU. The loom beside them has a band for each byte of the site, and time runs downwards. A fetch is a line through the bands: it is level when all bytes are of one moment, and a zigzag when they are not.",
		],
		said: [
			"In June 2023, in the debate about memory for code (execmem), it was proposed to fill unused code memory with breakpoint instructions. Andy Lutomirski asked whether that is valid at all: a CPU might read a mixture of the filling and of the real code.",
			"Song Liu asked what such a torn read is. The step that you are looking for is one.",
		],
		task: "Select the step in which a CPU fetches an instruction that mixes old and new bytes. In the list of steps the keys ↑ and ↓ go from step to step.",
		judge(found, { step }) {
			const rows = found.lanes?.rows ?? [];
			const at = Math.min(step, rows.length - 1);
			const row = rows[at];
			if (row === undefined) return no("This protocol has no steps to show.");
			const bytes = row.read?.map(({ value }) => hexByte(value)).join(" ");
			if (isTorn(row)) return yes(`Step ${at + 1} is it: ${row.who} fetches ${bytes}, bytes of different moments.`);
			return no(
				hasTornStep(found)
					? `Step ${at + 1} is another one: ${row.who}, ${row.text}.`
					: "Nothing is torn in this scenario: go back to one plain write across 8 bytes.",
			);
		},
	},
	{
		title: "Breakpoint, tail, head",
		room: "check",
		start: { phases: breakpoint, model: "x86", kind: "call", placement: "straddling", cpus: 2 },
		text: [
			"The way out is to write in three rounds. First the site's first byte becomes a breakpoint, so that whoever comes by is caught. Then the tail is written, which nobody can run. At last the first byte is replaced by that of the new call.",
			"After each round every CPU is interrupted, and forgets what it fetched before. Those are the dashed cards, `sync serialize`. The verdict below the cards is found by trying every order of the steps and of the fetches that the model allows.",
		],
		said: [
			"Andy Lutomirski wrote at first that calls cannot be patched while others run them, since nothing forces their alignment. Later on the same day, 5 October 2018, he corrected himself: the kernel's `text_poke_bp`, which works in these rounds, would do it, and is just really slow.",
		],
		task: "Take exactly one `sync serialize` away, so that a CPU runs an instruction that mixes old and new bytes. Select a card and press Delete, or its ×. Not each of the three does it.",
		judge(found, { phases }) {
			const missing = breakpoint.findIndex(
				(phase, i) => phase === "sync serialize" && breakpoint.toSpliced(i, 1).join() === phases.join(),
			);
			if (missing < 0) return no("The cards are not the whole protocol without one `sync serialize`.");
			const here = `Without the one after "${breakpoint[missing - 1]}" the verdict is: ${verdictOf(found)}.`;
			return hasTornStep(found) ? yes(here) : no(`${here} Nothing is torn, so put it back and try another.`);
		},
	},
	{
		title: "Other machines",
		room: "check",
		start: { phases: ONE_STORE, model: "x86", kind: "call", placement: "straddling", cpus: 2 },
		text: [
			"How much of an instruction a CPU fetches at once is a promise of its architecture, and they promise different things. The models here go from `ideal`, where a write is seen at once and whole, to those that promise next to nothing.",
			"Where a whole site lies inside of what is stored at once and fetched at once, no breakpoint is needed: one store, and one round of interrupts for those who fetched before it.",
		],
		said: [
			"In his proposal of 5 October 2018 Andy Lutomirski left two doors open for patching at run time: architectures whose instructions are aligned well enough, or a compiler that aligns calls to the function.",
		],
		task: "Leave the two cards as they are. Find a machine other than `ideal`, and a place of the site, where they are safe with two CPUs.",
		judge(found, { phases, model, placement, cpus }) {
			if (phases.join() !== ONE_STORE.join()) return no("The cards are others: `write whole`, then `sync serialize`.");
			if (cpus < 2) return no("With one CPU nobody runs beside the patcher. Take two.");
			const here = `On ${model}, with a site that is ${placement}, the verdict is: ${verdictOf(found)}.`;
			if (found.verdict.verdict !== "safe") return no(here);
			return model === "ideal" ? no(`${here} Now find a machine that promises less.`) : yes(here);
		},
	},
];
