import fc from "fast-check";
import { afterAll, describe, test } from "vitest";
import { stringify } from "yaml";
import { ConfigError } from "../../src/config/config-error.ts";
import { createKeyCatalogue } from "../../src/config/keys/key-catalogue.ts";
import type { ConfigSources } from "../../src/config/load-config.ts";
import { openConfigDirectory } from "./config-fixture.ts";

const directory = openConfigDirectory();
afterAll(() => directory[Symbol.dispose]());
const { keys } = createKeyCatalogue();

/** Either a configuration or a ConfigError whose problems each say where and what; anything else fails the property. */
function judged(content: string, overrides: Partial<ConfigSources> = {}): boolean {
  try {
    const config = directory.load(content, overrides);
    return config.network.podCIDR.length > 0 && config.headscale.url.startsWith("http");
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.detail.problems.every(
      ({ source, found, wanted }) => source !== "" && found !== "" && wanted !== "",
    );
  }
}

const scalar = fc.oneof(
  fc.string(),
  fc.integer(),
  fc.double(),
  fc.boolean(),
  fc.constant(null),
  fc.constantFrom("10.244.0.0/16", "fd00::/48", "tag:a", "/x", "http://h", "::", "0.0.0.0/0", "off", "api"),
);
const value = fc.oneof(
  { depthSize: "small" },
  scalar,
  fc.array(scalar, { maxLength: 3 }),
  fc.dictionary(fc.string(), scalar, { maxKeys: 3 }),
);
const path = fc.constantFrom(...keys.map((key) => key.path));

describe("reading a configuration never ends in anything but a configuration or a ConfigError:", () => {
  test("any text as the file", () => {
    fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 200 }), (content) => judged(content)));
  });

  test("any YAML of known and unknown keys", () => {
    const section = fc.dictionary(
      fc.oneof(
        path.map((one) => one.split(".")[1] ?? one),
        fc.string(),
        fc.constant("__proto__"),
      ),
      value,
      { maxKeys: 5 },
    );
    const name = fc.oneof(
      path.map((one) => one.split(".")[0] ?? one),
      fc.string(),
    );
    fc.assert(
      fc.property(fc.dictionary(name, fc.oneof(section, value), { maxKeys: 6 }), (document) =>
        judged(stringify(document)),
      ),
      { numRuns: 500 },
    );
  });

  test("a valid file with any one key replaced by anything, from file, environment or flag", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...keys),
        fc.string(),
        value,
        ({ path: known, variable }, text, replacement) => {
          const [section = "", leaf] = known.split(".");
          const document =
            leaf === undefined ? { [section]: replacement } : { [section]: { [leaf]: replacement } };
          return (
            judged(stringify(document)) &&
            judged(directory.minimal(), { environment: { [variable]: text } }) &&
            judged(directory.minimal(), { flags: [`${known}=${text}`] })
          );
        },
      ),
      { numRuns: 500 },
    );
  });

  test("any variables and flags", () => {
    const variables = fc.dictionary(
      fc.string().map((name) => `HEADCNI_${name}`),
      fc.string(),
    );
    fc.assert(
      fc.property(variables, fc.array(fc.string()), (environment, flags) =>
        judged(directory.minimal(), { environment, flags }),
      ),
    );
  });
});
