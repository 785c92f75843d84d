import { randomUUID } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { expect, onTestFinished, test } from "vitest";
import { parseAddress } from "../../src/domain/addresses/prefix.ts";
import { waitForDaemon } from "../lab/headcni/daemon.ts";
import { nodeOf } from "../lab/lab-store.ts";
import type { LabNode } from "../lab/lab-types.ts";
import { netnsPrefix } from "../lab/layout.ts";
import { addNetns, inNetns, netnsPath, removeNetns } from "../lab/network/netns.ts";
import { run, runResult } from "../lab/run-command.ts";
import { killService, startService, stopService } from "../lab/services.ts";
import { waitUntil } from "../lab/wait-until.ts";
import { eachMode } from "./support/each-mode.ts";
import { killStorm, waitUntilNothingIsLeft } from "./support/kill-storm.ts";
import { addressIn, callPlugin, errorCodeIn, type PluginCall } from "./support/plugin-call.ts";
import { metric } from "./support/views/daemon-view.ts";
import { podKernelState } from "./support/views/kernel-view.ts";

eachMode({ nodes: 1 }, (lab) => {
  const node = (): LabNode => nodeOf(lab(), "n1");

  /** A sandbox as a runtime makes one: a namespace and an id; gone after the test. */
  async function sandbox(): Promise<{
    readonly containerId: string;
    readonly netns: string;
    readonly name: string;
  }> {
    const containerId = randomUUID();
    const name = `${netnsPrefix(lab().id)}s-${containerId.slice(0, 8)}`;
    await addNetns(name);
    onTestFinished(async () => {
      await callPlugin(node(), { command: "DEL", containerId });
      await removeNetns(name);
    });
    return { containerId, netns: netnsPath(name), name };
  }

  const reaches = async (name: string, ...target: string[]) =>
    (await runResult(inNetns(name, ["ping", "-q", "-c", "1", "-W", "2", ...target]))).exitCode === 0;

  test("an ADD repeated with the same key gives the same answer", async () => {
    const { containerId, netns } = await sandbox();
    const first = await callPlugin(node(), { command: "ADD", containerId, netns });
    expect(first.exitCode).toBe(0);
    expect(await callPlugin(node(), { command: "ADD", containerId, netns })).toEqual(first);
  });

  test("CHECK accepts what ADD made and says what is missing from it", async () => {
    const { containerId, netns, name } = await sandbox();
    const { answer } = await callPlugin(node(), { command: "ADD", containerId, netns });
    const check: PluginCall = { command: "CHECK", containerId, netns, config: { prevResult: answer } };
    expect((await callPlugin(node(), check)).exitCode).toBe(0);
    await run(inNetns(name, ["ip", "route", "del", "default"]));
    const refused = await callPlugin(node(), check);
    expect(refused.exitCode).not.toBe(0);
    expect(JSON.stringify(refused.answer)).toMatch(/0\.0\.0\.0\/0.*absent/);
  });

  test("DEL removes everything, succeeds twice, and succeeds for a container that never was", async () => {
    const { containerId, netns } = await sandbox();
    const before = await podKernelState(node());
    const address = addressIn(await callPlugin(node(), { command: "ADD", containerId, netns }));
    expect((await podKernelState(node())).routes).toContain(address);
    for (const _ of [1, 2]) {
      expect(await callPlugin(node(), { command: "DEL", containerId, netns })).toMatchObject({ exitCode: 0 });
      expect((await podKernelState(node())).routes).toEqual(before.routes);
    }
    expect(await callPlugin(node(), { command: "DEL", containerId: randomUUID() })).toMatchObject({
      exitCode: 0,
    });
  });

  test("DEL of a container whose namespace is gone succeeds", async () => {
    const { containerId, netns, name } = await sandbox();
    await callPlugin(node(), { command: "ADD", containerId, netns });
    await removeNetns(name);
    expect(await callPlugin(node(), { command: "DEL", containerId, netns })).toMatchObject({ exitCode: 0 });
  });

  test("a DEL beside an ADD leaves the whole attachment or nothing of it, and the next DEL nothing", async () => {
    const before = await podKernelState(node());
    for (const _ of Array.from({ length: 20 })) {
      const { containerId, netns } = await sandbox();
      const [added, deleted] = await Promise.all([
        callPlugin(node(), { command: "ADD", containerId, netns }),
        callPlugin(node(), { command: "DEL", containerId, netns }),
      ]);
      expect(deleted.exitCode).toBe(0);
      // Which of the two came first is not ours to say: a DEL that came first had nothing to cancel.
      const between = (await podKernelState(node())).routes;
      const whole = await callPlugin(node(), {
        ...{ command: "CHECK", containerId, netns },
        config: { prevResult: added.answer },
      });
      const stands = [...before.routes, String(addressIn(added))].sort();
      expect(between).toEqual(whole.exitCode === 0 ? stands : before.routes);
      await callPlugin(node(), { command: "DEL", containerId, netns });
      expect((await podKernelState(node())).routes).toEqual(before.routes);
    }
  });

  test("two interfaces of one container have addresses of their own and both work", async () => {
    const { containerId, netns, name } = await sandbox();
    const first = addressIn(await callPlugin(node(), { command: "ADD", containerId, netns, ifName: "eth0" }));
    const second = addressIn(
      await callPlugin(node(), { command: "ADD", containerId, netns, ifName: "net1" }),
    );
    expect(first).toBeDefined();
    expect(second).toBeDefined();
    expect(second).not.toBe(first);
    for (const source of [first, second]) {
      expect(await reaches(name, "-I", String(source), node().routerAddress)).toBe(true);
      expect(
        (await runResult(inNetns(node().netns, ["ping", "-q", "-c", "1", "-W", "2", String(source)])))
          .exitCode,
      ).toBe(0);
    }
    await callPlugin(node(), { command: "DEL", containerId, netns, ifName: "net1" });
    expect(await reaches(name, node().routerAddress)).toBe(true);
  });

  test("GC removes what is not valid any more and keeps the rest", async () => {
    const [kept, lost] = [await sandbox(), await sandbox()];
    const add = ({ containerId, netns }: typeof kept) =>
      callPlugin(node(), { command: "ADD", containerId, netns });
    const [keptAddress, lostAddress] = [addressIn(await add(kept)), addressIn(await add(lost))];
    const valid = [{ containerID: kept.containerId, ifname: "eth0" }];
    const config = { cniVersion: "1.1.0", "cni.dev/valid-attachments": valid };
    expect(await callPlugin(node(), { command: "GC", config })).toMatchObject({ exitCode: 0 });
    const { routes } = await podKernelState(node());
    expect(routes).toContain(keptAddress);
    expect(routes).not.toContain(lostAddress);
  });

  test("STATUS succeeds on a node that serves", async () => {
    expect(await callPlugin(node(), { command: "STATUS", config: { cniVersion: "1.1.0" } })).toMatchObject({
      exitCode: 0,
    });
  });

  test.each([
    { what: "stdin that is no JSON", call: { stdin: "{" }, code: 6 },
    { what: "an unknown cniVersion", call: { config: { cniVersion: "9.9.9" } }, code: 1 },
    { what: "a path that is no namespace", call: { netns: "/etc/hostname" }, code: 4 },
    { what: "a namespace that does not exist", call: { netns: "/run/netns/never-was" }, code: 4 },
    { what: "an interface name that is too long", call: { ifName: "a-name-of-18-chars" }, code: 4 },
    { what: "an interface name that is taken", call: { ifName: "lo" }, code: 4 },
    { what: "an unknown command", call: { command: "FROB" }, code: 4 },
    { what: "no container id", call: { containerId: "" }, code: 4 },
  ])("$what is refused with a CNI error and leaves nothing", async ({ call, code }) => {
    const { containerId, netns } = await sandbox();
    const before = await podKernelState(node());
    const answer = await callPlugin(node(), { command: "ADD", containerId, netns, ...call });
    expect(answer.exitCode).not.toBe(0);
    expect(errorCodeIn(answer)).toBe(code);
    // Links of calls before this one may still be leaving: what counts is that none came.
    const after = await podKernelState(node());
    expect(after.links.filter((link) => !before.links.includes(link))).toEqual([]);
    expect(after.routes.filter((route) => !before.routes.includes(route))).toEqual([]);
  });

  /** `npm run bench -- kills` does 500. */
  const kills = 12;

  test("12 kills -9 under a storm of ADD and DEL: no address twice, nothing leaked, every success is true", async () => {
    const { adds, twice, dead, undeleted } = await killStorm(lab(), node(), { kills });
    expect({ twice, dead, undeleted }).toEqual({ twice: [], dead: [], undeleted: [] });
    expect(adds).toBeGreaterThanOrEqual(kills / 2);
    await waitUntilNothingIsLeft(node());
  }, 900_000);

  test("a DEL while the daemon is away is done at its next start", async () => {
    const name = `${netnsPrefix(lab().id)}away`;
    await addNetns(name);
    const call = { containerId: randomUUID(), netns: netnsPath(name) };
    const address = addressIn(await callPlugin(node(), { command: "ADD", ...call }));
    await killService(lab(), { name: "daemon", node: "n1" });
    expect(await callPlugin(node(), { command: "DEL", ...call })).toMatchObject({ exitCode: 0 });
    expect((await podKernelState(node())).routes).toContain(address);
    await startService(lab(), { name: "daemon", node: "n1" });
    await waitForDaemon(lab(), node());
    await waitUntilNothingIsLeft(node());
    await removeNetns(name);
  });

  /** The daemon started again with other keys of `ipam`, on a node without pods. The next test finds what it writes. */
  async function restartWithIpam(ipam: Readonly<Record<string, unknown>>): Promise<void> {
    const daemon = { name: "daemon", node: "n1" } as const;
    await stopService(lab(), daemon);
    const config = JSON.parse(await readFile(node().configFile, "utf8")) as object;
    await writeFile(node().configFile, JSON.stringify({ ...config, ipam }));
    await startService(lab(), daemon);
    await waitForDaemon(lab(), node());
    await untilUsed(0);
  }

  const untilUsed = (count: number) =>
    waitUntil(async () => (await metric(node(), "headcni_ip_pool_used")) === count, {
      what: `${count} addresses are in use`,
      timeoutMs: 30_000,
    });

  /** What pods get, as their places in the node's prefix: 2 for 10.244.1.2. */
  async function attach(count: number): Promise<readonly { readonly place: number; end(): Promise<void> }[]> {
    const base = parseAddress(node().podCIDR.split("/")[0] ?? "").value;
    const pods = [];
    for (const _ of Array.from({ length: count })) {
      const { containerId, netns } = await sandbox();
      const address = addressIn(await callPlugin(node(), { command: "ADD", containerId, netns })) ?? "";
      const end = async () => void (await callPlugin(node(), { command: "DEL", containerId }));
      pods.push({ place: Number(parseAddress(address).value - base), end });
    }
    return pods;
  }

  test("ipam.strategy dense gives the lowest free address, also one that was given back, after its rest", async () => {
    await restartWithIpam({ strategy: "dense", restSeconds: 0 });
    const pods = await attach(4);
    expect(pods.map(({ place }) => place)).toEqual([2, 3, 4, 5]);
    await pods[1]?.end();
    await untilUsed(3);
    expect((await attach(2)).map(({ place }) => place)).toEqual([3, 6]);
  });

  test("ipam.strategy random spreads addresses over the node's prefix, none twice", async () => {
    await restartWithIpam({ strategy: "random" });
    const places = (await attach(12)).map(({ place }) => place);
    expect(new Set(places).size).toBe(12);
    expect(Math.min(...places)).toBeGreaterThanOrEqual(2);
    expect(Math.max(...places)).toBeLessThanOrEqual(254);
    // All twelve within 50 of 253 places, or in ascending order, is less likely than one in a million.
    expect(Math.max(...places) - Math.min(...places)).toBeGreaterThan(50);
    expect(places).not.toEqual(places.toSorted((a, b) => a - b));
  });
});
