// Which line and column each instruction comes from, as the object's line table.

import { addLines, type SectionBuilder } from "../../elf/index.ts";
import { R_TOY_ABS32 } from "../../isa/index.ts";
import { originFile, type Position } from "../origin.ts";
import type { Emission } from "./emission.ts";

/** Notes that the next bytes of the section come from there. */
export function noteLine(e: Emission, section: SectionBuilder, at: Position): void {
	const rows = e.lines.get(section) ?? [];
	e.lines.set(section, rows);
	const last = rows.at(-1);
	if (last?.line === at.line && last.column === at.column) return;
	rows.push({ offset: section.size, file: 0, line: at.line, column: at.column });
}

export function emitLines(e: Emission): void {
	const sequences = Array.from(e.lines, ([section, rows]) => ({ section, rows, end: section.size }));
	if (sequences.length === 0) return;
	addLines(e.builder, { files: [originFile(e.module.origin)], sequences, addressRelocation: R_TOY_ABS32 });
}
