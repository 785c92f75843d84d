import { isIP } from "node:net";
import * as z from "zod";
import {
  formatPrefix,
  hostPrefix,
  PrefixError,
  parseAddress,
  parsePrefix,
} from "../../domain/addresses/prefix.ts";
import { createSecret } from "../secret.ts";

/** Text that passes `test`; the key's `mustBe` words the refusal. */
export function text(test: RegExp, maxLength = 4096) {
  return z.string().max(maxLength).regex(test);
}

/** Absolute path without "..", in normal form. */
export const absolutePath = text(/^(\/(?!\.{1,2}(\/|$))[^/\0]+)+$/);

/** Linux interface name (net/core/dev.c dev_valid_name): at most 15 bytes, no slash, colon or white space. */
export const interfaceName = text(/^(?!\.{1,2}$)[!-.0-9;-~]{1,15}$/);

/** A prefix in canonical form; host bits are refused with the prefix that was probably meant. */
const prefix = z.string().transform((value, check) => {
  try {
    return formatPrefix(parsePrefix(value));
  } catch (error) {
    if (!(error instanceof PrefixError)) throw error;
    if (error.detail.code === "HOST_BITS")
      check.addIssue({ code: "custom", message: `has host bits set; must be ${error.detail.meant}` });
    else
      check.addIssue({
        code: "custom",
        message: "must be a prefix such as 10.244.0.0/16 or fd00:10:244::/56",
      });
    return z.NEVER;
  }
});

/** One prefix or a list with one per family; always a list in the result. */
export const prefixes = z
  .union([prefix.transform((value) => [value]), z.array(prefix).min(1).max(2)])
  .refine((values) => new Set(values.map((value) => parsePrefix(value).family)).size === values.length, {
    message: "must hold at most one prefix per family",
  });

/** Senders outside the cluster: prefixes and names of links, one or a list; a bare address is refused with its prefix. */
export const senders = z
  .union([sender().transform((value) => [value]), z.array(sender())])
  .transform((values) => [...new Set(values)]);

/** nft takes `*` in a link's name for "any end". */
function sender() {
  return z.string().transform((value, check) => {
    if (isIP(value) !== 0) {
      check.addIssue({ code: "custom", message: `must have a length: ${hostPrefix(value)} for this host` });
      return z.NEVER;
    }
    const parsed = (value.includes("/") ? prefix : interfaceName.regex(/^[^*"\\]*$/)).safeParse(value);
    if (parsed.success) return parsed.data;
    const [issue] = parsed.error.issues;
    check.addIssue({ code: "custom", message: issue?.code === "custom" ? issue.message : "Invalid input" });
    return z.NEVER;
  });
}

/** `address:port` or `[address]:port`, or an address alone, which stands for tailscaled's port there. */
export const endpoint = z.string().refine((value) => {
  if (isIP(value) !== 0) return !value.includes("%");
  const [, six, four, port] = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(value) ?? [];
  return (
    isIP(six ?? four ?? "") === (six === undefined ? 4 : 6) && Number(port) >= 1 && Number(port) <= 65535
  );
});

export const ipAddress = z.string().refine((value) => isIP(value) !== 0 && !value.includes("%"));

export const secret = z
  .string()
  .regex(/^[!-~]{1,4096}$/)
  .transform(createSecret);

export const webSocketUrl = z.string().refine((value) => {
  const url = URL.parse(value);
  return (url?.protocol === "ws:" || url?.protocol === "wss:") && url.username === "" && url.password === "";
});

/** Origin of Headscale (`scheme://host[:port]`), reachable from the tailnet namespace: never a loopback name or address. */
export const headscaleUrl = z.string().transform((value, check) => {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  const fault = url === undefined ? "must be a URL such as https://headscale.example.org" : urlFault(url);
  if (url !== undefined && fault === undefined) return url.origin;
  check.addIssue({ code: "custom", message: fault ?? "" });
  return z.NEVER;
});

/** Base URL of a collector; it may be on this node, and may have a path. */
export const collectorUrl = z.string().refine((value) => {
  const url = URL.parse(value);
  return (
    url !== null &&
    ["http:", "https:"].includes(url.protocol) &&
    [url.username, url.password, url.search, url.hash].every((part) => part === "")
  );
});

function urlFault(url: URL): string | undefined {
  if (url.protocol !== "http:" && url.protocol !== "https:") return "must start with http:// or https://";
  if (url.username !== "" || url.password !== "")
    return "must not hold a user or password; Headscale takes keys (headscale.authKeyFile)";
  if (url.pathname !== "/" || url.search !== "" || url.hash !== "")
    return `must have no path, query or fragment: ${url.origin}`;
  if (isLoopback(url.hostname))
    return "must not be a loopback address: tailscaled runs in a network namespace of its own, whose loopback is not the node's";
  return undefined;
}

function isLoopback(hostname: string): boolean {
  const bare = hostname.replace(/^\[|\]$/g, "").replace(/\.$/, "");
  if (bare === "localhost" || bare.endsWith(".localhost")) return true;
  if (isIP(bare) === 0) return false;
  const { family, value } = parseAddress(bare);
  const v4 = family === 4 ? value : value >> 32n === 0xffffn ? value & 0xffff_ffffn : undefined;
  return value <= 1n || (v4 !== undefined && (v4 >> 24n === 127n || v4 === 0n));
}
