// Texts of the fixtures that targets change.

import { readdirSync, readFileSync } from "node:fs";
import { repository } from "../../tools/repository.ts";

/** The files of a folder of the repository whose names end so, by name. */
export function textsOf(folder: string, ending: string): string[] {
	const names = readdirSync(repository(folder), { recursive: true, encoding: "utf8" }).filter((name) =>
		name.endsWith(ending),
	);
	return names.sort().map((name) => readFileSync(repository(`${folder}/${name}`), "utf8"));
}
