import { existsSync, readFileSync } from "node:fs";
import { dirname, isAbsolute, join } from "node:path";
// The package's index holds every generated type of the API: this module alone is 7 MB smaller in the daemon.
import type { Authenticator } from "@kubernetes/client-node/dist/auth.js";
import { KubeConfig } from "@kubernetes/client-node/dist/config.js";
import { parse } from "yaml";
import * as z from "zod";
import { accessError } from "./kubernetes-error.ts";

/** Gives the cluster and the user of now: files may be replaced at any time, so ask before each request. */
export type KubeConfigReader = () => KubeConfig;

/** Entries stay as they are: one that is broken concerns only whoever uses it. As kubectl, it may lack a name or be empty. */
const entries = (body: string) =>
  z
    .array(z.looseObject({ name: z.string().nullish(), [body]: z.looseObject({}).nullish() }).nullish())
    .nullish();
const fileSchema = z.looseObject({
  "current-context": z.string().nullish(),
  contexts: entries("context"),
  clusters: entries("cluster"),
  users: entries("user"),
});
type Entry = Readonly<Record<string, unknown>>;

/** client-node knows a user's tokenFile under another name only, and would send its last line break, too. */
const tokenFile = "headcniTokenFile";
const tokenFileAuth: Authenticator = {
  isAuthProvider: ({ authProvider }) => (authProvider as AuthProvider)?.name === tokenFile,
  applyAuthentication: async ({ authProvider }, options) => {
    const path = String((authProvider as AuthProvider)?.config?.["path"]);
    options.headers = { ...options.headers, Authorization: `Bearer ${readText(path).trim()}` };
  },
};
type AuthProvider = { readonly name?: string; readonly config?: Entry } | null | undefined;

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

/** The service account of the pod we run in; its token is read again every minute, as client-go does. */
export function serviceAccountReader(
  environment: Readonly<Record<string, string | undefined>>,
): KubeConfigReader {
  if ((environment["KUBERNETES_SERVICE_HOST"] ?? "") === "")
    return () => {
      throw accessError(
        "KUBERNETES_SERVICE_HOST",
        "not set: this is no pod, so kubernetes.kubeconfig must name a file",
      );
    };
  const config = new KubeConfig();
  config.loadFromCluster();
  return () => config;
}

/** What the configuration says: a kubeconfig, or without one the service account. */
export function nodeConfigReader(
  kubeconfig: string | undefined,
  environment: Readonly<Record<string, string | undefined>>,
): KubeConfigReader {
  return kubeconfig === undefined ? serviceAccountReader(environment) : kubeConfigReader([kubeconfig]);
}

function joined(
  files: readonly { readonly path: string; readonly text: string }[],
  contextName: string | undefined,
): KubeConfig {
  const where = files.map(({ path }) => path).join(":");
  const parsed = files.map(({ path, text }) => parseFile(path, text));
  const first = (kind: "contexts" | "clusters" | "users", body: string) => {
    const all = parsed.flatMap(({ path, file }) =>
      (file[kind] ?? []).map((entry) => ({
        name: entry?.["name"],
        [body]: withOwnFiles((entry?.[body] ?? {}) as Entry, dirname(path)),
      })),
    );
    return all.filter(({ name }, index) => all.findIndex((other) => other.name === name) === index);
  };
  const users = first("users", "user");
  const current = contextName ?? parsed.map(({ file }) => file["current-context"]).find(Boolean) ?? "";
  const config = new KubeConfig();
  config.addAuthenticator(tokenFileAuth);
  config.loadFromString(
    JSON.stringify({
      contexts: first("contexts", "context"),
      clusters: first("clusters", "cluster"),
      users,
      "current-context": current,
    }),
    { onInvalidEntry: "filter" },
  );
  const context = config.getContextObject(current);
  if (context === null) {
    const names = config.getContexts().map(({ name }) => name);
    throw accessError(where, `has no context "${current}", only ${names.join(", ") || "none at all"}`);
  }
  const cluster = config.getCluster(context.cluster);
  if (cluster === null)
    throw accessError(
      where,
      `has no cluster "${context.cluster}" with a server, which context "${current}" names`,
    );
  if (!cluster.server.startsWith("https://"))
    throw accessError(
      where,
      `cluster "${cluster.name}" has the server ${cluster.server}: it must begin with https://`,
    );
  if (config.getUser(context.user) === null)
    throw accessError(where, `has no user "${context.user}", which context "${current}" names`);
  const user = (users.find((entry) => entry["name"] === context.user)?.["user"] ?? {}) as Entry;
  const foreign = unsupported.find((key) => user[key] !== undefined);
  if (foreign !== undefined)
    throw accessError(where, `user "${context.user}" has "${foreign}", which is not supported: only "as" is`);
  return config;
}

/**
 * An entry with its files as client-go sees them: relative to their kubeconfig, data before a file, a token's file before the token
 * (k8s.io/client-go tools/clientcmd).
 */
function withOwnFiles(entry: Entry, folder: string): Entry {
  const beside = (file: unknown) =>
    typeof file === "string" && !isAbsolute(file) ? join(folder, file) : file;
  const own: Record<string, unknown> = { ...entry };
  for (const key of ["certificate-authority", "client-certificate", "client-key"]) {
    if (own[`${key}-data`] !== undefined) delete own[key];
    else if (own[key] !== undefined) own[key] = beside(own[key]);
  }
  if (own["tokenFile"] !== undefined) {
    delete own["token"];
    own["auth-provider"] = { name: tokenFile, config: { path: beside(own["tokenFile"]) } };
  }
  const exec = own["exec"] as { readonly command?: unknown } | undefined | null;
  if (typeof exec?.command === "string" && exec.command.includes("/"))
    own["exec"] = { ...exec, command: beside(exec.command) };
  return own;
}

function parseFile(path: string, text: string) {
  let value: unknown;
  try {
    value = parse(text);
  } catch (error) {
    // The parser's message quotes the file.
    const { code } = error as { readonly code?: unknown };
    throw accessError(path, `is no YAML (${String(code ?? "unreadable")})`);
  }
  const parsed = fileSchema.safeParse(value);
  if (parsed.success) return { path, file: parsed.data };
  // Names of keys only: the values are secrets.
  const problems = parsed.error.issues.map((issue) => `${issue.path.join(".") || "all of it"} is wrong`);
  throw accessError(path, `is no kubeconfig that can be used: ${[...new Set(problems)].join(", ")}`);
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw accessError(path, (cause as NodeJS.ErrnoException).code ?? String(cause), { cause });
  }
}
