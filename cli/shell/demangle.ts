// Names of C++ and Rust functions as their programs write them. Compilers mangle them, `ns::slow(int)` to `_ZN2ns4slowEi`,
// and linkers know no others. The demangler is WebAssembly, which is loaded when the first such name comes.

/// <reference path="./demangler.d.ts" />

import { existsSync, readFileSync } from "node:fs";
import * as glue from "gecko-profiler-demangle/index_bg.js";
import { SHN_UNDEF, STT_FUNC, STT_NOTYPE, type Symbols } from "../../linker/elf/object.ts";
import { symbolName } from "../../linker/elf/symbols.ts";
import { LinkError } from "../../linker/errors.ts";
import { baseName, MAY_BE_INLINED, nearFunctions, noSymbols } from "../../linker/sites/wanted.ts";
import { packageRoot } from "./package-root.ts";

const known = new Map<string, string>();
let isLoaded = false;

/** The name as its program writes it; one that is not mangled is as it was. A version behind it, `@GLIBC_2.34`, stays. */
export function demangled(name: string): string {
	if (!isMangled(name)) return name;
	const found = known.get(name);
	if (found !== undefined) return found;
	load();
	const base = baseName(name);
	const shown = glue.demangle_any(base);
	// What it cannot read loses the underscore that some systems put before every name.
	const text = shown === base.slice(1) ? name : shown + name.slice(base.length);
	known.set(name, text);
	return text;
}

/** The text with all names in it as their programs write them. */
export function readable(text: string): string {
	return text.replace(/\b_[ZR]\w+(?:\.\w+)*/g, demangled);
}

/** Says whether a name is a mangled one of C++ or of Rust. */
function isMangled(name: string): boolean {
	return name.startsWith("_Z") || name.startsWith("_R");
}

function load(): void {
	if (isLoaded) return;
	const places = ["node_modules/gecko-profiler-demangle/index_bg.wasm", "dist/cli/demangler.wasm"];
	const file = places.map((place) => `${packageRoot()}${place}`).find((path) => existsSync(path));
	if (file === undefined) throw new Error("the demangler is missing");
	const instance = new WebAssembly.Instance(new WebAssembly.Module(readFileSync(file)), {
		"./index_bg.js": { ...glue },
	});
	glue.__wbg_set_wasm(instance.exports);
	(instance.exports.__wbindgen_start as () => void)();
	isLoaded = true;
}

/** The symbols with the names of functions demangled; the same where none is mangled. */
export function readableSymbols(symbols: Symbols): Symbols {
	const renamed = new Map<number, Uint8Array>();
	for (let i = 1; i < symbols.count; i++) {
		if (!mayBeFunction(symbols, i)) continue;
		const name = symbolName(symbols, i);
		const text = demangled(name);
		if (text !== name) renamed.set(i, new TextEncoder().encode(`${text}\0`));
	}
	if (renamed.size === 0) return symbols;
	const added = [...renamed.values()].reduce((sum, { length }) => sum + length, 0);
	const strings = new Uint8Array(symbols.strings.length + added);
	strings.set(symbols.strings);
	const name = symbols.name.slice();
	let at = symbols.strings.length;
	for (const [i, bytes] of renamed) {
		strings.set(bytes, at);
		name[i] = at;
		at += bytes.length;
	}
	return { ...symbols, name, strings };
}

/** A prefix of both is enough to leave most names alone without reading them as text. */
function mayBeFunction({ info, section, strings, name }: Symbols, i: number): boolean {
	const type = info[i]! & 15;
	if (type !== STT_FUNC && !(type === STT_NOTYPE && section[i] === SHN_UNDEF)) return false;
	const second = strings[name[i]! + 1];
	return strings[name[i]!] === UNDERSCORE && (second === Z || second === R);
}
const [UNDERSCORE, Z, R] = [0x5f, 0x5a, 0x52];

/** The name that linkers know, of a function as its program writes it. What is no such name is as it was.
 * @param names of the symbols that there are
 * @throws LinkError when no symbol, or more than one, is written so */
export function linkageName(names: Iterable<string>, name: string, file: string): string {
	if (!/[(:<]/.test(name)) return name;
	const all = new Set([...names].map(baseName));
	all.delete("");
	if (all.has(name)) return name;
	if (all.size === 0) throw new LinkError(`${file}: ${noSymbols(name)}`);
	const meant = [...all].filter((each) => demangled(each) === name);
	if (meant.length > 1) throw new LinkError(`${file}: '${name}' is ${meant.join(" and ")}; say which`);
	if (meant[0] !== undefined) return meant[0];
	const written = [...all].filter(isMangled).map(demangled);
	throw new LinkError(`${file}: has no symbol '${name}'${nearFunctions(name, written) || MAY_BE_INLINED}`);
}
