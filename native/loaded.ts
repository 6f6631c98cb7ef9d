// The ELF files that a process has mapped, with their symbols, and how far from its linked addresses each one lies.

import { readFileSync, readlinkSync, statSync } from "node:fs";
import { type ElfObject, SHN_LORESERVE, SHN_UNDEF, STT_FUNC, STT_NOTYPE } from "../linker/elf/object.ts";
import { readElf } from "../linker/elf/reader.ts";
import { isCode, symbolName } from "../linker/elf/symbols.ts";
import { LinkError, suggestion } from "../linker/errors.ts";
import { hexAddress } from "../linker/hex.ts";
import { baseName } from "../linker/sites/wanted.ts";
import { type Mapping, mappingsOf, type Process } from "./process.ts";
import { whyClosed } from "./rights.ts";

export interface Loaded {
	readonly object: ElfObject;
	/** What is added to an address of the file. */
	readonly bias: number;
	readonly isProgram: boolean;
}

/** A function of a process, at an address there. */
export interface LoadedFunction {
	readonly name: string;
	readonly address: number;
	/** 0 where the symbol does not say. */
	readonly size: number;
	readonly loaded: Loaded;
}

/** @returns the program itself first, then the shared objects
 * @throws LinkError when they cannot be read */
export function loadedObjects(process: Process): Loaded[] {
	const files = new Map<string, Mapping[]>();
	for (const mapping of executableMappings(process))
		files.set(mapping.file!, [...(files.get(mapping.file!) ?? []), mapping]);
	const exe = idOf(`/proc/${process.pid}/exe`);
	const found = [...files.values()].flatMap((mappings) => {
		const isProgram = exe !== undefined && inode(mappings[0]!) === exe;
		const bytes = contentsOf(process, mappings[0]!, isProgram);
		if (bytes === undefined) return [];
		const object = readElf(bytes, isProgram ? programName(process, mappings[0]!) : mappings[0]!.path);
		const bias = biasOf(object, mappings);
		return bias === undefined ? [] : { object, bias, isProgram };
	});
	if (!found.some(({ isProgram }) => isProgram))
		throw new LinkError(
			`${process.name}: its program file is not mapped as it was linked (text moved to large pages, or packed); there are no symbols for what runs`,
		);
	return found.sort((a, b) => Number(b.isProgram) - Number(a.isProgram));
}

function executableMappings(process: Process): Mapping[] {
	try {
		return mappingsOf(process).filter(({ executable, file }) => executable && file !== undefined);
	} catch (error) {
		throw new LinkError(`${process.name}: ${whyClosed(process, (error as NodeJS.ErrnoException).code ?? "")}`);
	}
}

function inode({ file }: Mapping): string {
	return file!.split(":").at(-1)!;
}

/** The number of a file. Its device is not compared: overlays and btrfs show another one in maps than in stat. */
function idOf(path: string): string | undefined {
	try {
		return statSync(path, { bigint: true }).ino.toString();
	} catch {
		return undefined;
	}
}

function programName({ pid }: Process, { path }: Mapping): string {
	try {
		return readlinkSync(`/proc/${pid}/exe`);
	} catch {
		return path;
	}
}

/** The file that is mapped, also when it was deleted or lies in another mount namespace; undefined where it cannot be read. */
function contentsOf({ pid }: Process, mapping: Mapping, isProgram: boolean): Uint8Array | undefined {
	const range = `${mapping.start.toString(16)}-${mapping.end.toString(16)}`;
	const places = [`/proc/${pid}/map_files/${range}`, `/proc/${pid}/root${mapping.path}`];
	for (const path of isProgram ? [`/proc/${pid}/exe`] : places) {
		if (idOf(path) !== inode(mapping)) continue;
		try {
			const { buffer, byteOffset, byteLength } = readFileSync(path);
			return new Uint8Array(buffer, byteOffset, byteLength);
		} catch {}
	}
	return undefined;
}

/** A segment and its mapping differ by the bias and agree in the place in the file. */
function biasOf({ segments }: ElfObject, mappings: readonly Mapping[]): number | undefined {
	for (const { start, end, offset } of mappings)
		for (const { executable, fileOffset, address, data } of segments)
			if (executable && fileOffset < offset + (end - start) && fileOffset + data.length > offset)
				return start - offset + fileOffset - address;
	return undefined;
}

/** Looks functions up by name and by address. */
export interface Symbolizer {
	/** The process, for messages. */
	readonly of: string;
	/** @throws LinkError for none, or more than one */
	find(name: string): LoadedFunction;
	/** The function that begins there. */
	startingAt(address: number): LoadedFunction | undefined;
	/** The name of the function that begins there, or the address. */
	describe(address: number): string;
}

export function symbolizer(process: Process, objects: readonly Loaded[]): Symbolizer {
	const byAddress = new Map<number, LoadedFunction>();
	const byName = new Map<string, LoadedFunction[]>();
	for (const each of objects.flatMap(functionsOf)) {
		byAddress.set(each.address, byAddress.get(each.address) ?? each);
		const others = byName.get(each.name) ?? [];
		if (!others.some(({ address }) => address === each.address)) others.push(each);
		byName.set(each.name, others);
	}
	return {
		of: process.name,
		find(name) {
			const found = byName.get(name) ?? [];
			if (found.length === 1) return found[0]!;
			throw new LinkError(
				`${process.name}: ${found.length === 0 ? noFunction(objects, name, byName) : several(name, found)}`,
			);
		},
		startingAt: (address) => byAddress.get(address),
		describe: (address) => byAddress.get(address)?.name ?? hexAddress(address),
	};
}

function noFunction(objects: readonly Loaded[], name: string, byName: ReadonlyMap<string, unknown>): string {
	if (objects[0]!.object.symbols.count <= 1) return `${objects[0]!.object.name} has no symbols (it was stripped)`;
	return `has no function '${name}'${suggestion(name, byName.keys())}`;
}

function several(name: string, found: readonly LoadedFunction[]): string {
	const places = found.map(({ address, loaded }) => `${hexAddress(address)} in ${loaded.object.name}`);
	return `${found.length} functions are called '${name}', at ${places.join(", ")}: which one is not clear`;
}

/** Labels of code that were not declared functions, as assemblers leave them, come behind those that were. */
function functionsOf(loaded: Loaded): LoadedFunction[] {
	const { symbols, sections } = loaded.object;
	const functions: LoadedFunction[] = [];
	const labels: LoadedFunction[] = [];
	for (let i = 1; i < symbols.count; i++) {
		const section = symbols.section[i]!;
		const type = symbols.info[i]! & 15;
		if (section === SHN_UNDEF || section >= SHN_LORESERVE || !isCode(sections[section]!)) continue;
		if (type !== STT_FUNC && type !== STT_NOTYPE) continue;
		const name = baseName(symbolName(symbols, i));
		const found = { name, address: symbols.value[i]! + loaded.bias, size: symbols.size[i]!, loaded };
		if (name !== "") (type === STT_FUNC ? functions : labels).push(found);
	}
	return [...functions, ...labels];
}
