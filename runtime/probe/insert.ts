// Inserting a probe and removing it, under running CPUs, as plans of steps. The page goes first: the process gets a copy of
// its own (copy on write), so that nobody else who runs the file meets the breakpoint. Then one byte changes. From the
// sync after that every CPU of the process hits the probe; from the sync of a removal on, none does.

import { encode } from "../../linker/isa/encode.ts";
import { readVirtual } from "../machine/memory.ts";
import { extentOf } from "../machine/page-table.ts";
import { PAGE } from "../machine/state.ts";
import type { Update } from "../patch/change/change.ts";
import { carryOut } from "../patch/drive/carry-out.ts";
import type { RunEnd } from "../patch/drive/run.ts";
import { flushIcacheRange, flushTlbs, syncCores } from "../patch/perform/cache-maintenance.ts";
import { PHYSICAL } from "../patch/perform/frames-behind.ts";
import { type Step, same } from "../patch/plan/step.ts";
import type { PageCopy, System } from "../patch/system.ts";
import { hasRoom, takePage } from "./frames.ts";
import { takeBack, whyUncallable } from "./optimise.ts";
import { pageOf, placeFor } from "./place.ts";
import type { Handler, Probe, ProbeRefusal, Probes, SlotArea } from "./probe.ts";
import { AREA_PAGES, forceOf, isInForce, MOST_PROBES, mapReserved, newSlotArea } from "./slot-area.ts";

/** The run ended before the plan was carried out. */
export interface Ended {
	readonly ended: RunEnd;
}

/** Puts a probe at an instruction of a process, and drives the machine until it is there. Before the program starts that
 * takes no time. @param cycles to wait at most */
export function insert(
	probes: Probes,
	space: number,
	address: number,
	handler: Handler = "count",
	cycles?: number,
): Probe | ProbeRefusal | Ended {
	let probe: Probe | undefined;
	const done = carryOut(
		probes.system,
		() => {
			const made = newProbe(probes, space, address, handler);
			if ("refused" in made) return made;
			probe = made;
			return insertion(probes, made);
		},
		{ cycles },
	);
	return "sites" in done ? probe! : done;
}

/** Takes a probe out again. @returns undefined when that is done */
export function remove(probes: Probes, probe: Probe, cycles?: number): ProbeRefusal | Ended | undefined {
	const done = carryOut(
		probes.system,
		() => {
			const area = probes.areas.get(probe.space)!;
			if (area.known.get(probe.address) !== probe || !isInForce(probes.system.machine, area, probe))
				return { refused: `no probe is at ${probe.place}` };
			return removal(probes, probe);
		},
		{ cycles },
	);
	return "sites" in done ? undefined : done;
}

/** A probe that is not in force yet, with all the memory that it may need: a page of slots, and one for a copy of its page. Nothing
 * is mapped and no code is stored to: that is for the plans. */
export function newProbe(probes: Probes, space: number, address: number, handler: Handler): Probe | ProbeRefusal {
	const { system, areas } = probes;
	let area = areas.get(space);
	const earlier = area?.known.get(address);
	if (earlier !== undefined && isInForce(system.machine, area!, earlier))
		return { refused: `no probe at ${earlier.place}: there is one already` };
	const place = placeFor(system, space, address);
	if ("refused" in place) return place;
	const isCopied = system.copies.some((copy) => copy.space === space && copy.page === pageOf(address));
	if (!hasRoom(probes.frames, (area === undefined ? AREA_PAGES : 0) + (isCopied ? 0 : 1)))
		return { refused: `no probe at ${place.place}: the machine has no memory left for it` };
	area ??= newSlotArea(system, probes.frames, space);
	areas.set(space, area);
	if (!isCopied) reserveCopy(probes, space, pageOf(address));
	const index = earlier?.index ?? area.known.size;
	if (index >= MOST_PROBES) return { refused: `no probe at ${place.place}: a process may have ${MOST_PROBES}` };
	const uncallable = whyUncallable(probes, area, address, place);
	const { bytes, instruction } = place;
	const probe: Probe = {
		index,
		space,
		address,
		place: place.place,
		bytes,
		instruction,
		handler,
		uncallable,
		hits: 0,
		notes: [],
		asked: false,
	};
	area.known.set(address, probe);
	return probe;
}

/** The steps that put a probe in force. Planning them changes nothing. */
export function insertion(probes: Probes, probe: Probe): Update {
	const { system, areas } = probes;
	const { space, address, bytes } = probe;
	const area = areas.get(space)!;
	const probed = withBreakpoint(bytes);
	const steps: Step[] = [
		{ kind: "lock" },
		...mapReserved(system, space, area),
		...ownPage(probes, space, pageOf(address)),
		force(area, probe, 1),
		...storeHead(system, probe, probed),
		...syncCores(),
		{ kind: "unlock" },
	];
	return {
		steps,
		edits: [{ address, old: bytes, bytes: probed, space, means: bytes }],
		keys: [`probe at ${probe.place}`],
	};
}

/** The steps that take it out again, and give the shared page back if the copy is equal then. */
export function removal(probes: Probes, probe: Probe): Update {
	const { system, areas } = probes;
	const { space, address, bytes } = probe;
	const now = readVirtual(system.machine, space, address, bytes.length)!;
	const steps: Step[] = [
		{ kind: "lock" },
		...(now[0] === BREAKPOINT ? [] : takeBack(system, probe, now)),
		...storeHead(system, probe, bytes),
		...syncCores(),
		force(areas.get(space)!, probe, 0),
		...sharedPage(probes, probe),
		{ kind: "unlock" },
	];
	return { steps, edits: [{ address, old: now, bytes, space, means: bytes }], keys: [`probe at ${probe.place}`] };
}

const BREAKPOINT = encode("brk")[0]!;

function withBreakpoint(bytes: Uint8Array): Uint8Array {
	const probed = bytes.slice();
	probed[0] = BREAKPOINT;
	return probed;
}

/** The first byte of the instruction, with what the caches need. */
function storeHead({ machine }: System, { space, address }: Probe, bytes: Uint8Array): Step[] {
	return [
		{ kind: "store", address, bytes: bytes.slice(0, 1), space },
		...flushIcacheRange(machine.config.model, [{ address, length: 1 }], space),
	];
}

/** Notes whether the probe is in force, where the trap looks. */
function force(area: SlotArea, probe: Probe, value: 0 | 1): Step {
	return { kind: "store", address: forceOf(area, probe), bytes: Uint8Array.of(value), space: PHYSICAL };
}

/** Gives the process a copy of the page, if it has none: until every TLB knows, CPUs execute the same bytes in either. */
function ownPage(probes: Probes, space: number, page: number): Step[] {
	const { machine } = probes.system;
	const copy = copyOf(probes, space, page);
	if (extentOf(machine, space, page)!.physical === copy.own) return [];
	return [
		{ kind: "clone", from: copy.shared, to: copy.own, bytes: PAGE },
		{ kind: "remap", space, page, physical: copy.own },
		...flushTlbs(machine.config.model),
	];
}

/** The page that all share comes back when nothing but this probe made the difference. */
function sharedPage(probes: Probes, { space, address, bytes }: Probe): Step[] {
	const { machine } = probes.system;
	const page = pageOf(address);
	const copy = copyOf(probes, space, page);
	const own = machine.memory.slice(copy.own, copy.own + PAGE);
	own.set(bytes.subarray(0, page + PAGE - address), address - page);
	if (!same(own, machine.memory.subarray(copy.shared, copy.shared + PAGE))) return [];
	return [{ kind: "remap", space, page, physical: copy.shared }, ...flushTlbs(machine.config.model)];
}

/** The copy that the process has, or may have, of a page. */
function copyOf({ system }: Probes, space: number, page: number): PageCopy {
	return system.copies.find((copy) => copy.space === space && copy.page === page)!;
}

/** Takes memory for a copy of a page, once. */
function reserveCopy({ system, frames }: Probes, space: number, page: number): void {
	const { physical, bytes } = extentOf(system.machine, space, page)!;
	system.copies.push({ space, page, shared: physical + (page % bytes), own: takePage(frames) });
}
