import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { environmentOf } from "../../../src/adapters/tailscale/tailscaled-command.ts";
import type { Config } from "../../../src/config/config-schema.ts";
import { loadConfig } from "../../../src/config/load-config.ts";
import { nobodyBelieved } from "../../../src/domain/tailnet/believed-prefixes.ts";
import { machineSettings, namespaceCarrier, tailscaledOptions } from "../../../src/programs/settings.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

function configOf(network: Readonly<Record<string, unknown>>, tailscale: object = {}): Config {
  const file = join(temporaryDirectory(), "config.yaml");
  const prefixes = { podCIDR: "10.244.0.0/16", nodePodCIDR: "10.244.1.0/24" };
  writeFileSync(
    file,
    JSON.stringify({
      nodeName: "n1",
      headscale: { url: "https://h.example", authKey: "key" },
      network: { ...prefixes, ...network },
      tailscale,
    }),
  );
  return loadConfig({ file, environment: {}, flags: [] });
}

test.each([
  [{}, 1280],
  [{ mtu: 1400 }, 1400],
])("with %j pods, tunnel, veth's clamp and tailscaled all have an MTU of %i", (network, mtu) => {
  const config = configOf(network);
  expect(environmentOf(tailscaledOptions(config))["TS_DEBUG_MTU"]).toBe(String(mtu));
  expect(namespaceCarrier(config).tunnel.mtu).toBe(mtu);
  expect(
    machineSettings(config, { provenPrefixes: [], services: [], believed: nobodyBelieved }).pods.mtu,
  ).toBe(mtu);
});

test("the same MTU once more among tailscaled's variables is no contradiction", () => {
  const config = configOf({ mtu: 1400 }, { environment: { TS_DEBUG_MTU: "1400" } });
  expect(environmentOf(tailscaledOptions(config))["TS_DEBUG_MTU"]).toBe("1400");
});
