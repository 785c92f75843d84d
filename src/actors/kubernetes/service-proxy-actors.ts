import { fromPromise } from "xstate";
import type { ServiceProxy } from "../../domain/kubernetes/service-proxy.ts";
import type { Firewall } from "../../ports/firewall.ts";

/** Effects of the machine of what translates Services' addresses. */
export function serviceProxyActors(firewall: Pick<Firewall, "serviceProxy">) {
  return { look: fromPromise<ServiceProxy, void>(({ signal }) => firewall.serviceProxy(signal)) };
}
