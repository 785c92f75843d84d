import { readFileSync } from "node:fs";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import { passOn } from "../../../src/adapters/tailscale/tailscaled-log.ts";
import { actsOnTerminal } from "../../support/acts-on-terminal.ts";
import { hostile } from "../../support/foreign-text.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";
import { until } from "../../support/until.ts";

test("what tailscaled says of its peers is passed on without what a terminal acts upon, wherever its output is cut", async () => {
  const file = join(temporaryDirectory(), "tailscaled.log");
  const output = new PassThrough();
  passOn([output, null], file);
  const said = Buffer.from(`peer ${hostile} is there: grüße\n`);
  for (const byte of said) output.write(Buffer.of(byte));
  const written = () => readFileSync(file, { encoding: "utf8", flag: "a+" });
  await until(() => written().endsWith("grüße\n"), "the line");
  expect(actsOnTerminal(written())).toBe(false);
  expect(written()).toContain("\\u009b31m");
});
