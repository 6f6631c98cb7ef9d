// Which protocols may change an instruction of a table while processors run it: each is checked, here and now, on the models of
// its processor, for that instruction and its place in an aligned eight bytes.
//
// The simulated machine's calls and jumps have five bytes. Those of two and six stand in the same place there: what runs is
// torn where two of its bytes are of different age, however many there are, so what counts is which bytes lie on which side of a
// boundary. Words are instructions inside one unit of eight bytes, on models that fetch eight at once: as on AArch64, every
// store and every fetch has all of it.

import type { Change, ChangeForm, ChangePlacement } from "../../linker/tables/index.ts";
import { check } from "../../runtime/check/check.ts";
import { readScenario } from "../../runtime/check/header.ts";
import { type SiteKind, scenarioOf } from "../../runtime/check/matrix.ts";
import type { Scenario } from "../../runtime/check/scenario.ts";
import type { Model } from "../../runtime/machine/model.ts";
import type { Protocol } from "../../runtime/patch/plan/protocol.ts";
import { protocols } from "../../runtime/patch/plan/protocols/index.ts";
import { modelOf } from "../run/models.ts";

/** What may be promised of an x86: one byte fetched at once, with and without a store buffer, and eight, as AMD documents. */
const x86Models = ["x86", "x86-tso", "amd-quad"] as const;
/** What CTR_EL0 says of an AArch64: nothing is coherent, or the one or the other is. */
const wordModels = ["arm", "arm-idc", "arm-dic", "arm-idc-dic"] as const;
/** Bytes that these fetch at once here, for five to be a word. */
const WORD_UNIT = 8;
/** CPUs that run through the site while another is the patcher. */
const CPUS = 2;

/** Per model the protocols that are safe. */
export type SafeProtocols = Readonly<Record<string, readonly string[]>>;

/** In words: the key under which `safeProtocols` has the verdicts. */
export function changeName(change: Change): string {
	switch (change.kind) {
		case "modelled":
			return `${change.form}${change.length === SHORT ? " (short)" : ""} ${change.placement}`;
		case "at boot":
			return "before it runs";
		case "never":
			return "never";
		case "not modelled":
			return `undecided: ${change.why}`;
	}
}

/** Undefined where there is nothing to check. An instruction that may lie either way needs a protocol that is safe both ways.
 * @param among names of protocols to check; all that there are by default */
export function safeProtocols(
	change: Change,
	among: readonly string[] = protocols.map(({ name }) => name),
	on?: readonly string[],
): SafeProtocols | undefined {
	if (change.kind !== "modelled") return undefined;
	const { form, placement, length } = change;
	const isWord = placement === "word";
	const places: readonly Place[] =
		placement === "either" ? [placeOf("aligned", length), placeOf("straddling", length)] : [placeOf(placement, length)];
	const isSafe = (model: string, protocol: Protocol): boolean =>
		places.every((each) => decide(form, each, model, protocol));
	return Object.fromEntries(
		(on ?? (isWord ? wordModels : x86Models)).map((model) => [
			model,
			protocols.filter((each) => among.includes(each.name) && isSafe(model, each)).map(({ name }) => name),
		]),
	);
}

/** A short jump and its NOP. */
const SHORT = 2;

/** Where the instruction begins in an aligned eight bytes, and whether these are fetched at once. */
interface Place {
	readonly at: number;
	readonly isWord: boolean;
}

/** Chooses the place of an instruction of a placement. When two bytes cross a boundary, one lies on either side; when more do, some
 * of those behind the first are on its side. */
function placeOf(placement: Exclude<ChangePlacement, "either">, length: number): Place {
	if (placement !== "straddling") return { at: 0, isWord: placement === "word" };
	return { at: length === SHORT ? 7 : 5, isWord: false };
}

const decided = new Map<string, boolean>();

/** Checks it once. */
function decide(form: ChangeForm, place: Place, model: string, protocol: Protocol): boolean {
	const name = [form, place.at, place.isWord, model, protocol.name].join(" ");
	const safe =
		decided.get(name) ?? scenariosOf(form, place, model, protocol).every((each) => check(each).verdict === "safe");
	decided.set(name, safe);
	return safe;
}

/** What calls and jumps of static calls become, as the matrix has it. */
const siteKinds: Partial<Record<ChangeForm, readonly SiteKind[]>> = {
	call: ["call", "null", "ret0"],
	tail: ["tail"],
	conditional: ["conditional"],
};

function scenariosOf(form: ChangeForm, { at, isWord }: Place, name: string, protocol: Protocol): Scenario[] {
	const known = modelOf(name);
	const model: Model = isWord ? { ...known, unit: WORD_UNIT } : known;
	const kinds = siteKinds[form];
	if (kinds !== undefined) {
		const placement = at === 0 ? "aligned" : "straddling";
		return kinds.map((kind) => scenarioOf({ protocol, model, cpus: CPUS, kind, placement }));
	}
	const texts = form === "entry" ? [entryText(at)] : [labelText(at, "on"), labelText(at, "off")];
	return texts.map((text) => ({ ...readScenario(text.replaceAll("PROTOCOL", protocol.name), "tables"), model }));
}

const padding = (at: number): string => "\tnop\n".repeat(at);

/** A branch that is switched, the other way at the start. */
function labelText(at: number, becomes: "on" | "off"): string {
	return `# cpu: ${CPUS} caller
# poke: traced = ${becomes} by PROTOCOL
	.global caller
	.static_key traced, ${becomes === "on" ? 0 : 1}
	.type caller, @function
	.balign 8
caller:
${padding(at)}	.static_branch traced, away
back:	jmp caller
	.space 0x12345
away:	addi r1, r1, 0
	jmp back
	.size caller, .-caller
`;
}

/** The entry of a function, which comes to call the tracer. */
function entryText(at: number): string {
	return `# cpu: ${CPUS} caller
# poke: f = tracer by PROTOCOL
	.global caller, f, tracer
	.type caller, @function
caller:	call f
	jmp caller
	.size caller, .-caller
	.balign 8
${padding(at)}	.type f, @function
f:	.entry_nop
	addi r1, r1, 0
	ret
	.size f, .-f
	.space 0x12345
	.type tracer, @function
tracer:	ret
	.size tracer, .-tracer
`;
}
