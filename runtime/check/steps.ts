// The steps of agents as text: the patchers' own steps, spelled by hand.

import { LinkError, suggestion } from "../../linker/errors.ts";
import type { Image } from "../../linker/link/image.ts";
import { PAGE } from "../machine/state.ts";
import type { Request, Step } from "../patch/step.ts";

type Reader = (words: readonly string[], image: Image, place: string) => Step;

const readers: Readonly<Record<string, Reader>> = {
	lock: () => ({ kind: "lock" }),
	unlock: () => ({ kind: "unlock" }),
	await: () => ({ kind: "await" }),
	arm: () => ({ kind: "arm" }),
	disarm: () => ({ kind: "disarm" }),
	/** store PLACE BYTE... */
	store: ([at, ...bytes], image, place) => ({
		kind: "store",
		address: numberOf(at, image, place),
		bytes: Uint8Array.from(bytes, (byte) => Number.parseInt(byte, 16)),
	}),
	/** publish PLACE VALUE: one word */
	publish: ([at, value], image, place) => {
		const bytes = new Uint8Array(4);
		new DataView(bytes.buffer).setUint32(0, numberOf(value, image, place), true);
		return { kind: "store", address: numberOf(at, image, place), bytes };
	},
	clean: ([at], image, place) => ({ kind: "clean", address: numberOf(at, image, place) }),
	invalidate: ([at], image, place) => ({ kind: "invalidate", address: numberOf(at, image, place) }),
	interrupt: ([request], _image, place) => {
		if (!["serialize", "flush", "park"].includes(request ?? ""))
			throw new LinkError(`${place}: interrupt serialize, flush or park, not '${request}'`);
		return { kind: "interrupt", request: request as Request };
	},
	release: ([how]) => ({ kind: "release", serialize: how !== "unserialized" }),
	/** protect PLACE none|r|rw|rx: the page that holds the place */
	protect: ([at, rights], image, place) => {
		const address = numberOf(at, image, place);
		const has = (letter: string): boolean => rights !== "none" && (rights ?? "").includes(letter);
		return {
			kind: "protect",
			address: address - (address % PAGE),
			bytes: PAGE,
			permissions: { r: has("r"), w: has("w"), x: has("x") },
		};
	},
};

/** One step. @throws LinkError naming the steps there are */
export function stepOf(text: string, image: Image, place: string): Step {
	const [verb, ...words] = text.split(/\s+/) as [string, ...string[]];
	const reader = readers[verb];
	if (reader !== undefined) return reader(words, image, place);
	const known = Object.keys(readers);
	throw new LinkError(`${place}: no step '${verb}'${suggestion(verb, known)}; there are ${known.join(", ")}`);
}

/** A label, a number, or a label plus or minus a number. */
function numberOf(text: string | undefined, image: Image, place: string): number {
	const [, label, sign, offset] = /^([A-Za-z_.$][\w.$]*)?(?:(\+|-)?(0x[0-9a-f]+|\d+))?$/i.exec(text ?? "?") ?? [];
	const number = offset === undefined ? 0 : (sign === "-" ? -1 : 1) * Number(offset);
	if (label === undefined && offset === undefined)
		throw new LinkError(`${place}: '${text}' is neither a label nor a number`);
	if (label === undefined) return number;
	const symbol = image.symbolNamed(label);
	if (symbol === undefined)
		throw new LinkError(
			`${place}: no label '${label}'${suggestion(
				label,
				image.symbols.map((one) => one.name),
			)}`,
		);
	return symbol.address + number;
}
