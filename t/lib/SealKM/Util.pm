package SealKM::Util;

# What the other parts share: temporary files, free ports, waiting.

use strict;
use warnings;

use Exporter 'import';
use File::Temp 'tempdir';
use IO::Socket::IP;
use Socket qw(getaddrinfo SOCK_STREAM AF_INET6);
use Test::Nginx::Util ();
use Time::HiRes qw(sleep time);

our @EXPORT = qw(temp_dir temp_file free_port dual_localhost listen_twin
    wait_for seconds);

my $dir;
my $files = 0;


# a directory of this process, removed at its end
sub temp_dir {
    return $dir //= tempdir('seal-km-XXXXXX', TMPDIR => 1, CLEANUP => 1);
}


# the path of a new file that holds $text
sub temp_file {
    my ($text, $name) = @_;
    my $path = temp_dir() . '/' . ($name // 'file' . ++$files);

    open my $file, '>:raw', $path or die "$path: $!";
    print $file $text;
    close $file or die "$path: $!";
    return $path;
}


# A loopback port that no other test process takes (Test::Nginx locks it), and
# that the kernel gives to no outgoing connection.
sub free_port {
    for ( ;; ) {
        my $port = Test::Nginx::Util::gen_rand_port()
            // die "no free port\n";

        return $port if $port < 32768;
        Test::Nginx::Util::release_port_locks($port);
    }
}


# 1 where "localhost" is ::1 too, as on most machines
sub dual_localhost {
    my (undef, @found) = getaddrinfo('localhost', undef,
                                     { socktype => SOCK_STREAM });
    return scalar grep { $_->{family} == AF_INET6 } @found;
}


# Where it is, nginx may go there: a socket that listens at that port of ::1,
# besides the one of 127.0.0.1; else nothing.
sub listen_twin {
    my ($host, $port) = @_;

    return if $host ne '127.0.0.1' || !dual_localhost();
    return IO::Socket::IP->new(LocalHost => '::1', LocalPort => $port,
                               Listen => 511, ReuseAddr => 1, V6Only => 1)
           // ();
}


# $seconds, more of them where the programs under test are slow
sub seconds {
    my ($seconds) = @_;
    return $ENV{TEST_NGINX_USE_VALGRIND} ? 10 * $seconds : $seconds;
}


# calls $done until it returns something true, and returns that; 0 in the end
sub wait_for {
    my ($done, $seconds) = @_;
    my $until = time + seconds($seconds // 10);

    for ( ;; ) {
        my $result = $done->();
        return $result if $result;
        return 0 if time > $until;
        sleep 0.01;
    }
}


1;
