// Values that come from outside as JSON are held against a JSON Schema before anybody reads them: an unknown key, a wrong
// type, a missing field is an error that names its path. The schemas are literals beside the types they describe, and are
// published as files (docs/schemas). The validator walks the schema, so it needs no generated code and runs in a page
// whose policy forbids `eval`.

import { type OutputUnit, type Schema as SchemaNode, Validator } from "@cfworker/json-schema";
import { LinkError, suggestion } from "./errors.ts";

/** A JSON Schema, draft 2020-12, of one kind of value. */
export interface Schema extends SchemaNode {
	readonly properties?: Record<string, Schema>;
}

export const text: Schema = { type: "string" };
export const yesOrNo: Schema = { type: "boolean" };
export const count: Schema = { type: "integer", minimum: 0, maximum: Number.MAX_SAFE_INTEGER };

/** A list of such values. */
export function listOf(items: Schema): Schema {
	return { type: "array", items };
}

/** An object with these keys and no others. @param required those that must be there; all, unless said otherwise */
export function objectOf(
	properties: Record<string, Schema>,
	required: readonly string[] = Object.keys(properties),
): Schema {
	return { type: "object", properties, required: [...required], additionalProperties: false };
}

/** An object whose keys are names. */
export function recordOf(values: Schema): Schema {
	return { type: "object", additionalProperties: values };
}

/** What a campaign was asked for, by the names of options. */
export const askedSchema: Schema = recordOf({
	type: ["string", "number", "boolean", "array"],
	items: text,
});

/** What each part reported, of a campaign in parts that was stopped. */
export const partsSchema: Schema = listOf({ type: "object" });

/** A name, or the thing itself: what is said of keys and items is said of objects and lists alone. */
export function nameOr(thing: Schema): Schema {
	return { ...thing, type: ["string", thing.type as "object"] };
}

/** An object whose field `tag` says which of these it is. */
export function taggedBy(tag: string, kinds: Record<string, Schema>): Schema {
	const tagged = (name: string): Schema => ({
		type: "object",
		required: [tag],
		properties: { [tag]: { const: name } },
	});
	return {
		type: "object",
		required: [tag],
		properties: { [tag]: { enum: Object.keys(kinds) } },
		allOf: Object.entries(kinds).map(([name, { properties = {}, required = [] }]) => ({
			if: tagged(name),
			// biome-ignore lint/suspicious/noThenProperty: JSON Schema has a keyword of this name.
			then: objectOf({ [tag]: { const: name }, ...properties }, [tag, ...required]),
		})),
	};
}

/** Holds a value against a schema. @param place for messages: usually the file
 * @throws LinkError naming the path in the value and what is allowed there */
export function validate<T>(schema: Schema, value: unknown, place: string): T {
	const { valid, errors } = verdictOf(schema, value, place);
	if (valid) return value as T;
	// The first error of a value comes last: those around it tell of it.
	const last = errors.at(-1)!;
	throw new LinkError(`${place}: ${messageOf(schema, value, last, errors.at(-2))}`);
}

function verdictOf(schema: Schema, value: unknown, place: string): ReturnType<Validator["validate"]> {
	try {
		return validatorOf(schema).validate(value);
	} catch (error) {
		// Paths are written as URIs, which half a character cannot be part of.
		if (error instanceof URIError) throw new LinkError(`${place}: a key is no well-formed text`);
		throw error;
	}
}

const validators = new WeakMap<Schema, Validator>();

function validatorOf(schema: Schema): Validator {
	let validator = validators.get(schema);
	if (validator === undefined) {
		validator = new Validator(schema, "2020-12");
		validators.set(schema, validator);
	}
	return validator;
}

function messageOf(schema: Schema, value: unknown, error: OutputUnit, around: OutputUnit | undefined): string {
	const path = error.instanceLocation.split("/").slice(1).map(decoded);
	const where = pathText(path);
	if (error.keyword === "false") {
		const known = Object.keys((at(schema, parent(around!)) as Schema).properties ?? {});
		const key = path.at(-1)!;
		return `${pathText(path.slice(0, -1))}: there is no '${key}'${suggestion(key, known)}; there are ${known.join(", ")}`;
	}
	const rule = at(schema, parent(error)) as Schema;
	const found = shown(atPath(value, path));
	switch (error.keyword) {
		case "required": {
			const has = atPath(value, path) as object;
			return `${where}: '${rule.required!.find((key) => !Object.hasOwn(has, key))}' is missing`;
		}
		case "type":
			return `${where}: ${found} is not ${[rule.type].flat().map(typeText).join(" or ")}`;
		case "enum":
		case "const": {
			const allowed = rule.enum ?? [rule.const];
			const value_ = atPath(value, path);
			const near = typeof value_ === "string" ? suggestion(value_, allowed.map(String)) : "";
			return `${where}: ${found} is not ${allowed.map(shown).join(", ")}${near}`;
		}
		case "minimum":
		case "maximum":
			return `${where}: ${found} is not in [${rule.minimum ?? "-∞"}, ${rule.maximum ?? "∞"}]`;
		case "minItems":
			return `${where}: there are fewer than ${rule.minItems}`;
		case "pattern":
			return `${where}: ${found} is not ${rule.description ?? rule.pattern}`;
		default:
			return `${where}: ${error.error}`;
	}
}

/** Where the keyword of an error stands. */
function parent({ keywordLocation }: OutputUnit): readonly string[] {
	return keywordLocation.split("/").slice(1, -1).map(decoded);
}

function at(schema: Schema, path: readonly string[]): unknown {
	return atPath(schema, path);
}

function atPath(value: unknown, path: readonly string[]): unknown {
	return path.reduce((inner, key) => (inner as Record<string, unknown>)[key], value);
}

function decoded(part: string): string {
	return decodeURIComponent(part).replaceAll("~1", "/").replaceAll("~0", "~");
}

/** `cpus[0].count` */
function pathText(path: readonly string[]): string {
	if (path.length === 0) return "at the top";
	return path.map((key, i) => (/^\d+$/.test(key) ? `[${key}]` : `${i === 0 ? "" : "."}${key}`)).join("");
}

function typeText(type: string | undefined): string {
	return type === "integer"
		? "a whole number"
		: type === "array"
			? "a list"
			: type === "object"
				? "an object"
				: `a ${type}`;
}

/** A value in a few characters. */
function shown(value: unknown): string {
	if (Array.isArray(value)) return "a list";
	if (typeof value === "object" && value !== null) return "an object";
	const written = typeof value === "string" ? `'${value}'` : String(value);
	return written.length > 60 ? `${written.slice(0, 60)}...` : written;
}
