import { copy } from "../../patch/plan/protocol.ts";
import type { Fill } from "../fill.ts";

/** Constants and variables: pieces of large pages whose rights never change. The alias writes what is read-only. */
export const data: Fill = {
	name: "data",
	brief: "stores through the alias into memory that is never executable",
	text: false,
	before: "mapped",
	release: "poison",
	alloc: [],
	write: [copy()], // data is nobody's before its address is known
	finish: [],
};
