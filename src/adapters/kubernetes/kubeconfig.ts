import { dirname, isAbsolute, join } from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import { type ClusterAccess, readAccessFile } from "./cluster-access.ts";
import { accessError, type KubernetesRequestError } from "./kubernetes-error.ts";

const base64 = z.base64().transform((value) => Buffer.from(value, "base64").toString("utf8"));

/** The parts of a kubeconfig that we read (k8s.io/client-go tools/clientcmd/api/v1). */
const kubeconfigSchema = z.object({
  "current-context": z.string(),
  contexts: z.array(
    z.object({ name: z.string(), context: z.object({ cluster: z.string(), user: z.string() }) }),
  ),
  clusters: z.array(
    z.object({
      name: z.string(),
      cluster: z.object({
        server: z.url({ protocol: /^https$/ }),
        "certificate-authority": z.string().optional(),
        "certificate-authority-data": base64.optional(),
        "tls-server-name": z.string().optional(),
        "insecure-skip-tls-verify": z.boolean().optional(),
        "proxy-url": z.string().optional(),
      }),
    }),
  ),
  users: z.array(
    z.object({
      name: z.string(),
      user: z.looseObject({
        "client-certificate": z.string().optional(),
        "client-certificate-data": base64.optional(),
        "client-key": z.string().optional(),
        "client-key-data": base64.optional(),
        token: z.string().optional(),
        tokenFile: z.string().optional(),
      }),
    }),
  ),
});
type Kubeconfig = z.output<typeof kubeconfigSchema>;
type Cluster = Kubeconfig["clusters"][number]["cluster"];
type User = Kubeconfig["users"][number]["user"];

/** Ways to log in that need another program, a person or a password: a node has none of them. */
const refusedLogins = ["exec", "auth-provider", "username", "password", "as", "as-uid", "as-groups"] as const;

/**
 * Reads a context of a kubeconfig (the current one unless named) and the files it names, which may be rotated at any
 * time: read it for each request. Throws KubernetesRequestError ACCESS_INVALID.
 */
export function readKubeconfig(path: string, contextName?: string): ClusterAccess {
  const { "current-context": current, contexts, clusters, users } = parseKubeconfig(path);
  const name = contextName ?? current;
  const context = contexts.find((one) => one.name === name)?.context;
  if (context === undefined)
    throw accessError(path, `has no context "${name}", only ${contexts.map((one) => one.name).join(", ")}`);
  const cluster = clusters.find((one) => one.name === context.cluster)?.cluster;
  if (cluster === undefined) throw accessError(path, `has no cluster "${context.cluster}"`);
  const user = users.find((one) => one.name === context.user)?.user;
  if (user === undefined) throw accessError(path, `has no user "${context.user}"`);
  return accessOf(path, cluster, user);
}

function accessOf(path: string, cluster: Cluster, user: User): ClusterAccess {
  const fileBeside = (file: string) => (isAbsolute(file) ? file : join(dirname(path), file));
  // As client-go does: data wins over a file, a token's file over the token.
  const read = (data: string | undefined, file: string | undefined) =>
    data ?? (file === undefined ? undefined : readAccessFile(fileBeside(file)));
  refuseLogins(path, cluster, user);
  const ca = read(cluster["certificate-authority-data"], cluster["certificate-authority"]);
  const cert = read(user["client-certificate-data"], user["client-certificate"]);
  const key = read(user["client-key-data"], user["client-key"]);
  const token = user.tokenFile === undefined ? user.token : readAccessFile(fileBeside(user.tokenFile)).trim();
  if ((cert === undefined) !== (key === undefined))
    throw accessError(path, "has a client certificate without its key, or a key without its certificate");
  if (cert === undefined && (token === undefined || token === ""))
    throw accessError(path, "has neither a client certificate nor a token");
  const servername = cluster["tls-server-name"];
  return {
    server: cluster.server.replace(/\/+$/, ""),
    tls: {
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined || key === undefined ? {} : { cert, key }),
      ...(servername === undefined ? {} : { servername }),
      ...(cluster["insecure-skip-tls-verify"] === true ? { rejectUnauthorized: false } : {}),
    },
    ...(token === undefined ? {} : { token }),
  };
}

function refuseLogins(path: string, cluster: Cluster, user: User): void {
  if (cluster["proxy-url"] !== undefined)
    throw accessError(path, "has a proxy-url: the node must reach the API server by itself");
  const refused = refusedLogins.find((name) => user[name] !== undefined);
  if (refused !== undefined)
    throw accessError(
      path,
      `its user logs in by "${refused}": use a client certificate, a token or a tokenFile`,
    );
}

function parseKubeconfig(path: string): Kubeconfig {
  const text = readAccessFile(path);
  const parsed = kubeconfigSchema.safeParse(parseYaml(path, text));
  if (parsed.success) return parsed.data;
  // Names of keys only: the values are secrets.
  const problems = parsed.error.issues.map((issue) => `${issue.path.join(".")} is missing or wrong`);
  throw accessError(path, `is no kubeconfig that can be used: ${[...new Set(problems)].join(", ")}`);
}

function parseYaml(path: string, text: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    throw withoutContent(path, error);
  }
}

/** The parser's message quotes the file. */
function withoutContent(path: string, error: unknown): KubernetesRequestError {
  const code = (error as { readonly code?: unknown }).code;
  return accessError(path, `is no YAML (${String(code ?? "unreadable")})`);
}
