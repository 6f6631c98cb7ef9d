// Every protocol; a new one is a file beside and a line here.

import type { Protocol } from "../protocol.ts";
import { alignedStore } from "./aligned-store.ts";
import { breakpoint } from "./breakpoint.ts";
import { early } from "./early.ts";
import { naive } from "./naive.ts";
import { naiveSync } from "./naive-sync.ts";
import { rwFlip } from "./rw-flip.ts";
import { spinJump } from "./spin-jump.ts";
import { stopMachine } from "./stop-machine.ts";
import { unmapWriteMap } from "./unmap-write-map.ts";

export { breakpoint, early };
/** Every built-in protocol; the first, `breakpoint`, is what commands use unless told otherwise. */
export const protocols: readonly Protocol[] = [
	breakpoint,
	naive,
	naiveSync,
	alignedStore,
	stopMachine,
	spinJump,
	unmapWriteMap,
	rwFlip,
	early,
];
