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
	Node,
	Program,
	Statement,
	VariableDeclaration,
	VariableDeclarator,
} from "acorn";

/** A function that a `const` declares: it is not there before its declaration. */
export type ConstFunction = FunctionDeclaration & { readonly isConst?: true };
/** The variable of a `for (const i in t)`, whose values are text. */
export type TextualName = Identifier & { readonly isTextual?: true };

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
	const lengthOf = (object: Node) =>
		make<Expression & Node>("MemberExpression", { object, property: name("length"), computed: false, optional: false });
	const declare = (kind: "let" | "const", id: Node, init: Node | null): VariableDeclaration =>
		make("VariableDeclaration", { kind, declarations: [make("VariableDeclarator", { id, init })] });
	const store = (left: Node, right: Node) =>
		make<Statement & Node>("ExpressionStatement", {
			expression: make("AssignmentExpression", { operator: "=", left, right }),
		});
	const block = (body: readonly Node[]) => make<Statement & Node>("BlockStatement", { body });
	/** `for (let i = from; test; i++ or i--) body` */
	const loop = (i: Node, from: Node, test: Node, operator: "++" | "--", body: Node) =>
		make<Statement & Node>("ForStatement", {
			init: declare("let", i, from),
			test,
			update: make("UpdateExpression", { operator, prefix: false, argument: { ...i } }),
			body,
		});
	return { make, name, own, number, operation, element, lengthOf, declare, store, block, loop };
}

/** `for (const x of t) body` and `for (const i in t) body`. */
function counted(node: ForOfStatement | ForInStatement): AnyNode[] | undefined {
	const { left, right, body } = node;
	if (left.type !== "VariableDeclaration" || right.type !== "Identifier") return undefined;
	const [declarator] = left.declarations;
	if (declarator?.id.type !== "Identifier" || declarator.init != null) return undefined;
	const m = maker({ ...node, end: right.end });
	const i = m.own("i");
	const isOf = node.type === "ForOfStatement";
	const id = isOf ? declarator.id : { ...declarator.id, isTextual: true };
	const value = isOf ? m.element({ ...right }, { ...i }) : { ...i };
	const kind = left.kind === "const" || !isOf ? "const" : "let";
	const first = m.declare(kind, id, value);
	const test = m.operation("<", { ...i }, m.lengthOf(right));
	return [m.loop(i, m.number(0), test, "++", m.block([first, body])) as AnyNode];
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

/** `t.fill(value)`, `t.fill(value, from, to)`, `t.set(other, at)` and `t.set([1, 2], at)`, as statements. */
function tableCall(node: CallExpression): AnyNode[] | undefined {
	const { callee } = node;
	if (callee.type !== "MemberExpression" || callee.computed || callee.object.type !== "Identifier") return undefined;
	const name = callee.property.type === "Identifier" ? callee.property.name : "";
	const given = node.arguments;
	if (given.some((each) => each.type === "SpreadElement")) return undefined;
	if (name === "fill" && given.length >= 1 && given.length <= 3)
		return filled(node, callee.object, given as Expression[]);
	if (name === "set" && (given.length === 1 || given.length === 2))
		return copied(node, callee.object, given as Expression[]);
	return undefined;
}

function filled(node: CallExpression, table: Identifier, [value, from, to]: readonly Expression[]): AnyNode[] {
	const m = maker(node);
	const [i, v, f, t] = [m.own("i"), m.own("v"), m.own("from"), m.own("to")];
	const declarations = [m.declare("const", v, value!)];
	/** As JavaScript reads an index: from the end if it is negative, and never beyond it. */
	const clipped = (bound: Node) => {
		const extreme = (of: string, one: Node, other: Node) =>
			m.make<Expression & Node>("CallExpression", {
				callee: m.make("MemberExpression", {
					object: m.name("Math"),
					property: m.name(of),
					computed: false,
					optional: false,
				}),
				arguments: [one, other],
				optional: false,
			});
		const length = () => m.lengthOf({ ...table });
		const test = m.operation("<", { ...bound }, m.number(0));
		const consequent = extreme("max", m.operation("+", { ...bound }, length()), m.number(0));
		return m.make("ConditionalExpression", { test, consequent, alternate: extreme("min", { ...bound }, length()) });
	};
	if (from !== undefined) declarations.push(m.declare("const", f, from));
	if (to !== undefined) declarations.push(m.declare("const", t, to));
	const end = to === undefined ? m.lengthOf({ ...table }) : clipped(t);
	const test = m.operation("<", { ...i }, end);
	const body = m.store(m.element(table, { ...i }), { ...v });
	const start = from === undefined ? m.number(0) : clipped(f);
	return [m.block([...declarations, m.loop(i, start, test, "++", body)]) as AnyNode];
}

/** From the last element to the first: when a table is copied to a later place of itself, none is overwritten before it is
 * read. */
function copied(node: CallExpression, table: Identifier, [from, to]: readonly Expression[]): AnyNode[] | undefined {
	const m = maker(node);
	const [i, o] = [m.own("i"), m.own("at")];
	const offset = m.declare("const", o, to ?? m.number(0));
	const place = (index: Node) => m.element({ ...table }, m.operation("+", index, { ...o }));
	if (from!.type === "ArrayExpression") {
		if (from!.elements.some((each) => each === null || each.type === "SpreadElement")) return undefined;
		const values = from!.elements.map((each, n) => m.declare("const", m.own(`v${n}`), each!));
		const stores = from!.elements.map((_, n) => m.store(place(m.number(n)), m.own(`v${n}`)));
		return [m.block([...values, offset, ...stores.reverse()]) as AnyNode];
	}
	if (from!.type !== "Identifier") return undefined;
	const body = m.store(place({ ...i }), m.element({ ...from! }, { ...i }));
	const last = m.operation("-", m.lengthOf({ ...from! }), m.number(1));
	const test = m.operation(">=", { ...i }, m.number(0));
	return [m.block([offset, m.loop(i, last, test, "--", body)]) as AnyNode];
}
