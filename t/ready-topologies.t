# seal_km_ready behind Sentinel and Cluster: those who serve are asked.

use lib 't/lib';
use SealKM;
use SealKM::Cluster;
use SealKM::Sentinel;

use Time::HiRes qw(sleep time);

my @short = (redis_timeout => '3s', redis_connect_timeout => '3s');
my $noise = qr/\[(?:error|crit)\]/;

sub ready { return "location = $_[0] {\n seal_km_ready $_[1];\n}\n" }

sub seen {
    my ($location) = @_;
    my $client = client();

    $client->send("GET $location HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    my $res = $client->response or return 'no response';
    return join ' ', $res->status, $res->body =~ /"store":"(\w+)"/;
}

sub becomes {
    my ($want, $name, $location) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $seen;

    wait_for(sub { ($seen = seen($location)) =~ $want || (sleep(0.1), 0)[1] });
    return like($seen, $want, $name);
}


my $cluster = start_cluster();
my @masters = $cluster->masters;
my @mode = (pass => 'nodes', redis_mode => 'cluster', @short);

test 'a cluster',
    http_config => $cluster->pass('nodes'),
    config => location('= /km', @mode) . ready('/ready', '/km')
        . location('= /tag', @mode, redis_key_prefix => '"seal:{km}:"')
        . ready('/tag-ready', '/tag'),
    # one that hangs may be known by no more than an answer that does not come
    may_log => [ $noise ],
    sub {
        my $calls = sub { join ' ', map { $_->calls('get') } @masters };
        my @before = map { $_->calls('get') } @masters;

        # the map comes first
        is(seen('/ready'), '200 ok', 'all is well');
        is($calls->(), join(' ', map { $_ + 1 } @before),
           'each master was asked once');

        my ($client, $start) = (client(), time);
        while (time < $start + 1.5) {
            seen('/ready');
            sleep 0.01;
        }
        my $most = int(time - $start) + 2;
        cmp_ok($_->calls('get'), '<=', $before[0] + $most,
               'and no more than once a second') for @masters;

        # with a hash tag all records are in one slot
        my $sum = 0;
        $sum += $_->calls('get') for @masters;
        is(seen('/tag-ready'), '200 ok', 'a tag');
        $sum -= $_->calls('get') for @masters;
        is($sum, -1, 'one name is enough');

        # one that hangs, and no replica that may take its place before it shows
        $cluster->config('cluster-replica-no-failover', 'yes');
        $masters[1]->stop;
        becomes(qr/^503 (?:timeout|down)$/, 'a master hangs', '/ready');
        $masters[1]->cont;
        becomes(qr/^200 ok$/, 'the cluster serves again', '/ready');
    };


my $ha = start_sentinels();
my $locked = start_sentinels(sentinel => { requirepass => 'secret' });
my @sentinel = (redis_mode => 'sentinel ' . $ha->{name}, @short);

test 'sentinels',
    http_config => $ha->pass('sentinels') . $locked->pass('locked'),
    config => location('= /km', pass => 'sentinels', @sentinel)
        . ready('/ready', '/km')
        . location('= /locked', pass => 'locked', @sentinel,
                   redis_sentinel_password => 'wrong')
        . ready('/locked-ready', '/locked')
        . location('= /unknown', pass => 'sentinels', @short,
                   redis_mode => 'sentinel nobody')
        . ready('/unknown-ready', '/unknown'),
    log => [ $noise ],
    sub {
        my $master = $ha->master;
        my $before = $master->calls('get');

        is(seen('/ready'), '200 ok', 'all is well');
        is($master->calls('get'), $before + 1, 'the master was asked');
        becomes(qr/^503 refused$/, 'sentinels that refuse', '/locked-ready');
        like(seen('/unknown-ready'), qr/^503 (?:down|timeout)$/,
             'a master that they do not know');

        $master->kill;
        becomes(qr/^503 down$/, 'the master is lost', '/ready');
        $ha->promoted($master);
        becomes(qr/^200 ok$/, 'another one has its place', '/ready');
    };

run_tests();
