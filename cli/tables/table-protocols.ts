// Which protocols may change an instruction of a table while processors run it: each is checked, here and now, on the models of
// x86, for that instruction and its place in an aligned eight bytes.

import type { Change, ChangeForm } from "../../linker/tables/index.ts";
import { check } from "../../runtime/check/check.ts";
import { readScenario } from "../../runtime/check/header.ts";
import { type Placement, type SiteKind, scenarioOf } from "../../runtime/check/matrix.ts";
import type { Scenario } from "../../runtime/check/scenario.ts";
import type { Protocol } from "../../runtime/patch/plan/protocol.ts";
import { protocols } from "../../runtime/patch/plan/protocols/index.ts";
import { modelOf } from "../run/models.ts";

/** What may be promised of an x86: one byte fetched at once, with and without a store buffer, and eight, as AMD documents. */
const modelNames = ["x86", "x86-tso", "amd-quad"] as const;
/** CPUs that run through the site while another is the patcher. */
const CPUS = 2;

/** Per model the protocols that are safe. */
export type SafeProtocols = Readonly<Record<string, readonly string[]>>;

/** In words: the key under which `safeProtocols` has the verdicts. */
export function changeName(change: Change): string {
	switch (change.kind) {
		case "modelled":
			return `${change.form} ${change.placement}`;
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
	on: readonly string[] = modelNames,
): SafeProtocols | undefined {
	if (change.kind !== "modelled") return undefined;
	const { form, placement } = change;
	const placements: readonly Placement[] = placement === "either" ? ["aligned", "straddling"] : [placement];
	const isSafe = (model: string, protocol: Protocol): boolean =>
		placements.every((each) => decide(form, each, model, protocol));
	return Object.fromEntries(
		on.map((model) => [
			model,
			protocols.filter((each) => among.includes(each.name) && isSafe(model, each)).map(({ name }) => name),
		]),
	);
}

const decided = new Map<string, boolean>();

/** Checks it once. */
function decide(form: ChangeForm, placement: Placement, model: string, protocol: Protocol): boolean {
	const name = [form, placement, model, protocol.name].join(" ");
	const safe =
		decided.get(name) ?? scenariosOf(form, placement, model, protocol).every((each) => check(each).verdict === "safe");
	decided.set(name, safe);
	return safe;
}

/** What calls and jumps of static calls become, as the matrix has it. */
const siteKinds: Partial<Record<ChangeForm, readonly SiteKind[]>> = { call: ["call", "null", "ret0"], tail: ["tail"] };

function scenariosOf(form: ChangeForm, placement: Placement, name: string, protocol: Protocol): Scenario[] {
	const kinds = siteKinds[form];
	const model = modelOf(name);
	if (kinds !== undefined) return kinds.map((kind) => scenarioOf({ protocol, model, cpus: CPUS, kind, placement }));
	const texts = form === "entry" ? [entryText(placement)] : [labelText(placement, "on"), labelText(placement, "off")];
	return texts.map((text) => readScenario(`# model: ${name}\n${text.replaceAll("PROTOCOL", protocol.name)}`, "tables"));
}

const padding = (placement: Placement): string => (placement === "aligned" ? "" : "\tnop\n".repeat(5));

/** A branch that is switched, the other way at the start. */
function labelText(placement: Placement, becomes: "on" | "off"): string {
	return `# cpu: ${CPUS} caller
# poke: traced = ${becomes} by PROTOCOL
	.global caller
	.static_key traced, ${becomes === "on" ? 0 : 1}
	.type caller, @function
	.balign 8
caller:
${padding(placement)}	.static_branch traced, away
back:	jmp caller
	.space 0x12345
away:	addi r1, r1, 0
	jmp back
	.size caller, .-caller
`;
}

/** The entry of a function, which comes to call the tracer. */
function entryText(placement: Placement): string {
	return `# cpu: ${CPUS} caller
# poke: f = tracer by PROTOCOL
	.global caller, f, tracer
	.type caller, @function
caller:	call f
	jmp caller
	.size caller, .-caller
	.balign 8
${padding(placement)}	.type f, @function
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
