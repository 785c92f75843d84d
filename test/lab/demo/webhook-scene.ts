import { kubectl } from "../kubernetes/control-plane/kubectl.ts";
import { startWebhook, webhookRefusal } from "../kubernetes/workload/webhook.ts";
import type { Lab } from "../lab-types.ts";
import { teller } from "./run-demo.ts";
import type { Screen } from "./screen.ts";

/** Has the API server ask a webhook that runs on a node, and prints what that answered. */
export async function showWebhook(screen: Screen, lab: Lab, node: string): Promise<void> {
  const tell = teller(screen);
  await startWebhook(lab, node);
  tell(`a pod on ${node} serves the webhook, behind a Service`);
  tell(`kubectl create configmap refused: ${screen.good(await webhookRefusal(lab))}`);
  await kubectl(lab, ["create", "configmap", "accepted", "--from-literal=a=b"]);
  tell("kubectl create configmap accepted: created");
}
