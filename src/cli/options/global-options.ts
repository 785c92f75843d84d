import type { CliWord } from "../command.ts";

/** Options of every command. */
export const globalOptions: readonly CliWord[] = [
  { flags: "-o, --output <format>", summary: "human text or one JSON document", choices: ["human", "json"] },
  { flags: "--config <file>", summary: "the daemon's configuration (default /etc/headcni/config.yaml)" },
  { flags: "--socket <path>", summary: "the daemon's socket (default http.sock in its runtimeDir)" },
  { flags: "--node <names>", summary: "ask these nodes (a,b,c) through the Kubernetes API server" },
  { flags: "--all-nodes", summary: "ask all nodes through the Kubernetes API server" },
  { flags: "--kubeconfig <file>", summary: "access to the API server (default $KUBECONFIG, ~/.kube/config)" },
  { flags: "--context <name>", summary: "context of the kubeconfig (default: its current one)" },
  { flags: "--namespace <name>", summary: "namespace of HeadCNI's pods (default: searched for)" },
  { flags: "--no-color", summary: "no colours; NO_COLOR=1 does the same" },
];
