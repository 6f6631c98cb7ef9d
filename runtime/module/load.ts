// Loading a module into a running system: linked where there is room, put there by execmem, made known, brought up to what
// the program's keys call now, and only then run. Whatever fails, all that was done before is undone.

import type { ElfObject } from "../../linker/elf/index.ts";
import { initSymbol } from "../../linker/link/check-init.ts";
import { type Image, placeOf } from "../../linker/link/image.ts";
import { linkModule, usedBy } from "../../linker/link/link-module.ts";
import type { PlaceModule } from "../../linker/link/module-memory.ts";
import { withInitFreed } from "../../linker/link/read-image.ts";
import { execmemAlloc, execmemFinish, execmemWrite } from "../execmem/execmem.ts";
import type { Execmem } from "../execmem/pieces.ts";
import type { Refusal } from "../patch/change/planned-change.ts";
import { settledSegments } from "../patch/drive/boot.ts";
import { carryOut } from "../patch/drive/carry-out.ts";
import { type RunEnd, settle } from "../patch/drive/run.ts";
import type { System } from "../patch/system.ts";
import { callOn } from "./call-on.ts";
import { catchUp } from "./catch-up.ts";
import { evacuate } from "./evacuate.ts";
import { type Interrupted, type Module, type ModulePiece, type Modules, noteModule, partNamed } from "./modules.ts";
import { giveBackPieces, withdraw } from "./unload.ts";

/** How a module is loaded. */
export interface ModuleLoadOptions {
	/** That of the first object, without folder and extension, unless said otherwise. */
	readonly name?: string;
	/** The CPU that runs its init function; 0 unless said otherwise. */
	readonly cpu?: number;
	/** Cycles that any of the waits may take. */
	readonly cycles?: number | undefined;
	/** What a trap in its init function was, in words. */
	readonly describe?: (trap: Trap) => string;
}

type Trap = Extract<RunEnd, { kind: "trapped" }>;

/** @throws LinkError when the module does not fit the program */
export function loadModule(
	modules: Modules,
	objects: readonly ElfObject[],
	options: ModuleLoadOptions = {},
): Module | Refusal | Interrupted {
	const { system, loaded } = modules;
	const name = options.name ?? moduleName(objects[0]?.name ?? "module");
	if (system.spaces.length > 1) return { refused: `${name}: a program of several processes takes no modules` };
	const busy = settle(system, options.cycles);
	if (busy !== undefined) return { ended: busy };
	noteModule(system, `load ${name}`);
	const placed = place(modules, objects, name);
	if (!("module" in placed)) return placed;
	const { module, image } = placed;
	const failed =
		fill(modules, module, image) ?? makeKnown(modules, module, image, options) ?? initialise(modules, module, options);
	if (failed === undefined) {
		const rest = module.pieces.filter(({ memory }) => !isInit(memory));
		const whole = { ...module, pieces: rest };
		loaded.set(name, whole);
		return whole;
	}
	withdraw(modules, module, { reset: true, cycles: options.cycles });
	return failed;
}

/** `modules/policy.o` is `policy`. */
export function moduleName(file: string): string {
	return /([^/]*?)(\.[^./]*)?$/.exec(file)![1]!;
}

/** Nowhere to put it: what the allocator said, on its way through the linker. */
class NoRoom extends Error {}

interface Placed {
	readonly module: Module;
	/** The program with it, as it will be. */
	readonly image: Image;
}

/** Linked at addresses that were allocated for it. */
function place({ system, execmem }: Modules, objects: readonly ElfObject[], name: string): Placed | Refusal {
	const pieces: ModulePiece[] = [];
	const allocate: PlaceModule = (wanted) => {
		giveBackPieces(execmem, name, pieces.splice(0));
		for (const { memory, bytes, align } of wanted) {
			const allocated = execmemAlloc(execmem, { type: memory, bytes, align });
			if (!allocated.ok) throw new NoRoom(allocated.error.why);
			pieces.push({ memory, address: allocated.address, bytes });
		}
		return pieces.map(({ address }) => address);
	};
	try {
		const image = linkModule(objects, { image: system.image, name, place: allocate });
		return { image, module: { name, uses: usedBy(partNamed(image, name)!.elf, system.image), pieces } };
	} catch (error) {
		giveBackPieces(execmem, name, pieces);
		if (error instanceof NoRoom) return { refused: `${name}: ${error.message}` };
		throw error;
	}
}

/** After: all of it is in memory, and ready to be executed or read. */
function fill({ system, execmem }: Modules, { name, pieces }: Module, image: Image): Refusal | undefined {
	const settled = settledSegments(system, image, partNamed(image, name)!.segments);
	if ("refused" in settled) return { refused: `${name}: ${settled.refused}` };
	for (const { address, bytes } of settled) {
		const written = execmemWrite(execmem, address, bytes);
		if (!written.ok) return { refused: `${name}: ${written.error.why}` };
	}
	return finish(
		execmem,
		name,
		pieces.filter(({ memory }) => memory !== RO_AFTER_INIT),
	);
}

function finish(execmem: Execmem, name: string, pieces: readonly ModulePiece[]): Refusal | undefined {
	for (const { address } of pieces) {
		const finished = execmemFinish(execmem, address);
		if (!finished.ok) return { refused: `${name}: ${finished.error.why}` };
	}
	return undefined;
}

const RO_AFTER_INIT = "roAfterInit";

/** After: updates reach its sites, and those are as the keys are. */
function makeKnown(
	{ system }: Modules,
	{ name }: Module,
	image: Image,
	{ cycles }: ModuleLoadOptions,
): Refusal | Interrupted | undefined {
	const caught = carryOut(
		system,
		() => {
			system.image = image;
			return catchUp(system, partNamed(image, name)!);
		},
		{ cycles },
	);
	return "sites" in caught ? undefined : caught;
}

/** After: its init function has run and returned 0, and what only that needed is gone. */
function initialise(
	{ system, execmem }: Modules,
	{ name, pieces }: Module,
	options: ModuleLoadOptions,
): Refusal | Interrupted | undefined {
	const { elf } = partNamed(system.image, name)!;
	const symbol = initSymbol(elf);
	const init = symbol && elf.symbols.value[symbol]!;
	const failed = init === undefined ? undefined : runInit(system, name, init, options);
	if (failed !== undefined) return failed;
	const gone = pieces.filter(({ memory }) => isInit(memory));
	const left = evacuate(system, gone, [], { reset: false, cycles: options.cycles });
	if (left !== undefined) return "refused" in left ? { refused: `${name}: init text: ${left.refused}` } : left;
	if (gone.length > 0) system.image = withInitFreed(system.image, name);
	return (
		finish(
			execmem,
			name,
			pieces.filter(({ memory }) => memory === RO_AFTER_INIT),
		) ?? giveBackPieces(execmem, name, gone)
	);
}

function runInit(
	system: System,
	name: string,
	init: number,
	{ cpu = 0, cycles, describe }: ModuleLoadOptions,
): Refusal | Interrupted | undefined {
	noteModule(system, `init of ${name}`, cpu);
	const called = callOn(system, cpu, init, cycles);
	if ("result" in called)
		return called.result === 0 ? undefined : { refused: `${name}: init returned ${called.result}` };
	const { ended } = called;
	if (ended.kind !== "trapped" || ended.cpu !== cpu) return called;
	const refused = `${name}: init trapped${describe === undefined ? ` at ${placeOf(system.image, ended.pc)}` : `:\n${describe(ended)}`}`;
	system.refusal = undefined;
	return { refused };
}

function isInit(memory: ModulePiece["memory"]): boolean {
	return memory === "initText" || memory === "initData";
}
