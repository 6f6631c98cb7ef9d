// The steps of agents as text: the patchers' own steps, spelled by hand.

import { LinkError, suggestion } from "../../linker/errors.ts";
import { hex } from "../../linker/hex.ts";
import { encode } from "../../linker/isa/encode.ts";
import type { Image } from "../../linker/link/image.ts";
import type { Permissions } from "../machine/page-entry.ts";
import { physicalIn } from "../machine/page-table.ts";
import { type Machine, PAGE } from "../machine/state.ts";
import { wordBytes } from "../machine/words.ts";
import {
	copyToUserPage,
	flushDcachePage,
	flushIcacheRange,
	flushIcacheUserRange,
	syncCores,
	type UserSpace,
} from "../patch/perform/cache-maintenance.ts";
import { atomicStores, type Request, requests, type Step } from "../patch/plan/step.ts";

type Reader = (words: readonly string[], image: Image, place: string, machine: Machine) => Step | Step[];

/** What may be written after the verb, and what it means. Capitals stand for a word. */
interface Form {
	readonly operands?: string;
	readonly read: Reader;
}

const forms: Readonly<Record<string, Form>> = {
	lock: { read: () => ({ kind: "lock" }) },
	unlock: { read: () => ({ kind: "unlock" }) },
	await: { read: () => ({ kind: "await" }) },
	arm: { read: () => ({ kind: "arm" }) },
	disarm: { read: () => ({ kind: "disarm" }) },
	/** One atomic store inside an aligned 8 bytes, as many as it takes otherwise. */
	store: {
		operands: "PLACE BYTE...",
		read: ([at, ...bytes], image, place) =>
			atomicStores(
				numberOf(at, image, place),
				Uint8Array.from(bytes, (byte) => digits(byte, 16, place)),
			),
	},
	/** The bytes that the program has at another place. */
	copy: {
		operands: "PLACE FROM COUNT",
		read: ([at, from, count], image, place) =>
			atomicStores(
				numberOf(at, image, place),
				bytesAt(image, numberOf(from, image, place), digits(count, 10, place), place),
			),
	},
	/** With breakpoints. */
	fill: {
		operands: "PLACE COUNT",
		read: ([at, count], image, place) =>
			atomicStores(numberOf(at, image, place), new Uint8Array(digits(count, 10, place)).fill(encode("brk")[0]!)),
	},
	/** One word. */
	publish: {
		operands: "PLACE VALUE",
		read: ([at, value], image, place) => {
			const bytes = wordBytes(numberOf(value, image, place));
			return { kind: "store", address: numberOf(at, image, place), bytes };
		},
	},
	clean: {
		operands: "PLACE",
		read: ([at], image, place) => ({ kind: "clean", address: numberOf(at, image, place) }),
	},
	invalidate: {
		operands: "PLACE",
		read: ([at], image, place) => ({ kind: "invalidate", address: numberOf(at, image, place) }),
	},
	interrupt: {
		operands: requests.join("|"),
		read: ([request]) => ({ kind: "interrupt", request: request as Request }),
	},
	release: {
		operands: "[unserialized]",
		read: ([how]) => ({ kind: "release", serialize: how !== "unserialized" }),
	},
	/** The page of text that holds the place, in every mapping. */
	protect: {
		operands: "PLACE none|r|rw|rx",
		read: ([at, rights], image, place) => ({ kind: "protect", ...pageOf(at, rights!, image, place) }),
	},
	/** The page that holds the place, be it text or not. */
	map: {
		operands: "PLACE none|r|rw|rx",
		read: ([at, rights], image, place) => ({ kind: "map", ...pageOf(at, rights!, image, place) }),
	},
	/** The page that holds the place becomes the memory that the page of another had at the beginning, with its own rights. */
	remap: {
		operands: "PLACE TO",
		read: ([at, to], image, place, machine) => {
			const of = pageAt(numberOf(to, image, place));
			const physical = physicalIn(machine, 0, of);
			if (physical < 0) throw new LinkError(`${place}: nothing is mapped at '${to}'`);
			return { kind: "remap", space: 0, page: pageAt(numberOf(at, image, place)), physical, of };
		},
	},
	/** Patchers count from 0, in the order of the header, agents behind them. */
	after: {
		operands: "PATCHER",
		read: ([patcher], _image, place) => ({ kind: "after", patcher: digits(patcher, 10, place) }),
	},
	/** Whoever died finishes nothing: only what others do after it counts. */
	kill: {
		operands: "PATCHER",
		read: ([patcher], _image, place) => ({ kind: "kill", patcher: digits(patcher, 10, place) }),
	},
	/** By itself, now, as `flush` is. */
	serialize: {
		operands: "CPU",
		read: ([cpu], _image, place) => ({ kind: "serialize", cpu: digits(cpu, 10, place) }),
	},
	flush: {
		operands: "CPU",
		read: ([cpu], _image, place) => ({ kind: "flush", cpu: digits(cpu, 10, place) }),
	},
	/** One that is off. */
	start: {
		operands: "CPU",
		read: ([cpu], _image, place) => ({ kind: "start", cpu: digits(cpu, 10, place) }),
	},
	/** They go on with each other's tasks. */
	exchange: {
		operands: "CPU CPU [serialize]",
		read: ([a, b, how], _image, place) => ({
			kind: "exchange",
			cpus: [digits(a, 10, place), digits(b, 10, place)],
			serialize: how === "serialize",
		}),
	},
	/** Until no CPU is there or will return there. */
	vacate: {
		operands: "PLACE COUNT",
		read: ([at, count], image, place) => ({
			kind: "vacate",
			address: numberOf(at, image, place),
			bytes: digits(count, 10, place),
		}),
	},
	/** An exchange by the way back to the program that the model has. */
	migrate: {
		operands: "CPU CPU",
		read: ([a, b], _image, place, { config }) => ({
			kind: "exchange",
			cpus: [digits(a, 10, place), digits(b, 10, place)],
			serialize: config.model.returns === "barrier",
		}),
	},
	/** Goes back to its program, which is an instruction barrier on some models. */
	return: {
		operands: "CPU",
		read: ([cpu], _image, place, { config }) =>
			config.model.returns === "barrier" ? { kind: "serialize", cpu: digits(cpu, 10, place) } : [],
	},
	syncCores: { read: () => syncCores() },
	flushIcacheRange: {
		operands: "PLACE COUNT",
		read: ([at, count], image, place, { config }) =>
			flushIcacheRange(config.model, [{ address: numberOf(at, image, place), length: digits(count, 10, place) }]),
	},
	flushDcachePage: {
		operands: "PLACE",
		read: ([at], image, place, { config }) => flushDcachePage(config.model, pageAt(numberOf(at, image, place))),
	},
	flushIcacheUserRange: {
		operands: "PLACE COUNT by CPU [of CPU...] [threads N] [pinned]",
		read: ([at, count, ...who], image, place, { config }) => {
			const address = numberOf(at, image, place);
			return flushIcacheUserRange(config.model, userOf(who, place), pageAt(address), address, digits(count, 10, place));
		},
	},
	/** `equal`: memory holds them already. */
	copyToUserPage: {
		operands: "PLACE BYTE... [equal] by CPU [of CPU...] [threads N] [pinned]",
		read: ([at, ...words], image, place, { config }) => {
			const address = numberOf(at, image, place);
			const by = words.indexOf("by");
			const equal = words[by - 1] === "equal";
			const bytes = Uint8Array.from(words.slice(0, equal ? by - 1 : by), (byte) => digits(byte, 16, place));
			const user = userOf(words.slice(by), place);
			return copyToUserPage(config.model, user, pageAt(address), address, bytes, equal ? bytes : undefined);
		},
	},
	/** Who executes there before it, or after `free`, breaks `freed`. */
	live: {
		operands: "PLACE COUNT",
		read: ([at, count], image, place) => ({
			kind: "live",
			address: numberOf(at, image, place),
			bytes: digits(count, 10, place),
		}),
	},
	free: {
		operands: "PLACE COUNT",
		read: ([at, count], image, place) => ({
			kind: "free",
			address: numberOf(at, image, place),
			bytes: digits(count, 10, place),
		}),
	},
};

/** What fits a form, with one space before each word. */
function patternOf(operands: string): RegExp {
	const source = (operands === "" ? "" : ` ${operands}`)
		.replace(/ ?\[([^\]]+)\]/g, "(?: $1)?")
		.replace(/([A-Z]+)\.\.\./g, "$1(?: $1)*")
		.replace(/[A-Z]+/g, "\\S+")
		.replace(/[a-z-]+(?:\|[a-z-]+)+/g, "(?:$&)");
	return new RegExp(`^${source}$`);
}

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
	rights: string,
	image: Image,
	place: string,
): { readonly address: number; readonly bytes: number; readonly permissions: Permissions } {
	const address = numberOf(at, image, place);
	const has = (letter: string): boolean => rights !== "none" && rights.includes(letter);
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

/** Whether a text begins with the word of a step. */
export function isStep(text: string): boolean {
	return Object.hasOwn(forms, text.split(/\s+/)[0]!);
}

/** One step as written: several where a store is too long for one. @throws LinkError naming the steps there are */
export function stepsOf(text: string, image: Image, place: string, machine: Machine): Step[] {
	const [verb, ...words] = text.split(/\s+/) as [string, ...string[]];
	const form = Object.hasOwn(forms, verb) ? forms[verb] : undefined;
	const known = Object.keys(forms);
	if (form === undefined)
		throw new LinkError(`${place}: no step '${verb}'${suggestion(verb, known)}; there are ${known.join(", ")}`);
	const { operands = "", read } = form;
	if (!patternOf(operands).test(words.map((word) => ` ${word}`).join("")))
		throw new LinkError(`${place}: '${text}': write ${`${verb} ${operands}`.trim()}`);
	return [read(words, image, place, machine)].flat();
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
