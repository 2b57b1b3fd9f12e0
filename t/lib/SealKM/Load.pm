package SealKM::Load;

# Many requests at once, and a look at the processes of nginx.
#
#     my @responses = load(50, \@requests);      over 50 connections at once; a
#                                                response is undef where nginx
#                                                closed instead
#     load(50, \@requests, sub { my ($sent) = @_; ... })    called at each send
#     payload($response)               the Payload that it holds, else undef
#     at_once($redis, @requests)       sends them so that nginx sees them in one
#                                      turn of its event loop; clients() of them
#     taken()                          once nginx has read all that was sent to it
#                                      before; for a single process of it
#     worker_pids                      of the children of a master process, old
#                                      workers too; without one, of nginx itself
#     sockets($pid)                    how many sockets the process has open
#     reload()                         SIGHUP; waits for new workers, and until the
#                                      old ones, whose pids it returns, take no more
#                                      requests
#     gone(@pids)                      true once they have exited, and in time
#     gone_after(@pids)                how long that took, in seconds, without what
#                                      the machine's other work held them up for
#     held(\%watch)                    for how long the processes, its keys, have
#                                      been ready to run and had no CPU, so far
#     unheld($seconds, $held)          what that leaves of so many seconds
#     stub_status($location)           { active, reading, writing, waiting }
#
# A request is the text that request() makes; for load() one with "Connection:
# close" gets a connection of its own.

use strict;
use warnings;

use Exporter 'import';
use IO::Select;
use SealKM::Client;
use List::Util 'max';
use SealKM::Util;
use Test::Nginx::Util ();
use Time::HiRes 'time';

our @EXPORT = qw(load payload at_once taken worker_pids sockets reload gone
    gone_after stub_status);

# of nginx; Test::Nginx has 64 of them
Test::Nginx::Util::worker_connections(2048);


sub _client { SealKM::Client->new(port => $Test::Nginx::Util::ServerPort) }


sub load {
    my ($width, $requests, $tick) = @_;
    my $select = IO::Select->new;
    my (@responses, %busy);
    my $next = 0;

    my $send = sub {
        my ($client) = @_;
        return if $next == @$requests;

        $tick->($next) if $tick;
        $client ||= _client();
        $client->send($requests->[$next]);
        $select->add($client->socket);
        $busy{ fileno $client->socket } = [ $client, $next++ ];
    };

    $send->() for 1 .. $width;

    while (%busy) {
        my @ready = $select->can_read($SealKM::Client::TIMEOUT)
            or die keys(%busy) . " requests get no answer\n";

        for my $socket (@ready) {
            my ($client, $i) = @{ delete $busy{ fileno $socket } };
            my $res = $responses[$i] = $client->response;

            $select->remove($socket);
            my $keep = $res && ($res->header('Connection') // '') ne 'close';
            $client->close if !$keep;
            $send->($keep ? $client : undef);
        }
    }

    $#responses = $#$requests;
    return @responses;
}


# without a parser: there are thousands of them
sub payload {
    my ($res) = @_;

    return $res && $res->body =~ /,"Payload":"([^"\\]*)"\}\z/ ? $1 : undef;
}


# The clients have had a response each, so that nginx knows their connections;
# while it is stopped, all of them send.
sub at_once {
    my (@requests) = @_;
    my @clients = map { _client() } @requests;
    my ($pid) = worker_pids();

    for my $client (@clients) {
        $client->send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        $client->response;
    }

    kill 'STOP', $pid;
    eval {
        wait_for(sub { _state($pid) eq 'T' }) or die "nginx does not stop\n";
        $clients[$_]->send($requests[$_]) for 0 .. $#requests;
    };
    my $error = $@;
    kill 'CONT', $pid;
    die $error if $error;

    return @clients;
}


# It takes events in the order in which they come, and a connection has two.
sub taken {
    for (1, 2) {
        my $client = _client();
        $client->send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        $client->response;
    }
    return;
}


sub _stat {
    my ($pid) = @_;

    open my $file, '<', "/proc/$pid/stat" or return;
    my $line = <$file> // return;
    return $line =~ /\) (\S) (\d+)/;
}

sub _state { return (_stat($_[0]))[0] // 'X' }


sub _master { return Test::Nginx::Util::get_pid_from_pidfile('') }

sub worker_pids {
    my $master = _master();
    my @pids;

    return $master if Test::Nginx::Util::master_process_enabled() ne 'on';

    opendir my $dir, '/proc' or die "/proc: $!";
    for my $pid (grep { /^\d+$/ } readdir $dir) {
        my ($state, $parent) = _stat($pid) or next;
        push @pids, $pid if $parent == $master && $state ne 'Z';
    }

    @pids = sort { $a <=> $b } @pids;
    return @pids;
}


sub sockets {
    my ($pid) = @_;

    return scalar grep { (readlink($_) // '') =~ /^socket:/ }
                  glob "/proc/$pid/fd/*";
}


sub reload {
    wait_for(sub { () = worker_pids() });    # nginx may have just started
    my %old = map { $_ => 1 } worker_pids();

    kill 'HUP', _master();
    wait_for(sub { grep { !$old{$_} } worker_pids() })
        or die "no new worker\n";
    wait_for(sub { !grep { !_leaving($_) } keys %old })
        or die "old workers go on\n";
    return keys %old;
}

# The master tells the old ones a tenth of a second after there are new ones.  One
# that is told stops to listen before it takes another event.  (It also calls
# itself "shutting down", but under valgrind nobody sees that.)
sub _leaving {
    my ($pid) = @_;
    my %listening = map { $_ => 1 } _listening();

    return _state($pid) =~ /[XZ]/
           || !grep { $listening{ (readlink($_) // '') =~ s/\D//gr } }
                    glob "/proc/$pid/fd/*";
}

# the inodes of all sockets that listen
sub _listening {
    my @inodes;

    for my $name (qw(tcp tcp6 unix)) {
        open my $file, '<', "/proc/net/$name" or next;
        push @inodes, map { $name eq 'unix'
            ? / 00010000 \d+ \d+ +(\d+)/
            : /^ *\d+: \S+ \S+ 0A (?:\S+ +){5}(\d+) / } <$file>;
    }

    return @inodes;
}


sub gone {
    my (@pids) = @_;
    return wait_for(sub { !grep { _state($_) !~ /[XZ]/ } @pids });
}


# As the kernel counts it, in nanoseconds; what a process had that is gone by now
# counts on.
sub held {
    my ($watch) = @_;
    my $sum = 0;

    for my $pid (keys %$watch) {
        if (open my $file, '<', "/proc/$pid/schedstat") {
            my (undef, $waited) = split ' ', <$file> // '';
            $watch->{$pid} = $waited / 1e9 if $waited;
        }
        $sum += $watch->{$pid} // 0;
    }

    return $sum;
}


# several that wait at the same time count several times
sub unheld {
    my ($seconds, $held) = @_;
    return max(0, $seconds - max(0, $held));
}


sub gone_after {
    my (@pids) = @_;
    my %watch = map { $_ => undef } @pids;
    my ($begin, $before) = (time, held(\%watch));
    my $held = $before;

    wait_for(sub {
        $held = held(\%watch);
        return !grep { _state($_) !~ /[XZ]/ } @pids;
    }) or die "they stay: @pids\n";
    return unheld(time - $begin, $held - $before);
}


sub stub_status {
    my ($location) = @_;
    my $client = _client();

    $client->send("GET $location HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    my $text = $client->response->body;
    my ($active) = $text =~ /^Active connections: (\d+)/m;
    my %set = (active => $active, map { lc } $text =~ /(\w+): (\d+)/g);
    return \%set;
}


1;
