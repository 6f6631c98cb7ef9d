// Branch prediction, as far as the costs of calls need it: a return stack and a table of the last target per indirect
// jump. It never changes what a program computes, only what it costs.

import type { Flow } from "../../linker/isa/instruction-set.ts";
import { RETURN_STACK, TARGETS } from "./layout.ts";
import type { Core } from "./state.ts";

const TOP = RETURN_STACK;
const TABLE = RETURN_STACK + 1;
const NEWEST = RETURN_STACK - 1;
const ENTRY = TARGETS - 1;

/** A call happened: its return address goes on the return stack, which forgets its oldest entry when full. */
export function predictCall(predictor: Int32Array, returnAddress: number): void {
	const top = (predictor[TOP]! + 1) & NEWEST;
	predictor[TOP] = top;
	predictor[top] = returnAddress;
}

/** @returns whether the return went where the return stack said */
export function predictedReturn(predictor: Int32Array, to: number): boolean {
	const top = predictor[TOP]!;
	predictor[TOP] = (top - 1) & NEWEST;
	return predictor[top] === to;
}

/** @returns whether the indirect jump at `from` went where it went last time */
export function predictedTarget(predictor: Int32Array, from: number, to: number): boolean {
	const entry = TABLE + 2 * ((from ^ (from >>> 8)) & ENTRY);
	const hit = predictor[entry] === from && predictor[entry + 1] === to;
	predictor[entry] = from;
	predictor[entry + 1] = to;
	return hit;
}

/** Tells the predictors what an instruction did. @returns whether they had it wrong */
export function mispredicted(core: Core, flow: Flow, from: number, next: number, to: number): boolean {
	if (flow === "call" || flow === "indirect-call") predictCall(core.predictor, next);
	if (flow === "return") return !predictedReturn(core.predictor, to);
	return (flow === "indirect-call" || flow === "indirect-jump") && !predictedTarget(core.predictor, from, to);
}
