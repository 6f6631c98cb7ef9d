// What a generator of random programs has at hand: dice, and what the program has declared so far.

/** A repeatable source of choices. */
export interface Dice {
	/** 0 .. sides-1 */
	readonly roll: (sides: number) => number;
	readonly pick: <T>(from: readonly T[]) => T;
	/** True once in `of`. */
	readonly once: (of: number) => boolean;
}

export function newDice(seed: number): Dice {
	let state = seed | 0;
	const next = (): number => {
		state = (state + 0x6d2b79f5) | 0;
		let mixed = Math.imul(state ^ (state >>> 15), state | 1);
		mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
		return (mixed ^ (mixed >>> 14)) >>> 0;
	};
	const roll = (sides: number) => next() % sides;
	return { roll, pick: (from) => from[roll(from.length)]!, once: (of) => roll(of) === 0 };
}

export const elementTypes = [
	"Int32Array",
	"Uint32Array",
	"Uint8Array",
	"Int8Array",
	"Int16Array",
	"Uint16Array",
] as const;
export type ElementType = (typeof elementTypes)[number];

export type NumberType = "int" | "uint";
export type Type = NumberType | "bool";
export type Result = Type | ElementType | "none";

/** A piece of program in two texts: as a user would write it, and with every step checked whose exact result could
 * leave 32 bits, so that Node itself says where the machine has to trap. `~L~` stands for the line it will be on. */
export interface Code {
	readonly plain: string;
	readonly checked: string;
	/** Its value is computed by a step that is checked, and would not be under a coercion to 32 bits. */
	readonly exact?: boolean;
}

/** Code with holes. */
export function code(strings: TemplateStringsArray, ...parts: readonly (Code | string | number)[]): Code {
	const fill = (text: "plain" | "checked") =>
		strings.reduce((sum, string, i) => {
			const part = parts[i - 1]!;
			return sum + (typeof part === "object" ? part[text] : part) + string;
		});
	return { plain: fill("plain"), checked: fill("checked") };
}

export function list(parts: readonly Code[]): Code {
	return { plain: parts.map(({ plain }) => plain).join(", "), checked: parts.map(({ checked }) => checked).join(", ") };
}

/** A name of the module with that number; undefined for a local one. */
export interface Name {
	readonly name: string;
	readonly module?: number | undefined;
}

export interface Variable extends Name {
	readonly type: Type;
	readonly writable: boolean;
	/** Declared with const: the compiler may know its value. */
	readonly fixed?: boolean;
}

export interface Table extends Name {
	readonly element: ElementType;
	/** A power of two; undefined for a parameter or variable. */
	readonly length: number | undefined;
}

export interface Callee extends Name {
	readonly parameters: readonly (NumberType | ElementType)[];
	readonly result: Result;
	/** About how many operations a call is. */
	readonly cost: number;
	/** A call may leave out the last argument. */
	readonly hasDefault?: boolean;
	/** Calls itself that often as its first argument says. */
	readonly recursive?: boolean;
}

export interface Key extends Callee {
	/** What update() may be given. */
	readonly targets: readonly Name[];
}

/** A static key. Those that are counted are never switched off under their users. */
export interface Switch extends Name {
	readonly counted: boolean;
}

/** A function under construction. */
export interface Scene {
	readonly dice: Dice;
	readonly module: number;
	readonly variables: Variable[];
	readonly tables: Table[];
	readonly functions: readonly Callee[];
	readonly keys: readonly Key[];
	readonly switches: readonly Switch[];
	/** "module" for the code at module level, which cannot return. */
	readonly result: Result | "module";
	/** Names of other modules used so far. */
	readonly imports: Set<string>;
	/** What a jump may name; `loop` says which can be continued. */
	readonly exits: { readonly label: string; readonly loop: boolean }[];
	names: number;
	/** How often what is generated now is carried out, and what all that costs. */
	times: number;
	cost: number;
}

export function use(s: Scene, { name, module }: Name): string {
	if (module !== undefined && module !== s.module) s.imports.add(name);
	return name;
}

export function newName(s: Scene, prefix: string): string {
	return `${prefix}${s.names++}`;
}

export function variablesOf(s: Scene, type: Type): Variable[] {
	return s.variables.filter((variable) => variable.type === type);
}

/** The variables that this module may assign to. */
export function writableOf(s: Scene, type: Type): Variable[] {
	return variablesOf(s, type).filter(({ writable, module }) => writable && (module ?? s.module) === s.module);
}

export function ownTables(s: Scene): Table[] {
	return s.tables.filter(({ module }) => (module ?? s.module) === s.module);
}

export const isElementType = (type: Result): type is ElementType => type.endsWith("Array");
