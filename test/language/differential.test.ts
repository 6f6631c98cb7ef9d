// Random programs print the same under Node and on the machine, in every mode, settled at boot or not; and where Node's exact arithmetic leaves
// 32 bits, an index its table or a remainder the numbers, the machine traps on that line, having printed the same so far.

import { isDeepStrictEqual } from "node:util";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import * as source from "../../linker/compile/source.ts";
import { Stop } from "../../linker/isa/index.ts";
import type { Image } from "../../linker/link/index.ts";
import type { BootOptions } from "../../runtime/patch/index.ts";
import { everything, howMany } from "../extent.ts";
import { buildAll, execute } from "./modes.ts";
import { type RandomProgram, randomProgram } from "./random/program.ts";

class Trap extends Error {
	readonly kind: keyof typeof Stop;
	readonly place: number;
	/** Whether the machine may as well go on: it does where it knows that int holds a difference of small uints. */
	readonly perhaps: boolean;

	constructor(kind: keyof typeof Stop, place: number, perhaps = false) {
		super(kind);
		this.kind = kind;
		this.place = place;
		this.perhaps = perhaps;
	}
}

const checks = {
	$exact(value: number, type: "int" | "uint", place: number): number {
		if (value !== (type === "int" ? value | 0 : value >>> 0))
			throw new Trap("overflow", place, type === "uint" && value < 0);
		return value;
	},
	$index(value: number, length: number, place: number): number {
		if (value < 0 || value >= length) throw new Trap("bounds", place);
		return value;
	},
	$number(value: number, place: number): number {
		if (Number.isNaN(value)) throw new Trap("divide", place);
		return value;
	},
};

interface Reference {
	readonly output: readonly string[];
	readonly trap: Trap | undefined;
	/** What ended it, if that was nothing the machine traps on. */
	readonly left: unknown;
}

function runUnderNode(text: string): Reference {
	const given = { ...source, ...checks };
	const main = new Function(...Object.keys(given), `"use strict";\n${text}\nreturn main;`)(...Object.values(given));
	let trap: Trap | undefined;
	let left: unknown;
	const output = source.capturePrint(() => {
		try {
			main();
		} catch (error) {
			if (error instanceof Trap) trap = error;
			else left = error;
		}
	});
	return { output, trap, left };
}

function compare(program: RandomProgram): void {
	const { output, trap, left } = runUnderNode(program.checked);
	expect(left).toBe(undefined);
	const plain = trap === undefined || trap.perhaps ? runUnderNode(program.plain) : undefined;
	if (trap === undefined) expect(plain).toEqual({ output, trap, left });
	const wanted = trap === undefined ? "halted" : { stop: Stop[trap.kind], ...program.places[trap.place] };
	for (const [mode, image] of buildAll(program)) {
		check(mode, image, undefined);
		if (mode === "inline" && image.operations.length > 0) check("settled", image, {});
	}

	function check(mode: string, image: Image, options: BootOptions | undefined): void {
		const { end, ...run } = execute(image, undefined, options);
		const at = end.kind === "trapped" ? image.lines.at(end.pc) : undefined;
		const got = end.kind === "trapped" ? { stop: end.stop, file: at?.file, line: at?.line } : end.kind;
		if (trap?.perhaps && !isDeepStrictEqual(got, wanted)) {
			expect(plain!.output.slice(0, run.output.length)).toEqual(run.output);
			return;
		}
		expect({ mode, output: run.output, end: got }).toEqual({ mode, output, end: wanted });
	}
}

const RUNS = howMany(400, 2000);

test(`${RUNS} random programs`, () => {
	const arbitrary = fc.record({ seed: fc.integer(), size: fc.integer({ min: 1, max: 5 }) });
	fc.assert(
		fc.property(arbitrary, ({ seed, size }) => compare(randomProgram(seed, size))),
		{ numRuns: RUNS, ...(everything ? {} : { seed: 1 }) },
	);
});
