import { randomBytes } from "node:crypto";
import type { PodReport, PostedReport } from "../../domain/kubernetes/kubernetes-objects.ts";
import type { ApiCall } from "./api-transport.ts";

/** Longest note and action that events.k8s.io/v1 takes (pkg/apis/core/validation/events.go). */
const longestNote = 1024;
const controller = "headcni.io/daemon";

/** A new Event on a Pod. `nowMs` in ms since the epoch. */
export function newEvent(
  { pod, reason, note, action }: PodReport,
  nodeName: string,
  nowMs: number,
): { readonly call: ApiCall; readonly posted: PostedReport } {
  const eventName = `${pod.name.slice(0, 230)}.${randomBytes(8).toString("hex")}`;
  const body = {
    apiVersion: "events.k8s.io/v1",
    kind: "Event",
    metadata: { name: eventName, namespace: pod.namespace },
    eventTime: microTime(nowMs),
    reportingController: controller,
    reportingInstance: nodeName.slice(0, 128),
    action,
    reason,
    note: note.slice(0, longestNote),
    type: "Warning",
    regarding: { apiVersion: "v1", kind: "Pod", ...pod },
  };
  return {
    call: { method: "POST", path: eventsPath(pod.namespace), body },
    posted: { namespace: pod.namespace, eventName },
  };
}

/** The Event once more: a series in the words of events.k8s.io/v1. */
export function repeatedEvent({ namespace, eventName }: PostedReport, count: number, nowMs: number): ApiCall {
  return {
    method: "PATCH",
    path: `${eventsPath(namespace)}/${eventName}`,
    contentType: "application/merge-patch+json",
    body: { series: { count, lastObservedTime: microTime(nowMs) } },
  };
}

function eventsPath(namespace: string): string {
  return `/apis/events.k8s.io/v1/namespaces/${namespace}/events`;
}

/** metav1.MicroTime. */
function microTime(nowMs: number): string {
  return new Date(nowMs).toISOString().replace("Z", "000Z");
}
