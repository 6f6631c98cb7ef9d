// Branch prediction, as far as the costs of calls need it: a return stack and a table of the last target per indirect
// jump. It never changes what a program computes, only what it costs.

import type { Flow } from "../../linker/isa/instruction-set.ts";
import type { Core } from "./core.ts";
import { RETURN_STACK, TARGETS } from "./layout.ts";

const TOP = RETURN_STACK;
const TABLE = RETURN_STACK + 1;
const NEWEST = RETURN_STACK - 1;
const ENTRY = TARGETS - 1;

/** A call happened: its return address goes on the return stack, which forgets its oldest entry when full. */
export function predictCall(core: Core, returnAddress: number): void {
	const top = (core.predictor[TOP]! + 1) & NEWEST;
	core.predictor[TOP] = top;
	core.predictor[top] = returnAddress;
}

/** @returns whether the return went where the return stack said */
export function predictedReturn(core: Core, to: number): boolean {
	const top = core.predictor[TOP]!;
	core.predictor[TOP] = (top - 1) & NEWEST;
	return core.predictor[top] === to;
}

/** @returns whether the indirect jump at `from` went where it went last time */
export function predictedTarget(core: Core, from: number, to: number): boolean {
	const entry = TABLE + 2 * ((from ^ (from >>> 8)) & ENTRY);
	const hit = core.predictor[entry] === from && core.predictor[entry + 1] === to;
	core.predictor[entry] = from;
	core.predictor[entry + 1] = to;
	return hit;
}

/** Tells the predictors what an instruction did. @returns whether they had it wrong */
export function mispredicted(core: Core, flow: Flow, from: number, next: number, to: number): boolean {
	if (flow === "call" || flow === "indirect-call") predictCall(core, next);
	if (flow === "return") return !predictedReturn(core, to);
	return (flow === "indirect-call" || flow === "indirect-jump") && !predictedTarget(core, from, to);
}
