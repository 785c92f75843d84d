import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { Agent, request } from "undici";
import * as z from "zod";
import { answers } from "../../../adapters/headscale/answers.ts";
import { HeadscaleRequestError } from "../../../adapters/headscale/headscale-error.ts";
import { readStoredPolicy } from "../../../adapters/headscale/stored-policy.ts";
import { createTransport, type Transport } from "../../../adapters/headscale/transport.ts";
import { goList } from "../../../adapters/json/go-list.ts";
import { toFailure } from "../../../domain/failure.ts";
import { parseJson } from "../../../domain/parse-json.ts";
import type { AdminFacts, Fact, HeadscaleFacts } from "../judge/facts.ts";
import { factOf } from "./fact.ts";

/** A key as it is now, or why there is none. */
export type KeyReader = () => { readonly key: string } | { readonly fault: string };

export interface ReadHeadscaleOptions {
  readonly url: string;
  readonly authKey: KeyReader;
  readonly apiKey: KeyReader;
}

const answerMs = 5000;
/** "hskey-auth-" or "hskey-api-" and the twelve characters that Headscale lists and logs itself. */
const publicKeyLength = { "hskey-auth-": 23, "hskey-api-": 22 } as const;

/** Headscale from the node's namespace: what it tells everybody, and what it tells an API key. */
export async function readHeadscale(
  options: ReadHeadscaleOptions,
  signal: AbortSignal,
): Promise<HeadscaleFacts> {
  const { url } = options;
  const { hostname } = new URL(url);
  const addresses = await factOf(() => addressesOf(hostname.replace(/^\[|\]$/g, "")));
  const transport = createTransport(url);
  try {
    const unreachable = await transport
      .call({ method: "GET", path: "/health", answer: answers.anything }, signal)
      .then(
        () => undefined,
        (error: unknown) => reasonOf(error),
      );
    const open = await readOpenPages(url, signal);
    return {
      addresses,
      unreachable,
      ...open,
      authKeyPrefix: publicPart(options.authKey()),
      admin:
        unreachable === undefined
          ? await readAdmin(transport, options.apiKey(), signal)
          : { unknown: unreachable },
    };
  } finally {
    await transport.close();
  }
}

async function addressesOf(host: string): Promise<readonly string[]> {
  if (isIP(host) !== 0) return [host];
  return (await lookup(host, { all: true })).map(({ address }) => address);
}

function reasonOf(error: unknown): string {
  if (error instanceof HeadscaleRequestError && error.detail.code === "UNREACHABLE")
    return error.detail.reason;
  return toFailure(error).message;
}

/** Pages that need no key. `/derp/probe` answers 200 only where Headscale is a relay itself (hscontrol/app.go). */
async function readOpenPages(
  url: string,
  signal: AbortSignal,
): Promise<Pick<HeadscaleFacts, "version" | "clockSkewSeconds" | "embeddedDerp">> {
  const agent = new Agent({ connect: { timeout: answerMs } });
  const get = async (path: string) => {
    const { statusCode, headers, body } = await request(new URL(path, url), {
      dispatcher: agent,
      signal: AbortSignal.any([signal, AbortSignal.timeout(answerMs)]),
    });
    return { status: statusCode, date: headers["date"], text: await body.text() };
  };
  try {
    const version = await factOf(() => get("/version"));
    const embeddedDerp = await factOf(async () => (await get("/derp/probe")).status === 200);
    return {
      version: "unknown" in version ? version : versionIn(version.value),
      clockSkewSeconds: "unknown" in version ? version : skewIn(version.value.date),
      embeddedDerp,
    };
  } finally {
    await agent.destroy();
  }
}

const versionPage = z.object({ version: z.string() });

function versionIn({ status, text }: { readonly status: number; readonly text: string }): Fact<string> {
  const page = versionPage.safeParse(parseJson(text));
  return page.success ? { value: page.data.version } : { unknown: `GET /version answers ${status}` };
}

function skewIn(date: string | string[] | undefined): Fact<number> {
  const server = Date.parse(String(date ?? ""));
  return Number.isNaN(server)
    ? { unknown: "its answer has no Date header" }
    : { value: (server - Date.now()) / 1000 };
}

function publicPart(read: ReturnType<KeyReader>): Fact<string> {
  if ("fault" in read) return { unknown: read.fault };
  for (const [kind, length] of Object.entries(publicKeyLength))
    if (read.key.startsWith(kind) && read.key.length > length + 10)
      return { value: read.key.slice(0, length) };
  // Keys of before 0.28 have no public part.
  return { unknown: "the pre-auth key is none of Headscale's present kind (hskey-auth-...)" };
}

const authKeysAnswer = z.object({
  preAuthKeys: z.array(
    z.object({
      key: z.string(),
      used: z.boolean().default(false),
      reusable: z.boolean().default(false),
      expiration: z.string().nullish(),
      aclTags: goList(z.string()),
    }),
  ),
});

async function readAdmin(
  transport: Transport,
  apiKey: ReturnType<KeyReader>,
  signal: AbortSignal,
): Promise<Fact<AdminFacts>> {
  if ("fault" in apiKey) return { unknown: apiKey.fault };
  const get = <Schema extends z.ZodType>(path: string, answer: Schema) =>
    transport.call({ method: "GET", path: `/api/v1/${path}`, apiKey: apiKey.key, answer }, signal);
  try {
    // One after another: each costs the server a bcrypt, and the first says whether the key is good.
    const nodes = await get("node", answers.nodes);
    const { preAuthKeys } = await get("preauthkey", authKeysAnswer);
    return {
      value: {
        policy: await factOf(() => readStoredPolicy(transport, apiKey.key, signal)),
        nodes: nodes.map(({ id, name, online, availableRoutes, approvedRoutes }) => ({
          id,
          name,
          online,
          routes: availableRoutes.filter((route) => approvedRoutes.includes(route)),
        })),
        authKeys: preAuthKeys.map(({ key, used, reusable, expiration, aclTags }) => ({
          key,
          used,
          reusable,
          expired: expiration != null && Date.parse(expiration) < Date.now(),
          tags: aclTags,
        })),
      },
    };
  } catch (error) {
    const code = error instanceof HeadscaleRequestError ? error.detail.code : undefined;
    const { message } = toFailure(error);
    if (code === "UNAUTHORIZED") return { unknown: "Headscale refuses the API key" };
    return { unknown: code === "FORBIDDEN" ? `the API key lacks a right: ${message}` : message };
  }
}
