import { z } from "zod";
import type { Architecture } from "../architecture/architecture.ts";
import { architectures, names } from "../architecture/architecture.ts";
import type { Component } from "./software-bill.ts";

/** Of package-lock.json, what is looked at. */
const lockFile = z.object({
  packages: z.record(
    z.string(),
    z.object({
      version: z.string().optional(),
      integrity: z.string().optional(),
      license: z.string().optional(),
      dev: z.boolean().optional(),
      cpu: z.union([z.string(), z.array(z.string())]).optional(),
      os: z.union([z.string(), z.array(z.string())]).optional(),
    }),
  ),
});

/** The npm packages that the programs are made of, and Node: all but those for development and for other machines. */
export function npmComponents(lock: string): readonly Component[] {
  const cpus: readonly string[] = architectures.map((architecture) => names[architecture].node);
  const found: Component[] = [];
  for (const [path, entry] of Object.entries(lockFile.parse(JSON.parse(lock)).packages)) {
    const { version, integrity, license, dev, cpu = [], os = [] } = entry;
    const forCpus = [cpu].flat();
    if (path === "" || version === undefined || dev === true) continue;
    if (forCpus.length > 0 && !forCpus.some((each) => cpus.includes(each))) continue;
    if ([os].flat().length > 0 && ![os].flat().includes("linux")) continue;
    const name = path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length);
    const purl = `pkg:npm/${name.replace("@", "%40")}@${version}`;
    const sha512 = integrity?.startsWith("sha512-")
      ? Buffer.from(integrity.slice("sha512-".length), "base64").toString("hex")
      : undefined;
    found.push({ name, version, purl, license, sha512 });
  }
  return found;
}

/** The Go modules in a program, and Go itself, by what `go version -m` prints of it. */
export function goComponents(printed: string): readonly Component[] {
  const go = /: go(\S+)/.exec(printed)?.[1];
  const modules = [...printed.matchAll(/^\t(?:mod|dep|=>)\t(\S+)\t(v\S+)/gm)].map(
    ([, name = "", version = ""]) => ({
      name,
      version,
      purl: `pkg:golang/${name}@${version}`,
    }),
  );
  const standard = go === undefined ? [] : [{ name: "go", version: go, purl: `pkg:golang/stdlib@${go}` }];
  return [...standard, ...modules];
}

/** The Debian packages of an image, by its `/var/lib/dpkg/status`. */
export function debianComponents(
  status: string,
  architecture: Architecture,
  suite: string,
): readonly Component[] {
  return status.split("\n\n").flatMap((paragraph) => {
    const field = (name: string) => new RegExp(`^${name}: (.*)$`, "m").exec(paragraph)?.[1];
    const [name, version] = [field("Package"), field("Version")];
    if (name === undefined || version === undefined || field("Status") !== "install ok installed") return [];
    const purl = `pkg:deb/debian/${name}@${encodeURIComponent(version)}?arch=${field("Architecture")}&distro=${suite}`;
    return [{ name, version, purl, comment: `in the image for ${architecture}` }];
  });
}
