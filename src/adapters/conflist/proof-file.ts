import { mkdir, readFile, rm } from "node:fs/promises";
import { dirname } from "node:path";
import * as z from "zod";
import { HeadcniError } from "../../domain/failure.ts";
import type { ProofRecord, ProofRecordFailure, ProvenIdentity } from "../../ports/proof-record.ts";
import { replaceFile } from "./replace-file.ts";

class ProofFileError extends HeadcniError<ProofRecordFailure> {}

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
      try {
        await mkdir(dirname(path), { recursive: true });
        await replaceFile(path, serialize({ ...identity, nodePodCidrs: podCidrs }), signal);
      } catch (error) {
        throw failure("NOT_WRITTEN", path, error);
      }
    },
    async remove() {
      try {
        await rm(path, { force: true });
      } catch (error) {
        throw failure("NOT_REMOVED", path, error);
      }
    },
  };
}

function serialize({
  nodeName,
  headscaleUrl,
  nodePodCidrs,
}: ProvenIdentity & { readonly nodePodCidrs: readonly string[] }): string {
  return `${JSON.stringify({ nodeName, headscaleUrl, nodePodCidrs: nodePodCidrs.toSorted() })}\n`;
}

function failure(code: ProofRecordFailure["code"], path: string, error: unknown): ProofFileError {
  const reason = (error as NodeJS.ErrnoException).code ?? String(error);
  const verb = code === "NOT_WRITTEN" ? "written" : "removed";
  return new ProofFileError(`${path} was not ${verb}: ${reason}`, { code, path, reason }, { cause: error });
}
