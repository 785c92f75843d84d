import type { FuzzTargetSource } from "./fuzz-target.ts";
import { cniReply } from "./targets/cni-reply.ts";
import { cniRequest } from "./targets/cni-request.ts";
import { config } from "./targets/config.ts";
import { headscale } from "./targets/headscale.ts";
import { headscalePolicy } from "./targets/headscale-policy.ts";
import { kubeWatch } from "./targets/kube-watch.ts";
import { kubeconfig } from "./targets/kubeconfig.ts";
import { localApi } from "./targets/local-api.ts";
import { netlink } from "./targets/netlink.ts";
import { recording } from "./targets/recording.ts";

/** By the name of their folder in `corpus/`. */
export const targets: Readonly<Record<string, FuzzTargetSource>> = {
  netlink,
  "cni-request": cniRequest,
  "cni-reply": cniReply,
  "local-api": localApi,
  headscale,
  "headscale-policy": headscalePolicy,
  kubeconfig,
  "kube-watch": kubeWatch,
  config,
  recording,
};
