// `patchbay check`: explores scenarios exhaustively and says `safe`, `unsafe` with a shortest counterexample, or `undecided`.

import {
	type CheckOptions,
	checking,
	check as checkScenario,
	herdText,
	inWordsOf,
	type Judged,
	type LitmusScenario,
	onEveryModel,
	REPORT_EVERY,
	type Scenario,
	VERDICTS_SCHEMA,
	type Verdict,
	verdictsFromJson,
	verdictsSchema,
} from "../../runtime/check/index.ts";
import { protocols } from "../../runtime/patch/index.ts";
import { counterexampleEvents } from "../check/counterexample.ts";
import { expectationLine, isLitmus, judge, readScenarioFile, verdictText } from "../check/scenarios.ts";
import { modelNames, modelOf } from "../run/models.ts";
import { namesOf, protocolOf } from "../run/protocols.ts";
import { declareParts, inJobs, mine, type Shard } from "../shell/campaign.ts";
import { type Command, ExitCode, UsageError, writeJson } from "../shell/command.ts";
import { writeFile } from "../shell/files.ts";
import { whole } from "../shell/options.ts";
import { type Asked, declareResume, readReport } from "../shell/resume.ts";
import { type Stopped, stoppable } from "../shell/stop.ts";
import { count, plural } from "../shell/table.ts";
import type { Terminal } from "../shell/terminal.ts";

interface Options {
	readonly expect?: true;
	readonly model?: string;
	readonly protocol?: string;
	readonly maxStates: number;
	readonly maxMemory: number;
	readonly maxUnits: number;
	readonly maxValues: number;
	readonly maxStores: number;
	readonly symmetry: boolean;
	readonly merge: boolean;
	readonly shard?: Shard;
	readonly jobs: number;
	readonly sample?: true;
	readonly allSteps?: true;
	readonly outcomes?: true;
	readonly herd?: true;
	readonly trace?: string;
	readonly resume?: string;
}

export const check: Command<Options> = {
	name: "check",
	operands: "<files...>",
	brief: "Check scenarios and litmus tests: every interleaving, and every fetch that the model allows.",
	examples: [
		["check poke.s", "safe, or a shortest counterexample"],
		["check poke.s --json > cex.json", "and `run --replay cex.json` goes the same way again"],
		["check poke.s --model arm", "the same on another model"],
		["check poke.s --model mine.json --protocol new.json", "on a machine of one's own, by a protocol of one's own"],
		["check MP.litmus --herd", "a litmus test of AArch64 or RISC-V as herd7 reads it, and its answer"],
		["check sb.s --outcomes", "all final values, and how many final states have them"],
		["check fixtures/check/*.s --expect", "does every header's expectation hold?"],
		["check *.s --json --resume 1.json > 2.json", "go on where Ctrl-C stopped `check *.s --json > 1.json`"],
		["check *.s --json --shard 3/8 > 3.json", "one part of eight of a campaign; `merge` joins them"],
	],
	outputs: ["trace"],
	declare(line) {
		line.option("--expect", "judge by the expectations in the headers: exit 0 when all hold");
		line.option("--model <name>", `check on this model instead of the scenario's: ${modelNames}`);
		line.option("--protocol <name>", `patchers patch by this protocol instead of theirs: ${namesOf(protocols)}`);
		line.option("--max-states <n>", "give up after so many states (exit 4)", positive, 20_000_000);
		line.option("--max-memory <MiB>", "give up beyond so much memory for states (exit 4)", positive, 8192);
		line.option("--max-units <n>", "give up when more units are in flux at once (exit 4)", positive, 256);
		line.option("--max-values <n>", "give up when CPUs may see more values of one of them (exit 4)", valuesOf, 32);
		line.option("--max-stores <n>", "give up when more stores wait in a CPU's buffer (exit 4)", positive, 32);
		line.option("--no-symmetry", "do not treat equal CPUs as one");
		line.option("--no-merge", "take every step by itself, also those that only one CPU can see");
		line.option("--sample", "show an execution of a safe scenario, in which everybody finishes");
		line.option("--outcomes", "list all ends: what registers and words hold, and in how many final states");
		line.option("--herd", "print what herd7 would print of a litmus test, with final states instead of executions");
		line.option("--all-steps", "show every instruction of a counterexample, also those that only their CPU can see");
		line.option("--trace <file>", "write the counterexample, or the sample, for Perfetto");
		declareResume(line);
		declareParts(line, "files");
	},
	async run(terminal, files, options) {
		if (options.trace !== undefined && files.length > 1) throw new UsageError("--trace takes one scenario at a time");
		const other = files.find((file) => !isLitmus(file));
		if (options.herd === true && other !== undefined)
			throw new UsageError(`--herd takes litmus tests only, not ${other}`);
		const chosen = mine(files, options.shard);
		const { has: judged, wasStopped } = await stoppable((stopped) =>
			options.jobs > 1 && chosen.length > 1
				? inParallel(terminal, chosen, options, stopped)
				: oneByOne(terminal, chosen, options, stopped),
		);
		if (wasStopped) terminal.note(`stopped: ${judged.length} of ${plural(chosen.length, "file")} begun\n`);
		if (options.json === true) {
			const [only] = judged;
			if (files.length === 1 && only !== undefined) {
				const { schema, ...verdict } = only.verdict;
				await writeJson(terminal, schema, verdict);
			} else await writeJson(terminal, VERDICTS_SCHEMA, { verdicts: judged, asked: askedOf(options) });
		}
		if (wasStopped) return ExitCode.stopped;
		if (options.expect === true)
			return judged.every(({ failed }) => failed === undefined) ? ExitCode.ok : ExitCode.violation;
		return exitCode(judged.map(({ verdict }) => verdict));
	},
};

async function oneByOne(
	terminal: Terminal,
	files: readonly string[],
	options: Options & { json?: true },
	stopped: Stopped,
): Promise<Judged[]> {
	const all: Judged[] = [];
	const known = knownVerdicts(options);
	for (const { file, scenario, test } of files.flatMap((file) => tasksIn(file, options))) {
		if (await stopped()) break;
		const checkOptions: CheckOptions = {
			bounds: boundsOf(options),
			reductions: { symmetry: options.symmetry, merge: options.merge },
			outcomes: options.outcomes === true || options.herd === true,
			progress: (found, expanded) =>
				terminal.note(`${file}: ${count(found)} states found, ${count(expanded)} expanded\n`),
		};
		const verdict = known(file, scenario) ?? (await checkUntil(stopped, scenario, checkOptions));
		const judged: Judged = { file, verdict, failed: judge(scenario, verdict) };
		all.push(judged);
		const steps = verdict.trace ?? verdict.sample;
		if (options.trace !== undefined && steps !== undefined)
			writeFile(options.trace, `${JSON.stringify(counterexampleEvents(steps))}\n`);
		if (options.json === true) continue;
		await terminal.write(shown(terminal, judged, test, files.length === 1 ? scenario.about : undefined, options));
	}
	return all;
}

/** What decides how the verdicts of a campaign come out, besides its files. */
function askedOf(options: Options): Asked {
	const { model, protocol, maxStates, maxMemory, maxUnits, maxValues, maxStores, symmetry, merge, expect, outcomes } =
		options;
	return { model, protocol, maxStates, maxMemory, maxUnits, maxValues, maxStores, symmetry, merge, expect, outcomes };
}

/** Verdicts of the campaign that goes on, of scenarios that are as they were. One that somebody stopped is none. */
function knownVerdicts(options: Options): (file: string, scenario: Scenario) => Verdict | undefined {
	if (options.resume === undefined) return () => undefined;
	const report = readReport<{ verdicts: readonly Judged[]; asked: Asked }>(
		options.resume,
		verdictsSchema,
		askedOf(options),
	);
	const keyOf = (file: string, scenario: Scenario): string => `${file}\n${JSON.stringify(scenario)}`;
	const known = new Map(
		verdictsFromJson(report, options.resume)
			.filter(({ verdict }) => verdict.stopped !== true)
			.map(({ file, verdict }) => [keyOf(file, verdict.scenario), verdict] as const),
	);
	return (file, scenario) => known.get(keyOf(file, scenario));
}

/** Looks at the outside world between two reports. */
const LOOKS = 16;

/** Checks, or gives up when somebody says so. */
async function checkUntil(stopped: Stopped, scenario: Scenario, options: CheckOptions): Promise<Verdict> {
	const checked = checking(scenario, options);
	for (let looks = 1; ; looks++) {
		const verdict = checked.advance(REPORT_EVERY / LOOKS);
		// All ends are found in one go.
		if (verdict !== undefined) return options.outcomes === true ? checkScenario(scenario, options) : verdict;
		if (await stopped()) return checked.giveUp(`stopped with ${checked.expanded} states expanded`);
		if (checked.found > 0 && looks % LOOKS === 0) options.progress?.(checked.found, checked.expanded);
	}
}

function boundsOf({ maxStates, maxMemory, maxUnits, maxValues, maxStores }: Options) {
	return {
		states: maxStates,
		memory: maxMemory * 2 ** 20,
		...{ units: maxUnits, values: maxValues, stores: maxStores },
	};
}

/** What is to be checked once. */
interface Task {
	readonly file: string;
	readonly scenario: Scenario;
	/** The litmus test that the scenario stands for. */
	readonly test?: LitmusScenario;
}

/** A file's scenario on the model and by the protocol asked for; where expectations are judged, on every model it has one for. */
function tasksIn(file: string, { model, protocol, expect }: Options): Task[] {
	const read = readScenarioFile(file);
	const scenario = withProtocol(read.scenario, protocol);
	if (model !== undefined) {
		const on = isFile(model) ? modelOf(model) : modelOf(model).name;
		return [{ ...read, file, scenario: { ...scenario, model: on } }];
	}
	return (expect === true ? onEveryModel(scenario) : [scenario]).map((one) => ({ ...read, file, scenario: one }));
}

function withProtocol(scenario: Scenario, text: string | undefined): Scenario {
	if (text === undefined || scenario.patchers === undefined) return scenario;
	const found = protocolOf(text, protocols);
	const protocol = isFile(text) ? found : found.name;
	return { ...scenario, patchers: scenario.patchers.map((part) => ({ ...part, protocol })) };
}

function isFile(text: string): boolean {
	return text.endsWith(".json");
}

/** The same command in several processes, one shard each. */
async function inParallel(
	terminal: Terminal,
	files: readonly string[],
	options: Options & { json?: true },
	stopped: Stopped,
): Promise<Judged[]> {
	const reports = (await inJobs(terminal, "files", options, stopped)) as { readonly verdicts: readonly Judged[] }[];
	const parts = reports.flatMap(({ verdicts }) => verdicts);
	const all = files.flatMap((file) => parts.filter((judged) => judged.file === file));
	if (options.json !== true)
		for (const judged of all) {
			const test = isLitmus(judged.file) ? readScenarioFile(judged.file).test : undefined;
			await terminal.write(shown(terminal, judged, test, undefined, options));
		}
	return all;
}

function shown(
	terminal: Terminal,
	judged: Judged,
	test: LitmusScenario | undefined,
	about: string | undefined,
	options: Options,
): string {
	if (options.herd === true && test !== undefined && judged.verdict.outcomes !== undefined)
		return `${herdText(test, judged.verdict)}\n`;
	if (options.expect === true) return expectationLine(terminal, judged);
	return verdictText(terminal, about, test === undefined ? judged.verdict : inWordsOf(test, judged.verdict), options);
}

/** The worst of all: unsafe (or a litmus test that shows what it asks for), then undecided. */
export function exitCode(verdicts: readonly Verdict[]): ExitCode {
	const bad: readonly Verdict["verdict"][] = ["unsafe", "refused", "allowed"];
	if (verdicts.some(({ verdict }) => bad.includes(verdict))) return ExitCode.violation;
	return verdicts.some(({ verdict }) => verdict === "undecided") ? ExitCode.bound : ExitCode.ok;
}

const positive = whole("Write a whole number above 0.");

/** Indices of values are bytes in the machine. */
const valuesOf = whole("Write a whole number from 2 to 255.", 2, 255);
