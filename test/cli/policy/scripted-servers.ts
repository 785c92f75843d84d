import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { startRecordingApi } from "../../deploy/support/recording-api.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

/** What a server answers by path; 404 to all others. */
type Answers = Readonly<Record<string, unknown>>;

/** An answer with a status of its own. */
export class Refusal {
  readonly status: number;
  readonly body: unknown;
  constructor(status: number, body: unknown = {}) {
    this.status = status;
    this.body = body;
  }
}

async function serve(answers: Answers): Promise<string> {
  const server = createServer(({ url = "" }, response) => {
    const answer = answers[url.split("?")[0] ?? ""] ?? new Refusal(404);
    const { status, body } = answer instanceof Refusal ? answer : { status: 200, body: answer };
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** The words that name a cluster with these Nodes, and, unless nobody may know, this API server. */
export async function clusterWords(
  nodes: readonly { readonly name: string; readonly address: string; readonly tailnetId?: string }[],
  apiServer?: { readonly address: string; readonly port: number },
): Promise<readonly string[]> {
  const items = nodes.map(({ name, address, tailnetId }) => ({
    metadata: {
      name,
      uid: name,
      resourceVersion: "1",
      annotations: tailnetId === undefined ? {} : { "headcni.github.io/tailnet-node-id": tailnetId },
    },
    spec: {},
    status: {
      addresses: [{ type: "InternalIP", address }],
      daemonEndpoints: { kubeletEndpoint: { Port: 10_250 } },
    },
  }));
  const slices = {
    items: [{ endpoints: [{ addresses: [apiServer?.address] }], ports: [{ port: apiServer?.port }] }],
  };
  const api = await startRecordingApi(({ resource }) => {
    if (resource === "nodes") return [200, { metadata: { resourceVersion: "1" }, items }];
    return apiServer === undefined ? [403, {}] : [200, slices];
  });
  onTestFinished(() => api.close());
  return ["--kubeconfig", fileWith("kubeconfig", api.kubeconfig)];
}

function fileWith(name: string, text: string): string {
  const file = join(temporaryDirectory(), name);
  writeFileSync(file, text);
  return file;
}

/** The words that name a Headscale with these answers beside its version. */
export async function headscaleWords(answers: Answers): Promise<readonly string[]> {
  const url = await serve({ "/version": { version: "v0.29.2" }, ...answers });
  return accessWords(url);
}

export function accessWords(url: string): readonly string[] {
  return ["--headscale-url", url, "--api-key-file", fileWith("api-key", "hskey-api-some-key")];
}
