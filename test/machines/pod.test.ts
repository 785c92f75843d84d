import { test } from "vitest";
import { podMachine } from "../../machines/pod/pod-machine.ts";
import { planAttachment } from "../../src/domain/pod-network-plan.ts";
import { cniRequest } from "../support/cni-requests.ts";
import { recorder } from "../support/recorder.ts";
import { walkAllTransitions } from "../support/walk-all-transitions.ts";

const node = { routerAddresses: ["10.244.1.1"], mtu: 1280 };
const plan = planAttachment(cniRequest("ADD", "c1"), node, { addresses: ["10.244.1.7"], order: 0 });
const failure = { code: "KERNEL_REFUSED", message: "no" };

test("a pod walks all its transitions", async () => {
  const registry = recorder().ref;
  await walkAllTransitions(podMachine, {
    input: { plan, start: "attach", registry },
    moreInputs: [
      { plan, start: "attached", registry },
      { plan, start: "detach", registry },
    ],
    events: [
      { type: "attach.done" },
      { type: "attach.failed", failure },
      { type: "detach.unrouted" },
      { type: "detach.released", atMs: 1 },
      { type: "detach.failed", failure },
      { type: "pod.check", netns: "/n" },
      { type: "pod.verify", netns: "/n" },
      { type: "pod.detach" },
    ],
    outcomes: { check: { done: [[], [{ what: "mtu", expected: "1280", found: "1500" }]] } },
    stateKey: ({ context }) => [context.failure === null, context.start],
  });
});
