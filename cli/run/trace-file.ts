// `--trace FILE`: what happened in a run, as columns of text or for Perfetto, by the name of the file.

import { InvalidArgumentError } from "commander";
import { perfettoTrace, type System, textTrace } from "../../runtime/patch/index.ts";
import { writeFile } from "../shell/files.ts";

export function writeTrace(file: string, system: System): void {
	writeFile(file, isTextTrace(file) ? textTrace(system) : `${JSON.stringify(perfettoTrace(system))}\n`);
}

function isTextTrace(file: string): boolean {
	return file.endsWith(".txt");
}

export function parseTrace(file: string): string {
	if (!isTextTrace(file) && !file.endsWith(".json")) throw new InvalidArgumentError("Name a .json or a .txt file.");
	return file;
}
