import { readFileSync } from "node:fs";
import { join } from "node:path";
import { accessError } from "./kubernetes-error.ts";

/** How to reach the API server and who we are to it, with all files read. */
export interface ClusterAccess {
  /** With its path, if it has one, and without a slash at the end. */
  readonly server: string;
  readonly tls: {
    /** PEM; absent: the system's authorities. */
    readonly ca?: string;
    readonly cert?: string;
    readonly key?: string;
    /** Name that the server's certificate is for, when it is not that of the URL. */
    readonly servername?: string;
    /** False only where the kubeconfig says insecure-skip-tls-verify. */
    readonly rejectUnauthorized?: boolean;
  };
  readonly token?: string;
}

/** Where the kubelet puts a pod's credentials (k8s.io/client-go rest.InClusterConfig). */
const serviceAccountFolder = "/var/run/secrets/kubernetes.io/serviceaccount";

/**
 * Access as the service account of the pod we run in; its token is replaced about every hour, so read it for each
 * request. Throws KubernetesRequestError ACCESS_INVALID.
 */
export function readServiceAccount(
  environment: Readonly<Record<string, string | undefined>>,
  folder: string = serviceAccountFolder,
): ClusterAccess {
  const { KUBERNETES_SERVICE_HOST: host = "", KUBERNETES_SERVICE_PORT: port = "443" } = environment;
  if (host === "")
    throw accessError(
      "KUBERNETES_SERVICE_HOST",
      "not set: this is no pod, so kubernetes.kubeconfig must name a file",
    );
  const authority = host.includes(":") ? `[${host}]` : host;
  return {
    server: `https://${authority}:${port}`,
    tls: { ca: readAccessFile(join(folder, "ca.crt")) },
    token: readAccessFile(join(folder, "token")).trim(),
  };
}

/** Text of a file. Throws KubernetesRequestError ACCESS_INVALID. */
export function readAccessFile(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw accessError(path, (cause as NodeJS.ErrnoException).code ?? String(cause), { cause });
  }
}
