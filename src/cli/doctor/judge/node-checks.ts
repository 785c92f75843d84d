import { tailnetLink } from "../../../domain/kernel/kernel-constants.ts";
import { explainNewer } from "../../../domain/newer-format.ts";
import { type Check, type Checks, fail, listed, ok, skipped, warn } from "./finding.ts";

/** Room for tailscaled's state and log, with some to spare. */
const neededBytes = 64 * 1024 * 1024;
/** tailscaled's IPN bus works as we read it from here on. */
const oldestTailscaled: readonly [number, number] = [1, 100];

/** The node itself: switches, programs, folders, ports, resolver. */
export const nodeChecks: Checks = {
  "node.forwarding"({ node: { sysctls, sysctlsWritable }, daemon }) {
    const value = sysctls["net/ipv4/ip_forward"];
    if (value === "1") return ok("net.ipv4.ip_forward is 1");
    if (!sysctlsWritable)
      return fail({
        found: `net.ipv4.ip_forward is ${value ?? "unreadable"}, and /proc/sys/net is read-only here`,
        why: "Without forwarding no packet of a pod goes anywhere.",
        todo: "Set it with sysctl, or give the container a writable mount of /proc/sys/net.",
      });
    if ("unknown" in daemon) return ok("net.ipv4.ip_forward is 0; HeadCNI will turn it on");
    return fail({
      found: "net.ipv4.ip_forward is 0 although HeadCNI runs",
      why: "No packet of a pod goes anywhere.",
      todo: "Find what turns it off again (a sysctl.d file, another agent); see headcnictl machines --machine guard.",
    });
  },

  /** The kernel uses the greater of `all` and the link's own value (Documentation/networking/ip-sysctl). */
  "node.rpFilter"({ node: { sysctls, snapshot } }) {
    const value = (link: string) => Number(sysctls[`net/ipv4/conf/${link}/rp_filter`] ?? "0");
    const strict = (link: string) => Math.max(value("all"), value(link)) === 1;
    if (sysctls[`net/ipv4/conf/${tailnetLink.node}/rp_filter`] !== undefined && strict(tailnetLink.node))
      return fail({
        found: `rp_filter is strict (1) on ${tailnetLink.node}`,
        why: "Answers that come from the tailnet while a route is being repaired are silently dropped.",
        todo: `Set net.ipv4.conf.${tailnetLink.node}.rp_filter=2; the daemon does that while it runs.`,
      });
    if ("unknown" in snapshot) return skipped(snapshot.unknown);
    const { links, routes } = snapshot.value;
    const uplinks = links.filter(
      ({ index, name }) =>
        name !== tailnetLink.node &&
        routes.some(({ linkIndex, destination }) => linkIndex === index && destination.endsWith("/0")),
    );
    const strictUplinks = uplinks.map(({ name }) => name).filter(strict);
    if (strictUplinks.length === 0) return ok("not strict");
    if (uplinks.length < 2) return ok(`strict on ${strictUplinks[0]}, its only uplink`);
    return warn({
      found: `rp_filter is strict (1) on ${listed(strictUplinks)}, and the node has ${uplinks.length} uplinks`,
      why: "WireGuard packets that come in by one uplink while the route back leads to another are dropped.",
      todo: "Set rp_filter=2 (loose) on the uplinks.",
    });
  },

  "node.programs"({ node: { missingPrograms } }) {
    if (missingPrograms.length === 0) return ok("nft and util-linux are there");
    return fail({
      found: `not on PATH: ${listed(missingPrograms, 9)}`,
      why: "The firewall is loaded with nft, and tailscaled is started with the others.",
      todo: "Install the packages nftables and util-linux.",
    });
  },

  "node.tailscaled"({ node: { tailscaledVersion: fact } }, { ownerSocket }) {
    if (ownerSocket !== "") return undefined;
    if ("unknown" in fact)
      return fail({
        found: fact.unknown,
        why: "HeadCNI starts a tailscaled of its own for the pods.",
        todo: "Install Tailscale (only its binary is used), or set tailscale.binary to where tailscaled is.",
      });
    const [major = 0, minor = 0] = fact.value.split(".").map(Number);
    const [wantedMajor, wantedMinor] = oldestTailscaled;
    if (major > wantedMajor || (major === wantedMajor && minor >= wantedMinor))
      return ok(`tailscaled ${fact.value}`);
    return fail({
      found: `tailscaled ${fact.value}`,
      why: `Before ${wantedMajor}.${wantedMinor} it reports changes of the tailnet differently.`,
      todo: "Install tailscaled 1.102.3, the version HeadCNI is tested with.",
    });
  },

  "node.runtimeDir": directory("runtimeDir"),
  "node.stateDir": directory("stateDir"),

  "node.formats"({ node: { newerFormats } }) {
    const problem = explainNewer(newerFormats);
    if (problem === undefined) return ok("nothing on this node is of a later release");
    return fail({
      found: problem.found,
      why: "The daemon and headcni-wire of this release do not start here (NEWER_FORMAT): they would misread it.",
      todo: `${problem.todo}.`,
    });
  },

  "node.tailscalePort"({ node: { udpPorts } }, { underlayPort: port, ownerSocket }) {
    if (ownerSocket !== "") return undefined;
    if (!udpPorts.includes(port)) return ok(`UDP port ${port} is free`);
    return fail({
      found: `a program on this node listens on UDP port ${port}`,
      why: "HeadCNI forwards that port to its own tailscaled, so the other program would no longer receive anything.",
      todo: "Set tailscale.port to a free one; 41641 is that of a tailscaled of the node's own.",
    });
  },

  "node.monitoringPort"({ node: { tcpPorts }, daemon }, { monitoringPort: port }) {
    if (!tcpPorts.includes(port)) return ok(`TCP port ${port} is free`);
    if ("value" in daemon) return ok(`TCP port ${port} is the daemon's`);
    return fail({
      found: `a program on this node listens on TCP port ${port}, and no HeadCNI daemon runs`,
      why: "The daemon serves its metrics and health there and does not start without it.",
      todo: "Set monitoring.port to a free one, or end that program.",
    });
  },

  "node.resolver"({ node: { nameservers } }, { headscaleUrl, ownerSocket }) {
    if (ownerSocket !== "") return undefined;
    const { direct, forwarded } = nameservers;
    if (forwarded.length > 0)
      return ok(`${listed(forwarded)} on loopback, forwarded to our tailscaled while it runs`);
    if (direct.length > 0) return ok("a nameserver that is not on loopback");
    const problem = {
      found: "/etc/resolv.conf names no nameserver",
      why: "Our tailscaled asks the nameservers of the node, in a network namespace with a loopback of its own.",
      todo: "Name the node's nameserver in /etc/resolv.conf; one on loopback (127.0.0.1, ::1) is fine.",
    };
    return headscaleUrl === "" || isAddress(new URL(headscaleUrl).hostname) ? warn(problem) : fail(problem);
  },
};

function directory(key: "runtimeDir" | "stateDir"): Check {
  return ({ node }, settings) => {
    const facts = node.directories.find(({ path }) => path === settings[key]);
    if (facts === undefined) return undefined;
    const { path, existing, refusal, freeBytes, inMemory } = facts;
    const where = existing === path ? path : `${path} (to be made in ${existing})`;
    if (refusal !== "")
      return fail({
        found: `${where} cannot be written: ${refusal}`,
        why: "Sockets, the tailnet namespace and tailscaled's identity are kept there.",
        todo: `Make it writable, or set ${key} to a folder that is.`,
      });
    if (freeBytes < neededBytes)
      return warn({
        found: `${where} has ${Math.floor(freeBytes / 1e6)} MB left`,
        why: "tailscaled's state and log are written there; when it is full, a login is lost.",
        todo: "Free some space.",
      });
    if (key === "stateDir" && inMemory)
      return warn({
        found: `${where} is in memory`,
        why: "A reboot deletes this node's identity in the tailnet: it needs a valid pre-auth key each time.",
        todo: "Set stateDir to a folder on disk.",
      });
    return ok(`${where} is writable`);
  };
}

function isAddress(host: string): boolean {
  return host.startsWith("[") || /^\d+(\.\d+){3}$/.test(host);
}
