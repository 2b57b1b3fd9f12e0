package SealKM::Ports;

# The one place where a test's ports come from: nginx' own, those of its other
# servers, of Redis, of the buses of a cluster, of fakes, and those where nobody
# is to listen.
#
#     free_port()              a port: at no address does anyone use it, TCP or
#                              UDP, and until this process ends no other test is
#                              given it
#     free_port(10_000)        the same, and of port + 10000, too
#     listen_at($host, $port, %more)     a socket that listens there, with more
#                              options of IO::Socket::IP; dies if it cannot
#     listen_twin($host, $port)   where "localhost" is ::1 too, so that nginx may
#                              go there, a socket at that port of ::1 besides the
#                              one of 127.0.0.1; else nothing
#     dual_localhost()         1 where it is, as on most machines
#
# A port is reserved by a socket of the abstract UNIX namespace that bears its
# number.  Only one process can have that, whoever's it is and in whichever
# folder it runs; and it is gone with the process, whatever way that ends.  The
# namespace belongs to a network namespace, as ports do.  Test::Nginx, which
# tests of others may use at the same time, has files with locks for what it
# chooses, each for a block of four ports; they are heeded and held as well.
#
# The kernel's own ports are left alone: any outgoing connection may have one.

use strict;
use warnings;

use Errno;
use Exporter 'import';
use Fcntl qw(O_CREAT O_RDWR LOCK_EX LOCK_NB);
use File::Spec;
use IO::Socket::IP;
use IO::Socket::UNIX;
use Socket qw(:DEFAULT getaddrinfo inet_pton pack_sockaddr_in6 AF_INET6
    IPPROTO_IPV6 IPV6_V6ONLY);

our @EXPORT = qw(free_port listen_at listen_twin dual_localhost);

# above what services have for themselves, below what Linux chooses from
use constant { LOWEST => 10_000, HIGHEST => 32_767 };

# of Test::Nginx: its first block, and how many ports there are in each
use constant { FIRST_BLOCK => 1988, BLOCK => 4 };

# sockets and locks, as long as this process lives
my @held;


# the kernel's range may begin lower; where it leaves too little, that is not
# heeded
sub _ports {
    my ($low, $high) = (LOWEST, HIGHEST);

    if (open my $file, '<', '/proc/sys/net/ipv4/ip_local_port_range') {
        my ($first, $last) = split ' ', <$file>;

        if ($first - 1 >= 2 * LOWEST) {
            $high = $first - 1 if $first - 1 < $high;

        } elsif ($last < 2 * LOWEST) {
            $low = $last + 1 if $last + 1 > $low;
        }
    }

    return ($low, $high);
}


sub free_port {
    my (@offsets) = @_;
    my ($low, $high) = _ports();

    for (@offsets) {
        $high -= $_;
    }

    for (1 .. 10_000) {
        my $port = $low + int rand $high - $low + 1;
        my @locks = _reserve($port, map { $port + $_ } @offsets) or next;

        push @held, @locks;
        return $port;
    }

    die "no free port\n";
}


# what holds all of them, or nothing
sub _reserve {
    my (@ports) = @_;
    my @locks;

    for my $port (@ports) {
        my @own = _lock($port) or return;

        _unused($port) or return;
        push @locks, @own;
    }

    return @locks;
}


sub _lock {
    my ($port) = @_;
    my $block = $port - ($port - FIRST_BLOCK) % BLOCK;
    my $folder = File::Spec->tmpdir . "/test-nginx-port-locks-$<";

    my $name = IO::Socket::UNIX->new(Type => SOCK_DGRAM,
                                     Local => "\0seal-km-test-port-$port")
        or return;

    mkdir $folder;
    sysopen my $file, "$folder/port-$block.lock", O_CREAT | O_RDWR, 0600
        or die "$folder: $!\n";
    flock $file, LOCK_EX | LOCK_NB or return;

    return ($name, $file);
}


# Sockets that are bound and do not listen are in nobody's way.
sub _unused {
    my ($port) = @_;
    my @addresses = ([ PF_INET, pack_sockaddr_in($port, INADDR_ANY) ],
                     [ AF_INET6, pack_sockaddr_in6($port,
                                     inet_pton(AF_INET6, '::')) ]);

    for (@addresses) {
        my ($family, $address) = @$_;

        for my $type (SOCK_STREAM, SOCK_DGRAM) {
            # without IPv6 there is nobody there
            socket my $socket, $family, $type, 0 or next;
            setsockopt $socket, IPPROTO_IPV6, IPV6_V6ONLY, 1
                if $family == AF_INET6;
            # what is left of earlier connections is no reason
            setsockopt $socket, SOL_SOCKET, SO_REUSEADDR, 1
                if $type == SOCK_STREAM;
            return 0 if !bind($socket, $address) && $!{EADDRINUSE};
        }
    }

    return 1;
}


sub listen_at {
    my ($host, $port, %more) = @_;

    return IO::Socket::IP->new(LocalHost => $host, LocalPort => $port,
                               Listen => 511, ReuseAddr => 1, V6Only => 1, %more)
           // die "cannot listen at $host, port $port: $@\n";
}


sub dual_localhost {
    my (undef, @found) = getaddrinfo('localhost', undef,
                                     { socktype => SOCK_STREAM });
    return scalar grep { $_->{family} == AF_INET6 } @found;
}


# a machine may have the name and not the address
sub listen_twin {
    my ($host, $port) = @_;

    return if $host ne '127.0.0.1' || !dual_localhost();

    my $socket = eval { listen_at('::1', $port) };
    die $@ if !$socket && $!{EADDRINUSE};
    return $socket // ();
}


1;
