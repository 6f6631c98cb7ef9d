// The lessons, in their order.

import { protocolPhases } from "../check/known.ts";
import { isTorn } from "../check/torn.ts";
import { NOT_YET } from "../look/ask.ts";
import type { CallCost } from "../look/question.ts";
import { hexByte } from "../loom/age.ts";
import type { Found, Judged, Lesson } from "./lesson.ts";

const breakpoint = protocolPhases.breakpoint!;
const ONE_STORE: readonly string[] = ["write whole", "sync serialize"];

const no = (words: string): Judged => ({ done: false, words });
const yes = (words: string): Judged => ({ done: true, words });

/** A verdict in a few words. */
function verdictOf({ verdict }: Found): string {
	return wordsOf(verdict);
}

function wordsOf({ verdict: word, why }: Found["verdict"]): string {
	return why === undefined ? word : `${word} (${why})`;
}

function hasTornStep({ lanes }: Found): boolean {
	return lanes?.rows.some(isTorn) ?? false;
}

const texts = import.meta.glob<string>(
	"../../fixtures/check/{alternative-booted,claims/{c-written-then-mapped,e-local-imb}}.s",
	{
		query: "?raw",
		import: "default",
		eager: true,
	},
);

/** A scenario's text without its prose and what it expects, with some lines replaced. */
function scenario(name: string, replacing: Readonly<Record<string, string>>): string {
	const text = texts[`../../fixtures/check/${name}.s`]!;
	const isKept = (line: string): boolean =>
		!line.startsWith("#") || /^# (model|cpu|agent|alias|always|never|reaches):/.test(line);
	const lines = text.split("\n").filter(isKept);
	return lines.map((line) => replacing[line] ?? line).join("\n");
}

const running = scenario("alternative-booted", {
	"# cpu: 2 user off": "# cpu: 2 user",
	"# agent: copy site faster 8; start 0; start 1": "# agent: copy site faster 8",
});
const MAPPING = [
	"copy text new 8",
	"map text r",
	"interrupt flush",
	"await",
	"live text 8",
	"map text rx",
	"publish ready 1",
];
const mapped = scenario("claims/c-written-then-mapped", {
	[`# agent: ${MAPPING.join("; ")}`]: `# agent: ${MAPPING.toSpliced(0, 1).toSpliced(5, 0, MAPPING[0]!).join("; ")}`,
});
const migrating = scenario("claims/e-local-imb", {});

/** The steps of the first agent of a scenario's text. */
function agentOf(text: string): string[] {
	const [, steps = ""] = /^# agent: (.*)$/m.exec(text) ?? [];
	return steps.split(";").map((step) => step.trim());
}

/** What is below the header. */
function programOf(text: string): string {
	return text
		.split("\n")
		.filter((line) => !line.startsWith("#"))
		.join("\n")
		.trim();
}

export const lessons: readonly Lesson[] = [
	{
		name: "bytes",
		shows: "A direct call holds the distance to its callee in its own bytes; to retarget it is to write four of them.",
		questions: [
			["Which byte of the call stays the same, whoever is called?", "The first one, e8: it says that this is a call."],
			[
				"Why do the bytes of the two sites differ, though both call the same function?",
				"They hold distances, and the sites are at different places.",
			],
			["What had the linker to know to find the sites?", "The relocations that the compiler left at each of them."],
		],
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
		name: "cost",
		shows:
			"A pointer that the predictor knows costs next to nothing; what is dear is a pointer that may not be predicted.",
		questions: [
			[
				"Why are static call and plain call the same to the cycle?",
				"They are the same instruction: what can change lies in its bytes, not in memory beside it.",
			],
			[
				"What does a retpoline do?",
				"It jumps in a way that the predictor of indirect jumps has no part in, and so waits for the target.",
			],
			[
				"When is a pointer the better choice?",
				"When the target changes often: an update of code costs rounds of interrupts, a pointer one store.",
			],
		],
		title: "Why not a pointer?",
		room: "look",
		start: { chart: "calls", program: "scheduler", guess: NOT_YET },
		text: [
			"Somebody who wants to choose a function at run time takes a pointer, and calls what it points to. This program is a scheduler, whose policy is chosen so. It was built in four ways: with static calls whose sites are patched, with static calls through one trampoline, with a pointer, and with a pointer that is called through a retpoline.",
			"A retpoline keeps the predictor of indirect jumps out, since it can be made to predict what an attacker wants. So the CPU waits.",
		],
		said: [
			"On 5 October 2018 Ard Biesheuvel asked why it matters how the call is made, since all that is emitted is a jump to a function of the same prototype. Andy Lutomirski answered that an assembler statement which clobbers memory is a barrier and makes the generated code bad; if the source calls a function, what is generated is a function call.",
			"On 25 June 2023 Kent Overstreet asked, in the debate about memory for code, whether retpolines are not what keeps speculation away there too.",
		],
		task: "Guess first: how many percent longer does the whole program take with pointers and retpolines? Then measure it.",
		judge(costs, { guess, chart }) {
			if (chart !== "calls" || guess <= 0) return no("Say your guess, and measure.");
			const [inline, , pointer, retpoline] = costs as [CallCost, CallCost, CallCost, CallCost];
			const more = (way: CallCost): string => `${(100 * (way.cycles / inline.cycles - 1)).toFixed(1)} %`;
			return yes(
				`You guessed ${guess} %. It is ${more(retpoline)} with retpolines, and ${more(pointer)} with pointers alone.`,
			);
		},
	},
	{
		name: "before",
		shows: "Code that no CPU has run yet can be written by plain stores: a CPU that starts later has fetched nothing.",
		questions: [
			[
				"Why does no protocol help here, not even a breakpoint?",
				"Two instructions become others: a CPU between them goes on in the middle of the new ones.",
			],
			[
				"What else could be done while CPUs run?",
				"One could wait until each CPU was seen outside of the code, which takes a task's time, not an interrupt's.",
			],
			[
				"What of code that is loaded later, as modules are?",
				"It is new to all CPUs, if nobody could fetch from its memory before.",
			],
		],
		title: "Patch it before it runs",
		room: "check",
		start: { text: running },
		text: [
			"Two instructions of the program, at `site`, are replaced by three others at `faster` that do the same in another way. Here both CPUs run while that is done by one store of 8 bytes, and `mixed` is where they come to when they ran half of each.",
			"The line `# cpu:` says who runs, and `# agent:` what is done. A CPU that is `off` waits until an agent has `start 0` or `start 1` among its steps.",
		],
		said: [
			"On 19 June 2023 Andy Lutomirski proposed an order for code with alternatives: map it where it will be, writable and not executable; write the text and apply the alternatives; and only then make it executable, and synchronise.",
			"Mike Rapoport answered on 25 June that this is essentially how modules work today: memory is writable first, alternatives are applied, and at the end it becomes read-only and executable.",
		],
		task: "Make it safe without touching the program: let the store be made before any CPU is started. Edit the two lines at the top of the text.",
		judge({ verdict }, { text }) {
			if (programOf(text) !== programOf(running)) return no("The program is another one now; put it back.");
			const here = `The verdict is: ${wordsOf(verdict)}.`;
			if (!agentOf(text).includes("copy site faster 8"))
				return no(`${here} Nobody replaces the instructions any more.`);
			if (verdict.verdict !== "safe") return no(here);
			return /^# cpu: \d+ user off$/m.test(text) ? yes(here) : no(`${here} But CPUs ran from the beginning.`);
		},
	},
	{
		name: "plain-stores",
		shows:
			"A CPU that fetches while bytes are written may get some old and some new ones, which is an instruction that nobody wrote.",
		questions: [
			[
				"Why does one store not do?",
				"The site lies across a boundary of 8 bytes, and a store is atomic only within 8 aligned bytes.",
			],
			[
				"Would one store within 8 bytes be enough on x86?",
				"Not in this model: nothing is promised about how many bytes a fetch takes at once.",
			],
			[
				"What would one see on a real machine?",
				"A jump to a place between, and with it whatever stands there; and mostly nothing, since the moment is short.",
			],
		],
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
		name: "breakpoint",
		shows:
			"Each round of the protocol closes one way to mix old and new bytes, and a round that is missing opens it again.",
		questions: [
			[
				"What does a CPU do that comes to the breakpoint?",
				"It traps, and the handler does what the new instruction would do.",
			],
			[
				"Why is the last round needed, when nothing is torn without it?",
				"A CPU may hold the breakpoint after the handler stopped to know of it.",
			],
			["How many rounds of interrupts do 56 sites take?", "Three, if they are changed together; 168 one by one."],
		],
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
		name: "machines",
		shows: "What must be done depends on what is fetched at once, and what is stored at once.",
		questions: [
			[
				"Why does alignment help on one machine and not on another?",
				"Where 8 aligned bytes are fetched at once, a store of them is seen whole; where bytes are fetched one by one, it is not.",
			],
			[
				"Why is a sync needed after one whole store?",
				"A CPU may hold the old instruction, and call the old function after the update returned.",
			],
			["How does a compiler help?", "It pads so that no site crosses a boundary."],
		],
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
	{
		name: "mapped",
		shows:
			"Text that is written before it is mapped executable needs no barrier on a coherent machine; the other order does.",
		questions: [
			[
				"Why does no CPU need to serialize in the right order?",
				"None can have fetched from a page that it could not execute.",
			],
			[
				"What is the flush for?",
				"It takes the old right to write out of every TLB, before the right to execute is given.",
			],
			[
				"What speaks for mapping first all the same?",
				"One large executable page can be divided among many, which costs fewer entries of the TLB.",
			],
		],
		title: "Mapped before it is written",
		room: "check",
		start: { text: mapped },
		text: [
			"An agent brings new code into a page: it copies the code there, takes the right to write away, flushes the TLBs of all CPUs, gives the right to execute, and at last publishes the place: the CPUs wait for `ready`, and then jump there.",
			"Here it copies when the page is executable already. That is the order in which memory for code is handed out when it is mapped first: what was there before is executable for a moment, and a page that is executable is written.",
		],
		said: [
			"On 19 June 2023 Andy Lutomirski pointed at the order: with jit_text_alloc() the executable mapping is there before the text is, so there is no single change from absent to populated and executable, and CPUs may fill their caches with states between. He proposed to write first and to map then, which needs no synchronisation on x86, as he thought.",
			"Mike Rapoport objected on 25 June that memory which is not executable while it is written cannot be part of one large executable page that several users share.",
		],
		task: "Bring the steps of `# agent:` into an order that is safe. Keep every step, and use each once.",
		judge({ verdict }, { text }) {
			const steps = agentOf(text);
			if (programOf(text) !== programOf(mapped)) return no("The program is another one now; put it back.");
			if ([...steps].sort().join() !== [...MAPPING].sort().join())
				return no("The steps are not the same seven any more.");
			const here = `The verdict is: ${wordsOf(verdict)}.`;
			return verdict.verdict === "safe" ? yes(here) : no(here);
		},
	},
	{
		name: "migration",
		shows:
			"A barrier on the CPU that wrote helps nobody who runs on another one, and a task may be there at any moment.",
		questions: [
			[
				"The task is alone and has one thread. Who else has to execute the barrier?",
				"Every CPU that the task may come to.",
			],
			[
				"What does the machine forget by itself at a switch of tasks?",
				"Nothing on alpha: its instruction cache goes by virtual addresses, and they are the same.",
			],
			["Which two cures are there?", "A barrier at each switch of tasks, or one on every CPU before the slot is used."],
		],
		title: "A probe out of line, and a migration",
		room: "check",
		start: { text: migrating },
		text: [
			"A probe is set on an instruction. The instruction itself is copied into a slot elsewhere, and executed there. Here a task writes its slot, executes the barrier of the machine, alpha's `imb`, and jumps into the slot.",
			"A second agent is the scheduler: `exchange 0 1` gives the task to the other CPU, at any moment. That CPU may have fetched from the slot what was there before.",
		],
		said: [
			"On 11 April 2014 Oleg Nesterov asked how uprobes should copy an instruction to its slot with the caches looked after, and hoped that only the current thread could use that memory, so that no interrupt of other CPUs was needed.",
			"Linus Torvalds answered on the same day what alpha wants: an `imb`, and on other CPUs too, even if the code is local to a thread, because the thread may migrate to a CPU whose instruction cache is stale.",
		],
		task: "Make it safe on alpha while the task still migrates. A step of an agent may be `exchange 0 1 serialize`, which executes the barrier on both CPUs.",
		judge({ verdict }, { text }) {
			if (programOf(text) !== programOf(migrating)) return no("The program is another one now; put it back.");
			if (!/^# model: alpha$/m.test(text)) return no("This is another machine than alpha.");
			if (!/exchange 0 1/.test(text)) return no("The task does not migrate any more.");
			const here = `The verdict is: ${wordsOf(verdict)}.`;
			return verdict.verdict === "safe" ? yes(here) : no(here);
		},
	},
];
