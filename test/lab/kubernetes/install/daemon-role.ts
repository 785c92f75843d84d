import { daemonUser } from "../control-plane/certificates.ts";

/** What HeadCNI's daemons may do in the API: exactly what they use. */
export const daemonRules = [
  { apiGroups: [""], resources: ["nodes", "pods"], verbs: ["list", "watch"] },
  { apiGroups: [""], resources: ["nodes/status"], verbs: ["patch"] },
  { apiGroups: ["networking.k8s.io"], resources: ["servicecidrs"], verbs: ["list", "watch"] },
  { apiGroups: [""], resources: ["namespaces"], verbs: ["list", "watch"] },
  { apiGroups: ["networking.k8s.io"], resources: ["networkpolicies"], verbs: ["list", "watch"] },
  { apiGroups: ["events.k8s.io"], resources: ["events"], verbs: ["create", "patch"] },
];

/** The role of the daemons that the lab runs as processes. */
export function daemonRoleObjects(): readonly unknown[] {
  const rbac = "rbac.authorization.k8s.io";
  const metadata = { name: "headcni-lab" };
  return [
    { apiVersion: `${rbac}/v1`, kind: "ClusterRole", metadata, rules: daemonRules },
    {
      apiVersion: `${rbac}/v1`,
      kind: "ClusterRoleBinding",
      metadata,
      roleRef: { apiGroup: rbac, kind: "ClusterRole", name: metadata.name },
      subjects: [{ apiGroup: rbac, kind: "User", name: daemonUser }],
    },
  ];
}
