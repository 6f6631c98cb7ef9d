// `patchbay sites` for sources, and for objects and images of the toy machine.

import { ET_EXEC, ET_REL } from "../../linker/elf/index.ts";
import { LinkError } from "../../linker/errors.ts";
import { readImage } from "../../linker/link/index.ts";
import { loadObjects } from "../build/build.ts";
import { type Column, plural, table } from "../shell/table.ts";
import { styled, type Terminal } from "../shell/terminal.ts";
import { describePlaces } from "./describe-places.ts";
import { imageLabels, objectLabels } from "./label-list.ts";
import { type ListedOpening, openings, openingsText } from "./load-time-list.ts";
import { imageSites, type ListedSite, objectSites } from "./site-list.ts";

export interface ListedFile {
	readonly file: string;
	/** How an image's calls are linked. */
	readonly mode: string | undefined;
	readonly sites: readonly ListedSite[];
	/** Settled when the program is loaded. */
	readonly openings: readonly ListedOpening[];
}

export async function listToySites(files: readonly string[]): Promise<ListedFile[]> {
	return (await loadObjects(files, "inline")).map((object): ListedFile => {
		if (object.type !== ET_EXEC && object.type !== ET_REL)
			throw new LinkError(`${object.name}: is neither an object nor an image, the toy machine has no other files`);
		const describe = describePlaces(object);
		const base = { file: object.name, openings: openings(object, describe) };
		if (object.type !== ET_EXEC)
			return { ...base, mode: undefined, sites: [...objectSites(object, describe), ...objectLabels(object, describe)] };
		const image = readImage(object);
		return { ...base, mode: image.mode, sites: [...imageSites(image), ...imageLabels(image)] };
	});
}

const columns: readonly Column<ListedSite>[] = [
	{ title: "key", text: ({ key }) => key },
	{ title: "kind", text: ({ kind, init }) => (init ? `${kind}, init` : kind) },
	{ title: "source", text: ({ source }) => (source ? `${source.file}:${source.line}:${source.column}` : "") },
	{ title: "place", text: ({ place }) => place },
	{ title: "in", text: ({ symbol }) => symbol },
	{ title: "bytes", text: ({ bytes }) => bytes },
	{ title: "calls", text: goal },
];

function goal({ target, via, jumps }: ListedSite): string {
	if (jumps !== undefined) return `jumps to ${target} while ${jumps}`;
	return (target ?? "(imported)") + (via === undefined ? "" : `, by ${via}`);
}

function counted(sites: readonly ListedSite[]): string {
	const [branches, calls] = [true, false].map((label) => sites.filter(({ kind }) => (kind === "label") === label));
	const keys = (of: readonly ListedSite[]): number => new Set(of.map(({ key }) => key)).size;
	const text = `${plural(calls!.length, "call site")} of ${plural(keys(calls!), "key")}`;
	if (branches!.length === 0) return text;
	return `${text}, ${plural(branches!.length, "branch", "branches")} of ${plural(keys(branches!), "static key")}`;
}

export function toySitesText(terminal: Terminal, listed: ListedFile): string {
	const others = openingsText(terminal, listed.file, listed.openings);
	const calls = callsText(terminal, listed);
	return others === undefined ? calls : listed.sites.length === 0 ? others : `${calls}\n\n${others}`;
}

function callsText(terminal: Terminal, { file, mode, sites }: ListedFile): string {
	const how = mode === undefined ? "" : `, linked ${mode}`;
	const title = `${file}: ${counted(sites)}${how}`;
	if (sites.length === 0) return title;
	const lines = table(columns, sites, (cell, column, row) => {
		if (row === undefined) return styled(terminal, "dim", cell);
		return column === 0 ? styled(terminal, "cyan", cell) : column === 6 ? styled(terminal, "green", cell) : cell;
	});
	return [styled(terminal, "bold", title), ...lines].join("\n");
}
