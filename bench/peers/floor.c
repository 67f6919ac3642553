/* The floor: epoll, one thread, one raw send per display, no disk, no JSON. Started as: floor PORT
   It does not compute the accept key: the displays of the bench do not look at it. A display that is full is let go. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define MOST 65536
static const char UPGRADED[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
static const char ANSWER[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
static int displays[MOST], count, place[MOST];   /* place: of a descriptor among the displays, plus one */

static void let_go(int fd) {
    if (place[fd]) {
        displays[place[fd] - 1] = displays[--count];
        place[displays[place[fd] - 1]] = place[fd];
        place[fd] = 0;
    }
    close(fd);
}

/* An event of the same shape as ours around the posted text, sent to every display. */
static void tell_all(const char *body) {
    static int seq;
    char frame[2048], *text = strstr(body, "\"text\": \"");
    if (!text) return;
    text += 9;
    int size = snprintf(frame + 4, sizeof frame - 4,
        "{\"t\":\"ev\",\"s\":%d,\"h\":\"9f3a01bc\",\"p\":%d,\"m\":[{\"k\":\"screen_set\",\"d\":{\"screen\":{\"mode\":\"message\",\"text\":\"%.*s\"}}}]}",
        seq + 1, seq, (int)strcspn(text, "\""), text);
    seq++;
    frame[0] = (char)0x81, frame[1] = 126, frame[2] = (char)(size >> 8), frame[3] = (char)size;
    for (int at = count - 1; at >= 0; at--)
        if (send(displays[at], frame, size + 4, MSG_NOSIGNAL) != size + 4) let_go(displays[at]);
}

static void heed(int fd) {
    char read_bytes[8192];
    ssize_t size = recv(fd, read_bytes, sizeof read_bytes - 1, 0);
    if (size <= 0) { let_go(fd); return; }
    read_bytes[size] = 0;
    if (place[fd]) return;   /* a display says nothing of interest */
    if (strstr(read_bytes, "Upgrade: websocket")) {
        send(fd, UPGRADED, sizeof UPGRADED - 1, MSG_NOSIGNAL);
        displays[count++] = fd, place[fd] = count;
        return;
    }
    if (!strncmp(read_bytes, "POST", 4)) tell_all(read_bytes);
    send(fd, ANSWER, sizeof ANSWER - 1, MSG_NOSIGNAL);
}

int main(int argc, char **argv) {
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1, poll = epoll_create1(0);
    struct sockaddr_in here = { .sin_family = AF_INET, .sin_port = htons(argc > 1 ? atoi(argv[1]) : 0), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct epoll_event ready[1024], wanted = { .events = EPOLLIN, .data.fd = listener };
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (bind(listener, (struct sockaddr *)&here, sizeof here) || listen(listener, 4096)) { perror("floor"); return 1; }
    epoll_ctl(poll, EPOLL_CTL_ADD, listener, &wanted);
    for (;;) {
        int some = epoll_wait(poll, ready, 1024, -1);
        for (int at = 0; at < some; at++) {
            if (ready[at].data.fd != listener) { heed(ready[at].data.fd); continue; }
            int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
            if (fd < 0 || fd >= MOST) { if (fd >= 0) close(fd); continue; }
            wanted.data.fd = fd;
            epoll_ctl(poll, EPOLL_CTL_ADD, fd, &wanted);
        }
    }
}
