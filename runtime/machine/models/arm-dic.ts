import type { Model } from "../model.ts";
import { arm } from "./arm.ts";

/** DIC = 1: nothing to invalidate. The published tests ask for IDC = 1 as well. */
export const armDic: Model = {
	...arm,
	name: "arm-dic",
	brief: "`arm` without stale instruction caches, where stores need cleaning",
	caches: false,
	cleans: true,
};
