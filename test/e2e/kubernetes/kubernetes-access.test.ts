import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { type ApiServer, startApiServer } from "../../adapters/kubernetes/support/api-server.ts";
import { ensureGoModule } from "../../lab/build/go-tools.ts";
import { provideCtl } from "../../lab/build/tools.ts";
import { kubernetesModule } from "../../lab/kubernetes/cluster-tools.ts";
import { stderrProgress } from "../../lab/progress.ts";
import { runResult } from "../../lab/run-command.ts";

/** An administrator's kubeconfigs as they are found on laptops, against a real API server without HeadCNI in it. */
let api: ApiServer;
let folder: string;
let cluster: { readonly name: string; readonly cluster: Record<string, unknown> };
let program: string;

beforeAll(async () => {
  api = await startApiServer(await ensureGoModule(kubernetesModule, stderrProgress()));
  folder = await mkdtemp(join(tmpdir(), "headcnictl-access-"));
  program = await provideCtl(folder);
  cluster = JSON.parse(await readFile(api.kubeconfig, "utf8")).clusters[0];
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
  await api?.remove();
});

async function file(name: string, content: object | string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, typeof content === "string" ? content : JSON.stringify(content), { mode: 0o700 });
  return path;
}

const config = (user: object, more: object = {}) => ({
  "current-context": "mine",
  contexts: [{ name: "mine", context: { cluster: cluster.name, user: "me" } }],
  clusters: [cluster],
  users: [{ name: "me", user }],
  ...more,
});

/** Asks the cluster for HeadCNI's pods, with no kubeconfig but those of KUBECONFIG. */
function askCluster(kubeconfigs: readonly string[], ...words: readonly string[]) {
  return runResult([process.execPath, program, "status", "--all-nodes", ...words], {
    timeoutMs: 60_000,
    env: { KUBECONFIG: kubeconfigs.join(":"), HOME: folder },
    cwd: folder,
  });
}

/** The API server listed the pods: there are none of ours. */
const listed = { exitCode: 4, stderr: expect.stringContaining("no pod of HeadCNI's DaemonSet is there") };

test("a program gives the credential, as clouds have it", async () => {
  const status = { token: "token-of-admin" };
  const credential = { apiVersion: "client.authentication.k8s.io/v1", kind: "ExecCredential", status };
  await file("login", `#!/bin/sh\n[ "$WHO" = me ] && echo '${JSON.stringify(credential)}'\n`);
  const exec = { apiVersion: credential.apiVersion, command: "./login", env: [{ name: "WHO", value: "me" }] };
  expect(await askCluster([await file("exec", config({ exec }))])).toMatchObject(listed);
  expect(await askCluster(["exec"])).toMatchObject(listed);
});

test("a program that fails is quoted", async () => {
  await file("refuse", "#!/bin/sh\necho 'run aws sso login first' >&2; exit 1\n");
  expect(await askCluster([await file("failing", config({ exec: { command: "./refuse" } }))])).toMatchObject({
    exitCode: 2,
    stderr: expect.stringContaining("run aws sso login first"),
  });
});

test("an OIDC provider's token is sent", async () => {
  await api.call("POST", "/api/v1/namespaces/default/serviceaccounts", { metadata: { name: "jane" } });
  await api.call("POST", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", {
    metadata: { name: "jane" },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "cluster-admin" },
    subjects: [{ kind: "ServiceAccount", name: "jane", namespace: "default" }],
  });
  // The API server is its own issuer here: it takes this JWT as it would another provider's.
  const path = "/api/v1/namespaces/default/serviceaccounts/jane/token";
  const { body } = await api.call("POST", path, { spec: { expirationSeconds: 3600 } });
  const provider = { name: "oidc", config: { "id-token": body.status.token } };
  expect(await askCluster([await file("oidc", config({ "auth-provider": provider }))])).toMatchObject(listed);
});

test("an HTTP proxy leads to the API server", async () => {
  const tunnels: string[] = [];
  const proxy = createServer().on("connect", ({ url = "" }, client) => {
    tunnels.push(url);
    const server = connect(Number(url.split(":").at(-1)), "127.0.0.1", () => {
      client.write("HTTP/1.1 200 OK\r\n\r\n");
      client.pipe(server).pipe(client);
    });
    for (const socket of [client, server]) socket.on("error", () => undefined);
  });
  proxy.listen(0, "127.0.0.1");
  await once(proxy, "listening");
  onTestFinished(() => void proxy.close());
  const url = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  const through = { name: cluster.name, cluster: { ...cluster.cluster, "proxy-url": url } };
  const path = await file("proxied", config({ token: "token-of-admin" }, { clusters: [through] }));
  expect(await askCluster([path])).toMatchObject(listed);
  expect(tunnels).toContain(String(cluster.cluster["server"]).replace("https://", ""));
});

test("several files are one, and one that is missing is passed over", async () => {
  const { users, ...others } = config({ token: "token-of-admin" });
  const paths = [join(folder, "absent"), await file("who", { users }), await file("where", others)];
  expect(await askCluster(paths)).toMatchObject(listed);
});

test("a named context is served by a file whose other entries are broken", async () => {
  const good = config({ token: "token-of-admin" });
  const path = await file("broken", {
    ...good,
    "current-context": "gone",
    contexts: [{ name: "half" }, ...good.contexts],
    clusters: [{ name: "half", cluster: {} }, ...good.clusters],
    users: [{ name: "half", user: { "client-certificate": "gone" } }, ...good.users],
  });
  expect(await askCluster([path], "--context", "mine")).toMatchObject(listed);
  expect(await askCluster([path])).toMatchObject({
    exitCode: 2,
    stderr: expect.stringContaining('has no context "gone"'),
  });
});
