// What JavaScript has and the language has not: one row per construct, saying what to write instead. parse.ts looks
// here for every node it meets; docs/language.md explains the rows.

const functionValue =
	"a function is not a value here: declare it at module level with 'function name(...) { ... }' and call it by name";
const noObjects = "there are no objects: keep numbers in variables and in module-level typed arrays";
const noClasses = "there are no classes: write functions, and keep their data in module-level typed arrays";
const noExceptions = "there are no exceptions: return a number that says what went wrong and test it";
const noAsync = "there is no async code: call the function and use its result";
const noUnpacking =
	"there are only [a, b] = [b, a] and the like, with as many values as names: write one assignment for each variable";
const noForIn = "for-in and for-of are for tables and declare one variable: write for (const x of table)";
const noTemplates = "text is only printed: write print(...) with the text or template in it";
const noSpread = "spread and rest are not available: write each element";

/** By acorn's node type. */
export const rejectedNodes: Readonly<Record<string, string>> = {
	ArrayPattern: noUnpacking,
	ArrowFunctionExpression: functionValue,
	AwaitExpression: noAsync,
	ChainExpression: "optional chaining is not available: there are no objects, write table[i] and test i before",
	ClassDeclaration: noClasses,
	ClassExpression: noClasses,
	DebuggerStatement: "'debugger' is not available: use print, or a breakpoint of the machine",
	ExportAllDeclaration: "'export *' is not available: import each name where it is used, from where it is declared",
	ExportDefaultDeclaration: "there is no default export: write 'export function name(...)' and import { name }",
	ForInStatement: noForIn,
	ForOfStatement: noForIn,
	FunctionExpression: functionValue,
	ImportAttribute: "import attributes are not available: leave out 'with { ... }'",
	ImportExpression: 'import() is not available: write import { name } from "./file.js" at the top',
	ImportDefaultSpecifier: "there is no default import: write import { name } from ...",
	ImportNamespaceSpecifier: "'import *' is not available: write import { name } from ..., with each name that is used",
	MetaProperty: "import.meta and new.target are not available: pass the value as an argument",
	ObjectExpression: noObjects,
	ObjectPattern: noUnpacking,
	RestElement: noSpread,
	SpreadElement: noSpread,
	TaggedTemplateExpression: noTemplates,
	TemplateLiteral: noTemplates,
	ThisExpression: "there is no 'this': pass what the function needs as an argument",
	ThrowStatement: noExceptions,
	TryStatement: noExceptions,
};

/** Unary, binary, logical and assignment operators. */
export const rejectedOperators: Readonly<Record<string, string>> = {
	"**": "'**' is only for constants: write x * x, or 1 << n for a power of two below 2147483648",
	"**=": "there is no '**=': write x *= x for a square",
	in: "there is no 'in': write i >= 0 && i < table.length",
	instanceof: "there is no 'instanceof': types are known when the program is compiled",
	typeof: "there is no 'typeof': types are known when the program is compiled",
	void: "there is no 'void': write the call as a statement of its own",
	delete: "there is no 'delete': variables and elements stay, and always have a number",
};

/** Names of JavaScript's world that people reach for. */
export const rejectedNames: Readonly<Record<string, string>> = {
	undefined:
		"'undefined' is not a number: let a number that is none of yours stand for nothing; a static call may be null",
	NaN: "there is no NaN: numbers are 32-bit integers",
	Infinity: "there is no Infinity: begin with the first of the values instead of one beyond all",
	arguments: "'arguments' is not available: name the parameters",
	console: 'there is no console: write print(...), imported from "patchbay/source"',
	globalThis: "'globalThis' is not available: declare a module-level variable",
	process: "'process' is not available: a program is its functions, starting at main",
	require: "'require' is not available: write import { name } from \"./file.js\"",
	Boolean: "'Boolean' is not available: write x !== 0",
	String: "'String' is not available: print(...) takes numbers as they are",
	BigInt: "'BigInt' is not available: numbers are 32-bit integers; keep two halves",
	Array: "'Array' is not available: write const table = new Int32Array(64) at module level",
	Float64Array: "there are no fractions: write new Int32Array(...) and scale the numbers",
	Float32Array: "there are no fractions: write new Int32Array(...) and scale the numbers",
	Uint8ClampedArray:
		"'Uint8ClampedArray' is not available: write new Uint8Array(...), and store Math.min(Math.max(x, 0), 255)",
	Math: "of Math there are imul, min and max of two numbers or more, abs, sign, clz32, floor, ceil, round and trunc, its constants, and all of constants",
	Date: "there is no clock: pass the time as an argument",
	eval: "'eval' is not available: write the code as a function",
};

/** Members of Math other than those of the language, and what takes their place. */
export const mathInstead: Readonly<Record<string, string>> = {
	pow: "write x * x, or 1 << n for a power of two below 2147483648",
	random: "keep a seed in a module-level variable: seed = (Math.imul(seed, 1664525) + 1013904223) | 0",
	sqrt: "numbers are integers; count in a loop: let r = 0; while ((r + 1) * (r + 1) <= x) r++;",
};
