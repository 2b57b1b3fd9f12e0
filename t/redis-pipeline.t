# Connections to Redis are persistent, few and shared, and what is asked in one
# turn of the event loop leaves in one write.

use lib 't/lib';
use SealKM;
use SealKM::Load;

my $redis = start_redis();
my $token = mint(exp => time + 7200);

$redis->set("seal:km:s$_:service", "K$_") for 1 .. 20;

sub ask {
    my ($service, %set) = @_;
    return request(location => '/km', token => $token,
                   body => { ServiceID => $service }, %set);
}

# commands in each read that had any but the greeting, of one connection
sub reads {
    my ($fake, $n) = @_;
    return map { /^read $n (\d+)/ } $fake->log;
}

my $one = fake_redis();

test 'one connection',
    config => location('= /km', pass => $one->address),
    sub {
        my $client = client();
        for (1 .. 30) {
            my $res = post(location => '/km', via => $client,
                           body => { ServiceID => "s$_" });
            is(payload($res), "record of seal:km:s$_:service", "request $_");
        }
        my @res = load(20, [ map { ask("s$_", via => 1) } 1 .. 300 ]);
        is(scalar(grep { (payload($_) // '') =~ /^record of/ } @res), 300,
           '300 more, from 20 clients');

        is($one->count(qr/^accept/), 1, 'one connection');
        is($one->count(qr/^command 1 CLIENT SETNAME/), 1, 'greeted once');
        is($one->count(qr/^command 1 GET/), 330, 'for all');
        is($one->count(qr/^close/), 0, 'that stays');
    };


my $three = fake_redis(get => sub {
    return $_[0] =~ /held/ ? (hold('three'), bulk($_[0])) : bulk($_[0]) });

test 'seal_km_redis_connections',
    config => location('= /km', pass => $three->address, redis_connections => 3),
    sub {
        my $open = sub {
            my ($n) = @_;
            wait_for(sub { $three->count(qr/CLIENT SETNAME/) == $n });
        };
        my @clients;
        my $held = sub {
            push @clients, client()->send(ask('held' . (1 + @clients), via => 1));
            wait_for(sub { $three->count(qr/GET.*held/) == @clients });
        };

        like(payload(post()), qr/v2x/, 'the first request');
        is($three->count(qr/^accept/), 1, 'has a connection made');
        $held->();
        ok($open->(2), 'one that waits has another one made');
        $held->();
        ok($open->(3), 'and so on');
        $held->() for 3 .. 9;
        is(join(' ', map { my $n = $_; $three->count(qr/^command $n GET.*held/) }
                     1 .. 3), '3 3 3', 'the shortest queue takes the next');

        $three->release('three');
        is(payload($clients[$_ - 1]->response), "seal:km:held$_:service",
           "reply $_") for 1 .. 9;

        my @res = load(20, [ map { ask("s$_", via => 1) } 1 .. 200 ]);
        is(scalar(grep { defined payload($_) } @res), 200, '200 more');
        is($three->count(qr/^accept/), 3, 'on the same three');
    };


Test::Nginx::Util::add_block_preprocessor(sub {
    Test::Nginx::Util::workers($_[0]->workers || 1);
});

test 'each worker',
    master => 1,
    workers => 2,
    config => location('= /km', redis_connections => 2,
                       more => 'add_header X-Pid $pid always;'),
    sub {
        my %pids;

        # until both have had several requests at a time
        ok(wait_for(sub {
            my @clients = map { client()->send(ask('s1')) } 1 .. 20;
            $pids{ $_->response->header('X-Pid') }++ for @clients;
            return $redis->clients >= 4;
        }), '4 connections');
        is(scalar(keys %pids), 2, 'of two workers');
        is(scalar($redis->clients), 4, 'two of each');
    };


my $batch = fake_redis();

test 'one turn, one write',
    config => location('= /km', pass => $batch->address) . location('= /b',
        pass => $batch->address),
    sub {
        for my $warm (0, 1) {
            my @services = map { "s$warm-$_" } 1 .. 40;
            my $before = () = reads($batch, 1);
            my @clients = at_once(map { ask($services[$_], location =>
                $_ % 2 ? '/km' : '/b') } 0 .. 39);

            is(join(' ', map { payload($_->response) =~ /km:(\S+):/ } @clients),
               "@services", $warm ? '40 queries' : '40 queries, not connected');

            my @reads = reads($batch, 1);
            splice @reads, 0, $before;
            cmp_ok(scalar(@reads), '<=', 3, "in few packets: @reads");
        }

        is($batch->count(qr/^accept/), 1, 'one connection');

        # more than fits into any buffer
        my @long = map { sprintf '%s%03d', ':%' x 126, $_ } 1 .. 120;
        my @clients = at_once(map { ask($_) } @long);
        my $bad = grep { (payload($clients[$_]->response) // '') !~
                         /^record of seal:km:(?:%3A%25){126}(\d+):service$/
                         || $1 != $_ + 1 } 0 .. $#long;
        is($bad, 0, '120 long keys');

        # Redis does not read meanwhile
        kill 'STOP', $batch->{pid};
        @clients = at_once(map { ask("r$_") } 1 .. 100);
        kill 'CONT', $batch->{pid};
        is(join(' ', map { payload($_->response) =~ /:r(\d+):/ } @clients),
           join(' ', 1 .. 100), 'asked while Redis was busy');
    };


my $shared = fake_redis();
my @at = (pass => $shared->address);

test 'who shares a connection',
    config => location('= /a', @at) . location('= /b', @at)
        . location('= /prefix', @at, redis_key_prefix => 'other:')
        . location('= /up', pass => 'shared')
        . location('= /spelt', @at, redis_timeout => PATIENCE . '000ms',
                   redis_connections => 1, redis_database => 0)
        . location('= /timeout', @at, redis_timeout => '31s')
        . location('= /connect', @at, redis_connect_timeout => '31s')
        . location('= /database', @at, redis_database => 1)
        . location('= /password', @at, redis_password => 'x')
        . location('= /password2', @at, redis_password => 'y')
        . location('= /user', @at, redis_user => 'u', redis_password => 'x'),
    http_config => 'upstream shared { server ' . $shared->address . '; }
        server { listen unix:' . temp_dir() . '/other; '
        . location('= /c', @at) . '}',
    sub {
        my $n = 1;
        for my $location (qw(a b prefix up spelt)) {
            like(payload(post(location => "/$location")), qr/^record of/,
                 $location);
            is($shared->count(qr/^accept/), 1, "$location: shares");
        }
        for my $location (qw(timeout connect database password password2 user)) {
            like(payload(post(location => "/$location")), qr/^record of/,
                 $location);
            is($shared->count(qr/^accept/), ++$n, "$location: its own");
        }
        post(location => "/$_") for qw(a timeout user password);
        is($shared->count(qr/^accept/), $n, 'all persist');
        is($shared->count(qr/^close/), 0, 'and none was closed');
    };

run_tests();
