import { afterEach, beforeEach, expect, test } from "vitest";
import type { KernelRouteRequest, KernelRule } from "../../../src/domain/kernel/kernel-state.ts";
import { table52, tailscaledRules } from "../../domain/host-guard/owner-tailscaled.ts";
import {
  after,
  fullNode,
  networks,
  type Owner,
  ours,
  ownersMain,
} from "../../domain/host-guard/routed-nodes.ts";
import { type Way, wayOf } from "../../support/kernel/policy-routing.ts";
import { type RemoteKernel, startRemoteKernel } from "./support/remote-kernel.ts";
import { runWithInput } from "./support/run.ts";
import { testNamespaces } from "./support/test-namespaces.ts";

const namespaces = testNamespaces();
const links = ["up0", "docker0", "pod5", "pod6", "tailscale0"];
let node: string;
let kernel: RemoteKernel;

beforeEach(async () => {
  node = await namespaces.add("host-routing");
  await ip(
    links.flatMap((link) => [
      `link add ${link} type veth peer name ${link}-far`,
      `link set ${link} up`,
      `link set ${link}-far up`,
    ]),
  );
  kernel = await startRemoteKernel(node);
});

afterEach(async () => {
  await kernel?.close();
  await namespaces.removeAll();
});

/** The lines for each family, or for all of them. */
async function ip(lines: readonly string[], ...family: readonly ("-4" | "-6")[]): Promise<void> {
  await runWithInput(`${lines.join("\n")}\n`, "ip", "-n", node, ...family, "-batch", "-");
}

function routeLine({ type, destination, table, link }: KernelRouteRequest): string {
  const dev = link === undefined ? "" : `dev ${link} `;
  return `route add ${type === "unicast" ? "" : `${type} `}${destination} ${dev}table ${table}`;
}

function ruleLine({ priority, table, mark = 0, mask = 0, action }: KernelRule): string {
  const what = action === undefined ? `lookup ${table}` : `type ${action}`;
  return `rule add pref ${priority} ${mark === 0 ? "" : `fwmark ${mark}/${mask} `}${what}`;
}

/** Where the kernel sends each, asked of ip(8) one after the other. */
async function waysOf(packets: readonly { readonly destination: string; readonly mark: number }[]) {
  const script = `while read -r destination mark; do
    way=$(ip -o route get "$destination" mark "$mark" 2>/dev/null) && echo "$way" || echo unreachable
  done`;
  const asked = packets.map(({ destination, mark }) => `${destination} ${mark}\n`).join("");
  const told = await runWithInput(asked, "nsenter", `--net=/run/netns/${node}`, "sh", "-c", script);
  return told
    .trimEnd()
    .split("\n")
    .map((line): Way => {
      const link = / dev (\S+)/.exec(line)?.[1];
      return link === undefined || line.startsWith("unreachable") ? "unreachable" : { link };
    });
}

const { announcements: announced } = fullNode;
test.each<Owner>([
  { acceptedRoutes: false, exitNode: "none", announced, running: true },
  { acceptedRoutes: false, exitNode: "none", announced, running: false },
  { acceptedRoutes: false, exitNode: "withLan", announced, running: true },
  { acceptedRoutes: false, exitNode: "withoutLan", announced: [], running: true },
  { acceptedRoutes: true, exitNode: "withLan", announced: announced.slice(1), running: true },
])(
  "the kernel routes as the interpreter says: $acceptedRoutes, exit node $exitNode, running $running",
  async (owner) => {
    const routes = [...ownersMain, ...fullNode.pods, ...table52({ ...owner, routeAll: true }, networks)];
    for (const family of [4, 6] as const)
      await ip(tailscaledRules.filter((rule) => rule.family === family).map(ruleLine), `-${family}`);
    await ip(routes.map(routeLine));
    const operations = ours(fullNode, owner);
    await kernel.state.apply("node", operations);
    const packets = fullNode.destinations.flatMap((destination) =>
      [0, 0x80000].map((mark) => ({ family: familyOf(destination), destination, mark })),
    );
    const expected = packets.map((packet) => wayOf(after(fullNode, owner, operations), packet));
    const found = await waysOf(packets);
    expect(packets.map((packet, at) => ({ ...packet, way: found[at] }))).toEqual(
      packets.map((packet, at) => ({ ...packet, way: expected[at] })),
    );
  },
);

function familyOf(destination: string): 4 | 6 {
  return destination.includes(":") ? 6 : 4;
}
