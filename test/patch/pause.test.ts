// A pause never changes a run: however it is cut into pieces, by clocks or by instructions, it ends in the same bytes.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compile } from "../../linker/compile/index.ts";
import type { Image } from "../../linker/link/image.ts";
import { link } from "../../linker/link/link.ts";
import type { FetchPolicy } from "../../runtime/machine/index.ts";
import { byDefault, change, run, type System, takeTurn } from "../../runtime/patch/index.ts";
import { howMany } from "../extent.ts";
import { programNamed } from "../language/programs.ts";
import { digestOf, imageOf, modelNamed, protocolNamed, systemOf } from "../machines.ts";

/** CPUs that call through a site and count, mask interrupts now and then, and trap where it is patched. */
const counting = imageOf(`
	.global main
	.static_call pick, one
	.type main, @function
main:	movi	r8, 0
again:	call	__SCT__pick
	cli
	addi	r9, r9, 1
	ld	r1, [r10 + shared]
	addi	r1, r1, 1
	st	[r10 + shared], r1
	sti
	addi	r8, r8, 1
	cmpi	r8, 60
	jne	again
	ret
	.type one, @function
one:	movi	r0, 1
	ret
	.type two, @function
two:	movi	r0, 2
	mul	r2, r2, r0
	ret
	.data
	.balign 4
shared:	.word 0
`);

interface Case {
	readonly cpus: number;
	readonly model: string;
	readonly fetch: FetchPolicy;
	readonly protocol: string;
	readonly seed: number;
}

const cases = fc.record({
	cpus: fc.integer({ min: 1, max: 4 }),
	model: fc.constantFrom("ideal", "x86", "arm", "riscv", "x86-tso", "arm-tso"),
	fetch: fc.constantFrom<FetchPolicy>("fresh", "stale", "random"),
	protocol: fc.constantFrom("breakpoint", "stop-machine"),
	seed: fc.integer({ min: 1, max: 2 ** 31 - 1 }),
});

function systemFor(image: Image, { cpus, model, fetch, protocol, seed }: Case): System {
	const entries = Array(cpus).fill("main");
	const patching = protocolNamed(protocol);
	const system = systemOf(image, {
		entries,
		model: modelNamed(model),
		fetch,
		seed,
		protocol: patching,
		histories: 256,
	});
	for (const [i, to] of ["two", byDefault].entries()) {
		const changes = [change(image, "pick", to)];
		system.queue.push({ changes, cpu: undefined, clock: (500 + 700 * i) * 16 });
	}
	return system;
}

/** All that a run leaves behind. */
function traces({ machine, output, counts, deaths }: System): object {
	return { words: digestOf(machine), output, counts: { ...counts }, deaths };
}

describe("a run that is paused", () => {
	test("at random clocks", () => {
		fc.assert(
			fc.property(cases, fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 60 }), (one, pauses) => {
				const whole = systemFor(counting, one);
				const end = run(whole);
				const pieces = systemFor(counting, one);
				let at = 0;
				let paused = run(pieces, { cycles: 0 });
				for (const more of pauses) {
					at += more;
					if (paused.kind === "limit") paused = run(pieces, { cycles: at });
				}
				if (paused.kind === "limit") paused = run(pieces);
				expect(paused).toEqual(end);
				expect(traces(pieces)).toEqual(traces(whole));
			}),
			{ numRuns: howMany(8, 25) },
		);
	});

	test("after random numbers of instructions, which add up", () => {
		fc.assert(
			fc.property(cases, fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 20 }), (one, most) => {
				const whole = systemFor(counting, one);
				const pieces = systemFor(counting, one);
				const steps = [whole, pieces].map((system, which) => {
					const reach = { clock: Number.POSITIVE_INFINITY, instructions: Number.POSITIVE_INFINITY, steps: 0 };
					for (let i = 0; ; i++) {
						if (which === 1) reach.instructions = most[i % most.length]!;
						const end = takeTurn(system, reach);
						if (end !== undefined) return [reach.steps, end];
					}
				});
				expect(steps[1]).toEqual(steps[0]);
				expect(traces(pieces)).toEqual(traces(whole));
			}),
			{ numRuns: howMany(8, 25) },
		);
	});

	test("is told of an update as if it had known from the start", () => {
		fc.assert(
			fc.property(cases, fc.integer({ min: 1, max: 3000 }), fc.integer({ min: 0, max: 3000 }), (one, pause, later) => {
				const updates = [{ at: pause + later, changes: [change(counting, "pick", "two")] }];
				const whole = systemFor(counting, one);
				const pieces = systemFor(counting, one);
				whole.queue.length = 0;
				pieces.queue.length = 0;
				const end = run(whole, { updates });
				if (run(pieces, { cycles: pause }).kind !== "limit") return;
				expect(run(pieces, { updates })).toEqual(end);
				expect(traces(pieces)).toEqual(traces(whole));
			}),
			{ numRuns: howMany(8, 25) },
		);
	});

	test.each(["workers", "scheduler"])("of the program %s", (name) => {
		const { modules, main } = programNamed(name);
		const image = link(
			[...modules].map(([file, text]) => compile(text, { file })),
			{ name: main },
		);
		for (const seed of [1, 2, 3]) {
			const options = { model: modelNamed("x86"), cpus: 3, seed };
			const whole = systemOf(image, options);
			const end = run(whole);
			const pieces = systemOf(image, options);
			let paused = run(pieces, { cycles: 0 });
			for (let at = 0; paused.kind === "limit"; at += 777) paused = run(pieces, { cycles: at });
			expect(paused).toEqual(end);
			expect(traces(pieces)).toEqual(traces(whole));
		}
	});
});
