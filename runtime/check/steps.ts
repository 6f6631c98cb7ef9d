// The steps of agents as text: the patchers' own steps, spelled by hand.

import { LinkError, suggestion } from "../../linker/errors.ts";
import { hex } from "../../linker/hex.ts";
import { encode } from "../../linker/isa/encode.ts";
import type { Image } from "../../linker/link/image.ts";
import type { Permissions } from "../machine/memory.ts";
import type { Model } from "../machine/model.ts";
import { PAGE } from "../machine/state.ts";
import { wordBytes } from "../machine/words.ts";
import {
	copyToUserPage,
	flushDcachePage,
	flushIcacheRange,
	flushIcacheUserRange,
	syncCores,
	type UserSpace,
} from "../patch/cache-maintenance.ts";
import { atomicStores, type Request, type Step } from "../patch/step.ts";

type Reader = (words: readonly string[], image: Image, place: string, model: Model) => Step | Step[];

const readers: Readonly<Record<string, Reader>> = {
	lock: () => ({ kind: "lock" }),
	unlock: () => ({ kind: "unlock" }),
	await: () => ({ kind: "await" }),
	arm: () => ({ kind: "arm" }),
	disarm: () => ({ kind: "disarm" }),
	/** store PLACE BYTE...: one atomic store inside an aligned 8 bytes, as many as it takes otherwise */
	store: ([at, ...bytes], image, place) =>
		atomicStores(
			numberOf(at, image, place),
			Uint8Array.from(bytes, (byte) => digits(byte, 16, place)),
		),
	/** copy PLACE FROM COUNT: the bytes that the program has at another place */
	copy: ([at, from, count], image, place) =>
		atomicStores(
			numberOf(at, image, place),
			bytesAt(image, numberOf(from, image, place), digits(count, 10, place), place),
		),
	/** fill PLACE COUNT: with breakpoints */
	fill: ([at, count], image, place) =>
		atomicStores(numberOf(at, image, place), new Uint8Array(digits(count, 10, place)).fill(encode("brk")[0]!)),
	/** publish PLACE VALUE: one word */
	publish: ([at, value], image, place) => {
		const bytes = wordBytes(numberOf(value, image, place));
		return { kind: "store", address: numberOf(at, image, place), bytes };
	},
	clean: ([at], image, place) => ({ kind: "clean", address: numberOf(at, image, place) }),
	invalidate: ([at], image, place) => ({ kind: "invalidate", address: numberOf(at, image, place) }),
	interrupt: ([request], _image, place) => {
		if (!["serialize", "flush", "park", "grace"].includes(request ?? ""))
			throw new LinkError(`${place}: interrupt serialize, flush, park or grace, not '${request}'`);
		return { kind: "interrupt", request: request as Request };
	},
	release: ([how]) => ({ kind: "release", serialize: how !== "unserialized" }),
	/** protect PLACE none|r|rw|rx: the page of text that holds the place, in every mapping */
	protect: ([at, rights], image, place) => ({ kind: "protect", ...pageOf(at, rights, image, place) }),
	/** map PLACE none|r|rw|rx: the page that holds the place, be it text or not */
	map: ([at, rights], image, place) => ({ kind: "map", ...pageOf(at, rights, image, place) }),
	/** after PATCHER: patchers count from 0, in the order of the header, agents behind them */
	after: ([patcher], _image, place) => ({ kind: "after", patcher: digits(patcher, 10, place) }),
	/** serialize CPU, flush CPU: by itself, now */
	serialize: ([cpu], _image, place) => ({ kind: "serialize", cpu: digits(cpu, 10, place) }),
	flush: ([cpu], _image, place) => ({ kind: "flush", cpu: digits(cpu, 10, place) }),
	/** start CPU: one that is off */
	start: ([cpu], _image, place) => ({ kind: "start", cpu: digits(cpu, 10, place) }),
	/** exchange CPU CPU [serialize]: they go on with each other's tasks */
	exchange: ([a, b, how], _image, place) => ({
		kind: "exchange",
		cpus: [digits(a, 10, place), digits(b, 10, place)],
		serialize: how === "serialize",
	}),
	/** vacate PLACE COUNT: until no CPU is there or will return there */
	vacate: ([at, count], image, place) => ({
		kind: "vacate",
		address: numberOf(at, image, place),
		bytes: digits(count, 10, place),
	}),
	/** migrate CPU CPU: the same, by the way back to the program that the model has */
	migrate: ([a, b], _image, place, { returns }) => ({
		kind: "exchange",
		cpus: [digits(a, 10, place), digits(b, 10, place)],
		serialize: returns === "barrier",
	}),
	/** return CPU: goes back to its program, which is an instruction barrier on some models */
	return: ([cpu], _image, place, { returns }) =>
		returns === "barrier" ? { kind: "serialize", cpu: digits(cpu, 10, place) } : [],
	syncCores: () => syncCores(),
	/** flushIcacheRange PLACE COUNT */
	flushIcacheRange: ([at, count], image, place, model) =>
		flushIcacheRange(model, [{ address: numberOf(at, image, place), length: digits(count, 10, place) }]),
	/** flushDcachePage PLACE */
	flushDcachePage: ([at], image, place, model) => flushDcachePage(model, pageAt(numberOf(at, image, place))),
	/** flushIcacheUserRange PLACE COUNT by CPU [of CPU...] [threads N] [pinned] */
	flushIcacheUserRange: ([at, count, ...who], image, place, model) => {
		const address = numberOf(at, image, place);
		return flushIcacheUserRange(model, userOf(who, place), pageAt(address), address, digits(count, 10, place));
	},
	/** copyToUserPage PLACE BYTE... [equal] by CPU [of CPU...] [threads N] [pinned]; `equal`: memory holds them already */
	copyToUserPage: ([at, ...words], image, place, model) => {
		const address = numberOf(at, image, place);
		const by = words.indexOf("by");
		const equal = words[by - 1] === "equal";
		const bytes = Uint8Array.from(words.slice(0, equal ? by - 1 : by), (byte) => digits(byte, 16, place));
		const user = userOf(words.slice(by), place);
		return copyToUserPage(model, user, pageAt(address), address, bytes, equal ? bytes : undefined);
	},
	/** live PLACE COUNT, free PLACE COUNT: who executes there before or after breaks `freed` */
	live: ([at, count], image, place) => ({
		kind: "live",
		address: numberOf(at, image, place),
		bytes: digits(count, 10, place),
	}),
	free: ([at, count], image, place) => ({
		kind: "free",
		address: numberOf(at, image, place),
		bytes: digits(count, 10, place),
	}),
};

function pageAt(address: number): number {
	return address - (address % PAGE);
}

/** by CPU [of CPU...] [threads N] [pinned] */
function userOf(words: readonly string[], place: string): UserSpace {
	const [, by, of = "", threads = "1", pinned] =
		/^by (\d+)(?: of((?: \d+)+))?(?: threads (\d+))?( pinned)?$/.exec(words.join(" ")) ?? [];
	if (by === undefined)
		throw new LinkError(`${place}: '${words.join(" ")}' is not 'by CPU [of CPU...] [threads N] [pinned]'`);
	const cpus = (of === "" ? by : of.trim()).split(" ").map(Number);
	return { cpu: Number(by), cpus, threads: Number(threads), migrates: pinned === undefined };
}

function pageOf(
	at: string | undefined,
	rights: string | undefined,
	image: Image,
	place: string,
): { readonly address: number; readonly bytes: number; readonly permissions: Permissions } {
	const address = numberOf(at, image, place);
	if (!["none", "r", "rw", "rx"].includes(rights ?? ""))
		throw new LinkError(`${place}: rights are none, r, rw or rx, not '${rights}'`);
	const has = (letter: string): boolean => rights !== "none" && rights!.includes(letter);
	return {
		address: pageAt(address),
		bytes: PAGE,
		permissions: { r: has("r"), w: has("w"), x: has("x") },
	};
}

function digits(text: string | undefined, base: 10 | 16, place: string): number {
	const known = base === 10 ? /^\d+$/ : /^[0-9a-f]{1,2}$/i;
	if (!known.test(text ?? ""))
		throw new LinkError(`${place}: '${text}' is no ${base === 10 ? "number" : "byte in hex"}`);
	return Number.parseInt(text!, base);
}

/** Bytes of the image before anything ran. */
export function bytesAt(image: Image, address: number, count: number, place: string): Uint8Array {
	const segment = image.segments.find(
		(one) => address >= one.address && address + count <= one.address + one.data.length,
	);
	if (segment === undefined) throw new LinkError(`${place}: the program has no ${count} bytes at ${hex(address)}`);
	return segment.data.slice(address - segment.address, address - segment.address + count);
}

/** One step as written: several where a store is too long for one. @throws LinkError naming the steps there are */
export function stepsOf(text: string, image: Image, place: string, model: Model): Step[] {
	const [verb, ...words] = text.split(/\s+/) as [string, ...string[]];
	const reader = readers[verb];
	if (reader !== undefined) return [reader(words, image, place, model)].flat();
	const known = Object.keys(readers);
	throw new LinkError(`${place}: no step '${verb}'${suggestion(verb, known)}; there are ${known.join(", ")}`);
}

/** A label, a number, or a label plus or minus a number. */
export function numberOf(text: string | undefined, image: Image, place: string): number {
	const [, label, sign, offset] = /^([A-Za-z_.$][\w.$]*)?(?:(\+|-)?(0x[0-9a-f]+|\d+))?$/i.exec(text ?? "?") ?? [];
	const number = offset === undefined ? 0 : (sign === "-" ? -1 : 1) * Number(offset);
	if (label === undefined && offset === undefined)
		throw new LinkError(`${place}: '${text}' is neither a label nor a number`);
	if (label === undefined) return number;
	return addressOf(image, label, place) + number;
}

/** @throws LinkError with the nearest label */
export function addressOf(image: Image, label: string, place: string): number {
	const symbol = image.symbolNamed(label);
	if (symbol !== undefined) return symbol.address;
	const names = image.symbols.map(({ name }) => name);
	throw new LinkError(`${place}: no label '${label}'${suggestion(label, names)}`);
}
