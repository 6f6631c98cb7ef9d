// Every model; a new one is a file beside and a line here.

import type { Model } from "../model.ts";
import { alpha } from "./alpha.ts";
import { amdQuad } from "./amd-quad.ts";
import { arm } from "./arm.ts";
import { ideal } from "./ideal.ts";
import { riscv } from "./riscv.ts";
import { x86 } from "./x86.ts";

export { ideal };
export const models: readonly Model[] = [ideal, x86, amdQuad, arm, riscv, alpha];
