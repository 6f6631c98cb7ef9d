// Scenarios that fill memory and give it back: the plans of runtime/execmem, over a label of the program.

import { LinkError, suggestion } from "../../linker/errors.ts";
import { encode } from "../../linker/isa/encode.ts";
import type { Fill, Release } from "../execmem/fill.ts";
import { fills, releases } from "../execmem/fills/index.ts";
import { aliasOf, mapPages } from "../machine/page-table.ts";
import { PAGE } from "../machine/state.ts";
import { type Plan, planMemory } from "../patch/plan/plan.ts";
import { type Phase, permissionsOf, phaseText } from "../patch/plan/protocol.ts";
import type { Step } from "../patch/plan/step.ts";
import type { System } from "../patch/system.ts";
import { bytesAt, stepsOf } from "./steps.ts";

/** What is done to the page of a label, one part after the other, by one agent. */
export type MemoryPart = FillPart | ReleasePart;

export interface FillPart {
	readonly kind: "fill";
	readonly buffer: string;
	/** Label of the code that goes there; its size says how much. */
	readonly code: string;
	readonly by: string | Fill;
	/** What the agent does after it, as text. */
	readonly after: readonly string[];
	/** Where it is written, for messages. */
	readonly place?: string;
}

export interface ReleasePart {
	readonly kind: "release";
	readonly buffer: string;
	readonly by: string | Release;
	readonly after: readonly string[];
	/** Where it is written, for messages. */
	readonly place?: string;
}

/** `BUFFER = CODE by FILL [without PHASE][; STEP...]`, or `BUFFER by RELEASE ...`. @throws LinkError */
export function memoryPartOf(kind: "fill" | "release", text: string, place: string): MemoryPart {
	const [what, ...after] = text.split(";").map((part) => part.trim()) as [string, ...string[]];
	const [, buffer, code, name, dropped] =
		/^([\w.$]+)(?:\s*=\s*([\w.$]+))?\s+by\s+([\w-]+)(?:\s+without\s+(.+))?$/.exec(what) ?? [];
	if (buffer === undefined || (code === undefined) !== (kind === "release"))
		throw new LinkError(
			`${place}: '${what}' is not 'BUFFER${kind === "fill" ? " = CODE" : ""} by NAME [without PHASE]'`,
		);
	if (kind === "release") return { kind, buffer, by: cut(releaseNamed(name!, place), dropped, place), after, place };
	return { kind, buffer, code: code!, by: cut(fillNamed(name!, place), dropped, place), after, place };
}

/** Drops the phases of that text. */
function cut<T extends Fill | Release>(whole: T, dropped: string | undefined, place: string): T | string {
	if (dropped === undefined) return whole.name;
	const known = Object.values(whole)
		.flatMap((part: unknown) => (Array.isArray(part) ? (part as Phase[]) : []))
		.map(phaseText);
	if (!known.includes(dropped))
		throw new LinkError(`${place}: '${whole.name}' has no phase '${dropped}'; it has ${known.join(", ")}`);
	return Object.fromEntries(
		Object.entries(whole).map(([key, part]: [string, unknown]) => [
			key,
			Array.isArray(part) ? (part as Phase[]).filter((phase) => phaseText(phase) !== dropped) : part,
		]),
	) as unknown as T;
}

function fillNamed(name: string, place: string): Fill {
	return named(fills, name, "fill", place);
}

function releaseNamed(name: string, place: string): Release {
	return named(releases, name, "release", place);
}

function named<T extends { readonly name: string }>(all: readonly T[], name: string, what: string, place: string): T {
	const known = all.map((one) => one.name);
	const found = all.find((one) => one.name === name);
	if (found === undefined)
		throw new LinkError(`${place}: no ${what} '${name}'${suggestion(name, known)}; there are ${known.join(", ")}`);
	return found;
}

/** Puts the buffers' pages into the state that their first fills find, before any CPU could have seen another. */
export function prepareMemory({ machine, image }: System, parts: readonly MemoryPart[], name: string): void {
	const seen = new Set<string>();
	for (const part of parts) {
		if (part.kind !== "fill" || seen.has(part.buffer)) continue;
		seen.add(part.buffer);
		const { place = name } = part;
		const { before } = resolved(part.by, fillNamed, place);
		const { address } = pageOf(image, part.buffer, place);
		const physical = aliasOf(machine, 0, address);
		machine.memory.fill(encode("brk")[0]!, physical, physical + PAGE);
		mapPages(machine, 0, address, physical, PAGE, permissionsOf(before === "mapped" ? "rx" : ""), false, true);
	}
}

/** What the agent of these parts does. */
export function memoryPlan({ machine, image }: System, parts: readonly MemoryPart[], name: string): Plan {
	const { model } = machine.config;
	const held = new Map<string, Uint8Array>();
	const steps: Step[] = [];
	for (const part of parts) {
		const { place = name } = part;
		const page = pageOf(image, part.buffer, place);
		const { address } = page;
		if (part.kind === "fill") {
			const bytes = codeOf(image, part.code, place);
			const { alloc, write, finish } = resolved(part.by, fillNamed, place);
			const batch = { edits: [{ address, old: traps(bytes.length), bytes }], spans: [page] };
			steps.push(...planMemory([...alloc, ...write, ...finish], batch, model).steps);
			steps.push({ kind: "live", address, bytes: bytes.length });
			held.set(part.buffer, bytes);
		} else {
			const old = held.get(part.buffer);
			if (old === undefined) throw new LinkError(`${place}: '${part.buffer}' is released before it is filled`);
			const { free, flush } = resolved(part.by, releaseNamed, place);
			const batch = { edits: [{ address, old, bytes: traps(old.length) }], spans: [page] };
			steps.push(...planMemory([...free, ...flush], batch, model).steps);
			steps.push({ kind: "free", address, bytes: old.length });
		}
		steps.push(...part.after.flatMap((text) => stepsOf(text, image, place, machine)));
	}
	return { steps, edits: [] };
}

function resolved<T>(by: string | T, find: (name: string, place: string) => T, place: string): T {
	return typeof by === "string" ? find(by, place) : by;
}

function traps(count: number): Uint8Array {
	return new Uint8Array(count).fill(encode("brk")[0]!);
}

/** The page of a label, which it begins. */
function pageOf(
	image: System["image"],
	label: string,
	place: string,
): { readonly address: number; readonly bytes: number } {
	const { address } = symbolOf(image, label, place);
	if (address % PAGE !== 0) throw new LinkError(`${place}: '${label}' does not begin a page: write .align ${PAGE}`);
	return { address, bytes: PAGE };
}

function codeOf(image: System["image"], label: string, place: string): Uint8Array {
	const { address, size } = symbolOf(image, label, place);
	if (size === 0) throw new LinkError(`${place}: '${label}' has no size: write .size ${label}, . - ${label} behind it`);
	return bytesAt(image, address, size, place);
}

function symbolOf(
	image: System["image"],
	label: string,
	place: string,
): { readonly address: number; readonly size: number } {
	const symbol = image.symbolNamed(label);
	const known = image.symbols.map((one) => one.name);
	if (symbol === undefined) throw new LinkError(`${place}: no label '${label}'${suggestion(label, known)}`);
	return symbol;
}
