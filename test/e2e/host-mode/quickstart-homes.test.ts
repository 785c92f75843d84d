import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type GuideStep, guideSteps } from "../../lab/kubeadm/guide.ts";
import { inNode } from "../../lab/kubernetes/node/node-machine.ts";
import { cutPower, powerOn } from "../../lab/kubernetes/node/node-power.ts";
import { nodeOf } from "../../lab/lab-store.ts";
import { inNetns } from "../../lab/network/netns.ts";
import { run } from "../../lab/run-command.ts";
import { waitUntil } from "../../lab/wait-until.ts";
import { useLab } from "../support/use-lab.ts";

/** docs/quickstart-homes.md by its own commands: three machines behind routers that let nothing in, and the real kubeadm. */
const lab = useLab({
  nodes: 3,
  mode: "host",
  behindNat: ["n1", "n2", "n3"],
  relayOnly: ["n3"],
  systemd: ["n1", "n2", "n3"],
  kubeadm: true,
  daemon: "none",
});
const guide = guideSteps(
  await readFile(join(import.meta.dirname, "..", "..", "..", "docs", "quickstart-homes.md"), "utf8"),
);
const control = "n1";
const workers = ["n2", "n3"];
/** What one step prints and a later one needs. */
const printed = { key: "", join: "", exports: "" };

/** What tells a path that fails from a name that the cluster's DNS does not know: where it runs, its log, and what it answered. */
const nameService = `
  date --utc
  kubectl -n kube-system get pods -o wide
  kubectl get services,endpointslices -A
  for pod in $(kubectl -n kube-system get pods -l k8s-app=kube-dns -o name); do
    kubectl -n kube-system logs --timestamps --tail=30 $pod
    kubectl get --raw /api/v1/namespaces/kube-system/pods/\${pod#pod/}:9153/proxy/metrics | grep coredns_dns_responses_total || true
  done
  kubectl exec deployment/web -- /agnhost connect web:80 --timeout=5s && echo again: answered || true`;

/** What a reader puts in the place of the guide's names. */
const named = (text: string) =>
  text
    .replaceAll("https://headscale.example.org", lab().headscale.url)
    .replaceAll("KEY", printed.key)
    .replaceAll("REGISTRY/headcni", "localhost/headcni/headcni --set image.tag=lab");

/** kubeadm's check of the system takes cgroups of version 1 for an error. */
const tolerant = (text: string) =>
  text.replaceAll(/kubeadm (init|join)/g, "kubeadm $1 --ignore-preflight-errors=SystemVerification");

/** Runs commands in a shell of root's on a machine; on `control` it knows what an earlier step exported. Returns what they printed. */
async function onMachine(name: string, commands: string): Promise<string> {
  const script = tolerant(named(`cd\n${name === control ? printed.exports : ""}\n${commands}`));
  return await run(await inNode(lab(), nodeOf(lab(), name), ["sh", "-euc", script]), { timeoutMs: 290_000 });
}

async function onPublic(commands: string): Promise<string> {
  const { tools, headscale, folder, netns } = lab();
  const alias = `headscale() { ${tools.headscale} -c ${headscale.configFile} "$@"; }\ncd ${folder}\n`;
  return await run(inNetns(netns, ["sh", "-euc", alias + commands]), { timeoutMs: 60_000 });
}

async function everywhere(commands: string): Promise<void> {
  await Promise.all([control, ...workers].map((name) => onMachine(name, commands)));
}

function stepOf(number: number): GuideStep {
  const step = guide[number - 1];
  if (step === undefined) throw new Error(`the guide has no step ${number}`);
  return step;
}

const blocksOf = (number: number) => stepOf(number).blocks.join("\n");
const lastLine = (text: string) => text.trim().split("\n").at(-1) ?? "";

describe("the guide's steps, one after another", () => {
  test("1 to 3: Headscale, tailscaled, kubelet", async () => {
    printed.key = lastLine(await onPublic(blocksOf(1)));
    expect(stepOf(2).where).toBe("others");
    await everywhere(blocksOf(2));
    expect(stepOf(3).where).toBe("others");
    await everywhere(blocksOf(3));
  });

  test("4: kubeadm init", async () => {
    expect(stepOf(4).where).toBe("control");
    printed.join = lastLine(await onMachine(control, blocksOf(4)));
    expect(printed.join).toMatch(/^kubeadm join 100\.64\.\d+\.\d+:6443 --token /);
    printed.exports = blocksOf(4)
      .split("\n")
      .filter((line) => line.startsWith("export "))
      .join("\n");
    // Only a machine with a kernel of its own may set conntrack's limit.
    await onMachine(
      control,
      `kubectl -n kube-system get configmap kube-proxy -o yaml | sed 's/maxPerCore: null/maxPerCore: 0/; s/min: null/min: 0/' | kubectl apply -f -
       kubectl -n kube-system rollout restart daemonset kube-proxy`,
    );
  });

  test("5: kubeadm join", async () => {
    await Promise.all(workers.map((name) => onMachine(name, printed.join)));
  });

  test("6: HeadCNI, and all Nodes are Ready", async () => {
    expect(stepOf(6).where).toBe("control");
    for (const block of stepOf(6).blocks) await onMachine(control, block);
  });

  test("7: logs, exec and a Service reach every home", async () => {
    const said = await onMachine(control, blocksOf(7)).catch(async (error: unknown) => {
      throw new Error(`${String(error)}\n${await onMachine(control, nameService)}`);
    });
    for (const name of [control, ...workers])
      expect(said).toMatch(new RegExp(`^${name} +Ready .* 100\\.64\\.\\d+\\.\\d+ `, "m"));
    expect(said).toMatch(/^Peers +2 online: .*relayed/m);
  });

  test("machines that lost their power come back by themselves, and pods talk", async () => {
    const off = ["n1", "n2"].map((name) => nodeOf(lab(), name));
    for (const node of off) await cutPower(lab(), node);
    for (const node of off.toReversed()) await powerOn(lab(), node);
    const talks = () =>
      onMachine(
        control,
        `kubectl wait node --all --for=condition=Ready --timeout=5s
         kubectl rollout status deployment/web --timeout=5s
         for pod in $(kubectl get pods -l app=web -o name); do kubectl exec $pod -- /agnhost connect web:80 --timeout=2s; done`,
      ).then(
        () => true,
        () => false,
      );
    await waitUntil(talks, {
      what: "each pod reaches the Service",
      timeoutMs: 180_000,
      explain: () => onMachine(control, "kubectl get nodes,pods -A -o wide"),
    });
  });

  test("8: away again, and tailscaled is as it was", async () => {
    await onMachine(control, blocksOf(8));
    for (const name of [control, ...workers]) {
      const { RouteAll, AdvertiseRoutes, LoggedOut } = JSON.parse(
        await onMachine(name, "tailscale debug prefs"),
      ) as Record<string, unknown>;
      const routes = AdvertiseRoutes ?? [];
      expect({ RouteAll, routes, LoggedOut }).toEqual({ RouteAll: false, routes: [], LoggedOut: false });
    }
  });
});
