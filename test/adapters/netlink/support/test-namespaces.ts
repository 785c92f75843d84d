import { run, succeeds } from "./run.ts";

/** Namespaces of one test file; their names say whose they are, so that nothing else is ever touched. */
export interface TestNamespaces {
  /** Makes a namespace with its loopback up; gives its name. */
  add(label: string): Promise<string>;
  /** Removes all that are left. */
  removeAll(): Promise<void>;
}

export function testNamespaces(): TestNamespaces {
  const names = new Set<string>();
  return {
    add: async (label) => {
      const name = `hcnl-${process.pid}-${label}`;
      names.add(name);
      await run("ip", "netns", "add", name);
      await run("ip", "-n", name, "link", "set", "lo", "up");
      return name;
    },
    removeAll: async () => {
      for (const name of names) await succeeds("ip", "netns", "del", name);
      names.clear();
    },
  };
}

export function namespacePath(name: string): string {
  return `/run/netns/${name}`;
}
