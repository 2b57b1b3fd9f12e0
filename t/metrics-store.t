# What seal_km_metrics tells of waiting requests, of Redis and of keys, and that
# nothing of it is left when it is over.

use lib 't/lib';
use SealKM;
use SealKM::Fetching;
use SealKM::JwksServer;
use SealKM::KeyFile;
use SealKM::Load;
use SealKM::Metrics;
use Time::HiRes qw(time);

my $CONNECTIONS = 'seal_km_store_connections{state="%s"}';
my $RETRIES = 'seal_km_store_retries_total';
my $RECONNECTS = 'seal_km_store_reconnects_total';

# "ready connecting failed"
sub connections {
    my ($location) = @_;
    my $now = metrics(undef, $location);
    return join ' ', map { $now->{ sprintf $CONNECTIONS, $_ } }
                         qw(ready connecting failed);
}

sub become {
    my ($want, $location) = @_;
    my $seen;
    wait_for(sub { ($seen = connections($location)) eq $want });
    return $seen;
}

sub waiting {
    my ($for, $n) = @_;
    return becomes("seal_km_requests_waiting{for=\"$for\"}", $n);
}

my $ZONES = "seal_km_zone name=z 1m;\nseal_km_zone name=y 1m;\n";

my $fake = fake_redis(
    get => sub {
        my ($name, $nth) = @_;
        return (hold('go'), bulk('K')) if $name =~ /held/;
        return closing() if $name =~ /lost/ && $nth == 1;
        return bulk('K');
    },
    command => { AUTH => sub { (hold('greet'), "+OK\r\n") } },
);

test 'requests that wait for the store',
    http_config => $ZONES,
    config => metrics_at('= /metrics', 'z') . location('= /km', zone => 'z'),
    sub {
        my @client = map { client()->send(request(via => 1,
                              body => { ServiceID => "held$_" })) } 1 .. 3;

        is(waiting(store => 3), 3, 'three wait');
        (pop @client)->close;
        is(waiting(store => 2), 2, 'one has gone');
        is(sample('seal_km_requests_waiting{for="keys"}'), 0, 'for no keys');

        $fake->release('go');
        $_->response for @client;
        is(waiting(store => 0), 0, 'none waits');
        is(sample('seal_km_store_seconds_count'), 2, 'two have an answer');
        is(sample('seal_km_responses_total{reason="ok"}'), 2, 'or none');
    };


my $dead = free_port();

test 'connections',
    http_config => $ZONES,
    config => metrics_at('= /metrics', 'z') . metrics_at('= /y', 'y')
        . location('= /km', zone => 'z')
        . location('= /shared', zone => 'y')
        . location('= /unseen')
        . location('= /greeted', zone => 'z', redis_password => 'held')
        . location('= /dead', zone => 'z', redis_timeout => '7s',
                   pass => "127.0.0.1:$dead"),
    log => [ qr/\[error\].*could not be connected to/,
             qr/\[error\].*closed the connection|prematurely/i ],
    may_log => [ qr/\[(?:error|notice)\]/ ],
    sub {
        is(connections(), '0 0 0', 'none at first');

        post();
        is(connections(), '1 0 0', 'a ready one');
        is(connections('/y'), '1 0 0', 'shared with another zone, and seen there');
        is(sample($RECONNECTS), 0, 'it is the first one');

        # its greeting is not answered
        my $client = client()->send(request(via => 1, location => '/greeted'));
        is(become('1 1 0'), '1 1 0', 'one that is connecting');
        $fake->release('greet');
        is($client->response->header('X-Reason'), 'ok', 'it answers');
        is(connections(), '2 0 0', 'and is ready');

        post(location => '/dead');
        is(become('2 0 1'), '2 0 1', 'one that has failed');
        ok(wait_for(sub { sample($RECONNECTS) >= 2 }), 'it is tried again');
        is(connections(), '2 0 1', 'and stays failed meanwhile');
        is(sample($RECONNECTS, undef, '/y'), 0, 'where it is used only');

        my $back = SealKM::FakeRedis->start(port => $dead);
        is(become('3 0 0'), '3 0 0', 'until it is back');

        # a connection that dies with a query on it
        my $before = metrics();
        km 'asked again', { body => { ServiceID => 'lost' } },
            { payload => 'K' };
        my $now = metrics();
        is($now->{$RETRIES} - $before->{$RETRIES}, 1, 'one retry');
        is($now->{$RECONNECTS} - $before->{$RECONNECTS}, 1, 'one reconnect');
        is(connections(), '3 0 0', 'as many connections as before');
        $back->kill;
        ok(wait_for(sub { connections() ne '3 0 0' }), 'one is gone');
    };


my $sims = SealKM::JwksServer->start('rsa', 'ec256');

test 'keys',
    http_config => $ZONES,
    config => metrics_at('= /metrics', 'z') . metrics_at('= /y', 'y')
        . net('= /km', zone => 'z', jwks_cooldown => '1ms')
        . net('= /km2', zone => 'z', jwks_cooldown => '1ms')
        . location('= /file', zone => 'z', jwks => jwks('rsa', 'rsa2', 'ec256'))
        . location('= /other', zone => 'y', jwks => jwks('rsa2'))
        . fetches($sims),
    may_log => [ qr/\[(?:error|notice)\]/ ],
    sub {
        my $fetched = sub {
            my $now = metrics();
            return join ' ', map { $now->{"seal_km_keys_fetches_total{result=\"$_\"}"} }
                                 qw(ok failed);
        };
        is(sample('seal_km_keys{source="file"}'), 3, 'of files');
        is(sample('seal_km_keys{source="file"}', undef, '/y'), 1,
           'of files, another zone');
        is(sample('seal_km_keys{source="request"}'), 0, 'none was fetched');
        is(sample('seal_km_keys_age_seconds{source="request"}'), undef,
           'and has no age');
        is($fetched->(), '0 0', 'nor was it tried');

        $sims->answer(body => text('rsa', 'ec256'), hold => 'keys');
        my @client = map { client()->send(ask('rsa')) } 1, 2;
        is(waiting(keys => 2), 2, 'two wait for keys');
        (pop @client)->close;
        is(waiting(keys => 1), 1, 'one has gone');
        is(sample('seal_km_requests_waiting{for="store"}'), 0, 'none for the store');
        $sims->release('keys');
        is($client[0]->response->header('X-Reason'), 'ok', 'the other one has them');
        is(waiting(keys => 0), 0, 'none waits');

        is($fetched->(), '1 0', 'one fetch');
        is(sample('seal_km_keys{source="request"}'), 2, 'two keys');
        my $look = sub { (time, scalar sample('seal_km_keys_age_seconds{source="request"}'), time) };
        my ($from, $first, $till) = $look->();
        like($first, qr/^\d+(?:\.\d+)?\z/, 'they have an age');
        my @later;
        ok(wait_for(sub { @later = $look->(); $later[1] > $first + 0.2 }), 'and grow older');
        # its clock is a coarse one
        cmp_ok($later[1] - $first, '<=', $later[2] - $from + 0.05, 'in seconds, no faster');
        cmp_ok($later[1] - $first, '>=', $later[0] - $till - 0.05, 'nor slower');

        # one that cannot be had
        $sims->answer(status => 500, body => '');
        post(%{ with('rsa2') });
        is($fetched->(), '1 1', 'one has failed');
        is(sample('seal_km_keys{source="request"}'), 2, 'the former ones stay');
        is(sample('seal_km_keys_fetches_total{result="ok"}', undef, '/y'), 0,
           'of another zone: nothing');
    };


run_tests();
