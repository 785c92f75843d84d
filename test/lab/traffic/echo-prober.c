// Sends ICMP echo requests to addresses without a pause, whether they can be reached or not, and says what comes back.
//   echo-prober fixed|fresh INTERVAL_US ADDRESS...
// Every INTERVAL_US one request goes to each address. `fixed`: all to one address are one flow; `fresh`: each is a flow of its own.
// Prints a line for each echo reply to its own requests, and for each echo request that comes (0 for when it was sent):
//   answer|request SOURCE TTL SENT_NS RECEIVED_NS          (CLOCK_REALTIME)
// SIGTERM ends it; its last line is `sent N`.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { max_addresses = 256 };

struct probe {
  struct icmphdr header;
  uint32_t owner;
  int64_t sent_ns;
} __attribute__((packed));

static volatile sig_atomic_t over;

static void end(int signal) {
  (void)signal;
  over = 1;
}

static int64_t now_ns(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static uint16_t checksum(const void *bytes, size_t length) {
  uint32_t sum = 0;
  const uint16_t *words = bytes;
  for (size_t i = 0; i < length / 2; i++) sum += words[i];
  sum = (sum >> 16) + (sum & 0xffff);
  return ~(sum + (sum >> 16));
}

static void hear(int raw) {
  uint8_t packet[2048];
  struct sockaddr_in from;
  socklen_t size = sizeof from;
  ssize_t got;
  while ((got = recvfrom(raw, packet, sizeof packet, MSG_DONTWAIT, (struct sockaddr *)&from, &size)) > 0) {
    const struct iphdr *ip = (const void *)packet;
    size_t skip = ip->ihl * 4;
    if ((size_t)got < skip + sizeof(struct icmphdr)) continue;
    struct probe probe = {0};
    size_t length = got - skip < sizeof probe ? got - skip : sizeof probe;
    memcpy(&probe, packet + skip, length);
    int answer = probe.header.type == ICMP_ECHOREPLY && length == sizeof probe && probe.owner == (uint32_t)getpid();
    if (!answer && probe.header.type != ICMP_ECHO) continue;
    printf("%s %s %d %lld %lld\n", answer ? "answer" : "request", inet_ntoa(from.sin_addr), ip->ttl,
           answer ? (long long)probe.sent_ns : 0LL, (long long)now_ns(CLOCK_REALTIME));
    fflush(stdout);
  }
}

int main(int count, char **arguments) {
  int fresh = count > 3 && strcmp(arguments[1], "fresh") == 0;
  if (count < 4 || count - 3 > max_addresses || (!fresh && strcmp(arguments[1], "fixed") != 0)) return 2;
  int64_t interval = atoll(arguments[2]) * 1000;
  struct sockaddr_in to[max_addresses];
  int targets = count - 3;
  for (int i = 0; i < targets; i++) {
    to[i] = (struct sockaddr_in){.sin_family = AF_INET};
    if (inet_pton(AF_INET, arguments[3 + i], &to[i].sin_addr) != 1) return 2;
  }
  int raw = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP);
  if (raw < 0) {
    perror("echo-prober");
    return 1;
  }
  int room = 1 << 20;
  setsockopt(raw, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
  struct sigaction action = {.sa_handler = end};
  sigaction(SIGTERM, &action, NULL);
  unsigned long long sent = 0;
  uint16_t id = getpid();
  for (int64_t next = now_ns(CLOCK_MONOTONIC); !over; next += interval) {
    for (int i = 0; i < targets; i++) {
      if (fresh) id++;
      struct probe probe = {.header = {.type = ICMP_ECHO, .un.echo = {.id = id}}, .owner = getpid()};
      probe.sent_ns = now_ns(CLOCK_REALTIME);
      probe.header.checksum = checksum(&probe, sizeof probe);
      // Whoever has no link, or no way there, tries again.
      if (sendto(raw, &probe, sizeof probe, MSG_DONTWAIT, (struct sockaddr *)&to[i], sizeof to[i]) > 0) sent++;
    }
    int64_t now;
    while ((now = now_ns(CLOCK_MONOTONIC)) < next + interval && !over) {
      struct timespec left = {.tv_nsec = next + interval - now};
      left.tv_sec = left.tv_nsec / 1000000000, left.tv_nsec %= 1000000000;
      struct pollfd ready = {.fd = raw, .events = POLLIN};
      if (ppoll(&ready, 1, &left, NULL) > 0) hear(raw);
    }
    hear(raw);
    // One that did not get to run does not catch up.
    if (now_ns(CLOCK_MONOTONIC) > next + 4 * interval) next = now_ns(CLOCK_MONOTONIC);
  }
  printf("sent %llu\n", sent);
  return 0;
}
