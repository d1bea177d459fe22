/*
 * musl-getent NAME: what `getent ahosts` is to glibc, for musl, whose resolver behaves otherwise (it asks for A and AAAA
 * at once, knows no NSS). Prints the addresses, one a line, and ends with 2 when there are none, or the name is unknown.
 */
#include <netdb.h>
#include <stdio.h>
#include <sys/socket.h>

int main(int argc, char **argv) {
  struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *found, *each;
  char text[256]; /* ample for an IPv6 address with its zone */
  if (argc != 2) return fputs("usage: musl-getent NAME\n", stderr), 1;
  int failure = getaddrinfo(argv[1], NULL, &hints, &found);
  if (failure) return fprintf(stderr, "musl-getent: %s: %s\n", argv[1], gai_strerror(failure)), 2;
  for (each = found; each; each = each->ai_next)
    if (!getnameinfo(each->ai_addr, each->ai_addrlen, text, sizeof text, NULL, 0, NI_NUMERICHOST)) puts(text);
  return 0;
}
