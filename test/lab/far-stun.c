// far-stun ADDRESS PORT MILLISECONDS PROGRAM ARGUMENT...: becomes PROGRAM, with a child that ends with it and answers
// STUN binding requests on UDP ADDRESS:PORT (RFC 8489, IPv4), each after a while: as a relay on another machine does.
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

static void answer(int server, useconds_t pause) {
  struct {
    uint16_t type, length;
    uint32_t cookie;
    uint8_t transaction[12];
    uint16_t attribute, attribute_length, family, port;
    uint32_t address;
  } response;
  uint8_t request[2048];
  struct sockaddr_in from;
  socklen_t size = sizeof from;
  if (recvfrom(server, request, sizeof request, 0, (struct sockaddr *)&from, &size) < 20) return;
  usleep(pause);
  response.type = htons(0x0101);  // binding success response
  response.length = htons(12);
  response.cookie = htonl(cookie);
  memcpy(response.transaction, request + 8, sizeof response.transaction);
  response.attribute = htons(0x0020);  // XOR-MAPPED-ADDRESS
  response.attribute_length = htons(8);
  response.family = htons(1);  // IPv4
  response.port = from.sin_port ^ htons(cookie >> 16);
  response.address = from.sin_addr.s_addr ^ htonl(cookie);
  sendto(server, &response, sizeof response, 0, (struct sockaddr *)&from, size);
}

int main(int argc, char **argv) {
  if (argc < 5) return 2;
  struct sockaddr_in own = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[2]))};
  int server = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  int reuse = 1;
  setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &reuse, sizeof reuse);
  if (inet_pton(AF_INET, argv[1], &own.sin_addr) != 1 || bind(server, (struct sockaddr *)&own, sizeof own) != 0) {
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
