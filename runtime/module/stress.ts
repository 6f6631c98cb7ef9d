// The abuser: random calls of an execmem under CPUs that never stop and see the oldest that they may, every invariant looked
// at after each, and the code that was written executed and its results compared. A case is data, so a failing one is run
// again with parts left out until nothing can be left out (`minimise`).

import { assemble } from "../../linker/compile/assemble.ts";
import type { ElfObject } from "../../linker/elf/object.ts";
import { encode, SP } from "../../linker/isa/index.ts";
import { link } from "../../linker/link/link.ts";
import {
	execmemAlloc,
	execmemFinish,
	execmemFlush,
	execmemFree,
	execmemWrite,
	executable,
	jitAlloc,
	jitFinalize,
	jitMap,
	jitMapRwInPlace,
	type Outcome,
} from "../execmem/execmem.ts";
import { brokenInvariant } from "../execmem/invariants.ts";
import { memoryTypes, type TypeName, typeNames } from "../execmem/memory-types.ts";
import { openExecmem } from "../execmem/open-execmem.ts";
import type { Execmem, Methods } from "../execmem/pieces.ts";
import { entryNamed, load as loadProgram } from "../load.ts";
import { Cpu, Status } from "../machine/layout.ts";
import { LARGE_PAGE, physicalIn, readVirtual, writePhysical } from "../machine/memory.ts";
import { models } from "../machine/models/index.ts";
import { profiles } from "../machine/profiles/index.ts";
import { type FetchPolicy, PAGE, setCpu } from "../machine/state.ts";
import { createSystem } from "../patch/create-system.ts";
import { breakpoint } from "../patch/protocols/index.ts";
import { type RunEnd, runWhile } from "../patch/run.ts";
import { staticCalls } from "../patch/static-calls.ts";
import type { System } from "../patch/system.ts";

import { loadModule } from "./load.ts";
import { createModules, type Modules } from "./modules.ts";
import { unloadModule } from "./unload.ts";

/** One call. Pieces go by slots, so that a call still means something when others are left out; one that means nothing is
 * skipped. */
export type StressCall =
	| {
			readonly call: "alloc";
			readonly slot: number;
			readonly type: TypeName;
			readonly bytes: number;
			readonly node: number;
	  }
	| { readonly call: "jit" | "in-place"; readonly slot: number; readonly bytes: number }
	| { readonly call: "write"; readonly slot: number; readonly seed: number }
	| { readonly call: "finish"; readonly slot: number; readonly grace: boolean }
	| { readonly call: "execute"; readonly slot: number; readonly cpus: number }
	| { readonly call: "free"; readonly slot: number }
	| { readonly call: "flush" }
	/** Who kept an address calls what is nobody's any more. */
	| { readonly call: "late"; readonly slot: number; readonly cpu: number }
	/** The program's static call goes to its other target. */
	| { readonly call: "patch" }
	/** A module with a site of that static call comes, is called by the CPUs of a mask, and goes. */
	| { readonly call: "load" | "unload"; readonly module: number }
	| { readonly call: "enter"; readonly module: number; readonly cpus: number };

export interface StressCase {
	readonly model: string;
	readonly fetch: FetchPolicy;
	readonly cpus: number;
	readonly nodes: number;
	readonly textPoke: boolean;
	readonly lazy: number;
	/** Large pages of memory that there is to give out. */
	readonly largePages: number;
	readonly seed: number;
	readonly calls: readonly StressCall[];
}

export interface StressFailure {
	/** Index of the call after which it was seen. */
	readonly at: number;
	readonly what: string;
}

export interface StressCounts {
	calls: number;
	/** Calls that were refused, as calls may be. */
	refused: number;
	executions: number;
	shootdowns: number;
	/** Late calls that trapped, as they must. */
	trapped: number;
}

const SLOTS = 12;
const MODULES = 4;
/** Every byte of free memory is looked at after every so many calls, and after the last. */
const DEEP = 16;
/** Cycles that CPUs have for what they are told. */
const PATIENCE = 1e7;
/** Bytes. */
const MOST_WRITTEN = 1024;
const MAILBOX = 32;
const MOST_CPUS = 4;
/** Where in a mailbox. */
const Mail = { task: 0, result: 4, hook: 8, rest: 12 } as const;

const image = link(
	[
		assemble(
			`	.static_call hook, one
	.global worker, one, two, hook
	.type worker, @function
	.type one, @function
	.type two, @function
worker:	ld r1, [r13+${Mail.task}]
	cmpi r1, 0
	jeq pause
	callr r1
	st [r13+${Mail.result}], r0
	call __SCT__hook
	st [r13+${Mail.hook}], r0
	movi r1, 0
	st [r13+${Mail.task}], r1
	jmp worker
pause:	ld r1, [r13+${Mail.rest}]
	cmpi r1, 0
	jeq worker
	serialize
	jmp worker
one:	movi r0, 1
	ret
two:	movi r0, 2
	ret
	.data
	.balign 8
mail:	.zero ${MAILBOX * MOST_CPUS}
`,
			{ file: "worker.s" },
		),
	],
	{ entry: "worker" },
);

interface Piece {
	readonly address: number;
	readonly handle: number | undefined;
	readonly use: "plain" | "jit" | "in-place";
	readonly type: TypeName;
	readonly bytes: number;
	state: "open" | "finished" | "freed" | "gone";
	/** What the code returns, once some is written; and all that was written. */
	value: number | undefined;
	content: Uint8Array | undefined;
}

interface Stage {
	readonly system: System;
	readonly execmem: Execmem;
	readonly modules: Modules;
	readonly slots: (Piece | undefined)[];
	readonly counts: StressCounts;
	readonly mail: number;
	/** CPUs that trapped since one looked. */
	readonly trapped: number[];
	hook: number;
}

/** A random case. */
export function stressCase(seed: number, calls: number, fixed: Partial<StressCase> = {}): StressCase {
	const random = randomFrom(seed);
	const pick = <T>(list: readonly T[]): T => list[random(list.length)]!;
	const made: StressCase = {
		model: pick(models).name,
		fetch: pick(["stale", "random"] as const),
		cpus: 1 + random(MOST_CPUS),
		nodes: 1 + random(2),
		textPoke: random(4) !== 0,
		lazy: pick([1, 4, 16]),
		largePages: 3 + random(4),
		seed,
		calls: [],
		...fixed,
	};
	const expected = Array.from({ length: SLOTS }, (): Expected => "none");
	let slot = 0;
	const next = (): StressCall => {
		if (random(2) === 0) slot = random(SLOTS);
		return randomCall(random, slot, made, expected);
	};
	return { ...made, calls: Array.from({ length: calls }, next) };
}

type Random = (bound: number) => number;

/** How far a slot probably is: mostly the call that makes sense is made, sometimes any. */
type Expected = "none" | "open" | "written" | "finished";

function randomCall(random: Random, slot: number, { nodes, cpus }: StressCase, expected: Expected[]): StressCall {
	const kind = random(5) === 0 ? (["none", "open", "written", "finished"] as const)[random(4)]! : expected[slot]!;
	const next = (stage: Expected): void => {
		expected[slot] = stage;
	};
	if (random(30) === 0) return { call: "patch" };
	if (random(6) === 0) return moduleCall(random, cpus);
	if (random(30) === 0) return { call: "flush" };
	switch (kind) {
		case "none":
			if (random(6) === 0) return { call: "late", slot, cpu: random(cpus) };
			next("open");
			return randomAllocation(random, slot, nodes);
		case "open":
			next("written");
			return { call: "write", slot, seed: random(2 ** 30) };
		case "written":
			next("finished");
			return { call: "finish", slot, grace: random(3) === 0 };
		case "finished":
			if (random(3) !== 0) return { call: "execute", slot, cpus: 1 + random(2 ** cpus - 1) };
			next("none");
			return { call: "free", slot };
	}
}

function moduleCall(random: Random, cpus: number): StressCall {
	const module = random(MODULES);
	if (random(2) === 0) return { call: "enter", module, cpus: 1 + random(2 ** cpus - 1) };
	return { call: random(3) === 0 ? "unload" : "load", module };
}

function randomAllocation(random: Random, slot: number, nodes: number): StressCall {
	const bytes = 8 + random(random(8) === 0 ? 3 * PAGE : 600);
	if (random(3) === 0) return { call: random(2) === 0 ? "jit" : "in-place", slot, bytes };
	const huge = random(30) === 0 ? LARGE_PAGE + random(LARGE_PAGE) : bytes;
	return { call: "alloc", slot, type: typeNames[random(typeNames.length - 1)]!, bytes: huge, node: random(nodes) };
}

/** Carries out a case. @returns the first thing that went wrong */
export function runStress(
	one: StressCase,
	methods: Partial<Methods> = {},
	progress?: (done: number) => void,
): { readonly failure: StressFailure | undefined; readonly counts: StressCounts } {
	const stage = setUp(one, methods);
	const { length } = one.calls;
	for (const [at, call] of one.calls.entries()) {
		const what = tried(stage, call, at % DEEP === 0 || at === length - 1);
		if (what !== undefined) return { failure: { at, what }, counts: stage.counts };
		progress?.(at + 1);
	}
	stage.counts.shootdowns = stage.execmem.counts.shootdowns;
	return { failure: undefined, counts: stage.counts };
}

/** The same case with as few calls as fail: halves, quarters and so on are left out as long as it still fails. Of what is
 * returned no single call can be left out. @param progress told how many calls are left */
export function minimise(
	one: StressCase,
	methods: Partial<Methods> = {},
	progress?: (left: number) => void,
): StressCase {
	let { calls } = one;
	for (let size = calls.length; size > 0; ) {
		const shorter = leaveOut(one, calls, size, methods);
		if (shorter === undefined) size = size === 1 ? 0 : Math.ceil(size / 2);
		else calls = shorter;
		progress?.(calls.length);
	}
	return { ...one, calls };
}

/** Without so many of the calls, and without those after the failure; undefined when it does not fail then. */
function leaveOut(
	one: StressCase,
	calls: readonly StressCall[],
	size: number,
	methods: Partial<Methods>,
): readonly StressCall[] | undefined {
	for (let end = calls.length; end > 0; end -= size) {
		const rest = calls.toSpliced(Math.max(0, end - size), Math.min(size, end));
		const { failure } = runStress({ ...one, calls: rest }, methods);
		if (failure !== undefined) return rest.slice(0, failure.at + 1);
	}
	return undefined;
}

function setUp(one: StressCase, methods: Partial<Methods>): Stage {
	const machine = loadProgram(image, {
		profile: profiles.find(({ name }) => name === "in-order")!,
		model: models.find(({ name }) => name === one.model)!,
		fetch: one.fetch,
		seed: one.seed,
		cpus: one.cpus,
		stack: PAGE,
		started: false,
		spare: (one.largePages + 1) * (LARGE_PAGE / PAGE),
		histories: 1 << 16,
	});
	const system = createSystem(machine, image, breakpoint);
	const mail = image.symbolNamed("mail")!.address;
	for (const { id, r } of machine.cores) {
		r[12] = r[SP]!;
		toWorker(system, id, mail);
	}
	const trapped: number[] = [];
	const distances = [
		[10, 20],
		[20, 10],
	];
	const execmem = openExecmem(system, {
		textPoke: one.textPoke,
		lazy: one.lazy,
		methods,
		...(one.nodes > 1 && { nodes: { distances, bytes: distances.map(() => (one.largePages / 2) * LARGE_PAGE) } }),
		trapped(_, cpu) {
			trapped.push(cpu);
			toWorker(system, cpu, mail);
			return true;
		},
	});
	const counts = { calls: 0, refused: 0, executions: 0, shootdowns: 0, trapped: 0 };
	return { system, modules: createModules(execmem), execmem, slots: [], counts, mail, trapped, hook: 1 };
}

/** Lets a CPU go round anew, without a task; what it has cached stays. */
function toWorker({ machine }: System, cpu: number, mail: number): void {
	const core = machine.cores[cpu]!;
	const mine = mail + cpu * MAILBOX;
	core.r[13] = mine;
	core.r[SP] = core.r[12]!;
	writePhysical(machine, physicalIn(machine, 0, mine), new Uint8Array(4));
	setCpu(machine, cpu, Cpu.pc, entryNamed(image, "worker"));
	setCpu(machine, cpu, Cpu.status, Status.running);
}

function tried(stage: Stage, call: StressCall, deep: boolean): string | undefined {
	stage.counts.calls++;
	try {
		const what = perform(stage, call);
		markGone(stage);
		return what ?? brokenInvariant(stage.execmem, deep) ?? contentIsThere(stage) ?? strangers(stage);
	} catch (error) {
		return (error as Error).message;
	}
}

/** A CPU may trap only where it was told to. */
function strangers({ trapped }: Stage): string | undefined {
	return trapped.length === 0 ? undefined : `CPU ${trapped[0]} trapped`;
}

function perform(stage: Stage, call: StressCall): string | undefined {
	const { execmem, slots } = stage;
	switch (call.call) {
		case "alloc":
		case "jit":
		case "in-place":
			return allocateSlot(stage, call);
		case "flush":
			return flushAll(stage);
		case "patch":
			return patch(stage);
		case "load":
			return load(stage, call.module);
		case "unload":
			return unload(stage, call.module);
		case "enter":
			return enter(stage, call.module, call.cpus);
		default:
	}
	const piece = slots[call.slot];
	// Where somebody else lives by now, he would be meant.
	if (piece === undefined || (piece.state === "gone" && execmem.pieces.has(piece.address))) return undefined;
	switch (call.call) {
		case "write":
			return writeSlot(stage, piece, call.seed);
		case "finish":
			return finishSlot(stage, piece, call.grace);
		case "execute":
			return executeSlot(stage, piece, call.cpus);
		case "free":
			return expectOutcome(
				stage,
				execmemFree(execmem, piece.address),
				piece.state === "open" || piece.state === "finished",
				() => {
					piece.state = "freed";
				},
			);
		case "late":
			return callLate(stage, piece, call.cpu);
	}
}

function allocateSlot(
	stage: Stage,
	call: Extract<StressCall, { call: "alloc" | "jit" | "in-place" }>,
): string | undefined {
	const { execmem, slots, counts } = stage;
	const old = slots[call.slot];
	if (old !== undefined && old.state !== "gone") return undefined;
	const given: Outcome<{ address: number; handle?: number }> =
		call.call === "alloc"
			? execmemAlloc(execmem, { type: call.type, bytes: call.bytes, node: call.node })
			: call.call === "jit"
				? jitAlloc(execmem, call.bytes)
				: jitMapRwInPlace(execmem, call.bytes);
	if (!given.ok) {
		counts.refused++;
		return ["no-room", "out-of-memory", "too-large"].includes(given.error.kind) ? undefined : given.error.why;
	}
	slots[call.slot] = {
		address: given.address,
		handle: given.handle,
		use: call.call === "alloc" ? "plain" : call.call,
		type: call.call === "alloc" ? call.type : "jit",
		bytes: call.bytes,
		state: "open",
		value: undefined,
		content: undefined,
	};
	return undefined;
}

/** Code that returns a number of its own, from the beginning of the piece, or any bytes where nothing is executed. */
function writeSlot(stage: Stage, piece: Piece, seed: number): string | undefined {
	const random = randomFrom(seed);
	const value = 3 + random(2 ** 29);
	const bytes = Uint8Array.from({ length: Math.min(piece.bytes, MOST_WRITTEN) }, () => random(256));
	const code = memoryTypes[piece.type].permissions.x;
	if (code) {
		const ending = [...encode("movi", { a: 0, imm: value }), ...encode("ret")];
		if (ending.length > bytes.length) return undefined;
		const nops = Math.min(random(40), bytes.length - ending.length);
		bytes.fill(encode("nop")[0]!, 0, nops);
		bytes.set(ending, nops);
	}
	return expectOutcome(stage, execmemWrite(stage.execmem, piece.address, bytes), piece.state === "open", () => {
		piece.content = bytes;
		piece.value = code ? value : undefined;
	});
}

function finishSlot(stage: Stage, piece: Piece, grace: boolean): string | undefined {
	const { execmem } = stage;
	if (grace && piece.use === "in-place") tellAll(stage, Mail.rest, 1);
	const outcome =
		piece.use === "jit" && execmem.handles.has(piece.handle!)
			? jitMap(execmem, piece.handle!)
			: piece.use === "in-place"
				? jitFinalize(execmem, piece.address, grace ? "grace" : "ipi")
				: execmemFinish(execmem, piece.address);
	tellAll(stage, Mail.rest, 0);
	return expectOutcome(stage, outcome, piece.state === "open", () => {
		piece.state = "finished";
	});
}

function executeSlot(stage: Stage, { address, value, type, state }: Piece, mask: number): string | undefined {
	if (value === undefined || state !== "finished" || !executable(stage.execmem, address).ok) return undefined;
	return callAll(stage, mask, address, value, type);
}

/** The CPUs of a mask call it, and come back with what it returns; and the program's static call goes where it shall. */
function callAll(stage: Stage, mask: number, address: number, value: number, what: string): string | undefined {
	const { system, counts } = stage;
	const cpus = system.machine.cores.map(({ id }) => id).filter((id) => (mask & (1 << id)) !== 0);
	const ended = letCall(stage, cpus, address);
	if (ended !== undefined) return `a CPU that called ${what} at ${hex(address)}: ${ended.kind}`;
	for (const cpu of cpus) {
		const result = mailOf(stage, cpu, Mail.result);
		if (result !== value) return `CPU ${cpu} got ${result} from ${hex(address)}, not ${value}`;
		const hook = mailOf(stage, cpu, Mail.hook);
		if (hook !== stage.hook) return `CPU ${cpu} got ${hook} from the static call, not ${stage.hook}`;
	}
	counts.executions += cpus.length;
	return undefined;
}

/** A module is loaded once; its function adds a number of its own to what the static call returns. */
function load({ modules, counts }: Stage, module: number): string | undefined {
	if (modules.loaded.has(moduleName(module))) return undefined;
	const loaded = loadModule(modules, [moduleObject(module)], { name: moduleName(module) });
	if ("ended" in loaded) return `loading: ${loaded.ended.kind}`;
	if ("refused" in loaded) counts.refused++;
	return undefined;
}

function unload({ modules }: Stage, module: number): string | undefined {
	if (!modules.loaded.has(moduleName(module))) return undefined;
	const gone = unloadModule(modules, moduleName(module));
	return "name" in gone ? undefined : `unloading: ${"refused" in gone ? gone.refused : gone.ended.kind}`;
}

function enter(stage: Stage, module: number, mask: number): string | undefined {
	if (!stage.modules.loaded.has(moduleName(module))) return undefined;
	const { address } = stage.system.image.symbolNamed(moduleName(module))!;
	return callAll(stage, mask, address, stage.hook + moduleValue(module), "a module");
}

function moduleName(module: number): string {
	return `module${module}`;
}

function moduleValue(module: number): number {
	return 1000 * (module + 1);
}

function moduleObject(module: number): ElfObject {
	const name = moduleName(module);
	return assemble(
		`	.global ${name}
	.type ${name}, @function
${name}:	call __SCT__hook
	addi r0, r0, ${moduleValue(module)}
	ret
	.zero ${module * 700}
	.section .rodata
	.word ${module}
	.data
	.word ${module}
`,
		{ file: `${name}.s` },
	);
}

/** Freed memory that is nobody's yet again: whoever calls it traps. */
function callLate(stage: Stage, piece: Piece, cpu: number): string | undefined {
	const { system, execmem, counts, trapped, mail } = stage;
	const again = [...execmem.pieces.values()].some(
		({ piece: one }) => one.address <= piece.address && piece.address < one.address + one.bytes,
	);
	if (piece.state !== "gone" || again) return undefined;
	const ended = letCall(stage, [cpu], piece.address);
	if (ended?.kind !== "trapped") return `CPU ${cpu} called ${hex(piece.address)}, which is free, and did not trap`;
	counts.trapped++;
	trapped.length = 0;
	toWorker(system, cpu, mail);
	return undefined;
}

function letCall(stage: Stage, cpus: readonly number[], address: number): RunEnd | undefined {
	for (const cpu of cpus) tell(stage, cpu, Mail.task, address);
	return runWhile(stage.system, () => cpus.some((cpu) => mailOf(stage, cpu, Mail.task) !== 0), PATIENCE);
}

function flushAll(stage: Stage): string | undefined {
	return expectOutcome(stage, execmemFlush(stage.execmem), true, () => {});
}

/** What was freed and is flushed by now. */
function markGone({ slots, execmem }: Stage): void {
	for (const piece of slots)
		if (piece?.state === "freed" && execmem.pieces.get(piece.address)?.state !== "freed") piece.state = "gone";
}

function patch(stage: Stage): string | undefined {
	const to = stage.hook === 1 ? 2 : 1;
	const updated = staticCalls(stage.system).update({ hook: to === 1 ? "one" : "two" });
	if (!("sites" in updated)) return "the static call was not updated";
	stage.hook = to;
	return undefined;
}

/** A call succeeds when it may, and is refused when it may not. */
function expectOutcome({ counts }: Stage, outcome: Outcome, wanted: boolean, then: () => void): string | undefined {
	if (outcome.ok !== wanted)
		return outcome.ok
			? "a call that should be refused was not"
			: `refused: ${outcome.error.kind}: ${outcome.error.why}`;
	if (outcome.ok) then();
	else counts.refused++;
	return undefined;
}

/** What was written is what memory holds, where somebody may look. */
function contentIsThere({ system, slots }: Stage): string | undefined {
	for (const piece of slots) {
		if (piece?.content === undefined || piece.state === "freed" || piece.state === "gone") continue;
		const found = readVirtual(system.machine, 0, piece.address, piece.content.length);
		const wrong = found?.findIndex((byte, i) => byte !== piece.content![i]) ?? -1;
		if (wrong >= 0) return `${hex(piece.address + wrong)} of ${piece.type} does not hold what was written`;
	}
	return undefined;
}

function tellAll(stage: Stage, field: number, value: number): void {
	for (const { id } of stage.system.machine.cores) tell(stage, id, field, value);
}

function tell({ system, mail }: Stage, cpu: number, field: number, value: number): void {
	const bytes = new Uint8Array(4);
	new DataView(bytes.buffer).setUint32(0, value, true);
	writePhysical(system.machine, physicalIn(system.machine, 0, mail + cpu * MAILBOX + field), bytes);
}

function mailOf({ system, mail }: Stage, cpu: number, field: number): number {
	const { machine } = system;
	return machine.words[(machine.layout.memory + physicalIn(machine, 0, mail + cpu * MAILBOX + field)) >> 2]!;
}

/** xorshift32: numbers below a bound. */
function randomFrom(seed: number): Random {
	let x = Math.imul(seed + 1, 0x9e3779b1) | 1;
	return (bound) => {
		x ^= x << 13;
		x ^= x >>> 17;
		x ^= x << 5;
		return (x >>> 0) % bound;
	};
}

function hex(value: number): string {
	return `0x${value.toString(16)}`;
}
