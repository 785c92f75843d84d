import { once } from "node:events";
import { readFile } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { json } from "node:stream/consumers";
import { run } from "../../lab/run-command.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

/** What RBAC decides by: one request to the API. */
export interface Request {
  readonly verb: string;
  readonly apiGroup: string;
  /** With its subresource: "nodes/status". */
  readonly resource: string;
  readonly namespace?: string;
  readonly name?: string;
}

export interface RbacRule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
}

/** Status and body of an answer. */
export type Answer = readonly [number, unknown];

/** An API server that grants everything and writes down what it was asked. */
export interface RecordingApi {
  readonly requests: readonly Request[];
  /** Bodies of the SelfSubjectAccessReviews: what somebody asked whether it may. */
  readonly reviews: readonly Readonly<Record<string, string>>[];
  /** A kubeconfig, as JSON. */
  readonly kubeconfig: string;
  close(): Promise<void>;
}

/** `answer` is asked for each request to a resource; undefined: an empty object. */
export async function startRecordingApi(
  answer: (request: Request, query: URLSearchParams, body: unknown) => Answer | undefined,
): Promise<RecordingApi> {
  const requests: Request[] = [];
  const reviews: Readonly<Record<string, string>>[] = [];
  const respond = async (message: IncomingMessage): Promise<Answer> => {
    const url = new URL(message.url ?? "", "http://api");
    const body = ["POST", "PATCH", "DELETE"].includes(message.method ?? "") ? await json(message) : undefined;
    const request = requestOf(message.method ?? "", url);
    if (request === undefined) return [200, {}];
    if (request.resource === "selfsubjectaccessreviews") {
      reviews.push(
        (body as { spec: { resourceAttributes: Record<string, string> } }).spec.resourceAttributes,
      );
      return [201, { status: { allowed: true } }];
    }
    requests.push(request);
    return answer(request, url.searchParams, body) ?? [200, {}];
  };
  const server = createServer(await selfSigned(), (message, response) => {
    respond(message).then(
      ([status, body]) => {
        response.writeHead(status, { "content-type": "application/json" });
        response.end(typeof body === "string" ? body : JSON.stringify(body));
      },
      (error: unknown) => response.writeHead(500).end(String(error)),
    );
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    requests,
    reviews,
    kubeconfig: JSON.stringify({
      "current-context": "c",
      contexts: [{ name: "c", context: { cluster: "c", user: "u" } }],
      clusters: [
        { name: "c", cluster: { server: `https://127.0.0.1:${port}`, "insecure-skip-tls-verify": true } },
      ],
      users: [{ name: "u", user: { token: "t" } }],
    }),
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

async function selfSigned() {
  const folder = temporaryDirectory();
  const [key, cert] = [join(folder, "key"), join(folder, "cert")];
  const kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  await run(["openssl", "req", "-x509", ...kind, "-subj", "/CN=api", "-keyout", key, "-out", cert]);
  return { key: await readFile(key), cert: await readFile(cert) };
}

/** As the API server reads a path (apiserver's RequestInfoFactory); undefined for what is no resource (/version). */
function requestOf(method: string, { pathname, searchParams }: URL): Request | undefined {
  const parts = pathname.split("/").slice(1);
  const [root, group = "", ...afterGroup] = parts;
  const [apiGroup, rest] = root === "apis" ? [group, afterGroup.slice(1)] : ["", parts.slice(2)];
  if ((root !== "api" && root !== "apis") || rest.length === 0) return undefined;
  const namespaced = rest[0] === "namespaces" && rest.length > 2;
  const [resource = "", name, subresource] = namespaced ? rest.slice(2) : rest;
  const reads = searchParams.get("watch") === "true" ? "watch" : name === undefined ? "list" : "get";
  const verbs: Readonly<Record<string, string>> = {
    GET: reads,
    POST: "create",
    PUT: "update",
    PATCH: "patch",
  };
  return {
    verb: verbs[method] ?? "delete",
    apiGroup,
    resource: subresource === undefined ? resource : `${resource}/${subresource}`,
    ...(namespaced ? { namespace: rest[1] ?? "" } : {}),
    ...(name === undefined ? {} : { name }),
  };
}

/** Whether one of the rules allows a request (k8s.io/kubernetes plugin/pkg/auth/authorizer/rbac, RuleAllows). */
export function allows(rules: readonly RbacRule[], { verb, apiGroup, resource, name }: Request): boolean {
  return rules.some(
    ({ apiGroups, resources, resourceNames, verbs }) =>
      apiGroups.includes(apiGroup) &&
      resources.includes(resource) &&
      verbs.includes(verb) &&
      (resourceNames === undefined || resourceNames.includes(name ?? "")),
  );
}

/** Every single right of the rules, as a rule of its own. */
export function singleRights(rules: readonly RbacRule[]): readonly RbacRule[] {
  return rules.flatMap(({ apiGroups, resources, resourceNames, verbs }) =>
    apiGroups.flatMap((apiGroup) =>
      resources.flatMap((resource) =>
        verbs.flatMap((verb) =>
          (resourceNames ?? [undefined]).map((name) => ({
            apiGroups: [apiGroup],
            resources: [resource],
            verbs: [verb],
            ...(name === undefined ? {} : { resourceNames: [name] }),
          })),
        ),
      ),
    ),
  );
}
