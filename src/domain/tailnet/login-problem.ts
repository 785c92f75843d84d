/** A login that Headscale wants of this node. */
export interface LoginWanted {
  /** tailscaled continues with the last network map; otherwise nothing crosses the tailnet until the login. */
  readonly forgotten: boolean;
  /** Why Headscale refused the last try, in its words; empty while it has not. */
  readonly refusal: string;
}

/**
 * Where the key of a login comes from: our configuration, or made by Headscale on request (approval `api`); with "owner" there is none,
 * and the owner of the node's tailscaled logs it in.
 */
export type AuthKeySource = "credentials" | "headscale" | "owner";

/** What /ready says of it: the cause and what to do. Empty for a login that simply takes its time. */
export function loginProblem({ forgotten, refusal }: LoginWanted, source: AuthKeySource): string {
  if (!forgotten)
    return refusal === "" ? "" : `Headscale refuses this node's login (${refusal}): ${remedy[source]}`;
  const tried =
    refusal === "" ? again[source] : `Headscale refuses another login (${refusal}): ${remedy[source]}`;
  return `Headscale no longer knows this node (deleted there, or its database is lost); running pods talk as far as other nodes still know it; ${tried}`;
}

const remedy: Readonly<Record<AuthKeySource, string>> = {
  credentials: "put a new pre-auth key where headscale.authKeyFile points",
  headscale: "put an API key that Headscale takes where headscale.apiKeyFile points",
  owner: "log it in again: `tailscale up --force-reauth`",
};

const byItself = "it logs in again; if that does not succeed, ";
const again: Readonly<Record<AuthKeySource, string>> = {
  credentials: `${byItself}${remedy.credentials}`,
  headscale: `${byItself}${remedy.headscale}`,
  owner: remedy.owner,
};
