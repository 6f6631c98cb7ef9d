// All targets. Adding one is adding it here.

import type { Target } from "../target.ts";
import { json } from "./json.ts";
import { litmusTexts } from "./litmus.ts";
import { modules } from "./modules.ts";
import { pageLinks } from "./page-links.ts";
import { randomPrograms } from "./programs.ts";
import { addedObjects, archives, realFiles } from "./real-files.ts";
import { assemblyTexts, scenarioTexts, scriptTexts, scriptTrees } from "./sources.ts";
import { gusts, protocolStorms, stressStorms } from "./storms.ts";
import { toyFiles } from "./toy-files.ts";

export const targets: readonly Target[] = [
	...[toyFiles, modules, realFiles, addedObjects, archives],
	...[scriptTexts, scriptTrees, assemblyTexts, scenarioTexts, litmusTexts],
	...[json, pageLinks],
	...[randomPrograms, stressStorms, protocolStorms, gusts],
];

export function targetNamed(name: string): Target | undefined {
	return targets.find((target) => target.name === name);
}
