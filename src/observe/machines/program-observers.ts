import type { Logger } from "pino";
import type { Registry } from "prom-client";
import type { InspectionEvent } from "xstate";
import { createDevtools } from "../../adapters/devtools/devtools.ts";
import { version } from "../../protocol/version.ts";
import { openInspector } from "../inspector/open-inspector.ts";
import { registerMachineMetrics } from "../metrics/machine-metrics.ts";
import type { HttpServerOptions, RequestHandler } from "../pages/http-server.ts";
import { createPprofPages, firstHandler } from "../pprof/pprof-pages.ts";
import { createProfilers, type RunDevtools } from "../pprof/profilers.ts";
import { createRecorder } from "../recorder/recorder.ts";
import type { RecordingPage } from "../recorder/recording-page.ts";
import { createStatelyBridge } from "../stately/stately-bridge.ts";
import type { MachineListener } from "./live-machine.ts";
import { createMachineObserver, type MachineObserver } from "./machine-observer.ts";
import { subjectOf } from "./subject-of.ts";

/** What watches the machines of any of our programs. None of it changes what they do. */
export interface ProgramObservers {
  readonly machines: MachineObserver;
  /** For XState's `inspect`. */
  inspect(event: InspectionEvent): void;
  /** Answers the pages that are more than one text: the inspector's and the profiles. */
  readonly handler: RequestHandler;
  readonly commands: NonNullable<HttpServerOptions["commands"]>;
  /** What the flight recorder holds. */
  recording(): RecordingPage;
  close(): void;
}

export interface ProgramObserverOptions {
  readonly node: string;
  /** Whether the inspector is on from the start. */
  readonly inspector: boolean;
  /** A server of @statelyai/inspect. */
  readonly statelyInspect?: string | undefined;
  readonly registry: Registry;
  readonly log: Logger;
  readonly redact: (line: string) => string;
  readonly listener?: MachineListener;
  /** Further threads that can be profiled, by name. */
  readonly threads?: Readonly<Record<string, RunDevtools>>;
}

/** Opens log lines, metrics, profiles, the flight recorder and inspectors of a program's machines. */
export async function openProgramObservers(options: ProgramObserverOptions): Promise<ProgramObservers> {
  const { node, statelyInspect, registry, log, redact } = options;
  const inspector = await openInspector({
    node,
    log,
    redact,
    machines: { live: () => machines.live(), parentOf: (ref) => machines.parentOf(ref) },
    always: options.inspector,
  });
  const recorder = createRecorder({
    daemon: { node, version, pid: process.pid },
    machines: { parentOf: (ref) => machines.parentOf(ref) },
    redact,
    broke: (error) => log.error({ err: error }, "flight recorder disabled"),
  });
  const listener: MachineListener = (machine, change) => {
    options.listener?.(machine, change);
    recorder.listener(machine, change);
    inspector.listener(machine, change);
  };
  const machines = createMachineObserver({ log, subjectOf, listener });
  const bridge =
    statelyInspect === undefined
      ? undefined
      : createStatelyBridge({
          url: statelyInspect,
          machines,
          redact,
          warn: (fields, text) => log.warn(fields, text),
        });
  registerMachineMetrics(registry, machines);
  const own = createDevtools();
  const threads = { main: async (...given: Parameters<RunDevtools>) => own(...given), ...options.threads };
  const profiles = Object.entries(threads).map(([thread, run]) => [thread, createProfilers(run)] as const);
  return {
    machines,
    inspect: (event) => {
      machines.inspect(event);
      recorder.inspect(event);
      inspector.inspect(event);
      bridge?.inspect(event);
    },
    handler: firstHandler(inspector.handler, createPprofPages(Object.fromEntries(profiles))),
    commands: { "/inspect": inspector.switchOn },
    recording: recorder.page,
    close: () => {
      inspector.close();
      bridge?.close();
    },
  };
}
