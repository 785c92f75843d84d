import { describe, expect, test } from "vitest";
import { z } from "zod";
import { configSchema } from "../../../src/config/config-schema.ts";
import { keyAbout } from "../../../src/config/keys/key-about.ts";
import { createKeyCatalogue } from "../../../src/config/keys/key-catalogue.ts";

const catalogue = createKeyCatalogue();

describe("every key of the configuration", () => {
  test.each(catalogue.keys.map((key) => [key.path, key] as const))(
    "%s: its example is valid",
    (_path, key) => {
      expect(key.about.description).toMatch(/[.;]$/);
      expect(key.schema.safeParse(key.about.example).success).toBe(true);
    },
  );

  test("has a variable of its own", () => {
    expect(new Set(catalogue.keys.map((key) => key.variable)).size).toBe(catalogue.keys.length);
    expect(catalogue.byPath("network.podCIDR")?.variable).toBe("HEADCNI_NETWORK_POD_CIDR");
    expect(catalogue.byPath("tailscale.linkCIDR")?.variable).toBe("HEADCNI_TAILSCALE_LINK_CIDR");
    expect(catalogue.byVariable("HEADCNI_HEADSCALE_AUTH_KEY_FILE")?.path).toBe("headscale.authKeyFile");
  });

  test("is in the JSON Schema with its description and default", () => {
    const schema = z.toJSONSchema(configSchema, { io: "input", metadata: keyAbout });
    expect(schema.properties).toMatchObject({
      network: {
        properties: {
          mtu: { type: "integer", default: 1280, description: expect.stringContaining("MTU"), unit: "bytes" },
        },
        additionalProperties: false,
      },
    });
  });
});
