import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parse } from "yaml";
import { z } from "zod";

/** A service of deploy/headscale/compose.yaml: each key that it uses; another one fails, because nothing here would heed it. */
const service = z.strictObject({
  image: z.string(),
  build: z.string().optional(),
  command: z.union([z.string(), z.array(z.string())]),
  restart: z.literal("unless-stopped"),
  network_mode: z.literal("host"),
  read_only: z.literal(true),
  tmpfs: z.array(z.string()).default([]),
  volumes: z.array(z.string()),
  healthcheck: z
    .strictObject({ test: z.tuple([z.literal("CMD")]).rest(z.string()), interval: z.string() })
    .optional(),
});

const composeFile = z.strictObject({
  name: z.string(),
  services: z.strictObject({ headscale: service, relay: service }),
  volumes: z.record(z.string(), z.null()),
});

export type ComposeFile = z.infer<typeof composeFile>;
export type ServiceName = keyof ComposeFile["services"];

/** Reads the compose file of a copy of deploy/headscale. */
export async function readComposeFile(folder: string): Promise<ComposeFile> {
  return composeFile.parse(parse(await readFile(join(folder, "compose.yaml"), "utf8")));
}

/** The volumes of a service as SOURCE:TARGET[:ro], with sources as absolute paths: named ones are in `named`. */
export function volumesOf(
  { services, volumes }: ComposeFile,
  name: ServiceName,
  { folder, named }: { readonly folder: string; readonly named: string },
): readonly string[] {
  return services[name].volumes.map((volume) => {
    const [source = "", ...rest] = volume.split(":");
    if (!source.startsWith("./") && !(source in volumes))
      throw new Error(`nobody declares the volume ${source}`);
    return [join(source.startsWith("./") ? folder : named, source), ...rest].join(":");
  });
}

/** The words of a service's command. */
export function commandOf({ services }: ComposeFile, name: ServiceName): readonly string[] {
  const { command } = services[name];
  return typeof command === "string" ? command.split(" ") : command;
}
