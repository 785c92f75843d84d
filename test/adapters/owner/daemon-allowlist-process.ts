import { runProgram } from "../../../src/adapters/nftables/run-program.ts";
import { createDaemonAllowlist } from "../../../src/adapters/owner/daemon-allowlist.ts";
import { readBelieved } from "../../../src/adapters/owner/read-believed.ts";
import type { HostCarrier } from "../../../src/domain/guard/guard-settings.ts";
import { allowlistTableName } from "../../../src/domain/nftables/nft-allowlist-table.ts";

/**
 * One step of the daemon's allowlist, in the namespace that this process is started in. `overtaken`: a load whose carrier is told only after
 * another load was asked for, by the carrier `now`.
 */
export type AllowlistStep =
  | { readonly say: "carrier"; readonly tunnel: string }
  | { readonly say: "apply"; readonly believed: readonly string[] }
  | { readonly say: "overtaken"; readonly now: string }
  | { readonly say: "recall" | "reload" | "look" };

const [kept = "", steps = ""] = process.argv.slice(2);
const carrierOf = (name: string): HostCarrier => ({
  ...{ kind: "host", tunnel: { name, mtu: 1280 } },
  ...{ confineTable52: "none", magicDns: false, elsewhere: false },
});
let carrier = async () => carrierOf("tailscale0");
const allowlist = createDaemonAllowlist(
  { list: "/nonexistent/allowlist.json", socket: "/nonexistent/tailscaled.sock" },
  { supernets: ["10.244.0.0/16"], kept: kept === "kept" },
  () => carrier(),
);
const { signal } = new AbortController();

/** What is in force: believed prefixes and the interfaces that are judged. */
async function look(): Promise<string> {
  const call = { program: "nft", args: ["list", "table", "inet", allowlistTableName] };
  const text = await runProgram(call).catch(() => "");
  if (text === "") return "none";
  const { prefixes } = await readBelieved();
  const tunnels = [...text.matchAll(/[io]ifname "([^"]+)"/g)].map(([, name]) => name);
  return `${prefixes.join()} by ${[...new Set(tunnels)].join()}`;
}

async function take(step: AllowlistStep): Promise<string | undefined> {
  switch (step.say) {
    case "carrier":
      carrier = async () => carrierOf(step.tunnel);
      return;
    case "apply":
      await allowlist.apply({ prefixes: step.believed, nodes: [] }, signal);
      return;
    case "overtaken": {
      const told = Promise.withResolvers<HostCarrier>();
      const [former, asked] = [await carrier(), Promise.withResolvers<void>()];
      carrier = () => {
        asked.resolve();
        return told.promise;
      };
      const first = allowlist.reload(signal);
      await asked.promise;
      carrier = async () => carrierOf(step.now);
      const second = allowlist.reload(signal);
      // One that did not wait for the first would end meanwhile.
      await Promise.race([second, look().then(look)]);
      told.resolve(former);
      await Promise.all([first, second]);
      return;
    }
    case "recall":
      return (await allowlist.recall()).prefixes.join();
    case "reload":
      await allowlist.reload(signal);
      return;
    case "look":
      return await look();
  }
}

for (const step of JSON.parse(steps) as readonly AllowlistStep[]) {
  const said = await take(step);
  if (said !== undefined) console.log(said);
}
allowlist.close();
