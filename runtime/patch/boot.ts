// What a program leaves open is settled when it is loaded, before anybody runs it: alternatives for the features of the
// machine, then the calls of paravirt operations. Every row of the tables is carried out once and marked.

import { LinkError, suggestion } from "../../linker/errors.ts";
import { hex } from "../../linker/hex.ts";
import { encode, nops } from "../../linker/isa/index.ts";
import { bytesAt, type Image, type ImageAlternative, type ImageOperationCall } from "../../linker/link/image.ts";
import { sourcePlace } from "../../linker/link/lines.ts";
import { movedCode } from "../../linker/sites/moved-code.ts";
import { reaches } from "../../linker/sites/site-bytes.ts";
import { SITE_BYTES } from "../../linker/sites/table.ts";
import { permits, readVirtual } from "../machine/memory.ts";
import { straightCode } from "./function-code.ts";
import { brokenBy, isDone } from "./operations.ts";
import { newOverlay, type Overlay } from "./overlay.ts";
import { applyNow } from "./patchers.ts";
import { plan } from "./plan.ts";
import type { Refusal } from "./planned-change.ts";
import { early } from "./protocols/index.ts";
import { word } from "./slots.ts";
import { type Edit, same } from "./step.ts";
import type { System } from "./system.ts";
import { type Update, unfitProtocol } from "./update.ts";

export interface BootOptions {
	/** What the machine has. */
	readonly features?: readonly string[];
	/** False: every call of an operation stays a call. */
	readonly inline?: boolean;
}

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

export interface Boot extends Update {
	/** In the order of the tables, alternatives first. */
	readonly settled: readonly Settled[];
}

interface Booting {
	readonly system: System;
	readonly text: Overlay;
	readonly inline: boolean;
}

/** Checks all of it and lays out the steps; nothing is left to do in a program that was settled. */
export function planBoot(system: System, { features = [], inline = true }: BootOptions = {}): Boot | Refusal {
	const { image } = system;
	const booting: Booting = { system, text: newOverlay(system.machine), inline };
	const alternatives = image.alternatives.filter((each) => !isDone(system, each));
	const calls = image.operationCalls.filter((each) => !isDone(system, each));
	const unknown = unknownFeature(image, alternatives, features);
	if (unknown !== undefined) return { refused: unknown };
	const settled: Settled[] = [];
	for (const each of alternatives) {
		const one = settleAlternative(booting, each, new Set(features).has(each.feature) === each.wanted);
		if ("refused" in one) return one;
		settled.push(one);
	}
	for (const each of calls) {
		const one = settleCall(booting, each);
		if ("refused" in one) return one;
		settled.push(one);
	}
	const edits = booting.text.edits();
	const misfit = unfitProtocol(system, early, edits, undefined);
	if (misfit !== undefined) return { refused: misfit };
	const marks = [...alternatives, ...calls].map(({ flag }): Edit => ({ address: flag, old: NOT_DONE, bytes: DONE }));
	return { ...plan(early, edits, system.machine.config.model, marks), keys: ["boot"], settled };
}

const NOT_DONE = Uint8Array.of(0);
const DONE = Uint8Array.of(1);

/** Settles everything, where nothing runs and nothing counts. @throws LinkError when it cannot be done */
export function boot(system: System, options: BootOptions = {}): Boot {
	const planned = planBoot(system, options);
	if ("refused" in planned) throw new LinkError(`${system.image.name}: ${planned.refused}`);
	applyNow(system, planned);
	return planned;
}

/** A feature that no alternative asks for is a slip of the pen. */
function unknownFeature(
	{ alternatives: all }: Image,
	open: readonly ImageAlternative[],
	features: readonly string[],
): string | undefined {
	const asksFor = (feature: string) => (each: ImageAlternative) => each.feature === feature;
	const missing = features.find((feature) => !open.some(asksFor(feature)));
	if (missing === undefined) return undefined;
	if (all.some(asksFor(missing))) return `the alternatives for '${missing}' were settled before`;
	const names = new Set(all.map(({ feature }) => feature));
	return `no alternative asks for feature '${missing}'${suggestion(missing, names)}`;
}

function settleAlternative({ system, text }: Booting, each: ImageAlternative, applies: boolean): Settled | Refusal {
	const { address, bytes, replacement, replacementBytes, feature, wanted } = each;
	const place = `alternative at ${sourcePlace(system.image, address)}`;
	const was = wasAsLinked(system, address, bytes);
	if (was !== undefined) return { refused: `${place} ${was}` };
	const settled = { kind: "alternative", name: wanted ? feature : `~${feature}`, address, bytes } as const;
	if (!applies) return { ...settled, form: "original" };
	const code = readVirtual(system.machine, 0, replacement, replacementBytes);
	if (code === undefined) return { refused: `${place}: its replacement at ${hex(replacement)} is not there` };
	const moved = movedCode(code, replacement, address, bytes);
	if ("refused" in moved) return { refused: `${place}: its replacement cannot be put there: ${moved.refused}` };
	text.write(address, moved);
	return { ...settled, form: "replaced" };
}

/** Why text is not what it was when it was linked: somebody else patched it. */
function wasAsLinked({ machine, image }: System, address: number, bytes: number): string | undefined {
	if (!permits(machine, 0, address, "x") || !permits(machine, 0, address + bytes - 1, "x"))
		return "is not in executable memory";
	const now = readVirtual(machine, 0, address, bytes)!;
	return same(now, bytesAt(image, address, bytes)!) ? undefined : "was changed by somebody else";
}

function settleCall(booting: Booting, call: ImageOperationCall): Settled | Refusal {
	const { system, text } = booting;
	const { address, bytes } = call;
	const operation = system.image.operations[call.operation]!;
	const settled = { kind: "operation", name: operation.name, address, bytes } as const;
	const place = `call of '${operation.name}' at ${sourcePlace(system.image, address)}`;
	const was = wasAsLinked(system, address, bytes);
	if (was !== undefined) return { refused: `${place} ${was}` };
	const there = text.read(address, bytes)!;
	if (!same(there, readVirtual(system.machine, 0, address, bytes)!)) return { ...settled, form: "gone" };
	const target = word(system, operation.address);
	const broken = target === 0 ? undefined : brokenBy(system.image, text, operation, target);
	if (broken !== undefined) return { refused: `${place}: ${broken}` };
	const { form, code } = codeFor(booting, call, target);
	if (code !== undefined) text.write(address, code);
	return { ...settled, form };
}

function codeFor(
	{ system, text, inline }: Booting,
	{ address, bytes }: ImageOperationCall,
	target: number,
): { readonly form: Settled["form"]; readonly code: Uint8Array | undefined } {
	if (target === 0) return { form: "bug", code: new Uint8Array(bytes).fill(encode("brk")[0]!) };
	const straight = inline ? straightCode(system.image, text, target) : undefined;
	const inlined = straight && straight.length <= bytes ? movedCode(straight, target, address, bytes) : undefined;
	if (inlined instanceof Uint8Array) return { form: straight!.length === 0 ? "nothing" : "inlined", code: inlined };
	if (!reaches(address, target)) return { form: "indirect", code: undefined };
	const call = encode("call", { imm: target - (address + SITE_BYTES) });
	return { form: "direct", code: Uint8Array.of(...call, ...nops(bytes - SITE_BYTES)) };
}
