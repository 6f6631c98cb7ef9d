// What calls of paravirt operations cost: before they are settled and after, and what it costs to expect that all
// registers are changed. The same program built and settled several ways, each run on the same machine.

import type { CompileOptions } from "../../linker/compile/index.ts";
import { link } from "../../linker/link/index.ts";
import { Cpu, getCounter, TICKS_PER_CYCLE } from "../../runtime/machine/index.ts";
import type { BootOptions } from "../../runtime/patch/index.ts";
import { loadObjects } from "../build/build.ts";
import { type Conditions, countingProfile, type Finished, finish } from "./comparison.ts";

export interface OperationWay {
	readonly name: string;
	readonly cycles: number;
	/** Over a plain call, on average. */
	readonly extraPerCall: number | undefined;
	/** Reserved, on average. */
	readonly bytesPerCall: number;
}

export interface OperationCosts {
	readonly operations: number;
	/** In the program's text. */
	readonly places: number;
	/** That were executed. */
	readonly calls: number;
	readonly ways: readonly OperationWay[];
}

type Built = NonNullable<CompileOptions["paravirt"]>;

/** The first is what the others are set against: a direct call that may change what every call may. */
const ways: readonly { readonly name: string; readonly built: Built; readonly boot: BootOptions | undefined }[] = [
	{ name: "plain call", built: { clobbers: "all", bytes: 5 }, boot: { inline: false } },
	{ name: "all clobbered, indirect", built: { clobbers: "all" }, boot: undefined },
	{ name: "all clobbered, settled", built: { clobbers: "all" }, boot: {} },
	{ name: "as declared, indirect", built: {}, boot: undefined },
	{ name: "as declared, direct", built: {}, boot: { inline: false } },
	{ name: "as declared, settled", built: {}, boot: {} },
];

/** Undefined for a program without operations, or not of modules. */
export async function compareOperations(
	files: readonly string[],
	conditions: Conditions,
): Promise<OperationCosts | undefined> {
	if (!files.every((file) => file.endsWith(".js"))) return undefined;
	const run = async (built: Built, boot: BootOptions | undefined, profile = conditions.profile): Promise<Finished> => {
		const image = link(await loadObjects(files, "inline", { paravirt: built }), { name: files[0]! });
		return finish(image, { ...conditions, profile }, boot);
	};
	const finished = [];
	for (const { built, boot } of ways) {
		finished.push(await run(built, boot));
		if (finished[0]!.image.operations.length === 0) return undefined;
		if (finished.at(-1)!.output.join("\n") !== finished[0]!.output.join("\n"))
			throw new Error(`'${ways[finished.length - 1]!.name}' prints something else`);
	}
	const indirect = async (boot: BootOptions | undefined) => indirectJumps(await run({}, boot, countingProfile));
	const calls = (await indirect(undefined)) - (await indirect({ inline: false }));
	const [{ image, cycles: plainCycles }] = finished as [Finished];
	return {
		operations: image.operations.length,
		places: image.operationCalls.length,
		calls,
		ways: finished.map(({ cycles, image: { operationCalls } }, i) => ({
			name: ways[i]!.name,
			cycles,
			extraPerCall: calls === 0 ? undefined : (cycles - plainCycles) / calls,
			bytesPerCall: operationCalls.reduce((sum, { bytes }) => sum + bytes, 0) / operationCalls.length,
		})),
	};
}

/** See `countingProfile`. */
function indirectJumps({ cycles, system }: Finished): number {
	return cycles * TICKS_PER_CYCLE - getCounter(system.machine, 0, Cpu.instructions);
}
