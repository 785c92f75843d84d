import { test } from "vitest";
import type { ApprovalReply, AuthKeyReply } from "../../../machines/headscale/headscale-jobs.ts";
import { headscaleMachine } from "../../../machines/headscale/headscale-machine.ts";
import { HeadscaleRequestError } from "../../../src/adapters/headscale/headscale-error.ts";
import { recorder } from "../../support/machines/recorder.ts";
import { walkAllTransitions } from "../../support/machines/walk-all-transitions.ts";

const refused = new HeadscaleRequestError("401", { code: "UNAUTHORIZED" });
const away = new HeadscaleRequestError("away", { code: "UNREACHABLE", reason: "ECONNREFUSED" });
const unknown = new HeadscaleRequestError("no", { code: "NOT_FOUND", status: 404, text: "node not found" });
const input = { authenticates: true, tags: ["tag:k8s-node"], hostnamePrefix: "k8s-", seed: "n1" };
const departed = { type: "node.departed", name: "n9", prefixes: ["10.244.9.0/24"] } as const;
const approval = { type: "approval.wanted", nodeId: "7", prefixes: ["10.244.1.0/24"] } as const;

test("every transition of the headscale machine can be taken", async () => {
  const asker = recorder<ApprovalReply>().ref;
  const other = recorder<AuthKeyReply>().ref;
  await walkAllTransitions(headscaleMachine, {
    input,
    moreInputs: [{ ...input, authenticates: false }],
    events: [
      { type: "control.lost" },
      { type: "control.restored" },
      { type: "credentials.replaced" },
      { ...approval, replyTo: asker },
      { type: "authKey.wanted", replyTo: other },
      departed,
    ],
    outcomes: {
      probe: { done: [undefined], error: [refused, away] },
      serve: { done: [{ authKey: "hskey-auth-x" }], error: [refused, away, unknown] },
    },
    stateKey: ({ context }) => [
      context.authenticates,
      context.jobs.map(({ type }: { type: string }) => type),
    ],
  });
});
