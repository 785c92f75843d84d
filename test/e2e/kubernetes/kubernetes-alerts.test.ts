import { rm } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { tailnetNodeAnnotation } from "../../../src/domain/kubernetes/kubernetes-objects.ts";
import { waitForDaemon } from "../../lab/headcni/daemon.ts";
import { applyObjects, kubectl } from "../../lab/kubernetes/control-plane/kubectl.ts";
import { daemonRoleObjects, daemonRules } from "../../lab/kubernetes/install/daemon-role.ts";
import { nodeObject } from "../../lab/kubernetes/node/kubelet.ts";
import { nodeOf } from "../../lab/lab-store.ts";
import type { LabNode } from "../../lab/lab-types.ts";
import { netnsPrefix } from "../../lab/layout.ts";
import { addNetns, netnsPath, removeNetns } from "../../lab/network/netns.ts";
import { killService, startService, stopService } from "../../lab/services.ts";
import { passMinuteInDaemon } from "../support/daemon-debugger.ts";
import { callPlugin } from "../support/plugin-call.ts";
import { repeat } from "../support/repeat.ts";
import { podWatchTests } from "../support/test-groups/pod-watch-tests.ts";
import { useLab } from "../support/use-lab.ts";
import { startPrometheus, untilQuiet, untilRings, untilSilent } from "../support/views/prometheus.ts";

/** As in alerts.test.ts: real faults, a real Prometheus, shorter rules. */
const minutes = (count: number) => count * 60_000;
const lab = useLab({ nodes: 2, kubernetes: { network: "headcni", proxyMode: "nftables" } });
const node = (): LabNode => nodeOf(lab(), "n1");
const daemon = { name: "daemon", node: "n1" } as const;
const apiServer = { name: "kube-apiserver" } as const;

describe("pod watch", () => podWatchTests(lab));

describe("alerts", () => {
  beforeAll(async () => {
    await startPrometheus(lab(), node());
    await untilQuiet(node());
  }, minutes(6));

  test(
    "the API server away, and a daemon that begins meanwhile and remembers no pod CIDR",
    async () => {
      onTestFinished(() => startService(lab(), apiServer));
      await killService(lab(), apiServer);
      const away = await untilRings(node(), "HeadcniApiServerUnreachable", {
        machine: "watch",
        severity: "warning",
      });
      expect(away.annotations["description"]).toContain(
        "the API server is unreachable; running pods keep working",
      );

      await stopService(lab(), daemon);
      await rm(join(node().stateDir, "node.json"));
      await startService(lab(), daemon);
      const stop = new AbortController();
      onTestFinished(() => stop.abort());
      const sandbox = `${netnsPrefix(lab().id)}p-waits`;
      await addNetns(sandbox);
      onTestFinished(() => removeNetns(sandbox));
      // Calls wait for the daemon as long as they can.
      const waiting = ["s1", "s2", "s3", "s4"].map((containerId) =>
        repeat(stop.signal, () =>
          callPlugin(node(), { command: "ADD", containerId, netns: netnsPath(sandbox) }),
        ),
      );
      const noCidr = await untilRings(node(), "HeadcniNoPodCidr", {
        machine: "ownNode",
        severity: "critical",
      });
      await passMinuteInDaemon(lab(), node());
      const [notServing] = await Promise.all([
        untilRings(node(), "HeadcniNotServing", { machine: "headcni", severity: "critical" }),
        untilRings(node(), "HeadcniApiServerUnreachable", { machine: "watch" }),
        untilRings(node(), "HeadcniCniCallsSlow", { command: "ADD", severity: "warning" }),
      ]);
      expect(noCidr.annotations["summary"]).toContain("the node has no pod CIDR: ownNode on 127.0.0.1");
      expect(notServing.annotations["summary"]).toContain("new pods are not served: headcni on 127.0.0.1");
      stop.abort();
      await Promise.all(waiting);

      await startService(lab(), apiServer);
      await waitForDaemon(lab(), node(), minutes(2));
      await untilSilent(node(), ["HeadcniApiServerUnreachable", "HeadcniNoPodCidr", "HeadcniNotServing"]);
    },
    minutes(8),
  );

  test(
    "an API server that forbids the daemon to list Nodes",
    async () => {
      onTestFinished(() => applyObjects(lab(), daemonRoleObjects()));
      await kubectl(lab(), ["delete", "clusterrolebinding", "headcni-lab"]);
      // A watch that is open goes on; that of a daemon that begins is refused.
      await stopService(lab(), daemon);
      await startService(lab(), daemon);
      const refused = await untilRings(node(), "HeadcniApiServerRefused", {
        machine: "watch",
        severity: "critical",
      });
      expect(refused.annotations["summary"]).toContain(" is in refused, for more than 30 s");
      expect(refused.annotations["description"]).toContain("look at its token and its role");
      await applyObjects(lab(), daemonRoleObjects());
      await untilSilent(node(), ["HeadcniApiServerRefused"], { timeoutMs: minutes(5) });
      await waitForDaemon(lab(), node(), minutes(2));
    },
    minutes(9),
  );

  test(
    "a Node that is said to be another tailnet node, and an API server that forbids the daemon to correct it",
    async () => {
      onTestFinished(() => applyObjects(lab(), daemonRoleObjects()));
      const rules = daemonRules.filter(({ resources }) => !resources.includes("nodes/status"));
      const role = {
        apiVersion: "rbac.authorization.k8s.io/v1",
        kind: "ClusterRole",
        metadata: { name: "headcni-lab" },
      };
      await applyObjects(lab(), [{ ...role, rules }]);
      await kubectl(lab(), ["annotate", "--overwrite", "node", "n1", `${tailnetNodeAnnotation}=666`]);
      const stale = await untilRings(node(), "HeadcniAllowlistStale", {
        machine: "nodeIdentity",
        severity: "critical",
      });
      expect(stale.annotations["summary"]).toContain("refuses nodes that join or change, or they refuse it");
      await applyObjects(lab(), daemonRoleObjects());
      await untilSilent(node(), ["HeadcniAllowlistStale"], { timeoutMs: minutes(3) });
    },
    minutes(6),
  );

  test(
    "a Node object that somebody deletes",
    async () => {
      onTestFinished(() => applyObjects(lab(), [nodeObject(node())]));
      await kubectl(lab(), ["delete", "node", "n1"]);
      const gone = await untilRings(node(), "HeadcniNodeChanged", {
        machine: "ownNode",
        severity: "critical",
      });
      expect(gone.annotations["summary"]).toMatch(/is in working\.holding\.absent/);
      await applyObjects(lab(), [nodeObject(node())]);
      await untilSilent(node(), ["HeadcniNodeChanged"]);
      await waitForDaemon(lab(), node(), minutes(2));
    },
    minutes(6),
  );
});
