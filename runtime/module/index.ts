// Modules (`patchbay/module`): linked into a running program, loaded, unloaded.

export { linkModule } from "../../linker/link/link-module.ts";
export type { StillCalled } from "./evacuate.ts";
export { loadModule, type ModuleLoadOptions, moduleName } from "./load.ts";
export { createModules, type Interrupted, type Module, type ModulePiece, type Modules } from "./modules.ts";
export { type UnloadOptions, unloadModule } from "./unload.ts";
