// What each call of a case does, and whether it came out as it had to: a call that may be refused is, one that may not is
// not, and what is executed returns what was written.

import { assemble } from "../../../linker/compile/assemble.ts";
import type { ElfObject } from "../../../linker/elf/object.ts";
import { hex } from "../../../linker/hex.ts";
import { encode } from "../../../linker/isa/index.ts";
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
} from "../../execmem/execmem.ts";
import { memoryTypes } from "../../execmem/memory-types.ts";
import { loadModule } from "../../module/load.ts";
import { unloadModule } from "../../module/unload.ts";
import { staticCalls } from "../../patch/change/static-calls.ts";
import { randomFrom, type StressCall } from "./case.ts";
import { letCall, Mail, mailOf, type Piece, type Stage, tellAll, toWorker } from "./stage.ts";

/** Bytes. */
const MOST_WRITTEN = 1024;

/** @returns what went wrong */
export function perform(stage: Stage, call: StressCall): string | undefined {
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
			return finishSlot(stage, piece, call.atRest);
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

function finishSlot(stage: Stage, piece: Piece, atRest: boolean): string | undefined {
	const { execmem } = stage;
	if (atRest && piece.use === "in-place") tellAll(stage, Mail.rest, 1);
	const outcome =
		piece.use === "jit" && execmem.handles.has(piece.handle!)
			? jitMap(execmem, piece.handle!)
			: piece.use === "in-place"
				? jitFinalize(execmem, piece.address, atRest ? "rest" : "ipi")
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

function flushAll(stage: Stage): string | undefined {
	return expectOutcome(stage, execmemFlush(stage.execmem), true, () => {});
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
