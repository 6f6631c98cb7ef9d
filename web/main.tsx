// The page begins here.

import { render } from "preact";
import { viewIn } from "./shell/embed.tsx";
import { Shell } from "./shell/shell.tsx";

const view = viewIn(location.search);
if (view !== undefined) document.documentElement.dataset.view = view;
render(<Shell />, document.getElementById("lab")!);
