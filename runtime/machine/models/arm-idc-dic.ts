import type { Model } from "../model.ts";
import { arm } from "./arm.ts";

/** IDC = 1 and DIC = 1: nothing to clean, nothing to invalidate. */
export const armIdcDic: Model = {
	...arm,
	name: "arm-idc-dic",
	brief: "`arm` with coherent caches: only the queue is left",
	caches: false,
	cleans: false,
};
