// `--model`: what hardware promises, by its name or as a .json file that holds one (docs/schemas/model.json).

import { Option } from "commander";
import { LinkError, suggestion } from "../../linker/errors.ts";
import { validate } from "../../linker/schema.ts";
import { type Model, modelSchema, models, variants, withStoreBuffer } from "../../runtime/machine/index.ts";
import { UsageError } from "../shell/command.ts";
import { readJson } from "../shell/files.ts";

const named = [...models, ...variants];
const names = named.map(({ name }) => name);
/** What one may write, for the help. */
export const modelNames = `${names.join(", ")}, each with -tso for a store buffer, or a .json file`;

/** What every command that takes one model takes when none is named. Where all fetches are fresh, as they are unless asked for
 * otherwise, a program takes the same cycles on every model without caches to clean. */
export const modelOption = new Option("--model <name>", `what hardware promises: ${modelNames}`).default("x86");

/** @throws UsageError for a name that is none, LinkError for a file that holds no model, or one with the name of another */
export function modelOf(text: string): Model {
	if (text.endsWith(".json")) return modelIn(text);
	const name = text.replace(/-tso$/, "");
	const found = named.find((model) => model.name === name);
	if (found === undefined)
		throw new UsageError(`no model '${text}'${suggestion(name, names)}; there are ${modelNames}`);
	return name === text ? found : withStoreBuffer(found);
}

/** A report names its model, so a file may not use a name that means something else. */
function modelIn(file: string): Model {
	const model = validate<Model>(modelSchema, readJson(file), file);
	if (names.includes(model.name.replace(/-tso$/, "")))
		throw new LinkError(`${file}: name: '${model.name}' is a model of patchbay; call yours otherwise`);
	return model;
}
