import { describe, expect, test } from "vitest";
import type { LinkReaper } from "../../../src/adapters/netlink/link-reaper.ts";
import { podNetwork } from "../../../src/adapters/netlink/pod-network.ts";
import type { WorkerClient } from "../../../src/adapters/netlink/worker-client.ts";
import { until } from "../../support/until.ts";
import { samplePlan } from "./support/sample-plan.ts";

/** Notes what is asked of the worker and of the reaper; an attachment ends when the test says so. */
function fakes() {
  const asked: string[] = [];
  const attached = Promise.withResolvers<unknown>();
  const call = async (name: string) => {
    asked.push(name);
    return name === "attach" ? attached.promise : true;
  };
  const client: WorkerClient = { call: call as WorkerClient["call"], close: async () => undefined };
  const reaper: LinkReaper = {
    add: (_, released) => {
      asked.push("delete");
      released();
    },
    settled: async () => {
      asked.push("settled");
    },
    close: async () => undefined,
  };
  const activity = { attachments: 0 };
  return { asked, attached, activity, port: podNetwork(client, reaper, activity) };
}

const plan = samplePlan("pod", 1);

describe("the port's cancellation", () => {
  test("an attachment cancelled before its turn asks the kernel for nothing", async () => {
    const { asked, port } = fakes();
    await expect(port.attach(plan, AbortSignal.abort())).rejects.toMatchObject({
      detail: { code: "CANCELLED" },
    });
    expect(asked).toEqual(["settled"]);
  });

  test("an attachment cancelled while the kernel works is taken back before it is told", async () => {
    const { asked, attached, activity, port } = fakes();
    const abort = new AbortController();
    const attaching = port.attach(plan, abort.signal);
    await until(() => asked.includes("attach"), "the request to the worker");
    abort.abort();
    attached.resolve({ netnsInode: "1" });
    await expect(attaching).rejects.toMatchObject({ detail: { code: "CANCELLED" } });
    expect(asked).toEqual(["settled", "attach", "detach", "delete", "settled"]);
    expect(activity.attachments).toBe(0);
  });

  test("a refusal of the kernel is told as it is, though cancelled meanwhile", async () => {
    const { asked, attached, activity, port } = fakes();
    const abort = new AbortController();
    const attaching = port.attach(plan, abort.signal);
    await until(() => asked.includes("attach"), "the request to the worker");
    abort.abort();
    attached.reject(new Error("refused"));
    await expect(attaching).rejects.toThrow("refused");
    expect(asked).toEqual(["settled", "attach"]);
    expect(activity.attachments).toBe(0);
  });
});
