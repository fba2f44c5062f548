/* The echo service of this book on level-triggered epoll, in plain C, on one thread: what the book's servers are measured
 * against. It prints the lines they print, so that their cost is on both sides; with `quiet` as second argument none for a
 * request, as some of them. cc -O2 -o epoll epoll.c; ./epoll 127.0.0.1:8000 */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS 1024
#define BUFFER 100

/* What a client was not yet sent. Empty most of the time: the buffer that is read into belongs to all. */
struct connection {
    int fd;
    struct sockaddr_in client;
    size_t length;
    char pending[BUFFER];
};

static int quiet;

static void fail(const char *doing) {
    perror(doing);
    exit(1);
}

/* One line on standard output, one call. Nobody may be reading: that is no reason to end. */
static void say(const struct sockaddr_in *client, const char *what) {
    char host[INET_ADDRSTRLEN], line[64 + 4 * BUFFER + 64];
    inet_ntop(AF_INET, &client->sin_addr, host, sizeof host);
    int length = snprintf(line, sizeof line, "%s:%u %s\n", host, ntohs(client->sin_port), what);
    if (write(STDOUT_FILENO, line, (size_t)length) < 0)
        return;
}

static void said(const struct sockaddr_in *client, const char *bytes, size_t n) {
    char what[4 * BUFFER + 32];
    int length = snprintf(what, sizeof what, "said %zu bytes: ", n);
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)bytes[i];
        if (c == '\n' || c == '\r' || c == '\t')
            length += sprintf(what + length, "\\%c", c == '\n' ? 'n' : c == '\r' ? 'r' : 't');
        else if (c == '"' || c == '\'' || c == '\\')
            length += sprintf(what + length, "\\%c", c);
        else if (c < 128 && isprint(c))
            what[length++] = (char)c;
        else
            length += sprintf(what + length, "\\x%02x", c);
    }
    what[length] = 0;
    say(client, what);
}

static void gone(struct connection *connection, const char *why) {
    char what[160];
    snprintf(what, sizeof what, "gone: %s", why);
    say(&connection->client, what);
    close(connection->fd); /* the kernel takes it out of the epoll instance */
    free(connection);
}

static void watch(int epoll, struct connection *connection, int operation, unsigned events) {
    struct epoll_event event = {.events = events, .data.ptr = connection};
    if (epoll_ctl(epoll, operation, connection->fd, &event) < 0)
        fail("epoll_ctl");
}

/* Sends what is pending; 0 when all is sent, 1 when the client must take some first, -1 when it is gone. */
static int flush(struct connection *connection) {
    while (connection->length > 0) {
        ssize_t n = send(connection->fd, connection->pending, connection->length, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EAGAIN ? 1 : -1;
        connection->length -= (size_t)n;
        memmove(connection->pending, connection->pending + n, connection->length);
    }
    return 0;
}

static void serve(int epoll, struct connection *connection, unsigned events) {
    if (connection->length > 0) {
        if (!(events & (EPOLLOUT | EPOLLERR | EPOLLHUP)))
            return;
        int left = flush(connection);
        if (left < 0)
            gone(connection, strerror(errno));
        else if (left == 0)
            watch(epoll, connection, EPOLL_CTL_MOD, EPOLLIN);
        return;
    }
    char buffer[BUFFER];
    ssize_t n = recv(connection->fd, buffer, sizeof buffer, 0);
    if (n < 0) {
        if (errno != EAGAIN && errno != EINTR)
            gone(connection, strerror(errno));
        return;
    }
    if (n == 0) {
        gone(connection, "end of stream");
        return;
    }
    if (!quiet)
        said(&connection->client, buffer, (size_t)n);
    ssize_t sent = send(connection->fd, buffer, (size_t)n, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN && errno != EINTR) {
        gone(connection, strerror(errno));
        return;
    }
    if (sent < 0)
        sent = 0;
    if (sent < n) {
        connection->length = (size_t)(n - sent);
        memcpy(connection->pending, buffer + sent, connection->length);
        watch(epoll, connection, EPOLL_CTL_MOD, EPOLLOUT);
    }
}

static void accept_all(int epoll, int listener) {
    for (;;) {
        struct sockaddr_in client;
        socklen_t length = sizeof client;
        int fd = accept4(listener, (struct sockaddr *)&client, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            if (errno == EAGAIN)
                return;
            if (errno == EINTR || errno == ECONNABORTED)
                continue;
            perror("accept");
            poll(NULL, 0, 100); /* out of descriptors: asking again at once would spin */
            return;
        }
        struct connection *connection = calloc(1, sizeof *connection);
        if (!connection) {
            close(fd);
            continue;
        }
        connection->fd = fd;
        connection->client = client;
        say(&client, "came");
        watch(epoll, connection, EPOLL_CTL_ADD, EPOLLIN);
    }
}

int main(int argc, char **argv) {
    char *text = strdup(argc > 1 ? argv[1] : "127.0.0.1:8000");
    char *colon = strrchr(text, ':');
    struct sockaddr_in address = {.sin_family = AF_INET};
    quiet = argc > 2 && strcmp(argv[2], "quiet") == 0;
    if (colon)
        *colon = 0;
    if (!colon || inet_pton(AF_INET, text, &address.sin_addr) != 1) {
        fprintf(stderr, "%s is no address; write 127.0.0.1:8000\n", argv[1]);
        return 1;
    }
    address.sin_port = htons((unsigned short)atoi(colon + 1));
    int yes = 1;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (listener < 0)
        fail("socket");
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0 || listen(listener, SOMAXCONN) < 0)
        fail("listening");
    socklen_t length = sizeof address;
    getsockname(listener, (struct sockaddr *)&address, &length);
    printf("listening on %s:%u\n", text, ntohs(address.sin_port));
    fflush(stdout);
    signal(SIGPIPE, SIG_IGN);
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event) < 0)
        fail("epoll");
    static struct epoll_event events[EVENTS];
    for (;;) {
        int n = epoll_wait(epoll, events, EVENTS, -1);
        if (n < 0 && errno != EINTR)
            fail("epoll_wait");
        for (int i = 0; i < n; i++) {
            if (events[i].data.ptr)
                serve(epoll, events[i].data.ptr, events[i].events);
            else
                accept_all(epoll, listener);
        }
    }
}
