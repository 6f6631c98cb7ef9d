// Random expressions of a type. Those that the compiler could find out at once to be no number, or too large, have a
// variable in them: it would refuse them.

import {
	type Callee,
	type Code,
	code,
	type ElementType,
	isElementType,
	list,
	type Name,
	type NumberType,
	ownTables,
	type Result,
	type Scene,
	type Table,
	type Type,
	use,
	variablesOf,
	writableOf,
} from "./scene.ts";

/** What a function may cost, in operations. */
const DEAREST = 4000;

const interesting = [0, 1, 2, 3, 5, 7, 8, 31, 32, 100, 255, 256, 65535, 65536, 0x7ffffffe, 0x7fffffff];

function literal({ dice }: Scene, type: NumberType): Code {
	if (type === "uint" && dice.once(4)) return code`${dice.pick([0x80000000, 0xffffffff, 0xdeadbeef])}`;
	const value = dice.once(2) ? dice.pick(interesting) : dice.roll(50);
	return type === "int" && value > 0 && dice.once(4) ? code`${-value}` : code`${value}`;
}

function leaf(s: Scene, type: NumberType): Code {
	const { dice } = s;
	const variables = variablesOf(s, type);
	if (variables.length > 0 && !dice.once(3)) return code`${use(s, dice.pick(variables))}`;
	return (dice.once(2) && elementOf(s, type)) || literal(s, type);
}

/** Not known before the program runs. There is a parameter or variable of each type in every function. */
export function unknown(s: Scene, type: NumberType): Code {
	return code`${use(s, s.dice.pick(variablesOf(s, type).filter(({ fixed }) => fixed !== true)))}`;
}

/** An index that is in range or, seldom, one that may not be. */
function index(s: Scene, table: Table): Code {
	const { length } = table;
	const { dice } = s;
	if (length === undefined) return indexOfUnknown(s, table);
	if (dice.once(3)) return code`${dice.roll(length)}`;
	const base = unknown(s, dice.pick(["int", "uint"]));
	if (!dice.once(60)) {
		if (dice.once(2) || length === 1) return code`${base} & ${length - 1}`;
		return code`${base} >>> ${32 - Math.log2(length)}`;
	}
	return { plain: base.plain, checked: `$index(${base.checked}, ${length}, ~L~)` };
}

/** An index into a table that may be empty. */
function indexOfUnknown(s: Scene, { name }: Table): Code {
	const { dice } = s;
	const at = dice.once(3) ? code`${dice.roll(3)}` : code`${unknown(s, "uint")} % ${name}.length`;
	return { plain: at.plain, checked: `$index($number(${at.checked}, ~L~), ${name}.length, ~L~)` };
}

/** A table of that type for a parameter or variable, or a part of one; it may be of another module. */
export function tableOf(s: Scene, element: ElementType, depth: number): Code | undefined {
	const { dice } = s;
	const tables = s.tables.filter((table) => table.element === element);
	if (tables.length === 0) return undefined;
	if (depth > 0 && dice.once(5)) {
		const [yes, no] = [tableOf(s, element, depth - 1)!, tableOf(s, element, depth - 1)!];
		return code`(${condition(s, depth - 1)} ? ${yes} : ${no})`;
	}
	const given = depth > 0 && dice.once(2) ? callFor(s, element, depth) : undefined;
	const name = given ?? use(s, dice.pick(tables));
	const bound = () => (dice.once(2) ? code`${dice.roll(12) - 6}` : code`${small(s, "int", depth - 1)} - 500`);
	if (dice.once(2)) return code`${name}`;
	return dice.once(3) ? code`${name}.subarray(${bound()})` : code`${name}.subarray(${bound()}, ${bound()})`;
}

function elementOf(s: Scene, type: NumberType): Code | undefined {
	const tables = s.tables.filter(({ element }) => (element === "Uint32Array") === (type === "uint"));
	if (tables.length === 0) return undefined;
	const table = s.dice.pick(tables);
	if (type === "int" && s.dice.once(8)) return code`${tableOf(s, table.element, 1)!}.length`;
	return code`${use(s, table)}[${index(s, table)}]`;
}

/** What is exact in Node and traps on the machine if it leaves the type. */
function exact(type: NumberType, value: Code): Code {
	return { plain: `(${value.plain})`, checked: `$exact(${value.checked}, "${type}", ~L~)`, exact: true };
}

/** For under a coercion: any number that means the same there. */
export function loose(s: Scene, depth: number, type: NumberType = s.dice.pick(["int", "uint"])): Code {
	const value = ofType(s, type, depth);
	return value.exact === true ? leaf(s, type) : value;
}

function anyNumber(s: Scene, depth: number): Code {
	return ofType(s, s.dice.pick(["int", "uint"]), depth);
}

export function ofType(s: Scene, type: Type, depth: number): Code {
	if (type === "bool") return bool(s, depth);
	return type === "int" ? int(s, depth) : uint(s, depth);
}

/** Small enough that a few sums do not overflow; signed and unsigned at once, or coerced to the type. */
export function small(s: Scene, type: NumberType, depth: number): Code {
	const { dice } = s;
	const value = fittingBoth(s, depth);
	if (dice.once(2)) return value;
	return type === "int" ? code`(${value} | 0)` : code`(${value} >>> 0)`;
}

/** Up to 1023, in one of the ways that the compiler knows of. */
function fittingBoth(s: Scene, depth: number): Code {
	const { dice } = s;
	switch (dice.roll(7)) {
		case 5:
			return code`(${bool(s, depth - 1)} + ${bool(s, depth - 1)} * ${dice.roll(9)})`;
		case 6:
			return code`${dice.pick(["+", "Number"])}(${bool(s, depth - 1)})`;
		case 0:
			return code`(${coerced(s, depth - 1)} >>> ${22 + dice.roll(10)})`;
		case 1:
			return code`((${coerced(s, depth - 1)} >>> 0) % ${1 + dice.roll(1000)})`;
		case 2:
			return code`((${loose(s, depth - 1)} & 255) + (${loose(s, depth - 1)} >>> 24))`;
		default:
			return code`(${loose(s, depth - 1)} & ${dice.pick([7, 63, 255, 1023])})`;
	}
}

/** Sums and the like that only their low 32 bits count of. */
function wrapping(s: Scene, depth: number): Code {
	const { dice } = s;
	if (depth <= 0) return loose(s, 0);
	switch (dice.roll(6)) {
		case 0:
		case 1:
			return code`(${wrapping(s, depth - 1)} ${dice.pick(["+", "-"])} ${wrapping(s, depth - 1)})`;
		case 2:
			return code`(${loose(s, depth - 1)} * ${dice.pick([0, 1, 2, 3, 4, 5, 7, 8, 9, 10, 100, 1000])})`;
		case 3:
			return code`(- ${wrapping(s, depth - 1)})`;
		case 4:
			return code`(${bool(s, depth - 1)} ? ${wrapping(s, depth - 1)} : ${wrapping(s, depth - 1)})`;
		default:
			return loose(s, depth - 1);
	}
}

/** What is cut to 32 bits at once: also a quotient or a remainder, which may be no integer. */
export function coerced(s: Scene, depth: number): Code {
	const { dice } = s;
	if (!dice.once(3)) return wrapping(s, depth);
	const type = dice.pick(["int", "uint"] as const);
	const divisor = dice.once(2) ? ofType(s, type, depth - 1) : code`${dice.pick([1, 2, 3, 4, 7, 8, 16, 10, 64])}`;
	return code`(${ofType(s, type, depth - 1)} ${dice.pick(["/", "%"])} ${divisor})`;
}

function arithmetic(s: Scene, type: NumberType, depth: number): Code {
	const { dice } = s;
	if (dice.once(8))
		return exact(type, code`${unknown(s, type)} ${dice.pick(["+", "-", "*"])} ${ofType(s, type, depth - 1)}`);
	const left = type === "int" ? code`(${unknown(s, "int")} & 1023)` : code`(${unknown(s, "uint")} & 1023) >>> 0`;
	const right = small(s, type, depth);
	if (type === "int") return exact(type, code`${left} ${dice.pick(["+", "-", "*"])} ${right}`);
	if (dice.once(2)) return exact(type, code`(${left}) ${dice.pick(["+", "*"])} ${right}`);
	return exact(type, code`${exact(type, code`(${left}) + 1023`)} - ${right}`);
}

function remainder(s: Scene, type: NumberType, depth: number): Code {
	const { dice } = s;
	const divisor = dice.once(8) ? small(s, type, depth) : code`${dice.pick([1, 2, 3, 5, 8, 10, 64, 1000])}`;
	const value = code`${unknown(s, type)} % ${divisor}`;
	return { plain: `(${value.plain})`, checked: `$number(${value.checked}, ~L~)`, exact: true };
}

function bitwise(s: Scene, depth: number): Code {
	const { dice } = s;
	const operator = dice.pick(["&", "|", "^", "<<", ">>"]);
	const right = operator.length === 2 && dice.once(2) ? code`${dice.roll(34)}` : coerced(s, depth - 1);
	return code`(${coerced(s, depth - 1)} ${operator} ${right})`;
}

/** A call of something that gives the type, unless that costs too much. */
function callFor(s: Scene, type: Result, depth: number): Code | undefined {
	const all = [...s.functions, ...s.keys].filter(({ result }) => result === type);
	const has = (type: NumberType | ElementType) =>
		!isElementType(type) || s.tables.some(({ element }) => element === type);
	const callees = all.filter(({ cost, parameters }) => s.cost + cost * s.times < DEAREST && parameters.every(has));
	return callees.length === 0 ? undefined : callOf(s, s.dice.pick(callees), depth);
}

export function callOf(s: Scene, callee: Callee, depth: number): Code {
	s.cost += callee.cost * s.times;
	const isShort = callee.hasDefault === true && s.dice.once(2);
	const values = (isShort ? callee.parameters.slice(0, -1) : callee.parameters).map((type, i) =>
		i === 0 && callee.recursive === true
			? code`${loose(s, depth - 1)} & 7`
			: isElementType(type)
				? (tableOf(s, type, depth - 1) ?? code``)
				: ofType(s, type, depth - 1),
	);
	return code`${use(s, callee)}(${list(values)})`;
}

/** An assignment as a value. */
function assigned(s: Scene, type: NumberType, depth: number): Code | undefined {
	const { dice } = s;
	const variables = writableOf(s, type);
	if (variables.length === 0) return undefined;
	const { name } = dice.pick(variables);
	if (dice.once(8)) return code`(${name} ${dice.pick(["||=", "&&=", "??="])} ${ofType(s, type, depth - 1)})`;
	const stepped = (value: string, operator = "+") => `${name} = $exact(${name} ${operator} ${value}, "${type}", ~L~)`;
	switch (dice.roll(5)) {
		case 0:
			return { plain: `(${name}++)`, checked: `((${stepped("1")}) - 1)` };
		case 1:
			return { plain: `(++${name})`, checked: `(${stepped("1")})` };
		case 2: {
			const operator = dice.pick(["+", "+", "-", "*"]);
			const value = operator === "*" ? code`${dice.roll(4)}` : small(s, type, depth);
			return { plain: `(${name} ${operator}= ${value.plain})`, checked: `(${stepped(value.checked, operator)})` };
		}
		case 3:
			if (type === "uint") return code`(${name} >>>= ${dice.roll(32)})`;
			return code`(${name} ${dice.pick(["&=", "|=", "^=", "<<=", ">>="])} ${coerced(s, depth - 1)})`;
		default:
			return code`(${name} = ${ofType(s, type, depth - 1)})`;
	}
}

/** A store as a value: what was stored, not what the table keeps of it. */
function storedElement(s: Scene, type: NumberType, depth: number): Code | undefined {
	const { dice } = s;
	const tables = ownTables(s);
	if (tables.length > 0 && dice.once(2)) {
		const table = dice.pick(tables);
		return code`(${table.name}[${index(s, table)}] = ${ofType(s, type, depth - 1)})`;
	}
	const fitting = tables.filter(({ element }) => (element === "Uint32Array") === (type === "uint"));
	if (fitting.length === 0) return undefined;
	const table = dice.pick(fitting);
	const place = code`${table.name}[${index(s, table)}]`;
	const stepped = (value: string) => `${place.checked} = $exact(${place.checked} + ${value}, "${type}", ~L~)`;
	if (dice.once(2)) return { plain: `(${place.plain}++)`, checked: `((${stepped("1")}) - 1)` };
	const value = small(s, type, depth);
	return { plain: `(${place.plain} += ${value.plain})`, checked: `(${stepped(value.checked)})` };
}

function eitherOf(s: Scene, yes: Code, no: Code, depth: number): Code {
	return { ...code`(${condition(s, depth - 1)} ? ${yes} : ${no})`, exact: yes.exact === true || no.exact === true };
}

/** The smaller of an int and a uint is an int, the larger one a uint; the coercion changes neither. */
function mixedExtreme(s: Scene, type: NumberType, depth: number): Code {
	const sides = s.dice.once(2) ? (["int", "uint"] as const) : (["uint", "int"] as const);
	const values = list(sides.map((side) => ofType(s, side, depth - 1)));
	return type === "int" ? code`(Math.min(${values}) | 0)` : code`(Math.max(${values}) >>> 0)`;
}

function eitherType(s: Scene, type: NumberType, depth: number): Code | undefined {
	const { dice } = s;
	switch (dice.roll(11)) {
		case 10:
			return quotient(s, type, depth);
		case 0:
		case 1:
			return arithmetic(s, type, depth);
		case 8:
			if (dice.once(2)) return mixedExtreme(s, type, depth);
			if (dice.once(3)) {
				const three = list([unknown(s, type), ofType(s, type, depth - 1), small(s, type, depth)]);
				return code`Math.${dice.pick(["min", "max"])}(${three})`;
			}
			return code`Math.${dice.pick(["min", "max"])}(${unknown(s, type)}, ${ofType(s, type, depth - 1)})`;
		case 2:
			return remainder(s, type, depth);
		case 3:
			return eitherOf(s, ofType(s, type, depth - 1), ofType(s, type, depth - 1), depth);
		case 4:
			return code`(${ofType(s, type, depth - 1)} ${dice.pick(["&&", "||"])} ${ofType(s, type, depth - 1)})`;
		case 5:
			return assigned(s, type, depth);
		case 6: {
			const value = ofType(s, type, depth - 1);
			return { ...code`(${effect(s, depth - 1)}, ${value})`, exact: value.exact === true };
		}
		case 7:
			return storedElement(s, type, depth);
		default:
			return callFor(s, type, depth);
	}
}

/** A quotient made whole: it traps where it has no value. */
function quotient(s: Scene, type: NumberType, depth: number): Code {
	const { dice } = s;
	const divisor = dice.once(3) ? ofType(s, type, depth - 1) : code`${dice.pick([1, 2, 3, 4, 7, 10, 64])}`;
	const name = dice.pick(["floor", "ceil", "round", "trunc"]);
	const value = code`Math.${name}(${unknown(s, type)} / ${divisor})`;
	return { plain: value.plain, checked: `$quotient(${value.checked}, "${type}", ~L~)`, exact: true };
}

/** Functions of Math that give an int, whatever they are given. */
function ofMath(s: Scene, depth: number): Code {
	const { dice } = s;
	switch (dice.roll(3)) {
		case 0:
			return exact("int", code`Math.abs(${unknown(s, "int")})`);
		case 1:
			return code`Math.sign(${unknown(s, dice.pick(["int", "uint"]))})`;
		default:
			return code`Math.clz32(${coerced(s, depth - 1)})`;
	}
}

function int(s: Scene, depth: number): Code {
	if (depth <= 0) return leaf(s, "int");
	const { dice } = s;
	if (dice.once(12)) return ofMath(s, depth);
	switch (dice.roll(8)) {
		case 0:
			return code`(${dice.once(4) ? bool(s, depth - 1) : coerced(s, depth)} | 0)`;
		case 1:
		case 2:
			return bitwise(s, depth);
		case 3:
			return code`Math.imul(${coerced(s, depth - 1)}, ${coerced(s, depth - 1)})`;
		case 4:
			return dice.once(2) ? code`(~${coerced(s, depth - 1)})` : exact("int", code`- ${unknown(s, "int")}`);
		default:
			return eitherType(s, "int", depth) ?? leaf(s, "int");
	}
}

function uint(s: Scene, depth: number): Code {
	if (depth <= 0) return leaf(s, "uint");
	const { dice } = s;
	switch (dice.roll(6)) {
		case 0:
			return code`(${dice.once(6) ? bool(s, depth - 1) : coerced(s, depth)} >>> 0)`;
		case 1:
			return code`(${coerced(s, depth - 1)} >>> ${dice.once(2) ? code`${dice.roll(33)}` : loose(s, depth - 1)})`;
		default:
			return eitherType(s, "uint", depth) ?? leaf(s, "uint");
	}
}

export function bool(s: Scene, depth: number): Code {
	const { dice } = s;
	const variables = variablesOf(s, "bool");
	if (depth <= 0)
		return code`${variables.length > 0 && !dice.once(4) ? use(s, dice.pick(variables)) : String(dice.once(2))}`;
	switch (dice.roll(10)) {
		case 0:
			return code`(!${condition(s, depth - 1)})`;
		case 1:
			return code`(${bool(s, depth - 1)} ${dice.pick(["&&", "||"])} ${bool(s, depth - 1)})`;
		case 2:
			if (dice.once(4)) return code`(${bool(s, depth - 1)} ${dice.pick(["==", "!="])} ${anyNumber(s, depth - 1)})`;
			return code`(${bool(s, depth - 1)} ${dice.pick(["===", "!==", "==", "!="])} ${bool(s, depth - 1)})`;
		case 3:
			return code`(${condition(s, depth - 1)} ? ${bool(s, depth - 1)} : ${bool(s, depth - 1)})`;
		case 4:
			return callFor(s, "bool", depth) ?? bool(s, depth - 1);
		case 5:
			return query(s) ?? bool(s, depth - 1);
		case 6:
			return isEnabled(s) ?? bool(s, depth - 1);
		default: {
			const type = dice.pick(["int", "uint"] as const);
			const operator = dice.pick(["<", "<=", ">", ">=", "===", "!==", "==", "!="]);
			if (dice.once(4)) return code`(${small(s, type, depth)} ${operator} ${anyNumber(s, depth - 1)})`;
			if (dice.once(4)) return code`(${anyNumber(s, depth - 1)} ${operator} ${anyNumber(s, depth - 1)})`;
			return code`(${ofType(s, type, depth - 1)} ${operator} ${ofType(s, type, depth - 1)})`;
		}
	}
}

function query(s: Scene): Code | undefined {
	if (s.keys.length === 0) return undefined;
	const key = s.dice.pick(s.keys);
	const target = use(s, s.dice.pick(key.targets));
	return code`(query(${use(s, key)}) ${s.dice.pick(["===", "!=="])} ${target})`;
}

function staticBranch(s: Scene): Code {
	const { dice } = s;
	const key = use(s, dice.pick(s.switches));
	return code`${dice.pick(["", "!"])}staticBranch(${key}${dice.pick(["", "", ", true", ", false"])})`;
}

function isEnabled(s: Scene): Code | undefined {
	if (s.switches.length === 0) return undefined;
	return code`isEnabled(${use(s, s.dice.pick(s.switches))})`;
}

function toggle(s: Scene): Code | undefined {
	const { dice } = s;
	if (s.switches.length === 0) return undefined;
	const key = dice.pick(s.switches);
	const name = use(s, key);
	if (!key.counted) return code`${dice.pick(["enable", "disable"])}(${name})`;
	return dice.once(2) ? code`increment(${name})` : code`(isEnabled(${name}) && decrement(${name}))`;
}

/** A number, a boolean or a mix of both: all that matters is whether it is 0. */
export function condition(s: Scene, depth: number): Code {
	const { dice } = s;
	if (s.switches.length > 0 && dice.once(5)) return staticBranch(s);
	if (dice.once(2)) return bool(s, depth);
	const side = () => (dice.once(2) ? bool(s, depth - 1) : anyNumber(s, depth - 1));
	return dice.once(2) ? anyNumber(s, depth) : code`(${side()} ${dice.pick(["&&", "||"])} ${side()})`;
}

/** An expression for what it does. */
export function effect(s: Scene, depth: number): Code {
	const { dice } = s;
	s.cost += s.times;
	switch (dice.roll(11)) {
		case 10:
			return exchange(s, depth) ?? assignment(s, depth);
		case 0:
			return elementStore(s, depth) ?? assignment(s, depth);
		case 1:
		case 2:
			return print(s, depth);
		case 3:
			return callFor(s, dice.pick(["int", "uint", "none", "none", "Int32Array"]), depth) ?? print(s, depth);
		case 4:
			return retarget(s) ?? assignment(s, depth);
		case 6:
			return toggle(s) ?? assignment(s, depth);
		case 5:
			if (dice.once(2)) return code`(${condition(s, depth - 1)} && ${print(s, depth)})`;
			return code`(${condition(s, depth - 1)} ? ${print(s, depth)} : ${print(s, depth)})`;
		default:
			return assignment(s, depth);
	}
}

/** `[a, b] = [x, y]` */
function exchange(s: Scene, depth: number): Code | undefined {
	const { dice } = s;
	const types = [dice.pick(["int", "uint", "bool"] as const), dice.pick(["int", "uint", "bool"] as const)];
	const targets = types.map((type) => writableOf(s, type));
	if (targets.some(({ length }) => length === 0)) return undefined;
	const names = targets.map((variables) => code`${dice.pick(variables).name}`);
	return code`[${list(names)}] = [${list(types.map((type) => ofType(s, type, depth - 1)))}]`;
}

function assignment(s: Scene, depth: number): Code {
	const { dice } = s;
	const type = dice.pick(["int", "int", "uint", "bool"] as const);
	if (type !== "bool") return assigned(s, type, depth) ?? print(s, depth);
	const variables = writableOf(s, "bool");
	return variables.length === 0 ? print(s, depth) : code`${dice.pick(variables).name} = ${bool(s, depth)}`;
}

/** A store whose value nobody sees: only the low bits count. */
function elementStore(s: Scene, depth: number): Code | undefined {
	const { dice } = s;
	const tables = ownTables(s);
	if (tables.length === 0) return undefined;
	const table = dice.pick(tables);
	const place = code`${table.name}[${index(s, table)}]`;
	if (dice.once(4)) return code`${place}${dice.pick(["++", "--"])}`;
	if (!dice.once(3)) return code`${place} = ${coerced(s, depth)}`;
	const operator = dice.pick(["+=", "-=", "&=", "|=", "^=", "<<=", ">>=", ">>>="]);
	return code`${place} ${operator} ${loose(s, depth - 1)}`;
}

const texts = ["", "x", "a b", "\n", "é", "\u{1f600}"];

export function print(s: Scene, depth: number): Code {
	const { dice } = s;
	const template = () =>
		code`\`${dice.pick(["", "x=", "a "])}\${${anyNumber(s, depth - 1)}}\${${anyNumber(s, depth - 1)}}${dice.pick(["", "."])}\``;
	const values = Array.from({ length: dice.roll(4) }, () =>
		dice.once(6) ? template() : dice.once(5) ? code`${JSON.stringify(dice.pick(texts))}` : anyNumber(s, depth - 1),
	);
	return code`print(${list(values)})`;
}

function retarget(s: Scene): Code | undefined {
	const { dice } = s;
	if (s.keys.length === 0) return undefined;
	const key = dice.pick(s.keys);
	if (dice.once(4)) return code`reset(${use(s, key)})`;
	const target: Name = dice.pick(key.targets);
	return code`update(${use(s, key)}, ${use(s, target)})`;
}
