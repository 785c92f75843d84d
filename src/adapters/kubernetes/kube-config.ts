import { existsSync, readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
// The package's index holds every generated type of the API: this module alone is 7 MB smaller in the daemon.
import { KubeConfig, makeAbsolutePath } from "@kubernetes/client-node/dist/config.js";
import { parse } from "yaml";
import * as z from "zod";
import { toJson } from "../../domain/to-json.ts";
import { accessError } from "./kubernetes-error.ts";

/** Gives the cluster and the user of now: files may be replaced at any time, so ask before each request. */
export type KubeConfigReader = () => KubeConfig;

/** A broken entry concerns only whoever uses it: it becomes null, which client-node passes over. */
const entries = <Entry extends z.ZodType>(entry: Entry) => z.array(entry.nullable().catch(null)).nullish();
const file = z.string().nullish();
const fileSchema = z.looseObject({
  contexts: entries(z.looseObject({})),
  clusters: entries(z.looseObject({ cluster: z.looseObject({ "certificate-authority": file }) })),
  users: entries(
    z.looseObject({
      name: z.string(),
      user: z.looseObject({ "client-certificate": file, "client-key": file, tokenFile: file }).nullish(),
    }),
  ),
});

/** Ways of acting as somebody that client-node leaves out without a word: it would act with other rights. */
const unsupported = ["as-groups", "as-uid", "as-user-extra"];

/**
 * Reads kubeconfigs and joins them as kubectl does: of two entries with one name the first counts, files that are not there are
 * passed over. A reader keeps what a user's program or provider gave it until a file changes. Throws KubernetesRequestError
 * ACCESS_INVALID.
 */
export function kubeConfigReader(paths: readonly string[], contextName?: string): KubeConfigReader {
  let known: { readonly texts: string; readonly config: KubeConfig } | undefined;
  return () => {
    const there = paths.filter((path) => existsSync(path));
    if (there.length === 0) throw accessError(paths.join(":"), "ENOENT");
    const files = there.map((path) => ({ path, text: readText(path) }));
    const texts = JSON.stringify(files);
    if (known?.texts !== texts) known = { texts, config: joined(files, contextName) };
    return known.config;
  };
}

/**
 * What the configuration says: a kubeconfig, or without one the service account of the pod we run in. Its token is read again
 * every minute, as client-go does.
 */
export function nodeConfigReader(
  kubeconfig: string | undefined,
  environment: Readonly<Record<string, string | undefined>>,
): KubeConfigReader {
  if (kubeconfig !== undefined) return kubeConfigReader([kubeconfig]);
  const host = "KUBERNETES_SERVICE_HOST";
  if (!environment[host])
    return () => {
      throw accessError(host, "not set: this is no pod, so kubernetes.kubeconfig must name a file");
    };
  const config = new KubeConfig();
  config.loadFromCluster();
  return () => config;
}

type KubeConfigFile = { readonly path: string; readonly text: string };

/** client-node's mergeConfig refuses a name that two files have; its look-up takes the first of a name, as kubectl does. */
function joined(files: readonly KubeConfigFile[], contextName: string | undefined): KubeConfig {
  const loaded = files.map(loadFile);
  const refuse = (text: string) => accessError(files.map(({ path }) => path).join(":"), text);
  const current = contextName ?? loaded.map(({ config }) => config.currentContext).find(Boolean) ?? "";
  const all = new KubeConfig();
  all.loadFromOptions({
    contexts: loaded.flatMap(({ config }) => config.contexts),
    clusters: loaded.flatMap(({ config }) => config.clusters),
    users: loaded.flatMap(({ config }) => config.users),
    currentContext: current,
  });
  const context = all.getContextObject(current);
  if (context === null) {
    const names = [...new Set(all.contexts.map(({ name }) => name))].join(", ");
    throw refuse(`has no context "${current}", only ${names || "none at all"}`);
  }
  const cluster = all.getCurrentCluster();
  if (cluster === null)
    throw refuse(`has no cluster "${context.cluster}" with a server, which context "${current}" names`);
  const { name, server } = cluster;
  if (!server.startsWith("https://"))
    throw refuse(`cluster "${name}" has the server ${server}: it must begin with https://`);
  if (all.getCurrentUser() === null)
    throw refuse(`has no user "${context.user}", which context "${current}" names`);
  const user = loaded.flatMap(({ users }) => users).find((entry) => entry?.name === context.user)?.user;
  const foreign = unsupported.find((key) => user?.[key] !== undefined);
  if (foreign !== undefined)
    throw refuse(`user "${context.user}" has "${foreign}", which is not supported: only "as" is`);
  return all;
}

/**
 * With what client-node lacks of client-go (k8s.io/client-go tools/clientcmd): data goes before a file, a token's file before the
 * token, and this file and the user's program are found beside the kubeconfig.
 */
function loadFile({ path, text }: KubeConfigFile) {
  const { json, users } = parseFile(path, text);
  const folder = dirname(resolve(path));
  const config = new KubeConfig();
  config.loadFromString(json, { onInvalidEntry: "filter" });
  config.makePathsAbsolute(folder);
  for (const cluster of config.clusters) if (cluster.caData) delete cluster.caFile;
  for (const user of config.users) {
    if (user.certData) delete user.certFile;
    if (user.keyData) delete user.keyFile;
    const command: unknown = user.exec?.command;
    if (typeof command === "string" && command.includes("/"))
      user.exec.command = makeAbsolutePath(folder, command);
    const tokenFile = users.find((entry) => entry?.name === user.name)?.user?.tokenFile;
    // For each request anew: client-node's own reader keeps a token for a minute.
    const get = () => readText(makeAbsolutePath(folder, tokenFile ?? "")).trim();
    if (tokenFile) Object.defineProperty(user, "token", { get });
  }
  return { config, users };
}

/** Not by client-node's parser: its errors quote the file, and what is no list is none to it. */
function parseFile(path: string, text: string) {
  let value: unknown;
  try {
    value = parse(text, { logLevel: "error" });
  } catch (error) {
    // The parser's message quotes the file.
    const { code } = error as { readonly code?: unknown };
    throw accessError(path, `is no YAML (${String(code ?? "unreadable")})`);
  }
  const parsed = fileSchema.safeParse(value);
  if (parsed.success) {
    const json = toJson(parsed.data);
    if (json !== undefined) return { json, users: parsed.data.users ?? [] };
    throw accessError(
      path,
      "is not a usable kubeconfig: a part of it contains itself, or has thousands of levels",
    );
  }
  // Names of keys only: the values are secrets.
  const problems = parsed.error.issues.map((issue) => `${issue.path.join(".") || "all of it"} is wrong`);
  throw accessError(path, `is not a usable kubeconfig: ${[...new Set(problems)].join(", ")}`);
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw accessError(path, (cause as NodeJS.ErrnoException).code ?? String(cause), { cause });
  }
}
