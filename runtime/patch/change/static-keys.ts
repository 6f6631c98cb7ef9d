// Static keys of a running system, by name: whether they are enabled, and switching them
// (`staticKeys(system).get("tracing").enable()`). An update from outside drives the machine until it is complete.

import { LinkError, suggestion } from "../../../linker/errors.ts";
import { type Toggle, toggles } from "../../../linker/isa/index.ts";
import type { Image, ImageStaticKey } from "../../../linker/link/image.ts";
import { carryOut, planQuietly, type Updated } from "../drive/carry-out.ts";
import type { System } from "../system.ts";
import type { Toggled } from "./change.ts";
import { type DryRun, describeUpdate } from "./dry-run.ts";
import type { Refusal } from "./planned-change.ts";
import { word } from "./slots.ts";

/**
 * One static key of a running program: `enable()`, `disable()`, `increment()`, `decrement()` and `reset()` change
 * it.
 */
export interface StaticKey extends Readonly<Record<Toggle | "reset", () => Updated>> {
	readonly name: string;
	isEnabled(): boolean;
	users(): number;
	plan(toggle: Toggled["toggle"]): DryRun | Refusal;
}

/** The static keys of a running program, by name. */
export interface StaticKeys {
	readonly names: readonly string[];
	/** @throws LinkError when the image has no such key */
	get(name: string): StaticKey;
	/** All of them in one transaction, at the syncs of one. @throws LinkError for names that the image does not have */
	update(keys: Readonly<Record<string, Toggled["toggle"]>>): Updated;
}

/** @param cycles that an update waits at most */
export function staticKeys(system: System, cycles?: number): StaticKeys {
	const planned = (keys: Readonly<Record<string, Toggled["toggle"]>>) => {
		const changes = Object.entries(keys).map(([name, toggle]) => ({ key: addressOf(system.image, name), toggle }));
		return planQuietly(system, changes);
	};
	const update: StaticKeys["update"] = (keys) => carryOut(system, () => planned(keys), { cycles });
	const users = (name: string): number => word(system, addressOf(system.image, name));
	const get = (name: string): StaticKey => ({
		name: staticKeyNamed(system.image, name).name,
		...(Object.fromEntries(
			[...toggles, "reset" as const].map((toggle) => [toggle, () => update({ [name]: toggle })]),
		) as Record<Toggle | "reset", () => Updated>),
		isEnabled: () => users(name) > 0,
		users: () => users(name),
		plan: (toggle) => describeUpdate(system, planned({ [name]: toggle })),
	});
	return {
		get names() {
			return system.image.staticKeys.map(({ name }) => name);
		},
		get,
		update,
	};
}

const addressOf = (image: Image, name: string): number => staticKeyNamed(image, name).address;

/** @throws LinkError with the nearest name */
function staticKeyNamed(image: Image, name: string): ImageStaticKey {
	const found = image.staticKeys.find((key) => key.name === name);
	if (found !== undefined) return found;
	const names = image.staticKeys.map((key) => key.name);
	throw new LinkError(`${image.name}: no static key '${name}'${suggestion(name, names)}`);
}
