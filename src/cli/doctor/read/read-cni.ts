import { access, constants, readdir } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import * as z from "zod";
import { configurationsIn, namesBefore } from "../../../adapters/cni-files/conflist-file.ts";
import { parseJson } from "../../../domain/parse-json.ts";
import type { CniFacts, DoctorSettings } from "../judge/facts.ts";

const versionAnswer = z.object({ supportedVersions: z.array(z.string()) });
const answerMs = 5000;

/** Configurations and plugins as the container runtime finds them. */
export async function readCni(
  settings: DoctorSettings,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<CniFacts> {
  const { cniConfDir, cniConfName, cniBinDir } = settings;
  const [configurations, found] = await Promise.all([
    configurationsIn(cniConfDir).catch((): readonly string[] => []),
    readdir(cniBinDir).catch(() => undefined),
  ]);
  const names = found ?? [];
  const plugins = await Promise.all(
    names.map((name) =>
      access(join(cniBinDir, name), constants.X_OK).then(
        (): readonly string[] => [name],
        (): readonly string[] => [],
      ),
    ),
  );
  const pluginPresent = names.includes("headcni");
  const asked = pluginPresent
    ? await askVersion(join(cniBinDir, "headcni"))
    : { fault: "not installed", versions: [] };
  return {
    configurations,
    before: namesBefore(configurations, cniConfName),
    // Every container of a pod knows where the API server is.
    pluginsVisible: found !== undefined || environment["KUBERNETES_SERVICE_HOST"] === undefined,
    ourConflistPresent: configurations.includes(cniConfName),
    pluginPresent,
    pluginFault: asked.fault,
    pluginVersions: asked.versions,
    plugins: plugins.flat(),
  };
}

/** The VERSION command needs no daemon and changes nothing (CNI specification 1.1.0). */
async function askVersion(
  file: string,
): Promise<{ readonly fault: string; readonly versions: readonly string[] }> {
  const {
    exitCode,
    signal,
    code,
    stdout = "",
  } = await execa(file, [], {
    env: { CNI_COMMAND: "VERSION" },
    extendEnv: false,
    input: '{"cniVersion":"1.0.0"}',
    stderr: "ignore",
    timeout: answerMs,
    reject: false,
  });
  if (exitCode === undefined && signal === undefined) return { fault: String(code), versions: [] };
  const answer = versionAnswer.safeParse(parseJson(stdout));
  if (answer.success) return { fault: "", versions: answer.data.supportedVersions };
  return { fault: `it ended with ${signal ?? exitCode} and no answer`, versions: [] };
}
