import type { Model } from "../model.ts";
import { arm } from "./arm.ts";

/** IDC = 1: the data side is where fetches look. */
export const armIdc: Model = {
	...arm,
	name: "arm-idc",
	brief: "`arm` whose stores need no cleaning",
	caches: true,
	cleans: false,
};
