// The compiler: a module of the language to a relocatable object, as one list of passes. Each says in its own file what
// it requires and what is true after it.

import { type ElfObject, fileSymbol, finish, newObject, section } from "../elf/index.ts";
import { EM_TOY } from "../isa/index.ts";
import { emitKey, emitSignatures, emitStaticKey, emitTable, emitTexts, emitVariable } from "./emit/data.ts";
import type { Emission } from "./emit/emission.ts";
import { emitLines } from "./emit/lines.ts";
import { changedRegisters, emitOperation } from "./emit/paravirt.ts";
import { emitFunction } from "./emit/text.ts";
import { lowerFunction } from "./lower/lower.ts";
import type { Texts } from "./lower/texts.ts";
import { type Origin, originFile, type PositionMap } from "./origin.ts";
import { bindModules } from "./types/bind.ts";
import { type Analysis, type Contract, type Declared, type Module, newAnalysis } from "./types/bindings.ts";
import { checkModule } from "./types/check.ts";
import { loadModule, type Resolve } from "./types/declare.ts";
import { inferTypes } from "./types/infer.ts";
import { inferTables } from "./types/tables.ts";

/** How a program is compiled: where imports are found, and which code is made for its calls. */
export interface CompileOptions {
	/** For messages, line tables and imports. */
	readonly file: string;
	/** Finds imported modules: the compiler needs what they export. */
	readonly resolve?: Resolve;
	/** From a rewritten program back to what the user wrote. */
	readonly map?: PositionMap;
	/** How pointers (`defineFfp`) are called; `retpoline` also does without jump tables. */
	readonly indirect?: "pointer" | "retpoline";
	/** Pads with NOP so that no CALL, JMP or Jcc of a static call crosses an aligned 8-byte boundary. */
	readonly alignSites?: boolean;
	/** Begins every function with NOP5 and lists them in `__patchable_function_entries`. */
	readonly entryNops?: boolean;
	/** In place of what paravirt operations say of their calls. */
	readonly paravirt?: Partial<Contract>;
}

/** @throws SourceError at the first thing that is not in the language */
export function compile(source: string, options: CompileOptions): ElfObject {
	const {
		file,
		resolve = () => undefined,
		map,
		indirect = "pointer",
		alignSites = false,
		entryNops = false,
		paravirt = {},
	} = options;
	const origin: Origin = { file, text: source, map };
	const analysis = newAnalysis();
	const module = loadModule(analysis, origin, resolve);
	bindModules(analysis);
	inferTables(analysis);
	inferTypes(analysis);
	const functions = checkModule(analysis, module);
	const texts: Texts = { offsets: new Map(), bytes: [] };
	const lowered = functions.map((fn) => ({ fn, ...lowerFunction(fn, texts, { indirect, paravirt }) }));
	const e = newEmission(analysis, module, { alignSites, entryNops });
	emitTexts(e, texts);
	for (const { fn, ...code } of lowered) emitFunction(e, fn, code);
	const changed = new Map(lowered.map(({ fn, code }) => [fn.binding, changedRegisters(code.blocks)]));
	for (const binding of module.declared) {
		if (binding.kind !== "key" || binding.contract === undefined) emitDeclared(e, binding);
		else emitOperation(e, binding, { ...binding.contract, ...paravirt }, changed);
	}
	emitSignatures(e);
	emitLines(e);
	return finish(e.builder);
}

function newEmission(
	analysis: Analysis,
	module: Module,
	options: Pick<Emission, "alignSites" | "entryNops">,
): Emission {
	const builder = newObject(module.origin.file, EM_TOY);
	fileSymbol(builder, originFile(module.origin));
	section(builder, ".text");
	return { builder, analysis, module, ...options, savers: new Set(), hidden: new Map(), lines: new Map() };
}

function emitDeclared(e: Emission, binding: Declared): void {
	switch (binding.kind) {
		case "variable":
			emitVariable(e, binding);
			break;
		case "table":
			emitTable(e, binding);
			break;
		case "key":
			emitKey(e, binding);
			break;
		case "static-key":
			emitStaticKey(e, binding);
			break;
		case "function":
		case "constant":
		case "constants":
			return;
	}
}
