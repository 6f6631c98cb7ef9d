// The simulated machine's inner loop is one function with a case per instruction; V8's default budget for inlining into one
// function is spent after a dozen of them. Commands that run programs import this; the others are faster without.

import { setFlagsFromString } from "node:v8";

setFlagsFromString("--max-inlined-bytecode-size-cumulative=5000");
