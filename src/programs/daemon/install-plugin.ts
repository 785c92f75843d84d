import { installPlugin } from "../../adapters/cni-files/plugin-file.ts";
import type { Config } from "../../config/config-schema.ts";

/** Puts the CNI plugin where the runtime looks for it and says what it did. Throws FileError. */
export async function installCniPlugin({ cni }: Config, plugin: string): Promise<number> {
  const changed = await installPlugin(plugin, cni.binDir);
  console.log(`headcni: ${cni.binDir}/headcni ${changed ? "installed" : "is up to date"}`);
  return 0;
}
