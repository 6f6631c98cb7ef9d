// `patchbay patch`: retargets static calls in an image file, before it is ever loaded. All of it or nothing is written.

import { readElf } from "../../linker/elf/index.ts";
import { LinkError } from "../../linker/errors.ts";
import { hex, hexBytes } from "../../linker/hex.ts";
import { type Image, readImage } from "../../linker/link/index.ts";
import { load } from "../../runtime/load.ts";
import { profiles } from "../../runtime/machine/index.ts";
import {
	applyNow,
	type BootOptions,
	boot,
	byDefault,
	type Change,
	change,
	countChanged,
	createSystem,
	type DryRun,
	describeUpdate,
	early,
	keyNames,
	type PlannedSite,
	planUpdate,
	type Settled,
	type Update,
} from "../../runtime/patch/index.ts";
import { bootOptions, declareFeatures, drawSettled } from "../run/booting.ts";
import { changesOf, parseRetarget, type Retarget } from "../run/set-option.ts";
import { type Command, ExitCode, UsageError, writeJson } from "../shell/command.ts";
import { readBytes, writeFile } from "../shell/files.ts";
import { type Column, changedText, table } from "../shell/table.ts";
import { styled, type Terminal } from "../shell/terminal.ts";

interface Options {
	readonly set?: readonly Retarget[];
	readonly reset?: true;
	readonly boot?: true;
	readonly features?: readonly string[];
	readonly dryRun?: true;
	readonly output?: string;
}

export const patch: Command<Options> = {
	name: "patch",
	operands: "<image>",
	brief: "Retarget static calls in an image file, site by site, without running it.",
	examples: [
		["patch pick.elf --set pick=deadline --dry-run", "what would change: old and new bytes of every site"],
		["patch pick.elf --set pick=deadline", "changes the file"],
		["patch pick.elf --set pick=deadline,hook=null -o new.elf", "several keys, all or none, into another file"],
		["patch pick.elf --reset", "back to every key's default"],
		["patch vm.elf --set readFlags=xen --boot", "set an operation, and settle its calls in the file"],
	],
	outputs: ["output"],
	inPlace: true,
	declare(line) {
		line.option(
			"--set <key=function>",
			"retarget a static call, or switch a static key on or off; `default` too; may be given again",
			parseRetarget,
		);
		line.option("--reset", "retarget every static call, and every static key, to its default");
		line.option("--boot", "settle alternatives and calls of operations, as at the start of the program");
		declareFeatures(line);
		line.option("--dry-run", "print the plan and write nothing");
		line.option("-o, --output <file>", "write there instead of changing the image");
	},
	async run(terminal, [file], options) {
		const bytes = readBytes(file!);
		const image = readImage(readElf(bytes, file!));
		const { updates, plan, settled } = planPatch(image, wantedChanges(image, options), bootOptions(options));
		const written = options.dryRun ? undefined : (options.output ?? file!);
		// An image that says it already is left alone; a copy is asked for either way.
		if (written !== undefined && (updates.some(({ steps }) => steps.length > 0) || options.output !== undefined))
			writeFile(written, patched(image, bytes, updates));
		if (options.json) await writeJson(terminal, "patchbay/patch@1", { ...describe(image, plan, written), settled });
		else await terminal.write(`${drawPlan(terminal, image, plan, settled).join("\n")}\n`);
		return ExitCode.ok;
	},
};

function wantedChanges(image: Image, { set = [], reset, boot }: Options): Change[] {
	if (reset && set.length > 0) throw new UsageError("--reset is for every static call: leave --set out");
	if (!reset && !boot && set.length === 0)
		throw new UsageError("say what to change: --set key=function, --reset, or --boot");
	const late = set.find(({ cycle }) => cycle !== undefined);
	if (late !== undefined) throw new UsageError(`--set ${late.text}: a file has no cycles; leave the @ out`);
	if (reset) {
		const names = [...image.staticKeys, ...image.operations].map(({ name }) => name);
		return [...keyNames(image), ...names].map((name) => change(image, name, byDefault));
	}
	return set.flatMap((each) => changesOf(image, each));
}

interface Planned {
	readonly updates: readonly Update[];
	readonly plan: DryRun;
	readonly settled: readonly Settled[];
}

/** Validated as updates of a machine whose CPUs are all off. @throws LinkError when one is refused */
function planPatch(image: Image, changes: readonly Change[], options: BootOptions | undefined): Planned {
	const system = createSystem(load(image, { profile: profiles[0]!, started: false }), image, early);
	const update = planUpdate(system, changes, early);
	if ("refused" in update) throw new LinkError(`${image.name}: ${update.refused}`);
	const plan = describeUpdate(system, update) as DryRun;
	if (options === undefined) return { updates: [update], plan, settled: [] };
	applyNow(system, update);
	const booted = boot(system, options);
	return { updates: [update, booted], plan, settled: booted.settled };
}

/** The file with every store of the update in it. */
function patched(image: Image, bytes: Uint8Array, updates: readonly Update[]): Uint8Array {
	const result = bytes.slice();
	for (const step of updates.flatMap(({ steps }) => steps))
		if (step.kind === "store") result.set(step.bytes, offsetOf(image, step.address));
	return result;
}

/** Where a loaded byte is in the file. */
function offsetOf({ name, segments }: Image, address: number): number {
	const segment = segments.find((each) => address >= each.address && address < each.address + each.data.length);
	if (segment === undefined) throw new LinkError(`${name}: ${hex(address)} has no bytes in the file`);
	return segment.fileOffset + address - segment.address;
}

const columns: readonly Column<PlannedSite>[] = [
	{ title: "key", text: ({ key }) => key },
	{ title: "kind", text: ({ kind }) => kind },
	{ title: "address", text: ({ address }) => hex(address) },
	{ title: "place", text: ({ place }) => place },
	{ title: "old bytes", text: ({ old }) => hexBytes(old) },
	{ title: "new bytes", text: ({ bytes }) => hexBytes(bytes) },
	{ title: "was", text: ({ was }) => was },
	{ title: "becomes", text: ({ becomes }) => becomes },
];

function drawPlan(
	terminal: Terminal,
	image: Image,
	{ keys, sites, stores }: DryRun,
	settled: readonly Settled[],
): string[] {
	if (stores === 0 && settled.length === 0) return ["nothing to change"];
	const lines = keys.map(({ name, from, to }) => `${name}: ${from ?? "null"} -> ${to ?? "null"}`);
	const rows = table(columns, sites, (text, _, row) => (row === undefined ? styled(terminal, "bold", text) : text));
	const changes =
		stores === 0
			? []
			: [...lines, ...(sites.length > 0 ? ["", ...rows] : []), "", changedText(countChanged(image, sites))];
	return settled.length === 0 ? changes : [...changes, ...drawSettled(terminal, image, settled)];
}

function describe({ name }: Image, { keys, sites, stores }: DryRun, written: string | undefined): object {
	const listed = sites.map(({ old, bytes, ...site }) => ({ ...site, old: hexBytes(old), bytes: hexBytes(bytes) }));
	return { file: name, written: written ?? null, keys, sites: listed, stores };
}
