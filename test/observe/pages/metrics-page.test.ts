import { createServer, request } from "node:http";
import { describe, expect, onTestFinished, test } from "vitest";
import { createActor } from "xstate";
import { metricsPageMachine } from "../../../machines/metrics-page/metrics-page-machine.ts";
import { metricsPageActors } from "../../../src/actors/metrics-page-actors.ts";
import { createMetricsPage } from "../../../src/observe/pages/metrics-page.ts";
import { until } from "../../support/until.ts";

const metrics = async () => ({ contentType: "text/plain; version=0.0.4", body: "headcni_serving 1\n" });
/** All of 127.0.0.0/8 is this machine's: addresses of "pods" without a network of their own. */
const supernets = ["127.244.0.0/16"];
const router = "127.244.1.1";

/** A port that nobody has now. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, router, resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === "object" && address !== null ? address.port : 0;
}

function ask(port: number, path: string, { from = "127.244.2.7", to = router } = {}) {
  return new Promise<string>((resolve, reject) => {
    request({ host: to, port, path, localAddress: from, agent: false }, (response) => {
      let body = "";
      response.on("data", (chunk) => {
        body += chunk;
      });
      response.on("end", () => resolve(`${response.statusCode} ${body}`));
    })
      .on("error", reject)
      .end();
  });
}

async function opened(addresses: readonly string[] = [router]) {
  const port = await freePort();
  const page = await createMetricsPage(metrics, supernets, port).open(addresses);
  onTestFinished(() => page.close());
  return { port, page };
}

describe("the page that pods read metrics from", () => {
  test("has metrics and nothing else", async () => {
    const { port } = await opened();
    expect(await ask(port, "/metrics")).toBe("200 headcni_serving 1\n");
    for (const path of ["/healthz", "/ready", "/debug/machines", "/inspect", "/"])
      expect(await ask(port, path), path).toMatch(/^404 /);
  });

  test("answers nobody without an address of a pod, and is at no other address of the node", async () => {
    const { port } = await opened();
    await expect(ask(port, "/metrics", { from: "127.0.0.1" })).rejects.toThrow(/ECONNRESET|hang up/);
    await expect(ask(port, "/metrics", { to: "127.0.0.1" })).rejects.toThrow("ECONNREFUSED");
  });

  test("is closed at all addresses where one of them is not to be had", async () => {
    const port = await freePort();
    const page = createMetricsPage(metrics, supernets, port);
    await expect(page.open([router, "192.0.2.1"])).rejects.toMatchObject({
      detail: { code: "ADDRESS_UNUSABLE" },
    });
    await expect(ask(port, "/metrics")).rejects.toThrow("ECONNREFUSED");
  });

  test("opens once who had the port before is gone, and closes with the daemon", async () => {
    const { port, page } = await opened();
    const actor = createActor(
      metricsPageMachine.provide({
        actors: metricsPageActors(createMetricsPage(metrics, supernets, port)),
        delays: { pause: 10 },
      }),
      { input: { addresses: [router] } },
    ).start();
    await until(() => actor.getSnapshot().context.failure?.code === "ADDRESS_TAKEN", "the port is taken");
    await page.close();
    await until(() => actor.getSnapshot().matches({ open: "serving" }), "it serves");
    expect(await ask(port, "/metrics")).toMatch(/^200 /);
    actor.stop();
    await expect(ask(port, "/metrics")).rejects.toThrow("ECONNREFUSED");
  });
});
