import * as z from "zod";
import { HeadscaleRequestError } from "./headscale-error.ts";
import type { Transport } from "./transport.ts";

const policyAnswer = z.object({ policy: z.string().default("") });

/** The policy in force, as it was written; empty when none was ever set. Throws HeadscaleRequestError. */
export async function readStoredPolicy(
  transport: Transport,
  apiKey: string,
  signal: AbortSignal,
): Promise<string> {
  try {
    const call = { method: "GET", path: "/api/v1/policy", apiKey, answer: policyAnswer } as const;
    return (await transport.call(call, signal)).policy;
  } catch (error) {
    // Headscale answers a policy that was never set as an internal error (500): only its text tells.
    const none =
      error instanceof HeadscaleRequestError && "text" in error.detail && /not found/.test(error.detail.text);
    if (none) return "";
    throw error;
  }
}
