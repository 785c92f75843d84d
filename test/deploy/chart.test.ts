import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { renderManifests } from "../../deploy/manifests/render.ts";
import { loadConfig } from "../../src/config/load-config.ts";
import { ensureHelm } from "../lab/build/helm-tool.ts";
import { daemonRules } from "../lab/kubernetes/install/daemon-role.ts";
import { stderrProgress } from "../lab/progress.ts";
import { runResult } from "../lab/run-command.ts";
import { temporaryFile } from "./temporary-file.ts";

const manifestsFolder = join(import.meta.dirname, "..", "..", "deploy", "manifests");
const chart = join(import.meta.dirname, "..", "..", "deploy", "chart", "headcni");
let helm: string;
let manifests: Readonly<Record<string, string>>;

type Container = {
  readonly name: string;
  readonly image: string;
  readonly env?: readonly Readonly<Record<string, unknown>>[];
  readonly volumeMounts?: readonly { readonly name: string }[];
  readonly securityContext: Record<string, unknown>;
};
type PodSpec = {
  readonly initContainers?: readonly Container[];
  readonly containers: readonly Container[];
  readonly volumes?: readonly Readonly<Record<string, unknown>>[];
  readonly [key: string]: unknown;
};
type KubernetesObject = {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly rules?: unknown;
  readonly data?: Readonly<Record<string, string>>;
  readonly spec?: {
    readonly updateStrategy?: { readonly type: string };
    readonly template: { readonly spec: PodSpec };
  };
};

beforeAll(async () => {
  helm = await ensureHelm(stderrProgress());
  manifests = await renderManifests(helm);
}, 900_000);

const objectsIn = (text = ""): readonly KubernetesObject[] =>
  parseAllDocuments(text)
    .map((document) => document.toJS() as KubernetesObject | null)
    .filter((object) => object !== null);

const objects = () => objectsIn(manifests["headcni.yaml"]);

/** Also the DaemonSet that stands as text in a ConfigMap. */
const podSpecs = (): readonly PodSpec[] => {
  const uninstall = objectsIn(manifests["uninstall.yaml"]);
  const inside = uninstall.flatMap(({ data }) => objectsIn(data?.["cleanup.json"]));
  return [...objects(), ...uninstall, ...inside].flatMap(({ spec }) =>
    spec?.template === undefined ? [] : [spec.template.spec],
  );
};

const containers = () =>
  podSpecs().flatMap(({ initContainers = [], containers }) => [...initContainers, ...containers]);

const find = (kind: string, name: string) =>
  objects().find((object) => object.kind === kind && object.metadata.name === name);

test("the manifests of the repository are what the chart renders", async () => {
  for (const [name, text] of Object.entries(manifests))
    expect(await readFile(join(manifestsFolder, name), "utf8"), `npm run manifests: ${name}`).toBe(text);
});

test("no container is privileged, writes to its image or has a capability beyond the three", () => {
  expect(containers().map(({ name }) => name)).toEqual([
    "install-plugin",
    "headcni",
    "headcni-wire",
    "uninstall",
    "cleanup",
    "clean",
  ]);
  for (const { name, securityContext } of containers()) {
    expect(securityContext, name).toMatchObject({
      readOnlyRootFilesystem: true,
      allowPrivilegeEscalation: false,
      capabilities: { drop: ["ALL"] },
    });
    expect(securityContext["privileged"] ?? false, name).toBe(false);
    const { add = [] } = securityContext["capabilities"] as { readonly add?: readonly string[] };
    const needed = ["headcni", "headcni-wire", "cleanup"].includes(name);
    expect(add, name).toEqual(needed ? ["NET_ADMIN", "NET_RAW", "SYS_ADMIN"] : []);
  }
});

test("every pod starts before the cluster has a network", () => {
  for (const spec of podSpecs())
    expect(spec).toMatchObject({
      hostNetwork: true,
      dnsPolicy: "Default",
      enableServiceLinks: false,
      priorityClassName: "system-node-critical",
    });
});

test("every pod may run on every node, but the one that looks after an uninstallation on none that is cut off", () => {
  const tolerated = new Map(podSpecs().map((spec) => [spec.containers[0]?.name, spec["tolerations"]]));
  const { uninstall, ...others } = Object.fromEntries(tolerated);
  for (const [name, tolerations] of Object.entries(others))
    expect(tolerations, name).toEqual([{ operator: "Exists" }]);
  const keys = (uninstall as readonly { readonly key?: string }[]).map(({ key }) => key);
  expect(keys).toContain("node.kubernetes.io/not-ready");
  expect(keys).not.toContain("node.kubernetes.io/unreachable");
  expect(keys).not.toContain(undefined);
});

test("an update replaces the daemon, and the wire only by hand", () => {
  expect(find("DaemonSet", "headcni")?.spec?.updateStrategy?.type).toBe("RollingUpdate");
  expect(find("DaemonSet", "headcni-wire")?.spec?.updateStrategy?.type).toBe("OnDelete");
});

/** Of a pod's volumes those that hold a key, a token or anything else that opens a door. */
const secretVolumes = ({ volumes = [] }: PodSpec) =>
  volumes
    .filter((volume) => "secret" in volume || JSON.stringify(volume).includes("serviceAccountToken"))
    .map((volume) => volume["name"]);

test("keys and the token of a service account are seen by those containers alone that use them", () => {
  const seen = podSpecs().flatMap((spec) =>
    [...(spec.initContainers ?? []), ...spec.containers].map(({ name, env, volumeMounts = [] }) => {
      expect(JSON.stringify(env ?? []), name).not.toContain("secretKeyRef");
      const secrets = volumeMounts
        .map((mount) => mount.name)
        .filter((one) => secretVolumes(spec).includes(one));
      return [name, secrets, spec["automountServiceAccountToken"] ?? true];
    }),
  );
  expect(seen).toEqual([
    ["install-plugin", [], false],
    ["headcni", ["credentials", "api-access"], false],
    ["headcni-wire", [], false],
    ["uninstall", [], true],
    ["cleanup", ["credentials"], false],
    ["clean", [], false],
  ]);
});

test("once the release is gone no service account has rights, whichever hooks are left", () => {
  const hooks = objectsIn(manifests["uninstall.yaml"]);
  // Without the three together there is no right: a hook that stays binds nothing to nobody.
  expect(hooks.map(({ kind }) => kind).sort()).toEqual([
    "ClusterRoleBinding",
    "ConfigMap",
    "Job",
    "RoleBinding",
  ]);
  for (const kind of ["ServiceAccount", "Role", "ClusterRole"])
    expect(find(kind, "headcni-uninstall"), kind).toBeDefined();
  // And until then nobody has those rights.
  const bound = objects().filter(({ kind }) => kind.endsWith("Binding") && !kind.startsWith("Validating"));
  expect(bound.map(({ metadata }) => metadata.name)).toEqual(["headcni"]);
});

test("the daemon's role is the one with which it is tested", () => {
  expect(find("ClusterRole", "headcni")?.rules).toEqual(daemonRules);
});

test("the daemon takes the configuration that the chart writes", async () => {
  const file = await temporaryFile(find("ConfigMap", "headcni")?.data?.["config.yaml"] ?? "");
  const environment = { HEADCNI_NODE_NAME: "n1", HEADCNI_TAILSCALE_STATIC_ENDPOINTS: "10.0.0.1,fd00::1" };
  const config = loadConfig({ file, environment, flags: [] }, { credentials: "unread" });
  expect(config).toMatchObject({
    nodeName: "n1",
    headscale: { url: "https://headscale.example.org", authKeyFile: "/etc/headcni-credentials/auth-key" },
    tailscale: { staticEndpoints: ["10.0.0.1", "fd00::1"] },
    kubernetes: { enabled: true },
  });
});

const given = {
  "headscale.url": "https://h.example",
  "headscale.authKey": "k",
  "network.podCIDR": "10.0.0.0/8",
};
const render = async (values: Readonly<Record<string, string>>, words: readonly string[] = []) =>
  await runResult([
    ...[helm, "template", "headcni", chart, ...words],
    ...Object.entries({ ...given, ...values }).map(([path, value]) => `--set-string=${path}=${value}`),
  ] as [string, ...string[]]);

describe("values that cannot be right are refused by name", () => {
  test("what is needed is enough, and says nothing that the release before does not know", async () => {
    const { exitCode, stdout } = await render({});
    expect(exitCode).toBe(0);
    expect(stdout).not.toContain("allowFromUnderlay");
    expect(stdout).not.toContain("publishNodeAddress");
    expect(stdout).not.toContain("networkPolicy");
  });

  test.each([
    [[], true],
    [["--set=networkPolicy.enabled=false"], false],
    [["--set=config.kubernetes.networkPolicy=false"], false],
    [["--set=networkPolicy=null"], true],
  ])(
    "daemons enforce NetworkPolicies, and may see what those follow from, unless told not to: %j",
    async (words, enforces) => {
      const { stdout } = await render({}, words);
      const found = objectsIn(stdout);
      const role = found.find(({ kind, metadata }) => kind === "ClusterRole" && metadata.name === "headcni");
      expect(JSON.stringify(role?.rules).includes("networkpolicies")).toBe(enforces);
      expect(JSON.stringify(role?.rules).includes("namespaces")).toBe(enforces);
      expect(stdout.includes("HEADCNI_KUBERNETES_NETWORK_POLICY")).toBe(enforces);
    },
  );

  test.each([
    [[], false],
    [["--set=publishNodeAddress=true"], true],
    [["--set=config.kubernetes.publishNodeAddress=true"], true],
    [["--set=publishNodeAddress=true", "--set=config.kubernetes.publishNodeAddress=false"], false],
  ])("daemons may change a Node itself only where they write its addresses: %j", async (words, publishes) => {
    const { stdout } = await render({}, ["--kube-version=1.36.0", ...words]);
    const found = objectsIn(stdout);
    const config = found.find(({ kind }) => kind === "ConfigMap")?.data?.["config.yaml"];
    expect(config?.includes("publishNodeAddress: true")).toBe(publishes);
    const role = found.find(({ kind, metadata }) => kind === "ClusterRole" && metadata.name === "headcni");
    const right = { apiGroups: [""], resources: ["nodes"], verbs: ["patch"] };
    expect(JSON.stringify(role?.rules).includes(JSON.stringify(right))).toBe(publishes);
    const policy = JSON.stringify(found.find(({ kind }) => kind === "ValidatingAdmissionPolicy"));
    expect(policy.includes("object.spec == oldObject.spec")).toBe(!publishes);
  });

  const imagesOf = (text: string) =>
    objectsIn(text).flatMap(({ spec }) =>
      [...(spec?.template?.spec.initContainers ?? []), ...(spec?.template?.spec.containers ?? [])].map(
        ({ image }) => image,
      ),
    );

  test("an image is named by its digest alone where there is one", async () => {
    const digest = `sha256:${"0123456789abcdef".repeat(4)}`;
    const { stdout } = await render({ "image.repository": "r.example/headcni", "image.digest": digest });
    expect(new Set(imagesOf(stdout))).toEqual(new Set([`r.example/headcni@${digest}`]));
    const { stdout: tagged } = await render({ "image.repository": "r.example/headcni", "image.tag": "1.2" });
    expect(new Set(imagesOf(tagged))).toEqual(new Set(["r.example/headcni:1.2"]));
  });

  test.each([
    ["1.36.0", "true", 2],
    ["1.32.0", "true", 2],
    // No token says there on which Node its pod runs, so that every change would be refused.
    ["1.31.9", "true", 0],
    ["1.36.0", "false", 0],
  ])(
    "with Kubernetes %s and ownNodeOnly %s: %i objects narrow the daemons to their own Nodes",
    async (version, on, count) => {
      const { stdout } = await render({}, [`--kube-version=${version}`, `--set=ownNodeOnly=${on}`]);
      expect(
        objectsIn(stdout).filter(({ kind }) => kind.startsWith("ValidatingAdmissionPolicy")),
      ).toHaveLength(count);
    },
  );

  test("prefixes of both families and senders come through as lists", async () => {
    const podCIDR = ["10.244.0.0/16", "fd00:10:244::/48"];
    const serviceCIDR = ["10.96.0.0/16", "fd00:10:96::/112"];
    const allowFromUnderlay = ["192.0.2.0/24", "docker0"];
    const { stdout } = await render({
      "network.podCIDR": `{${podCIDR.join()}}`,
      "network.serviceCIDR": `{${serviceCIDR.join()}}`,
      "network.allowFromUnderlay": `{${allowFromUnderlay.join()}}`,
    });
    const map = objectsIn(stdout).find(({ kind }) => kind === "ConfigMap");
    const file = await temporaryFile(map?.data?.["config.yaml"] ?? "");
    const config = loadConfig(
      { file, environment: { HEADCNI_NODE_NAME: "n1" }, flags: [] },
      { credentials: "unread" },
    );
    expect(config.network).toMatchObject({ podCIDR, serviceCIDR, allowFromUnderlay });
  });

  test.each([
    [{ "headscale.url": "headscale.example.org" }, "url"],
    [{ "network.podCIDR": "" }, "podCIDR"],
    [{ "headscale.authKey": "" }, "headscale.existingSecret"],
    [{ "headscale.approval": "api" }, "headscale.apiKey"],
    [{ "headscale.urrl": "x" }, "urrl"],
    [{ "image.digest": "sha256:abc" }, "digest"],
    [{ "config.headscale.authKey": "k" }, "headscale.existingSecret"],
    [{ "network.allowFromUnderlay": "docker0" }, "allowFromUnderlay"],
    [{ "tailscale.mode": "hosts" }, "mode"],
    [{ "tailscale.socket": "/run/t.sock" }, "tailscale.socket must be left out"],
    [{ "config.tailscale.mode": "host" }, "config.tailscale.mode"],
    [{ "tailscale.mode": "host", "config.tailscale.socket": "/run/t.sock" }, "config.tailscale.socket"],
    [{ "tailscale.mode": "host", "tailscale.socket": "t.sock" }, "socket"],
    [{ "tailscale.mode": "host", "wire.resources.requests.cpu": "1" }, "wire.resources"],
    [{ fullnameOverride: "Head CNI" }, "fullnameOverride"],
    ...[
      "binary",
      "interfaceName",
      "port",
      "linkCIDR",
      "staticEndpoints",
      "environment",
      "hostnamePrefix",
    ].map(
      (key) =>
        [
          { "tailscale.mode": "host", [`config.tailscale.${key}`]: "x" },
          `config.tailscale.${key} must be left out`,
        ] as const,
    ),
  ] as const)("%j", async (values, named) => {
    const { exitCode, stderr } = await render(values);
    expect(exitCode).not.toBe(0);
    expect(stderr).toContain(named);
  });
});
