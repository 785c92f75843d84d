import { z } from "zod";
import { parseJson } from "../../domain/parse-json.ts";
import { KubernetesRequestError } from "./kubernetes-error.ts";
import { refusalError, statusCodeOf } from "./read-refusal.ts";

/** metav1.WatchEvent. */
const eventSchema = z.object({
  type: z.enum(["ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR"]),
  object: z.unknown(),
});

const versionSchema = z.object({
  metadata: z.object({
    resourceVersion: z.string().min(1),
    uid: z.string().default(""),
    annotations: z.record(z.string(), z.string()).nullish(),
  }),
});

/** The bookmark that ends the initial events carries it (metav1.InitialEventsAnnotationKey). */
const listEnd = "k8s.io/initial-events-end";

/** One line of a watch. */
export type WatchLine =
  | {
      readonly kind: "put" | "removed";
      readonly uid: string;
      readonly object: unknown;
      readonly version: string;
    }
  | { readonly kind: "bookmark"; readonly version: string; readonly endsList: boolean };

/** Reads one line. Throws KubernetesRequestError: UNREADABLE, or what an ERROR event stands for (410: EXPIRED). */
export function readWatchLine(line: string): WatchLine {
  const event = eventSchema.safeParse(parseJson(line)).data;
  if (event === undefined) throw unreadable("a line that is no watch event");
  const { type, object } = event;
  if (type === "ERROR") throw refusalError("a watch", { status: statusCodeOf(object), body: object });
  const metadata = versionSchema.safeParse(object).data?.metadata;
  if (metadata === undefined) throw unreadable("an object without resourceVersion");
  const version = metadata.resourceVersion;
  if (type === "BOOKMARK")
    return { kind: "bookmark", version, endsList: metadata.annotations?.[listEnd] === "true" };
  return { kind: type === "DELETED" ? "removed" : "put", uid: metadata.uid, object, version };
}

export function unreadable(text: string): KubernetesRequestError {
  return new KubernetesRequestError(`the API server sent ${text}`, { code: "UNREADABLE", text });
}
