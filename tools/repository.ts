// Where this repository is, also for what was compiled to a folder of its own.

import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(
	new URL(existsSync(new URL("../package.json", import.meta.url)) ? ".." : "../..", import.meta.url),
);

/** The path of a file of the repository, or of its root. */
export function repository(file = ""): string {
	return file === "" ? root.replace(/\/$/, "") : `${root.replace(/\/$/, "")}/${file}`;
}
