// The linker as a process of its own, without the command line around it: reads objects, links, writes the image.
// Arguments: the image's path, then the objects'.

import { readFileSync, writeFileSync } from "node:fs";
import { readElf, writeElf } from "../linker/elf/index.ts";
import { link } from "../linker/link/index.ts";

const [output, ...files] = process.argv.slice(2);
const objects = files.map((file) => readElf(readFileSync(file), file));
writeFileSync(output!, writeElf(link(objects, { name: output! }).elf));
