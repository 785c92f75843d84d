import { beforeAll, expect, onTestFinished, test } from "vitest";
import { ctlDocument, viaNodes } from "../../lab/headcni/run-ctl.ts";
import { nodeOf } from "../../lab/lab-store.ts";
import { inNetns } from "../../lab/network/netns.ts";
import { addPod, type Pod } from "../../lab/pods.ts";
import { run } from "../../lab/run-command.ts";
import { peerPaths } from "../../lab/tailnet/local-api.ts";
import { waitUntil } from "../../lab/wait-until.ts";
import { pings } from "../support/traffic/pings.ts";
import { useLab } from "../support/use-lab.ts";
import { runInX } from "../support/views/guard-view.ts";

/** More than tailscaled's own default, and with its headers no more than the underlay's 1500. */
const mtu = 1400;

/** n3 is reached through the relay alone. */
const lab = useLab({ nodes: 3, families: [4, 6], relayOnly: ["n3"], config: { "network.mtu": mtu } });
const node = (name: string) => nodeOf(lab(), name);
const pods: Record<string, Pod> = {};

beforeAll(async () => {
  for (const { name } of lab().nodes) pods[name] = await addPod(lab(), name, `p-${name}`);
  await waitUntil(async () => (await peerPaths(lab())).some(({ path }) => path === "direct"), {
    what: "n1 and n2 reach each other directly",
    timeoutMs: 60_000,
  });
});

const mtuIn = (text: string) => Number(/ mtu (\d+) /.exec(text)?.[1]);

test("pods, tunnel and the clamp of TCP have the configured MTU", async () => {
  for (const one of lab().nodes) {
    expect(mtuIn(await runInX(one, ["ip", "-o", "link", "show", "tailscale0"])), one.name).toBe(mtu);
    const pod = pods[one.name];
    if (pod === undefined) throw new Error("no pod");
    expect(mtuIn(await run(inNetns(pod.netns, ["ip", "-o", "link", "show", "eth0"]))), one.name).toBe(mtu);
    const rules = await runInX(one, ["nft", "list", "table", "inet", "headcni"]);
    expect(rules).toContain(`maxseg size set ${mtu - 40}`);
    expect(rules).toContain(`maxseg size set ${mtu - 60}`);
  }
});

test("full packets pass whole between pods, both families, directly and through the relay; larger ones do not", async () => {
  interface Document {
    readonly fullBytes: number;
    readonly pairs: readonly {
      readonly from: string;
      readonly to: string;
      readonly family: number;
      readonly path: string;
      readonly tested: string;
      readonly full: number | null;
    }[];
  }
  const words = ["connect-test", "--seconds", "0", "--via", await viaNodes(lab())];
  const { pairs, fullBytes } = await ctlDocument<Document>(lab(), node("n1"), words);
  expect(fullBytes).toBe(mtu);
  for (const { full, tested, from, to } of pairs)
    expect({ full, tested, from, to }).toEqual({ from, to, tested: "pod to pod", full: expect.any(Number) });
  const ways = (family: number, path: string) =>
    pairs
      .filter((pair) => pair.family === family && pair.path === path)
      .map(({ from, to }) => `${from} ${to}`);
  for (const family of [4, 6]) {
    expect(ways(family, "direct").sort(), `IPv${family}`).toEqual(["n1 n2", "n2 n1"]);
    expect(ways(family, "relay").sort(), `IPv${family}`).toEqual(["n1 n3", "n2 n3", "n3 n1", "n3 n2"]);
  }
  // Echoes whose data, with the headers of ICMP and IP, are one byte more.
  const [from, to] = [pods["n1"], pods["n2"]];
  if (from === undefined || to === undefined) throw new Error("no pod");
  for (const [index, headers] of [28, 48].entries()) {
    const address = to.addresses[index] ?? "";
    const echo = (bytes: number) => [
      "-M",
      "do",
      "-c",
      "2",
      "-W",
      "2",
      "-s",
      String(bytes - headers),
      address,
    ];
    expect(await pings(from, ...echo(mtu)), address).toBe(true);
    expect(await pings(from, ...echo(mtu + 1)), address).toBe(false);
  }
});

test("an MTU that was changed without a restart of headcni-wire is told, by doctor and by connect-test", async () => {
  const other = node("n2");
  const link = (value: number) => runInX(other, ["ip", "link", "set", "tailscale0", "mtu", String(value)]);
  onTestFinished(() => link(mtu).then(() => undefined));
  // As it is when tailscaled was started with the default.
  await link(1280);
  const findings = await ctlDocument<{ readonly findings: readonly { readonly id: string }[] }>(
    lab(),
    other,
    ["doctor"],
  );
  expect(findings.findings).toContainEqual(
    expect.objectContaining({
      id: "tailnet.mtu",
      result: "warn",
      found: expect.stringContaining(`tailscale0 has an MTU of 1280; network.mtu is ${mtu}`),
    }),
  );
  const { pairs } = await ctlDocument<{ readonly pairs: readonly { readonly reason: string }[] }>(
    lab(),
    node("n1"),
    ["connect-test", "--seconds", "0", "--family", "4", "--via", await viaNodes(lab())],
  );
  expect(pairs).toContainEqual(
    expect.objectContaining({
      from: "n2",
      to: "n1",
      result: "fail",
      where: "n2",
      reason: expect.stringContaining("interface on n2 carries 1280"),
    }),
  );
});
