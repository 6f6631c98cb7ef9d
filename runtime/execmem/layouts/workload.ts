// What is loaded and unloaded, in which order: recorded somewhere, or made from a seed, a few large modules among many small
// ones.

import { count, listOf, objectOf, type Schema, taggedBy, text } from "../../../linker/schema.ts";
import { type PartName, partNames } from "./layout.ts";

export const WORKLOAD_SCHEMA = "patchbay/module-loads@1";

/** A module's parts in bytes, and how many direct calls its text makes of the image. */
export interface Load extends Readonly<Record<PartName, number>> {
	readonly do: "load";
	readonly name: string;
	readonly calls: number;
}

export type LoadEvent = Load | { readonly do: "unload"; readonly name: string };

export interface Workload {
	readonly schema: typeof WORKLOAD_SCHEMA;
	readonly events: readonly LoadEvent[];
}

/** More than a module has; sums of as many modules as a file can name stay exact. */
const bytes: Schema = { type: "integer", minimum: 0, maximum: 2 ** 28 };

export const workloadSchema: Schema = objectOf({
	schema: { const: WORKLOAD_SCHEMA },
	events: listOf(
		taggedBy("do", {
			load: objectOf({
				name: text,
				calls: { ...count, maximum: 2 ** 24 },
				...Object.fromEntries(partNames.map((part) => [part, bytes])),
			} as Record<string, Schema>),
			unload: objectOf({ name: text }),
		}),
	),
});

/** So many modules are loaded; meanwhile, and then again, some are unloaded and others come.
 * @param random numbers from 0 up to and without `below` */
export function madeWorkload(modules: number, random: (below: number) => number): Workload {
	const events: LoadEvent[] = [];
	const loaded: string[] = [];
	const come = (): void => {
		const module = madeModule(`m${events.length}`, random);
		events.push(module);
		loaded.push(module.name);
	};
	const go = (): void => {
		const [name] = loaded.splice(random(loaded.length), 1);
		if (name !== undefined) events.push({ do: "unload", name });
	};
	while (loaded.length < modules) {
		come();
		if (random(8) === 0) go();
	}
	for (let i = 0; i < modules / 2; i++) {
		go();
		come();
	}
	return { schema: WORKLOAD_SCHEMA, events };
}

/** Text has 1 KiB to 260 KiB; half of the modules have less than 20 KiB. */
function madeModule(name: string, random: (below: number) => number): Load {
	const doublings = random(4) + random(4) + random(3);
	const size = 2048 * 2 ** (doublings / 1.25);
	const about = (share: number): number => Math.max(16, Math.round((size * share * (50 + random(100))) / 100));
	const body = { text: about(1), rodata: about(0.4), data: about(0.3), initText: about(0.08), initData: about(0.02) };
	return { do: "load", name, ...body, calls: Math.ceil(body.text / 100) };
}
