import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { kubeConfigReader } from "../../../src/adapters/kubernetes/kube-config.ts";
import { KubernetesRequestError } from "../../../src/adapters/kubernetes/kubernetes-error.ts";
import { type FuzzTargetSource, wordsOf } from "../fuzz-target.ts";

function declared(error: unknown): string | undefined {
  if (!(error instanceof KubernetesRequestError) || error.detail.code !== "ACCESS_INVALID") return undefined;
  return error.detail.text;
}

/** The input is a kubeconfig. */
export const kubeconfig: FuzzTargetSource = {
  words: [
    ...[
      "apiVersion: v1\n",
      "clusters:\n",
      "- cluster: {server: 'https://a'}\n  name: c\n",
      "users:\n",
      "contexts:\n",
      "current-context: c\n",
    ],
    ...[
      "token: t\n",
      "tokenFile: t\n",
      "exec: {command: ./x, apiVersion: v1}\n",
      "auth-provider: {}\n",
      "as: u\n",
      "as-groups: []\n",
    ],
    ...[
      "client-certificate-data: AA==\n",
      "insecure-skip-tls-verify: true\n",
      "&a ",
      "*a ",
      "<<: *a\n",
      "!!binary ",
      "!!set ",
      "? ",
      "---\n",
      "{",
      "[",
      "|\n",
    ],
  ],
  open: () => {
    const folder = mkdtempSync(join(tmpdir(), "headcni-fuzz-"));
    const path = join(folder, "kubeconfig");
    return {
      run(input) {
        writeFileSync(path, input);
        return wordsOf(() => {
          const config = kubeConfigReader([path])();
          const [cluster, user] = [config.getCurrentCluster(), config.getCurrentUser()];
          if (cluster === null || user === null)
            throw new Error("a kubeconfig is taken that names no cluster and user");
          return { cluster, user };
        }, declared);
      },
      close: () => rmSync(folder, { recursive: true }),
    };
  },
};
