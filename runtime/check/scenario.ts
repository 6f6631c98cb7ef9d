// What is checked: a program, the CPUs that run it, those who patch it, and what must hold. A plain value that can be
// written by hand as JSON or TypeScript; a `.s` file carries it in the comments of its header (header.ts).

import { LinkError, suggestion } from "../../linker/errors.ts";
import type { Model } from "../machine/model.ts";
import { models, variants, withStoreBuffer } from "../machine/models/index.ts";
import { arm, disarm, type Part, type Phase, type Protocol, protect, sync, write } from "../patch/plan/protocol.ts";
import { protocols } from "../patch/plan/protocols/index.ts";
import { type Request, requests } from "../patch/plan/step.ts";
import type { MemoryPart } from "./memory-part.ts";
import type { Occurrence, Property } from "./properties.ts";

/** What `schema` is in the JSON of a scenario. */
export const SCENARIO_SCHEMA = "patchbay/scenario@1";

/** More CPUs than this are refused: a state would have more successors than anybody waits for. */
export const MOST_CPUS = 64;

/** The model of a scenario that names none. */
export const DEFAULT_MODEL = "x86";

/** What `check` explores: a program, CPUs, patchers, a model, and what is to be judged. */
export interface Scenario {
	/** For messages. */
	readonly name: string;
	readonly about?: string;
	/** Toy assembly. */
	readonly program: string;
	/** `x86`, unless said otherwise; then the verdict says that nobody chose it. */
	readonly model?: string | Model;
	readonly cpus: readonly CpuPart[];
	readonly patchers?: readonly PatcherPart[];
	readonly agents?: readonly AgentPart[];
	/** What one more agent does: fills memory and gives it back. */
	readonly memory?: readonly MemoryPart[];
	readonly probes?: readonly ProbePart[];
	/** The model with a store buffer. */
	readonly tso?: boolean;
	/** Label of a page of data -> label of text, and the rights `rw`, `r` or `none` behind it (`rw` where none are given): the
	 * page is a view of that text instead. */
	readonly alias?: Readonly<Record<string, string>>;
	/** Bytes below the stack pointer that programs use. */
	readonly redzone?: number;
	/** Label of the program's own handler of breakpoints that nobody else serves; it is entered with interrupts masked. */
	readonly trap?: string;
	/** Label of its handler of NMIs, which may come before any instruction, also while interrupts are masked. */
	readonly nmi?: string;
	/** Labels that no CPU may come to: breaks `never`. */
	readonly never?: readonly string[];
	/** Labels that some CPU must come to, as with `sometimes`. */
	readonly reaches?: readonly string[];
	/** Asks whether all CPUs can halt in a state like this: `0:r0=1 & 1:r1=0 & x=2`. Then the verdict is `allowed` with the
	 * shortest way there, or `forbidden`. */
	readonly exists?: string;
	/** All, unless said otherwise. */
	readonly properties?: readonly Property[];
	/** `new`, unless said otherwise. */
	readonly sometimes?: readonly Occurrence[];
	readonly expect?: Expectation;
	/** Model -> what is expected of the same there. */
	readonly also?: Readonly<Record<string, Expectation>>;
	/** Where each key was written last, for messages; the scenario's name where it is missing. */
	readonly places?: Readonly<Record<string, string>>;
}

/** CPUs that begin at a label; `off`: they stay off until somebody starts them. */
export interface CpuPart {
	readonly entry: string;
	readonly count?: number;
	readonly off?: boolean;
	/** Where it is written, for messages. */
	readonly place?: string;
}

export interface PatcherPart {
	/** Label of a site, or name of a static call -> function, `null` or `ret0`; name of a static key -> `on` or `off`; of a site also `call F` or `tail F`, where
	 * somebody takes it for the other kind. */
	readonly poke: Readonly<Record<string, string>>;
	/** A name, phases as text (`write breakpoint`, `sync serialize`, ...), or a protocol as data. */
	readonly protocol: string | readonly string[] | Protocol;
	/** It does not wait for other patchers, nor they for it. */
	readonly unlocked?: boolean;
	/** It begins when this patcher or agent is done; they count from 0. */
	readonly after?: number;
	/** Where it is written, for messages; the scenario's name otherwise. */
	readonly place?: string;
}

/** A probe: somebody inserts it, removes it, makes a call of it, or it stays as it is. Each on a page of its own. */
export interface ProbePart {
	/** Label of an instruction. */
	readonly at: string;
	readonly does: "insert" | "remove" | "optimise" | "stay";
	readonly options: readonly ProbeWord[];
	readonly place?: string;
}

/** `outofline`: in a slot, also what could be emulated; `oneslot`: there is one only; `unmaintained`: nothing is said to
 * the caches; `called`: it is a call from the start; `anyway`: whatever is below the stack pointer. */
export const probeWords = ["outofline", "oneslot", "unmaintained", "called", "anyway"] as const;
export type ProbeWord = (typeof probeWords)[number];

/** Somebody who carries out steps, as text: `store slot 90 cc`, `interrupt serialize`, `await`, ... */
export interface AgentPart {
	readonly steps: readonly string[];
	/** Where it is written, for messages. */
	readonly place?: string;
}

/** The verdict that a scenario's file says it has. */
export interface Expectation {
	readonly verdict: "safe" | "unsafe" | "undecided" | "refused" | "allowed" | "forbidden";
	readonly states?: number;
	readonly property?: string;
	/** Length of the counterexample. */
	readonly steps?: number;
}

/** The scenario on every model that its header tells of. */
export function onEveryModel({ also = {}, ...scenario }: Scenario): Scenario[] {
	return [scenario, ...Object.entries(also).map(([model, expect]) => ({ ...scenario, model, expect }))];
}

/** `NAME-tso` is the model NAME with a store buffer. @throws LinkError naming the models there are */
export function modelOf(scenario: Scenario): Model {
	const { model = DEFAULT_MODEL } = scenario;
	if (typeof model !== "string") return scenario.tso === true ? withStoreBuffer(model) : model;
	const found = modelNamed(model, scenario.name);
	return scenario.tso === true || model.endsWith("-tso") ? withStoreBuffer(found) : found;
}

/** The model of that name, without its store buffer. @throws LinkError naming the models there are */
export function modelNamed(model: string, place: string): Model {
	const name = model.replace(/-tso$/, "");
	const all = [...models, ...variants];
	const known = all.map((one) => one.name);
	const found = all.find((one) => one.name === name);
	if (found === undefined)
		throw new LinkError(
			`${place}: no model '${name}'${suggestion(name, known)}; there are ${known.join(", ")}, and each with -tso`,
		);
	return found;
}

/** A protocol by name, from phases as text, or as it is. @throws LinkError */
export function protocolOf(text: string | readonly string[] | Protocol, place: string): Protocol {
	if (typeof text === "object" && "phases" in text) return text;
	if (typeof text === "string") {
		const known = protocols.map((one) => one.name);
		const found = protocols.find((one) => one.name === text);
		if (found === undefined)
			throw new LinkError(`${place}: no protocol '${text}'${suggestion(text, known)}; there are ${known.join(", ")}`);
		return found;
	}
	return { name: "custom", brief: text.join("; "), phases: text.map((phase) => phaseOf(phase, place)) };
}

const simple: Readonly<Record<string, Phase>> = {
	arm: arm(),
	disarm: disarm(),
	release: { kind: "release", serialize: true },
	"release unserialized": { kind: "release", serialize: false },
};
const parts: readonly string[] = ["breakpoint", "spin", "tail", "head", "whole"] satisfies Part[];
const rights: readonly string[] = ["none", "r", "rw", "rx"];

function isRequest(word: string | undefined): word is Request {
	return requests.some((request) => request === word);
}

/** One phase from text. */
export function phaseOf(text: string, place: string): Phase {
	const [verb, object] = text.split(/\s+/) as [string, string?];
	if (simple[text] !== undefined) return simple[text];
	if (verb === "write" && parts.includes(object ?? "")) return write(object as Part);
	if (verb === "sync" && isRequest(object)) return sync(object);
	if (verb === "protect" && rights.includes(object ?? "")) return protect((object === "none" ? "" : object) as "r");
	throw new LinkError(
		`${place}: no phase '${text}'; there are ${Object.keys(simple).join(", ")}, write ${parts.join("|")}, sync ${requests.join("|")}, protect ${rights.join("|")}`,
	);
}
