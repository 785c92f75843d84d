import type { AttachmentPlan, Mismatch } from "../../domain/attachment.ts";
import type { WorkerKernel } from "./worker-kernel.ts";

export function check(_kernel: WorkerKernel, _plan: AttachmentPlan): readonly Mismatch[] {
  return [];
}
