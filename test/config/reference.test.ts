import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { createKeyCatalogue } from "../../src/config/keys/key-catalogue.ts";
import { configReference } from "../../src/config/reference.ts";

test("the committed configuration reference is that of the schema", async () => {
  const committed = await readFile(new URL("../../src/config/README.md", import.meta.url), "utf8");
  expect(committed).toBe(configReference(createKeyCatalogue()));
});
