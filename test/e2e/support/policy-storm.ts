import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { formatAddress, parseAddress } from "../../../src/domain/addresses/prefix.ts";
import type { ApiConnection } from "../../lab/kubernetes/control-plane/api-connection.ts";
import {
  type BarePod,
  freshName,
  makeBarePod,
  makeNamespace,
  makePolicyCall,
  removeBarePod,
} from "../../lab/kubernetes/workload/bare-pods.ts";
import type { Lab, LabNode } from "../../lab/lab-types.ts";
import { netnsPrefix } from "../../lab/layout.ts";
import { addNetns, inNetns, netnsPath, removeNetns, setSysctls } from "../../lab/network/netns.ts";
import { run } from "../../lab/run-command.ts";
import { type EchoProber, type HeardEcho, startEchoProber } from "../../lab/traffic/echo-prober.ts";
import { waitUntil } from "../../lab/wait-until.ts";
import type { StormPods } from "./kill-storm.ts";
import { addressIn, callPlugin } from "./plugin-call.ts";

/** What came to light about a storm's pods; `gaps`: packets that passed to or from a pod that is isolated in both directions. */
export type PolicyFindings = {
  readonly gaps: readonly string[];
  /** Requests that the pod outside sent, to all addresses that pods had, and that isolated pods sent. */
  readonly sent: number;
  /** Answers of pods that no policy isolates: they had the same addresses in turn. */
  readonly openAnswers: number;
  /** Addresses that pods got and that nobody probed. */
  readonly unprobed: readonly string[];
  /** Lives of isolated pods, and of others. */
  readonly closedLives: number;
  readonly openLives: number;
};

/** Kubernetes' pods for `killStorm`, with a prober that never stops. */
export interface PolicyStorm extends StormPods {
  findings(): PolicyFindings;
}

/** What a lab for `policyStorm` is: addresses are given again at once, and the lowest first. */
export const policyStormLab = {
  nodes: 1,
  kubernetes: { network: "headcni", proxyMode: "nftables", apiOnly: true },
  config: { "kubernetes.networkPolicy": true, "ipam.strategy": "dense", "ipam.restSeconds": 0 },
} as const;

/** By how its packets begin life one knows a pod, whatever address it has (ip_default_ttl). */
const hops = { closed: 77, open: 99 } as const;
/** Routers on the way take one each. */
const mostRouters = 3;
const intervalUs = 4_000;
/** Workers, the prober and links that are leaving have the lowest addresses. */
const probedAddresses = 24;

/**
 * Makes namespaces `open` and `closed`, whose pods one policy isolates in both directions, and a pod in `open` that sends to all
 * addresses of the storm's pods every 4 ms. Workers of even number have pods in `closed`, which send to it as often; the others' are in `open`.
 * Each life has a Pod of its own, made just before its ADD; while the API server is away it is the one of before.
 */
export async function policyStorm(lab: Lab, node: LabNode, api: ApiConnection): Promise<PolicyStorm> {
  const gaps: string[] = [];
  const counts = { openAnswers: 0, sent: 0, closed: 0, open: 0 };
  const unprobed = new Set<string>();
  const probers: EchoProber[] = [];
  const pods = new Map<number, BarePod>();
  const kindOf = (worker: number) => (worker % 2 === 0 ? "closed" : "open");

  for (const name of ["open", "closed"]) await makeNamespace(api, name);
  await api.call(
    ...makePolicyCall("closed", "none", { podSelector: {}, policyTypes: ["Ingress", "Egress"] }),
  );
  // From then on a start without the API server goes by it.
  const remembered = async () =>
    (await readFile(join(node.stateDir, "policies.json"), "utf8").catch(() => "")).includes('"closed/none"');
  await waitUntil(remembered, { what: "the daemon remembers the policy", timeoutMs: 30_000 });

  const outside = `${netnsPrefix(lab.id)}outside`;
  const call = { containerId: randomUUID(), netns: netnsPath(outside) };
  await addNetns(outside);
  const { cniArgs } = await makeBarePod(api, { namespace: "open", name: "outside", node: node.name });
  const own = addressIn(await callPlugin(node, { command: "ADD", ...call, args: cniArgs }));
  if (own === undefined) throw new Error("the pod outside has no network");
  const others = probedOf(node).filter((address) => address !== own);
  const gap = (what: string, { from, ttl, sentMs, atMs }: HeardEcho) =>
    gaps.push(`${what}: from ${from}, ttl ${ttl}, sent ${sentMs.toFixed(1)}, heard ${atMs.toFixed(1)}`);
  const hearOutside = (echo: HeardEcho) => {
    if (begins(echo, hops.closed)) gap(`an ${echo.kind} of an isolated pod`, echo);
    else if (echo.kind === "answer" && begins(echo, hops.open)) counts.openAnswers += 1;
  };
  const hearInside = (echo: HeardEcho) => {
    // The node itself may reach its pods, and does.
    if (echo.from === own) gap(`an ${echo.kind} that came to an isolated pod`, echo);
  };
  const probe = { netns: outside, addresses: others, flows: "fixed", intervalUs } as const;
  probers.push(await startEchoProber(probe, hearOutside));

  return {
    prepare: async (worker, sandbox) => {
      const kind = kindOf(worker);
      await setSysctls(sandbox, { "net.ipv4.ip_default_ttl": String(hops[kind]) });
      if (kind === "open") return;
      const inside = { netns: sandbox, addresses: [own], flows: "fixed", intervalUs } as const;
      probers.push(await startEchoProber(inside, hearInside));
    },
    begin: async (worker) => {
      const namespace = kindOf(worker);
      const known = pods.get(worker);
      const spec = { namespace, name: freshName(`w${worker}`), node: node.name };
      const pod = await makeBarePod(api, spec).catch((error: unknown) => {
        if (known === undefined) throw error;
        return known;
      });
      pods.set(worker, pod);
      counts[namespace] += 1;
      return pod.cniArgs;
    },
    attached: (address) => {
      if (!others.includes(address)) unprobed.add(address);
    },
    end: async (worker) => {
      const pod = pods.get(worker);
      // A kubelet forgets no pod for an API server that is away; here it only stays known.
      if (pod !== undefined) await removeBarePod(api, pod).catch(() => undefined);
    },
    leave: async () => {
      for (const prober of probers) counts.sent += await prober.stop();
      await callPlugin(node, { command: "DEL", ...call });
      await removeNetns(outside);
    },
    findings: () => ({
      gaps: gaps.slice(0, 20),
      sent: counts.sent,
      openAnswers: counts.openAnswers,
      unprobed: [...unprobed],
      closedLives: counts.closed,
      openLives: counts.open,
    }),
  };
}

/** Waits until the table of policies has nothing of pods that are gone. */
export async function waitUntilNobodyIsIsolated(node: LabNode): Promise<void> {
  const maps = async () =>
    await Promise.all(
      ["ingress4", "egress4"].map((map) =>
        run(inNetns(node.netns, ["nft", "list", "map", "inet", "headcni_policy", map])),
      ),
    );
  await waitUntil(async () => (await maps()).every((text) => !text.includes("elements")), {
    what: "no pod is isolated any more",
    timeoutMs: 30_000,
    explain: async () => (await maps()).join("\n"),
  });
}

function begins({ ttl }: HeardEcho, hopsOf: number): boolean {
  return ttl <= hopsOf && ttl >= hopsOf - mostRouters;
}

function probedOf({ routerAddress }: LabNode): readonly string[] {
  const { family, value } = parseAddress(routerAddress);
  return Array.from({ length: probedAddresses }, (_, index) =>
    formatAddress(family, value + BigInt(index + 1)),
  );
}
