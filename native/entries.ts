// What can be retargeted in a running process: functions with the direct calls of them, and keys (keys.ts) with the calls and
// branches that follow them. Each call is a site, at an address of the
// process, and `stateOf` says what it does as its bytes are now.

import { viewOf } from "../linker/elf/words.ts";
import { LinkError } from "../linker/errors.ts";
import { callsOf } from "../linker/retarget/calls-of.ts";
import type { BranchForm, BranchKind, RealArchitecture } from "../linker/sites/arch/index.ts";
import { requireArchitecture } from "../linker/sites/arch/index.ts";
import { hasDefined, hasNoSymbol, wantedSymbols } from "../linker/sites/wanted.ts";
import type { Loaded } from "./loaded.ts";

export interface Site {
	/** In the process. */
	readonly address: number;
	readonly form: BranchForm;
	readonly kind: BranchKind | "branch";
	readonly architecture: RealArchitecture;
	/** `main+0x12` */
	readonly in: string;
	/** The innermost function around it. */
	readonly holder: { readonly start: number; readonly end: number };
	/** The instruction, as the file has it. */
	readonly original: Uint8Array;
	/** The branch that it is or becomes, wherever that goes. */
	readonly pattern: Uint8Array;
	readonly loaded: Loaded;
	/** Where a branch that follows a static key jumps if it does, and whether it does not while the key is on. */
	readonly label?: { readonly target: number; readonly expected: boolean };
}

/** A call that is left alone. */
export interface LeftCall {
	readonly address: number;
	readonly in: string;
	readonly why: string;
}

/** A key of native/patchbay.h: of a static call, or of branches. */
export interface Key {
	readonly kind: "call" | "branch";
	readonly address: number;
	/** Where its symbol was found. */
	readonly loaded: Loaded;
}

export interface Entry {
	readonly name: string;
	readonly by: "table" | "relocations" | "decoding";
	/** By table only. */
	readonly key?: Key;
	readonly sites: readonly Site[];
	readonly left: readonly LeftCall[];
}

/** A function by name, with the calls of it in all objects that have a symbol for it.
 * @throws LinkError when none has, more than one defines it, or none calls it */
export function functionEntry(objects: readonly Loaded[], name: string): Entry {
	const flags = objects.map(({ object }) => wantedSymbols(object, { names: [name] }));
	const naming = objects.filter((_, i) => flags[i]!.includes(1));
	const defining = objects.filter(({ object }, i) => hasDefined(object, flags[i]));
	const program = objects[0]!.object;
	if (defining.length > 1)
		throw new LinkError(
			`${program.name}: '${name}' is defined in ${defining.map(({ object }) => object.name).join(" and in ")}: which one is not clear`,
		);
	if (naming.length === 0 && program.symbols.count <= 1)
		throw new LinkError(`${program.name}: has no symbols (it was stripped), so calls of '${name}' cannot be told`);
	if (naming.length === 0) throw new LinkError(`${program.name}: ${hasNoSymbol(program, name)}`);
	const found = naming.map((loaded) => entryIn(loaded, name));
	const sites = found.flatMap((entry) => entry.sites);
	const left = found.flatMap((entry) => entry.left);
	if (sites.length + left.length === 0) throw new LinkError(`${program.name}: nothing calls '${name}' directly`);
	return { name, by: found[0]!.by, sites, left };
}

function entryIn(loaded: Loaded, name: string): Entry {
	const { object, bias } = loaded;
	const { by, calls, left } = callsOf(object, name);
	const { symbols } = object;
	const architecture = requireArchitecture(object);
	return {
		name,
		by,
		sites: calls.map(({ address, form, kind, holder, in: where, bytes }) => {
			const start = holder === 0 ? Number.NaN : symbols.value[holder]! + bias;
			const end = start + symbols.size[holder]!;
			return {
				...{ address: address + bias, form, kind, architecture, in: where, original: bytes, pattern: bytes, loaded },
				holder: { start, end },
			};
		}),
		left: left.map(({ address, in: where, why }) => ({ address: address + bias, in: where, why })),
	};
}

/** What a site does. */
export type SiteState =
	| { readonly kind: "calls"; readonly target: number }
	| { readonly kind: "nothing" }
	| { readonly kind: "zero" }
	/** Somebody's, or a patcher is at work. */
	| { readonly kind: "breakpoint" }
	| { readonly kind: "unknown" };

/** @param bytes of the site, as they are now */
export function stateOf({ address, form, architecture, pattern }: Site, bytes: Uint8Array): SiteState {
	if (form.nothing?.every((byte, i) => byte === bytes[i])) return { kind: "nothing" };
	if (form.zero?.every((byte, i) => byte === bytes[i])) return { kind: "zero" };
	if (architecture.isBreakpoint(bytes, 0)) return { kind: "breakpoint" };
	if (!isSameInstruction(form, pattern, bytes)) return { kind: "unknown" };
	return { kind: "calls", target: address + form.base + form.read(viewOf(bytes), 0) };
}

/** Whether they differ in the displacement alone. */
function isSameInstruction(form: BranchForm, a: Uint8Array, b: Uint8Array): boolean {
	const copy = b.slice();
	form.write(viewOf(copy), 0, form.read(viewOf(a), 0));
	return copy.every((byte, i) => byte === a[i]);
}
