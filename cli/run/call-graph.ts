// The calls of a traced run as ftrace's function_graph draws them: braces and indentation, a call that called nothing
// traced on one line, how long each took where it ends, which CPU it was on, and when. What the program printed is a comment.

import { placeOf } from "../../linker/link/image.ts";
import { Cpu, getCounter, ticksToCycles } from "../../runtime/machine/index.ts";
import type { System, TracedCall } from "../../runtime/patch/index.ts";
import { styled, type Terminal } from "../shell/terminal.ts";

interface Line {
	/** Ticks. */
	readonly clock: number;
	readonly cpu: number;
	readonly depth: number;
	readonly text: string;
	/** Ticks; of a call that ends here. */
	readonly took?: number;
}

/** A head, and the lines in the order of time; what one CPU did stays in its order.
 * @param deepest how many calls inside of each other are shown: all of them, if undefined */
export function callGraph(terminal: Terminal, system: System, deepest = Number.POSITIVE_INFINITY): string[] {
	const lines = system.machine.cores.flatMap(({ id }) => linesOf(system, id, deepest));
	const sorted = lines.sort((a, b) => a.clock - b.clock);
	const width = String(system.machine.cores.length - 1).length;
	const titles = `${"TIME".padStart(TIME)} ${"CPU".padStart(width + 3)} ${"CYCLES".padStart(DURATION)} | FUNCTION CALLS`;
	const head = styled(terminal, "bold", titles);
	return [head, ...sorted.map((line) => draw(terminal, line, width))];
}

const TIME = 11;
const DURATION = 11;

function draw(terminal: Terminal, { clock, cpu, depth, text, took }: Line, width: number): string {
	const cycles = took === undefined ? "" : ticksToCycles(took).toFixed(1);
	const time = ticksToCycles(clock).toFixed(1).padStart(TIME);
	const place = `${time}  ${`${String(cpu).padStart(width + 1)})`} ${cycles.padStart(DURATION)} |`;
	return `${styled(terminal, "dim", place)} ${"  ".repeat(depth)}${text}`;
}

/** What one CPU went through. Calls lie inside of each other, so the next one's depth says which have ended before it. */
function linesOf(system: System, cpu: number, deepest: number): Line[] {
	const lines: Line[] = [];
	const open: TracedCall[] = [];
	const name = ({ address }: TracedCall): string => placeOf(system.image, address);
	const closeTo = (depth: number): void => {
		for (let call = open.at(-1); call !== undefined && call.depth >= depth; call = open.at(-1)) {
			open.pop();
			if (call.left !== undefined) close(lines, call, name(call));
		}
	};
	const printed = (system.events ?? []).filter((event) => event.what === "print" && event.cpu === cpu);
	const printTo = (clock: number): void => {
		while (printed.length > 0 && printed[0]!.clock < clock) {
			const { clock: at, detail } = printed.shift()!;
			const over = open.find(({ left }) => left !== undefined && left <= at);
			if (over !== undefined) closeTo(over.depth);
			lines.push({ clock: at, cpu, depth: open.length, text: `/* ${detail} */` });
		}
	};
	for (const call of system.tracer.calls) {
		if (call.cpu !== cpu || call.depth >= deepest) continue;
		printTo(call.entered);
		closeTo(call.depth);
		open.push(call);
		lines.push({ clock: call.entered, cpu, depth: call.depth, text: `${name(call)}() {` });
	}
	printTo(Number.POSITIVE_INFINITY);
	closeTo(0);
	return lines;
}

/** A call with nothing inside becomes one line. */
function close(lines: Line[], { cpu, depth, entered, left }: TracedCall, name: string): void {
	const took = left! - entered;
	const last = lines.at(-1)!;
	if (last.clock === entered) lines[lines.length - 1] = { ...last, text: `${name}();`, took };
	else lines.push({ clock: left!, cpu, depth, text: `} /* ${name} */`, took });
}

/** For `--json`. */
export function listCalls({ tracer, image, machine }: System): object[] {
	return tracer.calls.map(({ cpu, address, depth, entered, left }) => ({
		cpu,
		function: image.symbolize(address) ?? null,
		address,
		depth,
		entered: ticksToCycles(entered),
		left: left === undefined ? null : ticksToCycles(left),
		cycles: ticksToCycles((left ?? getCounter(machine, cpu, Cpu.clock)) - entered),
	}));
}
