import { describe, expect, test } from "vitest";
import type {
  DoctorFacts,
  DoctorSettings,
  OwnerFault,
  OwnersTailscaled,
} from "../../../../src/cli/doctor/judge/facts.ts";
import { judge } from "../../../../src/cli/doctor/judge/judge.ts";
import type { OwnerFacts } from "../../../../src/domain/owner/owner-facts.ts";
import { facts as logged } from "../../../support/owner-harness.ts";
import { type Case, judgeCases, notInstalled } from "./changed-facts.ts";
import { settings as daemonSettings, healthy, link, route } from "./sample-facts.ts";

const host: Partial<DoctorSettings> = {
  headscaleUrl: "http://10.99.0.1:8080",
  linkPrefixes: [],
  ownerSocket: "/var/run/tailscale/tailscaled.sock",
};
const own = "10.244.1.0/24";
const owners: OwnersTailscaled = {
  facts: { ...logged, terms: logged.terms && { ...logged.terms, tunnel: { name: "ts-home", mtu: 1280 } } },
  exitNode: "none",
  netfilter: "on",
  identity: { tags: ["tag:k8s-node"], user: "" },
  logsIn: false,
};
const snapshot = "value" in healthy.node.snapshot ? healthy.node.snapshot.value : undefined;
if (snapshot === undefined) throw new Error("the sample has a snapshot");

/** Before an install, beside a tailscaled that runs. */
const before: DoctorFacts = {
  ...healthy,
  ...notInstalled,
  tailnet: healthy.tailnet,
  node: {
    ...healthy.node,
    tcpPorts: [22],
    tunnelMtu: { unknown: "no headcni-wire" },
    snapshot: {
      value: {
        ...snapshot,
        links: [link(1, "lo"), link(2, "eth0"), link(3, "ts-home")],
        addresses: [{ linkIndex: 3, address: "100.64.0.7", prefixLength: 32 }],
        routes: [route("0.0.0.0/0", 2), route("10.244.2.0/24", 3, { table: 52 })],
        rules: [],
      },
    },
  },
  owner: { value: owners },
};
const owner = (changes: Partial<OwnerFacts>, more: Partial<OwnersTailscaled> = {}): DoctorFacts => ({
  ...before,
  owner: { value: { ...owners, ...more, facts: { ...owners.facts, ...changes } } },
});
const unseen = (fault: OwnerFault): DoctorFacts => ({ ...before, owner: { unknown: "its words", fault } });
const inHostMode = (...[what, id, result, facts, found, changes]: Case): Case => [
  ...([what, id, result, facts, found] as const),
  { ...host, ...changes },
];
const preferences = (changes: Partial<OwnerFacts["preferences"]>) => ({
  preferences: { ...logged.preferences, ...changes },
});

describe("what is wrong with the owner's tailscaled has its own finding", () => {
  judgeCases(
    (
      [
        ["no socket", "owner.socket", "fail", unseen("NO_SOCKET"), "there is no socket"],
        ["nothing listens", "owner.socket", "fail", unseen("NOBODY_LISTENS"), "nothing listens"],
        ["no right to ask", "owner.socket", "fail", unseen("FORBIDDEN"), "denies access"],
        ["no answer", "owner.socket", "fail", unseen("SILENT"), "does not answer: its words"],
        ["an API of long ago", "owner.socket", "fail", unseen("TOO_OLD"), "too old"],
        ["an error", "owner.socket", "fail", unseen("REFUSED"), "answers with an error"],
        [
          "another program",
          "owner.socket",
          "fail",
          unseen("UNREADABLE"),
          "not from a tailscaled that HeadCNI",
        ],
        ["bad records", "owner.socket", "fail", unseen("RECORDS_UNREADABLE"), "what HeadCNI added"],
        ["anything else", "owner.socket", "fail", unseen("OTHER"), "cannot be read: its words"],
        ["too old", "owner.version", "fail", owner({ version: "1.98.4" }), "1.98.4"],
        ["userspace networking", "owner.interface", "fail", owner({ tun: false }), "no interface"],
        [
          "another control server",
          "owner.control",
          "fail",
          owner({ controlUrl: "https://controlplane.tailscale.com" }),
          "logged in to https://controlplane.tailscale.com, and headscale.url is http://10.99.0.1:8080",
        ],
        ["logged out", "owner.login", "fail", owner({ backendState: "NeedsLogin" }), "not logged in"],
        [
          "logged out, with a key",
          "owner.login",
          "ok",
          owner({ backendState: "NeedsLogin" }, { logsIn: true }),
          "with the pre-auth key",
        ],
        ["stopped", "owner.login", "fail", owner({ backendState: "Stopped" }), "is stopped"],
        [
          "an app connector",
          "owner.appConnector",
          "fail",
          owner(preferences({ appConnector: true })),
          "app connector",
        ],
        ["shields up", "owner.shieldsUp", "fail", owner({ shieldsUp: true }), "lets nothing in"],
        [
          "stateful filtering",
          "owner.statefulFiltering",
          "fail",
          owner({ statefulFiltering: true }),
          "drops what pods of other nodes begin",
        ],
        ["a narrow interface", "owner.mtu", "fail", before, "1400 bytes", { mtu: 1400 }],
        [
          "this node's pods announced by its owner",
          "owner.routes",
          "fail",
          owner(preferences({ routes: [own] })),
          `announced ${own} before HeadCNI did`,
        ],
        [
          "not approved",
          "owner.approval",
          "fail",
          owner({
            ...preferences({ routes: [own] }),
            record: { routes: [own], acceptsRoutes: true },
            served: [],
          }),
          `does not approve ${own}`,
        ],
        [
          "an exit node without accepted routes",
          "owner.exitNode",
          "warn",
          owner({}, { exitNode: "all" }),
          "an exit node in use",
        ],
        ["netfilter off", "owner.netfilter", "ok", owner({}, { netfilter: "off" }), "no firewall rules"],
        [
          "nothing for the boot",
          "owner.bootUnit",
          "fail",
          { ...before, bootUnit: "absent" },
          "nothing loads HeadCNI's rules at boot",
        ],
        [
          "nothing for the boot, as the configuration has it",
          "owner.bootUnit",
          "warn",
          { ...before, bootUnit: "absent" },
          "nothing loads HeadCNI's rules at boot",
          { bootUnit: false },
        ],
      ] as const satisfies readonly Case[]
    ).map((one) => inHostMode(...(one as Case))),
  );
});

const told = (facts: DoctorFacts, changes: Partial<DoctorSettings> = {}) =>
  judge(facts, { ...daemonSettings, ...host, ...changes }).filter(({ result }) => result !== "ok");

test("beside an owner's tailscaled that is as it should be only the daemon is missing", () => {
  expect(told(before).map(({ id, result }) => [id, result])).toEqual([["tailnet.daemon", "skipped"]]);
});

test("on a node with HeadCNI its router address and the routes of others are no clash", () => {
  const { node } = before;
  if ("unknown" in node.snapshot) throw new Error("the sample has a snapshot");
  const { value } = node.snapshot;
  const addresses = [...value.addresses, { linkIndex: 1, address: "10.244.1.1", prefixLength: 32 }];
  const running = { ...before, node: { ...node, snapshot: { value: { ...value, addresses } } } };
  expect(told(running).filter(({ id }) => id.startsWith("addresses."))).toEqual([]);
  const strange = [...value.addresses, { linkIndex: 2, address: "10.244.1.1", prefixLength: 24 }];
  const clashing = { ...before, node: { ...node, snapshot: { value: { ...value, addresses: strange } } } };
  expect(told(clashing, { ownPrefixes: ["10.244.9.0/24"] }).map(({ id }) => id)).toContain(
    "addresses.podCIDR",
  );
});

describe("a rule of other software, beside an owner's tailscaled,", () => {
  const rule = { family: 4, table: 77, protocol: 3 } as const;
  const foundWith = (...rules: readonly object[]) => {
    const { node } = before;
    if ("unknown" in node.snapshot) throw new Error("the sample has a snapshot");
    const value = { ...node.snapshot.value, rules: rules.map((one) => ({ ...rule, priority: 0, ...one })) };
    return told({ ...before, node: { ...node, snapshot: { value } } }).filter(
      ({ id }) => id === "addresses.rules",
    );
  };

  test.each([5189, 5191, 5200, 5262])("comes before ours for pods at %d", (priority) => {
    const [finding] = foundWith({ priority });
    expect(finding?.found).toContain(`priority ${priority} `);
    expect(finding?.todo).toContain("above 5263");
  });

  test("comes behind ours from 5263 on, and tailscaled's own are for its packets alone", () => {
    expect(foundWith({ priority: 5263 }, { priority: 5270, table: 52 })).toEqual([]);
    expect(foundWith({ priority: 5210, table: 254, mark: 0x80000, mask: 0xff0000 })).toEqual([]);
  });
});

test("what our own tailscaled would need is not asked for", () => {
  const ids = judge(before, { ...daemonSettings, ...host }).map(({ id }) => id);
  for (const id of ["kernel.tun", "node.tailscaled", "node.tailscalePort", "node.resolver", "addresses.link"])
    expect(ids).not.toContain(id);
  expect(judge(healthy, daemonSettings).filter(({ group }) => group === "owner")).toEqual([]);
});

test("what hides behind a worse problem is told once that is gone", () => {
  const ids = judge(owner({ tun: false, shieldsUp: true }), { ...daemonSettings, ...host })
    .filter(({ group }) => group === "owner")
    .map(({ id }) => id);
  expect(ids).toContain("owner.version");
  expect(ids).not.toContain("owner.login");
  expect(ids).not.toContain("owner.shieldsUp");
});

describe("the policy approves for whom the node is in the tailnet", () => {
  const policyFor = (who: string, groups: object = {}) => {
    const { admin } = before.headscale;
    if ("unknown" in admin) throw new Error("the sample has an API key");
    const text = JSON.stringify({
      tagOwners: { "tag:k8s-node": [], "tag:home": [] },
      groups,
      autoApprovers: { routes: { "10.244.0.0/16": [who] } },
    });
    return { ...before.headscale, admin: { value: { ...admin.value, policy: { value: text } } } };
  };
  const approved = (identity: OwnersTailscaled["identity"], who: string, groups = {}) =>
    told({ ...owner({}, { identity }), headscale: policyFor(who, groups) }).filter(
      ({ id }) => id === "headscale.approvers",
    );
  const tagged = { tags: ["tag:home"], user: "" };
  const alice = { tags: [], user: "alice" };

  test.each([
    [alice, "alice@", {}],
    [{ tags: [], user: "alice@example.com" }, "alice@example.com", {}],
    [alice, "group:homes", { "group:homes": ["alice@"] }],
    [alice, "autogroup:member", {}],
    [{ tags: [], user: "" }, "tag:k8s-node", {}],
  ])("%j is approved by %s", (identity, who, groups) => {
    expect(approved(identity, who, groups)).toEqual([]);
  });

  test.each([
    [alice, "bob@", {}, "alice@"],
    [alice, "tag:k8s-node", {}, "alice@"],
    [tagged, "autogroup:member", {}, "tag:home"],
  ])("%j is not approved by %s", (identity, who, groups, named) => {
    const [finding] = approved(identity, who, groups);
    expect(finding?.result).toBe("fail");
    expect(finding?.found).toContain(named);
  });
});
