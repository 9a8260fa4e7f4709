/* What the kernel alone costs: the bare loop of the system calls that a ping-pong needs, nothing else.
 *
 *   floor ping-pong SIZE SECONDS CLIENT_CORE SERVER_CORE SPIN AWAKE
 *   floor calls     SIZE SECONDS CORE
 *   floor flood     SIZE SECONDS CLIENT_CORE SERVER_CORE
 *
 * ping-pong: UDP on loopback, client and server as threads of one process, as in `rttp bench` without a target. Client:
 * clock, send, recv, clock on a connected socket. Server: recvfrom, sendto. SPIN 1 polls with MSG_DONTWAIT, 0 blocks.
 * AWAKE 1 holds /dev/cpu_dma_latency at 0. Prints percentiles of the round trip in ns, of all samples, sorted.
 * flood: one way as fast as it goes: send in a loop on a connected socket, recvmmsg in batches at the other end.
 * calls: ns of a bare system call, and of a datagram sent and received one by one and in batches of 32.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { WARMUP_NS = 500000000, MOST_PER_SECOND = 2000000, BATCH = 32, LARGEST = 65507 };

static void die(const char *what)
{
    fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
    exit(5);
}

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void pin(int core)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(core, &set);
    if (sched_setaffinity(0, sizeof set, &set) < 0)
        die("sched_setaffinity");
    prctl(PR_SET_TIMERSLACK, 1);
}

static int by_value(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static int bound(struct sockaddr_in *address)
{
    socklen_t length = sizeof *address;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    memset(address, 0, sizeof *address);
    address->sin_family = AF_INET;
    address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || bind(fd, (struct sockaddr *)address, sizeof *address) < 0
        || getsockname(fd, (struct sockaddr *)address, &length) < 0)
        die("bind");
    return fd;
}

static int connected(const struct sockaddr_in *address)
{
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)address, sizeof *address) < 0)
        die("connect");
    return fd;
}

struct server {
    int fd, core, spin;
};

/* Until an empty datagram comes. */
static void *serve(void *given)
{
    const struct server *server = given;
    int flags = server->spin ? MSG_DONTWAIT : 0;
    static char buffer[1 << 16];
    struct sockaddr_in from;
    pin(server->core);
    for (;;) {
        socklen_t length = sizeof from;
        ssize_t got = recvfrom(server->fd, buffer, sizeof buffer, flags, (struct sockaddr *)&from, &length);
        if (got == 0)
            return NULL;
        if (got > 0)
            sendto(server->fd, buffer, (size_t)got, MSG_DONTWAIT, (struct sockaddr *)&from, length);
        else if (errno != EAGAIN && errno != EINTR)
            die("recvfrom");
    }
}

static int ping_pong(size_t size, double seconds, int client_core, int server_core, int spin, int keep_awake)
{
    static char out[LARGEST], in[1 << 16];
    struct sockaddr_in address;
    struct server server = {bound(&address), server_core, spin};
    int fd = connected(&address), flags = spin ? MSG_DONTWAIT : 0, held = -1;
    size_t most = (size_t)(seconds * MOST_PER_SECOND) + 1, count = 0;
    uint32_t *samples = malloc(most * sizeof *samples);
    pthread_t thread;
    if (keep_awake && (held = open("/dev/cpu_dma_latency", O_WRONLY)) >= 0) {
        int32_t zero = 0;
        if (write(held, &zero, sizeof zero) != sizeof zero)
            die("/dev/cpu_dma_latency");
    }
    if (!samples)
        die("malloc");
    memset(samples, 1, most * sizeof *samples); /* no page fault while measuring */
    if (pthread_create(&thread, NULL, serve, &server))
        die("pthread_create");
    pin(client_core);
    alarm((unsigned)seconds + 10); /* nothing here waits for ever */
    uint64_t from = now_ns() + WARMUP_NS, end = from + (uint64_t)(seconds * 1e9), after = 0;
    while (after < end && count < most) {
        uint64_t before = now_ns();
        if (send(fd, out, size, MSG_DONTWAIT) < 0)
            die("send");
        while (recv(fd, in, sizeof in, flags) < 0)
            if (errno != EAGAIN && errno != EINTR)
                die("recv");
        after = now_ns();
        uint64_t took = after - before;
        if (before >= from)
            samples[count++] = took > UINT32_MAX ? UINT32_MAX : (uint32_t)took;
    }
    if (send(fd, out, 0, 0) < 0 || pthread_join(thread, NULL))
        die("the end");
    if (!count)
        return 1;
    qsort(samples, count, sizeof *samples, by_value);
    const char *names[] = {"P50", "P99", "P99.99"};
    const double quantiles[] = {0.5, 0.99, 0.9999};
    printf("{\"count\": %zu, \"awake\": %s", count, held >= 0 ? "true" : "false");
    for (int i = 0; i < 3; i++) {
        double rank = quantiles[i] * (double)count;
        size_t at = (size_t)rank + ((double)(size_t)rank < rank); /* the least rank that is not below it */
        printf(", \"%s\": %u", names[i], samples[at ? at - 1 : 0]);
    }
    printf(", \"max\": %u}\n", samples[count - 1]);
    return 0;
}

/* Counts until an empty datagram comes. */
static void *count(void *given)
{
    struct server *server = given;
    static char in[BATCH][2048];
    static struct mmsghdr batch[BATCH];
    static struct iovec parts[BATCH];
    size_t *received = calloc(1, sizeof *received);
    if (!received)
        die("calloc");
    pin(server->core);
    for (int i = 0; i < BATCH; i++) {
        parts[i] = (struct iovec){in[i], sizeof in[i]};
        batch[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1};
    }
    for (;;) {
        int got = recvmmsg(server->fd, batch, BATCH, MSG_WAITFORONE, NULL);
        if (got < 0 && errno != EINTR)
            die("recvmmsg");
        for (int i = 0; i < got; i++) {
            if (batch[i].msg_len == 0)
                return received;
            ++*received;
        }
    }
}

static int flood(size_t size, double seconds, int client_core, int server_core)
{
    static char out[LARGEST];
    struct sockaddr_in address;
    struct server server = {bound(&address), server_core, 0};
    int fd = connected(&address), buffer = 16 << 20;
    size_t sent = 0;
    void *received;
    pthread_t thread;
    setsockopt(server.fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer);
    if (pthread_create(&thread, NULL, count, &server))
        die("pthread_create");
    pin(client_core);
    alarm((unsigned)seconds + 10);
    uint64_t from = now_ns(), end = from + (uint64_t)(seconds * 1e9), at = from;
    for (; at < end; sent++) {
        if (send(fd, out, size, MSG_DONTWAIT) < 0)
            die("send");
        at = now_ns();
    }
    usleep(100000);
    for (int i = 0; i < 3; i++)
        send(fd, out, 0, 0);
    if (pthread_join(thread, &received))
        die("the end");
    double took = (double)(at - from) / 1e9;
    printf("{\"sent_pps\": %.1f, \"received_pps\": %.1f}\n", (double)sent / took, (double)*(size_t *)received / took);
    return 0;
}

static int calls(size_t size, double seconds, int core)
{
    static char out[LARGEST], in[BATCH][LARGEST + 1];
    struct sockaddr_in address;
    int to = bound(&address), fd = connected(&address);
    struct mmsghdr send_batch[BATCH], receive_batch[BATCH];
    struct iovec send_parts[BATCH], receive_parts[BATCH];
    enum { MOST = 100000 };
    static uint32_t call[MOST], single[MOST], batch[MOST];
    size_t rounds = 0;
    memset(send_batch, 0, sizeof send_batch);
    memset(receive_batch, 0, sizeof receive_batch);
    for (int i = 0; i < BATCH; i++) {
        send_parts[i] = (struct iovec){out, size};
        receive_parts[i] = (struct iovec){in[i], sizeof in[i]};
        send_batch[i].msg_hdr = (struct msghdr){.msg_iov = &send_parts[i], .msg_iovlen = 1};
        receive_batch[i].msg_hdr = (struct msghdr){.msg_iov = &receive_parts[i], .msg_iovlen = 1};
    }
    pin(core);
    alarm((unsigned)seconds + 10);
    for (uint64_t end = now_ns() + (uint64_t)(seconds * 1e9); now_ns() < end && rounds < MOST; rounds++) {
        uint64_t t0 = now_ns();
        for (int i = 0; i < BATCH; i++)
            syscall(SYS_getppid);
        uint64_t t1 = now_ns();
        for (int i = 0; i < BATCH; i++)
            if (send(fd, out, size, MSG_DONTWAIT) < 0)
                die("send");
        for (int i = 0; i < BATCH; i++)
            if (recv(to, in[0], sizeof in[0], MSG_DONTWAIT) < 0)
                die("recv");
        uint64_t t2 = now_ns();
        if (sendmmsg(fd, send_batch, BATCH, MSG_DONTWAIT) != BATCH)
            die("sendmmsg");
        if (recvmmsg(to, receive_batch, BATCH, MSG_DONTWAIT, NULL) != BATCH)
            die("recvmmsg");
        uint64_t t3 = now_ns();
        call[rounds] = (uint32_t)(t1 - t0);
        single[rounds] = (uint32_t)(t2 - t1);
        batch[rounds] = (uint32_t)(t3 - t2);
    }
    if (!rounds)
        return 1;
    qsort(call, rounds, sizeof *call, by_value);
    qsort(single, rounds, sizeof *single, by_value);
    qsort(batch, rounds, sizeof *batch, by_value);
    printf("{\"rounds\": %zu, \"call_ns\": %.1f, \"single_ns\": %.1f, \"batch_ns\": %.1f}\n", rounds,
           (double)call[rounds / 2] / BATCH, (double)single[rounds / 2] / BATCH, (double)batch[rounds / 2] / BATCH);
    return 0;
}

int main(int argc, char **argv)
{
    size_t size = argc > 2 ? (size_t)atol(argv[2]) : 0;
    double seconds = argc > 3 ? atof(argv[3]) : 0;
    if (size >= 1 && size <= LARGEST && seconds > 0 && seconds <= 3600) {
        if (argc == 8 && !strcmp(argv[1], "ping-pong")) {
            int client = atoi(argv[4]), server = atoi(argv[5]), spin = atoi(argv[6]);
            if (spin && client == server) {
                fprintf(stderr, "floor: spinning needs two cores\n");
                return 2;
            }
            return ping_pong(size, seconds, client, server, spin, atoi(argv[7]));
        }
        if (argc == 6 && !strcmp(argv[1], "flood"))
            return flood(size, seconds, atoi(argv[4]), atoi(argv[5]));
        if (argc == 5 && !strcmp(argv[1], "calls"))
            return calls(size, seconds, atoi(argv[4]));
    }
    fprintf(stderr, "usage: floor ping-pong SIZE SECONDS CLIENT_CORE SERVER_CORE SPIN AWAKE\n"
                    "       floor calls SIZE SECONDS CORE\n");
    return 2;
}
