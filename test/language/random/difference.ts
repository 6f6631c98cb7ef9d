// What a random program does under Node, held against what it does on the machine in every mode, settled at boot or not. Where
// Node's exact arithmetic leaves 32 bits, an index its table or a remainder the numbers, the machine traps on that line, having
// printed the same so far.

import { isDeepStrictEqual } from "node:util";
import * as source from "../../../linker/compile/source.ts";
import { Stop } from "../../../linker/isa/index.ts";
import type { Image } from "../../../linker/link/index.ts";
import type { BootOptions } from "../../../runtime/patch/index.ts";
import { buildAll, execute } from "../modes.ts";
import type { RandomProgram } from "./program.ts";

class Trap extends Error {
	readonly kind: keyof typeof Stop;
	readonly place: number;
	/** Whether the machine may as well go on: it does where it knows that the other type holds a difference of small uints, or a
	 * sum of what never changes. */
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
			throw new Trap("overflow", place, value >= -(2 ** 31) && value < 2 ** 32);
		return value;
	},
	$index(value: number, length: number, place: number): number {
		if (value < 0 || value >= length) throw new Trap("bounds", place);
		return value;
	},
	$quotient(value: number, type: "int" | "uint", place: number): number {
		if (!Number.isFinite(value)) throw new Trap("divide", place);
		return checks.$exact(value, type, place);
	},
	$set(table: Int32Array, other: Int32Array, at: number, place: number): void {
		if (at + other.length > table.length) throw new Trap("bounds", place);
		table.set(other, at);
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
	const run = new Function(...Object.keys(given), `"use strict";\n${text}\nmain();`);
	let trap: Trap | undefined;
	let left: unknown;
	const output = source.capturePrint(() => {
		try {
			run(...Object.values(given));
		} catch (error) {
			if (error instanceof Trap) trap = error;
			else left = error;
		}
	});
	return { output, trap, left };
}

export interface Difference {
	/** How the program was built, or that it ran under Node. */
	readonly mode: string;
	readonly got: unknown;
	readonly wanted: unknown;
}

/** Runs a program under Node and in every mode on the machine. @returns the first difference, if there is one */
export function differenceOf(program: RandomProgram): Difference | undefined {
	const { output, trap, left } = runUnderNode(program.checked);
	if (left !== undefined) return { mode: "checked under Node", got: String(left), wanted: undefined };
	const plain = trap === undefined || trap.perhaps ? runUnderNode(program.plain) : undefined;
	if (trap === undefined && !isDeepStrictEqual(plain, { output, trap, left }))
		return { mode: "plain under Node", got: plain, wanted: { output, trap, left } };
	const wanted = trap === undefined ? "halted" : { stop: Stop[trap.kind], ...program.places[trap.place] };
	for (const [mode, image] of buildAll(program)) {
		const found =
			different(mode, image, undefined) ??
			(mode === "inline" && image.operations.length > 0 ? different("settled", image, {}) : undefined);
		if (found !== undefined) return found;
	}
	return undefined;

	function different(mode: string, image: Image, options: BootOptions | undefined): Difference | undefined {
		const { end, ...run } = execute(image, undefined, options);
		const at = end.kind === "trapped" ? image.lines.at(end.pc) : undefined;
		const got = end.kind === "trapped" ? { stop: end.stop, file: at?.file, line: at?.line } : end.kind;
		const all =
			trap?.perhaps && !isDeepStrictEqual(got, wanted)
				? [plain!.output.slice(0, run.output.length), run.output]
				: [
						{ output, end: wanted },
						{ output: run.output, end: got },
					];
		return isDeepStrictEqual(all[0], all[1]) ? undefined : { mode, got: all[1], wanted: all[0] };
	}
}
