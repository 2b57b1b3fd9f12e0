# A hundred reloads under traffic with sentinels, and some while a sentinel and a
# seed of a cluster hang: no failed request, old workers that go in time, no worker
# that dies, and nothing that grows.  Promise 7 of the Redis topologies, as
# redis-reload.t.

use lib 't/lib';
use SealKM;
use SealKM::Load;
use SealKM::Sentinel;
use SealKM::Traffic;

use Time::HiRes qw(sleep time);

my $few = $ENV{TEST_NGINX_USE_VALGRIND};
my $reloads = $few ? 5 : 100;

my $ha = start_sentinels(name => 'keys', down_after => 10_000);
my @services = map { "s$_" } 0 .. 299;
$ha->set(map { service_key($_) => "record of $_" } @services);

my @sentinel = (redis_mode => 'sentinel keys', pass => 'sentinels');

sub kilobytes {
    my ($pid) = @_;
    open my $file, '<', "/proc/$pid/status" or return 0;
    my ($n) = join('', <$file>) =~ /^VmRSS:\s+(\d+)/m;
    return $n;
}

sub measure {
    my ($worker) = worker_pids();
    my $master = master_pid();

    load(10, [ map { (service_request($_, '/sentinel'),
                      service_request($_, '/replica')) } @services ]);
    return { worker => kilobytes($worker), master => kilobytes($master),
             files => scalar(() = glob "/proc/$master/fd/*"),
             sockets => sockets($worker) };
}

# reloads so many times under traffic for these locations; measures after $settled
sub reloads {
    my ($n, $late, $settled, @locations) = @_;
    my %traffic = map {
        $_ => traffic(\@services, location => "/$_", rate => 50)
    } @locations;
    my ($slowest, $first) = (0);

    for my $i (1 .. $n) {
        my $took = gone_after(reload());
        $slowest = $took if $took > $slowest;
        $first = measure() if $i == $settled;
    }

    ok($slowest < seconds($late), 'old workers go in time') or diag($slowest);

    for my $name (@locations) {
        my @results = $traffic{$name}->stop;
        my @wrong = grep { $_->{reason} ne 'ok'
                           || $_->{payload} ne "record of $_->{service}" }
                    @results;
        ok(!@wrong && @results > $n,
           "$name: none of " . @results . ' requests failed')
            or diag(tally(@results));
    }

    is((grep { /exited on signal/ } error_log())[0], undef, 'no worker has died');
    return $first;
}


test 'a hundred reloads',
    master => 1,
    log_level => 'warn',
    http_config => $ha->pass('sentinels'),
    config => location('= /sentinel', @sentinel)
        . location('= /replica', @sentinel, redis_read => 'any'),
    sub {
        my $first = reloads($reloads, 2, $few ? 2 : 20, qw(sentinel replica));

        ok(gone(reload()), 'the old worker goes once more');
        my $last = measure();
        note(map { "$_: $first->{$_}, at the end $last->{$_}\n" }
             sort keys %$first);

        # but for the requests that were under way
        is($last->{files}, $first->{files}, 'as many files of the master');
        ok($last->{sockets} <= $first->{sockets} + 12, 'as many sockets');
        # valgrind keeps for a while what was freed
        ok($few || $last->{$_} < $first->{$_} + 3 * 1024,
           "memory of the $_ is flat")
            for qw(master worker);

        # of both locations: to a server one for records and one for questions,
        # which come when it is their time; to a sentinel two
        ok(wait_for(sub {
            my ($most) = sort { $b <=> $a } map {
                scalar grep { $_ eq 'nginx-seal-km' } $_->clients
            } $ha->data;
            return $most <= 4;
        }), 'no connection is left at a server')
            or diag(map { $_->command('CLIENT', 'LIST') } $ha->data);
    };


# a cluster that is all of one master, told by one seed; the others hang
my @second = (redis_timeout => seconds(1) . 's',
              redis_connect_timeout => seconds(1) . 's');
my $redis = start_redis();
$redis->set(service_key($_) => "record of $_") for @services;

my $port = $redis->port;
my $node = "*3\r\n" . bulk('127.0.0.1') . ":$port\r\n" . bulk('i' x 40);
my $map = "*1\r\n*3\r\n:0\r\n:16383\r\n$node";
my $seed = fake_redis(command => { CLUSTER => sub { $map } });
my @hung = map { fake_redis(command => { CLUSTER => sub { silence } }) } 1 .. 3;

test 'reloads while a sentinel and seeds hang',
    master => 1,
    log_level => 'warn',
    http_config => $ha->pass('sentinels') . 'upstream seeds {'
        . join('', map { 'server ' . $_->address . ';' } @hung, $seed) . '}',
    config => location('= /sentinel', @sentinel, @second)
        . location('= /cluster', @second, redis_mode => 'cluster', pass => 'seeds'),
    may_log => [ qr/Redis server "127\.0\.0\.1:\d+" did not answer the greeting/ ],
    sub {
        my ($hung) = $ha->sentinels;

        $hung->stop;
        # what hangs is waited for no longer than seal_km_redis_timeout
        reloads($few ? 2 : 10, 3, 0, qw(sentinel cluster));
        $hung->cont;
        ok((grep { $_->count(qr/ CLUSTER/) } @hung) > 0, 'seeds did hang');
    };

run_tests();
