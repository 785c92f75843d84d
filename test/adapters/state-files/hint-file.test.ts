import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createHintFile } from "../../../src/adapters/state-files/hint-file.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

const hints = [{ prefix: "10.244.1.0/24", cursor: 7, resting: [{ offset: 3, sinceMs: 1_000 }] }];

test("gives back what was last written", async () => {
  const directory = temporaryDirectory();
  const file = createHintFile(join(directory, "hints.json"));
  expect(await file.read()).toEqual([]);
  await file.write([]);
  await file.write(hints);
  expect(await file.read()).toEqual(hints);
  expect(readdirSync(directory)).toEqual(["hints.json"]);
});

test.each(["", "{", "[1]", '[{"prefix":1}]', "null"])("reads %j as no hints", async (text) => {
  const path = join(temporaryDirectory(), "hints.json");
  writeFileSync(path, text);
  expect(await createHintFile(path).read()).toEqual([]);
});

test("a place that cannot be written or read costs nothing but the hints", async () => {
  const path = join(temporaryDirectory(), "hints.json");
  mkdirSync(path);
  const file = createHintFile(path);
  await file.write(hints);
  expect(await file.read()).toEqual([]);
});
