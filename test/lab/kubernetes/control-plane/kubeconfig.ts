import { writeFile } from "node:fs/promises";
import type { Cluster } from "../cluster.ts";
import { certificateOf } from "./certificates.ts";

/** Writes a kubeconfig for the holder of a certificate (`admin`, `kubelet-n1`, ...) and returns its path. */
export async function writeKubeconfig(cluster: Cluster, holder: string, file: string): Promise<string> {
  const { certificate, key } = certificateOf(cluster, holder);
  const authority = certificateOf(cluster, "authority").certificate;
  const config = {
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "lab", cluster: { server: cluster.apiUrl, "certificate-authority": authority } }],
    users: [{ name: holder, user: { "client-certificate": certificate, "client-key": key } }],
    contexts: [{ name: "lab", context: { cluster: "lab", user: holder } }],
    "current-context": "lab",
  };
  // JSON is YAML too.
  await writeFile(file, JSON.stringify(config, null, 2), { mode: 0o600 });
  return file;
}
