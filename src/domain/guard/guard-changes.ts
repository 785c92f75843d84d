import { tailnetLink } from "../kernel/kernel-constants.ts";
import type { KernelChange } from "../kernel/kernel-state.ts";
import type { GuardScope } from "./guard-observation.ts";

/**
 * What a notification makes worth looking at, undefined for nothing. Attaching a pod adds a link and a host route, and
 * neither can break an invariant; its removal can look like the loss of a pod's route.
 */
export function scopeOfChange(change: KernelChange): GuardScope | undefined {
  switch (change.what) {
    case "nftables":
    case "overrun":
      return "all";
    case "address":
    case "rule":
    case "sysctl":
      return "kernel";
    case "link":
      return concernsLink(change) ? "kernel" : undefined;
    case "route":
      return change.removed || !isHostRoute(change.subject) ? "kernel" : undefined;
    default: {
      const unhandled: never = change.what;
      return unhandled;
    }
  }
}

export function widerScope(known: GuardScope | null, scope: GuardScope): GuardScope {
  return known === "all" ? "all" : scope;
}

/** A removed link may be named by its index. */
function concernsLink({ namespace, removed, subject }: KernelChange): boolean {
  return subject === tailnetLink[namespace] || (removed && /^\d+$/.test(subject));
}

/** A route's subject begins with its destination: "10.244.1.7/32 in table 254". */
function isHostRoute(subject: string): boolean {
  const [destination = ""] = subject.split(" ");
  return destination.endsWith("/32") || destination.endsWith("/128");
}
