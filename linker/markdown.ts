// Markdown pages that are made of tables and templates: prose whose length nobody knows before is filled into lines.

const WIDTH = 120;

/**
 * Fills the paragraphs and list items of a page that have a line of more than 120 columns. Tables, headings, comments, and
 * code in fences or indented by four spaces stay as they are, and so does what is short enough.
 */
export function filled(page: string): string {
	const out: string[] = [];
	let block: string[] = [];
	let fenced = false;
	const flush = (): void => {
		out.push(...(block.some((line) => line.length > WIDTH) ? fill(block) : block));
		block = [];
	};
	for (const line of page.split("\n")) {
		const isFence = line.startsWith("```");
		const isProse = !fenced && !isFence && !/^(?:$|\||#|<| {4})/.test(line);
		if (!isProse || item.test(line)) flush();
		if (isProse) block.push(line);
		else out.push(line);
		if (isFence) fenced = !fenced;
	}
	flush();
	return out.join("\n");
}

/** The beginning of an item of a list. */
const item = /^(?:[*-]|\d+\.) /;

/** A word that would begin a list or a heading at the beginning of a line; it stays with the word before. */
const marker = /^(?:[*+-]|\d+[.)]|#+|>)$/;

/** The lines of one paragraph, or of one item of a list, whose later lines are indented as its text is. */
function fill(lines: readonly string[]): string[] {
	const indent = " ".repeat(item.exec(lines[0]!)?.[0].length ?? 0);
	const words = lines.flatMap((line) => line.trim().split(" "));
	const filledLines = [words[0]!];
	for (const word of words.slice(1)) {
		const line = filledLines.at(-1)!;
		if (line.length + 1 + word.length <= WIDTH || marker.test(word))
			filledLines[filledLines.length - 1] = `${line} ${word}`;
		else filledLines.push(indent + word);
	}
	return filledLines;
}
