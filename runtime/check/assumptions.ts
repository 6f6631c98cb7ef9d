// What a verdict rests on besides the machine's model, in a few words each; docs/checking.md says what would break them.

import type { Model } from "../machine/model.ts";
import type { Built } from "./build.ts";
import { DEFAULT_MODEL, type Scenario } from "./scenario.ts";

/** The assumptions of a verdict about a scenario, the most important first. */
export function assumptionsOf(scenario: Scenario, { system, redzone }: Built): string[] {
	const { model } = system.machine.config;
	const steps = system.plans.flatMap((plan) => plan.steps);
	const maintains = steps.some(({ kind }) => kind === "clean" || kind === "invalidate");
	return [
		...(scenario.model === undefined ? [`the model is ${DEFAULT_MODEL}, as none is named`] : []),
		dataOrder(model),
		...(steps.length > 0 ? ["each step of a patcher is done at once and in order"] : []),
		...(maintains ? ["cache maintenance is done at once"] : []),
		redzone === 0 ? "nobody reads below its stack pointer" : `programs use ${redzone} bytes below their stack pointer`,
		...(scenario.properties === undefined ? [] : [`only ${scenario.properties.join(", ") || "nothing"} is judged`]),
	];
}

/** In which order a CPU's loads and stores take effect for others. */
function dataOrder({ buffer }: Model): string {
	return buffer === undefined ? "data in program order" : "data in TSO order";
}
