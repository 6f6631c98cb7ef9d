// The header of a `.s` scenario: the comments above the first line of code say what is checked. A line there is a header,
// prose that cannot be taken for one, or an error. A property that vanished because of a capital letter or a forgotten
// colon would make `safe` worthless.

import { LinkError, suggestion } from "../../linker/errors.ts";
import { memoryPartOf } from "./memory-part.ts";
import { isName } from "./poke-text.ts";
import { type Occurrence, occurrences, type Property, properties } from "./properties.ts";
import { type Expectation, modelNamed, type ProbePart, type ProbeWord, probeWords, type Scenario } from "./scenario.ts";
import { isStep } from "./steps.ts";

type Draft = { -readonly [K in keyof Scenario]: Scenario[K] };

interface Header {
	/** Written at most once. */
	readonly once?: true;
	/** Whether a text could be meant as this header's value, told without errors. */
	readonly resembles: (value: string, labels: ReadonlySet<string>) => boolean;
	readonly read: (draft: Draft, value: string, place: string) => void;
}

/** Reads the header of a `.s` scenario: `# key: value` lines before the first line of code; other comments are prose.
 * @throws LinkError naming the line */
export function readScenario(source: string, name: string): Scenario {
	const draft: Draft = { name, program: source, cpus: [] };
	const about: string[] = [];
	const labels = new Set([...source.matchAll(/^[ \t]*([A-Za-z_.$][\w.$]*):/gm)].map(([, label]) => label!));
	let isHeader = true;
	for (const [i, line] of source.split("\n").entries()) {
		const place = `${name}:${i + 1}`;
		const [, sign, text] = /^\s*(#|\/\/)\s?(.*?)\s*$/.exec(line) ?? [];
		if (line.trim() !== "" && text === undefined) isHeader = false;
		if (text === undefined) continue;
		const [, word = "", value = ""] = /^\s*([A-Za-z][\w-]*)\s*:\s*(.*)$/.exec(text) ?? [];
		const header = Object.hasOwn(headers, word) ? headers[word] : undefined;
		if (header !== undefined && !isHeader)
			throw new LinkError(`${place}: '${word}:' is below the first line of code; a header is above it`);
		if (!isHeader) continue;
		if (header === undefined) about.push(prose(text, word, i === 0, labels, place));
		else if (sign !== "#") throw new LinkError(`${place}: a header line begins with #: write '# ${word}: ${value}'`);
		else {
			const before = draft.places?.[word];
			if (header.once && before !== undefined)
				throw new LinkError(`${place}: '${word}:' is there already, at ${before}; write it once`);
			header.read(draft, value, place);
			draft.places = { ...draft.places, [word]: place };
		}
	}
	if (draft.cpus.length === 0) throw new LinkError(`${name}: the header names no CPU; write '# cpu: 2 caller'`);
	return { ...draft, about: about.join("\n").trim() };
}

/** The line, when it can only be prose. @throws LinkError when it may be meant as a header */
function prose(text: string, word: string, isTitle: boolean, labels: ReadonlySet<string>, place: string): string {
	const known = Object.keys(headers);
	if (word !== "") {
		const meant = nameMeant(word);
		if (meant !== undefined) throw new LinkError(`${place}: a header has no '${word}' (did you mean '${meant}'?)`);
		// A first line like `MP+fence: ...` or `CoRR: ...` is the title of a litmus test.
		if (isTitle) return text;
		const list = known.join(", ");
		throw new LinkError(`${place}: a header has no '${word}'; there are ${list}; prose does not begin with 'WORD:'`);
	}
	const [, first = "", rest = ""] = /^\s*([A-Za-z]+)[\s=]+(.*)$/.exec(text) ?? [];
	const meant = nameMeant(first) ?? (Object.hasOwn(headers, first) ? first : undefined);
	if (meant !== undefined && headers[meant]!.resembles(rest, labels))
		throw new LinkError(`${place}: write '# ${meant}: ${rest}', with a colon`);
	return text;
}

/** The header that somebody means who writes another word. */
function nameMeant(word: string): string | undefined {
	const lower = word.toLowerCase();
	if (Object.hasOwn(headers, word)) return undefined;
	if (Object.hasOwn(headers, lower)) return lower;
	if (Object.hasOwn(otherWords, lower)) return otherWords[lower];
	return /'(.*)'/.exec(suggestion(lower, Object.keys(headers)))?.[1];
}

/** What other tools call it, and words that mean the same. */
const otherWords: Readonly<Record<string, string>> = {
	assert: "always",
	property: "always",
	properties: "always",
	invariant: "always",
	ensure: "always",
	core: "cpu",
	thread: "cpu",
	forbid: "never",
	forbidden: "never",
	forbids: "never",
	exclude: "never",
	deny: "never",
	reach: "reaches",
	reached: "reaches",
	outcome: "exists",
	patch: "poke",
	patcher: "poke",
	machine: "model",
	expected: "expect",
	verdict: "expect",
};

const headers: Readonly<Record<string, Header>> = {
	model: {
		once: true,
		resembles: (value) => /^\S+$/.test(value),
		read(draft, value, place) {
			modelNamed(value, place);
			draft.model = value;
		},
	},
	cpu: {
		resembles: (value, labels) => labels.has(/^(?:\d+\s+)?(\S+)(?:\s+off)?$/.exec(value)?.[1] ?? ""),
		read(draft, value, place) {
			const [, count, entry, off] = /^(?:(\d+)\s+)?(\S+)(\s+off)?$/.exec(value) ?? [];
			if (entry === undefined) throw new LinkError(`${place}: '${value}' is not '[COUNT] LABEL [off]'`);
			draft.cpus = [...draft.cpus, { entry, count: Number(count ?? 1), off: off !== undefined, place }];
		},
	},
	poke: {
		resembles: (value) => /=.*\sby\s/.test(value),
		read(draft, value, place) {
			const [, list, protocol, unlocked, after] =
				/^(.*?)\s+by\s+(.*?)(\s+without lock)?(?:\s+after (\d+))?$/.exec(value) ?? [];
			if (list === undefined) {
				const form = "LABEL = TARGET[, ...] by PROTOCOL [without lock] [after PATCHER]";
				throw new LinkError(`${place}: '${value}' is not '${form}'`);
			}
			const poke = pairs(list, place);
			const phases = isName(protocol!) ? protocol! : protocol!.split(";").map((phase) => phase.trim());
			const order = after === undefined ? {} : { after: Number(after) };
			const patcher = { poke, protocol: phases, unlocked: unlocked !== undefined, ...order, place };
			draft.patchers = [...(draft.patchers ?? []), patcher];
		},
	},
	agent: {
		resembles: (value) => value.split(";").every((step) => isStep(step.trim())),
		read(draft, value, place) {
			draft.agents = [...(draft.agents ?? []), { steps: value.split(";").map((step) => step.trim()), place }];
		},
	},
	fill: {
		resembles: (value) => /=.*\sby\s/.test(value),
		read(draft, value, place) {
			draft.memory = [...(draft.memory ?? []), memoryPartOf("fill", value, place)];
		},
	},
	release: {
		resembles: (value) => /^[\w.$]+\s+by\s+[\w-]+/.test(value),
		read(draft, value, place) {
			draft.memory = [...(draft.memory ?? []), memoryPartOf("release", value, place)];
		},
	},
	probe: {
		resembles: (value) => /^\S+\s+(insert|remove|optimise|stay)\b/.test(value),
		read(draft, value, place) {
			const [, at, does, words = ""] = /^(\S+)\s+(insert|remove|optimise|stay)((?:\s+[a-z]+)*)$/.exec(value) ?? [];
			if (at === undefined)
				throw new LinkError(
					`${place}: '${value}' is not 'LABEL insert|remove|optimise|stay [${probeWords.join("] [")}]'`,
				);
			const options = words.trim() === "" ? [] : names(words.trim(), probeWords, "word", place);
			const probe = { at, does: does as ProbePart["does"], options: options as ProbeWord[], place };
			draft.probes = [...(draft.probes ?? []), probe];
		},
	},
	tso: {
		once: true,
		resembles: (value) => /^(yes|no)$/.test(value),
		read(draft, value, place) {
			if (value !== "yes" && value !== "no") throw new LinkError(`${place}: tso is 'yes' or 'no', not '${value}'`);
			draft.tso = value === "yes";
		},
	},
	alias: {
		resembles: (value) => value.includes("="),
		read(draft, value, place) {
			draft.alias = joined(draft.alias, pairs(value, place), place);
		},
	},
	redzone: {
		once: true,
		resembles: (value) => /^\d+$/.test(value),
		read(draft, value, place) {
			if (!/^\d+$/.test(value)) throw new LinkError(`${place}: redzone is a number of bytes, not '${value}'`);
			draft.redzone = Number(value);
		},
	},
	trap: {
		once: true,
		resembles: (value, labels) => labels.has(value),
		read(draft, value) {
			draft.trap = value;
		},
	},
	nmi: {
		once: true,
		resembles: (value, labels) => labels.has(value),
		read(draft, value) {
			draft.nmi = value;
		},
	},
	never: {
		resembles: areLabels,
		read(draft, value, place) {
			draft.never = [...(draft.never ?? []), ...listed(value, place)];
		},
	},
	reaches: {
		resembles: areLabels,
		read(draft, value, place) {
			draft.reaches = [...(draft.reaches ?? []), ...listed(value, place)];
		},
	},
	exists: {
		once: true,
		resembles: (value) => value.includes("="),
		read(draft, value) {
			draft.exists = value;
		},
	},
	always: {
		once: true,
		resembles: (value) => value.split(/[\s,]+/).every((one) => one === "nothing" || Object.hasOwn(properties, one)),
		read(draft, value, place) {
			draft.properties = names(value, Object.keys(properties), "property", place) as Property[];
		},
	},
	sometimes: {
		once: true,
		resembles: (value) => value.split(/[\s,]+/).every((one) => one === "nothing" || Object.hasOwn(occurrences, one)),
		read(draft, value, place) {
			draft.sometimes = names(value, Object.keys(occurrences), "occurrence", place) as Occurrence[];
		},
	},
	expect: {
		once: true,
		resembles: isExpectation,
		read(draft, value, place) {
			draft.expect = expectation(value, place);
		},
	},
	also: {
		resembles: (value) => isExpectation(value.replace(/^\S+\s+/, "")),
		read(draft, value, place) {
			const [, model, expected] = /^(\S+)\s+(.*)$/.exec(value) ?? [];
			if (model === undefined) throw new LinkError(`${place}: '${value}' is not 'MODEL EXPECTATION'`);
			modelNamed(model, place);
			draft.also = joined(draft.also, { [model]: expectation(expected!, place) }, place);
		},
	},
	/** Where the scenario comes from, for people. */
	reference: { resembles: () => false, read() {} },
};

/** `a = b, c = d`. @throws LinkError for a pair that is none, and for two of the same name */
function pairs(list: string, place: string): Record<string, string> {
	return list.split(",").reduce((all: Record<string, string>, pair) => {
		const [, name, value] = /^\s*([^\s=]+)\s*=\s*([^\s=]+(?:\s+[^\s=]+)?)\s*$/.exec(pair) ?? [];
		if (name === undefined) throw new LinkError(`${place}: '${pair.trim()}' is not 'NAME = VALUE'`);
		return joined(all, { [name]: value! }, place);
	}, {});
}

function joined<T>(
	before: Readonly<Record<string, T>> | undefined,
	more: Readonly<Record<string, T>>,
	place: string,
): Record<string, T> {
	const twice = Object.keys(more).find((name) => before !== undefined && Object.hasOwn(before, name));
	if (twice !== undefined) throw new LinkError(`${place}: '${twice}' is there twice`);
	return { ...before, ...more };
}

/** Words between spaces or commas. @throws LinkError when there is none */
function listed(value: string, place: string): string[] {
	const words = value.split(/[\s,]+/).filter((word) => word !== "");
	if (words.length === 0) throw new LinkError(`${place}: no label is named`);
	return words;
}

/** Whether a text is one word, or nothing but labels of the program. */
function areLabels(value: string, labels: ReadonlySet<string>): boolean {
	const words = value.split(/[\s,]+/).filter((word) => word !== "");
	return words.length === 1 || (words.length > 0 && words.every((word) => labels.has(word)));
}

function names(value: string, known: readonly string[], what: string, place: string): string[] {
	const list = value === "nothing" ? [] : value.split(/[\s,]+/);
	const wrong = list.find((one) => !known.includes(one));
	if (wrong !== undefined)
		throw new LinkError(`${place}: no ${what} '${wrong}'${suggestion(wrong, known)}; there are ${known.join(", ")}`);
	return list;
}

const expectationForm =
	/^(safe|unsafe|undecided|refused|allowed|forbidden)(?::\s*([\w^]+))?(?:,\s*(\d+) (states|steps))?$/;

function isExpectation(value: string): boolean {
	return expectationForm.test(value);
}

/** `safe, 120 states` | `unsafe: torn, 7 steps` | `allowed, 9 steps` | `forbidden, 80 states` | `undecided` | `refused` */
function expectation(value: string, place: string): Expectation {
	const match = expectationForm.exec(value);
	if (match === null)
		throw new LinkError(
			`${place}: '${value}' is not 'safe, N states', 'unsafe: PROPERTY, N steps', 'allowed, N steps', 'forbidden, N states', 'undecided' or 'refused'`,
		);
	const [, verdict, property, count, unit] = match;
	return {
		verdict: verdict as Expectation["verdict"],
		...(property === undefined ? {} : { property }),
		...(count === undefined ? {} : { [unit!]: Number(count) }),
	};
}
