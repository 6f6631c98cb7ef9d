// What an image has that can be retargeted, by name and by address, and what it calls now: static-call keys, and FFP
// pointers, which are keys without sites.

import { STT_FUNC } from "../../../linker/elf/object.ts";
import { LinkError, suggestion, thereAre } from "../../../linker/errors.ts";
import { isNullable } from "../../../linker/format/signatures.ts";
import { POINTER_PREFIX } from "../../../linker/format/static-calls.ts";
import { hex } from "../../../linker/hex.ts";
import { type Image, type ImageKey, placeOf, wordAt } from "../../../linker/link/image.ts";
import { targetAt } from "../../../linker/sites/site-bytes.ts";
import { readWord } from "../../machine/words.ts";
import type { System } from "../system.ts";

export interface Slot {
	readonly name: string;
	/** Address of the word that holds the current function; the default is in the word after it. */
	readonly address: number;
	/** Undefined for a pointer. */
	readonly key: ImageKey | undefined;
	/** How it is called, as in `.signatures`; undefined when nobody knows. */
	readonly signature: number | undefined;
	/** May be null: nobody uses its result. */
	readonly nullable: boolean;
}

const known = new WeakMap<Image, readonly Slot[]>();

/** All of them, keys first. */
export function slotsOf(image: Image): readonly Slot[] {
	let slots = known.get(image);
	if (slots === undefined) {
		slots = [...image.keys.map(slotOfKey), ...pointers(image)];
		known.set(image, slots);
	}
	return slots;
}

function slotOfKey(key: ImageKey): Slot {
	return { name: key.name, address: key.address, key, signature: key.signature, nullable: key.nullable };
}

function pointers(image: Image): Slot[] {
	return image.symbols
		.filter(({ name }) => name.startsWith(POINTER_PREFIX))
		.map(({ name, address }) => {
			const byDefault = wordAt(image, address + 4) ?? 0;
			const signature = image.signatureOf(address) ?? image.signatureOf(byDefault);
			const isNull = targetAt(byDefault, image.stubs).kind === "null";
			const nullable = isNull || isNullable(signature);
			return { name: name.slice(POINTER_PREFIX.length), address, key: undefined, signature, nullable };
		});
}

/** The names of all that can be retargeted. */
export function keyNames(image: Image): string[] {
	return slotsOf(image).map((slot) => slot.name);
}

/** @throws LinkError with the nearest name */
export function slotNamed(image: Image, name: string): Slot {
	const slot = slotsOf(image).find((one) => one.name === name);
	if (slot !== undefined) return slot;
	const staticKeys = image.staticKeys.map((key) => key.name);
	const operations = image.operations.map((one) => one.name);
	throw new LinkError(`${image.name}: ${noSlot(name, keyNames(image), staticKeys, operations)}`);
}

function noSlot(name: string, calls: string[], staticKeys: string[], operations: string[]): string {
	if (staticKeys.includes(name)) return `no static call '${name}': it is a static key`;
	if (operations.includes(name)) return `no static call '${name}': it is an operation`;
	const names = [...calls, ...staticKeys, ...operations];
	const meant = suggestion(name, names);
	return meant === ""
		? `no static call, static key or operation '${name}'${thereAre(names)}`
		: `no static call '${name}'${meant}`;
}

/** Address of a function. @throws LinkError with the nearest name */
export function functionNamed(image: Image, name: string): number {
	const symbol = image.symbolNamed(name);
	if (symbol?.type === STT_FUNC) return symbol.address;
	const functions = image.symbols.filter((one) => one.type === STT_FUNC && !one.name.startsWith("__"));
	const names = functions.map((one) => one.name);
	throw new LinkError(`${image.name}: no function '${name}'${suggestion(name, names)}`);
}

/** Name of the function that a key or pointer calls now; null when none. */
export function query(system: System, name: string): string | null {
	return nameOf(system.image, word(system, slotNamed(system.image, name).address));
}

/** Address of the function that the key at `address` calls now; 0 when none. Undefined when nothing can be read there, for a
 * program may ask about any address. */
export function queryAt(system: System, address: number): number | undefined {
	const target = readWord(system.machine, 0, address);
	if (target === undefined) return undefined;
	return targetAt(target, system.image.stubs).kind === "null" ? 0 : target >>> 0;
}

/** What a key's word means to people. */
export function nameOf(image: Image, target: number): string | null {
	if (targetAt(target, image.stubs).kind === "null") return null;
	return placeOf(image, target);
}

/** An unsigned word of the program's data. @throws LinkError when the image gives nobody the right to read it */
export function word(system: System, address: number): number {
	const value = readWord(system.machine, 0, address);
	if (value === undefined)
		throw new LinkError(
			`${system.image.name}: the key at ${hex(address)} cannot be read: its page is not mapped for it`,
		);
	return value >>> 0;
}
