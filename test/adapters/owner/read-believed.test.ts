import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { believedIn } from "../../../src/adapters/owner/read-believed.ts";
import { hostAllowlist } from "../../../src/domain/host-guard/host-allowlist.ts";
import { loadTable } from "../../../src/domain/nftables/nft-table.ts";
import { nobodyBelieved } from "../../../src/domain/tailnet/believed-prefixes.ts";

/** As nft lists the table that says so, in a namespace of its own. */
function listed(believed: typeof nobodyBelieved): string {
  const tunnel = { name: "tailscale0", mtu: 1280 };
  const carrier = {
    kind: "host",
    tunnel,
    confineTable52: "none",
    magicDns: false,
    elsewhere: false,
  } as const;
  const table = hostAllowlist({ supernets: ["10.244.0.0/16", "fd00:244::/56"], carrier }, believed);
  const commands = "cat | nft -j -f /dev/stdin && nft -j list table inet headcni_allowlist";
  return execFileSync("unshare", ["--net", "sh", "-c", commands], {
    input: JSON.stringify(loadTable(table)),
    encoding: "utf8",
  });
}

test("a daemon that starts anew reads what the last one believed", () => {
  const believed = {
    prefixes: ["10.244.2.0/24", "10.244.3.0-10.244.3.9", "fd00:244:0:2::/64"],
    nodes: ["100.64.0.2", "fd7a:115c:a1e0::2"],
  };
  expect(believedIn(listed(believed))).toEqual(believed);
});

test("a table of the boot believes nobody", () => {
  expect(believedIn(listed(nobodyBelieved))).toEqual(nobodyBelieved);
});
