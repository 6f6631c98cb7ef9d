// Every cost profile; a new one is a file beside and a line here.

import type { CostProfile } from "../profile.ts";
import { inOrder } from "./in-order.ts";
import { xeonVm } from "./xeon-vm.ts";

/** Every built-in cost profile; the first is what commands use unless told otherwise. */
export const profiles: readonly CostProfile[] = [xeonVm, inOrder];
