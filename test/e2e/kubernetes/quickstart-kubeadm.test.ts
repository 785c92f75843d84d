import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { describe, expect, test } from "vitest";
import { type GuideStep, guideSteps } from "../../lab/kubeadm/guide.ts";
import { inNode } from "../../lab/kubernetes/node/node-machine.ts";
import { nodeOf } from "../../lab/lab-store.ts";
import type { LabNode } from "../../lab/lab-types.ts";
import { run } from "../../lab/run-command.ts";
import { tailscaledEnvironment } from "../../lab/tailnet/host-tailscaled.ts";
import { useLab } from "../support/use-lab.ts";

/** docs/quickstart-kubeadm.md by its own commands, on two machines that have its packages and nothing else. */
const lab = useLab({ nodes: 2, systemd: ["n1", "n2"], kubeadm: true, daemon: "none" });
const guide = guideSteps(
  await readFile(join(import.meta.dirname, "..", "..", "..", "docs", "quickstart-kubeadm.md"), "utf8"),
);
const machines = { control: "n1", worker: "n2" } as const;
type Machine = keyof typeof machines;
const nodeFor = (machine: Machine): LabNode => nodeOf(lab(), machines[machine]);
const asAdministrator = "export KUBECONFIG=/etc/kubernetes/admin.conf\n";
/** What step 3 prints and step 4 needs, and when the first command ran. */
const noted = { join: "", start: 0 };

/** As the lab's other tailscaleds have it, for `helm --set-string`. */
const environment = Object.entries(tailscaledEnvironment)
  .map(([name, value]) => `--set-string config.tailscale.environment.${name}=${value}`)
  .join(" ");

/**
 * What a reader puts in the place of the guide's names, and what the lab has instead of the world: a relay of its own, by plain HTTP, and
 * the tag of its image. kubeadm's check of the system takes cgroups of version 1 for an error.
 */
const named = (text: string) =>
  text
    .replaceAll("CONTROL", nodeFor("control").address)
    .replaceAll("image.tag=NEW", "image.tag=next")
    .replaceAll(
      "urls: [https://controlplane.tailscale.com/derpmap/default]",
      "urls: [], paths: [/root/derp.yaml]",
    )
    .replaceAll("helm install headcni deploy/chart/headcni", `$& --set image.tag=lab ${environment}`)
    .replaceAll(/kubeadm (init|join)/g, "kubeadm $1 --ignore-preflight-errors=SystemVerification");

/** Runs commands in a shell of root's on a machine, and returns what they printed. */
async function on(machine: Machine, commands: string): Promise<string> {
  const command = await inNode(lab(), nodeFor(machine), ["sh", "-euc", `cd\n${named(commands)}`]);
  return await run(command, { timeoutMs: 290_000 });
}

async function onBoth(commands: string): Promise<void> {
  await Promise.all([on("control", commands), on("worker", commands)]);
}

function stepOf(number: number, where: string): GuideStep {
  const step = guide[number - 1];
  if (step === undefined) throw new Error(`the guide has no step ${number}`);
  expect(step.where).toBe(where);
  return step;
}

/** Runs a step's blocks in one shell where its heading says. */
async function follow(number: number, where: Machine): Promise<string> {
  return await on(where, stepOf(number, where).blocks.join("\n"));
}

const explained = async (error: unknown): Promise<never> => {
  const look = `${asAdministrator}date --utc
    kubectl get nodes,pods -A -o wide
    kubectl -n kube-system logs ds/headcni -c headcni --tail=40
    kubectl -n kube-system logs -l k8s-app=kube-dns --tail=20`;
  throw new Error(`${String(error)}\n${await on("control", look).catch(String)}`);
};

describe("the guide's steps, one after another", () => {
  test("1: what follows the packages", async () => {
    noted.start = performance.now();
    for (const block of stepOf(1, "both").blocks) await onBoth(block);
  });

  test("2: Headscale", async () => {
    const map = await readFile(lab().derp.mapFile, "utf8");
    await on("control", `cat > derp.yaml <<'END'\n${map}END`);
    await follow(2, "control");
  });

  test("3: kubeadm init", async () => {
    const lines = (await follow(3, "control")).trim().split("\n");
    noted.join = lines.at(-1) ?? "";
    expect(noted.join).toMatch(/^kubeadm join 10\.99\.0\.11:6443 --token /);
    // Only a machine with a kernel of its own may set conntrack's limit.
    await on(
      "control",
      `${asAdministrator}kubectl -n kube-system get configmap kube-proxy -o yaml | sed 's/maxPerCore: null/maxPerCore: 0/; s/min: null/min: 0/' | kubectl apply -f -
       kubectl -n kube-system rollout restart daemonset kube-proxy`,
    );
  });

  test("4: kubeadm join", async () => {
    stepOf(4, "worker");
    await on("worker", noted.join);
  });

  test("5: HeadCNI, and both Nodes are Ready", async () => {
    await follow(5, "control").catch(explained);
  });

  test("6: logs, a ping across nodes, and a Service", async () => {
    const said = await follow(6, "control").catch(explained);
    const seconds = Math.round((performance.now() - noted.start) / 1000);
    console.log(`quickstart-kubeadm: from the first command to a ping across nodes: ${seconds} s`);
    const pods = [...said.matchAll(/^web-\S+ +1\/1 +Running .* (10\.244\.\d+)\.\d+ +(n\d) /gm)];
    expect(pods.map(([, , node]) => node).sort()).toEqual(["n1", "n2"]);
    expect(new Set(pods.map(([, subnet]) => subnet)).size).toBe(2);
    expect(said).toContain("3 packets received");
    expect(said).toMatch(/^Peers +1 online/m);
  });

  test("7: an upgrade, meanwhile a pod pings the other node, and loses nothing until the wires are replaced", async () => {
    await onBoth("ctr -n k8s.io images tag localhost/headcni/headcni:lab localhost/headcni/headcni:next");
    const [upgrade = "", wires = ""] = stepOf(7, "control").blocks;
    const first = await on(
      "control",
      `${asAdministrator}kubectl get pods -l app=web -o jsonpath='{.items[0].metadata.name} {.items[1].status.podIP}'`,
    );
    const [pod = "", other = ""] = first.trim().split(" ");
    const inPod = (script: string) =>
      on("control", `${asAdministrator}kubectl exec ${pod} -- sh -c '${script}'`);
    const pinging = inPod(`echo $$ >/tmp/ping.pid; exec ping -i 0.1 ${other} >/tmp/ping.out`);
    await on("control", upgrade);
    await inPod("kill -INT $(cat /tmp/ping.pid)");
    await pinging;
    const counts =
      /(\d+) packets transmitted, (\d+) packets received/.exec(await inPod("cat /tmp/ping.out")) ?? [];
    const [sent, received] = [Number(counts[1]), Number(counts[2])];
    expect(sent).toBeGreaterThan(10);
    // The last one may still be on its way.
    expect(sent - received).toBeLessThanOrEqual(1);
    await on("control", `${asAdministrator}${wires}`).catch(explained);
    const images = await on(
      "control",
      `${asAdministrator}kubectl -n kube-system get pods -l app.kubernetes.io/name=headcni -o jsonpath='{.items[*].spec.containers[*].image}'`,
    );
    expect(new Set(images.trim().split(" "))).toEqual(new Set(["localhost/headcni/headcni:next"]));
    await on(
      "control",
      `${asAdministrator}timeout 60 sh -c 'until kubectl exec ${pod} -- ping -c 1 -W 2 ${other}; do :; done'`,
    );
  });

  test("8: away again, and nothing is left", async () => {
    const said = await follow(8, "control").catch(explained);
    for (const name of Object.values(machines))
      expect(stripVTControlCharacters(said)).toMatch(new RegExp(` ${name} +\\| ${name} `));
    for (const machine of ["control", "worker"] as const) {
      expect(await readdir(nodeFor(machine).cniConfDir)).toEqual([]);
      expect(await readdir(nodeFor(machine).cniBinDir)).not.toContain("headcni");
      // The lab mounts both folders.
      const left =
        "ip -o link show; ip rule show; nft list tables; find /run/headcni /var/lib/headcni -mindepth 1";
      const state = await on(machine, left);
      expect(state).not.toMatch(/headcni|\bhc/);
    }
  });
});
