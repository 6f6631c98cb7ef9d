// Every model; a new one is a file beside and a line here.

import type { Model } from "../model.ts";
import { alpha } from "./alpha.ts";
import { amdQuad } from "./amd-quad.ts";
import { arm } from "./arm.ts";
import { armDic } from "./arm-dic.ts";
import { armIdc } from "./arm-idc.ts";
import { armIdcDic } from "./arm-idc-dic.ts";
import { ideal } from "./ideal.ts";
import { riscv } from "./riscv.ts";
import { x86 } from "./x86.ts";

export { ideal };
/** Every built-in model; the first one is never stale. */
export const models: readonly Model[] = [ideal, x86, amdQuad, arm, riscv, alpha];
/** What a scenario may ask for besides: `arm` with some of its caches coherent. */
export const variants: readonly Model[] = [armIdc, armDic, armIdcDic];

/** The same machine with a store buffer, as TSO has it. */
export function withStoreBuffer(model: Model): Model {
	const buffer = model.invalidates === "own" ? "until-serialize" : "until-fence";
	return { ...model, name: `${model.name}-tso`, brief: `${model.brief}; stores wait in a buffer`, buffer };
}
