// Times the checker beside SPIN on text_poke_bp over one site, for 1 to 6 CPUs: `npm run bench:check`. Ours is the whole
// process, from Node's start, on the real machine; SPIN's is the search alone, on the abstract model text-poke.pml, in
// which a CPU has a row of bytes that it may see and no registers, stack or interrupts.

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const root = here("../..");
const MOST_CPUS = 6;
const ROUNDS = 3;

/** One call site that straddles 8 bytes; every byte of the displacement changes. */
const program = (cpus: number): string => `# model: x86
# cpu: ${cpus} caller
# poke: site = deadline by breakpoint
	.global caller, fifo, deadline
	.type caller, @function
	.type fifo, @function
	.type deadline, @function
fifo:	ret
	.align 8
	.space 5
caller:
site:	call fifo
	jmp caller
	.space 0x12345
deadline:
	ret
`;

interface Result {
	readonly seconds: number;
	readonly states: number;
}

function ours(folder: string, cpus: number, flags: readonly string[]): Result {
	const file = join(folder, `poke-${cpus}.s`);
	writeFileSync(file, program(cpus));
	const start = process.hrtime.bigint();
	const { stdout } = run(
		process.execPath,
		[here("../../dist/cli/main.cjs"), "check", file, "--json", ...flags],
		folder,
	);
	const seconds = Number(process.hrtime.bigint() - start) / 1e9;
	const verdict = JSON.parse(stdout) as { verdict: string; states: number };
	if (verdict.verdict !== "safe") throw new Error(`the checker says ${verdict.verdict}`);
	return { seconds, states: verdict.states };
}

/** Compiles the verifier for so many CPUs. @returns its path */
function verifier(folder: string, cpus: number): string {
	run("spin", [`-DN=${cpus}`, "-a", join(root, "bench/text-poke.pml")], folder);
	const path = join(folder, `pan${cpus}`);
	run("gcc", ["-O2", "-DSAFETY", "-DNOREDUCE", "-w", "-o", path, "pan.c"], folder);
	return path;
}

function spin(folder: string, path: string): Result {
	const { stdout } = run(path, ["-m10000000"], folder);
	const states = Number(/(\d+) states, stored/.exec(stdout)?.[1]);
	const seconds = Number(/elapsed time ([\d.e+-]+) seconds/.exec(stdout)?.[1]);
	if (!/errors: 0/.test(stdout)) throw new Error("SPIN found an error");
	return { seconds, states };
}

function run(command: string, args: readonly string[], cwd: string): { readonly stdout: string } {
	const done = spawnSync(command, args, { cwd, encoding: "utf8", maxBuffer: 2 ** 28 });
	if (done.error !== undefined) throw done.error;
	if (done.status !== 0) throw new Error(`${command} ${args.join(" ")}: exit ${done.status}\n${done.stderr}`);
	return done;
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!;

function measure(): void {
	const folder = mkdtempSync(join(tmpdir(), "patchbay-check-"));
	try {
		console.log(
			"| CPUs | SPIN states | SPIN search s | states | whole process s | ratio | states without reductions | s | states/s |",
		);
		console.log("| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
		for (let cpus = 1; cpus <= MOST_CPUS; cpus++) {
			const path = verifier(folder, cpus);
			const theirs: Result[] = [];
			const mine: Result[] = [];
			for (let round = 0; round < ROUNDS; round++) {
				theirs.push(spin(folder, path));
				mine.push(ours(folder, cpus, []));
			}
			const plain = cpus <= 3 ? ours(folder, cpus, ["--no-symmetry", "--no-merge"]) : undefined;
			const a = median(theirs.map(({ seconds }) => seconds));
			const b = median(mine.map(({ seconds }) => seconds));
			const rest =
				plain === undefined
					? ["", "", ""]
					: [plain.states, plain.seconds.toFixed(2), Math.round(plain.states / plain.seconds)];
			const ratio = a > 0 ? (b / a).toFixed(2) : "";
			console.log(
				`| ${[cpus, theirs[0]!.states, a.toFixed(2), mine[0]!.states, b.toFixed(2), ratio, ...rest].join(" | ")} |`,
			);
		}
	} finally {
		rmSync(folder, { recursive: true, force: true });
	}
}

measure();
