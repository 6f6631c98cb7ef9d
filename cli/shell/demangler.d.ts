// The package declares types of its entry point alone, which needs a bundler that loads WebAssembly.

declare module "gecko-profiler-demangle/index_bg.js" {
	/** @returns the name as its program writes it; what it cannot read without its first underscore, or as it was */
	export function demangle_any(name: string): string;
	export function __wbg_set_wasm(wasm: WebAssembly.Exports): void;
}

/** Node has it, though its types leave it to those of browsers. */
declare namespace WebAssembly {
	type Exports = Record<string, unknown>;
	class Module {
		constructor(bytes: Uint8Array);
	}
	class Instance {
		constructor(module: Module, imports: Record<string, object>);
		readonly exports: Exports;
	}
}
