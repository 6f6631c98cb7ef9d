// Where a trapped CPU was called from: the return addresses on its stack, as lines of the program.
//
// There are no frame pointers. A word of the stack is taken for a return address if the instruction before it is a call in the
// program's text, which saved numbers are only by accident; a function that was entered by a jump (`return f(x);`) has none.

import { hex } from "../../linker/hex.ts";
import { decode, Stop } from "../../linker/isa/index.ts";
import { bytesAt, type Image, placeOf } from "../../linker/link/index.ts";
import { Cpu, getCpu } from "../../runtime/machine/index.ts";
import { readWord } from "../../runtime/machine/words.ts";
import type { RunEnd, System } from "../../runtime/patch/index.ts";
import { sourceText } from "../shell/source-lines.ts";
import { count } from "../shell/table.ts";

type Trap = Extract<RunEnd, { kind: "trapped" }>;

/** More lines than these are counted. */
const MOST = 12;
/** Words that are looked at: a stack that is full has no more. */
const WORDS = 2 ** 20;

/** `  called from fib.js:3:9 <main>: print(fib(3))` for each call that has not returned, the innermost first. */
export function backtrace(system: System, trap: Trap): string[] {
	const { image, machine } = system;
	const space = getCpu(machine, trap.cpu, Cpu.space);
	const calls: number[] = [];
	let found = 0;
	let direct: number | undefined;
	for (let i = 0; i < WORDS; i++) {
		const word = readWord(machine, space, (trap.sp + 4 * i) >>> 0);
		if (word === undefined) break;
		const call = callBefore(image, word >>> 0);
		if (call === undefined) continue;
		found++;
		if (i === 0) direct = call;
		if (calls.length < MOST) calls.push(call);
	}
	const lines = calls.map((call) => `  called from ${lineOf(image, call)}`);
	if (found > calls.length) lines.push(`  and ${count(found - calls.length)} more`);
	const torn = tornSite(system, trap, direct);
	return torn === undefined ? lines : [torn, ...lines];
}

/** The address of the call that would return to `address`. */
function callBefore(image: Image, address: number): number | undefined {
	for (const length of CALL_LENGTHS) {
		const bytes = bytesAt(image, address - length, length);
		const name = bytes && image.symbolAt(address - length)?.name;
		// What calls main is none of the program.
		if (bytes === undefined || name === undefined || name === "_start") continue;
		const found = decode(bytes, 0);
		if (found?.length === length && (found.row.flow === "call" || found.row.flow === "indirect-call"))
			return address - length;
	}
	return undefined;
}

const CALL_LENGTHS = [5, 6, 2];

function lineOf(image: Image, address: number): string {
	const place = `<${placeOf(image, address).replace(/\+0x[0-9a-f]+$/, "")}>`;
	const at = image.lines.at(address);
	if (at === undefined) return `${hex(address)} ${place}`;
	const text = sourceText(at.file)?.split(/\r?\n/)[at.line - 1];
	return `${at.file}:${at.line}:${at.column} ${place}${text === undefined ? "" : `: ${text.trim()}`}`;
}

/** What is to be said when the trap is the work of a site that was being patched: the CPU decoded bytes that never stood there
 * at one time, or called a place where no function begins. */
function tornSite({ image }: System, trap: Trap, called: number | undefined): string | undefined {
	if (trap.stop !== Stop.illegal && trap.stop !== Stop.fetchFault) return undefined;
	const site = image.sites.find(({ address }) => address === trap.pc || address === called);
	if (site === undefined) return undefined;
	const key = image.keys[site.key]?.name ?? "?";
	if (site.address !== trap.pc && image.symbolize(trap.pc)?.includes("+") === false) return undefined;
	const where = lineOf(image, site.address).replace(/ <.*/, "");
	return site.address === trap.pc
		? `  torn: this is the site of '${key}' that was being patched, and its bytes are of two times`
		: `  torn: the site of '${key}' at ${where} called ${hex(trap.pc)}, where no function begins`;
}
