#!/usr/bin/env node
// What the shell starts.

import { patchbay } from "./patchbay.ts";
import { endWithParent } from "./shell/stop.ts";
import { processTerminal } from "./shell/terminal.ts";

endWithParent();
patchbay(process.argv.slice(2), processTerminal()).then((code) => {
	process.exitCode = code;
});
