#!/usr/bin/perl
# What systemd does for xnet with the units in plugin/, for a host without systemd: holds xnet's socket (xnet.socket),
# starts xnet at the first connection (socket activation, sd_listen_fds(3)), and again when it ends unasked
# (Restart=always), with xnet.service's ExecStopPost= after every end. After a stop (exit code 0) the next connection starts it, as after `systemctl stop xnet.service`.
# Perl, since every Debian has it: Node cannot wait for a connection without taking it.
# Usage: unit.pl SOCKET PID_FILE STOP_POST CMD..
use strict;
use warnings;
use IO::Select;
use POSIX qw(dup2 setsid);
use Socket;

my ($path, $pid_file, $stop_post, @command) = @ARGV;
my $FIRST_FD = 3;
my $RESTART_S = 0.1;    # systemd's RestartSec

sub listen_at {
    my ($path) = @_;
    unlink $path;
    umask 0177;         # SocketMode=0600
    socket(my $socket, AF_UNIX, SOCK_STREAM, 0) or die "socket: $!";
    bind($socket, pack_sockaddr_un($path)) or die "bind $path: $!";
    listen($socket, 4096) or die "listen: $!";
    umask 0022;
    return $socket;
}

# In a session of its own: the lab signals its whole process group.
sub run_service {
    my ($socket) = @_;
    my $pid = fork() // die "fork: $!";
    if ($pid == 0) {
        setsid();
        open(my $file, '>', $pid_file) or die "$pid_file: $!";
        print $file "$$\n";
        close $file;
        dup2(fileno $socket, $FIRST_FD);
        @ENV{qw(LISTEN_PID LISTEN_FDS LISTEN_FDNAMES)} = ($$, 1, 'plugin');
        exec @command or POSIX::_exit(127);
    }
    waitpid $pid, 0;
    my $end = $?;
    system $stop_post;
    return $end;
}

$^F = $FIRST_FD;        # descriptor 3 stays open over exec
my $socket = listen_at($path);
my $queue = IO::Select->new($socket);
while (1) {
    $queue->can_read;
    while (run_service($socket) != 0) { select undef, undef, undef, $RESTART_S }
}
