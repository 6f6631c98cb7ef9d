// Programs with some parts exchanged for others: mostly JavaScript, mostly not in the language.

import { type AnyNode, parse } from "acorn";
import { childrenOf } from "../../../linker/compile/parse.ts";
import { type Dice, newDice } from "./scene.ts";

// biome-ignore format: a list
const expressions = [
	"0", "-1", "0xffffffff", "2147483648", "-2147483649", "4294967296", "1.5", "10n", "1e300", "0 / 0", "null", "undefined",
	"true", "'s'", "`t`", "/r/", "this", "() => 1", "function () {}", "class {}", "new Foo()", "new Int32Array(4)",
	"typeof p0", "void 0", "[1, 2]", "({ a: 1 })", "p0?.y", "p0.y", "import.meta", "import('x')", "Math", "Math.floor(p0)",
	"Math.imul(p0, 3)", "print(1)", "query(key2)", "query(key2) === f0", "staticCall", "staticCall.ret0", "staticCall(f0)",
	"update(key2, f0)", "reset(key2)", "f0", "f0(1)", "f1()", "f1(p0, p1)", "key2", "key2(1)", "key2.fn(1)", "t0U3", "t0U3[9999]",
	"t0I3.length", "p0", "p0++", "--gi0", "p0 = 1", "gu0 += 1", "gb0", "gi0", "gu0", "(p0, p1)", "!p0", "~gb0", "-gu0", "+p0",
	"Math.floor(p0 / p1)", "(p0 ??= gb0)", "Number(p0)", "+gb0", "([p0, p1] = [p1, p0])", "console.log(p0)", "t0U3.fill(p0)",
	"p0 ? 1 : gb0", "gb0 && gi0", "gi0 || gu0", "p0 / p1", "p0 * p1", "p0 ** p1", "p0 ?? p1", "C0", "main", "await0", "yield0",
];

// biome-ignore format: a list
const statements = [
	"var x = 1;", "let z;", "let z = 1;", "const z = gi0;", "{}", ";", "return;", "return 1;", "return gb0;", "return f1(1);",
	"break;", "continue;", "for (;;) {}", "for (;;) { break; }", "while (1) {}", "while (gi0--) {}", "do {} while (0);",
	"if (1) return 1;", "switch (1) {}", "switch (gi0) { case 1: default: case 2: }", "label: { break label; }",
	"switch (gi0) { case 1: case 2: case 3: case 4: case 5: case 6: return; }", "label: for (;;) { continue label; }",
	"throw 1;", "try {} catch {}", "debugger;", "class A {}", "function g() {}", "async function g() {}", "function* g() {}",
	"print('x');", "update(key2, null);", "'init';", "gi0;", "p0 = p0 | 0;", "p0 = p0 >>> 0;", "export { main };",
	"export default 1;", "import './lib.js';", "let p0 = 1;", "const gi0 = gi0;", "for (const x of t0U3) {}",
	"for (let i = 0, j = 1; i < j; i++, j--) print(i);", "for (let i = 5; i < 3; i++) t0U3[i] = i;", "x: y: while (1) break y;",
];

const operators = ["+", "-", "*", "/", "%", "&", "|", "<<", ">>>", "===", "<", "&&", "||", "=", "+=", ","];

export function mutate(source: string, seed: number): string {
	const dice = newDice(seed);
	let text = source;
	for (let n = 1 + dice.roll(3); n > 0; n--) {
		const tree = parsed(text);
		if (tree === undefined) return text;
		const node = dice.pick(nodesBelow(tree));
		text = text.slice(0, node.start) + substitute(dice, text, tree, node) + text.slice(node.end);
	}
	return text;
}

function parsed(text: string): AnyNode | undefined {
	try {
		return parse(text, { ecmaVersion: "latest", sourceType: "module" });
	} catch {
		return undefined;
	}
}

function nodesBelow(node: AnyNode): AnyNode[] {
	return [node, ...childrenOf(node).flatMap(nodesBelow)];
}

const isStatement = ({ type }: AnyNode) => /Statement$|Declaration$/.test(type);

function substitute(dice: Dice, text: string, tree: AnyNode, node: AnyNode): string {
	const alike = nodesBelow(tree).filter((other) => isStatement(other) === isStatement(node) && other !== tree);
	const other = alike.length === 0 ? node : dice.pick(alike);
	const copied = text.slice(other.start, other.end);
	if (isStatement(node)) return dice.once(2) ? copied : dice.pick(statements);
	const fresh = dice.once(2) ? copied : dice.pick(expressions);
	return dice.once(2) ? fresh : `(${fresh} ${dice.pick(operators)} ${copied})`;
}
