// Forms of JavaScript that are others written shorter, spelled out: `for (const x of t)` is a loop with a counter, `const f = () => 1` a
// function, `t.fill(0)` a loop of stores. The tree is changed before anything else looks at it, so the passes behind know the
// long forms only. What is spelled out keeps the place of what the user wrote, and names that it adds have a `#`, which no
// program can write.
//
// Requires: acorn's tree. After: a form that cannot be spelled out is still there, and parse.ts refuses it.

import type {
	AnyNode,
	ArrowFunctionExpression,
	CallExpression,
	Expression,
	ForInStatement,
	ForOfStatement,
	FunctionDeclaration,
	FunctionExpression,
	Identifier,
	MemberExpression,
	Node,
	Program,
	Statement,
	VariableDeclaration,
	VariableDeclarator,
} from "acorn";

/** A function that a `const` declares: it is not there before its declaration. */
export type ConstFunction = FunctionDeclaration & { readonly isConst?: true };
/** A name that is declared: the variable of a `for (const i in t)`, whose values are text, or a second name for a table, which
 * nothing is assigned to. */
export type PlainName = Identifier & { readonly isTextual?: true; readonly isAlias?: true };

/** Spells out a whole program, in place. */
export function spellOut(program: Program): void {
	visit(program, 0);
}

/** Deeper than parse.ts lets pass, so what lies below may stay as it is. */
const DEEPEST = 500;

function visit(node: AnyNode | Program, depth: number): void {
	if (depth > DEEPEST) return;
	for (const key of Object.keys(node) as (keyof typeof node)[]) {
		const value: unknown = node[key];
		if (Array.isArray(value)) {
			const spelled = value.flatMap((each) => (isNode(each) ? replace(each, isList(node, key), depth) : [each]));
			(node as unknown as Record<string, unknown>)[key] = spelled;
		} else if (isNode(value)) (node as unknown as Record<string, unknown>)[key] = replace(value, false, depth)[0];
	}
}

const isNode = (value: unknown): value is AnyNode =>
	typeof value === "object" && value !== null && "type" in value && typeof value.type === "string";

/** Whether several statements may stand in place of one there. */
const isList = (node: AnyNode | Program, key: string) =>
	key === "body" && (node.type === "Program" || node.type === "BlockStatement");

/** What stands in place of a node, its parts spelled out. @param list several statements may */
function replace(node: AnyNode, list: boolean, depth: number): AnyNode[] {
	const spelled = spell(node, list) ?? [node];
	for (const each of spelled) visit(each, depth + 1);
	return spelled;
}

function spell(node: AnyNode, list: boolean): AnyNode[] | undefined {
	switch (node.type) {
		case "ForOfStatement":
			return node.await ? undefined : counted(node);
		case "ForInStatement":
			return counted(node);
		case "VariableDeclaration":
			return declared(node, list);
		case "ExportNamedDeclaration": {
			const only = node.declaration?.type === "VariableDeclaration" ? declared(node.declaration, true) : undefined;
			return only?.length === 1 ? [{ ...node, declaration: only[0] as FunctionDeclaration }] : undefined;
		}
		case "ExpressionStatement":
			return node.expression.type === "CallExpression" ? tableCall(node.expression) : undefined;
		case "CallExpression":
			return extremeOfMany(node);
		case "MemberExpression":
			return named(node);
		default:
			return undefined;
	}
}

/** Makes nodes in the place of another. */
function maker(place: Node) {
	const { start, end, loc } = place;
	const make = <T extends Node>(type: T["type"], fields: object): T =>
		({ type, start, end, loc, ...fields }) as unknown as T;
	const name = (text: string) => make<Identifier>("Identifier", { name: text });
	const own = (text: string) => name(`${text}#${start}`);
	const number = (value: number) => make<Expression & Node>("Literal", { value, raw: String(value) });
	const operation = (operator: string, left: Node, right: Node) =>
		make<Expression & Node>("BinaryExpression", { operator, left, right });
	const element = (object: Node, property: Node) =>
		make<Expression & Node>("MemberExpression", { object, property, computed: true, optional: false });
	const member = (object: Node, text: string) =>
		make<Expression & Node>("MemberExpression", { object, property: name(text), computed: false, optional: false });
	const call = (callee: Node, given: readonly Node[]) =>
		make<Expression & Node>("CallExpression", { callee, arguments: given, optional: false });
	const choose = (test: Node, consequent: Node, alternate: Node) =>
		make<Expression & Node>("ConditionalExpression", { test, consequent, alternate });
	const declare = (kind: "let" | "const", id: Node, init: Node | null): VariableDeclaration =>
		make("VariableDeclaration", { kind, declarations: [make("VariableDeclarator", { id, init })] });
	const store = (left: Node, right: Node) =>
		make<Statement & Node>("ExpressionStatement", {
			expression: make("AssignmentExpression", { operator: "=", left, right }),
		});
	/** All that a typed array keeps of a value. */
	const lowBits = (value: Node) => operation("|", value, number(0));
	const block = (body: readonly Node[]) => make<Statement & Node>("BlockStatement", { body });
	/** `for (let i = from; test; i++) body`, with another declaration before that of i */
	const loop = (i: Node, from: Node, test: Node, body: Node, ...before: readonly { id: Node; init: Node }[]) =>
		make<Statement & Node>("ForStatement", {
			init: make<VariableDeclaration>("VariableDeclaration", {
				kind: "let",
				declarations: [...before, { id: i, init: from }].map((each) => make("VariableDeclarator", each)),
			}),
			test,
			update: make("UpdateExpression", { operator: "++", prefix: false, argument: { ...i } }),
			body,
		});
	return { make, name, own, number, operation, element, member, call, choose, lowBits, declare, store, block, loop };
}

/** `for (const x of t) body` and `for (const i in t) body`. */
function counted(node: ForOfStatement | ForInStatement): AnyNode[] | undefined {
	const { left, right, body } = node;
	if (left.type !== "VariableDeclaration" || !isTable(right)) return undefined;
	const [declarator] = left.declarations;
	if (declarator?.id.type !== "Identifier" || declarator.init != null) return undefined;
	const m = maker({ ...node, end: right.end });
	const i = m.own("i");
	const isOf = node.type === "ForOfStatement";
	const id = isOf ? declarator.id : { ...declarator.id, isTextual: true };
	const t = maker(right).own("t");
	const value = isOf ? m.element({ ...t }, { ...i }) : { ...i };
	const kind = left.kind === "const" || !isOf ? "const" : "let";
	const first = m.declare(kind, id, value);
	const test = m.operation("<", { ...i }, m.member({ ...t }, "length"));
	// What is assigned to the name of the table meanwhile does not change over what the loop goes.
	const table = { id: { ...t, isAlias: true }, init: right };
	return [m.loop(i, m.number(0), test, m.block([first, body]), table) as AnyNode];
}

/** Functions in constants become declarations, and `const [a, b] = [1, 2]` two constants. */
function declared(node: VariableDeclaration, list: boolean): AnyNode[] | undefined {
	node.declarations = node.declarations.flatMap(taken);
	if (!list || node.kind !== "const" || !node.declarations.some((each) => functionOf(each) !== undefined))
		return undefined;
	return node.declarations.map((each) => {
		const fn = functionOf(each);
		const { start, end, loc } = each;
		return fn === undefined ? ({ ...node, start, end, loc, declarations: [each] } as AnyNode) : declaration(each, fn);
	});
}

function functionOf({ id, init }: VariableDeclarator): ArrowFunctionExpression | FunctionExpression | undefined {
	if (init?.type !== "ArrowFunctionExpression" && init?.type !== "FunctionExpression") return undefined;
	if (id.type !== "Identifier" || init.async || init.generator || (init.id != null && init.id.name !== id.name))
		return undefined;
	return init;
}

function declaration(
	{ id, start, end, loc }: VariableDeclarator,
	fn: ArrowFunctionExpression | FunctionExpression,
): AnyNode {
	const m = maker(fn.body);
	const body =
		fn.body.type === "BlockStatement" ? fn.body : m.block([m.make("ReturnStatement", { argument: fn.body })]);
	const { params } = fn;
	return { type: "FunctionDeclaration", start, end, loc, id, params, body, isConst: true } as unknown as AnyNode;
}

/** `[a, b] = [1, 2]` of a declaration; one whose values name what it declares is left as it is. */
function taken(node: VariableDeclarator): VariableDeclarator[] {
	const { id, init } = node;
	if (id.type !== "ArrayPattern" || init?.type !== "ArrayExpression") return [node];
	const names = id.elements.map((each) => (each?.type === "Identifier" ? each.name : undefined));
	const isPlain =
		names.every((name) => name !== undefined) && names.length === init.elements.length && names.length > 0;
	const isLeft = init.elements.some((each) => each === null || each.type === "SpreadElement" || mentions(each, names));
	if (!isPlain || isLeft) return [node];
	return id.elements.map((each, i) => ({ ...node, id: each!, init: init.elements[i] as Expression }));
}

function mentions(node: Node, names: readonly (string | undefined)[]): boolean {
	const any = node as AnyNode;
	if (any.type === "Identifier") return names.includes(any.name);
	return Object.values(any).some((value) =>
		Array.isArray(value)
			? value.some((each) => isNode(each) && mentions(each, names))
			: isNode(value) && mentions(value, names),
	);
}

/** `K["NAME"]` is `K.NAME`. */
function named(node: MemberExpression): AnyNode[] | undefined {
	const { computed, property } = node;
	if (!computed || property.type !== "Literal" || typeof property.value !== "string") return undefined;
	return [{ ...node, computed: false, property: maker(property).name(property.value) }];
}

/** `Math.max(a, b, c)` is that of two of which the first is one of two. */
function extremeOfMany(node: CallExpression): AnyNode[] | undefined {
	const { callee, arguments: given } = node;
	if (callee.type !== "MemberExpression" || callee.computed || given.length < 3) return undefined;
	const { object, property } = callee;
	const isMath = object.type === "Identifier" && object.name === "Math" && property.type === "Identifier";
	if (!isMath || (property.name !== "min" && property.name !== "max")) return undefined;
	const m = maker(node);
	return [given.reduce((sum, each) => m.call({ ...callee }, [sum, each]) as typeof each) as AnyNode];
}

/** `t.fill(value)`, `t.fill(value, from, to)`, `t.set(other, at)` and `t.set([1, 2], at)`, as statements. */
function tableCall(node: CallExpression): AnyNode[] | undefined {
	const { callee } = node;
	if (callee.type !== "MemberExpression" || callee.computed || !isTable(callee.object)) return undefined;
	const name = callee.property.type === "Identifier" ? callee.property.name : "";
	const given = node.arguments;
	if (given.some((each) => each.type === "SpreadElement")) return undefined;
	if (name === "fill" && given.length >= 1 && given.length <= 3)
		return filled(node, callee.object, given as Expression[]);
	if (name === "set" && (given.length === 1 || given.length === 2))
		return copied(node, callee.object, given as Expression[]);
	return undefined;
}

/** What may give a table: whether it does is asked where types are known. */
function isTable(node: Node): node is Expression {
	return ["Identifier", "CallExpression", "ConditionalExpression", "SequenceExpression"].includes(node.type);
}

function filled(node: CallExpression, table: Expression, [value, from, to]: readonly Expression[]): AnyNode[] {
	const m = maker(node);
	const whole = maker(table).own("whole");
	const [i, v, t] = [m.own("i"), m.own("v"), maker(table).own("t")];
	const bounds = [from, to].filter((bound) => bound !== undefined);
	const part = bounds.length === 0 ? { ...whole } : m.call(m.member({ ...whole }, "subarray"), bounds);
	const declarations = [
		m.declare("const", whole, table),
		m.declare("const", v, m.lowBits(value!)),
		m.declare("const", t, part),
	];
	const test = m.operation("<", { ...i }, m.member({ ...t }, "length"));
	const body = m.store(m.element({ ...t }, { ...i }), { ...v });
	return [m.block([...declarations, m.loop(i, m.number(0), test, body)]) as AnyNode];
}

/** The statements for `table.set(from, to)`. @param node their place */
export function copied(node: Node, table: Expression, [from, to]: readonly Expression[]): AnyNode[] | undefined {
	const m = maker(node);
	const [t, o] = [maker(table).own("t"), m.own("at")];
	const target = m.declare("const", t, table);
	const offset = m.declare("const", o, to ?? m.number(0));
	const place = (index: Node) => m.element({ ...t }, m.operation("+", index, { ...o }));
	if (from!.type === "ArrayExpression") {
		if (from!.elements.some((each) => each === null || each.type === "SpreadElement")) return undefined;
		const values = from!.elements.map((each, n) => m.declare("const", m.own(`v${n}`), m.lowBits(each!)));
		const stores = from!.elements.map((_, n) => m.store(place(m.number(n)), m.own(`v${n}`)));
		return [m.block([target, ...values, offset, ...stores.reverse()]) as AnyNode];
	}
	if (!isTable(from!)) return undefined;
	const f = maker(from!).own("from");
	const [i, k, step] = [m.own("i"), m.own("k"), m.own("step")];
	// To a later place of the same memory, from the last element to the first: none is overwritten before it is read.
	const begin = m.operation(
		"+",
		m.member({ ...t }, "address#"),
		m.operation("*", { ...o }, m.member({ ...t }, "size#")),
	);
	const isBefore = m.operation("<", m.member({ ...f }, "address#"), m.operation(">>>", begin, m.number(0)));
	const direction = m.choose(isBefore, m.number(-1), m.number(1));
	const last = m.operation("-", m.member({ ...f }, "length"), m.number(1));
	const first = m.choose(m.operation("<", { ...step }, m.number(0)), last, m.number(0));
	// That the last one is there is asked before the first is stored, as in JavaScript.
	const end = () => m.operation("+", { ...o }, m.member({ ...f }, "length"));
	const final = () => m.element({ ...t }, m.operation("-", end(), m.number(1)));
	const check = m.make<Statement & Node>("IfStatement", {
		test: m.operation("!==", end(), m.number(0)),
		consequent: m.store(final(), final()),
		alternate: null,
	});
	const copy = m.store(place({ ...i }), m.element({ ...f }, { ...i }));
	const advance = m.store({ ...i }, m.operation("+", { ...i }, { ...step }));
	const test = m.operation("<", { ...k }, m.member({ ...f }, "length"));
	return [
		m.block([
			target,
			m.declare("const", f, from!),
			offset,
			check,
			m.declare("const", step, direction),
			m.declare("let", i, first),
			m.loop(k, m.number(0), test, m.block([copy, advance])),
		]) as AnyNode,
	];
}
