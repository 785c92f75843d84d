import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { allAttacks } from "../lab/attacks/all-attacks.ts";
import { promises } from "../lab/attacks/attack.ts";
import { daemonGet } from "../lab/headcni/daemon-pages.ts";
import { nodeOf } from "../lab/lab-store.ts";
import type { LabNode } from "../lab/lab-types.ts";
import { inNetns } from "../lab/network/netns.ts";
import { run } from "../lab/run-command.ts";
import { openChromium } from "./support/chromium.ts";
import { eachMode } from "./support/each-mode.ts";
import { tcpToSocket } from "./support/tcp-to-socket.ts";
import { attackTests } from "./support/test-groups/attack-tests.ts";

/** What a neighbour, a pod, a member of the tailnet and a local user can do to a node; `npm run lab -- attack` does the same by hand. */
eachMode(
  {
    nodes: 2,
    families: [4, 6],
    // As much as there is to reach.
    config: { "monitoring.inspector": true, "monitoring.address": "0.0.0.0" },
  },
  (lab, mode) => {
    const node = (): LabNode => nodeOf(lab(), "n1");

    attackTests(
      lab,
      allAttacks.filter((each) => each.kubernetes !== true && (each.mode ?? mode) === mode),
    );

    describe(promises.local, () => {
      test("monitoring.address opens health, readiness and metrics to the underlay, and nothing else", async () => {
        const { port } = new URL(node().metricsUrl);
        const script = `
      const [origin, ...paths] = process.argv.slice(1);
      const answers = [];
      for (const path of paths) answers.push((await fetch(origin + path, { signal: AbortSignal.timeout(5000) })).status);
      console.log(JSON.stringify(answers));`;
        const statuses = async (netns: string, host: string, paths: readonly string[]) => {
          const command = [
            process.execPath,
            "--input-type=module",
            "-e",
            script,
            `http://${host}:${port}`,
          ] as const;
          return JSON.parse(await run(inNetns(netns, [...command, ...paths])));
        };
        const open = ["/healthz", "/ready", "/metrics"];
        const closed = ["status", "logs", "machines", "trace", "pprof/"].map((page) => `/debug/${page}`);
        closed.push("/inspect");
        expect(await statuses(lab().netns, node().address, open)).toEqual(open.map(() => 200));
        expect(await statuses(lab().netns, node().address, closed)).toEqual(closed.map(() => 403));
        expect(await statuses(node().netns, "127.0.0.1", closed)).toEqual(closed.map(() => 200));
      });

      test("a web page of another origin, in a browser, reads nothing, starts no profile and switches nothing on", async () => {
        const forward = await tcpToSocket(node().httpSocket);
        onTestFinished(() => forward.close());
        const site = createServer((_request, response) =>
          response.setHeader("content-type", "text/html").end("<p>"),
        );
        await new Promise<void>((resolve) => site.listen(0, "127.0.0.1", resolve));
        onTestFinished(() => void site.close());
        const browser = await openChromium(["--host-resolver-rules=MAP *.example 127.0.0.1"]);
        onTestFinished(() => browser.close());
        const page = await browser.newPage();
        const target = `http://127.0.0.1:${forward.port}`;

        // By a name of its own that it lets point to the node.
        const rebound = await page.goto(`http://evil.example:${forward.port}/debug/status`);
        expect(rebound?.status()).toBe(403);
        expect(await rebound?.text()).not.toContain("n1");

        await page.goto(`http://evil.example:${(site.address() as AddressInfo).port}/`);
        const read =
          await page.evaluate(`Promise.all(["/debug/status", "/debug/logs", "/inspect"].map(async (path) =>
      await fetch("${target}" + path).then((answer) => answer.text(), () => "nothing")))`);
        expect(read).toEqual(["nothing", "nothing", "nothing"]);
        // Requests that no page may read are sent all the same.
        const sent = await page.evaluate(`Promise.all([
      fetch("${target}/debug/pprof/profile?seconds=60", { mode: "no-cors" }),
      fetch("${target}/inspect?minutes=120", { mode: "no-cors", method: "POST" }),
      new Promise((resolve) => { const image = new Image(); image.onerror = image.onload = () => resolve({ type: "opaque" }); image.src = "${target}/debug/pprof/heap?seconds=60"; }),
    ]).then((answers) => answers.map(({ type }) => type))`);
        expect(sent).toEqual(["opaque", "opaque", "opaque"]);
        // One profile at a time: one that the page had started would be in the way.
        expect(await daemonGet(node(), "/debug/pprof/profile?seconds=1")).toMatchObject({ status: 200 });
      }, 600_000);
    });
  },
);
