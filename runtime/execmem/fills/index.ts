// Every fill and every release; a new fill is a file beside and a line here.

import type { Fill, Release } from "../fill.ts";
import { data } from "./data.ts";
import { jitMap } from "./jit-map.ts";
import { poke } from "./poke.ts";
import { readOnlyLater } from "./read-only-later.ts";
import { poisoned, pokeTraps, unmap } from "./releases.ts";
import { rwThenRox } from "./rw-then-rox.ts";
import { rwThenRoxAtRest } from "./rw-then-rox-at-rest.ts";

export { data, jitMap, poke, pokeTraps, readOnlyLater, rwThenRox, rwThenRoxAtRest, unmap };
/** Every fill. */
export const fills: readonly Fill[] = [poke, rwThenRox, jitMap, rwThenRoxAtRest, data, readOnlyLater];
/** Every release. */
export const releases: readonly Release[] = [unmap, pokeTraps, poisoned];

/** Which of them is used for what. */
export const methods = {
	poke,
	text: rwThenRox,
	jit: jitMap,
	inPlace: rwThenRox,
	atRest: rwThenRoxAtRest,
	data,
	readOnlyLater,
	releases,
} as const;
