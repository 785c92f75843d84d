import type { HeadcniSettings } from "../../machines/headcni/headcni-events.ts";

/** A node without Kubernetes. */
export const settings: HeadcniSettings = {
  ownPrefixes: ["10.244.1.0/24"],
  pods: { mtu: 1280, strategy: "sequential", restMs: 30_000, seed: 1 },
  routes: { supernets: ["10.244.0.0/16"], approval: "policy" },
  tailscale: {
    wanted: { controlUrl: "http://10.99.0.1:8080", hostname: "n1" },
    authKeyFrom: "credentials",
    mode: "daemon",
    mtu: 1280,
  },
  headscale: { authenticates: false, tags: ["tag:k8s-node"], hostnamePrefix: "", seed: "n1" },
  allowlist: null,
  readiness: { proofWanted: true, provenPrefixes: [] },
  metricsPage: false,
  kubernetes: null,
};

/** The part of a node with Kubernetes. */
export const kubernetes: NonNullable<HeadcniSettings["kubernetes"]> = {
  node: {
    seed: "n1",
    configured: [],
    supernets: ["10.244.0.0/16"],
    publishesAddress: false,
    metricsPort: null,
  },
  podWatch: { seed: "n1", selective: false },
  serviceCidrs: { seed: "n1", remembered: ["10.96.0.0/16"] },
  policy: { seed: "n1" },
};
