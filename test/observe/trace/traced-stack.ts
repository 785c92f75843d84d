import { onTestFinished } from "vitest";
import type { InspectionEvent } from "xstate";
import { createLogger } from "../../../src/observe/logs/logger.ts";
import { hearNews } from "../../../src/observe/machines/hear-news.ts";
import { createMachineObserver } from "../../../src/observe/machines/machine-observer.ts";
import { subjectOf } from "../../../src/observe/machines/subject-of.ts";
import { type CallTracesOptions, createCallTraces } from "../../../src/observe/trace/call-traces.ts";
import { tracedPodNetwork } from "../../../src/observe/trace/traced-pod-network.ts";
import { startCniStack } from "../../support/cni-stack.ts";
import { fakePodNetwork } from "../../support/kernel/fake-pod-network.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

/** The way of CNI calls over a real socket with the observer and the traces beside it, as the daemon has them. */
export async function tracedStack(options: CallTracesOptions = {}) {
  const kernel = fakePodNetwork();
  const traces = createCallTraces(options);
  const { log } = createLogger({ level: "fatal", base: {}, destination: { write: () => undefined } });
  const observer = createMachineObserver({ log, subjectOf, listener: traces.listener });
  const hear = hearNews(traces.hear);
  const inspect = (event: InspectionEvent) => {
    hear(event);
    observer.inspect(event);
  };
  const traced = { ...kernel, port: tracedPodNetwork(kernel.port, traces) };
  const stack = await startCniStack(temporaryDirectory(), traced, { inspect });
  onTestFinished(() => {
    stack.cni.stop();
    stack.pods.stop();
  });
  return { ...stack, kernel, traces };
}
