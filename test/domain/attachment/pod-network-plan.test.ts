import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { attachmentKey } from "../../../src/domain/attachment/attachment.ts";
import {
  mismatchFailure,
  resultMismatches,
  resultOfPlan,
} from "../../../src/domain/attachment/cni-result.ts";
import {
  hostLinkName,
  planAttachment,
  planOfObserved,
} from "../../../src/domain/attachment/pod-network-plan.ts";
import { shortId, stableHash } from "../../../src/domain/stable-hash.ts";
import { cniRequest } from "../../support/cni-requests.ts";

const node = { routerAddresses: ["10.244.1.1"], mtu: 1280 };
const containerId = fc.stringMatching(/^[a-z0-9][a-zA-Z0-9_.-]{0,250}$/);
const plan = planAttachment(cniRequest("ADD", "c1"), node, { addresses: ["10.244.1.7"], order: 0 });

describe("stable hash", () => {
  test("is the same for ever: names of running pods hang on it", () => {
    expect(stableHash("c1/eth0")).toBe(stableHash("c1/eth0"));
    expect(hostLinkName("c1/eth0")).toBe("hczbb9xp2sxcvm2");
  });

  test("tells 50,000 keys apart", () => {
    const names = new Set<string>();
    for (let index = 0; index < 50_000; index += 1) names.add(stableHash(`container-${index}/eth0`));
    expect(names.size).toBe(50_000);
  });

  test("a long id is shortened once, and its key is that of the full id", () => {
    fc.assert(
      fc.property(containerId, (id) => {
        expect(shortId(shortId(id))).toBe(shortId(id));
        expect(shortId(id).length).toBeLessThanOrEqual(64);
        expect(attachmentKey(shortId(id), "eth0")).toBe(attachmentKey(id, "eth0"));
      }),
    );
    expect(shortId("a".repeat(64))).toBe("a".repeat(64));
    expect(shortId("a".repeat(65))).not.toBe(shortId("a".repeat(66)));
  });
});

describe("plan of an attachment", () => {
  test("names a link of at most 15 bytes and two different unicast, locally administered MACs", () => {
    fc.assert(
      fc.property(containerId, (id) => {
        const made = planAttachment(cniRequest("ADD", id), node, { addresses: [], order: 0 });
        expect(Buffer.byteLength(made.hostLink)).toBeLessThanOrEqual(15);
        expect(made.hostMac).not.toBe(made.podMac);
        for (const mac of [made.hostMac, made.podMac]) {
          expect(mac).toMatch(/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/);
          expect(Number.parseInt(mac.slice(0, 2), 16) & 0b11).toBe(0b10);
        }
      }),
    );
  });

  test("has the same MACs in every release: pods that run keep theirs", () => {
    expect([plan.hostMac, plan.podMac]).toEqual(["4e:a7:04:33:fc:ea", "9e:44:12:4c:e2:95"]);
  });

  test("comes back from what the kernel holds, without the path of the namespace", () => {
    const { netns: _, podMac: __, routerAddresses: ___, ...kept } = plan;
    const observed = { ...kept, state: "ready", netnsInode: "7", routedAddresses: ["10.244.1.7"] } as const;
    expect(planOfObserved(observed, node.routerAddresses)).toEqual({ ...plan, netns: "" });
  });

  test("two interfaces of one container have different links and MACs", () => {
    const second = planAttachment(cniRequest("ADD", "c1", { ifname: "net1" }), node, {
      addresses: [],
      order: 1,
    });
    expect(second.hostLink).not.toBe(plan.hostLink);
    expect(second.podMac).not.toBe(plan.podMac);
    expect(second.order).toBe(1);
  });
});

describe("result of ADD", () => {
  test("gives the addresses to the pod's interface, each with its gateway and a default route per family", () => {
    const both = { ...plan, addresses: ["10.244.1.7", "fd00:1::7"] };
    expect(resultOfPlan(both, "1.1.0")).toEqual({
      cniVersion: "1.1.0",
      interfaces: [
        { name: plan.hostLink, mac: plan.hostMac, mtu: 1280 },
        { name: "eth0", mac: plan.podMac, mtu: 1280, sandbox: "/var/run/netns/c1" },
      ],
      ips: [
        { address: "10.244.1.7/32", gateway: "169.254.1.1", interface: 1 },
        { address: "fd00:1::7/128", gateway: "fe80::1", interface: 1 },
      ],
      routes: [
        { dst: "0.0.0.0/0", gw: "169.254.1.1" },
        { dst: "::/0", gw: "fe80::1" },
      ],
      dns: {},
    });
  });

  test("CHECK finds no fault with its own result and names an address that changed", () => {
    const result = resultOfPlan(plan, "1.0.0");
    expect(resultMismatches(result, plan)).toEqual([]);
    const changed = { ...result, ips: [{ address: "10.244.1.9/32", gateway: "", interface: 1 }] };
    expect(resultMismatches(changed, plan)).toEqual([
      { what: "prevResult", expected: "10.244.1.7/32", found: "10.244.1.9/32" },
    ]);
    expect(mismatchFailure("c1/eth0", resultMismatches(changed, plan)).details).toContain("10.244.1.9/32");
  });

  test("CHECK leaves addresses of other plugins' interfaces alone", () => {
    const result = resultOfPlan(plan, "1.1.0");
    const chained = {
      ...result,
      ips: [...result.ips, { address: "192.0.2.1/24", gateway: "", interface: -1 }],
    };
    expect(resultMismatches(chained, plan)).toEqual([]);
  });
});
