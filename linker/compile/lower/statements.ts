// Statements to blocks. Loops are turned round: the test stands at the bottom, and at the top only where it may fail
// at once.

import { conditionCode } from "../../isa/index.ts";
import { contains, type Exit, type Expression, type Loop, type Statement, type Switch } from "../ir.ts";
import type { Position } from "../origin.ts";
import { canBeTail, tailCall } from "./calls.ts";
import { type Block, RESULT, RESULT_LENGTH, SCRATCH } from "./code.ts";
import { begin, block, compute, emit, end, jump, type Lowering, move } from "./lowering.ts";
import { hold } from "./operands.ts";

/** Where `break` and `continue` lead. */
type Targets = Map<Exit, { readonly after: Block; readonly again: Block | undefined }>;

export function lowerBody(l: Lowering, statements: readonly Statement[], at: Position): void {
	lowerAll(l, statements, new Map());
	end(l, { kind: "return", reads: [], at });
}

function lowerAll(l: Lowering, statements: readonly Statement[], targets: Targets): void {
	for (const statement of statements) lower(l, statement, targets);
}

function lower(l: Lowering, statement: Statement, targets: Targets): void {
	switch (statement.kind) {
		case "effect":
			l.effect(statement.value);
			break;
		case "if":
			lowerIf(l, statement, targets);
			break;
		case "loop":
			lowerLoop(l, statement, targets);
			break;
		case "switch":
			lowerSwitch(l, statement, targets);
			break;
		case "block": {
			const after = block(l);
			lowerAll(l, statement.body, new Map(targets).set(statement.exit, { after, again: undefined }));
			jump(l, after);
			begin(l, after);
			break;
		}
		case "leave":
			jump(l, targets.get(statement.exit)!.after);
			break;
		case "repeat":
			jump(l, targets.get(statement.exit)!.again!);
			break;
		case "return":
			if (statement.value !== undefined && statement.length !== undefined)
				lowerTableReturn(l, statement.value, statement.length, statement.at);
			else lowerReturn(l, statement.value, statement.at);
			break;
	}
}

function lowerIf(l: Lowering, { test, yes, no }: Statement & { kind: "if" }, targets: Targets): void {
	const [onYes, onNo, after] = [block(l), block(l), block(l)];
	l.branch(test, onYes, no.length === 0 ? after : onNo);
	begin(l, onYes);
	lowerAll(l, yes, targets);
	jump(l, after);
	if (no.length > 0) {
		begin(l, onNo);
		lowerAll(l, no, targets);
		jump(l, after);
	}
	begin(l, after);
}

function lowerLoop(l: Lowering, loop: Loop, targets: Targets): void {
	const after = block(l);
	l.depth++;
	const [body, again, test] = [block(l), block(l), block(l)];
	if (!loop.testFirst) jump(l, body);
	else if (isCheap(loop.test!)) l.branch(loop.test!, body, after);
	else jump(l, test);
	begin(l, body);
	if (loop.counter !== undefined) l.counters.set(loop.counter.local, loop.counter.below);
	lowerAll(l, loop.body, new Map(targets).set(loop.exit, { after, again }));
	if (loop.counter !== undefined) l.counters.delete(loop.counter.local);
	jump(l, again);
	begin(l, again);
	if (loop.update !== undefined) l.effect(loop.update);
	jump(l, test);
	begin(l, test);
	if (loop.test === undefined) jump(l, body);
	else l.branch(loop.test, body, after);
	l.depth--;
	begin(l, after);
}

/** Whether a test is short enough to be there twice. */
function isCheap(test: Expression): boolean {
	let parts = 0;
	return !contains(test, (part) => part.op === "call" || part.op === "print" || ++parts > 8);
}

function lowerReturn(l: Lowering, value: Expression | undefined, at: Position): void {
	if (value === undefined) {
		end(l, { kind: "return", reads: [], at });
		return;
	}
	if (value.op === "call" && canBeTail(value)) {
		tailCall(l, value);
		return;
	}
	if (value.op !== "choose") {
		l.value(value, RESULT);
		end(l, { kind: "return", reads: [RESULT], at });
		return;
	}
	const [yes, no] = [block(l), block(l)];
	l.branch(value.test, yes, no);
	begin(l, yes);
	lowerReturn(l, value.yes, at);
	begin(l, no);
	lowerReturn(l, value.no, at);
}

/** The address of a typed array and its length, each in its register. What a call gives lies there already. */
function lowerTableReturn(l: Lowering, address: Expression, length: Expression, at: Position): void {
	if (address.op === "call" && canBeTail(address)) {
		tailCall(l, address);
		return;
	}
	const first = hold(l, l.value(address), [length]);
	const second = l.value(length);
	move(l, RESULT, first, at);
	move(l, RESULT_LENGTH, second, at);
	end(l, { kind: "return", reads: [RESULT, RESULT_LENGTH], at });
}

function lowerSwitch(l: Lowering, node: Switch, targets: Targets): void {
	const after = block(l);
	const blocks = node.cases.map(() => block(l));
	const otherwise = node.otherwise === undefined ? after : blocks[node.otherwise]!;
	const cases = node.cases.flatMap(({ tests }, i) => tests.map((value) => ({ value, target: blocks[i]! })));
	if (l.options.indirect === "pointer" && isDense(cases)) jumpByTable(l, node, cases, otherwise);
	else jumpByComparing(l, node, cases, otherwise);
	const inner = new Map(targets).set(node.exit, { after, again: undefined });
	for (const [i, { body }] of node.cases.entries()) {
		begin(l, blocks[i]!);
		lowerAll(l, body, inner);
		jump(l, blocks[i + 1] ?? after);
	}
	begin(l, after);
}

interface Case {
	readonly value: number;
	readonly target: Block;
}

function jumpByComparing(l: Lowering, { value, at }: Switch, cases: readonly Case[], otherwise: Block): void {
	const a = l.value(value);
	for (const { value, target } of cases) {
		emit(l, "cmpi", { a, imm: value }, at);
		const next = block(l);
		end(l, { kind: "branch", condition: conditionCode("eq"), yes: target, no: next, at });
		begin(l, next);
	}
	jump(l, otherwise);
}

/** From so many cases on, a table is faster than comparing in turn. */
const TABLE_CASES = 5;

function isDense(cases: readonly Case[]): boolean {
	const { low, count } = span(cases);
	return cases.length >= TABLE_CASES && count <= cases.length * 2 && low + count <= 2 ** 31;
}

function span(cases: readonly Case[]): { low: number; count: number } {
	const values = cases.map(({ value }) => value);
	const low = Math.min(...values);
	return { low, count: Math.max(...values) - low + 1 };
}

function jumpByTable(l: Lowering, { value, at }: Switch, cases: readonly Case[], otherwise: Block): void {
	const { low, count } = span(cases);
	const plain = l.value(value);
	const index = low === 0 ? plain : compute(l, "addi", { b: plain, imm: -low | 0 }, at);
	emit(l, "cmpi", { a: index, imm: count }, at);
	const inside = block(l);
	end(l, { kind: "branch", condition: conditionCode("uge"), yes: otherwise, no: inside, at });
	begin(l, inside);
	const name = `.Ltable.${l.symbol}.${l.tables++}`;
	emit(l, "ldx", { a: SCRATCH, b: index, reference: { symbol: name, addend: 0 } }, at);
	const byValue = new Map(cases.map(({ value, target }) => [value, target]));
	const targets = Array.from({ length: count }, (_, i) => byValue.get(low + i) ?? otherwise);
	end(l, { kind: "table", name, targets, at });
}
