// The page as a part of somebody else's: an address with one view of a room, for an iframe.

import type { RefObject } from "preact";
import { useState } from "preact/hooks";

/** By room: what can be shown alone. */
export const views: Readonly<Record<string, Readonly<Record<string, string>>>> = {
	run: {
		all: "the whole room",
		source: "the source",
		code: "the machine code",
		site: "the call sites",
		cpus: "the CPUs",
	},
	check: {
		all: "the whole room",
		way: "the verdict and the way to it",
		protocol: "the cards",
		stand: "what can be fetched",
	},
	learn: { all: "the whole lesson", lesson: "its text" },
	look: { all: "the whole room", picture: "the picture" },
};

/** The view that an address asks for; undefined where it asks for none that there is. */
export function viewIn(search: string): string | undefined {
	const view = new URLSearchParams(search).get("view") ?? "";
	return Object.values(views).some((known) => Object.hasOwn(known, view)) ? view : undefined;
}

interface EmbedProps {
	readonly dialog: RefObject<HTMLDialogElement | null>;
	readonly room: string;
	/** The fragment of a link to what is shown. */
	readonly fragment: string;
}

export function Embed({ dialog, room, fragment }: EmbedProps) {
	const known = views[room] ?? {};
	const [chosen, setChosen] = useState("all");
	const view = Object.hasOwn(known, chosen) ? chosen : "all";
	const address = `${location.origin}${location.pathname}?view=${view}${fragment}`;
	return (
		<dialog class="embed" ref={dialog} aria-labelledby="embed">
			<h2 id="embed">Embed</h2>
			<form method="dialog">
				<label>
					What to show{" "}
					<select value={view} onChange={({ currentTarget }) => setChosen(currentTarget.value)}>
						{Object.entries(known).map(([name, words]) => (
							<option key={name} value={name}>
								{words}
							</option>
						))}
					</select>
				</label>
				<textarea
					aria-label="HTML of the frame"
					readOnly
					rows={5}
					value={`<iframe src="${address}" title="patchbay lab" width="100%" height="480"></iframe>`}
				/>
				<button type="submit">Close</button>
			</form>
		</dialog>
	);
}
