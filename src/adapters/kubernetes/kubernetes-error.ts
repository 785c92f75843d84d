import { HeadcniError } from "../../domain/failure.ts";
import type { KubernetesFailure } from "../../ports/kubernetes.ts";

/** What the Kubernetes port throws. */
export class KubernetesRequestError extends HeadcniError<KubernetesFailure> {}

/** The files that say how to reach the cluster are not usable. */
export function accessError(path: string, text: string, options?: ErrorOptions): KubernetesRequestError {
  return new KubernetesRequestError(`${path}: ${text}`, { code: "ACCESS_INVALID", path, text }, options);
}
