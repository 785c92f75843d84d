import { expect, test } from "vitest";
import { createActor, fromCallback, fromPromise } from "xstate";
import type { Enforced, PolicyOrder } from "../../../machines/policy/policy-events.ts";
import { policyFlowsMachine } from "../../../machines/policy/policy-flows-machine.ts";
import { policyMachine } from "../../../machines/policy/policy-machine.ts";
import { policyMemoryMachine } from "../../../machines/policy/policy-memory-machine.ts";
import type { WatchEvent } from "../../../machines/watch/watch-events.ts";
import { watchMachine } from "../../../machines/watch/watch-machine.ts";
import type { WatchSource } from "../../../src/domain/kubernetes/kubernetes-watch.ts";
import type { PolicyMemory } from "../../../src/domain/policy/policy-ledger.ts";
import { cniRequest } from "../../support/cni-requests.ts";
import { fakePodNetwork } from "../../support/kernel/fake-pod-network.ts";
import { startPods } from "../../support/pods-harness.ts";
import { until } from "../../support/until.ts";

/** The policy machine over an empty cluster; each change of the table waits for its turn. */
function startPolicy() {
  const orders: PolicyOrder[] = [];
  const turns: (() => void)[] = [];
  const watch = watchMachine.provide({
    actors: {
      follow: fromCallback<WatchEvent, { readonly source: WatchSource; readonly cursor: string }>(
        ({ input: { source }, sendBack }) => {
          sendBack({ type: "watch.listed", source, items: [], cursor: "1" } as WatchEvent);
        },
      ),
    },
  });
  const machine = policyMachine.provide({
    actors: {
      watch,
      recall: fromPromise<PolicyMemory | null, void>(async () => null),
      enforce: fromPromise<Enforced, PolicyOrder>(async ({ input }) => {
        orders.push(input);
        await new Promise<void>((resolve) => turns.push(resolve));
        return { numbers: { isolated: 0, elements: 0 }, problems: [], narrows: false };
      }),
      watchTable: fromCallback(() => undefined),
      memory: policyMemoryMachine.provide({
        actors: {
          remember: fromPromise<PolicyMemory, { memory: PolicyMemory }>(async ({ input }) => input.memory),
        },
      }),
      flows: policyFlowsMachine.provide({
        actors: { endForbidden: fromPromise<number, void>(async () => 0) },
      }),
    },
  });
  const policy = createActor(machine, { input: { seed: "n1" } }).start();
  policy.send({ type: "nodes.changed", bindings: [] });
  return { policy, orders, turns };
}

test("an ADD makes no link before the table has its pod, and its addresses leave the table with it", async () => {
  const { policy, orders, turns } = startPolicy();
  const kernel = fakePodNetwork();
  const { open, call } = startPods(kernel, {}, undefined, policy);
  await open();
  policy.send({ type: "pods.recovered", count: 0 });
  await until(() => turns.shift(), "the first table").then((turn) => turn());
  const add = call(cniRequest("ADD", "c1"));
  const turn = await until(() => turns.shift(), "the table with the pod");
  expect(Object.values(orders.at(-1)?.ledger.attached ?? {})).toMatchObject([{ addresses: ["10.244.1.2"] }]);
  expect(kernel.calls.filter((one) => one.startsWith("attach"))).toEqual([]);
  turn();
  expect((await add.answer()).type).toBe("pod.attached");
  expect((await call(cniRequest("DEL", "c1")).answer()).type).toBe("pod.detached");
  await until(
    () => Object.keys(policy.getSnapshot().context.ledger.attached).length === 0,
    "the pod to leave",
  );
});
