import { describe, expect, onTestFinished, test } from "vitest";
import { createLogger } from "../../../src/observe/logs/logger.ts";
import { hearNews } from "../../../src/observe/machines/hear-news.ts";
import { createRegistry } from "../../../src/observe/metrics/metrics.ts";
import { createNewsMetrics } from "../../../src/observe/metrics/news-metrics.ts";
import { openObservers } from "../../../src/programs/daemon/observers.ts";
import { openConfigDirectory } from "../../config/config-fixture.ts";
import { cniClient, exchange } from "../../support/cni-client.ts";
import { cniRequest } from "../../support/cni-requests.ts";
import { startCniStack } from "../../support/cni-stack.ts";
import { fakePodNetwork } from "../../support/kernel/fake-pod-network.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";
import { until } from "../../support/until.ts";

const prevResult = { cniVersion: "1.1.0" as const, interfaces: [], ips: [], routes: [], dns: {} };
const enomem = { code: "KERNEL_REFUSED", errno: "ENOMEM", operation: "link.add", text: "" } as const;

/** The machines of CNI calls over a real socket, their kernel in memory, and the metrics that hear them. */
async function countedStack(prefixes = ["10.244.1.0/24"], monotonicMs = () => performance.now()) {
  const kernel = fakePodNetwork();
  const registry = createRegistry();
  const inspect = hearNews(createNewsMetrics(registry, { strategy: "sequential", monotonicMs }));
  const stack = await startCniStack(temporaryDirectory(), kernel, { inspect, prefixes });
  onTestFinished(() => {
    stack.cni.stop();
    stack.pods.stop();
  });
  await stack.open();
  /** The metric's series. */
  const counted = async (name: string) => {
    const text = await registry.metrics();
    return text.split("\n").filter((line) => line.startsWith(`${name}{`));
  };
  return { ...stack, kernel, counted };
}

const allocations = "headcni_ip_allocations_total";
const calls = "headcni_cni_request_duration_seconds_count";
const errors = "headcni_network_errors_total";

describe("addresses", () => {
  test("of both families of a dual-stack pod are counted, and once however often its ADD is repeated", async () => {
    const { path, counted } = await countedStack(["10.244.1.0/24", "fd00:10:244:1::/64"]);
    await exchange(path, cniRequest("ADD", "c1"));
    await exchange(path, cniRequest("ADD", "c1"));
    expect(await counted(allocations)).toEqual([`${allocations}{strategy="sequential"} 2`]);
  });

  test("of an ADD that a DEL overtakes are not counted", async () => {
    const { path, counted, kernel, counts } = await countedStack();
    const go = kernel.holdUp("attach");
    const add = exchange(path, cniRequest("ADD", "c1"));
    await until(() => kernel.calls.some((line) => line.startsWith("attach")), "the kernel call");
    const del = exchange(path, cniRequest("DEL", "c1"));
    expect((await add).ok).toBe(false);
    go();
    expect((await del).ok).toBe(true);
    await until(() => counts().children === 0, "the pod to end");
    expect(await counted(allocations)).toEqual([]);
  });

  test("of an ADD that fails are not counted", async () => {
    const { path, counted, kernel } = await countedStack();
    kernel.failNext("attach", enomem);
    expect(await exchange(path, cniRequest("ADD", "c1"))).toMatchObject({ ok: false });
    expect(await counted(allocations)).toEqual([]);
  });
});

describe("calls", () => {
  test("are counted by how they ended, and pods' set-ups by namespace", async () => {
    const { path, counted, kernel } = await countedStack();
    await exchange(path, cniRequest("ADD", "c1"));
    await exchange(path, cniRequest("DEL", "c1"));
    await exchange(path, cniRequest("CHECK", "c1", { prevResult }));
    kernel.failNext("attach", enomem);
    await exchange(path, cniRequest("ADD", "c2"));
    expect(await counted(calls)).toEqual([
      `${calls}{command="ADD",outcome="ok"} 1`,
      `${calls}{command="DEL",outcome="ok"} 1`,
      `${calls}{command="CHECK",outcome="failed"} 1`,
      `${calls}{command="ADD",outcome="failed"} 1`,
    ]);
    const setups = "headcni_pod_network_setup_duration_seconds_count";
    expect(await counted(setups)).toEqual([`${setups}{namespace="default"} 1`]);
  });

  test("a namespace's set-ups go five minutes after its last pod here, whatever ended it", async () => {
    let now = 0;
    const { path, counted } = await countedStack(["10.244.1.0/24"], () => now);
    const setups = "headcni_pod_network_setup_duration_seconds_count";
    const namespacesIn = async (minutes: number) => {
      now += minutes * 60_000;
      return (await counted(setups)).map((line) => /"(.*)"/.exec(line)?.[1]);
    };
    const add = (namespace: string, id: string) =>
      exchange(path, cniRequest("ADD", id, { pod: { namespace, name: id, uid: `uid-${id}` } }));
    await add("shop", "c1");
    await add("shop", "c2");
    await add("job", "c3");
    await exchange(path, cniRequest("DEL", "c1"));
    await exchange(path, cniRequest("DEL", "c3"));
    expect(await namespacesIn(4)).toEqual(["shop", "job"]);
    expect(await namespacesIn(1)).toEqual(["shop"]);
    const nobody = { netns: "", ifname: "", pod: { namespace: "", name: "", uid: "" } };
    await exchange(path, cniRequest("GC", "", { ...nobody, validAttachments: [] }));
    expect(await namespacesIn(4)).toEqual(["shop"]);
    // A new pod of it in time keeps it.
    await add("shop", "c4");
    expect(await namespacesIn(60)).toEqual(["shop"]);
    await exchange(path, cniRequest("DEL", "c4"));
    expect(await namespacesIn(5)).toEqual([]);
  });

  test("series that nobody reads are bounded, whatever namespaces come and go", async () => {
    const registry = createRegistry();
    const hear = createNewsMetrics(registry, { strategy: "sequential" });
    for (let index = 0; index < 1_000; index += 1) {
      const request = cniRequest("ADD", `c${index}`, {
        pod: { namespace: `n${index}`, name: "p", uid: "u" },
      });
      hear({ type: "call.received", callId: "1", request });
      hear({ type: "call.answered", callId: "1", reply: { wire: 1, ok: true } });
      hear({ type: "attachments.ended", keys: [`c${index}/eth0`] });
    }
    const text = await registry.metrics();
    expect(text.match(/setup_duration_seconds_count\{/g)).toHaveLength(256);
    expect(text).toContain('namespace="n999"');
  });

  test("whose client goes away are abandoned", async () => {
    const { path, counted, kernel, counts } = await countedStack();
    const go = kernel.holdUp("attach");
    const client = cniClient(path);
    client.send(`${JSON.stringify(cniRequest("ADD", "c1"))}\n`);
    await until(() => kernel.calls.some((line) => line.startsWith("attach")), "the kernel call");
    client.leave();
    await until(() => counted(calls).then(({ length }) => length > 0), "the end of the call");
    go();
    expect(await counted(calls)).toEqual([`${calls}{command="ADD",outcome="abandoned"} 1`]);
    await until(() => counts().children === 0, "the pod to end");
    expect(await counted(allocations)).toEqual([]);
  });
});

test.each([true, false])(
  "with the key podNameLabel at %s pods are named in metrics, or not",
  async (podNameLabel) => {
    using directory = openConfigDirectory();
    const { log, redact } = createLogger({ level: "error", base: {} });
    const { registry, inspect, close } = await openObservers(
      directory.load(directory.minimal(`monitoring: { podNameLabel: ${podNameLabel} }`)),
      { log, redact, threads: { kernel: () => Promise.reject(new Error("profiles nothing")) } },
    );
    onTestFinished(close);
    const { path, open, cni, pods } = await startCniStack(temporaryDirectory(), fakePodNetwork(), {
      inspect,
    });
    onTestFinished(() => {
      cni.stop();
      pods.stop();
    });
    await open();
    await exchange(path, cniRequest("ADD", "c1"));
    const text = await registry.metrics();
    expect(text).toContain('headcni_pod_network_setup_duration_seconds_count{namespace="default"');
    expect(text.includes("pod_name=")).toBe(podNameLabel);
  },
);

test("a failure is counted once by its code, and told to nobody twice", async () => {
  const { path, counted, kernel } = await countedStack();
  kernel.failNext("attach", enomem);
  await exchange(path, cniRequest("ADD", "c1"));
  kernel.failNext("check", enomem);
  await exchange(path, cniRequest("ADD", "c2"));
  await exchange(path, cniRequest("CHECK", "c2", { prevResult }));
  expect(await counted(errors)).toEqual([`${errors}{error_type="KERNEL_REFUSED"} 2`]);
});
