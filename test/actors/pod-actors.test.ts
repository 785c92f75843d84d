import { describe, expect, test } from "vitest";
import { type AnyActorLogic, createActor, type EventObject, setup, toPromise } from "xstate";
import { podActors, podsActors } from "../../src/actors/pod-actors.ts";
import type { AddressHint } from "../../src/domain/addresses/address-hints.ts";
import { createPool } from "../../src/domain/addresses/address-pool.ts";
import { planAttachment } from "../../src/domain/attachment/pod-network-plan.ts";
import { cniRequest } from "../support/cni-requests.ts";
import { fakePodNetwork } from "../support/kernel/fake-pod-network.ts";

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

test("detach says when the addresses were given up, and whether a link waits for its deletion", async () => {
  const kernel = fakePodNetwork();
  await kernel.port.attach(plan);
  const detach = async () => {
    const logic = podActors(kernel.port, () => 42).detach;
    return await toPromise(createActor(logic, { input: { hostLink: plan.hostLink } }).start());
  };
  expect(await detach()).toEqual({ lingers: true, atMs: 42 });
  await kernel.port.removeLeaving();
  expect(await detach()).toEqual({ lingers: false, atMs: 42 });
  kernel.failNext("detach", { code: "CLOSED" });
  await expect(detach()).rejects.toMatchObject({ detail: { code: "CLOSED" } });
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
