import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { missingCapabilities } from "../../../src/adapters/capabilities/capabilities.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

const run = promisify(execFile);

/** /proc/self/status of a process that has lost these capabilities. */
async function statusWithout(...names: readonly string[]): Promise<string> {
  const dropped = names.map((name) => `-${name.toLowerCase()}`).join(",");
  const { stdout } = await run("setpriv", [`--bounding-set=${dropped}`, "cat", "/proc/self/status"]);
  return stdout;
}

test.each([
  [["NET_RAW"], ["NET_RAW"]],
  [
    ["SYS_ADMIN", "NET_ADMIN"],
    ["NET_ADMIN", "SYS_ADMIN"],
  ],
  [["SYS_PTRACE", "MKNOD"], []],
])("a process without %j misses %j", async (dropped, missing) => {
  expect(missingCapabilities(await statusWithout(...dropped))).toEqual(missing);
});

test("headcni-wire says what it misses and ends", async () => {
  const main = new URL("../../../src/programs/wire/main.ts", import.meta.url).pathname;
  const file = join(temporaryDirectory(), "config.yaml");
  const headscale = { url: "http://10.99.0.1:8080" };
  const network = { podCIDR: "10.244.0.0/16", nodePodCIDR: "10.244.1.0/24" };
  await writeFile(file, JSON.stringify({ headscale, network }));
  const failure = await run("setpriv", [
    "--bounding-set=-net_raw",
    process.execPath,
    main,
    "--config",
    file,
  ]).catch((error: { readonly code: number; readonly stdout: string }) => error);
  expect(failure).toMatchObject({
    code: 1,
    stdout: expect.stringContaining("capability NET_RAW:") as string,
  });
});
