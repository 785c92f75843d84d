import type { PolicyFinding } from "../../domain/headscale-policy/policy-finding.ts";

/** What `policy check` answers. */
export interface PolicyCheckDocument {
  /** The file, or Headscale's URL. */
  readonly source: string;
  readonly findings: readonly (Omit<PolicyFinding, "at"> & {
    readonly line: number | null;
    readonly column: number | null;
  })[];
}
