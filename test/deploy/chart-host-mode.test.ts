import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { examineConfig } from "../../src/config/load-config.ts";
import { ensureHelm } from "../lab/build/helm-tool.ts";
import { stderrProgress } from "../lab/progress.ts";
import { runResult } from "../lab/run-command.ts";
import { temporaryFile } from "./temporary-file.ts";

const chart = join(import.meta.dirname, "..", "..", "deploy", "chart", "headcni");
const needed = ["--set=headscale.url=https://h.example", "--set=network.podCIDR=10.244.0.0/16"];
const key = "--set=headscale.existingSecret=headcni-credentials";
const hostMode = "--set=tailscale.mode=host";
let helm: string;

type Container = {
  readonly name: string;
  readonly args: readonly string[];
  readonly env?: readonly { readonly name: string }[];
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
  readonly securityContext: { readonly capabilities: object };
};
type Volume = { readonly name: string; readonly hostPath?: { readonly path: string } };
type PodSpec = {
  readonly initContainers: readonly Container[];
  readonly containers: readonly Container[];
  readonly volumes: readonly Volume[];
};
type KubernetesObject = {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly data?: Readonly<Record<string, string>>;
  readonly roleRef?: { readonly kind: string; readonly name: string };
  readonly subjects?: readonly { readonly name: string }[];
  readonly spec?: { readonly template: { readonly spec: PodSpec } };
};

beforeAll(async () => {
  helm = await ensureHelm(stderrProgress());
}, 900_000);

async function rendered(release: string, ...words: readonly string[]): Promise<readonly KubernetesObject[]> {
  const kubernetes = ["--namespace=kube-system", "--kube-version=1.36.0"];
  const result = await runResult([helm, "template", release, chart, ...kubernetes, ...needed, ...words]);
  expect(result.exitCode, result.stderr).toBe(0);
  return objectsIn(result.stdout);
}

function objectsIn(text: string): readonly KubernetesObject[] {
  return parseAllDocuments(text)
    .map((document) => document.toJS() as KubernetesObject | null)
    .filter((object) => object !== null);
}

const named = (objects: readonly KubernetesObject[], kind: string, name: string) =>
  objects.find((object) => object.kind === kind && object.metadata.name === name);
const podOf = (objects: readonly KubernetesObject[], name = "headcni") => {
  const spec = named(objects, "DaemonSet", name)?.spec?.template.spec;
  if (spec === undefined) throw new Error(`no DaemonSet ${name}`);
  return spec;
};
const cleanupOf = (objects: readonly KubernetesObject[], name = "headcni") => {
  const [set] = objectsIn(named(objects, "ConfigMap", `${name}-uninstall`)?.data?.["cleanup.json"] ?? "");
  if (set?.spec === undefined) throw new Error("nothing cleans up");
  return { name: set.metadata.name, pod: set.spec.template.spec };
};
const configOf = (objects: readonly KubernetesObject[], name = "headcni") =>
  named(objects, "ConfigMap", name)?.data?.["config.yaml"] ?? "";
const hostPath = ({ volumes }: PodSpec, name: string) =>
  volumes.find((volume) => volume.name === name)?.hostPath?.path;
const mountOf = ({ containers, initContainers }: PodSpec, container: string, name: string) =>
  [...initContainers, ...containers]
    .find((one) => one.name === container)
    ?.volumeMounts.find((mount) => mount.name === name)?.mountPath;

describe("beside the tailscaled of a node's owner", () => {
  test("there is no headcni-wire and nothing of a tailscaled of our own", async () => {
    const objects = await rendered("headcni", hostMode);
    expect(named(objects, "DaemonSet", "headcni-wire")).toBeUndefined();
    const pod = podOf(objects);
    expect(hostPath(pod, "tun")).toBeUndefined();
    for (const { name, env = [] } of [...pod.initContainers, ...pod.containers])
      expect(
        env.map((variable) => variable.name),
        name,
      ).toEqual(["HEADCNI_NODE_NAME", ...(name === "headcni" ? ["HEADCNI_KUBERNETES_NETWORK_POLICY"] : [])]);
  });

  test("the daemon takes the configuration, which needs no key, and finds the socket where it is mounted", async () => {
    const objects = await rendered("headcni", hostMode);
    const file = await temporaryFile(configOf(objects));
    const { get, problems } = examineConfig({ file, environment: { HEADCNI_NODE_NAME: "n1" }, flags: [] });
    expect(problems.filter(({ path }) => path !== "tailscale.mode")).toEqual([]);
    expect(get("tailscale.mode")).toBe("host");
    expect(get("tailscale.socket")).toBe("/host/var/run/tailscale/tailscaled.sock");
    expect(get("headscale.authKeyFile")).toBeUndefined();
    const withKey = configOf(await rendered("headcni", hostMode, key));
    expect(withKey).toContain("authKeyFile: /etc/headcni-credentials/auth-key");
  });

  test.each([
    // systemd makes the socket's folder anew with each start of tailscaled: the mount is of the folder above it.
    ["", "/var/run"],
    ["/run/tailscale/tailscaled.sock", "/run"],
    ["/srv/vpn/own/t.sock", "/srv/vpn"],
    ["/run/t.sock", "/run"],
  ])("the socket %j is reached through %s, by the daemon and by what cleans up", async (socket, folder) => {
    const objects = await rendered("headcni", hostMode, `--set=tailscale.socket=${socket}`);
    for (const [pod, container] of [
      [podOf(objects), "headcni"],
      [cleanupOf(objects).pod, "cleanup"],
    ] as const) {
      expect(hostPath(pod, "tailscaled")).toBe(folder);
      expect(mountOf(pod, container, "tailscaled")).toBe(`/host${folder}`);
    }
    if (socket !== "") expect(configOf(objects)).toContain(`socket: /host${socket}\n`);
  });

  test("a socket whose path no daemon can open is refused", async () => {
    const longest = `/run/${"s".repeat(97)}`;
    await rendered("headcni", hostMode, `--set=tailscale.socket=${longest}`);
    const words = [hostMode, ...needed, `--set=tailscale.socket=${longest}s`];
    const { exitCode, stderr } = await runResult([helm, "template", "headcni", chart, ...words]);
    expect([exitCode, stderr]).toEqual([1, expect.stringContaining("socket")]);
  });

  test("each node gets a unit that loads the rules at boot, and loses it once the node is clean", async () => {
    const objects = await rendered("headcni", hostMode);
    const pod = podOf(objects);
    const { pod: cleanup } = cleanupOf(objects);
    expect(pod.initContainers.map(({ name }) => name)).toEqual(["install-plugin", "install-boot-unit"]);
    expect(cleanup.initContainers.map(({ name, args }) => [name, args.includes("--remove")])).toEqual([
      ["cleanup", false],
      ["remove-boot-unit", true],
    ]);
    for (const [spec, container] of [
      [pod, "install-boot-unit"],
      [cleanup, "remove-boot-unit"],
    ] as const) {
      expect(hostPath(spec, "units")).toBe("/etc/systemd/system");
      expect(mountOf(spec, container, "units")).toBe("/host/etc/systemd/system");
      const own = spec.initContainers.find(({ name }) => name === container);
      expect(own?.securityContext.capabilities).toEqual({ drop: ["ALL"] });
    }
    expect(configOf(objects)).toContain("bootUnit: true\n");
    // The daemon itself does not see the node's units.
    expect(mountOf(pod, "headcni", "units")).toBeUndefined();
  });

  test("or none, if the values say so", async () => {
    const objects = await rendered("headcni", hostMode, "--set=tailscale.bootUnit=false");
    for (const pod of [podOf(objects), cleanupOf(objects).pod]) {
      expect(hostPath(pod, "units")).toBeUndefined();
      expect(pod.initContainers).toHaveLength(1);
    }
    expect(configOf(objects)).toContain("bootUnit: false\n");
  });
});

describe("two releases in one cluster", () => {
  const nodes = "--set-string=nodeSelector.headcni\\.github\\.io/mode=host";

  test("have no object in common", async () => {
    const daemon = await rendered("headcni", key);
    const host = await rendered("headcni-host", hostMode, nodes, "--set=fullnameOverride=headcni-host");
    const ids = (objects: readonly KubernetesObject[]) =>
      objects.map(({ kind, metadata: { name, namespace = "" } }) => `${kind} ${namespace}/${name}`);
    expect(ids(host).filter((id) => ids(daemon).includes(id))).toEqual([]);
    expect(cleanupOf(host, "headcni-host").name).toBe("headcni-host-cleanup");
  });

  test("and what one of them names is its own", async () => {
    const name = "headcni-host";
    const objects = await rendered(name, hostMode, key, `--set=fullnameOverride=${name}`);
    const text = JSON.stringify(objects);
    for (const { roleRef, subjects = [] } of objects) {
      if (roleRef !== undefined) expect(named(objects, roleRef.kind, roleRef.name)).toBeDefined();
      for (const subject of subjects) expect(named(objects, "ServiceAccount", subject.name)).toBeDefined();
    }
    expect(text).toContain(`system:serviceaccount:kube-system:${name}\\"`);
    const names = [...text.matchAll(/"(?:serviceAccountName|policyName)":"([^"]+)"/g)].map(([, one]) => one);
    expect(new Set(names)).toEqual(new Set([name, `${name}-uninstall`, `${name}-own-node`]));
    const maps = [...text.matchAll(/"configMap":\{"name":"([^"]+)"/g)].map(([, one]) => one);
    expect(new Set(maps)).toEqual(new Set([name, `${name}-uninstall`, "kube-root-ca.crt"]));
    const role = named(objects, "Role", `${name}-uninstall`);
    expect(JSON.stringify(role)).toContain(`"resourceNames":["${name}","${name}-wire","${name}-cleanup"]`);
  });
});
