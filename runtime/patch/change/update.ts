// An update is a transaction: everything is validated first, and a refused one changes nothing. What is left is a plan,
// in which all keys and all sites, of whatever kind, change in one batch, at the syncs of one.

import { LinkError } from "../../../linker/errors.ts";
import { hex } from "../../../linker/hex.ts";
import type { Image } from "../../../linker/link/image.ts";
import { isText } from "../../machine/memory.ts";
import { aliasOf } from "../../machine/page-table.ts";
import { isAtWork } from "../drive/quiet.ts";
import { plan, unfitFor } from "../plan/plan.ts";
import type { Protocol } from "../plan/protocol.ts";
import type { Edit } from "../plan/step.ts";
import type { System } from "../system.ts";
import { planRetarget } from "./call-sites.ts";
import { asIs, type byDefault, type Change, type Retarget, type Update } from "./change.ts";
import { unfreeText } from "./claims.ts";
import { planTraced } from "./entry-tracing.ts";
import { planToggle, switchOf } from "./jump-labels.ts";
import { planSet } from "./operations.ts";
import type { PlannedChange, Refusal } from "./planned-change.ts";
import type { Route } from "./site-forms.ts";
import { functionNamed, slotNamed } from "./slots.ts";

/** A target by name (of a static key: `on` or `off`), null, or one of these two. */
export type TargetName = string | null | typeof byDefault | typeof asIs;

/** The change of a key, by name. @throws LinkError when the image has no such key or function */
export function change(image: Image, name: string, to: TargetName, route?: Route): Change {
	const staticKey = image.staticKeys.find((key) => key.name === name);
	if (staticKey !== undefined) return switchOf(image, staticKey, to);
	const operation = image.operations.find((each) => each.name === name);
	if (operation !== undefined) return { operation: operation.address, to: operationTarget(image, to) };
	const key = slotNamed(image, name).address;
	if ((to === "on" || to === "off") && image.symbolNamed(to) === undefined)
		throw new LinkError(
			`${image.name}: '${name}' is a static call, no static key: it calls a function and is not '${to}'`,
		);
	return { key, to: meaning(image, to), ...(route && { route }) };
}

function meaning(image: Image, to: TargetName): Retarget["to"] {
	if (to === null) return 0;
	if (typeof to === "string") return functionNamed(image, to);
	return "keep" in to ? asIs : undefined;
}

function operationTarget(image: Image, to: TargetName): number | undefined {
	if (to === null) return 0;
	return typeof to === "string" ? functionNamed(image, to) : undefined;
}

/** Checks an update and lays out its steps. @param cpu who asks; undefined: somebody outside */
export function planUpdate(
	system: System,
	changes: readonly Change[],
	protocol: Protocol,
	cpu?: number,
): Update | Refusal {
	const parts: PlannedChange[] = [];
	for (const one of changes) {
		const part = planChange(system, one);
		if ("refused" in part) return part;
		if (parts.some(({ name }) => name === part.name))
			return { refused: `'${part.name}' is changed twice in one update` };
		parts.push(part);
	}
	const edits = parts.flatMap((part) => part.edits);
	const misfit = unfreeText(system, edits) ?? unfitProtocol(system, protocol, edits, cpu);
	if (misfit !== undefined) return { refused: misfit };
	const words = parts.flatMap((part) => part.words);
	return { ...plan(protocol, edits, system.machine.config.model, words), keys: parts.map(({ name }) => name) };
}

function planChange(system: System, change: Change): PlannedChange | Refusal {
	if ("operation" in change) return planSet(system, change);
	if ("toggle" in change) return planToggle(system, change);
	return "traced" in change ? planTraced(system, change) : planRetarget(system, change);
}

/** Why these sites cannot be patched by this protocol now. */
export function unfitProtocol(
	system: System,
	protocol: Protocol,
	edits: readonly Edit[],
	cpu: number | undefined,
): string | undefined {
	const misfit = unfitFor(protocol, edits);
	if (misfit !== undefined)
		return `protocol '${protocol.name}' patches sites inside an aligned 8 bytes, and the one at ${hex(misfit.address)} is not: build with --align-sites`;
	const runner = protocol.requires === "quiet" ? disturber(system, edits, cpu) : undefined;
	return runner === undefined
		? undefined
		: `protocol '${protocol.name}' patches text that nobody runs, and CPU ${runner} does`;
}

/** A CPU that may have fetched the bytes: none when the text was never executable. */
function disturber({ machine }: System, edits: readonly Edit[], cpu: number | undefined): number | undefined {
	const text = edits.some(({ address }) => isText(machine, aliasOf(machine, 0, address)));
	return text ? machine.cores.find(({ id }) => id !== cpu && isAtWork(machine, id))?.id : undefined;
}
