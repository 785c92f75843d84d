import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { createActor } from "xstate";
import { nodeAddressMachine } from "../../../machines/own-node/node-address-machine.ts";
import { nodeConditionMachine } from "../../../machines/own-node/node-condition-machine.ts";
import { nodeIdentityMachine } from "../../../machines/own-node/node-identity-machine.ts";
import type { OwnNodeFact, OwnNodeReport } from "../../../machines/own-node/own-node-events.ts";
import { ownNodeMachine } from "../../../machines/own-node/own-node-machine.ts";
import type { PodsCommand } from "../../../machines/pods/pods-events.ts";
import { watchMachine } from "../../../machines/watch/watch-machine.ts";
import { ownNodeActors } from "../../../src/actors/kubernetes/own-node-actors.ts";
import { watchActors } from "../../../src/actors/kubernetes/watch-actors.ts";
import { createKubernetes } from "../../../src/adapters/kubernetes/kubernetes-client.ts";
import {
  replacedAddressesAnnotation,
  uninitializedTaint,
} from "../../../src/domain/kubernetes/node-address.ts";
import { ensureGoModule } from "../../lab/build/go-tools.ts";
import { kubernetesModule } from "../../lab/kubernetes/cluster-tools.ts";
import { stderrProgress } from "../../lab/progress.ts";
import { recorder } from "../../support/machines/recorder.ts";
import { until } from "../../support/until.ts";
import { type ApiServer, startApiServer } from "./support/api-server.ts";

/** The machine of the own Node with its real effects, against a real API server. */
let api: ApiServer;
const theirTaint = { key: "theirs", value: "x", effect: "NoSchedule" };
const hostname = { type: "Hostname", address: "n1" };
const external = { type: "ExternalIP", address: "203.0.113.7" };
const internal = (address: string) => ({ type: "InternalIP", address });
const byKubelet = [internal("192.0.2.7"), hostname, external];
const byUs = [internal("10.244.1.1"), hostname, external];

beforeAll(async () => {
  api = await startApiServer(await ensureGoModule(kubernetesModule, stderrProgress()));
}, 900_000);
afterAll(() => api?.remove());

type Node = {
  readonly metadata: { readonly annotations?: Readonly<Record<string, string>> };
  readonly spec: { readonly taints: readonly { readonly key: string }[] };
  readonly status: { readonly addresses?: readonly unknown[] };
};
const node = async (): Promise<Node> => (await api.call("GET", "/api/v1/nodes/n1")).body;
const addresses = async () => JSON.stringify((await node()).status.addresses);
const untilAddresses = (wanted: readonly unknown[]) =>
  until(async () => (await addresses()) === JSON.stringify(wanted), JSON.stringify(wanted), 30_000);

/** As kubelet makes it with --cloud-provider=external, or as it writes its addresses without. */
async function register(): Promise<void> {
  const taints = [theirTaint, { key: uninitializedTaint, value: "true", effect: "NoSchedule" }];
  const spec = { podCIDR: "10.244.1.0/24", podCIDRs: ["10.244.1.0/24"], taints };
  const { status } = await api.call("POST", "/api/v1/nodes", { metadata: { name: "n1" }, spec });
  expect(status).toBe(201);
}
async function write(written: readonly unknown[]): Promise<void> {
  const { status } = await api.call("PATCH", "/api/v1/nodes/n1/status", { status: { addresses: written } });
  expect(status).toBe(200);
}

/** A daemon's life, as far as its Node goes. */
function live(publishesAddress: boolean) {
  const kubernetes = createKubernetes({
    ...{ nodeName: "n1", kubeconfig: api.kubeconfig, environment: {}, podSelector: "" },
    rejected: () => undefined,
  });
  const memory = { recall: async () => [], remember: async () => undefined };
  const effects = ownNodeActors(kubernetes, memory);
  const actor = createActor(
    ownNodeMachine.provide({
      actors: {
        ...effects.ownNode,
        watch: watchMachine.provide({ actors: watchActors(kubernetes) }),
        condition: nodeConditionMachine.provide({ actors: effects.condition }),
        identity: nodeIdentityMachine.provide({ actors: effects.identity }),
        address: nodeAddressMachine.provide({ actors: effects.address }),
      },
    }),
    {
      input: {
        ...{ seed: "n1", configured: [], supernets: ["10.244.0.0/16"], publishesAddress },
        metricsPort: null,
        health: recorder<OwnNodeFact>().ref,
        pods: recorder<PodsCommand>().ref,
        parent: recorder<OwnNodeReport>().ref,
      },
    },
  ).start();
  const end = async () => {
    actor.stop();
    await kubernetes.close();
  };
  onTestFinished(end);
  actor.send({
    type: "node.networkWanted",
    condition: { status: "False", reason: "HeadcniServes", message: "" },
  });
  const at = () => JSON.stringify(actor.getSnapshot().children.address?.getSnapshot().value);
  return { end, reaches: (state: string) => until(() => at().includes(state), state, 30_000) };
}

test("the Node gets the tailnet address, loses it to others, gets it when it is made anew, and has its own back in the end", async () => {
  await register();
  await write(byKubelet);
  const daemon = live(true);
  await untilAddresses(byUs);
  await daemon.reaches("published");
  const { metadata, spec } = await node();
  expect(metadata.annotations?.[replacedAddressesAnnotation]).toBe("192.0.2.7");
  expect(spec.taints.map(({ key }) => key)).toEqual(["theirs", "node.kubernetes.io/not-ready"]);

  const others = [internal("192.0.2.8"), hostname, external];
  await write(others);
  await daemon.reaches("overruled");
  expect(await addresses()).toBe(JSON.stringify(others));
  await untilAddresses(byUs);

  await api.call("DELETE", "/api/v1/nodes/n1");
  await daemon.reaches("awaitingNetwork");
  await register();
  await untilAddresses([internal("10.244.1.1")]);
  await daemon.reaches("published");
  expect((await node()).metadata.annotations?.[replacedAddressesAnnotation]).toBe("");
  await daemon.end();

  const last = live(false);
  await until(async () => (await node()).status.addresses === undefined, "none, as before", 30_000);
  await last.reaches("off");
  expect((await node()).metadata.annotations?.[replacedAddressesAnnotation]).toBeUndefined();
}, 120_000);
