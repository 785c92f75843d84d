/** A package that is part of a release, as SPDX lists it. */
export interface Component {
  readonly name: string;
  readonly version: string;
  /** Package URL: what it is, and where it comes from. */
  readonly purl: string;
  readonly license?: string | undefined;
  readonly sha512?: string | undefined;
  /** Which file of the release has it: an image's architecture, or all. */
  readonly comment?: string | undefined;
}

/** What a bill of materials says of the release itself. */
export type ReleaseFacts = {
  readonly version: string;
  readonly commit: string;
  /** Of the commit, ISO 8601 in UTC: two runs give one bill. */
  readonly createdAt: string;
  readonly imageDigest: string;
};

/** A software bill of materials: SPDX 2.3 as JSON. */
export function softwareBill(release: ReleaseFacts, components: readonly Component[]): string {
  const sorted = components.toSorted((one, other) => (one.purl < other.purl ? -1 : 1));
  const product = {
    SPDXID: "SPDXRef-headcni",
    name: "headcni",
    versionInfo: release.version,
    downloadLocation: "NOASSERTION",
    filesAnalyzed: false,
    licenseDeclared: "Apache-2.0",
    licenseConcluded: "NOASSERTION",
    copyrightText: "NOASSERTION",
    sourceInfo: `commit ${release.commit}, image ${release.imageDigest}`,
  };
  const packages = sorted.map((component, index) => spdxPackage(component, `SPDXRef-${index + 1}`));
  const relationships = [
    relationship("SPDXRef-DOCUMENT", "DESCRIBES", product.SPDXID),
    ...packages.map(({ SPDXID }) => relationship(product.SPDXID, "CONTAINS", SPDXID)),
  ];
  const document = {
    spdxVersion: "SPDX-2.3",
    dataLicense: "CC0-1.0",
    SPDXID: "SPDXRef-DOCUMENT",
    name: `headcni-${release.version}`,
    documentNamespace: `https://spdx.org/spdxdocs/headcni-${release.version}-${release.commit}`,
    creationInfo: { created: release.createdAt, creators: ["Tool: headcni-release"] },
    packages: [product, ...packages],
    relationships,
  };
  return `${JSON.stringify(document, undefined, 1)}\n`;
}

function relationship(spdxElementId: string, relationshipType: string, relatedSpdxElement: string) {
  return { spdxElementId, relationshipType, relatedSpdxElement };
}

function spdxPackage({ name, version, purl, license, sha512, comment }: Component, SPDXID: string) {
  return {
    SPDXID,
    name,
    versionInfo: version,
    downloadLocation: "NOASSERTION",
    filesAnalyzed: false,
    licenseDeclared: license ?? "NOASSERTION",
    licenseConcluded: "NOASSERTION",
    copyrightText: "NOASSERTION",
    ...(comment === undefined ? {} : { comment }),
    ...(sha512 === undefined ? {} : { checksums: [{ algorithm: "SHA512", checksumValue: sha512 }] }),
    externalRefs: [{ referenceCategory: "PACKAGE-MANAGER", referenceType: "purl", referenceLocator: purl }],
  };
}
