// The runtime behind `patchbay/source`: it makes every program an ES module that Node runs unchanged, and so the
// reference for what the simulated machine must print. Node cannot patch code, so here a static call is a pointer
// in both forms and a static key a number; what the compiler refuses is an ArgumentError
// here as far as it can be seen at run time.

import { ArgumentError } from "../errors.ts";

/** What a key can call. */
export type Callable = (...args: never[]) => unknown;
type AnyCallable = (...args: number[]) => unknown;

declare const accepts: unique symbol;
/** Known to the type checker alone: what `update` or `setFfp` may put in. */
interface Accepts<T> {
	readonly [accepts]: (target: T) => void;
}

/** A static call of functions like `F`; it is called as `F` is. */
export type Key<F extends Callable> = F & Accepts<F>;
/** A static call that may be null: its arguments are evaluated, its result does not exist. */
export type NullableKey<F extends Callable> = ((...args: Parameters<F>) => void) & Accepts<F | null>;
/** A fast function pointer: called as `pointer.fn(...)`. */
export interface Ffp<F extends Callable> extends Accepts<F> {
	readonly fn: F;
}
/** A fast function pointer that may be null: `pointer.fn(...)` evaluates its arguments and has no result. */
export interface NullableFfp<F extends Callable> extends Accepts<F | null> {
	readonly fn: (...args: Parameters<F>) => void;
}

interface StaticCall {
	<F extends Callable>(target: F): Key<F>;
	/** The signature is that of `like`, else of the first call or update. */
	<F extends Callable = AnyCallable>(target: null, like?: F): NullableKey<F>;
	/** A static call that starts by returning 0; also what puts one back into that state: `update(key, staticCall.ret0)`. */
	readonly ret0: <F extends Callable = (...args: number[]) => number>(like?: F) => Key<F>;
}
interface DefineFfp {
	<F extends Callable>(target: F): Ffp<F>;
	<F extends Callable = AnyCallable>(target: null, like?: F): NullableFfp<F>;
	readonly ret0: <F extends Callable = (...args: number[]) => number>(like?: F) => Ffp<F>;
}
type Ret0 = StaticCall["ret0"] | DefineFfp["ret0"];

type Code = (...args: readonly unknown[]) => unknown;

/** Linux's `struct ffp`, with what is needed to refuse a target. */
interface Pointer {
	fn: Code;
	readonly default_fn: Code;
	readonly nullable: boolean;
	/** Undefined until the first call or update shows it. */
	parameters: number | undefined;
}

const nothing: Code = () => undefined;
const zero: Code = () => 0;

/** What the program holds, a key or an FFP, and the pointer behind it. */
const pointers = new WeakMap<object, Pointer>();

/**
 * Makes a static call that starts with `target`; `staticCall(null)` calls nothing, `staticCall.ret0()` returns 0.
 *
 *     export const pick = staticCall(fifo);
 *     pick(3); // calls fifo until `update(pick, deadline)`
 *
 * @throws ArgumentError when `target` is no function, or is a key itself
 */
export const staticCall: StaticCall = Object.assign(
	(target: unknown, like?: unknown) => makeKey(makePointer("staticCall", target, like)),
	{ ret0: (like?: unknown) => makeKey(makePointer("staticCall.ret0", staticCall.ret0, like)) },
) as StaticCall;

/**
 * Makes a fast function pointer that starts with `target`: `staticCall` with the call written as `pointer.fn(...)`.
 * @throws ArgumentError when `target` is no function, or is a key itself
 */
export const defineFfp: DefineFfp = Object.assign(
	(target: unknown, like?: unknown) => makeFfp(makePointer("defineFfp", target, like)),
	{ ret0: (like?: unknown) => makeFfp(makePointer("defineFfp.ret0", defineFfp.ret0, like)) },
) as DefineFfp;

/** From now on every call of `key` goes to `target`. */
export function update<T extends Callable | null>(key: Accepts<T>, target: NoInfer<T> | Ret0): void {
	retarget("update", key, target);
}

/**
 * Makes every call through `pointer` from now on go to `target`.
 * @throws ArgumentError when `pointer` is not a pointer, when `target` is null and may not be, or when it takes more
 * arguments than the pointer's calls pass
 */
export function setFfp<T extends Callable | null>(pointer: Accepts<T>, target: NoInfer<T> | Ret0): void {
	retarget("setFfp", pointer, target);
}

/** Makes `key` call again what it was made with. @throws ArgumentError when it is not a key */
export function reset(key: Accepts<never>): void {
	restore("reset", key);
}

/** Makes `pointer` call again what it was made with. @throws ArgumentError when it is not a pointer */
export function resetFfp(pointer: Accepts<never>): void {
	restore("resetFfp", pointer);
}

/** What `key` calls now, to be compared with a function or null. */
export function query<T extends Callable | null>(key: Accepts<T>): T | Ret0 {
	return current("query", key, staticCall.ret0) as T | Ret0;
}

/**
 * What `pointer` calls now, to be compared with a function or null.
 * @throws ArgumentError when it is not a pointer
 */
export function queryFfp<T extends Callable | null>(pointer: Accepts<T>): T | Ret0 {
	return current("queryFfp", pointer, defineFfp.ret0) as T | Ret0;
}

declare const switches: unique symbol;
/** A switch that branches follow: on while it has users. */
export interface StaticKey {
	readonly [switches]: true;
}

/** How many users each static key has. */
const users = new WeakMap<StaticKey, number>();

/**
 * Makes a static key that is on or off at the start: the condition of `if (staticBranch(key))`.
 * @throws ArgumentError when `initial` is not a boolean
 */
export function staticKey(initial: boolean): StaticKey {
	if (typeof initial !== "boolean") throw new ArgumentError("staticKey: write staticKey(false) or staticKey(true)");
	const key = {} as StaticKey;
	users.set(key, initial ? 1 : 0);
	return key;
}

/** The same, whose branches look at the key instead of being patched. */
export const plainKey = staticKey;

/** Whether the key is enabled, as the condition of a branch. @param _expected the way laid out without a jump */
export function staticBranch(key: StaticKey, _expected?: boolean): boolean {
	return usersOf("staticBranch", key) > 0;
}

/** Whether the key has a user. @throws ArgumentError when `key` was not made with `staticKey` */
export function isEnabled(key: StaticKey): boolean {
	return usersOf("isEnabled", key) > 0;
}

/** Gives the key a user if it has none. */
export function enable(key: StaticKey): void {
	users.set(key, Math.max(1, usersOf("enable", key)));
}

/** Takes the key its only user, if it has one. */
export function disable(key: StaticKey): void {
	if (usersOf("disable", key) > 1) throw new ArgumentError("disable: the key has several users, who decrement it");
	users.set(key, 0);
}

/** One user more; the first one enables the key. */
export function increment(key: StaticKey): void {
	users.set(key, usersOf("increment", key) + 1);
}

/** One user less; with the last one the key is disabled. */
export function decrement(key: StaticKey): void {
	const count = usersOf("decrement", key);
	if (count === 0) throw new ArgumentError("decrement: the key has no user");
	users.set(key, count - 1);
}

function usersOf(who: string, key: StaticKey): number {
	const count = typeof key === "object" && key !== null ? users.get(key) : undefined;
	if (count === undefined) throw new ArgumentError(`${who}: the first argument must be a key made with staticKey`);
	return count;
}

/** What the compiler is to know of an operation's calls. */
export interface OperationOptions<F extends Callable> {
	/** What a call may change: nothing, the register of the result, or what every call may. */
	readonly clobbers?: "none" | "result" | "all";
	/** Room at each call for the function's own instructions. */
	readonly bytes?: number;
	/** Other functions that it may be set to before the program starts. */
	readonly also?: readonly F[];
}

interface Paravirt {
	<F extends Callable>(native: F, options?: OperationOptions<F>): F;
	/** Has to be set to a function like `like` before the program starts. */
	<F extends Callable>(native: null, like?: F, options?: OperationOptions<F>): F;
}

/** An operation that is settled once, before the program starts: then its calls become direct, or the function's own
 * instructions. */
export const paravirt: Paravirt = (native: Callable | null, ...rest: readonly unknown[]): never => {
	if (native !== null) codeOf("paravirt", native, false);
	const signature = native ?? rest.find((one) => typeof one === "function");
	const parameters = typeof signature === "function" ? signature.length : undefined;
	const operation = makeKey({
		fn: native === null ? bug : (native as Code),
		default_fn: bug,
		nullable: false,
		parameters,
	});
	pointers.delete(operation);
	return operation as never;
};

const bug: Code = () => {
	throw new ArgumentError("a call of an operation that is null");
};

/** One line: the values, with a space between. */
export function print(...values: readonly (number | string)[]): void {
	for (const value of values) checkPrintable(value);
	emit(values.join(" "));
}

let emit = (line: string): void => console.log(line);

/** The lines that `run` prints, instead of having them printed. One that loads a module, and so gives a promise, has its
 * lines when that is settled; nothing else should print until then. */
export function capturePrint(run: () => Promise<void>): Promise<string[]>;
export function capturePrint(run: () => void): string[];
export function capturePrint(run: () => void | Promise<void>): string[] | Promise<string[]> {
	const outer = emit;
	const lines: string[] = [];
	const restore = () => {
		emit = outer;
	};
	emit = (line) => void lines.push(line);
	let loading: void | Promise<void>;
	try {
		loading = run();
	} catch (error) {
		restore();
		throw error;
	}
	if (loading instanceof Promise) return loading.finally(restore).then(() => lines);
	restore();
	return lines;
}

function makePointer(who: string, target: unknown, like: unknown): Pointer {
	const default_fn = codeOf(who, target, target === null);
	const signature = like ?? (isPlain(target) ? undefined : target);
	if (signature !== undefined) codeOf(who, signature, false);
	const parameters = typeof signature === "function" ? signature.length : undefined;
	return { fn: default_fn, default_fn, nullable: target === null, parameters };
}

function makeKey(pointer: Pointer): Code {
	const key: Code = (...args) => {
		agree("a call passes", pointer, args.length);
		const result = pointer.fn(...args);
		return pointer.nullable ? undefined : result;
	};
	pointers.set(key, pointer);
	return key;
}

function makeFfp(pointer: Pointer): object {
	pointers.set(pointer, pointer);
	return pointer;
}

function retarget(who: string, holder: unknown, target: unknown): void {
	const pointer = pointerOf(who, holder);
	const fn = codeOf(who, target, pointer.nullable);
	if (typeof target === "function" && !isPlain(target)) {
		pointer.parameters ??= target.length;
		// A function with fewer parameters does not look at the other arguments.
		if (target.length > pointer.parameters) agree(`${who}: '${target.name}' takes`, pointer, target.length);
	}
	pointer.fn = fn;
}

function restore(who: string, holder: unknown): void {
	const pointer = pointerOf(who, holder);
	pointer.fn = pointer.default_fn;
}

function current(who: string, holder: unknown, ret0: unknown): unknown {
	const { fn } = pointerOf(who, holder);
	return fn === nothing ? null : fn === zero ? ret0 : fn;
}

function pointerOf(who: string, holder: unknown): Pointer {
	const isObject = typeof holder === "function" || (typeof holder === "object" && holder !== null);
	const pointer = isObject ? pointers.get(holder) : undefined;
	if (pointer === undefined) {
		throw new ArgumentError(
			`${who}: the first argument must be a key made with staticCall, or an FFP made with defineFfp`,
		);
	}
	return pointer;
}

/** The code that stands for a target as the program names it. */
function codeOf(who: string, target: unknown, nullable: boolean): Code {
	if (target === null && nullable) return nothing;
	if (target === null) throw new ArgumentError(`${who}: this key may not be null, only one made with staticCall(null)`);
	if (isPlain(target)) return zero;
	if (typeof target !== "function")
		throw new ArgumentError(`${who}: ${typeof target} given where a function is needed`);
	if (pointers.has(target)) throw new ArgumentError(`${who}: a key given where a function is needed`);
	return target as Code;
}

/** The targets that have no signature of their own. */
function isPlain(target: unknown): boolean {
	return target === null || target === staticCall.ret0 || target === defineFfp.ret0;
}

function agree(what: string, pointer: Pointer, count: number): void {
	pointer.parameters ??= count;
	if (count === pointer.parameters) return;
	throw new ArgumentError(
		`${what} ${count} argument${count === 1 ? "" : "s"} where the key takes ${pointer.parameters}`,
	);
}

function checkPrintable(value: unknown): void {
	if (typeof value === "string") return;
	if (typeof value === "boolean") throw new ArgumentError("print of a boolean: write b ? 1 : 0");
	if (typeof value !== "number") throw new ArgumentError(`print of ${value}: only numbers and text can be printed`);
	if (value !== (value | 0) && value !== value >>> 0) {
		throw new ArgumentError(`print of ${value}: not an integer of 32 bits, write x | 0 or x >>> 0`);
	}
}
