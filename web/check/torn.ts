// Whether a step runs an instruction whose bytes were never in memory together.

import type { LaneRow } from "../../runtime/check/index.ts";

export function isTorn({ read }: LaneRow): boolean {
	return new Set(read?.map(({ stand }) => stand)).size > 1;
}
