// What a verdict rests on besides the machine's model, in a few words each; docs/checking.md says what would break them.

import { isText } from "../machine/memory.ts";
import type { Model } from "../machine/model.ts";
import { physicalIn } from "../machine/page-table.ts";
import type { Step, Stretch } from "../patch/plan/step.ts";
import type { System } from "../patch/system.ts";
import type { Built } from "./build.ts";
import { DEFAULT_MODEL, type Scenario } from "./scenario.ts";

/** The assumptions of a verdict about a scenario, the most important first. */
export function assumptionsOf(scenario: Scenario, { system }: Built): string[] {
	const { model, cpus } = system.machine.config;
	const steps = system.plans.flatMap((plan) => plan.steps);
	const maintains = steps.some(({ kind }) => kind === "clean" || kind === "invalidate");
	return [
		...(scenario.model === undefined ? [`the model is ${DEFAULT_MODEL}, as none is named`] : []),
		dataOrder(model),
		...(steps.length > 0 ? ["each step of a patcher is done at once and in order"] : []),
		...(storesIntoSites(system, scenario) ? ["what an agent stores to a part of a site is not judged by stale"] : []),
		...(storesOtherText(system, scenario) ? ["text that no poke names is no site"] : []),
		...(copiesText(system) ? ["a page that a probe copies is complete when it is mapped"] : []),
		...(maintains ? ["cache maintenance is done at once"] : []),
		...(scenario.nmi === undefined ? ["no NMI comes"] : []),
		...(scenario.exists === undefined ? [`no more than ${cpus === 1 ? "one CPU" : `${cpus} CPUs`}`] : []),
		...(scenario.properties === undefined ? [] : [`only ${scenario.properties.join(", ") || "nothing"} is judged`]),
	];
}

/** Whether somebody stores to a part of a site that another changes, or makes no instruction of it, and that would matter. Whoever
 * replaces all of a site is judged there. */
function storesIntoSites({ plans }: System, { properties }: Scenario): boolean {
	if (properties?.includes("stale") === false) return false;
	const sites = plans.flatMap(({ edits }) => edits);
	return plans.some(({ steps, edits }) => {
		const own = new Set(edits.map(({ address }) => address));
		return steps
			.flatMap(storedBy)
			.some((one) =>
				sites.some(
					({ address, bytes }) =>
						!own.has(address) && one.address < address + bytes.length && address < one.address + one.bytes,
				),
			);
	});
}

/** Whether somebody who updates no site stores text, which `torn` and `stale` then do not watch, and that would matter. */
function storesOtherText({ plans, machine }: System, { properties, exists }: Scenario): boolean {
	if (properties === undefined ? exists !== undefined : !properties.some((one) => one === "torn" || one === "stale"))
		return false;
	return plans.some(
		({ steps, edits }) =>
			edits.length === 0 &&
			steps.flatMap(storedBy).some(({ address }) => {
				const physical = physicalIn(machine, 0, address);
				return physical >= 0 && isText(machine, physical);
			}),
	);
}

/** Whether somebody copies a page of text, on a machine where that would need cache maintenance. */
function copiesText({ plans, machine }: System): boolean {
	return (
		machine.config.model.upkeep !== "none" && plans.some(({ steps }) => steps.some(({ kind }) => kind === "clone"))
	);
}

function storedBy(step: Step): Stretch[] {
	switch (step.kind) {
		case "store":
		case "copy":
			return [{ address: step.address, bytes: step.bytes.length }];
		case "poison":
			return [step];
		default:
			return [];
	}
}

/** In which order a CPU's loads and stores take effect for others. */
function dataOrder({ buffer }: Model): string {
	return buffer === undefined ? "data in program order" : "data in TSO order";
}
