// A picture as a file of its own: the very nodes that are on the page, with the look that the stylesheet gives them.

import type { RefObject } from "preact";

const looks = [
	...["fill", "stroke", "stroke-width", "stroke-dasharray", "stroke-linejoin", "opacity", "paint-order"],
	...["font-family", "font-size", "font-weight", "text-anchor"],
];

/** @returns SVG text that needs no stylesheet */
export function svgText(svg: SVGSVGElement): string {
	const copy = svg.cloneNode(true) as SVGSVGElement;
	const from = [svg, ...svg.querySelectorAll<SVGElement>("*")];
	const to = [copy, ...copy.querySelectorAll<SVGElement>("*")];
	for (const [i, node] of from.entries()) {
		const style = getComputedStyle(node);
		for (const look of looks) to[i]!.setAttribute(look, style.getPropertyValue(look));
		to[i]!.removeAttribute("class");
	}
	copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
	const ground = document.createElementNS("http://www.w3.org/2000/svg", "rect");
	ground.setAttribute("width", "100%");
	ground.setAttribute("height", "100%");
	ground.setAttribute("fill", getComputedStyle(document.documentElement).backgroundColor);
	copy.prepend(ground);
	return new XMLSerializer().serializeToString(copy);
}

async function pngOf(svg: SVGSVGElement): Promise<Blob> {
	const { width, height } = svg.getBoundingClientRect();
	const image = new Image();
	image.src = URL.createObjectURL(new Blob([svgText(svg)], { type: "image/svg+xml" }));
	await image.decode();
	const canvas = document.createElement("canvas");
	canvas.width = Math.ceil(width * 2);
	canvas.height = Math.ceil(height * 2);
	canvas.getContext("2d")!.drawImage(image, 0, 0, canvas.width, canvas.height);
	URL.revokeObjectURL(image.src);
	return new Promise((done, fail) =>
		canvas.toBlob((blob) => (blob === null ? fail(new Error("no picture came of it")) : done(blob)), "image/png"),
	);
}

function save(blob: Blob, name: string): void {
	const link = document.createElement("a");
	link.href = URL.createObjectURL(blob);
	link.download = name;
	link.click();
	setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

interface ExportProps {
	/** What holds the picture. */
	readonly of: RefObject<HTMLElement | null>;
	/** The file's name, without its end. */
	readonly name: string;
}

export function Export({ of, name }: ExportProps) {
	const picture = (): SVGSVGElement | null => of.current?.querySelector("svg") ?? null;
	return (
		<p class="export">
			<button
				type="button"
				onClick={() => {
					const svg = picture();
					if (svg !== null) save(new Blob([svgText(svg)], { type: "image/svg+xml" }), `${name}.svg`);
				}}
			>
				Save as SVG
			</button>
			<button
				type="button"
				onClick={async () => {
					const svg = picture();
					if (svg !== null) save(await pngOf(svg), `${name}.png`);
				}}
			>
				Save as PNG
			</button>
		</p>
	);
}
