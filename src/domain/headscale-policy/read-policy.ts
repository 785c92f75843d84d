import { type Hujson, type HujsonMember, readHujson } from "./hujson.ts";
import type {
  AttributeRule,
  HeadscalePolicy,
  Owned,
  PlacedText,
  PolicyAssertion,
  PolicyRule,
} from "./policy.ts";
import { type Place, PolicyTextError } from "./policy-text-error.ts";
import { readAclTarget, readGrantPorts } from "./read-ports.ts";

/**
 * The policy that a text holds. Names of fields count in any case, as with Headscale; fields that are not needed here are passed over,
 * whatever they hold: `headscale policy check` judges those. Throws PolicyTextError.
 */
export function readPolicy(text: string): HeadscalePolicy {
  const tree = readHujson(text);
  const members = membersOf(tree, "a policy");
  if (members.length > 0 && !members.some(({ name }) => parts.includes(name.toLowerCase())))
    throw wrongShape(tree.at, "finds no part of a policy, such as tagOwners, autoApprovers or grants");
  return policyOf(fieldsOf(tree, "a policy"));
}

/** In small letters. `ssh` alone is a policy, too. */
const parts = "groups hosts tagowners autoapprovers acls grants nodeattrs tests ssh sshtests".split(" ");

function wrongShape(at: Place, fault: string): PolicyTextError {
  return new PolicyTextError("NO_POLICY", at, fault);
}

type Fields = (name: string) => Hujson | undefined;

function policyOf(field: Fields): HeadscalePolicy {
  const approvers = fieldsOf(field("autoApprovers"), "autoApprovers");
  const acls = field("acls");
  const grants = field("grants");
  const neither = acls === undefined && grants === undefined;
  return {
    groups: new Map(
      ownedBy(field("groups"), "groups").map(({ text, by }) => [text, by.map((user) => user.text)]),
    ),
    hosts: new Map(
      membersOf(field("hosts"), "hosts").map(({ name, value }) => [name, textOf(value, "a host").text]),
    ),
    tagOwners: ownedBy(field("tagOwners"), "tagOwners"),
    routes: ownedBy(approvers("routes"), "autoApprovers.routes"),
    exitNode: textsOf(approvers("exitNode"), "autoApprovers.exitNode"),
    rules: neither
      ? undefined
      : [...itemsOf(acls, "acls").map(aclOf), ...itemsOf(grants, "grants").map(grantOf)],
    nodeAttrs: itemsOf(field("nodeAttrs"), "nodeAttrs").map(attributesOf),
    tests: itemsOf(field("tests"), "tests").map(assertionOf),
  };
}

function aclOf(item: Hujson): PolicyRule {
  const field = fieldsOf(item, "an acl");
  const action = textOf(field("action") ?? item, "an acl's action");
  if (action.text !== "accept") throw wrongShape(action.at, 'finds an action other than "accept"');
  const protocol = field("proto");
  const name = protocol === undefined ? "" : textOf(protocol, "proto").text;
  return {
    at: item.at,
    sources: aliasesOf(field("src"), "src"),
    targets: textsOf(field("dst"), "dst").map(({ text, at }) => {
      const target = readAclTarget(text, name);
      if (target === undefined)
        throw wrongShape(
          at,
          `finds ${JSON.stringify(text)}, no destination with ports such as "10.244.0.0/16:*"`,
        );
      return { at, ...target };
    }),
    isPartial: false,
  };
}

function grantOf(item: Hujson): PolicyRule {
  const field = fieldsOf(item, "a grant");
  const ports = textsOf(field("ip"), "ip").flatMap(({ text, at }) => {
    const ranges = readGrantPorts(text);
    if (ranges === undefined)
      throw wrongShape(at, `finds ${JSON.stringify(text)}, no ports such as "*", "443" or "tcp:443"`);
    return ranges;
  });
  return {
    at: item.at,
    sources: aliasesOf(field("src"), "src"),
    targets: aliasesOf(field("dst"), "dst").map((target) => ({ ...target, ports })),
    isPartial: textsOf(field("via"), "via").length > 0,
  };
}

function attributesOf(item: Hujson): AttributeRule {
  const field = fieldsOf(item, "an entry of nodeAttrs");
  return { targets: aliasesOf(field("target"), "target"), attributes: textsOf(field("attr"), "attr") };
}

function assertionOf(item: Hujson): PolicyAssertion {
  const field = fieldsOf(item, "a test");
  const one = (name: string) => {
    const value = field(name);
    return value === undefined ? "" : textOf(value, `a test's ${name}`).text.trim();
  };
  const many = (name: string) => textsOf(field(name), name).map(({ text }) => text);
  return { src: one("src"), proto: one("proto"), accept: many("accept"), deny: many("deny") };
}

/** Headscale takes blanks around these (AliasEnc). */
function aliasesOf(value: Hujson | undefined, what: string): readonly PlacedText[] {
  return textsOf(value, what).map(({ text, at }) => ({ text: text.trim(), at }));
}

function ownedBy(value: Hujson | undefined, what: string): readonly Owned[] {
  return membersOf(value, what).map(({ name, at, value: by }) => ({
    text: name,
    at,
    by: textsOf(by, `${what}[${JSON.stringify(name)}]`),
  }));
}

function textsOf(value: Hujson | undefined, what: string): readonly PlacedText[] {
  return itemsOf(value, what).map((item) => textOf(item, `an entry of ${what}`));
}

function textOf(value: Hujson, what: string): PlacedText {
  if (value.kind !== "text") throw wrongShape(value.at, `finds no text for ${what}`);
  return { text: value.value, at: value.at };
}

function itemsOf(value: Hujson | undefined, what: string): readonly Hujson[] {
  if (value === undefined) return [];
  if (value.kind !== "list") throw wrongShape(value.at, `finds no list for ${what}`);
  return value.items;
}

function membersOf(value: Hujson | undefined, what: string): readonly HujsonMember[] {
  if (value === undefined) return [];
  if (value.kind !== "object") throw wrongShape(value.at, `finds no object for ${what}`);
  return value.members;
}

/** A field by its name; null is as good as absent. */
function fieldsOf(value: Hujson | undefined, what: string): Fields {
  const members = membersOf(value, what);
  return (name) => {
    const named = members.find((member) => member.name.toLowerCase() === name.toLowerCase());
    return named === undefined || named.value.kind === "null" ? undefined : named.value;
  };
}
