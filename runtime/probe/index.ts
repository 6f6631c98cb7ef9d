// Probes (`patchbay/probe`): told of every execution of an instruction, by trap and slot, by emulation, or by a call.

export { createProbes } from "./create-probes.ts";
export { findPlace, instructionsOf } from "./find-place.ts";
export { noteText } from "./hits.ts";
export { type Ended, insert, remove } from "./insert.ts";
export { way } from "./out-of-line.ts";
export {
	type Handler,
	handlers,
	type Note,
	type Probe,
	type ProbeOptions,
	type ProbeRefusal,
	type Probes,
} from "./probe.ts";
export { SLOT_BYTES, SLOTS, takenSlots } from "./slot-area.ts";
