package SealKM::Traffic;

# Requests that go on while a test does something else: in a process of their
# own, with the time of each.
#
#     my $traffic = traffic(\@services, location => '/km', rate => 200,
#                           width => 20, keep => 1);
#     ...
#     for ($traffic->stop) {        oldest first
#         $_->{service}, $_->{begin}, $_->{end}     time() of it and its answer
#         $_->{status}, $_->{reason}, $_->{payload}  status 0: no response
#         $_->{held}, $_->{held_then}                $traffic->held at its begin,
#     }                                              and at its end
#     $traffic->held                for how long, so far, the processes that take
#                                   part have been ready to run and had no CPU,
#                                   in seconds, as the kernel counts it: these
#                                   requests, nginx and Redis
#
# They ask for the records of these services in turn, rate of them each second (a
# tenth of it under valgrind, which does not keep up with more), at most width at
# once; with keep over connections that are kept open.
#
#     service_key('a')              the key of a service's record
#     service_request('a', '/km')   the text of a request for it, made quickly
#     tally(@results)               "ok 210, store_timeout 3"
#     worst(@results)               the longest of them, in seconds, without what
#                                   the machine's other work held it up for; one
#                                   that was held up for most of its time tells
#                                   nothing, and is left out
#     in_time($seconds, @results)   none of them took longer than a timeout of so
#                                   many seconds allows; a busy machine is left a
#                                   second more, or nearly as much as the timeout,
#                                   but two timeouts in a row are told
#     after($moment, $result)       how long after that moment it began; likewise
#     moment($traffic)              now
#     goes_on($traffic, 2)          returns after so many seconds, likewise; after
#                                   ten times as many at the latest, with 0
#     answered($traffic, 30)        true once so many requests that began after this
#                                   have had an answer
#     hindered($result)             it timed out, and not for want of an answer

use strict;
use warnings;

use Exporter 'import';
use IO::Select;
use List::Util 'max';
use POSIX ();
use SealKM::Client;
use SealKM::Config;
use SealKM::Keys;
use SealKM::Load ();
use SealKM::Redis;
use SealKM::Util;
use Test::Nginx::Util ();
use Time::HiRes qw(sleep time);

our @EXPORT = qw(traffic service_key service_request tally worst in_time after
    moment goes_on answered hindered);

my @running;
my $owner = $$;
my $started = 0;
my $token;


sub service_key { return "seal:km:$_[0]:service" }


sub service_request {
    my ($service, $location, $close) = @_;
    $token //= mint(exp => int(time) + 86400);

    my $body = sprintf '{"Version":"1.0.0","SKmsUri":"%s","ServiceID":"%s",'
                       . '"Date/Time":%d}', SKMS_URI, $service, time;

    return sprintf "POST %s HTTP/1.1\r\nHost: localhost\r\n%s"
        . "Authorization: Bearer %s\r\nContent-Type: application/json\r\n"
        . "Content-Length: %d\r\n\r\n%s",
        $location // '/km', $close ? "Connection: close\r\n" : '', $token,
        length $body, $body;
}


sub traffic {
    my ($services, %opts) = @_;

    # of the parent, so that the port is of the nginx that runs now
    my $self = bless { rate => 100, width => 20, location => '/km', %opts,
                       services => $services,
                       port => $Test::Nginx::Util::ServerPort,
                       path => temp_dir() . '/traffic' . ++$started },
                     __PACKAGE__;
    $self->{rate} /= seconds(1);

    service_request('x');
    $self->{watch} = { map { $_ => 0 } SealKM::Load::worker_pids(),
                                       SealKM::Redis::pids() };
    defined($self->{pid} = fork) or die "fork: $!";

    if (!$self->{pid}) {
        $SIG{PIPE} = 'IGNORE';
        my $parent = getppid;
        $self->{watch}{$$} = 0;
        eval { $self->_run($parent); 1 } or print STDERR "# traffic: $@";
        POSIX::_exit(0);
    }

    $self->{watch}{ $self->{pid} } = 0;
    push @running, $self;
    return $self;
}


sub held { return SealKM::Load::held($_[0]{watch}) }


sub moment { return { time => time, held => $_[0]->held } }

sub after {
    my ($moment, $result) = @_;
    return SealKM::Load::unheld($result->{begin} - $moment->{time},
                                $result->{held} - $moment->{held});
}

sub goes_on {
    my ($self, $seconds) = @_;
    my $begin = moment($self);

    for ( ;; ) {
        my $now = moment($self);
        my $passed = $now->{time} - $begin->{time};
        return 1 if SealKM::Load::unheld($passed, $now->{held} - $begin->{held})
                    >= $seconds;
        return 0 if $passed >= 10 * $seconds;
        sleep 0.05;
    }
}

# those that were on their way before are as many as its width at most
sub answered {
    my ($self, $n) = @_;
    my $enough = (-s "$self->{path}.answers" || 0) + $self->{width} + $n;

    return wait_for(sub { (-s "$self->{path}.answers" || 0) >= $enough });
}

sub hindered {
    my ($result) = @_;
    return $result->{reason} eq 'store_timeout'
           && $result->{held_then} - $result->{held} > 0.3;
}


sub stop {
    my ($self) = @_;

    open my $stop, '>', "$self->{path}.stop" or die $!;
    waitpid delete $self->{pid}, 0;

    my @names = qw(service begin end status reason payload held held_then);
    open my $file, '<', $self->{path} or die "no traffic\n";
    return sort { $a->{begin} <=> $b->{begin} } map {
        chomp;
        my %set;
        @set{@names} = split /\t/, $_, -1;
        \%set;
    } <$file>;
}


sub _run {
    my ($self, $parent) = @_;
    my $select = IO::Select->new;
    my (%busy, @idle, @lines);
    my ($n, $since) = (0, time);

    # a byte for each answer
    open my $answers, '>', "$self->{path}.answers" or die $!;

    my $done = sub {
        my ($set, $res) = @_;
        syswrite $answers, '.' if $res;
        my ($payload) = $res
            ? $res->body =~ /,"Payload":"([^"\\]*)"\}\z/ : ();

        push @lines, join("\t", $set->{service}, $set->{begin}, time,
            $res ? $res->status : 0, $res && $res->header('X-Reason') // '',
            $payload // '', $set->{held}, $self->{held}) . "\n";
    };

    for ( ;; ) {
        my $stopped = -e "$self->{path}.stop" || getppid != $parent;
        last if $stopped && !%busy;
        $self->{held} = $self->held;

        while (!$stopped && keys %busy < $self->{width}
               && $n < (time - $since) * $self->{rate})
        {
            my $service = $self->{services}[$n++ % @{ $self->{services} }];
            my $set = { service => $service, begin => time,
                        held => $self->{held} };

            $set->{client} = pop @idle
                || eval { SealKM::Client->new(port => $self->{port}) };
            if (!eval { $set->{client}->send(service_request($service,
                            $self->{location}, !$self->{keep})); 1 })
            {
                # where nobody listens this goes on for as long as it is let
                $done->($set);
                last;
            }

            my $socket = $set->{client}->socket;
            $busy{ fileno $socket } = $set;
            $select->add($socket);
        }

        if (!%busy) {
            sleep 0.002;
            next;
        }

        for my $socket ($select->can_read(0.01)) {
            my $set = delete $busy{ fileno $socket };
            my $res = eval { $set->{client}->response };

            $select->remove($socket);
            $done->($set, $res);

            if ($res && ($res->header('Connection') // '') ne 'close') {
                push @idle, $set->{client};
            } else {
                $set->{client}->close;
            }
        }

        # no answer at all
        for my $fd (keys %busy) {
            my $set = $busy{$fd};
            next if time - $set->{begin} < $SealKM::Client::TIMEOUT;

            $select->remove($set->{client}->socket);
            delete $busy{$fd};
            $done->($set);
        }
    }

    open my $file, '>', $self->{path} or die "$self->{path}: $!";
    print $file @lines;
    close $file or die "$self->{path}: $!";
}


sub tally {
    my (@results) = @_;
    my %count;

    $count{ $_->{reason} || "status $_->{status}" }++ for @results;
    return join ', ', map { "$_ $count{$_}" } sort keys %count;
}


sub worst {
    return max(0, map { SealKM::Load::unheld($_->{end} - $_->{begin}, $_->{was_held}) }
                  grep { $_->{was_held} < ($_->{end} - $_->{begin}) / 2 }
                  map { { %$_, was_held => $_->{held_then} - $_->{held} } } @_);
}


# Is none longer than what seal_km_redis_timeout, of so many seconds, and a
# seal_km_redis_connect_timeout of one allow together? Half a second is for clocks
# and for what no process was held up by.
sub in_time {
    my ($seconds, @results) = @_;
    return worst(@results) < seconds($seconds + 1 + 0.5);
}


END {
    if ($$ == $owner) {
        local $?;
        for my $pid (grep { $_ } map { $_->{pid} } @running) {
            kill 'KILL', $pid;
            waitpid $pid, 0;
        }
    }
}


1;
