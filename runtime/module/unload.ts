// Unloading a module: nothing of the program calls it any more, no CPU is in it, its sites and keys are forgotten, its
// memory goes back. In that order: until nobody is in it, its sites are patched like all others.

import { LinkError, suggestion } from "../../linker/errors.ts";
import { withoutModule } from "../../linker/link/read-image.ts";
import { execmemFree, type Outcome } from "../execmem/execmem.ts";
import type { Execmem } from "../execmem/pieces.ts";
import { declaredText, reservedBy } from "../patch/change/claims.ts";
import type { Refusal } from "../patch/change/planned-change.ts";
import { evacuate, type StillCalled, type Stretch } from "./evacuate.ts";
import { type Interrupted, type Module, type ModulePiece, type Modules, noteModule, partNamed } from "./modules.ts";

/** How a module is unloaded. */
export interface UnloadOptions {
	/** What still calls the module is given its default. Otherwise the module stays. */
	readonly reset?: boolean;
	/** Cycles that any of the waits may take. */
	readonly cycles?: number | undefined;
}

/** @throws LinkError when there is no such module */
export function unloadModule(
	modules: Modules,
	name: string,
	options: UnloadOptions = {},
): Module | StillCalled | Refusal | Interrupted {
	const { loaded } = modules;
	const module = loaded.get(name);
	if (module === undefined) throw new LinkError(`${name}: no such module is loaded${suggestion(name, loaded.keys())}`);
	const user = [...loaded.values()].find(({ uses }) => uses.includes(name));
	if (user !== undefined) return { refused: `${name}: '${user.name}' uses it` };
	noteModule(modules.system, `unload ${name}`);
	return refuseClaimed(modules, module) ?? withdraw(modules, module, options) ?? module;
}

/** Somebody else has patched its text: a probe. */
function refuseClaimed({ system }: Modules, { name, pieces }: Module): Refusal | undefined {
	for (const { address, bytes } of pieces) {
		const owner = reservedBy(system, address, address + bytes, declaredText.family);
		if (owner !== undefined) return { refused: `${name}: ${owner} is in its text` };
	}
	return undefined;
}

/** Takes a module out, however far its loading came. */
export function withdraw(
	{ system, execmem, loaded }: Modules,
	{ name, pieces }: Module,
	{ reset = false, cycles }: UnloadOptions,
): StillCalled | Refusal | Interrupted | undefined {
	if (partNamed(system.image, name) !== undefined) {
		const text = stretches(pieces.filter(({ memory }) => memory === "text" || memory === "initText"));
		const left = evacuate(system, text, stretches(pieces), { reset, cycles });
		if (left !== undefined) return "refused" in left ? { ...left, refused: `${name}: ${left.refused}` } : left;
		system.image = withoutModule(system.image, name);
	}
	loaded.delete(name);
	return giveBackPieces(execmem, name, pieces);
}

/** Gives memory back, text first; what is free already stays free. @returns what went wrong first */
export function giveBackPieces(execmem: Execmem, name: string, pieces: readonly ModulePiece[]): Refusal | undefined {
	return firstFailure(
		name,
		pieces.map(({ address }) => execmemFree(execmem, address)),
	);
}

function firstFailure(name: string, outcomes: readonly Outcome[]): Refusal | undefined {
	const failed = outcomes.find((outcome) => !outcome.ok);
	return failed === undefined || failed.ok ? undefined : { refused: `${name}: ${failed.error.why}` };
}

function stretches(pieces: readonly ModulePiece[]): Stretch[] {
	return pieces.map(({ address, bytes }) => ({ address, bytes }));
}
