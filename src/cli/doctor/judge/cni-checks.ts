import { type Checks, fail, listed, ok, skipped, warn } from "./finding.ts";

/** What the container runtime finds: configurations and plugins. */
export const cniChecks: Checks = {
  "cni.configuration"({ cni }, { cniConfDir, cniConfName }) {
    const others = cni.configurations.filter((name) => name !== cniConfName);
    if (cni.before.length > 0)
      return fail({
        found: `${listed(cni.before)} in ${cniConfDir} comes before ${cniConfName}`,
        why: "The container runtime takes the first configuration by name, so pods get that network and not ours.",
        todo: "Remove the other CNI and its file (see its uninstall guide), or set cni.confName to a name that sorts first.",
      });
    if (others.length > 0)
      return warn({
        found: `${cniConfDir} also holds ${listed(others)}, after ${cniConfName}`,
        why: "Should our file ever be missing, the runtime silently starts pods on that network.",
        todo: "Remove it once the other CNI is no longer needed.",
      });
    if (!cni.ourConflistPresent) return ok(`no other configuration in ${cniConfDir}`);
    return ok(`${cniConfName} is the only configuration in ${cniConfDir}`);
  },

  "cni.plugin"({ cni }, { cniBinDir }) {
    if (!cni.pluginsVisible)
      return skipped(
        `${cniBinDir} is not mounted into this container`,
        "Run headcnictl doctor on the node itself.",
      );
    if (!cni.pluginPresent) {
      const problem = {
        found: `there is no ${cniBinDir}/headcni`,
        why: "The container runtime runs it for each pod.",
        todo: "headcnictl install puts it there (in Kubernetes the chart does).",
      };
      // Before an install that is as it should be.
      return cni.ourConflistPresent ? fail(problem) : ok(`${problem.found} yet`);
    }
    if (cni.pluginFault === "")
      return ok(`${cniBinDir}/headcni answers, CNI ${cni.pluginVersions.join(" and ")}`);
    return fail({
      found: `${cniBinDir}/headcni does not answer: ${cni.pluginFault}`,
      why: "No pod can be started or removed with it.",
      todo: "Install it again for this machine's architecture, with mode 0755, on a file system without noexec.",
    });
  },

  "cni.chained"({ cni }, { cniBinDir, chainedPlugins, kubernetes }) {
    if (!cni.pluginsVisible) return undefined;
    // containerd sets up each pod's loopback with it.
    const wanted = [...chainedPlugins, ...(kubernetes ? ["loopback"] : [])];
    const missing = wanted.filter((name) => !cni.plugins.includes(name));
    if (missing.length === 0) return ok(wanted.length === 0 ? "no other plugin is needed" : listed(wanted));
    return fail({
      found: `${cniBinDir} lacks ${listed(missing)}`,
      why: "The container runtime runs these for each pod, too, and fails without them.",
      todo: "Install the reference plugins (package containernetworking-plugins) or take them out of cni.plugins.",
    });
  },
};
