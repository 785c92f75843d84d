import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { ensureHelm } from "../lab/build/helm-tool.ts";
import { stderrProgress } from "../lab/progress.ts";
import { run, runResult } from "../lab/run-command.ts";

const repository = join(import.meta.dirname, "..", "..");
const text = await readFile(join(repository, "docs", "quickstart-k3s.md"), "utf8");
const blocks = [...text.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block = ""]) => block);

/** The text that a block writes into a file. */
function fileOf(name: string): string {
  const [, content = ""] =
    new RegExp(`> \\S*${name} <<'END'\\n(.*?)^END$`, "ms").exec(blocks.join("\n")) ?? [];
  return content;
}

/** k3s's own (data-dir is its default, /var/lib/rancher/k3s). */
const folders = {
  "cni-conf": "/var/lib/rancher/k3s/agent/etc/cni/net.d",
  "cni-bin": "/var/lib/rancher/k3s/data/cni",
};

type Workload = {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly data?: Readonly<Record<string, string>>;
  readonly spec?: {
    readonly template?: { readonly spec: { readonly volumes?: readonly Volume[] } };
  };
};
type Volume = { readonly name: string; readonly hostPath?: { readonly path: string } };

/** All objects of an installation with the page's values, those of `helm uninstall` too. */
async function installed(): Promise<{ readonly text: string; readonly objects: readonly Workload[] }> {
  const helm = await ensureHelm(stderrProgress());
  const command = ["template", "headcni", "deploy/chart/headcni", "--namespace=kube-system", "--values=-"];
  const rendered = await run([helm, ...command], { cwd: repository, input: fileOf("headcni-k3s.yaml") });
  const objects = parseAllDocuments(rendered).map((document) => document.toJS() as Workload | null);
  return { text: rendered, objects: objects.filter((object) => object !== null) };
}

test("a shell understands every block", async () => {
  expect(blocks).toHaveLength(3);
  for (const block of blocks)
    expect(await runResult(["sh", "-n", "-c", block]), block).toMatchObject({ exitCode: 0, stderr: "" });
});

test("k3s starts without flannel and its policy controller, with the addresses that HeadCNI is told", () => {
  const server = parse(fileOf("config.yaml")) as Record<string, unknown>;
  const { network } = parse(fileOf("headcni-k3s.yaml")) as { network: Record<string, unknown> };
  expect(server).toEqual({
    "flannel-backend": "none",
    "disable-network-policy": true,
    "cluster-cidr": network["podCIDR"],
    "service-cidr": network["serviceCIDR"],
  });
});

test("with the page's values HeadCNI uses k3s's folders and those of no other", async () => {
  const { text: rendered, objects } = await installed();
  const dataOf = (name: string, file: string) =>
    objects.find(({ kind, metadata }) => kind === "ConfigMap" && metadata.name === name)?.data?.[file] ?? "";
  const daemon = objects.find(({ kind, metadata }) => kind === "DaemonSet" && metadata.name === "headcni");
  // What runs on each node at uninstall.
  const cleanup = JSON.parse(dataOf("headcni-uninstall", "cleanup.json")) as Workload;
  for (const workload of [daemon, cleanup]) {
    const volumes = workload?.spec?.template?.spec.volumes ?? [];
    const paths = Object.fromEntries(volumes.map(({ name, hostPath }) => [name, hostPath?.path]));
    expect(paths).toMatchObject(folders);
  }
  expect(parse(dataOf("headcni", "config.yaml"))).toMatchObject({
    cni: { confDir: folders["cni-conf"], binDir: folders["cni-bin"] },
  });
  expect(rendered).not.toMatch(/(?<!k3s\/agent)\/etc\/cni|\/opt\/cni/);
}, 900_000);
