import * as z from "zod";
import { HeadscaleRequestError } from "../../adapters/headscale/headscale-error.ts";
import { readStoredPolicy } from "../../adapters/headscale/stored-policy.ts";
import { createTransport, type Transport } from "../../adapters/headscale/transport.ts";
import { goList } from "../../adapters/json/go-list.ts";
import { explainProblem } from "../../config/config-error.ts";
import { readKey } from "../../config/keys/key-reader.ts";
import type { ExaminedConfig } from "../../config/load-config.ts";
import type { Member } from "../../domain/headscale-policy/aliases.ts";
import type { ApiServerPlace, PolicySettings } from "../../domain/headscale-policy/policy-needs.ts";
import { isTooOld, oldestHeadscale } from "../../domain/headscale-version.ts";
import { CliError } from "../cli-error.ts";
import type { CliCall, CliContext } from "../command.ts";
import { textOf } from "../options/option-values.ts";
import type { AskedNode } from "./ask-nodes.ts";

/** Where Headscale is, and by which key. */
export interface HeadscaleAccess {
  readonly url: string;
  readonly key: string;
  readonly keyFile: string;
}

/** What Headscale says. */
export interface AskedHeadscale {
  readonly url: string;
  /** In force; empty when there is none. */
  readonly policy: string;
  /** Machines by Headscale's ID, and by each of their tailnet addresses. */
  readonly members: ReadonlyMap<string, Member>;
}

/**
 * Undefined without an API key; that of the configuration is not used for a policy out of a file, which needs no Headscale. Throws
 * CliError for a key or a URL that cannot be used.
 */
export function headscaleAccess(
  { options }: CliCall,
  { get, problems }: ExaminedConfig,
): HeadscaleAccess | undefined {
  const configured = options["file"] === undefined ? get("headscale.apiKeyFile") : undefined;
  const keyFile = textOf(options["apiKeyFile"]) ?? (typeof configured === "string" ? configured : undefined);
  if (keyFile === undefined) return undefined;
  const given = textOf(options["headscaleUrl"]);
  // From where this runs: the daemon's key refuses a loopback address, which Headscale's own host has.
  if (given !== undefined && !/^https?:$/.test(URL.parse(given)?.protocol ?? ""))
    throw new CliError("USAGE", `--headscale-url ${given}: a URL is like https://headscale.example.org`);
  const url = given ?? get("headscale.url");
  if (typeof url !== "string") {
    const wrong = problems.find(({ path, source }) => path === "headscale.url" && source !== "default");
    const why = wrong === undefined ? "" : `: ${explainProblem(wrong)}`;
    throw new CliError("USAGE", `Headscale's URL is not known${why}\ngive --headscale-url, or --config`);
  }
  const read = readKey({ file: keyFile });
  if ("fault" in read) throw new CliError("USAGE", `the API key cannot be read: ${read.fault}`);
  return { url, key: read.key, keyFile };
}

const versionPage = z.object({ version: z.string() });
const machines = z.object({
  nodes: z.array(
    z.object({
      id: z.union([z.string(), z.number()]).transform(String),
      ipAddresses: goList(z.string()),
      tags: goList(z.string()),
      user: z.object({ name: z.string().default("") }).nullish(),
    }),
  ),
});

/** Throws CliError: Headscale is too old, the key is refused or is not good for this, nobody answers. */
export async function askHeadscale(
  access: HeadscaleAccess,
  { signal, progress }: Pick<CliContext, "signal" | "progress">,
): Promise<AskedHeadscale> {
  const { url, key } = access;
  progress.step(`Asking Headscale at ${url}`);
  const transport = createTransport(url);
  try {
    await refuseOld(transport, url, signal);
    const call = { method: "GET", path: "/api/v1/node", apiKey: key, answer: machines } as const;
    const { nodes } = await transport.call(call, signal);
    return {
      url,
      policy: await readStoredPolicy(transport, key, signal),
      members: new Map(
        nodes.flatMap(({ id, ipAddresses, tags, user }) =>
          [id, ...ipAddresses].map((key) => [key, memberOf(tags, user?.name ?? "")] as const),
        ),
      ),
    };
  } catch (error) {
    throw error instanceof HeadscaleRequestError ? explained(error, access) : error;
  } finally {
    progress.end();
    await transport.close();
  }
}

async function refuseOld(transport: Transport, url: string, signal: AbortSignal): Promise<void> {
  const version = await transport.call({ method: "GET", path: "/version", answer: versionPage }, signal).then(
    (page) => page.version,
    // The page came with 0.26.
    (error: unknown) => {
      if (error instanceof HeadscaleRequestError && error.detail.code === "NOT_FOUND") return "before 0.26";
      throw error;
    },
  );
  if (isTooOld(version))
    throw new CliError(
      "FAILED",
      `Headscale at ${url} is too old (${version}): its policies have no grants, and decide about pods' addresses in another way\n` +
        `use Headscale 0.${oldestHeadscale} or newer`,
    );
}

function explained(error: HeadscaleRequestError, { url, keyFile }: HeadscaleAccess): CliError {
  const { message, detail } = error;
  const words: Partial<Record<typeof detail.code, string>> = {
    UNAUTHORIZED: `Headscale at ${url} refuses the API key in ${keyFile}\nmake one: headscale apikeys create --expiration 24h`,
    FORBIDDEN: `the API key in ${keyFile} lacks a right: ${message}\nit has to be allowed to read the policy and the nodes`,
    UNREACHABLE: `${message}\ngive --headscale-url if that is not its URL; policy check --file FILE asks no Headscale`,
    UNREADABLE: `${message}\ngive --headscale-url if ${url} is no Headscale`,
  };
  return new CliError("FAILED", words[detail.code] ?? message, error);
}

/** The places with the names of the machines that have their addresses. */
export function namedBy(
  headscale: AskedHeadscale | undefined,
  places: readonly ApiServerPlace[] | undefined,
): readonly ApiServerPlace[] | undefined {
  return places?.map((place) => ({ ...place, names: headscale?.members.get(place.address)?.names ?? [] }));
}

/** A machine with tags has no user (types/node.go, IsTagged); the policy writes a user without a domain as "alice@". */
function memberOf(tags: readonly string[], user: string): Member {
  return { names: tags.length > 0 || user === "" ? tags : [user.includes("@") ? user : `${user}@`] };
}

/** As whom Headscale knows the Nodes; those that it was not asked about have the tags of the configuration. */
export function membersOf(
  nodes: readonly AskedNode[] | undefined,
  headscale: AskedHeadscale | undefined,
  { tags }: PolicySettings,
): readonly Member[] {
  const known = (nodes ?? []).map(({ tailnetNodeId }) => headscale?.members.get(tailnetNodeId));
  const members = known.map((member) =>
    member === undefined || member.names.length === 0 ? { names: tags } : member,
  );
  const distinct = new Map(members.map((member) => [member.names.join(), member]));
  return distinct.size === 0 ? [{ names: tags }] : [...distinct.values()];
}
