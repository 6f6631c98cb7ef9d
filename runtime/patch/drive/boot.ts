// What a program leaves open is settled when it is loaded, before anybody runs it: alternatives for the features of the
// machine, then the calls of paravirt operations. Every row of the tables is carried out once and marked. A module's are
// settled in its bytes, before those are put into memory.

import type { Segment } from "../../../linker/elf/object.ts";
import { LinkError, suggestion } from "../../../linker/errors.ts";
import { SITE_BYTES } from "../../../linker/format/static-calls.ts";
import { hex } from "../../../linker/hex.ts";
import { encode, nops } from "../../../linker/isa/index.ts";
import {
	bytesAt,
	type Image,
	type ImageAlternative,
	type ImageOperationCall,
	sourcePlace,
} from "../../../linker/link/image.ts";
import { movedCode } from "../../../linker/sites/moved-code.ts";
import { reaches } from "../../../linker/sites/site-bytes.ts";
import { permits } from "../../machine/page-table.ts";
import { wordOf } from "../../machine/words.ts";
import type { Update } from "../change/change.ts";
import { straightCode } from "../change/function-code.ts";
import { brokenBy } from "../change/operations.ts";
import { newOverlay, type Overlay } from "../change/overlay.ts";
import type { Refusal } from "../change/planned-change.ts";
import { unfitProtocol } from "../change/update.ts";
import { plan } from "../plan/plan.ts";
import { early } from "../plan/protocols/index.ts";
import { type Edit, same } from "../plan/step.ts";
import type { BootOptions, System } from "../system.ts";
import { applyNow } from "./patchers.ts";

/** What became of a call of an operation: a direct call, the function's own instructions, nothing, a breakpoint (there is
 * no function), the indirect call as it was (the function is out of reach), or it went with the alternative it was in.
 * What became of an alternative: the replacement, or the original. */
export interface Settled {
	readonly kind: "operation" | "alternative";
	/** The operation's, or the feature's. */
	readonly name: string;
	readonly address: number;
	readonly bytes: number;
	readonly form: "direct" | "inlined" | "nothing" | "bug" | "indirect" | "gone" | "replaced" | "original";
}

/** A plan that settles operations and alternatives. */
export interface Boot extends Update {
	/** In the order of the tables, alternatives first. */
	readonly settled: readonly Settled[];
}

interface Booting {
	readonly image: Image;
	/** Memory as it is, and as it will be. */
	readonly was: Overlay;
	readonly text: Overlay;
	readonly features: ReadonlySet<string>;
	readonly inline: boolean;
}

/** The rows of the tables that nobody carried out yet. */
interface Open {
	readonly alternatives: readonly ImageAlternative[];
	readonly calls: readonly ImageOperationCall[];
}

/** Checks all of it and lays out the steps; nothing is left to do in a program that was settled. */
export function planBoot(system: System, options: BootOptions = {}): Boot | Refusal {
	const { image, machine } = system;
	const booting = newBooting(system, image, options);
	const open = openRows(booting);
	const refused = unknownFeature(image, open, options) ?? outsideText(system, open);
	if (refused !== undefined) return { refused };
	const settled = settle(booting, open);
	if ("refused" in settled) return settled;
	const edits = booting.text.edits();
	const misfit = unfitProtocol(system, early, edits, undefined);
	if (misfit !== undefined) return { refused: misfit };
	const marks = [...open.alternatives, ...open.calls];
	const words = marks.map(({ flag }): Edit => ({ address: flag, old: NOT_DONE, bytes: DONE }));
	return { ...plan(early, edits, machine.config.model, words), keys: ["boot"], settled };
}

/** The segments of a module as the program was settled: each as it shall be put into memory, which has room for it.
 * @param image the program with the module */
export function settledSegments(
	system: System,
	image: Image,
	segments: readonly Segment[],
): { readonly address: number; readonly bytes: Uint8Array }[] | Refusal {
	const filled = segments.map(({ address, data, memorySize }) => {
		const bytes = new Uint8Array(memorySize);
		bytes.set(data);
		return { address, bytes };
	});
	if (system.booted === undefined) return filled;
	const booting = newBooting(system, image, system.booted, filled);
	const open = openRows(booting);
	const marks = [...open.alternatives, ...open.calls];
	if (marks.length === 0) return filled;
	const settled = settle(booting, open);
	if ("refused" in settled) return settled;
	const { text } = booting;
	for (const { flag } of marks) text.write(flag, DONE);
	return filled.map(({ address, bytes }) => ({ address, bytes: text.read(address, bytes.length)! }));
}

/** @param pending what is not in memory yet */
function newBooting(
	{ machine }: System,
	image: Image,
	{ features = [], inline = true }: BootOptions,
	pending: readonly { readonly address: number; readonly bytes: Uint8Array }[] = [],
): Booting {
	const [was, text] = [newOverlay(machine), newOverlay(machine)];
	for (const { address, bytes } of pending) for (const memory of [was, text]) memory.write(address, bytes);
	return { image, was, text, features: new Set(features), inline };
}

function openRows({ image: { alternatives, operationCalls }, was }: Booting): Open {
	const isOpen = ({ flag }: { readonly flag: number }): boolean => was.read(flag, 1)?.[0] === 0;
	return { alternatives: alternatives.filter(isOpen), calls: operationCalls.filter(isOpen) };
}

/** After: `text` has all rows carried out, the alternatives first. */
function settle(booting: Booting, { alternatives, calls }: Open): Settled[] | Refusal {
	const settled: Settled[] = [];
	for (const each of alternatives) {
		const one = settleAlternative(booting, each);
		if ("refused" in one) return one;
		settled.push(one);
	}
	for (const each of calls) {
		const one = settleCall(booting, each);
		if ("refused" in one) return one;
		settled.push(one);
	}
	return settled;
}

const NOT_DONE = Uint8Array.of(0);
const DONE = Uint8Array.of(1);

/** Settles everything, where nothing runs and nothing counts. @throws LinkError when it cannot be done */
export function boot(system: System, options: BootOptions = {}): Boot {
	const planned = planBoot(system, options);
	if ("refused" in planned) throw new LinkError(`${system.image.name}: ${planned.refused}`);
	applyNow(system, planned);
	system.booted = options;
	return planned;
}

/** A feature that no alternative asks for is a slip of the pen. */
function unknownFeature(
	{ alternatives: all }: Image,
	{ alternatives: open }: Open,
	{ features = [], modules = false }: BootOptions,
): string | undefined {
	const asksFor = (feature: string) => (each: ImageAlternative) => each.feature === feature;
	const missing = features.find((feature) => !open.some(asksFor(feature)));
	if (missing === undefined) return undefined;
	if (all.some(asksFor(missing))) return `the alternatives for '${missing}' were settled before`;
	const names = new Set(all.map(({ feature }) => feature));
	return modules ? undefined : `no alternative asks for feature '${missing}'${suggestion(missing, names)}`;
}

function outsideText({ machine, image }: System, { alternatives, calls }: Open): string | undefined {
	const isText = (address: number): boolean => permits(machine, 0, address, "x");
	const lost = [...alternatives, ...calls].find(
		({ address, bytes }) => !isText(address) || !isText(address + bytes - 1),
	);
	return lost && `what is to be settled at ${sourcePlace(image, lost.address)} is not in executable memory`;
}

function settleAlternative({ image, was, text, features }: Booting, each: ImageAlternative): Settled | Refusal {
	const { address, bytes, replacement, replacementBytes, feature, wanted } = each;
	const place = `alternative at ${sourcePlace(image, address)}`;
	if (!isAsLinked(image, was, each)) return { refused: `${place} was changed by somebody else` };
	const settled = { kind: "alternative", name: wanted ? feature : `~${feature}`, address, bytes } as const;
	if (features.has(feature) !== wanted) return { ...settled, form: "original" };
	const code = was.read(replacement, replacementBytes);
	if (code === undefined) return { refused: `${place}: its replacement at ${hex(replacement)} is not there` };
	const moved = movedCode(code, replacement, address, bytes);
	if ("refused" in moved) return { refused: `${place}: its replacement cannot be put there: ${moved.refused}` };
	text.write(address, moved);
	return { ...settled, form: "replaced" };
}
function isAsLinked(
	image: Image,
	was: Overlay,
	{ address, bytes }: { readonly address: number; readonly bytes: number },
): boolean {
	return same(was.read(address, bytes)!, bytesAt(image, address, bytes)!);
}

function settleCall(booting: Booting, call: ImageOperationCall): Settled | Refusal {
	const { image, was, text } = booting;
	const { address, bytes } = call;
	const operation = image.operations[call.operation]!;
	const settled = { kind: "operation", name: operation.name, address, bytes } as const;
	const place = `call of '${operation.name}' at ${sourcePlace(image, address)}`;
	if (!isAsLinked(image, was, call)) return { refused: `${place} was changed by somebody else` };
	if (!same(text.read(address, bytes)!, was.read(address, bytes)!)) return { ...settled, form: "gone" };
	const target = wordAt(was, operation.address);
	const broken = target === 0 ? undefined : brokenBy(image, text, operation, target);
	if (broken !== undefined) return { refused: `${place}: ${broken}` };
	const { form, code } = codeFor(booting, call, target);
	if (code !== undefined) text.write(address, code);
	return { ...settled, form };
}

function wordAt(memory: Overlay, address: number): number {
	return wordOf(memory.read(address, 4)!);
}

function codeFor(
	{ image, text, inline }: Booting,
	{ address, bytes }: ImageOperationCall,
	target: number,
): { readonly form: Settled["form"]; readonly code: Uint8Array | undefined } {
	if (target === 0) return { form: "bug", code: new Uint8Array(bytes).fill(encode("brk")[0]!) };
	const straight = inline ? straightCode(image, text, target) : undefined;
	const inlined = straight && straight.length <= bytes ? movedCode(straight, target, address, bytes) : undefined;
	if (inlined instanceof Uint8Array) return { form: straight!.length === 0 ? "nothing" : "inlined", code: inlined };
	if (!reaches(address, target)) return { form: "indirect", code: undefined };
	const call = encode("call", { imm: target - (address + SITE_BYTES) });
	return { form: "direct", code: Uint8Array.of(...call, ...nops(bytes - SITE_BYTES)) };
}
