// How long a process stands still while it is patched from outside: 8 threads that call through 1,000 sites, updated by patchbay, by
// a script in a gdb that stays attached, and by a gdb that comes and goes. Then patchbay is killed by SIGKILL at random moments.
// Say how many updates and how many kills: npm run bench:live -- 1000 100. Needs gcc, and gdb for the rows beside.

import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { packageRoot } from "../cli/shell/package-root.ts";
import { symbolByName } from "../linker/elf/symbols.ts";
import { findEntries, type Live, lookAt, makeChanges, openLive } from "../native/live.ts";

const THREADS = 8;
/** Updates by gdb, which takes a second for each where there is much else to do. */
const MOST_STAYING = 200;
const MOST_COMING = 20;

/** A row of what is printed: how long no thread ran, in milliseconds. */
interface Stood {
	readonly by: string;
	readonly updates: number;
	readonly p50: number;
	readonly p99: number;
	readonly most: number;
	/** What the calls were: how many, and how many of them went where none of the updates sent them. */
	readonly calls: string;
}

interface Crowd {
	readonly pid: number;
	/** @returns what it says of its calls */
	finish(): Promise<string>;
}

async function start(program: string): Promise<Crowd> {
	const child = spawn("nice", ["-n", "5", program, String(THREADS)], { stdio: ["ignore", "pipe", "inherit"] });
	let printed = "";
	child.stdout.setEncoding("utf8").on("data", (text: string) => {
		printed += text;
	});
	await once(child.stdout, "data");
	process.once("exit", () => child.kill("SIGKILL"));
	return {
		pid: child.pid!,
		async finish() {
			using(child.pid!, (live) => setVariable(live, "finish", 1));
			const [code, signal] = await once(child, "close");
			return `${printed.split("\n")[1]}${code === 0 ? "" : `, ended by ${signal ?? code}`}`;
		},
	};
}

function using<T>(pid: number, use: (live: Live) => T): T {
	const live = openLive(pid);
	try {
		return use(live);
	} finally {
		live.close();
	}
}

/** Sets a variable of eight bytes of the program. */
function setVariable({ objects, memory }: Live, name: string, value: number): void {
	const { object, bias } = objects[0]!;
	const address = object.symbols.value[symbolByName(object, name)!]! + bias;
	memory.write(address, new Uint8Array(BigUint64Array.of(BigInt(value)).buffer));
}

function row(by: string, milliseconds: readonly number[], calls: string): Stood {
	const sorted = milliseconds.toSorted((a, b) => a - b);
	const at = (part: number) => sorted[Math.floor(part * (sorted.length - 1))] ?? Number.NaN;
	return { by, updates: sorted.length, p50: at(0.5), p99: at(0.99), most: at(1), calls };
}

/** Each update is numbered in the program, which judges every call by the updates that were under way. */
async function byPatchbay(program: string, updates: number): Promise<Stood> {
	const crowd = await start(program);
	const stood = using(crowd.pid, (live) => {
		const [entry] = findEntries(live, ["pick"]);
		return Array.from({ length: updates }, (_, i) => {
			setVariable(live, "begun", i + 1);
			const { stopped } = makeChanges(live, [{ entry: entry!, to: `pick_${(i + 1) % 16}` }], "always");
			setVariable(live, "done", i + 1);
			return stopped! / 1e6;
		});
	});
	return row("patchbay live", stood, await crowd.finish());
}

/** The same stores by a script of gdb. Its clock runs from the signal that stops to the command that continues, so it does not
 * count that gdb continues one thread after another.
 * @param stays one gdb for all updates; otherwise one for each, which has read the symbols before its clock runs */
async function byGdb(folder: string, program: string, updates: number, stays: boolean): Promise<Stood> {
	const crowd = await start(program);
	const script = join(folder, "gdb.py");
	const out = join(folder, "stood");
	const stores = using(crowd.pid, (live) => {
		setVariable(live, "ignore_order", 1);
		const { sites } = lookAt(live, findEntries(live, ["pick"])[0]!);
		const targets = Array.from({ length: 16 }, (_, n) => live.symbols.find(`pick_${n}`).address);
		return { sites: sites.map(({ address }) => address), targets };
	});
	const stood: number[] = [];
	for (let first = 1; first <= updates; first += stays ? updates : 1) {
		const last = stays ? updates : first;
		writeFileSync(
			script,
			stays ? staying(crowd.pid, stores, last, out) : coming(crowd.pid, program, stores, first, out),
		);
		const argv = ["-q", "-batch", "-nx", "-ex", "set confirm off", "-x", script, ...(stays ? [program] : [])];
		const { status, stderr } = spawnSync("gdb", argv, { encoding: "utf8", stdio: ["ignore", "ignore", "pipe"] });
		if (status !== 0 || !existsSync(out)) throw new Error(`gdb: ${stderr}`);
		stood.push(...(JSON.parse(readFileSync(out, "utf8")) as number[]));
		rmSync(out);
	}
	return row(stays ? "gdb that stays attached" : "gdb that attaches and detaches", stood, await crowd.finish());
}

interface Stores {
	readonly sites: readonly number[];
	readonly targets: readonly number[];
}

const write = ({ sites, targets }: Stores) => `import gdb, json, time
sites, targets = ${JSON.stringify(sites)}, ${JSON.stringify(targets)}
def write(n):
    inferior = gdb.selected_inferior()
    for site in sites:
        inferior.write_memory(site + 1, (targets[n % 16] - site - 5).to_bytes(4, "little", signed=True))
`;

/** Sends the signal for each line that it gets, and says when. */
const interrupter = (pid: number) =>
	`process.stdin.on("data", () => setTimeout(() => { const at = process.hrtime.bigint(); process.kill(${pid}, "SIGINT"); console.log(String(at)); }, 5))`;

const staying = (pid: number, stores: Stores, updates: number, out: string) => `${write(stores)}
import subprocess
signals = subprocess.Popen(${JSON.stringify([process.execPath, "-e", interrupter(pid)])}, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
gdb.execute("attach ${pid}", to_string=True)
gdb.execute("handle SIGINT stop nopass noprint", to_string=True)
stood = []
for n in range(1, ${updates + 1}):
    signals.stdin.write(b"\\n")
    signals.stdin.flush()
    gdb.execute("continue", to_string=True)
    write(n)
    stood.append((time.monotonic_ns() - int(signals.stdout.readline())) / 1e6)
json.dump(stood, open("${out}", "w"))
gdb.execute("detach", to_string=True)
signals.kill()
`;

const coming = (pid: number, program: string, stores: Stores, n: number, out: string) => `${write(stores)}
gdb.execute("file ${program}")
begun = time.monotonic()
gdb.execute("attach ${pid}", to_string=True)
write(${n})
gdb.execute("detach", to_string=True)
json.dump([(time.monotonic() - begun) * 1000], open("${out}", "w"))
`;

/** Kills patchbay so often while it updates without end. @returns what the program says of its calls in the end */
async function killed(program: string, kills: number): Promise<string> {
	const crowd = await start(program);
	using(crowd.pid, (live) => setVariable(live, "ignore_order", 1));
	for (let i = 0; i < kills; i++) {
		const updater = spawn(process.execPath, [fileURLToPath(import.meta.url), "update", String(crowd.pid)]);
		await once(updater.stdout, "data");
		await new Promise((resolve) => setTimeout(resolve, Math.random() * 100));
		updater.kill("SIGKILL");
		await once(updater, "exit");
	}
	return crowd.finish();
}

/** Never ends. */
function updateForever(pid: number): void {
	using(pid, (live) => {
		const [entry] = findEntries(live, ["pick"]);
		process.stdout.write("ready\n");
		for (let n = 0; ; n++) makeChanges(live, [{ entry: entry!, to: `pick_${n % 16}` }], "always");
	});
}

async function main(updates: number, kills: number): Promise<void> {
	const folder = mkdtempSync(join(tmpdir(), "patchbay-bench-"));
	try {
		const program = join(folder, "crowd");
		const source = `${packageRoot()}fixtures/native/crowd.c`;
		execFileSync("gcc", ["-O2", "-pthread", source, "-o", program, "-Wl,--emit-relocs"]);
		const show = (row: unknown) => process.stdout.write(`${JSON.stringify(row)}\n`);
		show(await byPatchbay(program, updates));
		if (spawnSync("gdb", ["--version"]).status === 0) {
			show(await byGdb(folder, program, Math.min(updates, MOST_STAYING), true));
			show(await byGdb(folder, program, Math.min(updates, MOST_COMING), false));
		} else process.stderr.write("gdb is not installed: no rows beside\n");
		show({ kills, calls: await killed(program, kills) });
	} finally {
		rmSync(folder, { recursive: true });
	}
}

if (process.argv[2] === "update") updateForever(Number(process.argv[3]));
else await main(Number(process.argv[2] ?? 1000), Number(process.argv[3] ?? 100));
