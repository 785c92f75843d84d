import { chmod, copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Lab, LabNode } from "../lab-types.ts";
import { headscaleConfig, headscalePolicy, nodeTag } from "../tailnet/headscale.ts";
import { applyObjects, kubectl } from "./control-plane/kubectl.ts";
import { writeImageArchive } from "./images/oci-image.ts";
import { importImages } from "./node/containerd.ts";

const name = "headscale";
const image = "localhost/headcni/headscale:lab";
const configFolder = "/etc/headscale";
const stateFolder = "/var/lib/headscale";

/**
 * Runs a Headscale of its own in the cluster of a lab, pinned to `node`, on the node's network and on nodes that are not
 * ready, and makes a pre-auth key there. Returns the lab as HeadCNI is to see it: with that Headscale, which is all it
 * differs in. The lab's own is left as it is, and so is its relay, which both use.
 */
export async function startHeadscalePod(lab: Lab, node: LabNode): Promise<Lab> {
  const moved: Lab = {
    ...lab,
    headscale: {
      ...lab.headscale,
      url: `http://${node.address}:8080`,
      folder: stateFolder,
      configFile: join(configFolder, "config.yaml"),
      authKeyFile: join(lab.folder, "headscale-pod.authkey"),
    },
    derp: { ...lab.derp, mapFile: join(configFolder, "derp.yaml") },
  };
  await giveImage(lab, node);
  await applyObjects(lab, objects(moved, node, await readFile(lab.derp.mapFile, "utf8")));
  await kubectl(lab, ["rollout", "status", `deployment/${name}`, "--timeout=110s"]);
  await headscaleInPod(lab, ["policy", "set", "-f", join(configFolder, "policy.json")]);
  const key = ["preauthkeys", "create", "--tags", nodeTag, "--reusable", "--expiration", "24h"];
  await writeFile(moved.headscale.authKeyFile, (await headscaleInPod(lab, key)).trim(), { mode: 0o600 });
  return moved;
}

/** Runs Headscale's own command line in the pod and returns what it printed. */
export async function headscaleInPod(lab: Lab, args: readonly string[]): Promise<string> {
  return await kubectl(lab, ["exec", `deployment/${name}`, "--", "headscale", ...args]);
}

async function giveImage(lab: Lab, node: LabNode): Promise<void> {
  const work = await mkdtemp(join(lab.folder, "headscale-image-"));
  try {
    const programs = join(work, "root", "usr", "bin");
    await mkdir(programs, { recursive: true });
    await copyFile(lab.tools.headscale, join(programs, "headscale"));
    await chmod(join(programs, "headscale"), 0o755);
    const archive = join(work, "archive.tar");
    const source = { name: image, root: join(work, "root"), entrypoint: ["headscale"], command: ["serve"] };
    await writeImageArchive([source], join(work, "layout"), archive);
    await importImages(lab, node, archive);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

function objects(lab: Lab, node: LabNode, derpMap: string): readonly unknown[] {
  const labels = { app: name };
  const files = {
    // Headscale looks for this name by itself. JSON is YAML too.
    "config.yaml": JSON.stringify(headscaleConfig(lab)),
    "policy.json": JSON.stringify(headscalePolicy(lab)),
    "derp.yaml": derpMap,
  };
  const container = {
    name,
    image,
    imagePullPolicy: "Never",
    readinessProbe: { httpGet: { path: "/health", port: 8080 }, periodSeconds: 1, timeoutSeconds: 10 },
    volumeMounts: [
      { name: "config", mountPath: configFolder },
      { name: "state", mountPath: stateFolder },
    ],
  };
  const template = {
    metadata: { labels },
    spec: {
      hostNetwork: true,
      nodeSelector: { "kubernetes.io/hostname": node.name },
      // Nodes become ready by it.
      tolerations: [{ operator: "Exists" }],
      terminationGracePeriodSeconds: 1,
      containers: [container],
      volumes: [
        { name: "config", configMap: { name } },
        { name: "state", hostPath: { path: stateFolder, type: "DirectoryOrCreate" } },
      ],
    },
  };
  return [
    { apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace: "default" }, data: files },
    {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name, namespace: "default" },
      // Two at once would want the same port and the same database.
      spec: { replicas: 1, strategy: { type: "Recreate" }, selector: { matchLabels: labels }, template },
    },
  ];
}
