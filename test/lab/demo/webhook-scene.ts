import { kubectl } from "../kubernetes/kubectl.ts";
import { startWebhook, webhookRefusal } from "../kubernetes/webhook.ts";
import type { Lab } from "../lab-types.ts";
import { teller } from "./run-demo.ts";
import type { Screen } from "./screen.ts";

/** Has the API server ask a webhook that runs on a node, and prints what that answered. True if its refusal came through. */
export async function showWebhook(screen: Screen, lab: Lab, node: string): Promise<boolean> {
  const tell = teller(screen);
  await startWebhook(lab, node);
  tell(`a pod on ${node} serves the webhook, behind a Service`);
  const refused = await webhookRefusal(lab);
  tell(
    `kubectl create configmap refused: ${refused === undefined ? screen.bad("nobody was asked") : screen.good(refused)}`,
  );
  await kubectl(lab, ["create", "configmap", "accepted", "--from-literal=a=b"]);
  tell("kubectl create configmap accepted: created");
  return refused !== undefined;
}
