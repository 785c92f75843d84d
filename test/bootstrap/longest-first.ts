import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Files that take minutes. */
const longest = /\/(kubernetes-[^/]*|alerts|attack-[^/]*|outages)\.test\.ts$/;

/**
 * On a fresh clone vitest knows no durations and begins with the largest files: then a long one that comes last runs alone while
 * processors wait. Here the long ones of a project come before its others.
 */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const byProject = Map.groupBy(await super.sort(files), ({ project }) => project.name);
    return [...byProject.values()].flatMap((of) => {
      const [long, others] = [true, false].map((is) =>
        of.filter(({ moduleId }) => longest.test(moduleId) === is),
      );
      return [...(long ?? []), ...(others ?? [])];
    });
  }
}
