// `patchbay maps`: what is mapped where before a program starts.

import { type MapLine, type MapPiece, mapsOf } from "../../runtime/execmem/maps.ts";
import { pictureSvg, pictureText } from "../../runtime/execmem/picture.ts";
import { type BuildOptions, declareBuildOptions, loadImage } from "../build/build.ts";
import { type CpuOptions, declareCpuOptions } from "../run/cpus.ts";
import { declareExecmemOptions, type ExecmemChoice, openMemory } from "../run/execmem-options.ts";
import { parsePlaces, probeAt } from "../run/probing.ts";
import { type Command, ExitCode, UsageError, writeJson } from "../shell/command.ts";
import { writeFile } from "../shell/files.ts";

interface Options extends BuildOptions, CpuOptions, ExecmemChoice {
	readonly pieces?: true;
	readonly picture?: true;
	readonly svg?: string;
	readonly probe?: readonly string[];
}

export const maps: Command<Options> = {
	name: "maps",
	operands: "<files...>",
	brief: "Show what is mapped where: every mapping of a program, as in /proc/PID/maps.",
	examples: [
		["maps pick.js", "of a program"],
		["maps work.elf --cpus 4 --processes 2", "with its stacks, of each process"],
		["maps pick.js --probe deadline", "with what a probe adds"],
		["maps scheduler.js --load policy.js --pieces", "with a module"],
		["maps pick.js --picture", "drawn"],
		[
			"maps pick.js --allocate text=3000*99 --allocate data=99*50 --svg maps.svg",
			"with memory for code, for a browser",
		],
	],
	outputs: ["svg"],
	declare(line) {
		line.option("--pieces", "list what lies in each area too");
		line.option("--probe <place>", "put a probe there first, as run does; may be given again", parsePlaces);
		line.option("--picture", "draw the address space of the first process");
		line.option("--svg <file>", "draw it into a file");
		declareExecmemOptions(line);
		declareBuildOptions(line);
		declareCpuOptions(line);
	},
	async run(terminal, files, options) {
		if (options.picture && (options.pieces || options.json))
			throw new UsageError(`--picture is drawn instead of text: leave ${options.json ? "--json" : "--pieces"} out`);
		const execmem = await openMemory(await loadImage(files, options), options);
		const { system, allocator } = execmem;
		if (options.probe !== undefined) probeAt(system, options.probe, "count", {}, execmem);
		const lines = mapsOf(system, allocator);
		if (options.svg !== undefined) writeFile(options.svg, pictureSvg(lines, system.image.name));
		if (options.json) await writeJson(terminal, "patchbay/maps@1", { maps: lines });
		else {
			const drawn = options.picture ? pictureText(lines, terminal.width) : textOf(lines, options.pieces === true);
			await terminal.write(`${drawn.join("\n")}\n`);
		}
		return ExitCode.ok;
	},
};

/** @param withPieces each on a line of its own below its mapping */
function textOf(lines: readonly MapLine[], withPieces: boolean): string[] {
	const processes = Math.max(...lines.map(({ space }) => space)) > 0;
	return lines.flatMap((line) => {
		const process = processes ? [String(line.space)] : [];
		const size = line.page === 4096 ? "4K" : "2M";
		const text = [...process, rangeText(line), line.permissions, size, line.type.padEnd(11), line.name].join(" ");
		return [text.trimEnd(), ...(withPieces ? line.pieces.map(pieceText) : [])];
	});
}

function pieceText(piece: MapPiece): string {
	return `  ${rangeText(piece)} ${piece.type.padEnd(11)} ${piece.name}`.trimEnd();
}

function rangeText({ address, bytes }: Pick<MapLine, "address" | "bytes">): string {
	return [address, address + bytes].map((each) => each.toString(16).padStart(8, "0")).join("-");
}
