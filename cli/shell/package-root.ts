// Finds the folder of this package, and its version. This file runs as source (cli/shell/), in a bundle (dist/cli/), and
// compiled for benchmarks (dist-bench/cli/shell/).

import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The folder with package.json, docs/ and fixtures/. */
export function packageRoot(): string {
	const places = ["../", "../../", "../../../"].map((path) => fileURLToPath(new URL(path, import.meta.url)));
	const root = places.find((place) => existsSync(`${place}package.json`));
	if (root === undefined) throw new Error("package.json is missing");
	return root;
}

export function version(): string {
	return (JSON.parse(readFileSync(`${packageRoot()}package.json`, "utf8")) as { version: string }).version;
}
