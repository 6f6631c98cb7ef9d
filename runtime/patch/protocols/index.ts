// Every protocol; a new one is a file beside and a line here.

import type { Protocol } from "../protocol.ts";
import { breakpoint } from "./breakpoint.ts";
import { early } from "./early.ts";

export { breakpoint, early };
export const protocols: readonly Protocol[] = [breakpoint, early];
