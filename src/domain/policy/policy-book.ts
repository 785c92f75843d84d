import type { NetworkPolicy } from "./network-policy.ts";

/** An object of the API server that is not what its API promises, or says what this release does not know. */
export interface ObjectProblem {
  readonly code: "UNKNOWN_SHAPE";
  readonly kind: "NetworkPolicy" | "Namespace" | "Pod";
  /** Empty where the object does not even say. */
  readonly namespace: string;
  readonly name: string;
  /** Where in the object, as "spec.ingress.0.from.1". */
  readonly path: string;
  /** What is wrong there. */
  readonly text: string;
}

/** An object as it was read. */
export type Reading<Item> =
  | { readonly item: Item; readonly problem?: undefined }
  | { readonly item?: undefined; readonly problem: ObjectProblem };

/** Policies by "namespace/name". */
export type PolicyBook = Readonly<Record<string, KeptPolicy>>;

export interface KeptPolicy {
  /** What is in force; absent when it never could be read, which isolates nobody. */
  readonly policy?: NetworkPolicy;
  /** Why that is not the newest. */
  readonly problem?: ObjectProblem;
}

/** A policy came or changed. One that cannot be read leaves what it said before in force, and is named. */
export function keptPolicy(
  before: KeptPolicy | undefined,
  { item, problem }: Reading<NetworkPolicy>,
): KeptPolicy {
  return problem === undefined ? { policy: item } : { ...before, problem };
}

export function policiesIn(book: PolicyBook): readonly NetworkPolicy[] {
  return Object.values(book).flatMap(({ policy }) => (policy === undefined ? [] : [policy]));
}

export function unreadablePolicies(book: PolicyBook): readonly ObjectProblem[] {
  return Object.values(book).flatMap(({ problem }) => (problem === undefined ? [] : [problem]));
}
