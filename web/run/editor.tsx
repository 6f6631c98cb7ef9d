// The source: CodeMirror in a shadow root, where it can style itself under the page's policy. Lines carry the flags of the
// CPUs that are there, the marks of the lines that call through a site, and the mistake if there is one.

import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { EditorState, StateEffect, StateField } from "@codemirror/state";
import { Decoration, type DecorationSet, EditorView, keymap, lineNumbers, WidgetType } from "@codemirror/view";
import { useEffect, useRef } from "preact/hooks";
import type { ProblemAt } from "./question.ts";

export interface Marks {
	/** CPU -> line. */
	readonly cpus: readonly (number | undefined)[];
	readonly sites: readonly number[];
	readonly lit: number | undefined;
	readonly problem: ProblemAt | undefined;
}

interface EditorProps {
	readonly source: string;
	readonly marks: Marks;
	change(source: string): void;
	/** It is shown, and cannot be edited. */
	readonly isFixed: boolean;
}

const setMarks = StateEffect.define<Marks>();

class Flag extends WidgetType {
	readonly cpu: number;
	constructor(cpu: number) {
		super();
		this.cpu = cpu;
	}
	override eq({ cpu }: Flag): boolean {
		return cpu === this.cpu;
	}
	toDOM(): HTMLElement {
		const flag = document.createElement("span");
		flag.className = "cm-flag";
		flag.textContent = `cpu${this.cpu}`;
		return flag;
	}
}

const marking = StateField.define<DecorationSet>({
	create: () => Decoration.none,
	update(set, transaction) {
		let now = set.map(transaction.changes);
		for (const effect of transaction.effects)
			if (effect.is(setMarks)) now = decorationsOf(transaction.state, effect.value);
		return now;
	},
	provide: (field) => EditorView.decorations.from(field),
});

function decorationsOf({ doc }: EditorState, { cpus, sites, lit, problem }: Marks): DecorationSet {
	const has = (line: number | undefined): line is number => line !== undefined && line >= 1 && line <= doc.lines;
	const lines = (all: readonly (number | undefined)[], name: string) =>
		[...new Set(all.filter(has))].map((line) => Decoration.line({ class: name }).range(doc.line(line).from));
	const flags = cpus.flatMap((line, cpu) =>
		has(line) ? [Decoration.widget({ widget: new Flag(cpu), side: 1 }).range(doc.line(line).to)] : [],
	);
	const wrong = problem?.line;
	return Decoration.set(
		[
			...lines(sites, "cm-site"),
			...lines(cpus, "cm-here"),
			...lines([lit], "cm-lit"),
			...lines(has(wrong) ? [wrong] : [], "cm-wrong"),
			...flags,
		],
		true,
	);
}

const theme = EditorView.theme({
	"&": { height: "100%", fontSize: "12.5px", color: "var(--ink)", backgroundColor: "var(--ground)" },
	".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "1.5" },
	".cm-gutters": { backgroundColor: "var(--panel)", color: "var(--quiet)", border: "none" },
	".cm-content": { caretColor: "var(--ink)" },
	".cm-cursor": { borderLeftColor: "var(--ink)" },
	"&.cm-focused": { outline: "3px solid var(--focus)", outlineOffset: "-3px" },
	"&.cm-focused .cm-selectionBackground, .cm-selectionBackground": { backgroundColor: "var(--now) !important" },
	".cm-site": { textDecoration: "underline", textDecorationColor: "var(--new)", textUnderlineOffset: "3px" },
	".cm-here": { backgroundColor: "var(--now)" },
	".cm-lit": { boxShadow: "inset 0 0 0 2px var(--new)" },
	".cm-wrong": { boxShadow: "inset 4px 0 0 var(--stop)", textDecoration: "underline wavy var(--stop)" },
	".cm-flag": {
		marginLeft: "8px",
		padding: "0 5px",
		border: "1px solid var(--ink)",
		borderRadius: "3px",
		fontSize: "11px",
		fontWeight: "700",
	},
});

export default function Editor({ source, marks, change, isFixed }: EditorProps) {
	const host = useRef<HTMLDivElement>(null);
	const view = useRef<EditorView | undefined>(undefined);
	const told = useRef(change);
	told.current = change;
	useEffect(() => {
		const root = host.current!.shadowRoot ?? host.current!.attachShadow({ mode: "open" });
		const made = new EditorView({
			root,
			parent: root,
			state: EditorState.create({
				doc: source,
				extensions: [
					lineNumbers(),
					history(),
					keymap.of([...defaultKeymap, ...historyKeymap, indentWithTab]),
					marking,
					theme,
					EditorState.readOnly.of(isFixed),
					EditorView.contentAttributes.of({ "aria-label": "Source of the program", tabindex: "0" }),
					EditorView.updateListener.of((update) => {
						if (update.docChanged) told.current(update.state.doc.toString());
					}),
				],
			}),
		});
		view.current = made;
		return () => made.destroy();
	}, []);
	useEffect(() => {
		const { current } = view;
		if (current === undefined || current.state.doc.toString() === source) return;
		current.dispatch({ changes: { from: 0, to: current.state.doc.length, insert: source } });
	}, [source]);
	useEffect(() => {
		const { current } = view;
		if (current === undefined) return;
		const line = marks.cpus.find((one) => one !== undefined && one <= current.state.doc.lines);
		const effects: StateEffect<unknown>[] = [setMarks.of(marks)];
		if (line !== undefined && !current.hasFocus)
			effects.push(EditorView.scrollIntoView(current.state.doc.line(line).from, { y: "nearest", yMargin: 40 }));
		current.dispatch({ effects });
	}, [marks]);
	return <div class="cm-host" ref={host} />;
}
