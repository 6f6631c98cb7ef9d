// The way of a verdict as a run that can be stepped through: the scenario's system before the first step, and each step as a
// move chosen by hand, with the bytes that were fetched. Behind the last step the run goes on by itself.

import { LinkError } from "../../linker/errors.ts";
import { Cpu } from "../machine/layout.ts";
import { restore } from "../machine/machine.ts";
import { readVirtual } from "../machine/memory.ts";
import { getCpu } from "../machine/state.ts";
import { type Chosen, record } from "../patch/drive/tape.ts";
import type { System } from "../patch/system.ts";
import { build, defaultRoom } from "./build.ts";
import { type Verdict, walkVerdict } from "./check.ts";

/** A verdict's execution, ready to be played. */
export interface Standing {
	/** Before the first step, with a list of events. */
	readonly system: System;
	/** For `record`. */
	readonly chosen: readonly Chosen[];
	/** The place on the tape before each step, and behind the last one. */
	readonly places: readonly number[];
}

/** What is compared of a state: where each CPU is, and what memory holds at the sites. */
type Sight = readonly (readonly number[])[];

/** @param verdict found with the room that is the default
 * @throws LinkError when the verdict's way cannot be gone; when there are probes, which have a state of their own; or when CPUs
 * would come to something else than the checker saw: it takes stores to a CPU's own stack together with the step before, which
 * a store buffer does not */
export function onTape(verdict: Verdict): Standing {
	const { probes } = verdict.scenario;
	if (probes !== undefined)
		throw new LinkError(`${verdict.name}: nobody can stand beside probes, which have a state of their own`);
	const { chosen, places, sights, words } = walkVerdict(
		verdict,
		(system, walk) => {
			const chosen: Chosen[] = [];
			const places = [0];
			const sights: Sight[] = [];
			let words: Int32Array | undefined;
			walk(
				(labels) => {
					words ??= system.machine.words.slice();
					sights.push(sightOf(system, labels));
				},
				({ move, merged }, labels) => {
					const who = move.kind === "patch" ? move.who : labels[move.who]!;
					const fetch = [...system.machine.oracle.answers];
					const alone = true;
					chosen.push({ at: chosen.length, move: { kind: move.kind, who }, fetch, alone });
					for (const _ of merged) chosen.push({ at: chosen.length, move: { kind: "step", who }, alone });
					places.push(chosen.length);
				},
			);
			return { chosen, places, sights, words: words! };
		},
		defaultRoom,
	);
	const system = begun(verdict, words);
	refuseOther(begun(verdict, words), chosen, places, sights, verdict.name);
	return { system, chosen, places };
}

function begun({ name, scenario }: Verdict, words: Int32Array): System {
	const built = build(scenario);
	if ("refused" in built) throw new LinkError(`${name}: refused, so there is no way to go: ${built.refused}`);
	restore(built.system.machine, words);
	const [own] = built.system.trapServers;
	return { ...built.system, events: [], trapServers: [own!] };
}

function refuseOther(
	system: System,
	chosen: readonly Chosen[],
	places: readonly number[],
	sights: readonly Sight[],
	name: string,
): void {
	const tape = record(system, { chosen });
	const labels = system.machine.cores.map(({ id }) => id);
	for (const [i, place] of places.entries()) {
		tape.goto(place);
		if (JSON.stringify(sightOf(system, labels)) !== JSON.stringify(sights[i]))
			throw new LinkError(
				`${name}: step ${i} comes to another state by itself than in the checker, so nobody can stand there`,
			);
	}
}

/** @param labels the CPU of the scenario that each CPU of the machine is */
function sightOf({ machine, plans }: System, labels: readonly number[]): Sight {
	const sites = plans.flatMap(({ edits }) => edits);
	return [
		...labels.map((_, lane) => {
			const cpu = labels.indexOf(lane);
			return [getCpu(machine, cpu, Cpu.pc), getCpu(machine, cpu, Cpu.status)];
		}),
		...sites.map(({ address, old }) => [...(readVirtual(machine, 0, address, old.length) ?? [])]),
	];
}
