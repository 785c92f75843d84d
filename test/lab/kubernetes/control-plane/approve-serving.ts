import type { Lab, LabNode } from "../../lab-types.ts";
import { run } from "../../run-command.ts";
import { waitUntil } from "../../wait-until.ts";
import { getJson, kubectl } from "./kubectl.ts";

type SigningRequest = {
  readonly metadata: { readonly name: string };
  readonly spec: { readonly signerName: string; readonly username: string; readonly request: string };
  readonly status: { readonly conditions?: readonly unknown[] };
};

/**
 * Approves the serving certificates that each kubelet asks for, until one has the tailnet address of its node in it, as an operator does who
 * compared the names: Kubernetes itself approves none for servers. A kubelet that asked for its former address asks for nothing else
 * before that is answered (client-go 0.36.3, certificate_manager.go: the changed template waits for the rotation that waits).
 */
export async function approveServing(lab: Lab): Promise<void> {
  for (const node of lab.nodes)
    await waitUntil(() => approveOpen(lab, node), {
      what: `${node.name}'s kubelet asks for a certificate for ${node.routerAddress}`,
      timeoutMs: 60_000,
      everyMs: 500,
      explain: () => kubectl(lab, ["get", "csr", "-o", "wide"]),
    });
}

/** Whether one of those approved is for the node's tailnet address. */
async function approveOpen(lab: Lab, node: LabNode): Promise<boolean> {
  const requests = await open(lab, node);
  if (requests.length > 0)
    await kubectl(lab, ["certificate", "approve", ...requests.map(({ metadata }) => metadata.name)]);
  const texts = requests.map(async ({ spec: { request } }) => {
    const input = Buffer.from(request, "base64").toString();
    return await run(["openssl", "req", "-noout", "-text"], { input });
  });
  return (await Promise.all(texts)).some((text) => text.includes(`IP Address:${node.routerAddress}`));
}

async function open(lab: Lab, node: LabNode): Promise<readonly SigningRequest[]> {
  const { items } = await getJson<{ readonly items: readonly SigningRequest[] }>(lab, ["csr"]);
  return items.filter(
    ({ spec, status }) =>
      spec.signerName === "kubernetes.io/kubelet-serving" &&
      spec.username === `system:node:${node.name}` &&
      (status.conditions ?? []).length === 0,
  );
}
