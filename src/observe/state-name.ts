import type { StateValue } from "xstate";

/** A state value as one word for labels and logs: "attached", "up.pinging", "running.(a+b)" for parallel regions. */
export function stateName(value: StateValue): string {
  if (typeof value === "string") return value;
  const regions = Object.entries(value).map(([name, inner]) =>
    inner !== undefined && (typeof inner === "string" || Object.keys(inner).length > 0)
      ? `${name}.${stateName(inner)}`
      : name,
  );
  return regions.length === 1 ? (regions[0] ?? "") : `(${regions.join("+")})`;
}
