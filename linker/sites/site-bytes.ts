// The bytes of a call site for a target, and back: the only place that knows the forms. One instruction of five bytes
// (or RET and padding that is never run) always replaces one instruction. The linker binds sites with it, patchers
// retarget, validate and print with it. A trampoline is written as a tail site at the trampoline's address.

import { LinkError, notIn } from "../errors.ts";
import { SITE_BYTES, type SiteKind, siteKinds } from "../format/static-calls.ts";
import { conditions, decode, encode, REL_MAX, REL_MIN } from "../isa/index.ts";
import { toy } from "./arch/toy.ts";

/** A call of the toy machine that updates may change. */
export interface Site {
	readonly address: number;
	readonly kind: SiteKind;
	/** Code of the condition of a conditional site; 0 for the others. */
	readonly condition: number;
}

/** What a site calls: a function, nothing, or what returns 0. */
export type Target =
	| { readonly kind: "function"; readonly address: number }
	| { readonly kind: "null" }
	| { readonly kind: "ret0" };

/** Addresses of the functions that jumps go to when there is no target. */
export interface Stubs {
	/** `__static_call_return` */
	readonly return: number;
	/** `__static_call_return0` */
	readonly return0: number;
}

/** What five bytes at a site are. */
export type SiteForm =
	| { readonly form: "call" | "jmp" | "jcc"; readonly condition: number; readonly destination: number }
	| { readonly form: "nop" | "ret" | "ret0" };

/** The target that a function address in a key stands for. */
export function targetAt(address: number, stubs: Stubs): Target {
	if (address === 0 || address === stubs.return) return { kind: "null" };
	if (address === stubs.return0) return { kind: "ret0" };
	return { kind: "function", address };
}

/** Where the instruction for `target` goes, or undefined when that form (NOP5, RET, RET0) goes nowhere. */
export function siteDestination(site: Site, target: Target, stubs: Stubs): number | undefined {
	if (target.kind === "function") return target.address;
	if (site.kind === "call") return undefined;
	if (target.kind === "ret0") return stubs.return0;
	return site.kind === "conditional" ? stubs.return : undefined;
}

/** Whether a CALL, JMP or Jcc at `address` can go to `destination`. */
export function reaches(address: number, destination: number): boolean {
	const displacement = destination - (address + SITE_BYTES);
	return displacement >= REL_MIN && displacement <= REL_MAX;
}

/** @throws LinkError when the destination is out of reach; ask `reaches` first where that is not the end */
export function siteBytes(site: Site, target: Target, stubs: Stubs): Uint8Array {
	const destination = siteDestination(site, target, stubs);
	if (destination === undefined) return withoutDestination(site, target);
	const imm = destination - (site.address + SITE_BYTES);
	if (!reaches(site.address, destination)) {
		throw new LinkError(
			`0x${site.address.toString(16)}: ${site.kind} site out of reach of 0x${destination.toString(16)}: ${notIn(imm, REL_MIN, REL_MAX)}`,
		);
	}
	if (site.kind === "conditional") return encode("j", { c: site.condition, imm });
	return encode(site.kind === "call" ? "call" : "jmp", { imm });
}

/** A call of nothing or of what returns 0, and a jump to nothing, need no destination. */
function withoutDestination(site: Site, target: Target): Uint8Array {
	const { nothing, zero } = toy.branches[siteKinds.indexOf(site.kind)]!.form!;
	return Uint8Array.from((target.kind === "null" ? nothing : zero)!);
}

/** @param bytes the five bytes at `address` @returns undefined when they are none of the forms a site can have */
export function describeSite(bytes: Uint8Array, address: number): SiteForm | undefined {
	const instruction = bytes.length === SITE_BYTES ? decode(bytes, 0) : undefined;
	if (instruction === undefined) return undefined;
	const destination = address + SITE_BYTES + instruction.imm;
	switch (instruction.row.mnemonic) {
		case "call":
			return { form: "call", condition: 0, destination };
		case "jmp":
			return { form: "jmp", condition: 0, destination };
		case "j":
			return { form: "jcc", condition: instruction.c, destination };
		case "nop5":
			return { form: "nop" };
		case "ret0":
			return { form: "ret0" };
		case "ret":
			return isPadding(bytes.subarray(1)) ? { form: "ret" } : undefined;
		default:
			return undefined;
	}
}

/** The filler behind a RET: all BRK, as written here and by the compilers, or all NOP, as others may have it. */
function isPadding(bytes: Uint8Array): boolean {
	const name = decode(bytes, 0)?.row.mnemonic;
	return (name === "brk" || name === "nop") && bytes.every((byte) => byte === bytes[0]);
}

/** The target whose form the bytes are, for a site of this kind; undefined when they are no form of it. */
export function currentTarget(bytes: Uint8Array, site: Site, stubs: Stubs): Target | undefined {
	const now = describeSite(bytes, site.address);
	if (now === undefined) return undefined;
	if (site.kind === "call" && now.form === "nop") return { kind: "null" };
	if (site.kind === "call" && now.form === "ret0") return { kind: "ret0" };
	if (site.kind === "tail" && now.form === "ret") return { kind: "null" };
	if (now.form !== { call: "call", tail: "jmp", conditional: "jcc" }[site.kind]) return undefined;
	if (!("destination" in now) || now.condition !== site.condition) return undefined;
	return targetAt(now.destination, stubs);
}

/** As people write it: `call`, `jmp`, `jeq`. */
export function siteMnemonic(site: Site): string {
	return site.kind === "conditional" ? `j${conditions[site.condition]}` : site.kind === "call" ? "call" : "jmp";
}
