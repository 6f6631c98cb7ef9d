// A run that can be gone through in both directions. Places on it are numbers of steps: every instruction, interrupt and
// trap, every step of a patcher and every update that begins is one. Now and then the system is put aside; to go back is to
// take up the last one before, and to do again what followed.

import { Cpu, Status } from "../../machine/layout.ts";
import { endTurn, getCpu } from "../../machine/state.ts";
import { changesFor, type Targets } from "../change/static-calls.ts";
import type { System } from "../system.ts";
import { type Move, make, possible } from "./moves.ts";
import { stepPatcher } from "./patchers.ts";
import { now } from "./run.ts";
import { restoreSystem, type SavedSystem, saveSystem } from "./save.ts";
import { peekTurn, type RunEnd, serveTrapped, type Turn, takeInterrupt, takeTurn } from "./turn.ts";

/** How often a tape puts the system aside, and how much memory that may take. */
export interface TapeOptions {
	/** Steps between two places at which the system is put aside. */
	readonly every?: number;
	/** Bytes for the machines that are put aside: beyond, every other one is forgotten. */
	readonly memory?: number;
	/** What was chosen by hand, in order, when the run goes through the same again. */
	readonly chosen?: readonly Chosen[];
}

/** What somebody did at a step of the run, instead of what would have come: a move, or an update asked for from outside. */
export type Chosen =
	| {
			readonly at: number;
			readonly move: Move;
			/** Which of the possible values each unit was fetched with, where the machine's fetches are chosen. */
			readonly fetch?: readonly number[];
			/** The trap that the step ends in is a move of its own. */
			readonly alone?: true;
	  }
	| { readonly at: number; readonly ask: Targets };

/** Why going on ended: the run did; or the place was reached. */
export type Stopped = RunEnd | undefined;

/** A run that can be gone through in both directions, by step, and changed by hand. */
export interface Tape {
	readonly system: System;
	/** Where the run stands. */
	readonly at: number;
	/** The last step that it ever came to. */
	readonly length: number;
	/** Why the run ends at `length`; undefined while it was not gone through. */
	readonly end: RunEnd | undefined;
	readonly chosen: readonly Chosen[];
	/** Who would go next. */
	next(): Turn | undefined;
	/** Goes to a place, forwards or backwards; beyond the end of the run, to its end. */
	goto(place: number): Stopped;
	/** Goes back so many steps. */
	back(steps?: number): Stopped;
	/** Does one step at a time until something is so after one, or `most` were done. @returns whether it is so */
	until(isSo: (system: System) => boolean, most?: number): boolean;
	/** Makes a move instead of what would come, and forgets what was chosen behind this place.
	 * @returns false when it cannot be made now */
	choose(move: Move, fetch?: readonly number[]): boolean;
	/** Asks for an update now, which is a step by itself, and forgets what was chosen behind this place.
	 * @throws LinkError for names that the program does not have */
	ask(targets: Targets): void;
}

const EVERY = 20_000;
const MEMORY = 64 * 2 ** 20;

/** Begins a tape of a system as it stands. */
export function record(system: System, { every = EVERY, memory = MEMORY, chosen = [] }: TapeOptions = {}): Tape {
	const most = Math.max(2, Math.floor(memory / system.machine.buffer.byteLength));
	const kept = [{ at: 0, saved: saveSystem(system) }];
	const byHand = [...chosen].sort((a, b) => a.at - b.at);
	let apart = every;
	let at = 0;
	let length = 0;
	let end: RunEnd | undefined;

	/** Does what comes next, up to a place. */
	function forward(to: number): Stopped {
		const own = byHand.find((one) => one.at === at);
		const bounds = byHand.filter((one) => one.at > at).map((one) => one.at);
		const stopped = own === undefined ? play(Math.min(to, ...bounds)) : playChosen(own);
		if (at > length) length = at;
		if (at - kept.at(-1)!.at >= apart) keep();
		return stopped;
	}

	function play(to: number): Stopped {
		const reach = { clock: Number.POSITIVE_INFINITY, instructions: Math.min(to - at, apart), steps: 0 };
		const stopped = takeTurn(system, reach);
		at += reach.steps;
		if (stopped !== undefined) {
			end = stopped;
			length = at;
		}
		return stopped;
	}

	function playChosen(own: Chosen): Stopped {
		endTurn(system.machine);
		at++;
		if ("ask" in own) askFor(system, own.ask);
		else makeAndServe(system, own);
		return undefined;
	}

	/** From here on the run is another one. */
	function instead(own: Chosen): void {
		while (byHand.length > 0 && byHand.at(-1)!.at >= at) byHand.pop();
		while (kept.at(-1)!.at > at) kept.pop();
		byHand.push(own);
		length = at;
		end = undefined;
		forward(at + 1);
	}

	function keep(): void {
		kept.push({ at, saved: saveSystem(system) });
		if (kept.length <= most) return;
		apart *= 2;
		for (let i = kept.length - 1; i > 0; i--) if (i % 2 === 1) kept.splice(i, 1);
	}

	function goto(place: number): Stopped {
		if (place < at) {
			const from = kept.findLast((one) => one.at <= Math.max(0, place))!;
			restoreSystem(system, from.saved as SavedSystem);
			at = from.at;
		}
		while (at < place) {
			const stopped = forward(place);
			if (stopped !== undefined) return stopped;
		}
		return undefined;
	}

	return {
		system,
		get at() {
			return at;
		},
		get length() {
			return length;
		},
		get end() {
			return end;
		},
		get chosen() {
			return byHand;
		},
		next: () => peekTurn(system),
		goto,
		back: (steps = 1) => goto(at - steps),
		until(isSo, most = Number.POSITIVE_INFINITY) {
			for (let i = 0; i < most; i++) {
				if (forward(at + 1) !== undefined) return false;
				if (isSo(system)) return true;
			}
			return false;
		},
		choose(move, fetch) {
			if (!possible(system, move)) return false;
			instead({ at, move, ...(fetch && { fetch }) });
			return true;
		},
		ask(targets) {
			changesFor(system, targets);
			instead({ at, ask: targets });
		},
	};
}

function askFor(system: System, targets: Targets): void {
	system.queue.push({ changes: changesFor(system, targets), cpu: undefined, clock: now(system) });
}

/** A move as `run` would make it: what the CPU asks of its host, or traps at, is served with it. */
function makeAndServe(system: System, { move, fetch = [], alone }: Extract<Chosen, { move: Move }>): void {
	if (move.kind === "patch") {
		stepPatcher(system, move.who);
		return;
	}
	const { oracle } = system.machine;
	oracle.answers.splice(0, oracle.answers.length, ...fetch);
	oracle.options.length = 0;
	makeNoted(system, move);
	oracle.answers.length = 0;
	oracle.options.length = 0;
	const trap: Move = { kind: "trap", who: move.who };
	if (move.kind === "step" && alone !== true && possible(system, trap)) makeNoted(system, trap);
}

/** Makes a move, and tells of an interrupt or a trap as a run does. */
function makeNoted(system: System, move: Move): void {
	if (move.kind === "interrupt") takeInterrupt(system, move.who);
	else if (move.kind === "trap" && getCpu(system.machine, move.who, Cpu.status) === Status.trapped)
		serveTrapped(system, move.who, () => make(system, move));
	else make(system, move);
}
