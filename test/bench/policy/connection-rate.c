// How many TCP connections a second one client opens, one after another.
//   connection-rate serve            listens on ports 7000 to 7007, prints "ready", and closes what it accepts, until it is killed
//   connection-rate connect ADDRESS SECONDS      connects to them in turn and prints how many it opened
// A connection ends with a reset, so that none waits for its end and ports are free again.
#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { first_port = 7000, ports = 8 };

static int serve(void) {
  struct pollfd listening[ports];
  for (int i = 0; i < ports; i++) {
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons(first_port + i)};
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&here, sizeof here) != 0 || listen(fd, 4096) != 0) {
      perror("connection-rate");
      return 1;
    }
    listening[i] = (struct pollfd){.fd = fd, .events = POLLIN};
  }
  puts("ready");
  fflush(stdout);
  while (poll(listening, ports, -1) > 0)
    for (int i = 0; i < ports; i++) {
      int accepted;
      while (listening[i].revents && (accepted = accept(listening[i].fd, NULL, NULL)) >= 0) close(accepted);
    }
  return 1;
}

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec + now.tv_nsec / 1e9;
}

static int connect_for(const char *address, double limit) {
  struct sockaddr_in there = {.sin_family = AF_INET};
  if (inet_pton(AF_INET, address, &there.sin_addr) != 1) return 2;
  struct linger reset = {.l_onoff = 1};
  long opened = 0;
  for (double end = seconds() + limit; seconds() < end; opened++) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    there.sin_port = htons(first_port + opened % ports);
    if (connect(fd, (struct sockaddr *)&there, sizeof there) != 0) {
      perror("connection-rate");
      return 1;
    }
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    close(fd);
  }
  printf("%ld\n", opened);
  return 0;
}

int main(int count, char **arguments) {
  if (count == 2 && strcmp(arguments[1], "serve") == 0) return serve();
  if (count == 4 && strcmp(arguments[1], "connect") == 0) return connect_for(arguments[2], atof(arguments[3]));
  return 2;
}
