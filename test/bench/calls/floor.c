/*
 * The least that a CNI daemon does for an ADD or a DEL: one thread takes one connection at a time, reads one line, makes the sends of
 * the product's kernel worker and answers one line. No checks, no JSON, no address pool: what HeadCNI is measured against.
 *   floor SOCKET HOST_NAMESPACE_FD REMOVE <PODS
 * PODS has one line per pod, fields apart by tabs, made by floor.ts from the product's own code: path of the pod's namespace, name
 * of the host-side link, the answer to ADD without its newline, and in hex what is sent: host side, pod side, commit, look-up of the
 * link, leaving. HOST_NAMESPACE_FD is the descriptor number by which the host side names the pod's namespace. REMOVE, in hex,
 * deletes what is leaving: a second thread sends it 100 ms after a DEL, because the kernel waits for RCU there.
 * It prints a line when it listens. A refusal by the kernel ends it with code 1.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { max_pods = 1024, max_bytes = 65536, get_namespace_type = 0xb703 /* NS_GET_NSTYPE */ };

struct batch {
  unsigned char *bytes;
  size_t length;
};

struct pod {
  char *netns, *link, *answer;
  struct batch host, inside, commit, look_up, leave;
};

static struct pod pods[max_pods];
static int pod_count, netns_fd, home, node, leaving;
static struct batch removal;

static void die(const char *what) {
  fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
  exit(1);
}

static struct batch from_hex(const char *hex) {
  struct batch batch = {malloc(strlen(hex) / 2 + 1), strlen(hex) / 2};
  for (size_t i = 0; i < batch.length; i++) {
    unsigned int byte;
    if (sscanf(hex + 2 * i, "%2x", &byte) != 1) die("hex");
    batch.bytes[i] = byte;
  }
  return batch;
}

static int open_netlink(void) {
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (fd < 0) die("socket");
  return fd;
}

/* One send, and the answers up to that to its last message: only that one asks for an acknowledgement, or for what it looks up. */
static void transact(int fd, struct batch batch) {
  static __thread unsigned char input[max_bytes];
  __u32 last = 0;
  for (size_t at = 0; at < batch.length; at += NLMSG_ALIGN(((struct nlmsghdr *)(batch.bytes + at))->nlmsg_len))
    last = ((struct nlmsghdr *)(batch.bytes + at))->nlmsg_seq;
  if (send(fd, batch.bytes, batch.length, 0) < 0) die("send");
  for (;;) {
    int length = recv(fd, input, sizeof input, 0);
    if (length < 0) die("recv");
    for (struct nlmsghdr *header = (void *)input; NLMSG_OK(header, (unsigned)length); header = NLMSG_NEXT(header, length)) {
      if (header->nlmsg_type != NLMSG_ERROR) continue;
      errno = -((struct nlmsgerr *)NLMSG_DATA(header))->error;
      /* What is gone already is as the product tolerates it (detach.ts). */
      if (errno != 0 && errno != ENODEV && errno != ESRCH) die("refused");
      if (header->nlmsg_seq == last) return;
    }
  }
}

static void add(struct pod *pod) {
  struct stat status;
  char path[128];
  int opened = open(pod->netns, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (opened < 0 || ioctl(opened, get_namespace_type) != CLONE_NEWNET || fstat(opened, &status) < 0) die(pod->netns);
  if (dup2(opened, netns_fd) < 0) die("dup2");
  close(opened);
  transact(node, pod->host);
  snprintf(path, sizeof path, "/proc/sys/net/ipv6/conf/%s/accept_ra", pod->link);
  int sysctl = open(path, O_WRONLY | O_CLOEXEC);
  if (sysctl >= 0) {
    if (write(sysctl, "0", 1) < 0) die(path);
    close(sysctl);
  }
  if (setns(netns_fd, CLONE_NEWNET) < 0) die("setns");
  int inside = open_netlink();
  if (setns(home, CLONE_NEWNET) < 0) die("setns");
  transact(inside, pod->inside);
  close(inside);
  transact(node, pod->commit);
  close(netns_fd);
}

static void delete(struct pod *pod) {
  __u64 one = 1;
  transact(node, pod->look_up);
  transact(node, pod->leave);
  if (write(leaving, &one, sizeof one) < 0) die("eventfd");
}

static void *remove_leaving(void *unused) {
  (void)unused;
  int fd = open_netlink();
  for (__u64 count; read(leaving, &count, sizeof count) == sizeof count; transact(fd, removal)) usleep(100000);
  return NULL;
}

static void serve(int connection) {
  static char line[max_bytes];
  size_t length = 0;
  ssize_t got = 0;
  while (length < sizeof line - 1 && !memchr(line, '\n', length) && (got = read(connection, line + length, sizeof line - 1 - length)) > 0)
    length += got;
  line[length] = 0;
  if (got <= 0) return;
  char *netns = strstr(line, "\"netns\":\"");
  if (netns == NULL) die("no namespace");
  netns += strlen("\"netns\":\"");
  size_t netns_length = strcspn(netns, "\"");
  for (struct pod *pod = pods; pod < pods + pod_count; pod++) {
    if (strncmp(pod->netns, netns, netns_length) || pod->netns[netns_length]) continue;
    const char *answer = pod->answer;
    if (strstr(line, "\"command\":\"ADD\"")) add(pod);
    else delete(pod), answer = "{\"wire\":1,\"ok\":true}\n";
    if (write(connection, answer, strlen(answer)) < 0) die("write");
    return;
  }
  die("no such pod");
}

int main(int count, char **arguments) {
  if (count != 4) return fprintf(stderr, "usage: floor SOCKET HOST_NAMESPACE_FD REMOVE <PODS\n"), 1;
  char *line = NULL;
  size_t size = 0;
  for (ssize_t length; (length = getline(&line, &size, stdin)) > 0;) {
    struct pod *pod = &pods[pod_count++];
    char *rest = strdup(line);
    if (pod_count > max_pods) die("too many pods");
    rest[strcspn(rest, "\n")] = 0;
    pod->netns = strsep(&rest, "\t"), pod->link = strsep(&rest, "\t");
    if (asprintf(&pod->answer, "%s\n", strsep(&rest, "\t")) < 0) die("asprintf");
    for (struct batch *batch = &pod->host; batch <= &pod->leave; batch++) {
      char *hex = strsep(&rest, "\t");
      if (hex == NULL) die("a pod of too few fields");
      *batch = from_hex(hex);
    }
  }
  netns_fd = atoi(arguments[2]);
  removal = from_hex(arguments[3]);
  home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
  leaving = eventfd(0, EFD_CLOEXEC);
  node = open_netlink();
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  snprintf(address.sun_path, sizeof address.sun_path, "%s", arguments[1]);
  int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (home < 0 || leaving < 0 || listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) < 0 || listen(listener, 64) < 0)
    die("start");
  pthread_t thread;
  if ((errno = pthread_create(&thread, NULL, remove_leaving, NULL))) die("pthread_create");
  if (puts("listening") < 0 || fflush(stdout)) die("stdout");
  for (;;) {
    int connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (connection < 0) die("accept");
    serve(connection);
    close(connection);
  }
}
