// The words that links and cards may use: models, protocols and phases that the library has.

import { models } from "../../runtime/machine/index.ts";
import { phaseText, protocols } from "../../runtime/patch/index.ts";

export const modelNames: readonly string[] = models.map(({ name }) => name);

/** The phases of every protocol, as text. */
export const protocolPhases: Readonly<Record<string, readonly string[]>> = Object.fromEntries(
	protocols.map(({ name, phases }) => [name, phases.map(phaseText)]),
);

export const knownPhases: readonly string[] = [
	...["arm", "disarm", "write breakpoint", "write spin", "write tail", "write head", "write whole"],
	...["sync serialize", "sync park", "sync flush", "release", "protect r", "protect rw", "protect rx", "protect none"],
];
