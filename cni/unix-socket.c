/*
 * One exchange over a unix socket, and reads with a time limit. Every call ends within its limit; no system call
 * here can block past it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "system.h"

#define FIRST_BUFFER 4096

static int64_t now_us(void)
{
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* Waits for `events` on fd: 0, or -errno with ETIMEDOUT at the deadline. */
static int wait_for(int fd, short events, int64_t deadline_us)
{
  for (;;) {
    int64_t left_us = deadline_us - now_us();
    if (left_us <= 0)
      return -ETIMEDOUT;
    struct pollfd poll_fd = {.fd = fd, .events = events};
    int ready = poll(&poll_fd, 1, (int)((left_us + 999) / 1000));
    if (ready > 0)
      return 0;
    if (ready < 0 && errno != EINTR)
      return -errno;
  }
}

struct buffer {
  JSContext *ctx;
  char *bytes;
  size_t length;
  size_t size;
};

/* Room for at least one more byte, growing up to limit + 1: 0 or -errno. */
static int make_room(struct buffer *buffer, size_t limit)
{
  if (buffer->length < buffer->size)
    return 0;
  size_t size = buffer->size ? buffer->size * 2 : FIRST_BUFFER;
  if (size > limit + 1)
    size = limit + 1;
  char *bytes = js_realloc(buffer->ctx, buffer->bytes, size);
  if (!bytes)
    return -ENOMEM;
  buffer->bytes = bytes;
  buffer->size = size;
  return 0;
}

/* Appends what one read brings: bytes read, 0 at the end, or -errno; -too_long once limit is passed. */
static ssize_t read_some(int fd, struct buffer *buffer, size_t limit, int64_t deadline_us, int too_long)
{
  int error = make_room(buffer, limit);
  if (error)
    return error;
  for (;;) {
    error = wait_for(fd, POLLIN, deadline_us);
    if (error)
      return error;
    ssize_t got = read(fd, buffer->bytes + buffer->length, buffer->size - buffer->length);
    if (got < 0 && (errno == EINTR || errno == EAGAIN))
      continue;
    if (got < 0)
      return -errno;
    buffer->length += got;
    return buffer->length > limit ? -too_long : got;
  }
}

static JSValue string_or_error(struct buffer *buffer, size_t length, int error)
{
  JSContext *ctx = buffer->ctx;
  JSValue value = error ? JS_NewInt32(ctx, error) : JS_NewStringLen(ctx, buffer->bytes ? buffer->bytes : "", length);
  js_free(ctx, buffer->bytes);
  return value;
}

SYSTEM_FUNCTION(system_read_all)
{
  double limit_ms;
  int32_t max_bytes;
  if (JS_ToFloat64(ctx, &limit_ms, argv[0]) || JS_ToInt32(ctx, &max_bytes, argv[1]))
    return JS_EXCEPTION;
  int64_t deadline_us = now_us() + (int64_t)(limit_ms * 1000);
  struct buffer buffer = {.ctx = ctx};
  ssize_t got;
  do
    got = read_some(STDIN_FILENO, &buffer, max_bytes, deadline_us, EFBIG);
  while (got > 0);
  return string_or_error(&buffer, buffer.length, (int)got);
}

/* A connected socket or -errno. On a unix socket only a full backlog makes connect() wait; SO_SNDTIMEO bounds that. */
static int connect_to(const char *path, int64_t deadline_us)
{
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (strlen(path) >= sizeof address.sun_path)
    return -ENAMETOOLONG;
  strcpy(address.sun_path, path);
  int64_t left_us = deadline_us - now_us();
  if (left_us <= 0)
    return -ETIMEDOUT;
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return -errno;
  struct timeval limit = {.tv_sec = left_us / 1000000, .tv_usec = left_us % 1000000};
  int error = setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) < 0 ? -errno : 0;
  while (!error && connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
    if (errno != EINTR)
      error = errno == EAGAIN ? -ETIMEDOUT : -errno;
  }
  if (!error)
    return fd;
  close(fd);
  return error;
}

static int send_all(int fd, const char *bytes, size_t length, int64_t deadline_us)
{
  while (length > 0) {
    ssize_t sent = send(fd, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent >= 0) {
      bytes += sent;
      length -= sent;
    } else if (errno == EAGAIN) {
      int error = wait_for(fd, POLLOUT, deadline_us);
      if (error)
        return error;
    } else if (errno != EINTR) {
      return -errno;
    }
  }
  return 0;
}

/* Reads up to the first newline: its offset in the buffer, or -errno. */
static ssize_t read_line(int fd, struct buffer *buffer, size_t limit, int64_t deadline_us)
{
  for (;;) {
    size_t seen = buffer->length;
    ssize_t got = read_some(fd, buffer, limit, deadline_us, EMSGSIZE);
    if (got <= 0)
      return got == 0 ? -ECONNRESET : got;
    char *newline = memchr(buffer->bytes + seen, '\n', got);
    if (newline)
      return newline - buffer->bytes;
  }
}

static ssize_t converse(const char *path, const char *frame, size_t frame_length, struct buffer *answer,
                        size_t max_bytes, int64_t deadline_us)
{
  int fd = connect_to(path, deadline_us);
  if (fd < 0)
    return fd;
  ssize_t outcome = send_all(fd, frame, frame_length, deadline_us);
  /* A daemon that refuses a frame closes early: its reply is still there to be read. */
  if (outcome == 0 || outcome == -EPIPE)
    outcome = read_line(fd, answer, max_bytes, deadline_us);
  close(fd);
  return outcome;
}

SYSTEM_FUNCTION(system_exchange)
{
  double limit_ms;
  int32_t max_bytes;
  size_t frame_length;
  if (JS_ToFloat64(ctx, &limit_ms, argv[2]) || JS_ToInt32(ctx, &max_bytes, argv[3]))
    return JS_EXCEPTION;
  const char *path = JS_ToCString(ctx, argv[0]);
  const char *frame = JS_ToCStringLen(ctx, &frame_length, argv[1]);
  if (!path || !frame)
    return JS_EXCEPTION;
  struct buffer answer = {.ctx = ctx};
  int64_t deadline_us = now_us() + (int64_t)(limit_ms * 1000);
  ssize_t outcome = converse(path, frame, frame_length, &answer, max_bytes, deadline_us);
  JS_FreeCString(ctx, path);
  JS_FreeCString(ctx, frame);
  return string_or_error(&answer, outcome < 0 ? 0 : outcome, outcome < 0 ? (int)outcome : 0);
}
