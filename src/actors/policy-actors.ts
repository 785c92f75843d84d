import { fromPromise } from "xstate";
import type { Enforced } from "../../machines/policy/policy-events.ts";
import type { PolicyLedger, PolicyMemory } from "../domain/policy/policy-ledger.ts";
import type { PolicyMemoryStore } from "../ports/policy-memory.ts";
import { type PolicyPorts, policyTableKeeper } from "./policy-table.ts";

/** Effects of the policy machine. */
export function policyActors(ports: PolicyPorts, memory: PolicyMemoryStore) {
  const table = policyTableKeeper(ports);
  return {
    recall: fromPromise<PolicyMemory | null, void>(() => memory.read()),
    remember: fromPromise<PolicyMemory, { readonly memory: PolicyMemory }>(
      async ({ input: { memory: wanted }, signal }) => {
        await memory.write(wanted, signal);
        return wanted;
      },
    ),
    enforce: fromPromise<Enforced, { readonly ledger: PolicyLedger }>(({ input: { ledger }, signal }) =>
      table.enforce(ledger, signal),
    ),
  };
}
