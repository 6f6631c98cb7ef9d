// When a patcher dies in the middle of its plan. What it was about is known (the plan and how far it came are in the
// machine), so somebody else can finish it or undo it: by the same protocol from its first phase, over sites that may hold
// anything in between. Nobody else patches until then; whether the program still runs is the protocol's virtue.

import { Patcher } from "../../machine/layout.ts";
import { endTurn, type Machine } from "../../machine/state.ts";
import { type Plan, plan, type Transaction } from "../plan/plan.ts";
import type { Edit } from "../plan/step.ts";
import { getPatcher, Life, patcherClocks, type System, setPatcher } from "../system.ts";
import { now, type RunEnd, settle } from "./run.ts";

/** What a recovery came to. */
export interface Recovery {
	/** How many dead patchers were taken over. */
	readonly patchers: number;
	/** Why the run ended before all of them were done; undefined when they are. */
	readonly ended: RunEnd | undefined;
}

/** Takes over from every dead patcher, who holds the lock first, and drives the machine until sites, key words, trap,
 * lock, parked CPUs and page rights are as after the update (`finish`) or as before it (`rollback`). A CPU that waited for
 * the update goes on either way. A plan that is no transaction (a probe's) is carried on where it stopped. Can itself be killed and recovered. @param cycles to wait at most */
export function recover(system: System, how: "finish" | "rollback", cycles?: number): Recovery {
	const { machine } = system;
	const dead = Array.from({ length: machine.config.patchers }, (_, i) => i).filter(
		(patcher) => getPatcher(machine, patcher, Patcher.active) === Life.dead,
	);
	const clock = now(system);
	endTurn(machine);
	for (const patcher of dead) {
		const { transaction } = system.plans[patcher]!;
		if (transaction !== undefined) {
			system.plans[patcher] = successor(machine, transaction, how);
			setPatcher(machine, patcher, Patcher.at, 0);
		}
		setPatcher(machine, patcher, Patcher.active, Life.atWork);
		const clocks = patcherClocks(machine, patcher);
		clocks[Patcher.clock / 2] = Math.max(clocks[Patcher.clock / 2]!, clock);
	}
	return { patchers: dead.length, ended: settle(system, cycles) };
}

/** Steps that end in the update, or undo it, wherever the first patcher stopped. From the moment they replace the plan, an
 * armed trap executes the instruction that they will write. */
function successor(machine: Machine, transaction: Transaction, how: "finish" | "rollback"): Plan {
	const { protocol, edits, words } = transaction;
	const towards = how === "finish" ? (edit: Edit): Edit => edit : inverse;
	return { ...plan(protocol, edits.map(towards), machine.config.model, words.map(towards)), transaction };
}

function inverse({ address, old, bytes }: Edit): Edit {
	return { address, old: bytes, bytes: old };
}
