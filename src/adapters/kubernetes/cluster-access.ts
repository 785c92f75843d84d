import type { RequestOptions } from "node:https";
import type { ConnectionOptions } from "node:tls";
import type { KubeConfig } from "@kubernetes/client-node/dist/config.js";
import { HeadcniError, toFailure } from "../../domain/failure.ts";
import { accessError } from "./kubernetes-error.ts";

/** How to reach the API server and who we are to it, with all files read and programs run. */
export interface ClusterAccess {
  /** With its path, if it has one, and without a slash at the end. */
  readonly server: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly tls: Readonly<
    Pick<ConnectionOptions, "ca" | "cert" | "key" | "servername" | "rejectUnauthorized">
  >;
  /** URL of the HTTP proxy on the way. */
  readonly proxy?: string;
}

/** Throws KubernetesRequestError ACCESS_INVALID; its text has what the user's program or provider said. */
export async function clusterAccess(config: KubeConfig): Promise<ClusterAccess> {
  const cluster = config.getCurrentCluster();
  const user = config.getCurrentUser();
  if (cluster === null || user === null) throw accessError("kubeconfig", "has no current context");
  const options: RequestOptions = {};
  try {
    await config.applyToHTTPSOptions(options);
  } catch (cause) {
    if (cause instanceof HeadcniError) throw cause;
    throw accessError(`user "${user.name}"`, toFailure(cause).message.trim(), { cause });
  }
  const { cert, key, auth, headers = {} } = options;
  if ((cert === undefined) !== (key === undefined))
    throw accessError(
      `user "${user.name}"`,
      "has a client certificate without its key, or a key without its certificate",
    );
  const given = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), String(value).trim()]);
  const { authorization, ...others } = Object.fromEntries(given) as Readonly<Record<string, string>>;
  const basic = auth ? `Basic ${Buffer.from(auth).toString("base64")}` : undefined;
  const who = authorization ?? basic;
  if (cert === undefined && who === undefined)
    throw accessError(
      `user "${user.name}"`,
      "has no client certificate, token, password, program or provider",
    );
  const { proxyUrl } = cluster;
  if (proxyUrl !== undefined && !proxyUrl.startsWith("http"))
    throw accessError(
      `cluster "${cluster.name}"`,
      `has the proxy-url ${proxyUrl}: only HTTP proxies are supported`,
    );
  return {
    server: cluster.server.replace(/\/+$/, ""),
    headers: { ...others, ...(who === undefined ? {} : { authorization: who }) },
    tls: tlsOf(options),
    ...(proxyUrl === undefined ? {} : { proxy: proxyUrl }),
  };
}

function tlsOf({ ca, cert, key, servername, rejectUnauthorized }: RequestOptions): ClusterAccess["tls"] {
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(servername === undefined ? {} : { servername }),
    ...(rejectUnauthorized === undefined ? {} : { rejectUnauthorized }),
  };
}
