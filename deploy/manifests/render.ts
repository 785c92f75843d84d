/** `npm run manifests`: renders the chart for those who install without Helm. A test fails when the files differ. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ensureHelm } from "../../test/lab/build/helm-tool.ts";
import { stderrProgress } from "../../test/lab/progress.ts";
import { run } from "../../test/lab/run-command.ts";

const chart = join(import.meta.dirname, "..", "chart", "headcni");

/** What the files say where an operator must say something else. */
const values = {
  headscale: { url: "https://headscale.example.org", existingSecret: "headcni-credentials" },
  network: { podCIDR: "10.244.0.0/16" },
};

const installHead = `# HeadCNI without Helm. Rendered from deploy/chart/headcni by \`npm run manifests\`: change the chart, not this file.
# 1. kubectl -n kube-system create secret generic headcni-credentials --from-literal=auth-key=KEY
# 2. Set headscale.url, network.podCIDR and network.serviceCIDR in the ConfigMap below, and the images.
# 3. kubectl apply -f headcni.yaml
`;
const uninstallHead = `# Takes HeadCNI from all nodes of a cluster. Rendered from deploy/chart/headcni by \`npm run manifests\`.
# 1. kubectl apply -f uninstall.yaml
# 2. kubectl -n kube-system wait --for=condition=Complete job/headcni-uninstall --timeout=5m
#    If it fails: kubectl -n kube-system logs job/headcni-uninstall says on which node, and what to do. Before you do 1. again:
#    kubectl -n kube-system delete job headcni-uninstall
# 3. kubectl delete -f uninstall.yaml -f headcni.yaml
`;

/** The manifests of a chart by file name; `more` stands above the values. Throws LabError COMMAND_FAILED with what helm said. */
export async function renderManifests(
  helm: string,
  more: Readonly<Record<string, unknown>> = {},
  from = chart,
): Promise<Readonly<Record<string, string>>> {
  const template = async (args: readonly string[]) =>
    await run([helm, "template", "headcni", from, "--namespace=kube-system", "--values=-", ...args], {
      input: JSON.stringify({ ...values, ...more }),
    });
  return {
    "headcni.yaml": installHead + (await template(["--no-hooks"])),
    "uninstall.yaml": uninstallHead + (await template(["--show-only=templates/uninstall.yaml"])),
  };
}

if (import.meta.main) {
  const manifests = await renderManifests(await ensureHelm(stderrProgress()));
  for (const [name, text] of Object.entries(manifests))
    await writeFile(join(import.meta.dirname, name), text);
}
