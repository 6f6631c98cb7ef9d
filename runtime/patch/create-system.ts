// Makes the system of a machine that was loaded: who serves traps and who holds text is listed here.

import type { Image } from "../../linker/link/image.ts";
import type { Machine } from "../machine/state.ts";
import { declaredText } from "./change/claims.ts";
import { servePatching } from "./perform/trap.ts";
import type { Protocol } from "./plan/protocol.ts";
import { newTracer } from "./record/tracer.ts";
import type { System } from "./system.ts";

/** What a system keeps, and how many processes it has. */
export interface SystemOptions {
	/** Keeps what happens, for a trace. */
	readonly trace?: boolean;
	/** As the machine was loaded with: 1 unless said otherwise. */
	readonly processes?: number;
}

/**
 * Makes a system of a loaded machine: nobody patches, nothing was printed, nothing is settled yet.
 * @param image what the machine was loaded with
 * @param protocol how run-time updates are done
 */
export function createSystem(
	machine: Machine,
	image: Image,
	protocol: Protocol,
	{ trace = false, processes = 1 }: SystemOptions = {},
): System {
	return {
		machine,
		image,
		booted: undefined,
		protocol,
		plans: [],
		queue: [],
		counts: {
			updates: 0,
			sites: 0,
			trampolines: 0,
			stores: 0,
			syncs: 0,
			interrupts: 0,
			traps: 0,
			probeTraps: 0,
			ticks: 0,
		},
		output: [],
		line: new Map(),
		refusal: undefined,
		events: trace ? [] : undefined,
		firstRuns: new Map(),
		tracer: newTracer(),
		trapServers: [servePatching],
		handlers: { trap: undefined, nmi: undefined },
		claims: [declaredText],
		spaces: Array.from({ length: processes }, (_, space) => space),
		copies: [],
		named: [],
		deaths: [],
	};
}
