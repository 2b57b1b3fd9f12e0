# How much may wait: 8192 commands on a connection, those included that nobody
# waits for any more.  Beyond that requests are told at once, memory stays what
# it is, and all is well again when Redis is.

use lib 't/lib';
use SealKM;
use SealKM::HTTP2;
use SealKM::Load;

use constant MAX => 8192;

my $few = $ENV{TEST_NGINX_USE_VALGRIND};
my $token = mint(-key => 'hs256', exp => time + 7200);
my $http2 = free_port();
my @at = (jwks => jwks('hs256'), algorithms => 'HS256', window => '1h');

my $fake = fake_redis(get => sub {
    return $_[0] =~ /:(held\d+)-/ ? (hold($1), bulk($_[0])) : bulk($_[0]);
});
my $redis = start_redis();
$redis->set('seal:km:s:service', 'K');

sub server {
    my (@locations) = @_;
    return 'server { ' . listen_http2($http2) . '
        http2_max_concurrent_streams 20000;
        keepalive_requests 1000000;
        access_log off; ' . join('', @locations) . '}';
}

# What it has taken from the system. How much of that is resident grows long after
# nothing is lost any more: each time other pages of what was freed are touched.
sub memory {
    my ($pid) = worker_pids();
    open my $file, '<', "/proc/$pid/status" or die $!;
    my ($kib) = join('', <$file>) =~ /^VmData:\s+(\d+) kB/m;
    return $kib / 1024;
}

# so many requests over one connection; their streams
sub ask {
    my ($h2, $location, $service, $n) = @_;
    my $body = request_body(ServiceID => $service);
    return map { $h2->request($location, $token, $body) } 1 .. $n;
}

# how often each reason, or payload, was the response
sub outcome {
    my ($h2, @ids) = @_;
    my %seen;

    for my $id (@ids) {
        my $body = $h2->response($id) // 'no response';
        my ($what) = $body =~ /"(?:Payload":"|ErrorCode":")([^"]*)"/;
        $seen{ $what // $body }++;
    }
    return join ', ', map { "$seen{$_} $_" } sort keys %seen;
}

# what a connection is greeted with has a place on it, too, until it is answered
sub connected {
    my ($h2) = @_;
    return is(outcome($h2, ask($h2, '/km', 'next', 1)), '1 seal:km:next:service',
              'connected');
}

# requests that Redis knows of
sub asked { return $fake->count(qr/^command \d+ GET .*$_[0]/) }


test '8192 requests',
    skip => $few && 'takes too long under valgrind',
    log_level => 'info',
    config => '',
    http_config => server(
        location('= /km', pass => $fake->address, @at, redis_timeout => '100s'),
        location('= /two', pass => $fake->address, @at, redis_timeout => '99s',
                 redis_connections => 2)),
    log => [ qr/SEAL KM Request refused, store_unavailable/ ],
    sub {
        my $h2 = SealKM::HTTP2->new(port => $http2);
        my @grown;

        connected($h2);
        for my $round (1 .. 3) {
            my @ids = ask($h2, '/km', "held$round-", MAX);
            ok(wait_for(sub { asked("held$round-") == MAX }),
               "round $round: all are asked");

            my @more = ask($h2, '/km', "held$round-", 20);
            is(outcome($h2, @more), '20 01', "round $round: over the bound");
            is($h2->ended, 1 + ($round - 1) * (MAX + 20 + 1) + 20,
               "round $round: the others wait");

            $fake->release("held$round");
            is(outcome($h2, @ids), MAX . " seal:km:held$round-:service",
               "round $round: all are answered");
            is(outcome($h2, ask($h2, '/km', 'next', 1)), '1 seal:km:next:service',
               "round $round: the next one");
            push @grown, memory();
        }
        cmp_ok($grown[2], '<', $grown[1] * 1.05, "memory: @grown MiB");

        # the bound is one of a connection
        ask($h2, '/two', 'held8-', MAX + 100);
        ok(wait_for(sub { asked('held8-') == MAX + 100 }), 'two connections');
        $h2->close;
        $fake->release('held8');
        $h2 = SealKM::HTTP2->new(port => $http2);
        is(outcome($h2, ask($h2, $_, 'next', 1)), '1 seal:km:next:service',
           "$_: after all have gone") for qw(/km /two);
    };


test 'nobody waits any more',
    skip => $few && 'takes too long under valgrind',
    log_level => 'info',
    config => '',
    http_config => server(
        location('= /km', pass => $fake->address, @at, redis_timeout => '100s')),
    log => [ qr/SEAL KM Request refused, store_unavailable/ ],
    sub {
        my $closed = $fake->count(qr/^close/);

        # what is given up, and written already, keeps its place
        for my $round (5, 6) {
            my $h2 = SealKM::HTTP2->new(port => $http2);
            connected($h2);
            ask($h2, '/km', "held$round-", MAX);
            ok(wait_for(sub { asked("held$round-") == MAX }),
               "round $round: all are asked");
            $h2->close;
            $h2 = SealKM::HTTP2->new(port => $http2);
            is(outcome($h2, ask($h2, '/km', 'next', 1)), '1 01',
               "round $round: all gone, but there is no room");
            # the first of these take what so many at once need
            is(outcome($h2, ask($h2, '/km', 'next', 3000)), '3000 01',
               "round $round: nor later");
            # how many are there at once is chance, but what stays adds up
            my @grown;
            for my $again (1 .. 8) {
                my $before = memory();
                is(outcome($h2, ask($h2, '/km', 'next', 3000)), '3000 01',
                   "round $round: nor then, $again");
                push @grown, memory() - $before;
                last if $grown[-1] < 1;
            }
            cmp_ok($grown[-1], '<', 1, "round $round: memory: @grown MiB");

            $fake->release("held$round");
            ok(wait_for(sub { outcome($h2, ask($h2, '/km', 'next', 1)) eq
                              '1 seal:km:next:service' }),
               "round $round: once Redis has answered");
            $h2->close;
        }
        is($fake->count(qr/^close/), $closed, 'no connection was closed for it');
    };


# a Redis that does not read: what cannot be written is no longer asked for
# when its request has gone
test 'Redis does not read',
    log_level => 'info',
    config => '',
    http_config => server(
        location('= /km', pass => $redis->address, @at, redis_timeout => '100s'),
        location('= /hasty', pass => $redis->address, @at,
                 redis_timeout => '1s')),
    log => [ qr/SEAL KM Request refused, store_timeout/ ],
    # what is not answered in a second is closed, and connected anew
    may_log => [ qr/SEAL KM Request refused, store_unavailable/,
                 qr/(?:send|recv)\(\) failed \(110: /,
                 qr/closed the connection|answers nothing|did not answer/ ],
    sub {
        my $h2 = SealKM::HTTP2->new(port => $http2);
        my $long = ':%' x 126;
        my $n = $few ? 300 : 6000;

        outcome($h2, ask($h2, $_, 's', 1)) for qw(/km /hasty);
        $redis->stop;
        my @ids = ask($h2, '/km', $long, $n);
        my @hasty = ask($h2, '/hasty', $long, $n);
        is(outcome($h2, @hasty), "$n 01", 'all time out');
        my @more = ask($h2, '/km', 's', 100);
        $redis->cont;

        is(outcome($h2, @ids), "$n 02", 'all are answered, once it reads');
        is(outcome($h2, @more), '100 K', 'and those behind them');
        ok(wait_for(sub { outcome($h2, ask($h2, '/hasty', 's', 20)) eq '20 K' }),
           'and those behind the ones that timed out');
    };


# for longer than anyone waits: that connection is given up, and what waits is
# asked over another one
test 'Redis does not read for long',
    skip => $few && 'takes too long under valgrind',
    log_level => 'info',
    config => '',
    http_config => server(
        location('= /km', pass => $redis->address, @at, redis_timeout => '1s',
                 redis_connect_timeout => '500ms')),
    log => [ qr/SEAL KM Request refused, store_timeout/,
             qr/"@{[ $redis->address ]}" (?:answers nothing|closed the conn)/ ],
    may_log => [ qr/SEAL KM Request refused, store_unavailable/,
                 qr/did not answer the greeting/,
                 qr/could not be connected to, .*\(110: /,
                 qr/(?:send|recv)\(\) failed \(110: / ],
    sub {
        my $h2 = SealKM::HTTP2->new(port => $http2);

        outcome($h2, ask($h2, '/km', 's', 1));
        $redis->stop;
        is(outcome($h2, ask($h2, '/km', ':%' x 126, 6000)), '6000 01',
           'all time out');
        ok(wait_for(sub { grep { /answers nothing|closed the conn/ } error_log() }),
           'the connection is given up');
        is(outcome($h2, ask($h2, '/km', 's', 1)), '1 01', 'Redis still stalls');
        $redis->cont;
        ok(wait_for(sub { outcome($h2, ask($h2, '/km', 's', 20)) eq '20 K' }),
           'all is well when it reads');
    };

run_tests();
