/** A text as it stands in XML or SVG: between tags, or in an attribute in double quotes. */
export function inXml(text: string): string {
	return text.replace(/[&<>"]/g, (each) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[each]!);
}
