import { describe, expect, test } from "vitest";
import { type AnyActorLogic, createActor, type EventObject, setup } from "xstate";
import { podActors, podsActors } from "../../src/actors/pod-actors.ts";
import type { AddressHint } from "../../src/domain/address-hints.ts";
import { createPool } from "../../src/domain/address-pool.ts";
import { planAttachment } from "../../src/domain/pod-network-plan.ts";
import type { PodNetwork } from "../../src/ports/pod-network.ts";
import { cniRequest } from "../support/cni-requests.ts";
import { fakePodNetwork } from "../support/fake-pod-network.ts";
import { until } from "../support/until.ts";

const node = { routerAddresses: ["10.244.1.1"], mtu: 1280 };
const plan = planAttachment(cniRequest("ADD", "c1"), node, { addresses: ["10.244.1.7"], order: 0 });

/** Runs an effect under a parent that keeps what it sends back. */
function run(logic: AnyActorLogic, input: unknown) {
  const heard: EventObject[] = [];
  const machine = setup({ actors: { effect: logic } }).createMachine({
    invoke: { id: "effect", src: "effect", input: () => input },
    on: { "*": { actions: ({ event }) => heard.push(event) } },
  });
  const actor = createActor(machine).start();
  return {
    heard,
    tell: (event: EventObject) => actor.getSnapshot().children["effect"]?.send(event),
    stop: () => actor.stop(),
  };
}

describe("the effects of a pod", () => {
  test("attach tells its end, and gives up when it is cancelled", async () => {
    const kernel = fakePodNetwork();
    const done = run(podActors(kernel.port, Date.now).attach, { plan });
    await until(() => done.heard.length > 0, "the end");
    expect(done.heard).toEqual([{ type: "attach.done" }]);
    kernel.holdUp("attach");
    const cancelled = run(podActors(kernel.port, Date.now).attach, { plan });
    cancelled.tell({ type: "attach.cancel" });
    await until(() => cancelled.heard.length > 0, "the end");
    expect(cancelled.heard).toMatchObject([{ type: "attach.failed", failure: { code: "CANCELLED" } }]);
  });

  test("detach says unrouted before released, even when the port calls back first", async () => {
    const port: PodNetwork = { ...fakePodNetwork().port, detach: async (_, released) => released() };
    const { heard } = run(podActors(port, () => 42).detach, { hostLink: "hc1" });
    await until(() => heard.length === 2, "both");
    expect(heard).toEqual([{ type: "detach.unrouted" }, { type: "detach.released", atMs: 42 }]);
  });

  test("detach tells a refusal by its code", async () => {
    const kernel = fakePodNetwork();
    kernel.failNext("detach", { code: "CLOSED" });
    const { heard } = run(podActors(kernel.port, Date.now).detach, { hostLink: "hc1" });
    await until(() => heard.length > 0, "the refusal");
    expect(heard).toMatchObject([{ type: "detach.failed", failure: { code: "CLOSED" } }]);
  });
});

describe("the keeper of hints", () => {
  test("writes the newest state once for many changes, at the latest when it ends", async () => {
    const written: (readonly AddressHint[])[] = [];
    const hints = {
      read: async () => [],
      write: async (value: readonly AddressHint[]) => void written.push(value),
    };
    const { tell, stop } = run(podsActors(fakePodNetwork().port, hints).keepHints, undefined);
    for (let cursor = 2; cursor < 100; cursor += 1)
      tell({ type: "hints.changed", pools: [createPool("10.244.1.0/24", 1, cursor)] } as EventObject);
    expect(written).toEqual([]);
    stop();
    expect(written).toEqual([[{ prefix: "10.244.1.0/24", cursor: 99, resting: [] }]]);
  });
});
