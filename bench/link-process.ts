// The linker as a process of its own, without the command line around it: reads objects, links, writes the image.
// Arguments: the image's path, then the objects'.

import { readFileSync } from "node:fs";
import { writePieces } from "../cli/shell/files.ts";
import { elfPieces, readElf } from "../linker/elf/index.ts";
import { link } from "../linker/link/index.ts";

const [output, ...files] = process.argv.slice(2);
const objects = files.map((file) => readElf(readFileSync(file), file));
writePieces(output!, elfPieces(link(objects, { name: output! }).elf));
