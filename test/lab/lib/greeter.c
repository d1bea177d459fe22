/*
 * greeter PORT NAME: answers whatever asks it over TCP or UDP, IPv4 or IPv6, with NAME and a newline. One process that
 * waits for one thing: socat with RECVFROM and fork may miss that its child has taken a datagram, and stand still.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int bound(int type, int port) {
  struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = IN6ADDR_ANY_INIT};
  int on = 1, off = 0, fd = socket(AF_INET6, type, 0);
  setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(fd, (struct sockaddr *)&any, sizeof any) || (type == SOCK_STREAM && listen(fd, 128)))
    perror("greeter"), exit(1);
  return fd;
}

int main(int argc, char **argv) {
  char greeting[256], question[2048];
  struct sockaddr_in6 peer;
  if (argc != 3) return fputs("usage: greeter PORT NAME\n", stderr), 1;
  int length = snprintf(greeting, sizeof greeting, "%.254s\n", argv[2]);
  int udp = bound(SOCK_DGRAM, atoi(argv[1])), tcp = bound(SOCK_STREAM, atoi(argv[1]));
  struct pollfd asked[] = {{.fd = udp, .events = POLLIN}, {.fd = tcp, .events = POLLIN}};
  signal(SIGPIPE, SIG_IGN);
  for (;;) {
    poll(asked, 2, -1);
    if (asked[0].revents) {
      socklen_t size = sizeof peer;
      if (recvfrom(udp, question, sizeof question, 0, (struct sockaddr *)&peer, &size) >= 0)
        sendto(udp, greeting, length, 0, (struct sockaddr *)&peer, size);
    }
    if (asked[1].revents) {
      int client = accept(tcp, NULL, NULL);
      if (client >= 0) write(client, greeting, length), close(client);
    }
  }
}
