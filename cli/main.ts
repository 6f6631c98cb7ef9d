#!/usr/bin/env node
// What the shell starts.

import { patchbay } from "./patchbay.ts";
import { processTerminal } from "./shell/terminal.ts";

patchbay(process.argv.slice(2), processTerminal()).then((code) => {
	process.exitCode = code;
});
