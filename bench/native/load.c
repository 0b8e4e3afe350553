// load: the client side of every workload: load MODE key=value ... opens what it needs, prints a line of JSON, starts at a
// byte on its input, prints its figures (times in microseconds) and holds all it has open until the input ends. One
// epoll loop; frames are masked with the key 0, so that the load is cheap and still RFC 6455.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { READ_BYTES = 1 << 20, EVENTS = 512, STALL_MS = 20000, HEAD_BYTES = 4096 };

struct connection {
  int fd, awaits_write, is_outstanding, head_used, is_last;
  char head[512]; // of an HTTP answer or a 101, until it has ended
  size_t to_send, to_read; // of the message at hand
  const char *bytes; // where the rest of it is
  double since, missed_since; // when it was due; the first slot that found it outstanding (pace)
  long missed;
};

static int argument_count, epoll_fd;
static char **arguments, read_buffer[READ_BYTES];
static struct sockaddr_in target;
static double *latency;
static long latency_count, latency_room;

static void fail(const char *what) {
  fprintf(stderr, "load: %s%s%s\n", what, errno ? ": " : "", errno ? strerror(errno) : "");
  exit(1);
}

static void refuse(const char *what) {
  errno = 0;
  fail(what);
}

static const char *text(const char *name, const char *fallback) {
  size_t length = strlen(name);
  for (int i = 2; i < argument_count; i++)
    if (strncmp(arguments[i], name, length) == 0 && arguments[i][length] == '=') return arguments[i] + length + 1;
  return fallback;
}

static long number(const char *name, long fallback) {
  const char *found = text(name, NULL);
  return found == NULL ? fallback : atol(found);
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec + time.tv_nsec / 1e9;
}

static void *room(size_t count, size_t bytes) {
  void *made = calloc(count, bytes);
  if (made == NULL) fail("calloc");
  return made;
}

static void record(double seconds) {
  if (latency_count == latency_room) {
    latency_room = latency_room == 0 ? 1 << 16 : latency_room * 2;
    if ((latency = realloc(latency, latency_room * sizeof *latency)) == NULL) fail("realloc");
  }
  latency[latency_count++] = seconds;
}

static int by_size(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return x < y ? -1 : x > y;
}

static void print_latency(void) {
  if (latency_count == 0) refuse("nothing was measured");
  qsort(latency, latency_count, sizeof *latency, by_size);
  printf(",\"p50\":%.1f,\"p99\":%.1f,\"max\":%.1f", latency[latency_count / 2] * 1e6,
         latency[(long)((latency_count - 1) * 0.99)] * 1e6, latency[latency_count - 1] * 1e6);
}

static void watch(struct connection *c, int operation, uint32_t events) {
  struct epoll_event event = {.events = events, .data.ptr = c};
  if (epoll_ctl(epoll_fd, operation, c->fd, &event) < 0) fail("epoll_ctl");
}

static void connect_to(struct connection *c) {
  int one = 1;
  if ((c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0)) < 0) fail("socket");
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (connect(c->fd, (struct sockaddr *)&target, sizeof target) < 0 && errno != EINPROGRESS) fail("connect");
  c->awaits_write = 1;
  watch(c, EPOLL_CTL_ADD, EPOLLIN | EPOLLOUT);
}

/** Sends what is left of the message at hand; what the socket does not take waits for EPOLLOUT. */
static void push(struct connection *c) {
  while (c->to_send > 0) {
    ssize_t sent = send(c->fd, c->bytes, c->to_send, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) fail("send");
    if (sent < 0) {
      if (!c->awaits_write) watch(c, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
      c->awaits_write = 1;
      return;
    }
    c->bytes += sent;
    c->to_send -= sent;
  }
  if (c->awaits_write) watch(c, EPOLL_CTL_MOD, EPOLLIN);
  c->awaits_write = 0;
}

static void say(struct connection *c, const char *bytes, size_t count, size_t answer, double since) {
  c->bytes = bytes;
  c->to_send = count;
  c->to_read = answer;
  c->since = since;
  c->is_outstanding = 1;
  push(c);
}

static ssize_t take(struct connection *c) {
  ssize_t count = recv(c->fd, read_buffer, sizeof read_buffer, 0);
  if (count < 0 && errno == EAGAIN) return -1;
  if (count < 0) fail("recv");
  return count;
}

static int next_events(struct epoll_event *events, int timeout_ms) {
  int ready = epoll_wait(epoll_fd, events, EVENTS, timeout_ms);
  if (ready < 0 && errno != EINTR) fail("epoll_wait");
  return ready < 0 ? 0 : ready;
}

static int next_or_stall(struct epoll_event *events) {
  int ready = next_events(events, STALL_MS);
  if (ready == 0) refuse("no answer for 20 seconds");
  return ready;
}

/** A whole head, put together in c->head: its length, or 0 while it has not ended. What came behind it moves to the buffer's start. */
static size_t take_head(struct connection *c, ssize_t *count) {
  size_t had = c->head_used, wanted = sizeof c->head - 1 - had, taken = (size_t)*count < wanted ? (size_t)*count : wanted;
  memcpy(c->head + had, read_buffer, taken);
  c->head[had + taken] = 0;
  char *end = strstr(c->head, "\r\n\r\n");
  if (end == NULL) {
    c->head_used += taken;
    if (c->head_used == sizeof c->head - 1) refuse("the head of an answer is too long");
    return 0;
  }
  size_t bytes = end + 4 - c->head, used = bytes - had;
  end[2] = 0;
  c->head_used = 0;
  *count -= used;
  memmove(read_buffer, read_buffer + used, *count);
  return bytes;
}

static size_t upgrade_request(char *to, const char *path) {
  return sprintf(to, "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n", path, text("host", "localhost"));
}

/** Opens them, at most `together` at a time; `close_each` lets go of each at its 101. The seconds that it took. */
static double open_all(struct connection *all, long count, const char *path, int close_each) {
  char request[HEAD_BYTES];
  size_t bytes = upgrade_request(request, path);
  long together = number("together", 32), begun = 0, done = 0;
  double start = now();
  struct epoll_event events[EVENTS];
  while (done < count) {
    while (begun < count && begun - done < together) {
      connect_to(&all[begun]);
      all[begun].bytes = request;
      all[begun++].to_send = bytes;
      all[begun - 1].since = now();
    }
    for (int ready = next_or_stall(events), i = 0; i < ready; i++) {
      struct connection *c = events[i].data.ptr;
      if (c->awaits_write) push(c);
      if (!(events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))) continue;
      ssize_t got = take(c);
      if (got < 0) continue;
      if (got == 0) refuse("closed during the handshake");
      if (take_head(c, &got) == 0) continue;
      if (strncmp(c->head, "HTTP/1.1 101", 12) != 0) refuse(c->head);
      record(now() - c->since);
      if (close_each) { close(c->fd); c->fd = -1; }
      done++;
    }
  }
  return now() - start;
}

/** Says that all is open and waits for the byte that starts. */
static void gate(long opened) {
  char go;
  printf("{\"opened\":%ld}\n", opened);
  fflush(stdout);
  if (read(STDIN_FILENO, &go, 1) < 0) fail("read");
  latency_count = 0;
}

static size_t header_bytes(size_t payload) {
  return payload < 126 ? 2 : payload < 65536 ? 4 : 10;
}

/** A masked frame whose key is 0; `first` is FIN and the opcode. */
static size_t frame(char *to, int first, const char *payload, size_t count) {
  size_t head = header_bytes(count);
  to[0] = first;
  to[1] = 0x80 | (head == 2 ? count : head == 4 ? 126 : 127);
  for (size_t i = 2; i < head; i++) to[i] = (uint64_t)count >> (8 * (head - 1 - i));
  memset(to + head, 0, 4);
  if (payload == NULL) memset(to + head + 4, 'x', count); else memcpy(to + head + 4, payload, count);
  return head + 4 + count;
}

static void echo(void) {
  long count = number("conns", 100), messages = number("messages", 10000), size = number("size", 64), begun = 0, done = 0;
  struct connection *all = room(count, sizeof *all);
  char *message = room(size + 32, 1);
  size_t bytes = frame(message, 0x82, NULL, size), answer = header_bytes(size) + size;
  open_all(all, count, "/chat", 0);
  gate(count);
  double start = now();
  for (; begun < count && begun < messages; begun++) say(&all[begun], message, bytes, answer, now());
  struct epoll_event events[EVENTS];
  while (done < messages) {
    for (int ready = next_or_stall(events), i = 0; i < ready; i++) {
      struct connection *c = events[i].data.ptr;
      if (events[i].events & EPOLLOUT) push(c);
      if (!(events[i].events & ~EPOLLOUT)) continue;
      ssize_t got = take(c);
      if (got < 0) continue;
      if (got == 0 || (size_t)got > c->to_read) refuse(got == 0 ? "closed" : "more came than was sent");
      if ((c->to_read -= got) > 0) continue;
      record(now() - c->since);
      done++;
      if (begun < messages) { begun++; say(c, message, bytes, answer, now()); }
    }
  }
  double seconds = now() - start;
  printf("{\"messages\":%ld,\"seconds\":%.6f,\"perSecond\":%.1f", messages, seconds, messages / seconds);
  print_latency();
  printf("}\n");
}

/** One answer of a paced connection: the slots that it kept waiting count from when they were due. */
static void paced(struct connection *c, double at, double step) {
  record(at - c->since);
  for (long i = 0; i < c->missed; i++) record(at - (c->missed_since + i * step));
  c->missed = 0;
  c->is_outstanding = 0;
}

static void pace(void) {
  long count = number("conns", 100), size = number("size", 64), turn = 0, sent = 0;
  double step = number("every_ms", 50) / 1e3, length = number("ms", 5000) / 1e3, longest = 0;
  struct connection *all = room(count, sizeof *all);
  char *message = room(size + 32, 1);
  size_t bytes = frame(message, 0x82, NULL, size), answer = header_bytes(size) + size;
  open_all(all, count, "/chat", 0);
  gate(count);
  double start = now(), last = start, at = start;
  struct epoll_event events[EVENTS];
  while ((at = now()) < start + length) {
    for (double due; (due = start + turn * step / count) <= at; turn++) {
      struct connection *c = &all[turn % count];
      if (!c->is_outstanding) { say(c, message, bytes, answer, due); sent++; }
      else if (c->missed++ == 0) c->missed_since = due;
    }
    for (int ready = next_events(events, 1), i = 0; i < ready; i++) {
      struct connection *c = events[i].data.ptr;
      if (c->to_send > 0) push(c);
      ssize_t got = take(c);
      if (got < 0) continue;
      if (got == 0) refuse("closed");
      if ((c->to_read -= got) > 0) continue;
      at = now();
      paced(c, at, step);
      if (at - last > longest) longest = at - last;
      last = at;
    }
  }
  for (long i = 0; i < count; i++) if (all[i].is_outstanding) paced(&all[i], at, step);
  if (at - last > longest) longest = at - last;
  printf("{\"messages\":%ld,\"longestGap\":%.1f", sent, longest * 1e6);
  print_latency();
  printf("}\n");
}

static void handshakes(void) {
  long count = number("count", 1000);
  gate(0);
  double seconds = open_all(room(count, sizeof(struct connection)), count, "/chat", 1);
  printf("{\"handshakes\":%ld,\"seconds\":%.6f,\"perSecond\":%.1f", count, seconds, count / seconds);
  print_latency();
  printf("}\n");
}

/** Holds them until the standard input ends; with ping_ms each sends a ping in that time, spread evenly. */
static void hold(void) {
  long count = number("conns", 1000), turn = 0, pongs = 0;
  double step = number("ping_ms", 0) / 1e3;
  struct connection *all = room(count, sizeof *all);
  char ping[16];
  size_t bytes = frame(ping, 0x89, NULL, 0);
  open_all(all, count, "/chat", 0);
  gate(count);
  struct connection input = {.fd = STDIN_FILENO};
  watch(&input, EPOLL_CTL_ADD, EPOLLIN);
  double start = now();
  struct epoll_event events[EVENTS];
  for (int ended = 0; !ended;) {
    if (step > 0) for (; start + turn * step / count <= now(); turn++) say(&all[turn % count], ping, bytes, 2, 0);
    for (int ready = next_events(events, step > 0 ? 5 : -1), i = 0; i < ready; i++) {
      struct connection *c = events[i].data.ptr;
      if (c == &input) ended = read(STDIN_FILENO, read_buffer, 64) <= 0;
      else if (events[i].events & ~EPOLLOUT) {
        ssize_t got = take(c);
        if (got == 0) refuse("a held connection was closed");
        if (got > 0) pongs += got / 2;
      }
    }
  }
  printf("{\"pings\":%ld,\"pongs\":%ld}\n", turn, pongs);
}

static void fan(void) {
  long count = number("conns", 5000), messages = number("messages", 5), size = number("size", 64);
  struct connection *all = room(count, sizeof *all);
  char *message = room(size + 32, 1);
  size_t bytes = frame(message, 0x82, NULL, size), answer = header_bytes(size) + size;
  double *spread = room(messages, sizeof *spread);
  open_all(all, count, "/fan", 0);
  gate(count);
  struct epoll_event events[EVENTS];
  for (long round = 0; round < messages; round++) {
    for (long i = 0; i < count; i++) all[i].to_read = answer;
    double start = now(), first = 0;
    say(&all[0], message, bytes, answer, start);
    for (long done = 0; done < count;) {
      for (int ready = next_or_stall(events), i = 0; i < ready; i++) {
        struct connection *c = events[i].data.ptr;
        ssize_t got = take(c);
        if (got < 0) continue;
        if (got == 0 || (size_t)got > c->to_read) refuse("not what was sent to all");
        if ((c->to_read -= got) > 0) continue;
        double at = now();
        if (first == 0) first = at;
        record(at - start);
        if (++done == count) spread[round] = at - first;
      }
    }
  }
  qsort(spread, messages, sizeof *spread, by_size);
  printf("{\"deliveries\":%ld,\"firstToLast\":%.1f", count * messages, spread[messages / 2] * 1e6);
  print_latency();
  printf("}\n");
}

/** One way: `bytes` to the peer in frames of 64 KiB and a text at the end that comes back; or as many from the peer. */
static void stream(void) {
  enum { PAYLOAD = 65536 };
  int up = strcmp(text("way", "up"), "up") == 0;
  long total = number("bytes", 1 << 28);
  struct connection one = {0};
  static char block[PAYLOAD + 32];
  char last[64], digits[32];
  size_t block_bytes = frame(block, 0x82, NULL, PAYLOAD);
  open_all(&one, 1, up ? "/sink" : "/source", 0);
  gate(1);
  double start = now();
  for (long left = up ? total : 0; left > 0; left -= PAYLOAD) {
    for (one.bytes = block, one.to_send = block_bytes; one.to_send > 0;) {
      ssize_t sent = send(one.fd, one.bytes, one.to_send, MSG_NOSIGNAL);
      if (sent < 0 && errno != EAGAIN) fail("send");
      if (sent < 0) { struct pollfd full = {.fd = one.fd, .events = POLLOUT}; poll(&full, 1, STALL_MS); continue; }
      one.bytes += sent;
      one.to_send -= sent;
    }
  }
  size_t bytes = frame(last, 0x81, digits, sprintf(digits, "%ld", total));
  size_t whole = total / PAYLOAD, rest = total % PAYLOAD;
  size_t answer = up ? 2 + strlen(digits) : whole * (PAYLOAD + 10) + (rest > 0 ? rest + header_bytes(rest) : 0);
  struct epoll_event events[EVENTS];
  for (say(&one, last, bytes, answer, now()); one.to_read > 0;) {
    next_or_stall(events);
    if (one.awaits_write) push(&one);
    ssize_t got = take(&one);
    if (got == 0 || (got > 0 && (size_t)got > one.to_read)) refuse("the stream is not what was asked for");
    if (got > 0) one.to_read -= got;
  }
  double seconds = now() - start;
  printf("{\"bytes\":%ld,\"seconds\":%.6f,\"gigabytesPerSecond\":%.4f}\n", total, seconds, total / seconds / 1e9);
}

static size_t plain_request(char *to, long turn) {
  long posts = number("post", 0), hosts = number("hosts", 0), paths = number("paths", 0);
  char host[64], path[64];
  if (hosts > 0) snprintf(host, sizeof host, "s%ld.test", turn % hosts);
  else snprintf(host, sizeof host, "localhost");
  if (paths > 0) snprintf(path, sizeof path, "/l%ld/", turn % paths);
  else snprintf(path, sizeof path, "%s", text("path", "/"));
  size_t bytes = sprintf(to, "%s %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: load\r\nAccept: */*\r\n", posts > 0 ? "POST" : "GET", path, host);
  if (posts > 0) bytes += sprintf(to + bytes, "Content-Length: %ld\r\n", posts);
  bytes += sprintf(to + bytes, "\r\n");
  memset(to + bytes, 'x', posts);
  return bytes + posts;
}

/** The answer's head has come when this is nonzero: to_read is then what is left of its body. */
static int answered(struct connection *c, ssize_t *got) {
  if (c->to_read == SIZE_MAX) {
    if (take_head(c, got) == 0) return 0;
    const char *length = strcasestr(c->head, "\r\ncontent-length:");
    if (strncmp(c->head, "HTTP/1.1 2", 10) != 0 || length == NULL) refuse(c->head);
    c->to_read = strtoull(length + 17, NULL, 10);
    c->is_last = strcasestr(c->head, "\r\nconnection: close") != NULL;
  }
  if ((size_t)*got > c->to_read) refuse("more than one answer");
  return (c->to_read -= *got) == 0;
}

static void ask_anew(struct connection *c, const char *request, size_t bytes) {
  connect_to(c);
  c->bytes = request;
  c->to_send = bytes;
  c->to_read = SIZE_MAX;
  c->since = now();
}

static void http(void) {
  long count = number("conns", 64), requests = number("requests", 10000), closes = number("close", 0), begun = 0, done = 0;
  long turns = number("hosts", 0) > 0 || number("paths", 0) > 0 ? requests : 1;
  if (turns > 4096) turns = 4096;
  struct connection *all = room(count, sizeof *all);
  char **texts = room(turns, sizeof *texts);
  size_t *bytes = room(turns, sizeof *bytes);
  for (long i = 0; i < turns; i++) bytes[i] = plain_request(texts[i] = room(HEAD_BYTES + number("post", 0), 1), i * number("stride", 1));
  gate(0);
  double start = now();
  for (; begun < count && begun < requests; begun++) ask_anew(&all[begun], texts[begun % turns], bytes[begun % turns]);
  struct epoll_event events[EVENTS];
  while (done < requests) {
    for (int ready = next_or_stall(events), i = 0; i < ready; i++) {
      struct connection *c = events[i].data.ptr;
      if (c->awaits_write) push(c);
      if (!(events[i].events & ~EPOLLOUT)) continue;
      ssize_t got = take(c);
      if (got < 0) continue;
      if (got == 0) refuse("closed before the answer's end");
      if (!answered(c, &got)) continue;
      record(now() - c->since);
      done++;
      if (begun >= requests) continue;
      long turn = begun++ % turns;
      if (closes || c->is_last) { close(c->fd); ask_anew(c, texts[turn], bytes[turn]); }
      else say(c, texts[turn], bytes[turn], SIZE_MAX, now());
    }
  }
  double seconds = now() - start;
  printf("{\"requests\":%ld,\"seconds\":%.6f,\"perSecond\":%.1f", requests, seconds, requests / seconds);
  print_latency();
  printf("}\n");
}

int main(int count, char **given) {
  argument_count = count;
  arguments = given;
  if (count < 3) { fprintf(stderr, "usage: load MODE port=N key=value ...\n"); return 2; }
  signal(SIGPIPE, SIG_IGN);
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  target = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(number("port", 0)), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  if ((epoll_fd = epoll_create1(0)) < 0) fail("epoll_create1");
  static const struct { const char *name; void (*run)(void); } modes[] = {
    {"echo", echo}, {"pace", pace}, {"handshakes", handshakes}, {"hold", hold}, {"fan", fan}, {"stream", stream}, {"http", http},
  };
  for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
    if (strcmp(modes[i].name, given[1]) == 0) {
      modes[i].run();
      fflush(stdout);
      while (read(STDIN_FILENO, read_buffer, sizeof read_buffer) > 0) {}
      return 0;
    }
  refuse("no such mode");
}
