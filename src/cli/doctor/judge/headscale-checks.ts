import { containsPrefix, hostPrefix, parsePrefix, readPrefix } from "../../../domain/addresses/prefix.ts";
import {
  isTooOld,
  newestHeadscale,
  oldestHeadscale,
  readHeadscaleVersion,
} from "../../../domain/headscale-version.ts";
import { type Check, type Checks, fail, listed, ok, skipped, warn } from "./finding.ts";

/** Certificates and keys are judged by the clock. */
const skewWarnSeconds = 30;
const skewFailSeconds = 300;

const tlsFaults: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: "its certificate has expired",
  CERT_NOT_YET_VALID: "its certificate is not valid yet (or this node's clock is behind)",
  DEPTH_ZERO_SELF_SIGNED_CERT: "its certificate is self-signed",
  SELF_SIGNED_CERT_IN_CHAIN: "its certificate comes from an authority this node does not know",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    "its certificate comes without the intermediate one, or from an unknown authority",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "its certificate comes from an authority this node does not know",
  ERR_TLS_CERT_ALTNAME_INVALID: "its certificate is for another name",
  ERR_SSL_WRONG_VERSION_NUMBER: "what answers there does not speak TLS",
  EPROTO: "what answers there does not speak TLS",
};
const networkFaults: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nothing listens there",
  EHOSTUNREACH: "there is no way to that host",
  ENETUNREACH: "there is no route to that network",
  ENOTFOUND: "the name is unknown",
  EAI_AGAIN: "the name server does not answer",
  UND_ERR_CONNECT_TIMEOUT: "it does not answer (a firewall in between?)",
  TimeoutError: "it does not answer in time",
};

/** Headscale as this node finds it, without the policy. */
export const headscaleChecks: Checks = {
  /** The nodes need Headscale before there is a pod network, so it cannot stand behind it. */
  "headscale.url"({ headscale: { addresses } }, settings) {
    if (settings.headscaleUrl === "") return skipped("headscale.url is not given");
    const { hostname } = new URL(settings.headscaleUrl);
    const bad = (found: string) =>
      fail({
        found: `${settings.headscaleUrl} ${found}`,
        why: "A node must reach Headscale before any pod network or Service works on it, also after a reboot.",
        todo: "Use an address outside the cluster, or run Headscale with hostNetwork and name that node's own address.",
      });
    if (/(^|\.)(svc|cluster\.local)\.?$/.test(hostname) || hostname.includes(".svc."))
      return bad("is a name that only the cluster's DNS knows");
    if ("unknown" in addresses)
      return fail({
        found: `${hostname} has no address: ${addresses.unknown}`,
        why: "Without its address Headscale cannot be reached.",
        todo: "Correct headscale.url, or the nameservers of this node.",
      });
    const kinds = [
      { prefixes: ["127.0.0.0/8", "::1/128"], what: "on loopback: tailscaled's namespace has another one" },
      // A default serviceCIDR may hold the LAN on a node without Kubernetes; addresses.serviceCIDR tells that.
      { prefixes: settings.kubernetes ? settings.services : [], what: "a Service's address" },
      { prefixes: settings.supernets, what: "a pod's address" },
    ];
    for (const address of addresses.value)
      for (const { prefixes, what } of kinds)
        if (prefixes.some((prefix) => inside(prefix, address))) return bad(`is ${address}, ${what}`);
    return ok(`${settings.headscaleUrl} is ${listed(addresses.value)}`);
  },

  "headscale.reachable"({ headscale: { unreachable } }, { headscaleUrl }) {
    if (headscaleUrl === "") return undefined;
    if (unreachable === undefined) return ok("GET /health says it is well");
    const tls = tlsFaults[unreachable];
    return fail({
      found: `${headscaleUrl}: ${tls ?? networkFaults[unreachable] ?? unreachable}`,
      why: "Without Headscale this node cannot join the tailnet; a node that is in it keeps its paths, but learns of no change.",
      todo:
        tls === undefined
          ? "See whether Headscale runs and whether this node may reach it; correct headscale.url if it is wrong."
          : "Give Headscale a certificate that this node's system authorities confirm for that name.",
    });
  },

  "headscale.tls": onceReached((_, { headscaleUrl, approval }) => {
    if (headscaleUrl.startsWith("https:")) return ok("the certificate is valid");
    const found = "plain HTTP; the tailnet's own control protocol is encrypted all the same";
    if (approval !== "api") return ok(found);
    return warn({
      found,
      why: "With approval: api the API key, which is an admin's, crosses the network unencrypted.",
      todo: "Give Headscale TLS, or use approval: policy.",
    });
  }),

  "headscale.version": onceReached(({ headscale: { version } }) => {
    if ("unknown" in version)
      return warn({
        found: `its version is not known: ${version.unknown}`,
        why: `HeadCNI speaks to Headscale 0.${oldestHeadscale} and 0.${newestHeadscale}; GET /version exists since 0.26.`,
        todo: "See headscale version on its host.",
      });
    const release = readHeadscaleVersion(version.value);
    if (release === undefined)
      return warn({
        found: `version "${version.value}"`,
        why: "This is not a release, so its behaviour is unknown.",
        todo: `Use Headscale 0.${oldestHeadscale}.`,
      });
    if (isTooOld(version.value))
      return fail({
        found: `version ${version.value}`,
        why: "Older versions have another API for routes and treat pod addresses differently.",
        todo: `Upgrade to Headscale 0.${oldestHeadscale}, one minor version after the other.`,
      });
    if (release.major > 0 || release.minor > newestHeadscale)
      return warn({
        found: `version ${version.value}`,
        why: `HeadCNI knows Headscale up to 0.${newestHeadscale}.`,
        todo: "Expect it to work; if it does not, go back or update HeadCNI.",
      });
    return ok(`version ${version.value}`);
  }),

  "headscale.clock": onceReached(({ headscale: { clockSkewSeconds: fact } }) => {
    if ("unknown" in fact) return skipped(fact.unknown);
    const seconds = Math.abs(fact.value);
    // The Date header counts whole seconds.
    if (seconds < skewWarnSeconds)
      return ok(seconds <= 2 ? "no difference" : `${Math.round(seconds)} s apart`);
    const problem = {
      found: `this node's clock is ${Math.round(seconds)} s ${fact.value > 0 ? "behind" : "ahead of"} Headscale's`,
      why: "With a wrong clock, certificates and keys seem expired or not yet valid.",
      todo: "Synchronise both clocks (chrony, systemd-timesyncd).",
    };
    return seconds < skewFailSeconds ? warn(problem) : fail(problem);
  }),

  "headscale.authKey": onceReached(({ headscale, tailnet }, { approval, tags, ownerSocket }) => {
    const { authKeyPrefix: fact, admin } = headscale;
    // One that runs while Headscale answers, and is not connected, may have to log in again.
    if ("value" in tailnet && tailnet.value.backendState === "Running" && tailnet.value.online)
      return ok("this node is logged in; a key is needed only for another login");
    if ("unknown" in fact) {
      if (approval === "api") return ok("none; the API key makes one when the node joins");
      if (ownerSocket !== "") return ok("none; the owner of the node's tailscaled logs it in");
      return fail({
        found: fact.unknown,
        why: "The node joins the tailnet with it.",
        todo: "headscale preauthkeys create --tags tag:k8s-node --expiration 24h, and put it in headscale.authKeyFile.",
      });
    }
    const prefix = fact.value;
    if (prefix.startsWith("hskey-api-"))
      return fail({
        found: "headscale.authKeyFile holds an API key",
        why: "Headscale accepts only a pre-auth key (hskey-auth-...) for a login.",
        todo: `Make one: headscale preauthkeys create --tags ${tags.join(",")} --expiration 24h.`,
      });
    if ("unknown" in admin)
      return skipped(
        `${prefix}... has the right form; whether it is valid shows only when it is used`,
        "With an API key this is checked: --api-key-file FILE.",
      );
    const key = admin.value.authKeys.find((one) => one.key.startsWith(prefix));
    const make = `Make a new one: headscale preauthkeys create --tags ${tags.join(",")} --expiration 24h.`;
    const bad = (found: string) =>
      fail({ found: `${prefix}... ${found}`, why: "Headscale refuses a login with it.", todo: make });
    if (key === undefined) return bad("is not among this Headscale's keys");
    if (key.expired) return bad("has expired");
    if (key.used && !key.reusable) return bad("has been used, and is for one login only");
    const missing = tags.filter((tag) => !key.tags.includes(tag));
    if (missing.length > 0)
      return fail({
        found: `${prefix}... does not give ${listed(missing)}`,
        why: "The policy knows HeadCNI's nodes by their tags; without them no route is approved.",
        todo: make,
      });
    return ok(`${prefix}... is valid, for ${listed(key.tags)}`);
  }),

  "headscale.apiKey": onceReached(({ headscale: { admin } }, { approval }) => {
    if ("value" in admin) return ok("Headscale takes the API key");
    if (approval !== "api")
      return skipped(
        `none, and none is needed with approval: ${approval}`,
        "To check keys, policy and routes: --api-key-file FILE.",
      );
    return fail({
      found: admin.unknown,
      why: "With approval: api the node makes its own login key and approves its routes with it.",
      todo: "Make one: headscale apikeys create --expiration 90d, and put it in headscale.apiKeyFile.",
    });
  }),

  /** While Headscale is away relayed paths break with it, unless the relays stand elsewhere. */
  "headscale.relays": onceReached(({ headscale: { embeddedDerp }, tailnet }, { headscaleUrl }) => {
    const { hostname } = new URL(headscaleUrl);
    const problem = {
      found: "the only relay (DERP) is Headscale itself",
      why: "While Headscale is down, nodes without a direct path cannot reach each other, and no tailscaled can restart.",
      todo: "Run derper apart from Headscale and name it in Headscale's derp.paths.",
    };
    if ("value" in tailnet && tailnet.value.relayHosts.length > 0) {
      const { relayHosts } = tailnet.value;
      const apart = relayHosts.filter((host) => host !== hostname);
      if (apart.length > 0) return ok(`relays apart from Headscale: ${listed(apart)}`);
      // The same host may still run a derper of its own, which lives on when Headscale stops.
      if ("value" in embeddedDerp && !embeddedDerp.value)
        return ok(`a relay on Headscale's host, as a program of its own: ${listed(relayHosts)}`);
      return warn(problem);
    }
    if ("unknown" in embeddedDerp) return skipped(embeddedDerp.unknown);
    if (!embeddedDerp.value) return ok("Headscale is no relay itself");
    return warn({
      ...problem,
      found: "Headscale is a relay (DERP) itself; whether there are others shows once a node runs",
    });
  }),
};

/** A check of what Headscale says; none while it does not answer. */
export function onceReached(check: Check): Check {
  return (facts, settings) =>
    settings.headscaleUrl === "" || facts.headscale.unreachable !== undefined
      ? undefined
      : check(facts, settings);
}

function inside(prefix: string, address: string): boolean {
  const host = readPrefix(hostPrefix(address));
  return host !== undefined && containsPrefix(parsePrefix(prefix), host);
}
