// Random statements, as lines. Loops count down or up in a variable of their own, so every one of them ends.

import { bool, coerced, condition, effect, loose, ofType, small, tableOf, unknown } from "./expressions.ts";
import { type Code, code, isElementType, newName, ownTables, type Scene, use } from "./scene.ts";

type Lines = readonly Code[];

const indented = (lines: Lines): Lines => lines.map((line) => code`\t${line}`);

export function block(s: Scene, size: number): Lines {
	const [count, tables] = [s.variables.length, s.tables.length];
	const lines = Array.from({ length: 1 + s.dice.roll(Math.max(1, Math.min(size, 4))) }, () => statement(s, size - 1));
	s.variables.length = count;
	s.tables.length = tables;
	return indented(lines.flat());
}

function statement(s: Scene, size: number): Lines {
	const { dice } = s;
	const depth = 1 + dice.roll(3);
	const kind = size <= 0 ? "effect" : dice.pick(kinds);
	switch (kind) {
		case "declaration":
			return [dice.once(5) ? later(s, depth) : declaration(s, depth)];
		case "table":
			return [tableDeclaration(s, depth) ?? declaration(s, depth)];
		case "bulk":
			return [bulk(s, depth) ?? code`${effect(s, depth)};`];
		case "each":
			return each(s, size) ?? branch(s, size, depth);
		case "if":
			return branch(s, size, depth);
		case "loop":
			return s.times < 200 ? loop(s, size, depth) : branch(s, size, depth);
		case "switch":
			return choice(s, size, depth);
		case "jump":
			return [jump(s, depth)];
		case "block":
			return named(s, "block", false, (label) => [code`${label}: {`, ...block(s, size - 1), code`}`]);
		case "effect":
			return [code`${effect(s, depth)};`];
	}
}

const kinds = [
	"declaration",
	"declaration",
	"if",
	"if",
	"loop",
	"loop",
	"each",
	"table",
	"bulk",
	"switch",
	"jump",
	"block",
	"effect",
	"effect",
	"effect",
	"effect",
	"effect",
] as const;

/** `x >>> 0` says the type, which a literal would leave open, and int if nothing says otherwise. */
function declaration(s: Scene, depth: number): Code {
	const { dice } = s;
	const type = dice.pick(["int", "uint", "bool"] as const);
	const name = newName(s, "v");
	const value = type === "uint" ? code`${coerced(s, depth)} >>> 0` : ofType(s, type, depth);
	const fixed = dice.once(3);
	s.variables.push({ name, type, writable: !fixed, fixed });
	return code`${fixed ? "const" : "let"} ${name} = ${value};`;
}

/** A variable that holds typed arrays, perhaps one after the other. */
function tableDeclaration(s: Scene, depth: number): Code | undefined {
	const { dice } = s;
	if (s.tables.length === 0) return undefined;
	const { element } = dice.pick(s.tables);
	const name = newName(s, "w");
	const value = () => tableOf(s, element, depth)!;
	const line = dice.once(2)
		? code`let ${name} = ${value()};`
		: code`let ${name} = ${value()}; if (${condition(s, depth)}) ${name} = ${value()};`;
	s.tables.push({ name, element, length: undefined });
	return line;
}

/** Stores to many elements at once. */
function bulk(s: Scene, depth: number): Code | undefined {
	const { dice } = s;
	const tables = ownTables(s);
	if (tables.length === 0 || s.times > 200) return undefined;
	s.cost += 16 * s.times;
	const table = dice.pick(tables);
	if (dice.once(2)) {
		const bounds = dice.once(2) ? code`` : code`, ${dice.roll(12) - 6}, ${small(s, "int", depth)} - 500`;
		return code`${table.name}.fill(${coerced(s, depth)}${bounds});`;
	}
	const other = tableOf(s, dice.once(2) ? table.element : dice.pick(s.tables).element, depth)!;
	const at = code`${unknown(s, "int")} & 3`;
	return {
		plain: `${table.name}.set(${other.plain}, ${at.plain});`,
		checked: `$set(${table.name}, ${other.checked}, ${at.checked}, ~L~);`,
	};
}

/** A variable that gets its value after its declaration. */
function later(s: Scene, depth: number): Code {
	const type = s.dice.pick(["int", "uint"] as const);
	const value = () => (type === "uint" ? code`${coerced(s, depth)} >>> 0` : code`${coerced(s, depth)} | 0`);
	const name = newName(s, "v");
	const line = code`let ${name}; if (${condition(s, depth)}) ${name} = ${value()}; else { ${name} = ${value()}; }`;
	s.variables.push({ name, type, writable: true });
	return line;
}

/** A loop over a table. */
function each(s: Scene, size: number): Lines | undefined {
	const { dice } = s;
	if (s.tables.length === 0) return undefined;
	const table = dice.pick(s.tables);
	const length = table.length ?? 16;
	if (s.times * length > 400) return undefined;
	const count = s.variables.length;
	const x = newName(s, "x");
	s.variables.push({ name: x, type: table.element === "Uint32Array" ? "uint" : "int", writable: false });
	s.times *= length;
	const lines = named(s, "loop", true, (label) => [
		code`${label}: for (const ${x} of ${use(s, table)}) {`,
		...block(s, size - 1),
		code`}`,
	]);
	s.times /= length;
	s.variables.length = count;
	return lines;
}

function branch(s: Scene, size: number, depth: number): Lines {
	const yes = [code`if (${condition(s, depth)}) {`, ...block(s, size - 1)];
	return s.dice.once(2) ? [...yes, code`}`] : [...yes, code`} else {`, ...block(s, size - 1), code`}`];
}

/** A statement with a label that what is in it can name. */
function named(s: Scene, prefix: string, isLoop: boolean, make: (label: string) => Lines): Lines {
	const label = newName(s, prefix);
	s.exits.push({ label, loop: isLoop });
	const lines = make(label);
	s.exits.pop();
	return lines;
}

function loop(s: Scene, size: number, depth: number): Lines {
	const { dice } = s;
	const rounds = 1 + dice.roll(4);
	const i = newName(s, "i");
	const count = s.variables.length;
	s.variables.push({ name: i, type: "int", writable: false });
	s.times *= rounds;
	const more = dice.once(3) ? code` && ${condition(s, depth - 1)}` : code``;
	const lines = named(s, "loop", true, (label) => {
		const body = block(s, size - 1);
		const headless = [code`	${i}--;`, ...body];
		switch (dice.roll(4)) {
			case 0:
				return [code`let ${i} = ${rounds};`, code`${label}: while (${i} > 0${more}) {`, ...headless, code`}`];
			case 1:
				return [code`let ${i} = ${rounds};`, code`${label}: do {`, ...headless, code`} while (${i} > 0${more});`];
			case 2:
				return [code`${label}: for (let ${i} = ${rounds}; ${i} > 0${more}; ${i}--) {`, ...body, code`}`];
			default:
				return [code`${label}: for (let ${i} = 0; ${i} < ${rounds}${more}; ${i}++) {`, ...body, code`}`];
		}
	});
	s.times /= rounds;
	s.variables.length = count;
	return lines;
}

function choice(s: Scene, size: number, depth: number): Lines {
	const { dice } = s;
	const type = dice.pick(["int", "uint"] as const);
	const isDense = dice.once(2);
	const value = isDense ? small(s, type, depth) : ofType(s, type, depth);
	const step = isDense ? 1 : dice.pick([1, 3, 1000]);
	return named(s, "choice", false, (label) => {
		const oneCase = (head: Code): Lines => [
			code`	${head}: {`,
			...indented(block(s, size - 2)),
			code`	}`,
			...(dice.once(3) ? [] : [code`		break;`]),
		];
		const cases = Array.from({ length: 1 + dice.roll(isDense ? 8 : 4) }, (_, i) => oneCase(code`case ${i * step}`));
		if (dice.once(2)) cases.splice(dice.roll(cases.length + 1), 0, oneCase(code`default`));
		return [code`${label}: switch (${value}) {`, ...cases.flat(), code`}`];
	});
}

/** Leaves or repeats something around, or the function; always on a condition, so that what follows is reached. */
function jump(s: Scene, depth: number): Code {
	const { dice } = s;
	const test = condition(s, depth);
	if (s.exits.length === 0 && s.result === "module") return code`if (${test}) ${effect(s, depth)};`;
	if (s.exits.length === 0 || (dice.once(3) && s.result !== "module")) return code`if (${test}) ${returning(s, depth)}`;
	const exit = dice.pick(s.exits);
	return code`if (${test}) ${exit.loop && dice.once(2) ? "continue" : "break"} ${exit.label};`;
}

export function returning(s: Scene, depth: number): Code {
	if (s.result === "none" || s.result === "module") return code`return;`;
	if (s.result === "bool") return code`return ${bool(s, depth)};`;
	// A function's result is int if nothing says otherwise.
	if (s.result === "uint") return code`return ${loose(s, depth, "uint")} >>> 0;`;
	if (isElementType(s.result)) return code`return ${tableOf(s, s.result, depth)!};`;
	return code`return ${ofType(s, s.result, depth)};`;
}
