import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import type { FeedFrame } from "../../../../src/observe/inspector/feed-messages.ts";
import { provideCtl } from "../../../lab/build/tools.ts";
import { clusterOf } from "../../../lab/kubernetes/cluster.ts";
import { applyObjects, kubectl } from "../../../lab/kubernetes/control-plane/kubectl.ts";
import { imageNames } from "../../../lab/kubernetes/images/lab-images.ts";
import { release } from "../../../lab/kubernetes/install/helm.ts";
import { waitForRollout } from "../../../lab/kubernetes/install/install.ts";
import type { Lab } from "../../../lab/lab-types.ts";
import { inNetns } from "../../../lab/network/netns.ts";
import { stderrProgress } from "../../../lab/progress.ts";
import { run, runResult } from "../../../lab/run-command.ts";
import { waitUntil } from "../../../lab/wait-until.ts";
import { type StreamedProcess, streamedProcess } from "../streamed-process.ts";

/** headcnictl beside a cluster with two nodes: it reaches HeadCNI's pods, as the chart installs them, through the API server alone. */
export function headcnictlTests(lab: () => Lab): void {
  const bundle = { program: "" };

  beforeAll(async () => {
    bundle.program = await provideCtl(lab().folder);
  });

  function commandLine(...words: readonly string[]) {
    const { kubeconfig } = clusterOf(lab());
    return inNetns(lab().netns, [process.execPath, bundle.program, "--kubeconfig", kubeconfig, ...words]);
  }

  function headcnictl(...words: readonly string[]) {
    return runResult(commandLine(...words), { timeoutMs: 180_000 });
  }

  test("status of all nodes is one table, and one document with a document each", async () => {
    // For a moment something may be in repair or over its limit: the cluster came up just now.
    let said = "";
    const { human, document } = await waitUntil(
      async () => {
        const asDocument = await headcnictl("status", "--all-nodes", "-o", "json");
        const asTable = await headcnictl("status", "--all-nodes");
        if (asDocument.exitCode === 0 && asTable.exitCode === 0)
          return { human: asTable, document: asDocument };
        said = `${asTable.stdout}${asDocument.stdout}`;
        stderrProgress()(`headcnictl status --all-nodes says that something is wrong:\n${said}`);
        return undefined;
      },
      { what: "status says that all nodes are well", timeoutMs: 30_000, explain: () => said },
    );
    expect(human.stdout).toMatch(/n1 +proven/);
    expect(human.stdout).toMatch(/n2 +proven/);
    expect(JSON.parse(document.stdout)).toMatchObject({
      apiVersion: "headcnictl/v1",
      kind: "NodeList",
      nodes: [
        { node: "n1", exitCode: 0, document: { kind: "Status", status: { node: "n1" } } },
        { node: "n2", exitCode: 0, document: { kind: "Status", status: { node: "n2" } } },
      ],
    });
  });

  test("options and words reach the node; what it does not know keeps its exit code", async () => {
    const machines = await headcnictl("machines", "--node", "n2", "--machine", "pods", "-o", "json");
    expect(JSON.parse(machines.stdout).nodes[0].document.machines).toHaveLength(1);
    const traced = await headcnictl("trace", "--node", "n1", "default/nothing");
    expect(traced).toMatchObject({ exitCode: 4, stdout: expect.stringContaining('"default/nothing"') });
  });

  test("a node that does not exist is answered with its neighbour, a wrong context with the right ones", async () => {
    expect(await headcnictl("status", "--node", "n3")).toMatchObject({
      exitCode: 4,
      stderr: expect.stringContaining("did you mean n"),
    });
    expect(await headcnictl("status", "--all-nodes", "--context", "nope")).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('has no context "nope"'),
    });
  });

  test("diagnostics of all nodes is one archive with a folder each", async () => {
    const folder = await mkdtemp(join(tmpdir(), "headcnictl-"));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const archive = join(folder, "all.tar.gz");
    expect(await headcnictl("diagnostics", "--all-nodes", "--file", archive)).toMatchObject({ exitCode: 0 });
    await run(["tar", "xzf", archive, "-C", folder, "--strip-components=1"]);
    for (const node of ["n1", "n2"])
      expect(await readdir(join(folder, node))).toEqual(
        expect.arrayContaining(["status.json", "logs.json", "kernel", "manifest.json"]),
      );
  });

  /** Prints a page as it comes, from where headcnictl listens. */
  const printPage =
    "for await (const chunk of (await fetch(process.argv[1])).body) process.stdout.write(chunk)";

  function getFromThere(url: string): StreamedProcess {
    const get = [process.execPath, "--input-type=module", "--eval", printPage, url] as const;
    const getting = streamedProcess(inNetns(lab().netns, get));
    onTestFinished(() => getting.signal("SIGKILL"));
    return getting;
  }

  /** The frames of a stream of events, as far as they have come. */
  function framesOf(text: string): readonly FeedFrame[] {
    const whole = text.slice(0, text.lastIndexOf("\n\n") + 1);
    return [...whole.matchAll(/^data: (.*)$/gm)].map(([, data = ""]) => JSON.parse(data) as FeedFrame);
  }

  test("inspect leads to another node's page and passes its events on as they happen", async () => {
    const inspecting = streamedProcess(commandLine("inspect", "--node", "n2", "-o", "json"));
    onTestFinished(() => inspecting.signal("SIGKILL"));
    const { url } = await inspecting.heard("the page's address", (text) =>
      text.endsWith("}\n") ? (JSON.parse(text) as { readonly url: string }) : undefined,
    );
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/inspect$/);
    const page = getFromThere(url);
    expect(await page.ended).toBe(0);
    await page.heard("the page itself", (text) => text.includes("</html>") || undefined);

    const stream = getFromThere(`${url}/stream`);
    const baseline = await stream.heard("the baseline", (text) =>
      framesOf(text).find(({ type }) => type === "baseline"),
    );
    expect(baseline).toMatchObject({ daemon: { node: "n2" } });
    await applyObjects(lab(), [podOn("n2")]);
    await stream.heard("the pod's attachment", (text) =>
      framesOf(text).find(
        (frame) => frame.type === "delta" && JSON.stringify(frame).includes("inspected-pod"),
      ),
    );

    inspecting.signal("SIGINT");
    expect(await inspecting.ended).toBe(0);
    await stream.ended;
  });

  function podOn(nodeName: string): unknown {
    const container = { name: "who", image: imageNames.busybox, imagePullPolicy: "Never" };
    return {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "inspected-pod", namespace: "default" },
      spec: { nodeName, terminationGracePeriodSeconds: 1, containers: [container] },
    };
  }

  test("inspect shows one node", async () => {
    expect(await headcnictl("inspect", "--all-nodes")).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining("--node NAME"),
    });
  });

  test("inspect tells who may list pods, but not lead through them, what is missing", async () => {
    const kubeconfig = await kubeconfigOf("reader", ["--verb=get,list", "--resource=pods"]);
    const refused = await headcnictl("inspect", "--node", "n1", "--kubeconfig", kubeconfig);
    expect(refused).toMatchObject({ exitCode: 3, stderr: expect.stringContaining("pods/portforward") });
    expect(refused.stderr).toContain("forbidden");
  });

  test("inspect tells who may lead through pods, but not switch it on, why it stays off", async () => {
    const kubeconfig = await kubeconfigOf("forwarder", [
      "--verb=get,list,create",
      "--resource=pods,pods/portforward",
    ]);
    const refused = await headcnictl("inspect", "--node", "n1", "--kubeconfig", kubeconfig);
    expect(refused).toMatchObject({ exitCode: 4, stderr: expect.stringContaining("n1 is off") });
    expect(refused.stderr).toContain("403 (it needs a user who may use pods/exec)");
  });

  /** Access of a service account that may do this and nothing else. */
  async function kubeconfigOf(name: string, rights: readonly string[]): Promise<string> {
    const namespace = "default";
    await kubectl(lab(), ["create", "serviceaccount", name]);
    await kubectl(lab(), ["create", "clusterrole", name, ...rights]);
    await kubectl(lab(), [
      ...["create", "clusterrolebinding", name],
      ...[`--clusterrole=${name}`, `--serviceaccount=${namespace}:${name}`],
    ]);
    const token = (await kubectl(lab(), ["create", "token", name])).trim();
    const config = JSON.parse(await kubectl(lab(), ["config", "view", "--raw", "-o", "json"]));
    for (const { user } of config.users) {
      for (const key of Object.keys(user)) delete user[key];
      user.token = token;
    }
    const folder = await mkdtemp(join(tmpdir(), "headcnictl-"));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    await writeFile(join(folder, "kubeconfig"), JSON.stringify(config), { mode: 0o600 });
    return join(folder, "kubeconfig");
  }

  test("inspect ends with a reason when the daemon that it led to is gone", async () => {
    const inspecting = streamedProcess(commandLine("inspect", "--node", "n1"));
    onTestFinished(() => inspecting.signal("SIGKILL"));
    const url = await inspecting.heard(
      "the page's address",
      (text) => /http:\S+inspect(?=\s)/.exec(text)?.[0],
    );
    await kubectl(lab(), [
      ...["-n", release.namespace, "delete", "pod", "--wait"],
      ...["-l", "app.kubernetes.io/component=daemon", "--field-selector", "spec.nodeName=n1"],
    ]);
    const asked = getFromThere(url);
    expect(await asked.ended).not.toBe(0);
    expect(await inspecting.ended).toBe(3);
    expect(inspecting.stderr()).toContain("is gone");
    await waitForRollout(lab());
  });
}
