// A program that does nothing but call its static calls, through sites of every kind, and counts on every CPU what they
// gave. It checks its own stack and results, so a call that went wrong traps.

import { idle } from "../../runtime/load.ts";
import { Patcher } from "../../runtime/machine/layout.ts";
import { TICKS_PER_CYCLE } from "../../runtime/machine/profile.ts";
import { now } from "../../runtime/patch/drive/run.ts";
import { change, planUpdate, type RunEnd, run, submit, type TargetName } from "../../runtime/patch/index.ts";
import { getPatcher, Life, type System } from "../../runtime/patch/system.ts";
import { imageOf, type SystemOptions, systemOf, wordAt } from "../machines.ts";

/** Results 0..3; `pick` gives 1 or 2 (0 for ret0), `hook` gives 0 (nobody called) or 3. */
const RESULTS = 4;

const source = `
	.global worker, main
	.static_call pick, one
	.static_call hook, null
	.type worker, @function
main:
worker:	cpuid	r9
	shli	r9, r9, ${Math.log2(RESULTS)}
	mov	r11, sp
again:	call	aligned
	call	count
	call	straddling
	call	count
	call	tail
	call	count
	call	taken
	call	count
	call	passed_by
	call	count
	movi	r0, 0
	call	__SCT__hook
	call	count
	movi	r0, 0
	call	hook_tail
	call	count
	movi	r0, 0
	call	hook_taken
	call	count
	ld	r1, [r10 + going]
	cmpi	r1, 0
	jne	again
	ret

	.balign 8
	.type aligned, @function
aligned:
	call	__SCT__pick
	ret
	.balign 8
	nop; nop; nop; nop; nop; nop
	.type straddling, @function
straddling:
	call	__SCT__pick
	ret
	.balign 8
	nop; nop; nop
	.type tail, @function
tail:	jmp	__SCT__pick
	.type taken, @function
taken:	cmp	r0, r0
	jeq	__SCT__pick
	brk
	.type passed_by, @function
passed_by:
	cmpi	r0, 9
	jeq	__SCT__pick
	ret
	.type hook_tail, @function
hook_tail:
	jmp	__SCT__hook
	.type hook_taken, @function
hook_taken:
	cmp	r0, r0
	jeq	__SCT__hook
	brk

# Adds to the count of the result in r0.
	.type count, @function
count:	bound	r0, ${RESULTS}
	addi	r1, sp, 4
	cmp	r1, r11
	jne	crooked
	add	r2, r9, r0
	ldx	r1, [counts + r2*4]
	addi	r1, r1, 1
	stx	[counts + r2*4], r1
	ret
crooked:
	brk

	.type one, @function
one:	movi	r0, 1
	ret
	.zero 0x1000, 0xcc
	.type two, @function
two:	movi	r0, 2
	ret
	.type three, @function
three:	movi	r0, 3
	ret

	.data
	.balign 4
going:	.word 1
counts:	.zero ${256 * RESULTS * 4}
`;

const images = { plain: imageOf(source), aligned: imageOf(source, { alignSites: true }) };

export interface HotOptions extends SystemOptions {
	readonly aligned?: boolean;
	readonly cpus?: number;
	/** One more CPU that only wakes for interrupts, far from the sites. */
	readonly idler?: boolean;
}

/** CPUs that all run the program. */
export function hotSystem(options: HotOptions = {}): System {
	const { aligned, cpus = 3, idler = false, ...rest } = options;
	const image = aligned || options.protocol?.requires === "aligned" ? images.aligned : images.plain;
	const total = idler ? cpus + 1 : cpus;
	const system = systemOf(image, { entries: Array(cpus).fill("worker"), histories: 256, ...rest, cpus: total });
	if (idler) idle(system.machine, cpus);
	return system;
}

/** How often each result came, per CPU. */
export function countsOf(system: System): number[][] {
	return system.machine.cores.map(({ id }) =>
		Array.from({ length: RESULTS }, (_, result) => wordAt(system, "counts", id * RESULTS + result)),
	);
}

/** Runs for so many more cycles. */
export function runFor(system: System, cycles: number): RunEnd {
	return run(system, { cycles: now(system) / TICKS_PER_CYCLE + cycles });
}

/** Lets a patcher begin an update. @returns its number */
export function begin(system: System, targets: Readonly<Record<string, TargetName>>): number {
	const changes = Object.entries(targets).map(([name, to]) => change(system.image, name, to));
	const update = planUpdate(system, changes, system.protocol);
	if ("refused" in update) throw new Error(update.refused);
	const patcher = submit(system, update, now(system));
	if (typeof patcher !== "number") throw new Error(patcher.refused);
	return patcher;
}

export function isAtWork(system: System, patcher: number): boolean {
	return patcher >= 0 && getPatcher(system.machine, patcher, Patcher.active) === Life.atWork;
}
