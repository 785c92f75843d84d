import { writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { addNetns, inNetns, removeNetns } from "./lab/netns.ts";
import { runResult } from "./lab/run-command.ts";
import { temporaryDirectory } from "./support/temporary-directory.ts";

const main = new URL("../src/main.ts", import.meta.url).pathname;

test("a daemon that cannot start ends, whatever it had opened by then", async () => {
  const name = `hcg-${process.pid}-main`;
  await addNetns(name);
  onTestFinished(() => removeNetns(name));
  const directory = temporaryDirectory();
  const other = createServer().listen(join(directory, "http.sock"));
  onTestFinished(() => void other.close());
  const file = join(directory, "config.yaml");
  const config = {
    nodeName: "n1",
    runtimeDir: directory,
    stateDir: join(directory, "state"),
    headscale: { url: "http://10.99.0.1:8080", authKey: "hskey-auth-none-none" },
    network: { podCIDR: "10.244.0.0/16", nodePodCIDR: "10.244.1.0/24" },
  };
  await writeFile(file, JSON.stringify(config));
  // The kernel's worker runs by then. A process that stays would be killed, which is another exit code.
  const command = ["timeout", "--signal=KILL", "60", process.execPath, main, "--config", file] as const;
  const { exitCode, stderr } = await runResult(inNetns(name, [...command]));
  expect(stderr).toContain("http.sock is in use by another process");
  expect(exitCode).toBe(1);
});
