# A hundred reloads under traffic, with connections to a cluster and over TLS
# open: no failed request, old workers that go, and nothing that grows.  Promise 7
# of the Redis topologies; reload.t has the rest of what a reload is to be.

use lib 't/lib';
use SealKM;
use SealKM::Certificates;
use SealKM::Cluster;
use SealKM::Load;
use SealKM::Traffic;

use Time::HiRes qw(sleep time);

my $few = $ENV{TEST_NGINX_USE_VALGRIND};
my $reloads = $few ? 5 : 100;

my $certificate = certificate_for(ip => [ '127.0.0.1' ],
                                  purpose => 'client,server');
my $cluster = start_cluster(tls => $certificate, authority => authority(),
                            node_timeout => 5000);
my $redis = start_redis(tls => $certificate);
my @services = map { "s$_" } 0 .. 299;

$cluster->set(map { service_key($_) => "record of $_" } @services);
$redis->set(service_key($_) => "record of $_") for @services;

my @tls = (redis_ssl => 'on', redis_ssl_trusted_certificate => authority());

sub status {
    my ($pid, $name) = @_;
    open my $file, '<', "/proc/$pid/status" or return 0;
    my ($kilobytes) = join('', <$file>) =~ /^$name:\s+(\d+)/m;
    return $kilobytes;
}

sub descriptors { return scalar(() = glob "/proc/$_[0]/fd/*") }

# with the same number of requests behind it
sub measure {
    my ($worker) = worker_pids();
    my $master = master_pid();

    load(10, [ map { (service_request($_, '/cluster'),
                      service_request($_, '/tls')) } @services ]);
    return { worker => status($worker, 'VmRSS'),
             master => status($master, 'VmRSS'),
             sockets => sockets($worker), files => descriptors($master),
             worker_files => descriptors($worker) };
}

test 'a hundred reloads',
    master => 1,
    log_level => 'warn',
    http_config => $cluster->pass('seeds'),
    config => location('= /cluster', pass => 'seeds', redis_mode => 'cluster',
                       @tls)
        . location('= /replica', pass => 'seeds', redis_mode => 'cluster',
                   redis_read => 'any', @tls)
        . location('= /tls', pass => $redis->tls_address, @tls),
    sub {
        my %traffic = map {
            $_ => traffic(\@services, location => "/$_", rate => 50)
        } qw(cluster replica tls);
        my ($first, $late);

        for my $i (1 .. $reloads) {
            my $took = gone_after(reload());
            $late //= "reload $i: $took s" if $took > seconds(2);

            $first = measure() if $i == ($few ? 2 : 20);
        }
        is($late, undef, 'old workers go within 2 s');

        # requests that the last worker got are answered
        my %results = map { $_ => [ $traffic{$_}->stop ] } sort keys %traffic;
        for my $name (sort keys %results) {
            my @wrong = grep { $_->{reason} ne 'ok'
                               || $_->{payload} ne "record of $_->{service}" }
                        @{ $results{$name} };
            ok(!@wrong && @{ $results{$name} } > $reloads,
               "$name: none of " . @{ $results{$name} } . ' requests failed')
                or diag(tally(@{ $results{$name} }));
        }

        gone(reload());
        my $last = measure();
        note(map { "$_: $first->{$_}, at the end $last->{$_}\n" }
             sort keys %$first);

        # but for the requests that were under way
        ok($last->{$_} <= $first->{$_} + ($_ eq 'files' ? 0 : 12),
           "$_: as many at the end") for qw(files worker_files sockets);
        # valgrind's own grows
        ok($few || $last->{$_} < $first->{$_} + 3 * 1024,
           "memory of the $_ is flat")
            for qw(master worker);

        # what the old ones had is closed, and Redis knows
        my ($most) = sort { $b <=> $a } map {
            scalar grep { $_ eq 'nginx-seal-km' } $_->clients
        } $redis, $cluster->nodes;
        ok($most <= 4, 'no connection is left at a server') or diag($most);
    };

run_tests();
