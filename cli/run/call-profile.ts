// The calls of a traced run, added up: how often each function was called and how many cycles it took, with those it called and
// without; a flame graph; and the file that speedscope reads. A call that has not returned ends where its CPU stopped.

import { placeOf } from "../../linker/link/image.ts";
import { percent } from "../../linker/percent.ts";
import { inXml } from "../../linker/xml.ts";
import { Cpu, getCounter, ticksToCycles } from "../../runtime/machine/index.ts";
import type { System, TracedCall } from "../../runtime/patch/index.ts";
import { count } from "../shell/table.ts";
import { styled, type Terminal } from "../shell/terminal.ts";

/** A call with those inside of it. Ticks. */
interface Node {
	readonly address: number;
	readonly cpu: number;
	readonly entered: number;
	left: number;
	readonly inner: Node[];
}

/** The outermost calls of every CPU, in the order of time. */
function trees(system: System): Node[] {
	const { tracer, machine } = system;
	return machine.cores.flatMap(({ id }) => {
		const outermost: Node[] = [];
		const open: { readonly node: Node; readonly depth: number }[] = [];
		const stopped = getCounter(machine, id, Cpu.clock);
		for (const call of tracer.calls.filter(({ cpu }) => cpu === id)) {
			while (open.length > 0 && open.at(-1)!.depth >= call.depth) open.pop();
			const node = nodeOf(call, stopped);
			const around = open.at(-1)?.node;
			if (around !== undefined) node.left = Math.min(node.left, around.left);
			(around?.inner ?? outermost).push(node);
			open.push({ node, depth: call.depth });
		}
		return outermost;
	});
}

const nodeOf = ({ address, cpu, entered, left }: TracedCall, stopped: number): Node => ({
	address,
	cpu,
	entered,
	left: left ?? stopped,
	inner: [],
});

const tookOf = ({ entered, left }: Node) => Math.max(0, left - entered);
const ownOf = (node: Node) => Math.max(0, tookOf(node) - node.inner.reduce((sum, each) => sum + tookOf(each), 0));

/** What became of one function in a run; cycles. */
export interface FunctionTotal {
	readonly function: string;
	readonly calls: number;
	/** Without the calls inside. */
	readonly self: number;
	/** With them; of a function that calls itself, each cycle counts once. */
	readonly total: number;
	readonly longest: number;
}

/** Every traced function, those with the most cycles of their own first. */
export function functionTotals(system: System): FunctionTotal[] {
	const sums = new Map<number, { calls: number; self: number; total: number; longest: number }>();
	/** Functions that calls around the one that is visited are of. */
	const around = new Set<number>();
	const visit = (node: Node): void => {
		const sum = sums.get(node.address) ?? { calls: 0, self: 0, total: 0, longest: 0 };
		sums.set(node.address, sum);
		sum.calls++;
		sum.self += ownOf(node);
		sum.longest = Math.max(sum.longest, tookOf(node));
		const isOutermost = !around.has(node.address);
		if (isOutermost) sum.total += tookOf(node);
		around.add(node.address);
		for (const each of node.inner) visit(each);
		if (isOutermost) around.delete(node.address);
	};
	for (const node of trees(system)) visit(node);
	return [...sums]
		.map(([address, { calls, self, total, longest }]) => ({
			function: placeOf(system.image, address),
			calls,
			self: ticksToCycles(self),
			total: ticksToCycles(total),
			longest: ticksToCycles(longest),
		}))
		.sort((a, b) => b.self - a.self || a.function.localeCompare(b.function));
}

export function totalsTable(terminal: Terminal, system: System): string[] {
	const rows = functionTotals(system);
	const whole = rows.reduce((sum, { self }) => sum + self, 0);
	const cell = (text: string) => text.padStart(14);
	const line = (cells: readonly string[], name: string) => `${cells.map(cell).join("")}  ${name}`;
	const head = line(["calls", "self", "of all", "total", "longest"], "function (cycles, of all CPUs)");
	const body = rows.map((row) => {
		const share = whole === 0 ? "-" : percent(row.self / whole, 1);
		const numbers = [row.self, row.total, row.longest].map((each) => count(Math.round(each)));
		return line([count(row.calls), numbers[0]!, share, numbers[1]!, numbers[2]!], row.function);
	});
	return [styled(terminal, "bold", head), ...body];
}

/** Calls of one function by the same callers, as one. */
interface Stack {
	readonly name: string;
	calls: number;
	ticks: number;
	readonly inner: Map<string, Stack>;
}

function merged(system: System): Stack {
	const root: Stack = { name: "all", calls: 0, ticks: 0, inner: new Map() };
	const add = (into: Stack, node: Node): void => {
		const name = placeOf(system.image, node.address);
		const stack = into.inner.get(name) ?? { name, calls: 0, ticks: 0, inner: new Map() };
		into.inner.set(name, stack);
		stack.calls++;
		stack.ticks += tookOf(node);
		for (const each of node.inner) add(stack, each);
	};
	for (const node of trees(system)) add(root, node);
	root.ticks = [...root.inner.values()].reduce((sum, { ticks }) => sum + ticks, 0);
	return root;
}

const WIDTH = 1200;
const ROW = 18;
const AXIS = 40;
/** Above the boxes, where it is said what is above what. */
const HEAD = 22;

/** A flame graph: callers below, what they called above, as wide as they took cycles. */
export function flameGraph(system: System): string {
	const root = merged(system);
	const deepest = (stack: Stack): number => 1 + Math.max(0, ...[...stack.inner.values()].map(deepest));
	const height = HEAD + deepest(root) * ROW + AXIS;
	const scale = root.ticks === 0 ? 0 : WIDTH / root.ticks;
	const boxes: string[] = [];
	const draw = (stack: Stack, x: number, row: number): void => {
		const width = row === 0 ? WIDTH : stack.ticks * scale;
		const y = height - AXIS - (row + 1) * ROW;
		const share = percent(root.ticks === 0 ? 0 : stack.ticks / root.ticks, 1);
		const calls = row === 0 ? "" : ` (calls: ${count(stack.calls)})`;
		const title = `${stack.name}: ${count(Math.round(ticksToCycles(stack.ticks)))} cycles${calls}, ${share}`;
		const letters = Math.floor((width - 6) / 7);
		const text = letters < 3 ? "" : stack.name.length > letters ? `${stack.name.slice(0, letters - 1)}…` : stack.name;
		boxes.push(
			`<g><title>${inXml(title)}</title><rect x="${x.toFixed(2)}" y="${y}" width="${width.toFixed(2)}" height="${ROW - 1}" fill="${colourOf(stack.name)}"/><text x="${(x + 3).toFixed(2)}" y="${y + 13}">${inXml(text)}</text></g>`,
		);
		let next = x;
		for (const each of [...stack.inner.values()].sort((a, b) => a.name.localeCompare(b.name))) {
			draw(each, next, row + 1);
			next += each.ticks * scale;
		}
	};
	draw(root, 0, 0);
	const cycles = ticksToCycles(root.ticks);
	const label = (part: number) =>
		`<text x="${(part * WIDTH).toFixed(0)}" y="${height - 24}" text-anchor="${part === 0 ? "start" : part === 1 ? "end" : "middle"}">${count(Math.round(cycles * part))}</text>`;
	const axis = [0, 0.25, 0.5, 0.75, 1].map(label).join("");
	const upwards = `<text x="3" y="15">↑ calls inside the calls below them, ${deepest(root) - 1} deep</text>`;
	const name = `<text x="${WIDTH / 2}" y="${height - 8}" text-anchor="middle">cycles of all CPUs in traced functions of ${inXml(system.image.name)}</text>`;
	return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" font-family="monospace" font-size="12">\n${upwards}\n${boxes.join("\n")}\n${axis}${name}\n</svg>\n`;
}

/** A function has the same warm colour wherever it stands. */
function colourOf(name: string): string {
	let mixed = 7;
	for (const letter of name) mixed = (Math.imul(mixed, 31) + letter.charCodeAt(0)) | 0;
	return `hsl(${Math.abs(mixed) % 50}, 80%, ${60 + (Math.abs(mixed >> 8) % 15)}%)`;
}

/** The file of https://www.speedscope.app: a lane per CPU, the unit is a cycle. */
export function speedscopeFile(system: System): object {
	const names: string[] = [];
	const frameOf = (address: number): number => {
		const name = placeOf(system.image, address);
		return names.includes(name) ? names.indexOf(name) : names.push(name) - 1;
	};
	const all = trees(system);
	const profiles = system.machine.cores.map(({ id }) => {
		const events: object[] = [];
		let at = 0;
		const note = (type: "O" | "C", frame: number, ticks: number): void => {
			at = Math.max(at, ticksToCycles(ticks));
			events.push({ type, frame, at });
		};
		const visit = (node: Node): void => {
			const frame = frameOf(node.address);
			note("O", frame, node.entered);
			for (const each of node.inner) visit(each);
			note("C", frame, node.left);
		};
		for (const node of all) if (node.cpu === id) visit(node);
		const endValue = Math.max(at, ticksToCycles(getCounter(system.machine, id, Cpu.clock)));
		return { type: "evented", name: `CPU ${id}`, unit: "none", startValue: 0, endValue, events };
	});
	return {
		$schema: "https://www.speedscope.app/file-format-schema.json",
		name: system.image.name,
		exporter: "patchbay",
		shared: { frames: names.map((name) => ({ name })) },
		profiles,
	};
}
