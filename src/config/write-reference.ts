/** `npm run config-reference`: writes README.md of this folder out of the schema. */
import { writeFile } from "node:fs/promises";
import { createKeyCatalogue } from "./keys/key-catalogue.ts";
import { configReference } from "./reference.ts";

await writeFile(new URL("README.md", import.meta.url), configReference(createKeyCatalogue()));
