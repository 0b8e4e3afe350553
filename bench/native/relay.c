// relay: the floor. What a proxy costs that only moves bytes: one thread, one epoll set, one buffer for all, one recv and
// one send a read. It parses nothing, waits where a peer does not take all, and knows no timeouts: no proxy can be cheaper.
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READ_BYTES = 1 << 18, EVENTS = 512 };

static char buffer[READ_BYTES];
static int *other, rows, epoll_fd;

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static struct sockaddr_in loopback(const char *port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(port)), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  return address;
}

static void watch(int fd) {
  int one = 1;
  struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0) fail("epoll_ctl");
}

static void pair(int listener, const struct sockaddr_in *upstream) {
  int client;
  while ((client = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
    int peer = socket(AF_INET, SOCK_STREAM, 0);
    if (peer < 0 || client >= rows || peer >= rows || connect(peer, (const struct sockaddr *)upstream, sizeof *upstream) < 0) {
      close(client);
      if (peer >= 0) close(peer);
      continue;
    }
    other[client] = peer;
    other[peer] = client;
    watch(client);
    watch(peer);
  }
}

static void drop(int fd) {
  int peer = other[fd];
  other[fd] = other[peer] = 0;
  close(fd);
  close(peer);
}

static void relay(int fd) {
  ssize_t count = recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);
  if (count < 0 && errno == EAGAIN) return;
  if (count <= 0) { drop(fd); return; }
  for (ssize_t sent = 0; sent < count;) {
    ssize_t taken = send(other[fd], buffer + sent, count - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (taken > 0) { sent += taken; continue; }
    if (errno != EAGAIN) { drop(fd); return; }
    struct pollfd full = {.fd = other[fd], .events = POLLOUT};
    poll(&full, 1, 1000);
  }
}

int main(int count, char **arguments) {
  if (count != 3) { fprintf(stderr, "usage: relay PORT UPSTREAM_PORT\n"); return 2; }
  signal(SIGPIPE, SIG_IGN);
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  rows = limit.rlim_cur < 1 << 20 ? limit.rlim_cur : 1 << 20;
  if ((other = calloc(rows, sizeof *other)) == NULL) fail("calloc");
  struct sockaddr_in here = loopback(arguments[1]), upstream = loopback(arguments[2]);
  int one = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(listener, (struct sockaddr *)&here, sizeof here) < 0) fail("bind");
  if (listen(listener, 8192) < 0) fail("listen");
  if ((epoll_fd = epoll_create1(0)) < 0) fail("epoll_create1");
  watch(listener);
  struct epoll_event events[EVENTS];
  for (;;) {
    int ready = epoll_wait(epoll_fd, events, EVENTS, -1);
    for (int i = 0; i < ready; i++) {
      int fd = events[i].data.fd;
      if (fd == listener) pair(listener, &upstream);
      else if (other[fd] != 0) relay(fd); // a pair may have gone earlier in this batch
    }
  }
}
