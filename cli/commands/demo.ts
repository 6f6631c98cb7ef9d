// `patchbay demo`: a real program from source to retargeted calls, by the commands one would type.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { type Command, ExitCode, type Shell, writeJson } from "../shell/command.ts";
import { readText } from "../shell/files.ts";
import { packageRoot } from "../shell/package-root.ts";
import { styled, type Terminal } from "../shell/terminal.ts";

interface Step {
	/** What to look at. */
	readonly remark: string;
	readonly argv: readonly string[];
}

export const demo: Command<object> = {
	name: "demo",
	operands: "",
	brief: "Show what patchbay does, on a real program, in a few seconds.",
	examples: [["demo", "a load balancer, compiled, linked, run and retargeted while it runs"]],
	declare() {},
	async run(terminal, _, { json }, shell) {
		const source = relative(process.cwd(), join(packageRoot(), "fixtures", "programs", "balancer.js"));
		const folder = mkdtempSync(join(tmpdir(), "patchbay-"));
		try {
			const steps = script(source, join(folder, "balancer.elf"));
			return json ? await record(terminal, steps, shell) : await perform(terminal, source, steps, shell);
		} finally {
			rmSync(folder, { recursive: true });
		}
	},
};

function script(source: string, image: string): Step[] {
	return [
		{
			remark: "The compiler makes plain calls of them; the collector finds those by their relocations.",
			argv: ["sites", source],
		},
		{
			remark: "Linked, each site calls its default directly. One that is null is a 5-byte NOP, RET0 one instruction.",
			argv: ["link", source, "-o", image],
		},
		{ remark: "", argv: ["sites", image] },
		{ remark: "It runs on a simulated machine, and prints what it prints under Node.", argv: ["run", image] },
		{
			remark: "Retargeted at load time: other bytes at the sites of `pick`, no other change.",
			argv: ["run", image, "--set", "pick=shortestQueue"],
		},
		{
			remark: "Retargeted while it runs, by breakpoint, tail, head, a round of interrupts after each. See second 4.",
			argv: ["run", image, "--set", "pick=shortestQueue@1220000", "--stats"],
		},
		{ remark: "What that costs, beside plain calls and function pointers.", argv: ["compare", source] },
	];
}

async function perform(terminal: Terminal, source: string, steps: readonly Step[], shell: Shell): Promise<ExitCode> {
	await terminal.write(
		`${remarkText(terminal, `A load balancer. Who gets a request is up to static calls: ${source}`)}\n`,
	);
	await terminal.write(excerpt(terminal, readText(source)));
	for (const { remark, argv } of steps) {
		if (remark !== "") await terminal.write(`\n${remarkText(terminal, remark)}\n`);
		await terminal.write(`${styled(terminal, "bold", `$ npx patchbay ${argv.join(" ")}`)}\n`);
		const code = await shell(argv, inOrder(terminal));
		if (code !== ExitCode.ok) return ExitCode.violation;
	}
	await terminal.write(`\n${remarkText(terminal, "Next: npx patchbay --help, and docs/ for how it works.")}\n`);
	return ExitCode.ok;
}

/** Notes among the data, where they belong in the story. */
function inOrder(terminal: Terminal): Terminal {
	return { ...terminal, note: (text) => void terminal.write(text) };
}

function remarkText(terminal: Terminal, text: string): string {
	return styled(terminal, "green", `# ${text}`);
}

/** The lines that define and call static calls. */
function excerpt(terminal: Terminal, text: string): string {
	const lines = text.split("\n").map((line, i) => ({ line: line.replaceAll("\t", "  "), number: i + 1 }));
	const keys = lines.flatMap(({ line }) => /const (\w+) = staticCall/.exec(line)?.[1] ?? []);
	const isOfInterest = new RegExp(`= staticCall|^ .*\\b(${keys.join("|")})\\(`);
	return lines
		.filter(({ line }) => isOfInterest.test(line))
		.map(({ line, number }) => `${styled(terminal, "dim", String(number).padStart(5))}  ${line}\n`)
		.join("");
}

/** For other programs: what each command says with `--json`. */
async function record(terminal: Terminal, steps: readonly Step[], shell: Shell): Promise<ExitCode> {
	const results: object[] = [];
	for (const { remark, argv } of steps) {
		const texts: string[] = [];
		const write = async (text: string) => void texts.push(text);
		const code = await shell([...argv, "--json"], { ...terminal, write });
		if (code !== ExitCode.ok) return ExitCode.violation;
		results.push({ remark, argv, result: JSON.parse(texts.join("")) });
	}
	await writeJson(terminal, "patchbay/demo@1", { steps: results });
	return ExitCode.ok;
}
