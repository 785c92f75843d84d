import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openFirewall } from "../../../src/adapters/nftables/open-firewall.ts";
import { loadTable, type NftTable } from "../../../src/domain/nftables/nft-table.ts";
import { policyTableName } from "../../../src/domain/policy/policy-plan.ts";
import { policyState, policyTable } from "../../../src/domain/policy/policy-table.ts";
import { changeDocument, type TableChange, tableChange } from "../../../src/domain/policy/table-change.ts";
import { anyChange, anyRemoteChange } from "../../domain/policy/any-cluster.ts";
import { worldOf } from "../../domain/policy/compiled.ts";
import { addNetns, inNetns, netnsPath, removeNetns } from "../../lab/network/netns.ts";
import { run } from "../../lab/run-command.ts";
import { until } from "../../support/until.ts";
import { type RemoteKernel, startRemoteKernel } from "../netlink/support/remote-kernel.ts";

const name = `hcg-${process.pid}-change`;
const firewall = openFirewall({ tailnetPath: () => netnsPath(name) });
let kernel: RemoteKernel;
beforeAll(async () => {
  await addNetns(name);
  kernel = await startRemoteKernel(name);
});
afterAll(async () => {
  await kernel?.close();
  await removeNetns(name);
});

const load = (document: unknown) => firewall.apply("tailnet", [{ tool: "nft", document }]);

/** As the daemon does it. */
async function apply({ rules, elements }: TableChange): Promise<"rules" | "elements" | "nothing"> {
  if (rules !== undefined) await load(changeDocument(policyTableName, { rules, elements }));
  else if (elements.length > 0) await kernel.state.changeElements(policyTableName, elements);
  else return "nothing";
  return rules === undefined ? "elements" : "rules";
}

/** The table as nft lists it, in an order of its own and without handles. */
async function listed(): Promise<readonly string[]> {
  const text = await run(inNetns(name, ["nft", "-j", "list", "table", "inet", policyTableName]));
  const { nftables } = JSON.parse(text) as {
    readonly nftables: readonly Readonly<Record<string, unknown>>[];
  };
  return nftables
    .flatMap((entry) => Object.entries(entry))
    .filter(([kind]) => kind !== "metainfo")
    .map(([kind, of]) => {
      const {
        handle: _handle,
        elem,
        ...rest
      } = of as { readonly handle: number; readonly elem?: readonly unknown[] };
      return JSON.stringify([kind, rest, elem?.map((element) => JSON.stringify(element)).sort()]);
    })
    .toSorted();
}

const tableOf = (cluster: Parameters<typeof worldOf>[0]) => policyTable(policyState(worldOf(cluster)));

/** Whether the change leads the kernel from the one to what it makes of the other by itself. */
async function compare([before, after]: readonly [NftTable, NftTable]): Promise<string> {
  await load(loadTable(before));
  const way = await apply(tableChange(before, after));
  const changed = await listed();
  await load(loadTable(after));
  expect(changed).toEqual(await listed());
  return way;
}

test.each([
  { of: "policies and this node's pods", changes: anyChange, way: "rules" },
  { of: "pods elsewhere", changes: anyRemoteChange, way: "elements" },
])("changes of $of lead to the same as a table made anew, in the kernel", async ({ changes, way }) => {
  const ways: string[] = [];
  for (const [from, to] of fc.sample(changes, { seed: 14, numRuns: 60 }))
    ways.push(await compare([tableOf(from), tableOf(to)]));
  expect(ways.filter((one) => one === way).length).toBeGreaterThan(9);
});

describe("elements over nfnetlink", () => {
  const before: NftTable = {
    name: policyTableName,
    chains: [],
    sets: [
      { name: "one", type: "ipv4_addr", single: true, elements: ["10.0.0.1"] },
      { name: "three", type: ["ipv6_addr", "inet_proto", "inet_service"], single: true, elements: [] },
    ],
    maps: [{ name: "map", type: "ipv6_addr", elements: [["fd00::1", "a"]] }],
    subchains: [
      { name: "a", rules: [] },
      { name: "b", rules: [] },
    ],
  };
  const withOne = (elements: readonly string[]): NftTable => ({
    ...before,
    sets: before.sets?.map((set) => (set.name === "one" ? { ...set, elements } : set)) ?? [],
  });

  test("of every kind come as nft would write them, and a verdict changes in one step", async () => {
    const ports = ["tcp", "udp", "sctp"].map((protocol, at) => ({
      concat: ["fd00::5", protocol, 80 + at * 8000],
    }));
    const after: NftTable = {
      ...before,
      sets:
        before.sets?.map((set) => ({ ...set, elements: set.name === "one" ? ["10.0.0.2"] : ports })) ?? [],
      maps: [{ name: "map", type: "ipv6_addr", elements: [["fd00::1", "b"]] }],
    };
    expect(await compare([before, after])).toBe("elements");
  });

  test("70,000 at once are one transaction", async () => {
    const many = Array.from({ length: 70_000 }, (_, at) => `10.${at >> 16}.${(at >> 8) & 255}.${at & 255}`);
    await load(loadTable(withOne([])));
    await apply(tableChange(withOne([]), withOne(many)));
    expect((await listed()).find((line) => line.includes('"one"'))?.match(/"10\./g)).toHaveLength(70_000);
    await apply(tableChange(withOne(many), withOne([])));
    expect((await listed()).find((line) => line.includes('"one"'))).not.toContain("10.");
  });

  test("what is not there is refused by name, and nothing of the transaction is done", async () => {
    await load(loadTable(before));
    const remembered = await listed();
    const type = ["ipv4_addr"] as const;
    const elements = [
      { kind: "set" as const, name: "one", type, add: ["10.0.0.9"], remove: [] as readonly string[] },
    ];
    for (const [wrong, errno] of [
      [{ ...elements[0], add: [], remove: ["10.0.0.3"] }, "ENOENT"],
      [{ ...elements[0], name: "absent" }, "ENOENT"],
      [{ kind: "map", name: "map", type: ["ipv6_addr"], remove: [], add: [["fd00::1", "b"]] }, "EEXIST"],
    ] as const)
      await expect(
        kernel.state.changeElements(policyTableName, [...elements, wrong as (typeof elements)[0]]),
      ).rejects.toMatchObject({ detail: { code: "KERNEL_REFUSED", errno } });
    expect(await listed()).toEqual(remembered);
  });

  test("are no news of somebody else's doing", async () => {
    await load(loadTable(before));
    await until(
      () => kernel.changes.some(({ subject, policies }) => subject === "nft" && policies === true),
      "nft's",
    );
    const known = kernel.changes.length;
    await apply(tableChange(before, withOne(["10.0.0.7"])));
    await run(inNetns(name, ["nft", "add", "table", "inet", "theirs"]));
    await until(() => kernel.changes.length > known, "theirs");
    expect(kernel.changes.slice(known).filter(({ what }) => what === "nftables")).toEqual([
      { namespace: "node", what: "nftables", removed: false, subject: "nft" },
    ]);
  });
});
