// Random programs: one module or two, with variables, tables, functions that call those before them, static calls that
// start as a function, null or ret0, and a main that uses it all.

import { callOf, coerced, ofType, print, tableOf } from "./expressions.ts";
import {
	type Callee,
	type Code,
	code,
	type Dice,
	elementTypes,
	isElementType,
	type Key,
	list,
	type Name,
	newDice,
	newName,
	type Scene,
	type Switch,
	type Table,
	use,
	type Variable,
} from "./scene.ts";
import { block, returning } from "./statements.ts";

export interface RandomProgram {
	readonly main: string;
	/** Source texts by file. */
	readonly modules: ReadonlyMap<string, string>;
	/** All modules as one script that takes the place of `patchbay/source` as parameters, and is followed by main(). */
	readonly plain: string;
	/** The same with steps checked: `$exact(value, type, place)`, `$index(value, length, place)`, `$number(value, place)`. */
	readonly checked: string;
	/** Where a place is. */
	readonly places: readonly { readonly file: string; readonly line: number }[];
}

interface Draft {
	readonly dice: Dice;
	readonly variables: Variable[];
	readonly tables: Table[];
	readonly functions: Callee[];
	readonly keys: Key[];
	readonly switches: Switch[];
	/** Lines of each module. */
	readonly lines: Code[][];
	readonly imports: Set<string>;
	names: number;
}

const sourceNames = [
	...["staticCall", "update", "reset", "query", "print"],
	"paravirt",
	...["staticKey", "staticBranch", "enable", "disable", "increment", "decrement", "isEnabled"],
];

/** @param size about how many statements a function has */
export function randomProgram(seed: number, size: number): RandomProgram {
	const dice = newDice(seed);
	const draft: Draft = {
		dice,
		variables: [],
		tables: [],
		functions: [],
		keys: [],
		switches: [],
		lines: [[]],
		imports: new Set(),
		names: 0,
	};
	const modules = dice.once(4) ? 2 : 1;
	for (let module = 0; module < modules; module++) {
		draft.lines[module] = [];
		addData(draft, module);
		for (let i = 0; i < 2 + dice.roll(3); i++) {
			addFunctions(draft, module, size);
			if (dice.once(3)) addCode(draft, module, size);
		}
	}
	addMain(draft, modules - 1, size);
	return finished(draft, modules);
}

function addData(draft: Draft, module: number): void {
	const { dice, lines } = draft;
	const own = lines[module]!;
	const declare = (variable: Variable, value: string) => {
		draft.variables.push(variable);
		own.push(code`export let ${variable.name} = ${value};`);
	};
	declare({ name: `gi${module}`, type: "int", writable: true, module }, String(dice.roll(1000) - 500));
	declare({ name: `gu${module}`, type: "uint", writable: true, module }, `${dice.pick([7, 0xfffffff0])} >>> 0`);
	declare({ name: `gb${module}`, type: "bool", writable: true, module }, String(dice.once(2)));
	draft.variables.push({ name: `C${module}`, type: "int", writable: false, module, fixed: true });
	own.push(code`export const C${module} = ${dice.roll(100)};`);
	for (let i = dice.roll(3); i > 0; i--) {
		const key: Switch = { name: `s${module}${i}`, module, counted: dice.once(2) };
		draft.switches.push(key);
		own.push(code`export const ${key.name} = staticKey(${String(dice.once(2))});`);
	}
	for (const element of elementTypes) {
		if (dice.once(element.includes("32") ? 3 : 2)) continue;
		const copied = draft.tables.filter(({ length }) => length !== undefined);
		const other = dice.once(4) && copied.length > 0 ? dice.pick(copied) : undefined;
		const length = other?.length ?? dice.pick([1, 2, 8, 16]);
		const table: Table = { name: `t${module}${element[0]}${element.at(4)}`, element, length, module };
		draft.tables.push(table);
		const values = Array.from({ length }, () => dice.roll(2 ** 31)).join(", ");
		const init = dice.once(2) ? String(length) : `[${values}]`;
		if (other === undefined) own.push(code`export const ${table.name} = new ${element}(${init});`);
		else {
			if (other.module !== module) draft.imports.add(other.name);
			const form = dice.pick([`new ${element}`, `${element}.from`]);
			own.push(code`export const ${table.name} = ${form}(${other.name});`);
		}
	}
}

const signatures: readonly Pick<Callee, "parameters" | "result">[] = [
	{ parameters: [], result: "int" },
	{ parameters: ["int"], result: "int" },
	{ parameters: ["int", "int"], result: "int" },
	{ parameters: ["uint"], result: "uint" },
	{ parameters: ["int", "uint"], result: "bool" },
	{ parameters: ["int"], result: "none" },
	{ parameters: ["int", "uint", "int", "uint", "int", "int"], result: "uint" },
	{ parameters: ["uint", "int", "int", "int", "uint", "int", "uint", "int"], result: "int" },
	{ parameters: ["int", "int", "int", "uint", "int", "int", "uint"], result: "none" },
	{ parameters: ["Int32Array", "int"], result: "int" },
	{ parameters: ["int", "Uint8Array"], result: "none" },
	{ parameters: ["uint", "Uint32Array", "Int16Array", "int", "Uint32Array"], result: "uint" },
	{ parameters: ["Int8Array", "Uint16Array"], result: "bool" },
	{ parameters: ["Int32Array", "int"], result: "Int32Array" },
	{ parameters: ["int", "int", "Uint8Array", "int", "int", "Uint8Array"], result: "Uint8Array" },
];

/** One function, or several of one signature and a key that calls them. */
function addFunctions(draft: Draft, module: number, size: number): void {
	const { dice } = draft;
	const isThere = (type: Callee["parameters"][number]) =>
		!isElementType(type) || draft.tables.some(({ element }) => element === type);
	const signature = dice.pick(signatures.filter(({ parameters }) => parameters.every(isThere)));
	const isRecursive = dice.once(5) && signature.parameters[0] === "int";
	// Calls of keys and operations pass every argument.
	const hasDefault = !isRecursive && signature.parameters.length > 0 && dice.once(4);
	const first = addFunction(draft, module, size, signature, isRecursive, hasDefault);
	if (hasDefault) return;
	const fitting = [first];
	if (dice.once(2) && !isElementType(first.result)) addOperation(draft, module, first);
	if (dice.once(2)) return;
	while (fitting.length < 2 || dice.once(3)) fitting.push(addFunction(draft, module, size, signature, false));
	addKey(
		draft,
		module,
		fitting.filter(({ recursive }) => recursive !== true),
	);
}

/** Settled before the start, so it is called as its function is. */
function addOperation(draft: Draft, module: number, native: Callee): void {
	const { dice } = draft;
	const name = `op${draft.names++}`;
	const clobbers = dice.pick(["all", "result", native.result === "none" ? "none" : "result"]);
	const bytes = dice.pick([5, 8, 12, 20, 40]);
	draft.functions.push({ ...native, name });
	draft.lines[module]!.push(
		code`export const ${name} = paravirt(${native.name}, { clobbers: "${clobbers}", bytes: ${bytes} });`,
	);
}

/** Code at module level: a value that is computed, and a block of statements. */
function addCode(draft: Draft, module: number, size: number): void {
	const { dice } = draft;
	const s = newScene(draft, module, [], "module");
	const type = dice.pick(["int", "uint", "bool"] as const);
	const value = type === "uint" ? code`${coerced(s, 2)} >>> 0` : ofType(s, type, 2);
	const writable = dice.once(2);
	const name = newName(s, "g");
	const lines = [code`export ${writable ? "let" : "const"} ${name} = ${value};`];
	if (dice.once(2)) lines.push(code`{`, ...block(s, Math.min(size, 3)), code`}`);
	if (dice.once(2) && draft.tables.length > 0) {
		const { element } = dice.pick(draft.tables);
		const part = newName(s, "m");
		lines.push(code`export ${dice.pick(["const", "let"])} ${part} = ${tableOf(s, element, 2)!};`);
		draft.tables.push({ name: part, element, length: undefined, module });
	}
	draft.names = s.names;
	draft.lines[module]!.push(...lines);
	draft.variables.push({ name, type, writable, module, fixed: !writable });
}

function addKey(draft: Draft, module: number, fitting: readonly Callee[]): void {
	const { dice } = draft;
	const like = fitting[0]!;
	const cost = Math.max(...fitting.map((fn) => fn.cost));
	const name = `key${draft.names++}`;
	const isZero = like.result !== "bool" && !isElementType(like.result);
	const kind = dice.pick(isZero ? ["function", "null", "ret0"] : ["function", "null"]);
	const result = kind === "null" ? "none" : like.result;
	const extra: Name[] = kind === "null" ? [{ name: "null" }] : [];
	if (isZero && kind !== "null" && dice.once(2)) extra.push({ name: "staticCall.ret0" });
	draft.keys.push({ ...like, name, module, result, cost, targets: [...fitting, ...extra], recursive: false });
	const initial =
		kind === "function" ? `(${like.name})` : kind === "null" ? `(null, ${like.name})` : `.ret0(${like.name})`;
	draft.lines[module]!.push(code`export const ${name} = staticCall${initial};`);
}

function newScene(
	draft: Draft,
	module: number,
	parameters: readonly Variable[],
	result: Scene["result"],
	parameterTables: readonly Table[] = [],
): Scene {
	const { dice, variables, functions, keys, switches, imports, names } = draft;
	const tables = [...draft.tables, ...parameterTables];
	return {
		dice,
		module,
		result,
		imports,
		names,
		tables,
		functions,
		keys,
		switches,
		variables: [...variables, ...parameters],
		exits: [],
		times: 1,
		cost: 10,
	};
}

/** @param recursive it calls itself, with its first argument one less, until that is 0
 * @param hasDefault its last parameter has a default, computed of the others */
function addFunction(
	draft: Draft,
	module: number,
	size: number,
	{ parameters, result }: (typeof signatures)[number],
	recursive: boolean,
	hasDefault = false,
): Callee {
	const name = `f${draft.names++}`;
	const names = parameters.map((_, i) => `p${i}`);
	const variables = parameters.flatMap((type, i) =>
		isElementType(type) ? [] : [{ name: names[i]!, type, writable: !(recursive && i === 0) }],
	);
	const tables = parameters.flatMap((element, i) =>
		isElementType(element) ? [{ name: names[i]!, element, length: undefined }] : [],
	);
	const last = names.at(-1)!;
	const others = newScene(
		draft,
		module,
		variables.filter((each) => each.name !== last),
		"none",
		tables.filter((each) => each.name !== last),
	);
	const inHead = hasDefault ? defaultOf(others, parameters.at(-1)!) : undefined;
	const head = names.map((each) => (each === last && inHead ? code`${each} = ${inHead}` : code`${each}`));
	draft.names = others.names;
	const s = newScene(draft, module, variables, result, tables);
	const self: Callee = { name, module, parameters, result, cost: 0 };
	const unsigned = variables.filter(({ type }) => type === "uint");
	const lines = [
		code`export function ${name}(${list(head)}) {`,
		...unsigned.map((parameter) => code`	${parameter.name} = ${parameter.name} >>> 0;`),
		...(recursive ? [code`	if (p0 < 1) ${returning(s, 0)}`] : []),
		...block(s, size),
		...(recursive ? [code`	${again(s, self)};`] : []),
		code`	${returning(s, 2)}`,
		code`}`,
	];
	draft.names = s.names;
	draft.lines[module]!.push(...lines);
	if (tables.length > 0) draft.lines[module]!.push(...typed(draft, self));
	const callee: Callee = { ...self, cost: recursive ? s.cost * 8 : s.cost + others.cost, recursive, hasDefault };
	draft.functions.push(callee);
	return callee;
}

function defaultOf(s: Scene, type: Callee["parameters"][number]): Code {
	if (isElementType(type)) return tableOf(s, type, 1)!;
	return type === "uint" ? code`${coerced(s, 1)} >>> 0` : ofType(s, type, 1);
}

/** A call that says, in its own module, which typed arrays the function takes. */
function typed(draft: Draft, { name, module, parameters }: Callee): Code[] {
	const s = newScene(draft, module!, [], "none");
	const given = parameters.map((type) =>
		isElementType(type) ? use(s, draft.tables.find(({ element }) => element === type)!) : "1",
	);
	return [code`export function types${draft.names++}() { ${name}(${given.join(", ")}); }`];
}

function again(s: Scene, self: Callee): Code {
	const call = callOf(s, { ...self, parameters: self.parameters.slice(1) }, 1);
	const into = (text: string) => text.replace("(", self.parameters.length > 1 ? "(p0 - 1, " : "(p0 - 1");
	return { plain: into(call.plain), checked: into(call.checked) };
}

/** Calls everything at least once, between retargetings. */
function addMain(draft: Draft, module: number, size: number): void {
	const s = newScene(draft, module, [], "none");
	const calls = [...draft.functions, ...draft.keys].map((callee) => {
		const call = callOf(s, callee, 1);
		return callee.result === "int" || callee.result === "uint" ? code`	print(${call});` : code`	${call};`;
	});
	const body = calls.flatMap((call) => (s.dice.once(2) ? [...block(s, Math.min(size, 2)), call] : [call]));
	draft.lines[module]!.push(code`export function main() {`, ...body, code`	${print(s, 2)};`, code`}`);
}

function finished(draft: Draft, count: number): RandomProgram {
	const files = count === 1 ? ["main.js"] : ["lib.js", "main.js"];
	const places: { file: string; line: number }[] = [];
	const scripts: Record<"plain" | "checked", string[]> = { plain: [], checked: [] };
	const modules = new Map<string, string>();
	for (const [module, file] of files.entries()) {
		const header = [`import { ${sourceNames.join(", ")} } from "patchbay/source";`];
		if (module === 1) header.push(`import { ${[...draft.imports].join(", ")} } from "./lib.js";`);
		const lines = draft.lines[module]!;
		modules.set(file, [...header, ...lines.map(({ plain }) => plain), ""].join("\n"));
		for (const [i, { plain, checked }] of lines.entries()) {
			scripts.plain.push(plain.replace(/^export /, ""));
			scripts.checked.push(checked.replace(/^export /, "").replaceAll("~L~", String(places.length)));
			places.push({ file, line: header.length + i + 1 });
		}
	}
	return { main: "main.js", modules, plain: scripts.plain.join("\n"), checked: scripts.checked.join("\n"), places };
}
