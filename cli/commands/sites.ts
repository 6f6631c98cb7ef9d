// `patchbay sites`: every call that can be retargeted, where it is and what it calls.

import { ET_EXEC } from "../../linker/elf/index.ts";
import { readImage } from "../../linker/link/index.ts";
import { loadObjects } from "../build.ts";
import { type Command, ExitCode, writeJson } from "../command.ts";
import { imageSites, type ListedSite, objectSites } from "../site-list.ts";
import { type Column, plural, table } from "../table.ts";
import { styled, type Terminal } from "../terminal.ts";

interface ListedFile {
	readonly file: string;
	readonly kind: "object" | "image";
	/** How an image's calls are linked. */
	readonly mode: string | undefined;
	readonly sites: readonly ListedSite[];
}

export const sites: Command<object> = {
	name: "sites",
	operands: "<files...>",
	brief: "List the static-call sites of sources, objects and images.",
	examples: [
		["sites pick.js", "of a module and all it imports"],
		["sites pick.o", "of an object"],
		["sites pick.elf --json", "of an image, for other programs"],
	],
	declare() {},
	async run(terminal, files, { json }) {
		const listed = loadObjects(files, "inline").map((object): ListedFile => {
			if (object.type !== ET_EXEC) {
				return { file: object.name, kind: "object", mode: undefined, sites: objectSites(object) };
			}
			const image = readImage(object);
			return { file: object.name, kind: "image", mode: image.mode, sites: imageSites(image) };
		});
		if (json) await writeJson(terminal, "patchbay/sites@1", { files: listed });
		else await terminal.write(`${listed.map((file) => text(terminal, file)).join("\n\n")}\n`);
		return ExitCode.ok;
	},
};

const columns: readonly Column<ListedSite>[] = [
	{ title: "key", text: ({ key }) => key },
	{ title: "kind", text: ({ kind, init }) => (init ? `${kind}, init` : kind) },
	{ title: "source", text: ({ source }) => (source ? `${source.file}:${source.line}:${source.column}` : "") },
	{ title: "place", text: ({ place }) => place },
	{ title: "in", text: ({ symbol }) => symbol },
	{ title: "bytes", text: ({ bytes }) => bytes },
	{ title: "calls", text: ({ target, via }) => (target ?? "(imported)") + (via === undefined ? "" : `, by ${via}`) },
];

function text(terminal: Terminal, { file, mode, sites }: ListedFile): string {
	const keys = new Set(sites.map(({ key }) => key)).size;
	const how = mode === undefined ? "" : `, linked ${mode}`;
	const title = `${file}: ${plural(sites.length, "call site")} of ${plural(keys, "key")}${how}`;
	if (sites.length === 0) return title;
	const lines = table(columns, sites, (cell, column, row) => {
		if (row === undefined) return styled(terminal, "dim", cell);
		return column === 0 ? styled(terminal, "cyan", cell) : column === 6 ? styled(terminal, "green", cell) : cell;
	});
	return [styled(terminal, "bold", title), ...lines].join("\n");
}
