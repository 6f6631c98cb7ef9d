// A module is linked for what the program's keys called when the program began. Before any of its code runs, its sites and
// branches are brought to what the keys say now. Nobody executes them yet, so one store each and one sync are enough.

import { SITE_BYTES } from "../../linker/format/static-calls.ts";
import { hex } from "../../linker/hex.ts";
import type { Part } from "../../linker/link/part.ts";
import { enabledAt, labelBytes } from "../../linker/sites/label-bytes.ts";
import { readVirtual } from "../machine/memory.ts";
import type { Update } from "../patch/change/change.ts";
import type { Refusal } from "../patch/change/planned-change.ts";
import { bytesFor, calls } from "../patch/change/site-forms.ts";
import { word } from "../patch/change/slots.ts";
import { plan } from "../patch/plan/plan.ts";
import { type Protocol, sync, write } from "../patch/plan/protocol.ts";
import type { Edit } from "../patch/plan/step.ts";
import type { System } from "../patch/system.ts";

const unreached: Protocol = {
	name: "unreached",
	brief: "plain stores to text whose address nobody knows yet",
	phases: [
		write("whole"), // a CPU may have fetched ahead what was there before
		sync("serialize"), // from here on nobody holds it
	],
};

/** Requires: the module is in memory, and `system.image` has it, so every later update knows its sites.
 * @returns what is to be stored, as it is now: to be submitted before anybody else patches */
export function catchUp(system: System, part: Part): Update | Refusal {
	const edits = [...staleSites(system, part), ...staleLabels(system, part)];
	const lost = edits.find((edit) => "refused" in edit);
	if (lost !== undefined) return lost as Refusal;
	return { ...plan(unreached, edits as Edit[], system.machine.config.model), keys: [`sites of ${part.elf.name}`] };
}

function staleSites(system: System, part: Part): (Edit | Refusal)[] {
	const { image } = system;
	if (image.mode !== "inline") return [];
	return image.sites.filter(isIn(part)).flatMap((site): (Edit | Refusal)[] => {
		const key = image.keys[site.key]!;
		const now = word(system, key.address);
		const old = textOf(system, site.address);
		if (calls(image, key, site, old, now)) return [];
		const bytes = bytesFor(image, key, site, now, "direct");
		if (bytes !== undefined) return [{ address: site.address, old, bytes }];
		return [{ refused: `site ${hex(site.address)} of '${key.name}' reaches neither ${hex(now)} nor its trampoline` }];
	});
}

function staleLabels(system: System, part: Part): Edit[] {
	const { labels, staticKeys } = system.image;
	return labels.filter(isIn(part)).flatMap((label) => {
		const enabled = word(system, staticKeys[label.key]!.address) > 0;
		const old = textOf(system, label.address);
		return enabledAt(old, label) === enabled
			? []
			: [{ address: label.address, old, bytes: labelBytes(label, enabled) }];
	});
}

function isIn({ segments }: Part): (place: { readonly address: number }) => boolean {
	return ({ address: at }) => segments.some(({ address, memorySize }) => at >= address && at < address + memorySize);
}

function textOf({ machine }: System, address: number): Uint8Array {
	const bytes = readVirtual(machine, 0, address, SITE_BYTES);
	if (bytes === undefined) throw new Error(`assert: a site at ${hex(address)} is not mapped`);
	return bytes;
}
