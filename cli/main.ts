#!/usr/bin/env node
// What the shell starts.

import { patchbay } from "./patchbay.ts";
import { processTerminal } from "./terminal.ts";

process.exitCode = await patchbay(process.argv.slice(2), processTerminal());
