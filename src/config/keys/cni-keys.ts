import * as z from "zod";
import { absolutePath, text } from "../values/value-schemas.ts";
import { key } from "./key-about.ts";

const written = { restart: "the conflist is written once per start, last" };

/** Keys of `cni`. */
export const cniKeys = {
  confDir: key(absolutePath.prefault("/etc/cni/net.d"), {
    description:
      "Directory in which the runtime looks for network configurations; the conflist is written there, last.",
    mustBe: "an absolute path",
    example: "/etc/cni/net.d",
    change: written,
  }),
  binDir: key(absolutePath.prefault("/opt/cni/bin"), {
    description: "Directory in which the runtime looks for CNI plugins.",
    mustBe: "an absolute path",
    example: "/opt/cni/bin",
    change: written,
  }),
  // CNI specification 1.1.0, "Network configuration format": starts alphanumeric, then also "_", "." and "-".
  networkName: key(text(/^[A-Za-z0-9][A-Za-z0-9_.-]*$/, 64).prefault("headcni"), {
    description: "Name of the network in the conflist.",
    mustBe: "a letter or digit, then letters, digits, underscores, dots and dashes, at most 64",
    example: "headcni",
    change: { restart: "running pods are recorded under this name" },
  }),
  confName: key(text(/^[^/\0\s]+\.conflist$/, 255).prefault("10-headcni.conflist"), {
    description: "File name of the conflist; runtimes take the first in lexical order.",
    mustBe: "a file name that ends in .conflist",
    example: "10-headcni.conflist",
    change: written,
  }),
  plugins: key(z.array(z.looseObject({ type: text(/^[^/\0\s]+$/) })).prefault([]), {
    description: "Plugins chained after headcni, as they stand in a conflist.",
    mustBe: "a list of plugin configurations, each with a type",
    example: [{ type: "portmap", capabilities: { portMappings: true } }],
    change: written,
  }),
} as const;
