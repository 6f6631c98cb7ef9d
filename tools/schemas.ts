// The schemas that are published, by the name of their file.

import { chaosSchema } from "../cli/commands/chaos.ts";
import { matrixSchema } from "../cli/commands/matrix.ts";
import type { Schema } from "../linker/schema.ts";
import { scenarioSchema, verdictSchema, verdictsSchema } from "../runtime/check/index.ts";
import { workloadSchema } from "../runtime/execmem/layouts/workload.ts";
import { modelSchema, profileSchema } from "../runtime/machine/index.ts";
import { stressSchema } from "../runtime/measure/index.ts";
import { protocolSchema } from "../runtime/patch/index.ts";

export const schemas: Readonly<Record<string, Schema>> = {
	scenario: scenarioSchema,
	model: modelSchema,
	protocol: protocolSchema,
	profile: profileSchema,
	verdict: verdictSchema,
	verdicts: verdictsSchema,
	stress: stressSchema,
	matrix: matrixSchema,
	chaos: chaosSchema,
	"module-loads": workloadSchema,
};
