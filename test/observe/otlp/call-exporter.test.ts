import { expect, onTestFinished, test } from "vitest";
import { type CallExporterOptions, createCallExporter } from "../../../src/observe/otlp/call-exporter.ts";
import { exchange } from "../../support/cni-client.ts";
import { cniRequest } from "../../support/cni-requests.ts";
import { until } from "../../support/until.ts";
import { tracedStack } from "../trace/traced-stack.ts";
import { startCollector } from "./collector.ts";

async function exportingStack(options: Pick<CallExporterOptions, "endpoint">) {
  const failures: string[] = [];
  const exporter = createCallExporter({
    node: "n1",
    version: "0.0.0",
    failed: (reason) => failures.push(reason),
    firstRetryMs: 20,
    ...options,
  });
  onTestFinished(() => exporter.close());
  const stack = await tracedStack({ answered: exporter.export });
  await stack.open();
  return { ...stack, exporter, failures };
}

test("a collector gets each call as spans that OTLP's JSON mapping allows", async () => {
  const collector = await startCollector();
  const { path, exporter } = await exportingStack(collector);
  const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  await exchange(path, cniRequest("ADD", "c1", { traceparent }));
  await exchange(path, cniRequest("DEL", "c1"));
  await until(() => exporter.counts().sent === 2, "both calls to be sent", 60_000);
  expect(collector.faults).toEqual([]);
  expect(collector.paths[0]).toBe("POST /v1/traces application/json");
  const add = collector.spans.find(({ name }) => name === "CNI ADD");
  expect(add).toMatchObject({
    traceId: "0af7651916cd43dd8448eb211c80319c",
    parentSpanId: "b7ad6b7169203331",
    kind: 2,
    status: { code: 1 },
  });
  expect(add?.attributes).toContainEqual({ key: "k8s.pod.name", value: { stringValue: "pod-c1" } });
  const inner = collector.spans.filter(({ parentSpanId }) => parentSpanId === add?.spanId);
  expect(inner.map(({ name }) => name)).toEqual(
    expect.arrayContaining(["request asking", "pod attaching", "kernel attach"]),
  );
  for (const { startTimeUnixNano, endTimeUnixNano } of inner) {
    expect(BigInt(startTimeUnixNano) >= BigInt(add?.startTimeUnixNano ?? 0)).toBe(true);
    expect(BigInt(endTimeUnixNano) <= BigInt(add?.endTimeUnixNano ?? 0)).toBe(true);
  }
  const del = collector.spans.find(({ name }) => name === "CNI DEL");
  expect(del).toMatchObject({ parentSpanId: "" });
  expect(del?.traceId).not.toBe(add?.traceId);
});

test("a failed call is a span with an error", async () => {
  const collector = await startCollector();
  const { path, exporter, kernel } = await exportingStack(collector);
  kernel.failNext("attach", { code: "KERNEL_REFUSED", errno: "ENOMEM", operation: "link.add", text: "" });
  await exchange(path, cniRequest("ADD", "c1"));
  await until(() => exporter.counts().sent === 1, "the call to be sent", 60_000);
  expect(collector.faults).toEqual([]);
  for (const name of ["CNI ADD", "kernel attach"])
    expect(collector.spans.find((span) => span.name === name)?.status).toMatchObject({
      code: 2,
      message: expect.stringMatching(/./),
    });
});

test("a collector that is overloaded gets the calls again, and the failure is counted", async () => {
  const collector = await startCollector((request) => ({ status: request <= 2 ? 503 : 200 }));
  const { path, exporter, failures } = await exportingStack(collector);
  await exchange(path, cniRequest("ADD", "c1"));
  await until(() => exporter.counts().sent === 1, "the call to be sent", 60_000);
  expect(exporter.counts()).toMatchObject({ failedRequests: 2, refused: 0, dropped: 0 });
  expect(failures).toEqual(["status 503"]);
});

test("what the collector refuses for good is counted and not sent again", async () => {
  const collector = await startCollector(() => ({ status: 400 }));
  const { path, exporter } = await exportingStack(collector);
  await exchange(path, cniRequest("ADD", "c1"));
  await until(() => exporter.counts().refused === 1, "the refusal", 60_000);
  expect(collector.paths).toHaveLength(1);
});

test("without a collector calls go on, and the queue has an end", async () => {
  const { path, exporter, traces } = await exportingStack({ endpoint: "http://127.0.0.1:9" });
  expect(await exchange(path, cniRequest("ADD", "c1"))).toMatchObject({ ok: true });
  const [call] = traces.calls();
  if (call === undefined) throw new Error("no call");
  for (let count = 0; count < 1500; count++) exporter.export(call);
  await until(() => exporter.counts().failedRequests > 0, "a failed request", 60_000);
  const { dropped, sent } = exporter.counts();
  expect(sent).toBe(0);
  expect(dropped).toBeGreaterThanOrEqual(1501 - 1024 - 64);
});
