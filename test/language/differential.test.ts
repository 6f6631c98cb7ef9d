// Random programs print the same under Node and on the machine (random/difference.ts says how they are compared).

import { test } from "vitest";
import { everything, howMany } from "../extent.ts";
import { comparePrograms } from "./random/compare.ts";

const RUNS = howMany(30, 2000);

test(`${RUNS} random programs`, () => comparePrograms({ numRuns: RUNS, ...(everything ? {} : { seed: 1 }) }));
