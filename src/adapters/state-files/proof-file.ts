import { readFile } from "node:fs/promises";
import * as z from "zod";
import type { ProofRecord, ProvenIdentity } from "../../ports/proof-record.ts";
import { removeFile, replaceFile } from "../files/write-whole.ts";

const recordSchema = z.object({
  nodeName: z.string(),
  headscaleUrl: z.string(),
  nodePodCidrs: z.array(z.string()),
});

export interface ProofFileOptions {
  /** `<stateDir>/proven.json`. */
  readonly path: string;
  readonly identity: ProvenIdentity;
}

/** The proof in a file of the state directory, bound to the identity it is of. */
export function createProofFile({ path, identity }: ProofFileOptions): ProofRecord {
  return {
    async recall() {
      try {
        const record = recordSchema.parse(JSON.parse(await readFile(path, "utf8")));
        const { nodeName, headscaleUrl } = identity;
        return record.nodeName === nodeName && record.headscaleUrl === headscaleUrl
          ? record.nodePodCidrs
          : [];
      } catch {
        return [];
      }
    },
    async record(podCidrs, signal) {
      const { nodeName, headscaleUrl } = identity;
      const record = { nodeName, headscaleUrl, nodePodCidrs: podCidrs.toSorted() };
      await replaceFile(path, `${JSON.stringify(record)}\n`, signal);
    },
    remove: () => removeFile(path),
  };
}
