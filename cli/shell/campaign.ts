// Long searches in parts. A campaign is a list of things to do one after the other: cells of a table, cases, files. Each
// part of it takes every n-th, in a process of its own on this machine (`--jobs`) or anywhere (`--shard`), and reports as
// JSON; the reports joined are what the whole would have reported.

import { spawn } from "node:child_process";
import { type Command as CommandLine, InvalidArgumentError, Option } from "commander";
import { LinkError } from "../../linker/errors.ts";
import { ExitCode, JobError, writeJson } from "./command.ts";
import { whole } from "./options.ts";
import { type Asked, differing } from "./resume.ts";
import { isJob, JOB, STOP, type Stopped } from "./stop.ts";
import { progressLine, type Terminal } from "./terminal.ts";

/** Every `of`-th thing to do, beginning with the `part`-th (from 1). */
export interface Shard {
	readonly part: number;
	readonly of: number;
}

/** What a part of a campaign reports, as JSON. */
export interface Report {
	/** What was asked for, with the `shard` where it is one. */
	readonly asked?: Asked;
	readonly stopped?: true | undefined;
	/** What each part reported, of a campaign in parts that was stopped: `--resume` reads it. */
	readonly parts?: readonly object[] | undefined;
}

/** How the parts of a campaign become one, and are shown. */
export interface Campaign<R extends Report> {
	readonly schema: string;
	/** Reads a report. @throws LinkError when it is none */
	read(value: unknown, file: string): R;
	/** @param parts all of them, in order */
	join(parts: readonly R[]): R;
	show(terminal: Terminal, report: R, as: { readonly markdown?: true }): Promise<void>;
	/** For one that nobody stopped. */
	exitCode(report: R): ExitCode;
}

/** @param what the things that are dealt out, for the help */
export function declareParts(line: CommandLine, what: string): void {
	line.option(
		"--shard <k/n>",
		`only the k-th of n parts of the ${what}; \`merge\` joins what they print with --json`,
		shard,
	);
	line.addOption(new Option("--jobs <n>", "so many processes at once").argParser(jobs).default(1));
}

const jobs = whole("Write a whole number from 1 to 1024.", 1, 1024);

function shard(text: string): Shard {
	const [, part, of] = /^(\d+)\/(\d+)$/.exec(text) ?? [];
	if (part === undefined || Number(part) < 1 || Number(part) > Number(of))
		throw new InvalidArgumentError("Write k/n with k from 1 to n, as in 3/8.");
	return { part: Number(part), of: Number(of) };
}

export function shardText(shard: Shard | undefined): string | undefined {
	return shard && `${shard.part}/${shard.of}`;
}

/** What falls to a part. @param shard undefined: everything */
export function mine<T>(all: readonly T[], shard: Shard | undefined): T[] {
	return all.filter((_, i) => shard === undefined || i % shard.of === shard.part - 1);
}

/** The lists of all parts as one list, in the order of the whole. Each part has what falls to it, or the first of that. */
export function dealtBack<T>(parts: readonly (readonly T[])[]): T[] {
	const most = Math.max(0, ...parts.map(({ length }) => length));
	return Array.from({ length: most }, (_, i) => parts.flatMap((part) => (i < part.length ? [part[i]!] : []))).flat();
}

/** Tells how much is done: whoever watches this process's terminal, or the process that this one works for.
 * @returns what takes the numbers and a few words on what comes now, or wipes them out when there are none */
export function campaignProgress(terminal: Terminal, what: string): (done?: number, of?: number, now?: string) => void {
	const show = progressLine(terminal);
	return (done, of, now) => {
		if (done === undefined) show();
		else if (isJob()) process.send!({ done, of }, () => {});
		else show(`${done} of ${of} ${what}${now === undefined ? "" : `: ${now}`}`);
	};
}

/** Runs this very command line in several processes, each of which does a part.
 * @returns what they print with `--json`
 * @throws JobError when one of them ends with an error */
export async function inJobs(
	terminal: Terminal,
	what: string,
	options: { readonly shard?: Shard; readonly jobs: number },
	stopped: Stopped,
): Promise<unknown[]> {
	const progress = campaignProgress(terminal, what);
	const done: { done: number; of: number }[] = [];
	const workers = shardsOf(options).map((part, i) => {
		const worker = spawn(process.execPath, [process.argv[1]!, ...commandLineOf(part)], {
			stdio: ["ignore", "pipe", "pipe", "ipc"],
			env: { ...process.env, [JOB]: "1" },
		});
		worker.stderr!.on("data", (data: Buffer) => terminal.note(data.toString()));
		worker.on("message", (message: { done: number; of: number }) => {
			done[i] = message;
			const sum = (key: "done" | "of"): number => done.reduce((all, one) => all + one[key], 0);
			progress(sum("done"), sum("of"), `${options.jobs} jobs`);
		});
		const out: Buffer[] = [];
		worker.stdout!.on("data", (data: Buffer) => out.push(data));
		const ended = new Promise<number>((resolve) => worker.on("close", (code) => resolve(code ?? ExitCode.usage)));
		return { worker, report: ended.then((code) => ({ code, text: Buffer.concat(out).toString() })) };
	});
	const asking = setInterval(async () => {
		if (!(await stopped())) return;
		clearInterval(asking);
		for (const { worker } of workers) if (worker.connected) worker.send(STOP, () => {});
	}, 50);
	const reports = await Promise.all(workers.map(({ report }) => report));
	clearInterval(asking);
	progress();
	return reports.map(({ code, text }) => {
		const report = text === "" ? {} : JSON.parse(text);
		if (text === "" || report.schema === "patchbay/error@1")
			throw new JobError(report.message ?? "a job ended without a report", code);
		return report;
	});
}

/** Every part of a part is a part as well: the second of two parts of the first of three is 4/6. */
function shardsOf({ shard = { part: 1, of: 1 }, jobs }: { readonly shard?: Shard; readonly jobs: number }): Shard[] {
	return Array.from({ length: jobs }, (_, i) => ({ part: shard.part + i * shard.of, of: shard.of * jobs }));
}

/** The command line of this process for one part: the last value of an option counts. */
function commandLineOf(part: Shard): string[] {
	const given = process.argv.slice(2);
	const end = given.indexOf("--");
	const operands = end === -1 ? [] : given.slice(end);
	const before = end === -1 ? given : given.slice(0, end);
	return [...before, "--json", "--jobs", "1", "--shard", shardText(part)!, ...operands];
}

/** Says how far a campaign came that was stopped. Those that work for this process leave it to this one. */
export function noteStopped(terminal: Terminal, text: string): void {
	if (!isJob()) terminal.note(`stopped ${text}\n`);
}

/** Prints a campaign that this process ran. @returns its exit code */
export async function finish<R extends Report>(
	terminal: Terminal,
	campaign: Campaign<R>,
	report: R,
	as: { readonly json?: true; readonly markdown?: true },
): Promise<ExitCode> {
	if (as.json === true) await writeJson(terminal, campaign.schema, report);
	else await campaign.show(terminal, report, as);
	return report.stopped === true ? ExitCode.stopped : campaign.exitCode(report);
}

/** Joins what `inJobs` returned. @param shard the part of the campaign that this process is, if it is one */
export function joinJobs<R extends Report>(campaign: Campaign<R>, reports: readonly unknown[], shard?: Shard): R {
	return joined(
		campaign,
		reports.map((report, i) => campaign.read(report, `job ${i + 1}`)),
		shard,
	);
}

/** Joins the reports of all parts, in any order.
 * @param files whence they are
 * @throws LinkError when parts are of different campaigns, missing, or there twice */
export function joinParts<R extends Report>(campaign: Campaign<R>, reports: readonly R[], files: readonly string[]): R {
	return joined(campaign, inOrder(reports, files), undefined);
}

/** One report of parts that are in order. One part that was stopped makes the whole stopped, which then has what
 * `--resume` needs of each part. */
function joined<R extends Report>(campaign: Campaign<R>, parts: readonly R[], shard: Shard | undefined): R {
	const whole = { ...campaign.join(parts), asked: { ...parts[0]!.asked, shard: shardText(shard) } };
	if (parts.every(({ stopped }) => stopped !== true)) return whole;
	return { ...whole, stopped: true, parts: parts.flatMap((part) => part.parts ?? [part]) };
}

function inOrder<R extends Report>(reports: readonly R[], files: readonly string[]): R[] {
	const parts: R[] = [];
	for (const [i, report] of reports.entries()) {
		const file = files[i]!;
		if (report.asked === undefined) throw new LinkError(`${file}: does not say what was asked for`);
		const { part, of } = shardOf(report.asked, file);
		const first = reports[0]!.asked!;
		const other = differing(
			{ ...first, shard: `1/${shardOf(first, files[0]!).of}` },
			{ ...report.asked, shard: `1/${of}` },
		);
		if (other !== undefined) throw new LinkError(`${file}: is of another campaign than ${files[0]}: ${other}`);
		if (parts[part - 1] !== undefined) throw new LinkError(`${file}: part ${part}/${of} is there twice`);
		parts[part - 1] = report;
	}
	const { of } = shardOf(reports[0]!.asked!, files[0]!);
	const missing = Array.from({ length: of }, (_, i) => i).filter((i) => parts[i] === undefined);
	if (missing.length > 0) throw new LinkError(`missing: ${missing.map((i) => `${i + 1}/${of}`).join(", ")}`);
	return parts;
}

function shardOf({ shard: text = "1/1" }: Asked, file: string): Shard {
	try {
		return shard(String(text));
	} catch {
		throw new LinkError(`${file}: '${text}' is no part of a campaign`);
	}
}
