import type { LeastPolicy } from "../../domain/headscale-policy/least-policy.ts";

const comments: Readonly<Record<keyof LeastPolicy, string>> = {
  tagOwners: "Nobody owns the nodes' tag: pre-auth keys alone give it to a machine.",
  autoApprovers: "Headscale approves the pods' prefixes that nodes announce.",
  grants: "Pods reach pods. All else is closed, also between other members: add their rules here.",
  nodeAttrs: "Nodes keep the network map on disk, and can boot while Headscale is away.",
  tests: "Headscale refuses a change that cuts pods off, or that joins pods and other members.",
};

/** As HuJSON, for people and for Headscale: an entry a line, each part with what it is for. */
export function policyText(policy: LeastPolicy): string {
  const parts = Object.entries(policy).map(([name, part]) => {
    const comment = `  // ${comments[name as keyof LeastPolicy]}`;
    return `${comment}\n  ${JSON.stringify(name)}: ${partText(part)}`;
  });
  return `{\n${parts.join(",\n\n")}\n}`;
}

function partText(part: LeastPolicy[keyof LeastPolicy]): string {
  if (Array.isArray(part)) return `[\n${part.map((entry) => `    ${line(entry)}`).join(",\n")}\n  ]`;
  return line(part);
}

/** JSON on one line, with blanks. */
function line(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(line).join(", ")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  return `{${Object.entries(value)
    .map(([name, one]) => `${JSON.stringify(name)}: ${line(one)}`)
    .join(", ")}}`;
}
