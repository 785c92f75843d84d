import { fromCallback, fromPromise } from "xstate";
import type { Enforced, PolicyEvent, PolicyOrder } from "../../../machines/policy/policy-events.ts";
import type { Failure } from "../../domain/failure.ts";
import type { PolicyMemory } from "../../domain/policy/policy-ledger.ts";
import { policyTableName } from "../../domain/policy/policy-plan.ts";
import type { PolicyMemoryStore } from "../../ports/policy-memory.ts";
import { type PolicyPorts, policyTableKeeper } from "./policy-table.ts";

/** Effects of the policy machine, and under the names of its children those of them. */
export function policyActors(ports: PolicyPorts, store: PolicyMemoryStore, nodeName: string) {
  const table = policyTableKeeper(ports, nodeName);
  return {
    policy: {
      recall: fromPromise<PolicyMemory | null, void>(() => store.read()),
      enforce: fromPromise<Enforced, PolicyOrder>(({ input, signal }) => table.enforce(input, signal)),
      watchTable: fromCallback<PolicyEvent, undefined>(({ sendBack }) =>
        table.watch((process) => sendBack({ type: "table.changed", failure: tableChanged(process) })),
      ),
    },
    memory: {
      remember: fromPromise<PolicyMemory, { readonly memory: PolicyMemory }>(
        async ({ input: { memory }, signal }) => {
          await store.write(memory, signal);
          return memory;
        },
      ),
    },
    flows: { endForbidden: fromPromise<number, void>(({ signal }) => table.endForbidden(signal)) },
  };
}

function tableChanged(process: string): Failure {
  return { code: "TABLE_CHANGED", message: `${process} changed the table ${policyTableName}` };
}
