// A checked program as small typed trees: what types/ makes of a syntax tree and lower/ makes instructions of. All that
// JavaScript leaves implicit is said here: whether an addition wraps or traps, whether a comparison is signed.

import type { ElementType } from "../format/signatures.ts";
import type { Condition, Toggle } from "../isa/index.ts";
import type { Position } from "./origin.ts";
import type { FunctionBinding, Key, Local, Result, StaticKey, Table, Variable } from "./types/bindings.ts";

/** Mnemonics of three-operand instructions. Those in `t` and `tu` trap when the exact result leaves 32 bits. */
export type Operator =
	| "add"
	| "sub"
	| "mul"
	| "div"
	| "divu"
	| "rem"
	| "remu"
	| "addt"
	| "addtu"
	| "subt"
	| "subtu"
	| "mult"
	| "multu"
	| "remt"
	| "remtu"
	| "and"
	| "or"
	| "xor"
	| "shl"
	| "shr"
	| "sar";

/** Where a value can be stored. */
export type Place =
	| { readonly kind: "local"; readonly local: Local }
	| { readonly kind: "variable"; readonly variable: Variable }
	| { readonly kind: "element"; readonly table: Table; readonly length: number; readonly index: Expression }
	/** An element of a typed array that is known only when the program runs. */
	| ({ readonly kind: "viewed"; readonly element: ElementType; readonly index: Expression } & Words);

/** A typed array as two values: where it is, and how many elements it has. */
export interface Words {
	readonly address: Expression;
	readonly length: Expression;
}

/** What a key can be made to call. */
export type Target = FunctionBinding | "null" | "ret0";

interface Typed {
	readonly type: Result;
	readonly at: Position;
}

type Node<Kind extends string, Fields> = Typed & { readonly op: Kind } & Readonly<Fields>;

export type Expression =
	| Node<"constant", { value: number }>
	| Node<"read", { place: Place }>
	| Node<"address", { table: Table }>
	/** What the place of the surrounding `modify` held. */
	| Node<"old", object>
	| Node<"binary", { operator: Operator; left: Expression; right: Expression }>
	/** Gives a bool. */
	| Node<"compare", { condition: Condition; left: Expression; right: Expression }>
	| Node<"not", { value: Expression }>
	/** `&&` and `||`: the left value decides, the right one is evaluated only if it has to be. */
	| Node<"both" | "either", { left: Expression; right: Expression }>
	| Node<"choose", { test: Expression; yes: Expression; no: Expression }>
	| Node<"write", { place: Place; value: Expression }>
	/** Evaluates `value`, in which `old` stands for what the place holds, and stores it. */
	| Node<"modify", { place: Place; value: Expression; yields: "old" | "new" }>
	| Node<"sequence", { first: Expression; then: Expression }>
	/** The parameters are words: two for a typed array. What it gives is the address of a typed array if there is a variable
	 * for the length. */
	| Node<"call", { callee: FunctionBinding | Key; parameters: readonly Expression[]; length?: Local }>
	/** One line; a value whose index is in `joined` follows the one before it without a space. */
	| Node<"print", { values: readonly (Expression | string)[]; joined: ReadonlySet<number> }>
	| Node<"retarget", { key: Key; target: Target }>
	| Node<"reset", { key: Key }>
	/** Whether the key calls the target now. */
	| Node<"query", { key: Key; target: Target; condition: "eq" | "ne" }>
	/** Whether the key is enabled, as it is at the start (`enabled`); only as the condition of a branch, which is patched
	 * and lays the expected side inline. */
	| Node<"staticBranch", { key: StaticKey; expected: boolean; enabled: boolean }>
	/** How many users the key has; it is enabled while it has any. */
	| Node<"users", { key: StaticKey }>
	| Node<"toggle", { key: StaticKey; how: Toggle }>;

/** Identifies what a `break` leaves or a `continue` repeats. */
export interface Exit {
	readonly label: string | undefined;
	left: boolean;
	repeated: boolean;
}

export interface Loop {
	readonly kind: "loop";
	readonly exit: Exit;
	/** Undefined: for ever. */
	readonly test: Expression | undefined;
	readonly update: Expression | undefined;
	readonly body: readonly Statement[];
	/** False for do-while, and when the first test is known to succeed. */
	readonly testFirst: boolean;
	/** A variable that is 0 or more, and less than `below`, throughout the body. */
	readonly counter: { readonly local: Local; readonly below: number } | undefined;
}

export interface Switch {
	readonly kind: "switch";
	readonly exit: Exit;
	readonly value: Expression;
	readonly cases: readonly { readonly tests: readonly number[]; readonly body: readonly Statement[] }[];
	/** Index of the case that also stands for all other values. */
	readonly otherwise: number | undefined;
	readonly at: Position;
}

export type Statement =
	| { readonly kind: "effect"; readonly value: Expression }
	| {
			readonly kind: "if";
			readonly test: Expression;
			readonly yes: readonly Statement[];
			readonly no: readonly Statement[];
	  }
	| Loop
	| Switch
	| { readonly kind: "block"; readonly exit: Exit; readonly body: readonly Statement[] }
	| { readonly kind: "leave" | "repeat"; readonly exit: Exit; readonly at: Position }
	/** A typed array is returned as its address, the value, and its length. */
	| {
			readonly kind: "return";
			readonly value: Expression | undefined;
			readonly length?: Expression;
			readonly at: Position;
	  };

export interface CheckedFunction {
	readonly binding: FunctionBinding;
	readonly body: readonly Statement[];
	/** Its body begins with the directive "init". */
	readonly isInit: boolean;
	readonly at: Position;
	/** Where the closing brace is. */
	readonly end: Position;
}

/** Where a variable's value is. */
export const placeOf = (word: Local | Variable): Place =>
	word.kind === "local" ? { kind: "local", local: word } : { kind: "variable", variable: word };

/** The expressions directly below, in the order of their evaluation. */
export function operandsOf(node: Expression): readonly Expression[] {
	switch (node.op) {
		case "constant":
		case "address":
		case "old":
		case "retarget":
		case "reset":
		case "query":
		case "staticBranch":
		case "users":
		case "toggle":
			return [];
		case "read":
			return indexOf(node.place);
		case "binary":
		case "compare":
		case "both":
		case "either":
			return [node.left, node.right];
		case "not":
			return [node.value];
		case "choose":
			return [node.test, node.yes, node.no];
		case "write":
		case "modify":
			return [...indexOf(node.place), node.value];
		case "sequence":
			return [node.first, node.then];
		case "call":
			return node.parameters;
		case "print":
			return node.values.filter((value) => typeof value !== "string");
	}
}

/** What says where a place is, in the order of its evaluation. */
function indexOf(place: Place): readonly Expression[] {
	if (place.kind === "viewed") return [place.address, place.length, place.index];
	return place.kind === "element" ? [place.index] : [];
}

/** The type of the typed array that the place is in, if it is in one. */
export function elementOf(place: Place): ElementType | undefined {
	return place.kind === "element" ? place.table.element : place.kind === "viewed" ? place.element : undefined;
}

/** Whether the expression, or one below it, satisfies the condition. */
export function contains(node: Expression, condition: (part: Expression) => boolean): boolean {
	return condition(node) || operandsOf(node).some((part) => contains(part, condition));
}
