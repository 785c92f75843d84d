import { expect, test } from "vitest";
import { watchError } from "../../src/config/watch-files.ts";

test.each([
  { code: "EMFILE", says: "fs.inotify.max_user_instances" },
  { code: "ENOSPC", says: "fs.inotify.max_user_watches" },
  { code: "EACCES", says: "permission denied" },
])("a watch refused with $code says what to do: $says", ({ code, says }) => {
  const error = watchError("/etc/headcni", Object.assign(new Error("permission denied"), { code }));
  expect(error.message).toContain("/etc/headcni cannot be watched for changes");
  expect(error.message).toContain(says);
});

test("any other failure keeps its own words", () => {
  expect(watchError("/etc/headcni", "gone").message).toContain("gone");
});
