// What a link says: a room, and the state that it opens with, in the fragment: `#check/1.<compressed>`. The version stands
// outside of the compressed part. A link is a stranger's: what it inflates to is bounded, and a room looks at every field.

/** How long the state's text may be, before and after compression. */
const MOST_PACKED = 64 * 1024;
const MOST_TEXT = 256 * 1024;
const VERSION = "1";

export interface Link {
	readonly room: string;
	/** Plain JSON that nobody looked at yet; undefined where the link has none. */
	readonly state: unknown;
	/** Why the state of the link was left out, if it was. */
	readonly problem?: string;
}

/** The fragment for a room and its state. */
export async function linkTo(room: string, state: unknown): Promise<string> {
	const text = new TextEncoder().encode(JSON.stringify(state));
	const packed = await through(text, new CompressionStream("deflate-raw"), Number.POSITIVE_INFINITY);
	return `#${room}/${VERSION}.${base64url(packed)}`;
}

/** Reads a fragment; what cannot be read is said, not thrown. */
export async function readLink(fragment: string): Promise<Link> {
	const [, room = "", version, packed] = /^#?([a-z]*)(?:\/(\w+)\.([\w-]*))?/.exec(fragment) ?? [];
	if (version === undefined || packed === undefined) return { room, state: undefined };
	const without = (problem: string): Link => ({ room, state: undefined, problem });
	if (version !== VERSION) return without(`this link is of version ${version}; this page knows version ${VERSION}`);
	if (packed.length > MOST_PACKED) return without("this link is too long");
	try {
		const bytes = await through(fromBase64url(packed), new DecompressionStream("deflate-raw"), MOST_TEXT);
		return { room, state: JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)) };
	} catch (error) {
		return without(error instanceof TooLarge ? "this link unpacks to too much" : "this link is damaged");
	}
}

class TooLarge extends Error {}

/** Pumps bytes through a stream, and stops as soon as more than `most` came out. */
async function through(bytes: Uint8Array<ArrayBuffer>, stream: GenericTransformStream, most: number) {
	const writer = stream.writable.getWriter();
	const written = writer.write(bytes).then(() => writer.close());
	written.catch(() => {});
	const reader: ReadableStreamDefaultReader<Uint8Array> = stream.readable.getReader();
	const parts: Uint8Array[] = [];
	let length = 0;
	for (;;) {
		const { done, value } = await reader.read();
		if (done) break;
		length += value.length;
		parts.push(value);
		if (length > most) {
			await reader.cancel();
			throw new TooLarge();
		}
	}
	const all = new Uint8Array(length);
	let at = 0;
	for (const part of parts) {
		all.set(part, at);
		at += part.length;
	}
	return all;
}

function base64url(bytes: Uint8Array): string {
	let text = "";
	for (const byte of bytes) text += String.fromCharCode(byte);
	return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function fromBase64url(text: string): Uint8Array<ArrayBuffer> {
	return Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0));
}
