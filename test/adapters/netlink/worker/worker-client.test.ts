import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { loadLibc } from "../../../../src/adapters/netlink/libc.ts";
import {
  startWorkerClient,
  type WorkerClient,
} from "../../../../src/adapters/netlink/worker/worker-client.ts";
import { until } from "../../../support/until.ts";

const nonBlocking = 0o4000;

async function clientOf(source: string, failures: Error[] = []): Promise<WorkerClient> {
  return startWorkerClient({
    workerUrl: new URL(`data:text/javascript,${encodeURIComponent(source)}`),
    wakeFd: loadLibc().eventfd(0, nonBlocking),
    sysctlRoot: "/proc/sys",
    changed: () => undefined,
    failed: (error) => failures.push(error),
  });
}

describe("the worker's client", () => {
  test("a worker that cannot start is a failed start", async () => {
    await expect(clientOf(`throw new Error("no kernel")`)).rejects.toThrow("no kernel");
  });

  test("a worker that ends without a word is a failed start", async () => {
    await expect(clientOf("process.exit(3)")).rejects.toMatchObject({ detail: { code: "CLOSED" } });
  });

  test("a worker that dies fails what waits for it and what comes later, and says why", async () => {
    const failures: Error[] = [];
    const client = await clientOf(
      `import { parentPort } from "node:worker_threads";
       parentPort.on("message", () => { throw new Error("lost"); });
       parentPort.postMessage({ kind: "opened" });`,
      failures,
    );
    await expect(client.command("list")()).rejects.toMatchObject({ detail: { code: "CLOSED" } });
    await until(() => failures.length > 0, "the failure to be told");
    expect(failures.map(({ message }) => message)).toEqual(["lost"]);
    await expect(client.command("list")()).rejects.toMatchObject({ detail: { code: "CLOSED" } });
    await client.close();
  });

  test("process.exit() does not wait for the sleeping worker", async () => {
    const entry = fileURLToPath(new URL("../support/exiting-process.ts", import.meta.url));
    const code = await new Promise((resolve) => {
      execFile("unshare", ["--net", process.execPath, entry], { timeout: 10_000 }, (error) => {
        resolve(error?.code ?? error?.signal);
      });
    });
    expect(code).toBe(7);
  });
});
