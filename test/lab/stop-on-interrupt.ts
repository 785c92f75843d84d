import type { Progress } from "./progress.ts";
import { stopLab } from "./stop-lab.ts";

/**
 * Takes the watched lab down when this process is interrupted (Ctrl-C, SIGTERM), because its programs would go on
 * without it. `release` ends the watch, for a lab that is meant to stay.
 */
export function stopLabOnInterrupt(progress: Progress): {
  readonly watch: (labId: string) => void;
  readonly release: () => void;
} {
  const watched: { id?: string; stopping?: true } = {};
  const onSignal = (signal: NodeJS.Signals) => {
    if (watched.stopping === true) return;
    watched.stopping = true;
    const exitCode = signal === "SIGINT" ? 130 : 143;
    const { id } = watched;
    if (id === undefined) process.exit(exitCode);
    progress(`${signal}: taking lab ${id} down`);
    stopLab(id, progress).then(
      () => process.exit(exitCode),
      (error: unknown) => {
        console.error(error instanceof Error ? error.message : error);
        process.exit(1);
      },
    );
  };
  process.on("SIGINT", onSignal).on("SIGTERM", onSignal);
  return {
    watch: (labId) => {
      watched.id = labId;
    },
    release: () => {
      process.off("SIGINT", onSignal).off("SIGTERM", onSignal);
    },
  };
}
