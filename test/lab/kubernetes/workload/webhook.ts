import { readFile } from "node:fs/promises";
import type { Lab } from "../../lab-types.ts";
import { runResult } from "../../run-command.ts";
import { waitUntil } from "../../wait-until.ts";
import { clusterOf } from "../cluster.ts";
import { certificateOf, makeServerCertificate } from "../control-plane/certificates.ts";
import { applyObjects, kubectl, kubectlCommand } from "../control-plane/kubectl.ts";
import { imageNames } from "../images/lab-images.ts";

const name = "webhook";
const host = `${name}.default.svc`;

/** Refuses ConfigMaps of one name, and says who it is. */
const server = `
const { readFileSync } = require("node:fs");
const { createServer } = require("node:https");
const { hostname } = require("node:os");
const read = (file) => readFileSync("/tls/" + file);
createServer({ cert: read("tls.crt"), key: read("tls.key") }, async (request, response) => {
  if (request.method !== "POST") return response.end("ok");
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const { apiVersion, kind, request: { uid, name } } = JSON.parse(Buffer.concat(chunks));
  const allowed = name !== "refused";
  const status = { message: "said " + hostname() + " on " + process.env.NODE };
  response.setHeader("content-type", "application/json");
  response.end(JSON.stringify({ apiVersion, kind, response: { uid, allowed, ...(allowed ? {} : { status }) } }));
}).listen(8443);
`;

/** Runs a webhook of the API server's for ConfigMaps in a pod on a node, and waits until it can be asked. Where HeadCNI's image is, as that has Node. */
export async function startWebhook(lab: Lab, node: string): Promise<void> {
  const cluster = clusterOf(lab);
  await makeServerCertificate(lab, name, [host]);
  const { certificate, key } = certificateOf(cluster, name);
  const authority = await base64(certificateOf(cluster, "authority").certificate);
  const secret = { "tls.crt": await base64(certificate), "tls.key": await base64(key) };
  await applyObjects(lab, servingObjects(node, secret));
  await kubectl(lab, ["wait", "--for=condition=Ready", `pod/${name}`, "--timeout=60s"]);
  await applyObjects(lab, [configuration(authority)]);
}

/**
 * What the webhook says of a ConfigMap that it refuses. Waits for that: the API server hears of a new webhook by a watch of its own. Throws
 * LabError NOT_READY.
 */
export async function webhookRefusal(lab: Lab): Promise<string> {
  const create = ["create", "configmap", "refused", "--from-literal=a=b", "--dry-run=server"];
  let said = "";
  return waitUntil(
    async () => {
      const { stdout, stderr } = await runResult(kubectlCommand(lab, create), { timeoutMs: 60_000 });
      said = `${stdout}${stderr}`;
      return /denied the request: (.*)/.exec(stderr)?.[1];
    },
    { what: "the webhook refuses a ConfigMap", timeoutMs: 60_000, explain: () => said },
  );
}

async function base64(file: string): Promise<string> {
  return (await readFile(file)).toString("base64");
}

function servingObjects(node: string, data: Readonly<Record<string, string>>): readonly unknown[] {
  const labels = { app: name };
  const metadata = { name, namespace: "default", labels };
  const container = {
    name,
    image: imageNames.headcni,
    imagePullPolicy: "Never",
    command: ["node", "-e", server],
    env: [{ name: "NODE", valueFrom: { fieldRef: { fieldPath: "spec.nodeName" } } }],
    volumeMounts: [{ name: "tls", mountPath: "/tls", readOnly: true }],
    readinessProbe: {
      httpGet: { path: "/", port: 8443, scheme: "HTTPS" },
      periodSeconds: 1,
      timeoutSeconds: 10,
    },
  };
  const volumes = [{ name: "tls", secret: { secretName: name } }];
  return [
    { apiVersion: "v1", kind: "Secret", metadata, data },
    {
      apiVersion: "v1",
      kind: "Pod",
      metadata,
      spec: { nodeName: node, terminationGracePeriodSeconds: 1, containers: [container], volumes },
    },
    {
      apiVersion: "v1",
      kind: "Service",
      metadata,
      spec: { selector: labels, ports: [{ port: 443, targetPort: 8443 }] },
    },
  ];
}

function configuration(caBundle: string): unknown {
  return {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "ValidatingWebhookConfiguration",
    metadata: { name },
    webhooks: [
      {
        name: `${name}.example.org`,
        admissionReviewVersions: ["v1"],
        sideEffects: "None",
        failurePolicy: "Fail",
        timeoutSeconds: 10,
        clientConfig: { service: { namespace: "default", name, path: "/" }, caBundle },
        rules: [{ apiGroups: [""], apiVersions: ["v1"], operations: ["CREATE"], resources: ["configmaps"] }],
        // Of the cluster's own ConfigMaps none waits for it.
        namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "default" } },
      },
    ],
  };
}
