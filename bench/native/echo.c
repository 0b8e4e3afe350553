// echo: the upstream of every contender. One epoll loop that speaks RFC 6455 (masked in, unmasked out) and HTTP/1.1
// keep-alive, on all the ports it is given. What a WebSocket does is asked by its path: /fan tells everybody, /sink
// swallows binary messages, /source sends as many bytes as a text message says, all else echoes.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READ_BYTES = 1 << 18, HEAD_BYTES = 8192, EVENTS = 512, BIG_ANSWER = 65536, SOURCE_FRAME = 65536 };
enum role { HTTP, ECHO, FAN, SINK, SOURCE };

struct connection {
  enum role role;
  unsigned char head[16]; // the frame header that has not ended
  int head_used;
  unsigned char opcode, mask[4];
  uint64_t left, masked; // payload to come; payload bytes unmasked, which says where in the mask the next stands
  char *request; // HTTP head that has not ended
  int request_used;
  uint64_t body_left, number; // request body to come; digits of a /source message
  char *out; // what the socket did not take
  size_t out_used, out_sent, out_room;
  uint64_t source_left;
  int is_closed, awaits_write;
};

static struct connection **table;
static int table_rows, epoll_fd;
static char read_buffer[READ_BYTES], frame_buffer[READ_BYTES + 65536], small_answer[256], *big_answer, *source_frame;
static size_t small_bytes, big_bytes, source_bytes;

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static void watch(int fd, int operation, uint32_t events) {
  struct epoll_event event = {.events = events, .data.fd = fd};
  if (epoll_ctl(epoll_fd, operation, fd, &event) < 0) fail("epoll_ctl");
}

static void drop(int fd) {
  struct connection *c = table[fd];
  table[fd] = NULL;
  free(c->out);
  free(c->request);
  free(c);
  close(fd);
}

static void keep(int fd, struct connection *c, const char *bytes, size_t count) {
  if (c->out_used + count > c->out_room) {
    c->out_room = (c->out_used + count) * 2;
    c->out = realloc(c->out, c->out_room);
    if (c->out == NULL) fail("realloc");
  }
  memcpy(c->out + c->out_used, bytes, count);
  c->out_used += count;
  if (!c->awaits_write) watch(fd, EPOLL_CTL_MOD, EPOLLOUT); // reads nothing more until this has gone
  c->awaits_write = 1;
}

static void put(int fd, struct connection *c, const char *bytes, size_t count) {
  if (c->is_closed) return;
  if (c->out_used == 0) {
    ssize_t sent = send(fd, bytes, count, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno != EAGAIN) { c->is_closed = 1; return; }
    if (sent > 0) { bytes += sent; count -= sent; }
  }
  if (count > 0) keep(fd, c, bytes, count);
}

static int header(unsigned char *to, int first, uint64_t length) {
  to[0] = first;
  if (length < 126) { to[1] = length; return 2; }
  if (length < 65536) { to[1] = 126; to[2] = length >> 8; to[3] = length; return 4; }
  to[1] = 127;
  for (int i = 0; i < 8; i++) to[2 + i] = length >> (56 - 8 * i);
  return 10;
}

static void feed_source(int fd, struct connection *c) {
  while (c->source_left > 0 && c->out_used == 0 && !c->is_closed) {
    uint64_t step = c->source_left < SOURCE_FRAME ? c->source_left : SOURCE_FRAME;
    if (step == SOURCE_FRAME) put(fd, c, source_frame, source_bytes);
    else {
      unsigned char head[10];
      put(fd, c, (char *)head, header(head, 0x82, step));
      put(fd, c, source_frame + 10, step);
    }
    c->source_left -= step;
  }
}

static void fan_out(const char *bytes, size_t count) {
  for (int fd = 0; fd < table_rows; fd++)
    if (table[fd] != NULL && table[fd]->role == FAN) put(fd, table[fd], bytes, count);
}

// A frame's header has ended: what is sent back begins with the same one, unmasked.
static int begin_frame(struct connection *c, char *to) {
  int length = c->head[1] & 127, at = 2 + (length == 126 ? 2 : length == 127 ? 8 : 0);
  c->left = length;
  if (length >= 126) { c->left = 0; for (int i = 2; i < at; i++) c->left = c->left << 8 | c->head[i]; }
  c->opcode = c->head[0] & 15;
  memcpy(c->mask, c->head + at, 4);
  c->masked = c->number = 0;
  if (c->role == SOURCE || (c->role == SINK && c->opcode == 2)) return 0;
  return header((unsigned char *)to, c->opcode == 9 ? 0x8a : c->head[0], c->left);
}

static size_t payload(struct connection *c, const unsigned char *from, size_t count, char *to) {
  if (c->role == SINK && c->opcode == 2) return 0;
  if (c->role == SOURCE) {
    for (size_t i = 0; i < count; i++) c->number = c->number * 10 + (from[i] ^ c->mask[(c->masked + i) & 3]) - '0';
    return 0;
  }
  if ((c->mask[0] | c->mask[1] | c->mask[2] | c->mask[3]) == 0) memcpy(to, from, count);
  else for (size_t i = 0; i < count; i++) to[i] = from[i] ^ c->mask[(c->masked + i) & 3];
  return count;
}

static void frames(int fd, struct connection *c, const unsigned char *bytes, size_t count) {
  size_t made = 0;
  for (size_t at = 0; at < count;) {
    if (c->left == 0) {
      int length = c->head_used > 1 ? c->head[1] & 127 : 0;
      int wanted = 6 + (length == 126 ? 2 : length == 127 ? 8 : 0);
      c->head[c->head_used++] = bytes[at++];
      if (c->head_used < 2 || c->head_used < wanted) continue;
      if (c->head_used == 2) continue;
      c->head_used = 0;
      made += begin_frame(c, frame_buffer + made);
    }
    size_t taken = count - at < c->left ? count - at : c->left;
    made += payload(c, bytes + at, taken, frame_buffer + made);
    at += taken; c->left -= taken; c->masked += taken;
    if (c->left == 0 && c->opcode == 8) c->is_closed = 1; // the echoed close frame goes out first
    if (c->left == 0 && c->role == SOURCE && c->opcode == 1) { c->source_left = c->number; feed_source(fd, c); }
    if (made > READ_BYTES) { if (c->role == FAN) fan_out(frame_buffer, made); else put(fd, c, frame_buffer, made); made = 0; }
  }
  int closes = c->is_closed;
  c->is_closed = 0;
  if (made > 0) { if (c->role == FAN && !closes) fan_out(frame_buffer, made); else put(fd, c, frame_buffer, made); }
  c->is_closed |= closes;
}

static int starts(const char *text, const char *with) {
  return strncmp(text, with, strlen(with)) == 0;
}

static void answer(int fd, struct connection *c, char *head) {
  const char *path = strchr(head, ' ');
  path = path == NULL ? "/" : path + 1;
  if (strcasestr(head, "\r\nupgrade: websocket") != NULL) {
    static const char switching[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"; // of the key that load always sends
    c->role = starts(path, "/fan") ? FAN : starts(path, "/sink") ? SINK : starts(path, "/source") ? SOURCE : ECHO;
    put(fd, c, switching, sizeof switching - 1);
    return;
  }
  const char *length = strcasestr(head, "\r\ncontent-length:");
  c->body_left = length == NULL ? 0 : strtoull(length + 17, NULL, 10);
  if (starts(path, "/64k")) put(fd, c, big_answer, big_bytes); else put(fd, c, small_answer, small_bytes);
  if (strcasestr(head, "\r\nconnection: close") != NULL) c->is_closed = 1;
}

static void http(int fd, struct connection *c, char *bytes, size_t count) {
  while (count > 0 && !c->is_closed) {
    size_t body = count < c->body_left ? count : c->body_left;
    c->body_left -= body; bytes += body; count -= body;
    if (count == 0) return;
    if (c->role != HTTP) { frames(fd, c, (unsigned char *)bytes, count); return; }
    if (c->request == NULL && (c->request = malloc(HEAD_BYTES + 1)) == NULL) fail("malloc");
    size_t room = HEAD_BYTES - c->request_used, taken = count < room ? count : room;
    memcpy(c->request + c->request_used, bytes, taken);
    c->request[c->request_used + taken] = 0;
    char *end = strstr(c->request, "\r\n\r\n");
    if (end == NULL) {
      c->request_used += taken;
      if (c->request_used == HEAD_BYTES) c->is_closed = 1;
      return;
    }
    size_t used = end + 4 - c->request - c->request_used;
    bytes += used; count -= used;
    end[2] = 0;
    c->request_used = 0;
    answer(fd, c, c->request);
    free(c->request);
    c->request = NULL;
  }
}

static void flush(int fd, struct connection *c) {
  ssize_t sent = send(fd, c->out + c->out_sent, c->out_used - c->out_sent, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent < 0) { if (errno != EAGAIN) c->is_closed = 1; return; }
  c->out_sent += sent;
  if (c->out_sent < c->out_used) return;
  free(c->out);
  c->out = NULL;
  c->out_used = c->out_sent = c->out_room = 0;
  feed_source(fd, c);
  if (c->out_used > 0) return;
  c->awaits_write = 0;
  watch(fd, EPOLL_CTL_MOD, EPOLLIN);
}

static void serve(int fd, uint32_t events) {
  struct connection *c = table[fd];
  if (events & EPOLLOUT) flush(fd, c);
  else {
    ssize_t count = read(fd, read_buffer, sizeof read_buffer);
    if (count == 0 || (count < 0 && errno != EAGAIN)) { drop(fd); return; }
    if (count > 0) http(fd, c, read_buffer, count);
  }
  if (c->is_closed && (c->out_used == 0 || events & (EPOLLERR | EPOLLHUP))) drop(fd);
}

static void take(int listener) {
  int one = 1, fd;
  while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
    if (fd >= table_rows || (table[fd] = calloc(1, sizeof(struct connection))) == NULL) { close(fd); continue; }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    watch(fd, EPOLL_CTL_ADD, EPOLLIN);
  }
}

// On both families, for "localhost" is one, the other or both.
static int bind_to(int port) {
  int one = 1, off = 0, fd = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  struct sockaddr_in6 any6 = {.sin6_family = AF_INET6, .sin6_addr = in6addr_any, .sin6_port = htons(port)};
  struct sockaddr_in any4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_ANY), .sin_port = htons(port)};
  struct sockaddr *address = (struct sockaddr *)&any6;
  socklen_t bytes = sizeof any6;
  if (fd < 0) {
    fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    address = (struct sockaddr *)&any4;
    bytes = sizeof any4;
  } else setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  if (fd < 0) fail("socket");
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(fd, address, bytes) < 0) fail("bind");
  if (listen(fd, 8192) < 0) fail("listen");
  return fd;
}

static void make_answers(void) {
  static const char small[] = "the smallest answer of the upstream\n";
  small_bytes = sprintf(small_answer, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n\r\n%s", sizeof small - 1, small);
  if ((big_answer = malloc(BIG_ANSWER + 256)) == NULL || (source_frame = malloc(SOURCE_FRAME + 16)) == NULL) fail("malloc");
  big_bytes = sprintf(big_answer, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n", BIG_ANSWER);
  memset(big_answer + big_bytes, 'x', BIG_ANSWER);
  big_bytes += BIG_ANSWER;
  memset(source_frame, 'x', SOURCE_FRAME + 16);
  source_bytes = SOURCE_FRAME + header((unsigned char *)source_frame, 0x82, SOURCE_FRAME);
}

int main(int count, char **arguments) {
  if (count < 2) { fprintf(stderr, "usage: echo PORT ...\n"); return 2; }
  signal(SIGPIPE, SIG_IGN);
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  table_rows = limit.rlim_cur < 1 << 20 ? limit.rlim_cur : 1 << 20;
  if ((table = calloc(table_rows, sizeof *table)) == NULL) fail("calloc");
  make_answers();
  if ((epoll_fd = epoll_create1(EPOLL_CLOEXEC)) < 0) fail("epoll_create1");
  int listeners_end = 0;
  for (int i = 1; i < count; i++) {
    int fd = bind_to(atoi(arguments[i]));
    watch(fd, EPOLL_CTL_ADD, EPOLLIN);
    if (fd >= listeners_end) listeners_end = fd + 1;
  }
  printf("listening\n");
  fflush(stdout);
  struct epoll_event events[EVENTS];
  for (;;) {
    int ready = epoll_wait(epoll_fd, events, EVENTS, -1);
    for (int i = 0; i < ready; i++) {
      int fd = events[i].data.fd;
      if (fd < listeners_end) take(fd);
      else if (table[fd] != NULL) serve(fd, events[i].events);
    }
  }
}
