/* Environment, files, clocks and network namespaces for the stub's script (system.d.ts). */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <time.h>
#include <unistd.h>

#include "system.h"

/* linux/magic.h and linux/nsfs.h; the kernel's headers are not among musl's. */
#define NSFS_MAGIC 0x6e736673
#define NS_GET_NSTYPE _IO(0xb7, 0x3)

static double milliseconds(struct timespec time)
{
  return time.tv_sec * 1e3 + time.tv_nsec / 1e6;
}

static double clock_ms(clockid_t clock)
{
  struct timespec now;
  clock_gettime(clock, &now);
  return milliseconds(now);
}

SYSTEM_FUNCTION(system_env)
{
  const char *name = JS_ToCString(ctx, argv[0]);
  if (!name)
    return JS_EXCEPTION;
  const char *value = getenv(name);
  JS_FreeCString(ctx, name);
  return value ? JS_NewString(ctx, value) : JS_UNDEFINED;
}

static int netns_kind(const char *path)
{
  struct statfs file_system;
  struct stat there, here;
  /* statfs before open: opening a device or a pipe could do something. */
  if (statfs(path, &file_system) < 0)
    return -errno;
  if (file_system.f_type != NSFS_MAGIC)
    return 2;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return -errno;
  int kind = 2;
  if (ioctl(fd, NS_GET_NSTYPE) == CLONE_NEWNET) {
    if (fstat(fd, &there) < 0 || stat("/proc/self/ns/net", &here) < 0)
      kind = -errno;
    else
      kind = there.st_dev == here.st_dev && there.st_ino == here.st_ino;
  }
  close(fd);
  return kind;
}

SYSTEM_FUNCTION(system_netns_kind)
{
  const char *path = JS_ToCString(ctx, argv[0]);
  if (!path)
    return JS_EXCEPTION;
  int kind = netns_kind(path);
  JS_FreeCString(ctx, path);
  return JS_NewInt32(ctx, kind);
}

SYSTEM_FUNCTION(system_modified_at_ms)
{
  struct stat found;
  const char *path = JS_ToCString(ctx, argv[0]);
  if (!path)
    return JS_EXCEPTION;
  int outcome = stat(path, &found);
  JS_FreeCString(ctx, path);
  return outcome < 0 ? JS_UNDEFINED : JS_NewFloat64(ctx, milliseconds(found.st_mtim));
}

SYSTEM_FUNCTION(system_make_directory)
{
  const char *path = JS_ToCString(ctx, argv[0]);
  if (!path)
    return JS_EXCEPTION;
  int outcome = mkdir(path, 0700) < 0 ? -errno : 0;
  JS_FreeCString(ctx, path);
  return JS_NewInt32(ctx, outcome);
}

static int write_all(int fd, const char *bytes, size_t length)
{
  while (length > 0) {
    ssize_t written = write(fd, bytes, length);
    if (written >= 0) {
      bytes += written;
      length -= written;
    } else if (errno != EINTR) {
      return -errno;
    }
  }
  return 0;
}

SYSTEM_FUNCTION(system_create_file)
{
  size_t length;
  const char *path = JS_ToCString(ctx, argv[0]);
  const char *text = JS_ToCStringLen(ctx, &length, argv[1]);
  if (!path || !text)
    return JS_EXCEPTION;
  int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  int outcome = fd < 0 ? -errno : write_all(fd, text, length);
  if (fd >= 0 && close(fd) < 0 && outcome == 0)
    outcome = -errno;
  JS_FreeCString(ctx, path);
  JS_FreeCString(ctx, text);
  return JS_NewInt32(ctx, outcome);
}

SYSTEM_FUNCTION(system_rename)
{
  const char *from = JS_ToCString(ctx, argv[0]);
  const char *to = JS_ToCString(ctx, argv[1]);
  if (!from || !to)
    return JS_EXCEPTION;
  int outcome = rename(from, to) < 0 ? -errno : 0;
  JS_FreeCString(ctx, from);
  JS_FreeCString(ctx, to);
  return JS_NewInt32(ctx, outcome);
}

SYSTEM_FUNCTION(system_remove)
{
  const char *path = JS_ToCString(ctx, argv[0]);
  if (!path)
    return JS_EXCEPTION;
  int outcome = unlink(path) < 0 ? -errno : 0;
  JS_FreeCString(ctx, path);
  return JS_NewInt32(ctx, outcome);
}

SYSTEM_FUNCTION(system_now_ms)
{
  return JS_NewFloat64(ctx, clock_ms(CLOCK_MONOTONIC));
}

SYSTEM_FUNCTION(system_wall_clock_ms)
{
  return JS_NewFloat64(ctx, clock_ms(CLOCK_REALTIME));
}

SYSTEM_FUNCTION(system_sleep)
{
  double duration_ms;
  if (JS_ToFloat64(ctx, &duration_ms, argv[0]))
    return JS_EXCEPTION;
  usleep((useconds_t)(duration_ms * 1000));
  return JS_UNDEFINED;
}

SYSTEM_FUNCTION(system_process_id)
{
  return JS_NewInt32(ctx, getpid());
}

SYSTEM_FUNCTION(system_describe)
{
  int32_t error;
  if (JS_ToInt32(ctx, &error, argv[0]))
    return JS_EXCEPTION;
  return JS_NewString(ctx, strerror(error));
}

SYSTEM_FUNCTION(system_finish)
{
  size_t output_length, complaint_length;
  int32_t exit_code;
  const char *output = JS_ToCStringLen(ctx, &output_length, argv[0]);
  const char *complaint = JS_ToCStringLen(ctx, &complaint_length, argv[1]);
  if (!output || !complaint || JS_ToInt32(ctx, &exit_code, argv[2]))
    return JS_EXCEPTION;
  if (write_all(STDOUT_FILENO, output, output_length) < 0)
    exit_code = 1;
  write_all(STDERR_FILENO, complaint, complaint_length);
  /* Nothing is buffered and the kernel frees faster than we would. */
  _exit(exit_code);
}
