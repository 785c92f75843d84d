// far-stun ADDRESS PORT MILLISECONDS PROGRAM ARGUMENT...: becomes PROGRAM, with a child that ends with it and answers
// STUN binding requests on UDP ADDRESS:PORT (RFC 8489, IPv4 or IPv6), each after a while: as a relay on another machine does.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

static const uint32_t cookie = 0x2112a442;

typedef union {
  struct sockaddr any;
  struct sockaddr_in four;
  struct sockaddr_in6 six;
} endpoint;

static void answer(int server, useconds_t pause) {
  struct {
    uint16_t type, length;
    uint32_t cookie;
    uint8_t transaction[12];
    uint16_t attribute, attribute_length, family, port;
    uint8_t address[16];
  } response;
  uint8_t request[2048];
  endpoint from;
  socklen_t size = sizeof from;
  if (recvfrom(server, request, sizeof request, 0, &from.any, &size) < 20) return;
  usleep(pause);
  int is_six = from.any.sa_family == AF_INET6;
  uint16_t length = is_six ? 16 : 4;
  response.type = htons(0x0101);  // binding success response
  response.length = htons(8 + length);
  response.cookie = htonl(cookie);
  memcpy(response.transaction, request + 8, sizeof response.transaction);
  response.attribute = htons(0x0020);  // XOR-MAPPED-ADDRESS
  response.attribute_length = htons(4 + length);
  response.family = htons(is_six ? 2 : 1);
  response.port = (is_six ? from.six.sin6_port : from.four.sin_port) ^ htons(cookie >> 16);
  memcpy(response.address, is_six ? (void *)&from.six.sin6_addr : (void *)&from.four.sin_addr, length);
  // With the cookie and, where the address is longer, the transaction behind it.
  for (int at = 0; at < length; at++) response.address[at] ^= ((uint8_t *)&response.cookie)[at];
  sendto(server, &response, 28 + length, 0, &from.any, size);
}

int main(int argc, char **argv) {
  if (argc < 5) return 2;
  endpoint own = {0};
  // Both have their port in the same place.
  own.four.sin_port = htons(atoi(argv[2]));
  own.any.sa_family = strchr(argv[1], ':') ? AF_INET6 : AF_INET;
  int is_six = own.any.sa_family == AF_INET6;
  void *address = is_six ? (void *)&own.six.sin6_addr : (void *)&own.four.sin_addr;
  int server = socket(own.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  int reuse = 1;
  setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &reuse, sizeof reuse);
  if (inet_pton(own.any.sa_family, argv[1], address) != 1 ||
      bind(server, &own.any, is_six ? sizeof own.six : sizeof own.four) != 0) {
    perror("far-stun");
    return 1;
  }
  pid_t parent = getpid();
  if (fork() == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    while (getppid() == parent) answer(server, 1000 * atoi(argv[3]));
    return 0;
  }
  execv(argv[4], argv + 4);
  perror(argv[4]);
  return 1;
}
