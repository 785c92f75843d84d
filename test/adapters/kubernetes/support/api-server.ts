import { type ChildProcess, spawn } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Agent, request } from "undici";
import { until } from "../../../support/until.ts";

/** A real etcd and kube-apiserver on loopback, with ports, folder and processes of their own. */
export interface ApiServer {
  /** Of an administrator. */
  readonly kubeconfig: string;
  readonly folder: string;
  /** Writes a kubeconfig for a user without any right but those that RBAC gives. */
  kubeconfigOf(user: string): Promise<string>;
  /** One call as administrator: the parsed answer and its status. */
  call(method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE", path: string, body?: unknown): Promise<ApiAnswer>;
  /** Ends kube-apiserver; `signal` SIGKILL: without a word to its clients. */
  stop(signal: NodeJS.Signals): Promise<void>;
  /** Starts it again on the same port and data, and waits until it is ready. */
  start(flags?: readonly string[]): Promise<void>;
  /** Stops and continues the process: it is silent, but its kernel still answers. */
  freeze(): void;
  thaw(): void;
  /** Forgets all history up to now: cursors from before are answered with 410. */
  compact(): Promise<void>;
  remove(): Promise<void>;
}
export interface ApiAnswer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: tests read what they know to be there.
  readonly body: any;
}

const users = ["admin", "daemon"] as const;
const tokenOf = (user: string) => `token-of-${user}`;

/** Starts both. `programs`: the folder with `kube-apiserver` and etcd's `server`. */
export async function startApiServer(programs: string, flags: readonly string[] = []): Promise<ApiServer> {
  const folder = await mkdtemp(join(tmpdir(), "headcni-api-"));
  const ports = { client: await freePort(), peer: await freePort(), api: await freePort() };
  const origin = `https://127.0.0.1:${ports.api}`;
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  await writeFile(join(folder, "sa.key"), privateKey.export({ type: "sec1", format: "pem" }));
  await writeFile(
    join(folder, "tokens.csv"),
    users
      .map((user) => `${tokenOf(user)},${user},${user},"${user === "admin" ? "system:masters" : ""}"\n`)
      .join(""),
  );
  const etcdUrl = `http://127.0.0.1:${ports.client}`;
  const etcd = launch(folder, join(programs, "server"), [
    `--data-dir=${join(folder, "etcd")}`,
    `--listen-client-urls=${etcdUrl}`,
    `--advertise-client-urls=${etcdUrl}`,
    `--listen-peer-urls=http://127.0.0.1:${ports.peer}`,
    `--initial-advertise-peer-urls=http://127.0.0.1:${ports.peer}`,
    `--initial-cluster=default=http://127.0.0.1:${ports.peer}`,
    "--unsafe-no-fsync",
  ]);
  const agent = new Agent({ connect: { rejectUnauthorized: false } });
  let api: ChildProcess | undefined;

  async function call(method: Parameters<ApiServer["call"]>[0], path: string, body?: unknown) {
    const answer = await request(origin + path, {
      dispatcher: agent,
      method,
      headers: {
        authorization: `Bearer ${tokenOf("admin")}`,
        "content-type": method === "PATCH" ? "application/merge-patch+json" : "application/json",
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.body.text();
    return { status: answer.statusCode, body: text.startsWith("{") ? JSON.parse(text) : text };
  }

  async function start(more: readonly string[] = []) {
    api = launch(folder, join(programs, "kube-apiserver"), [
      `--etcd-servers=${etcdUrl}`,
      "--bind-address=127.0.0.1",
      "--advertise-address=127.0.0.1",
      `--secure-port=${ports.api}`,
      `--cert-dir=${join(folder, "cert")}`,
      `--token-auth-file=${join(folder, "tokens.csv")}`,
      "--authorization-mode=RBAC",
      "--service-cluster-ip-range=10.96.0.0/12",
      "--service-account-issuer=https://kubernetes.default.svc",
      `--service-account-key-file=${join(folder, "sa.key")}`,
      `--service-account-signing-key-file=${join(folder, "sa.key")}`,
      "--disable-admission-plugins=ServiceAccount",
      "--endpoint-reconciler-type=none",
      "--etcd-compaction-interval=0",
      ...flags,
      ...more,
    ]);
    const ready = () =>
      call("GET", "/readyz").then(
        ({ status }) => status === 200,
        () => false,
      );
    await until(ready, `the API server is ready; its log is ${join(folder, "kube-apiserver.log")}`, 90_000);
  }

  async function kubeconfigOf(user: string): Promise<string> {
    const path = join(folder, `${user}.kubeconfig`);
    const ca = await readFile(join(folder, "cert", "apiserver.crt"), "base64");
    await writeFile(
      path,
      JSON.stringify({
        "current-context": "test",
        contexts: [{ name: "test", context: { cluster: "test", user } }],
        clusters: [{ name: "test", cluster: { server: origin, "certificate-authority-data": ca } }],
        users: [{ name: user, user: { token: tokenOf(user) } }],
      }),
    );
    return path;
  }

  await start();
  return {
    folder,
    kubeconfig: await kubeconfigOf("admin"),
    kubeconfigOf,
    call,
    start,
    stop: (signal) => end(api, signal),
    freeze: () => api?.kill("SIGSTOP"),
    thaw: () => api?.kill("SIGCONT"),
    async compact() {
      const post = async (path: string, body: unknown) =>
        (await request(etcdUrl + path, { method: "POST", body: JSON.stringify(body) })).body.json();
      const { header } = (await post("/v3/kv/range", { key: Buffer.from("/").toString("base64") })) as {
        readonly header: { readonly revision: string };
      };
      await post("/v3/kv/compaction", { revision: header.revision, physical: true });
    },
    async remove() {
      await end(api, "SIGKILL");
      await end(etcd, "SIGKILL");
      await agent.destroy();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function launch(folder: string, program: string, args: readonly string[]): ChildProcess {
  const name = program.split("/").at(-1) ?? program;
  const log = createWriteStream(join(folder, `${name}.log`), { flags: "a" });
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
  child.stdout?.pipe(log, { end: false });
  child.stderr?.pipe(log, { end: false });
  child.on("error", (error) => log.write(String(error)));
  return child;
}

async function end(child: ChildProcess | undefined, signal: NodeJS.Signals): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill(signal);
  child.kill("SIGCONT");
  await ended;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  return typeof address === "object" && address !== null ? address.port : 0;
}
