// What a name can stand for. One object per declaration, shared by all its uses and by the modules that import it.

import type {
	CallExpression,
	Expression,
	FunctionDeclaration,
	Identifier,
	Node,
	Program,
	ReturnStatement,
} from "acorn";
import type { SourceError } from "../../errors.ts";
import type { ElementType } from "../../format/signatures.ts";
import type { Clobbers } from "../../isa/index.ts";
import type { Origin } from "../origin.ts";

/** The static type of a value. `either` is a number known to be in 0 .. 2^31-1, which int and uint both hold. */
export type Type = "int" | "uint" | "either" | "bool";

/** What a call gives; `none` for a function without `return value`. */
export type Result = Type | "none";

/** What inference knows of an expression: `flex` is arithmetic that may still become int or uint. */
export type Guess = Result | "flex";

/** The numbers from one to another, both included. */
export interface Range {
	readonly low: number;
	readonly high: number;
}

/** A parameter or a variable of a function. */
export interface Local {
	readonly kind: "local";
	readonly name: string;
	readonly node: Node;
	readonly writable: boolean;
	/** False when its declaration gives it none: then something has to be assigned to it before it is read. */
	readonly hasValue?: boolean;
	/** Its values are text in JavaScript, the indices of a `for (const i in t)`. */
	readonly isTextual?: boolean;
	/** It is one of the words of a typed array. */
	readonly isWordOfTable?: boolean;
	/** What it is made of if it holds typed arrays. Found by tables.ts. */
	view?: View<Local>;
	/** Found by infer.ts, but for parameters. */
	type: Type;
	/** All that is ever assigned to it: what its type follows from. */
	readonly sources: Expression[];
}

/** A typed array in a parameter or variable: two words, each in a variable of its own. */
export interface View<Word extends Local | Variable> {
	readonly element: ElementType;
	readonly address: Word;
	/** In elements. */
	readonly length: Word;
}

/** A module-level `let`, or a `const` that is computed when the program begins: four bytes in memory. */
export interface Variable {
	readonly kind: "variable";
	readonly name: string;
	readonly module: Module;
	readonly node: Node;
	readonly initial: Expression | undefined;
	readonly writable: boolean;
	/** It is one of the words of a typed array. */
	readonly isWordOfTable?: boolean;
	/** What it is made of if it holds typed arrays. Found by tables.ts. */
	view?: View<Variable>;
	type: Type;
	readonly sources: Expression[];
}

/** A `const`, of a module or a function, whose value is known when it is compiled. */
export interface Constant {
	readonly kind: "constant";
	readonly name: string;
	readonly module: Module;
	readonly node: Node;
	readonly initial: Expression;
}

/** `const K = Object.freeze({ A: 0, B: 1 })` of a module: constants with a name in common. */
export interface Constants {
	readonly kind: "constants";
	readonly name: string;
	readonly module: Module;
	readonly node: Node;
	/** The values by name. */
	readonly members: ReadonlyMap<string, Expression>;
}

/** A typed array. */
export interface Table {
	readonly kind: "table";
	readonly name: string;
	readonly module: Module;
	readonly node: Node;
	readonly element: ElementType;
	/** `new Int32Array(length)`, or undefined when `values` says it. */
	readonly length: Expression | undefined;
	readonly values: readonly Expression[];
	/** Some code of its module assigns to an element, or may by another name. */
	stored: boolean;
}

export interface FunctionBinding {
	readonly kind: "function";
	readonly name: string;
	readonly module: Module;
	readonly node: FunctionDeclaration;
	/** Their types are final: they follow from the first statements of the body. */
	readonly parameters: readonly Local[];
	/** What stands for an argument that a call leaves out, by parameter. */
	readonly defaults: readonly (Expression | undefined)[];
	/** What a call goes to that passes so many arguments only, if the others are computed. */
	readonly shorter: Map<number, FunctionBinding>;
	/** It is there from the start of its module, not from where a const declares it. */
	readonly isHoisted: boolean;
	readonly returns: ReturnStatement[];
	/** Found by infer.ts, but for a typed array, which tables.ts finds. */
	result: Result | ElementType;
}

/** The variables that a function's arguments arrive in, a word each. */
export function wordsOf({ parameters }: FunctionBinding): Local[] {
	return parameters.flatMap((local) => (local.view === undefined ? [local] : [local.view.address, local.view.length]));
}

/** What a paravirt operation says of its calls. */
export interface Contract {
	readonly clobbers: Clobbers;
	/** Reserved at each site, for what takes the place of the call before the program starts. */
	readonly bytes: number;
}

/** A static call (`staticCall`, word pair `__SCK__name`), a pointer call (`defineFfp`, word pair `__FFP__name`) or a paravirt
 * operation (`paravirt`, word pair `__PV__name`). */
export interface Key {
	readonly kind: "key";
	readonly form: "static" | "ffp" | "paravirt";
	readonly name: string;
	readonly module: Module;
	readonly node: Node;
	readonly initial: "function" | "null" | "ret0";
	/** The default function, or the one that a null or ret0 key is like. */
	readonly model: Identifier | undefined;
	/** Functions given to update() and calls, both of its own module: where the signature comes from without a model. */
	readonly updates: Identifier[];
	readonly calls: { readonly arguments: readonly Expression[] }[];
	/** What calls of a paravirt operation keep to; only an operation has it. */
	readonly contract?: Contract;
	/** Other functions that an operation may be set to: they are made to keep its contract as well. */
	readonly also: readonly Identifier[];
}

/** A static key (`staticKey`: its branches are patched) or one whose branches look at it (`plainKey`); the word pair
 * `__SK__name`. */
export interface StaticKey {
	readonly kind: "static-key";
	readonly form: "static" | "plain";
	readonly name: string;
	readonly module: Module;
	readonly node: Node;
	/** Whether it starts enabled: a boolean known when it is compiled. */
	readonly initial: Expression;
}

export const builtinNames = [
	"staticCall",
	"update",
	"reset",
	"query",
	"print",
	"paravirt",
	"defineFfp",
	"setFfp",
	"resetFfp",
	"queryFfp",
	"staticKey",
	"plainKey",
	"staticBranch",
	"enable",
	"disable",
	"increment",
	"decrement",
	"isEnabled",
] as const;
export type BuiltinName = (typeof builtinNames)[number];

/** A function of `patchbay/source`. */
export interface Builtin {
	readonly kind: "builtin";
	readonly name: BuiltinName;
}

export type Declared = Variable | Constant | Constants | Table | FunctionBinding | Key | StaticKey;
export type Binding = Local | Declared | Builtin;

export interface Module {
	readonly origin: Origin;
	readonly program: Program;
	/** By the name that this module calls it; imports too. */
	readonly names: Map<string, Binding>;
	/** What this module declares, in source order. */
	readonly declared: Declared[];
	readonly exported: Set<string>;
	/** Bindings of other modules, by what they are called there. */
	readonly imported: Set<Declared>;
	/** The modules it imports, in their order. */
	readonly imports: Module[];
	/** Runs the code at its module level, and before that what the modules have that it imports; undefined when there is
	 * nothing to run. */
	begin?: Begin;
}

/** The function that runs what stands at module level. */
export interface Begin {
	readonly fn: FunctionBinding;
	/** Whether it ran already. */
	readonly begun: Variable;
}

/** The program as far as one module sees it: itself and all it imports, directly or not. */
export interface Analysis {
	/** By file. */
	readonly modules: Map<string, Module>;
	/** What each identifier in an expression stands for. */
	readonly uses: Map<Node, Binding>;
	/** Calls in functions, with their modules. */
	readonly calls: { readonly node: CallExpression; readonly module: Module }[];
	/** Names that are used as those of typed arrays are: the x of `x[i]`, `x.length` and `x.subarray(...)`. */
	readonly indexed: Set<Node>;
	/** Names that are assigned to. */
	readonly targets: Set<Node>;
	/** Values of constant expressions found so far. */
	readonly constants: Map<Node, number | boolean | undefined>;
	/** What inference knows so far. */
	readonly guesses: Map<Local | Variable | FunctionBinding, Guess>;
	/** Ranges of expressions found so far. */
	readonly ranges: Map<Node, Range>;
	/** Variables that only ever hold what both types do, whichever of the two they have. */
	readonly small: Set<Local | Variable>;
	/** Types of expressions; filled when those of variables and results are final. */
	readonly types: Map<Node, Guess>;
	settled: boolean;
	/** What the pass at work has refused so far. */
	readonly errors: SourceError[];
}

export function isDeclared(binding: Binding): binding is Declared {
	return binding.kind !== "local" && binding.kind !== "builtin";
}

export function newAnalysis(): Analysis {
	return {
		modules: new Map(),
		uses: new Map(),
		calls: [],
		indexed: new Set(),
		targets: new Set(),
		constants: new Map(),
		guesses: new Map(),
		ranges: new Map(),
		small: new Set(),
		types: new Map(),
		settled: false,
		errors: [],
	};
}
