// What an attacker does that no tool at hand does: packets as given.
//   attacker send LINK HEX...           sends IP packets, each whole and in hex, by raw sockets; LINK "-" leaves the link to routing
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static size_t read_hex(const char *text, uint8_t *bytes, size_t space) {
  size_t length = 0;
  for (; length < space && sscanf(text + 2 * length, "%2hhx", bytes + length) == 1; length++) continue;
  return text[2 * length] == 0 ? length : 0;
}

/** IPPROTO_RAW takes the IP header from the packet (raw(7); net/ipv6/af_inet6.c, inet6_create). */
static int send_packet(const char *link, const uint8_t *packet, size_t length) {
  struct sockaddr_in to4 = {.sin_family = AF_INET};
  struct sockaddr_in6 to6 = {.sin6_family = AF_INET6};
  int six = packet[0] >> 4 == 6;
  if (length < (six ? 40 : 20)) {
    errno = EINVAL;
    return -1;
  }
  if (six) memcpy(&to6.sin6_addr, packet + 24, 16);
  else memcpy(&to4.sin_addr, packet + 16, 4);
  int raw = socket(six ? AF_INET6 : AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
  if (raw < 0) return -1;
  if (strcmp(link, "-") != 0) {
    to6.sin6_scope_id = if_nametoindex(link);
    if (setsockopt(raw, SOL_SOCKET, SO_BINDTODEVICE, link, strlen(link)) != 0) return -1;
  }
  const struct sockaddr *to = six ? (struct sockaddr *)&to6 : (struct sockaddr *)&to4;
  ssize_t sent = sendto(raw, packet, length, 0, to, six ? sizeof to6 : sizeof to4);
  int problem = errno;
  close(raw);
  errno = problem;
  return sent == (ssize_t)length ? 0 : -1;
}

static int send_packets(int count, char **arguments) {
  for (int i = 1; i < count; i++) {
    uint8_t packet[2048];
    if (send_packet(arguments[0], packet, read_hex(arguments[i], packet, sizeof packet)) != 0) {
      fprintf(stderr, "packet %d: %s\n", i, strerror(errno));
      return 1;
    }
  }
  return 0;
}

int main(int argc, char **argv) {
  if (argc > 3 && strcmp(argv[1], "send") == 0) return send_packets(argc - 2, argv + 2);
  return 2;
}
