/*
 * The least a CNI plugin can do and still make the stub's exchange: read stdin and CNI_*, send one line over the
 * daemon's socket, read one line, print its result. No checks, no JSON parser: what the stub is measured against.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static char config[65536], frame[65536], answer[65536];

static const char *variable(const char *name)
{
  const char *value = getenv(name);
  return value ? value : "";
}

/* Reads to the end of file, or to a newline if `line`; the buffer stays a string. */
static size_t read_all(int fd, char *buffer, size_t size, int line)
{
  size_t length = 0;
  ssize_t got;
  while (length < size - 1 && (got = read(fd, buffer + length, size - 1 - length)) > 0) {
    length += got;
    if (line && memchr(buffer, '\n', length))
      break;
  }
  return length;
}

/* The value of a string member, found as text. */
static void member(const char *json, const char *key, char *value, size_t size)
{
  const char *start = strstr(json, key);
  start = start ? strchr(start + strlen(key), ':') : NULL;
  start = start ? strchr(start, '"') : NULL;
  size_t length = start ? strcspn(start + 1, "\"") : 0;
  snprintf(value, size, "%.*s", (int)length, start ? start + 1 : "");
}

int main(void)
{
  char path[108], version[16], network[256];
  read_all(STDIN_FILENO, config, sizeof config, 0);
  member(config, "\"socketPath\"", path, sizeof path);
  member(config, "\"cniVersion\"", version, sizeof version);
  member(config, "\"name\"", network, sizeof network);
  int length = snprintf(frame, sizeof frame,
                        "{\"wire\":1,\"command\":\"%s\",\"containerId\":\"%s\",\"netns\":\"%s\",\"ifname\":\"%s\","
                        "\"pod\":{\"namespace\":\"\",\"name\":\"\",\"uid\":\"\"},\"cniVersion\":\"%s\",\"network\":\"%s\"}\n",
                        variable("CNI_COMMAND"), variable("CNI_CONTAINERID"), variable("CNI_NETNS"),
                        variable("CNI_IFNAME"), version, network);
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  strcpy(address.sun_path, path);
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0 || write(fd, frame, length) != length)
    return 1;
  size_t got = read_all(fd, answer, sizeof answer, 1);
  if (strcmp(variable("CNI_COMMAND"), "ADD"))
    return !strstr(answer, "\"ok\":true");
  char *result = strstr(answer, "\"result\":");
  if (!result || got < 3)
    return 1;
  /* The reply ends in "}\n"; what is left of it is the result. */
  answer[got - 2] = '\n';
  result += strlen("\"result\":");
  return write(STDOUT_FILENO, result, answer + got - 1 - result) < 0;
}
