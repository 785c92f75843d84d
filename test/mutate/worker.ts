import { init, runBaseTests, setupEnvironment } from "vitest/worker";

/**
 * The process that runs the tests of one mutant after another (`warm-pool.ts` starts it). Between two runs it forgets
 * only the changed module and those that import it; everything else stays evaluated.
 */
declare global {
  /** Called by the instrumented source: `reach.ts`. */
  var mutantReached: (place: string) => void;
}

export type Reached = { readonly mutate: "reached"; readonly places: readonly string[] };

const places = new Set<string>();
globalThis.mutantReached = (place) => places.add(place);

type ModuleRunner = Parameters<NonNullable<Parameters<typeof init>[0]["onModuleRunner"]>>[0];

let modules: ModuleRunner["evaluatedModules"] | undefined;
let listeners: ((message: unknown) => void)[] = [];
process.on("message", (message) => {
  for (const listener of listeners) listener(message);
});
// Vitest replaces process.exit, so that no test ends the process.
const exit = process.exit.bind(process);
process.on("disconnect", () => exit(1));
const send = process.send?.bind(process);

init({
  post: (message) => send?.(message),
  // The first listener is the worker's own; each run adds one for its calls, and the former run's is over.
  on: (listener) => {
    listeners = [...listeners.slice(0, 1), listener];
  },
  off: () => {},
  runTests: async (state, traces) => {
    places.clear();
    forget(new Set((state.ctx as { readonly invalidates?: readonly string[] }).invalidates));
    await runBaseTests("run", state, traces);
    send?.({ mutate: "reached", places: [...places] } satisfies Reached);
  },
  collectTests: (state, traces) => runBaseTests("collect", state, traces),
  setup: setupEnvironment,
  onModuleRunner: (runner) => {
    modules = runner.evaluatedModules;
  },
});

function forget(files: ReadonlySet<string>): void {
  const graph = modules;
  if (graph === undefined) return;
  const forgotten = new Set<string>();
  const visit = (id: string): void => {
    if (forgotten.has(id)) return;
    forgotten.add(id);
    const node = graph.getModuleById(id);
    if (node === undefined) return;
    const importers = [...node.importers];
    graph.invalidateModule(node);
    for (const importer of importers) visit(importer);
  };
  for (const file of files) for (const node of graph.getModulesByFile(file) ?? []) visit(node.id);
}
