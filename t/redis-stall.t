# Redis that is stopped for 10 seconds under load: the memory of the worker stays
# bounded, each request is answered in time, and a second after Redis goes on all
# of them succeed.  Promise 4 of the Redis topologies.

use lib 't/lib';
use SealKM;
use SealKM::Certificates;
use SealKM::Load;
use SealKM::Traffic;

use List::Util 'max';
use Time::HiRes qw(sleep time);

my $certificate = certificate_for(ip => [ '127.0.0.1' ]);
my @services = map { "s$_" } 0 .. 199;
my @redis = map { start_redis(tls => $certificate) } 1 .. 4;

for my $redis (@redis) {
    $redis->set(service_key($_) => "record of $_") for @services;
}

# how many requests wait at most, of each location
use constant WIDTH => 400;

my @second = (redis_timeout => '1s', redis_connect_timeout => '1s');

# each has its own server; those of the upstream stop both
my %location = (
    plain => [ @second, pass => $redis[0]->address ],
    tls   => [ @second, pass => $redis[1]->tls_address, redis_ssl => 'on',
               redis_ssl_trusted_certificate => authority() ],
    pair  => [ @second, pass => 'pair', redis_connections => 2 ],
);

sub status {
    my ($pid, $name) = @_;
    open my $file, '<', "/proc/$pid/status" or die "/proc/$pid/status: $!";
    my ($kilobytes) = join('', <$file>) =~ /^$name:\s+(\d+)/m;
    return $kilobytes;
}

test '10 seconds',
    http_config => 'upstream pair { ' . join('', map { 'server ' . $_->address
        . ' max_fails=0; ' } @redis[2, 3]) . '}',
    config => join('', map { location("= /$_", @{ $location{$_} }) }
                   sort keys %location),
    log_level => 'warn',
    log => [ qr/Request refused, store_timeout/ ],
    may_log => [ qr/Request refused, store_unavailable|Redis server|SSL_/ ],
    sub {
        my ($pid) = worker_pids();
        my %traffic = map {
            $_ => traffic(\@services, location => "/$_", rate => 80,
                          width => WIDTH)
        } sort keys %location;

        # what the first requests need is there
        sleep 1;
        my $before = status($pid, 'VmRSS');
        my $sockets = sockets($pid);
        $_->stop for @redis;
        my $stopped = time;
        my (@memory, @sockets);
        while (time < $stopped + 10) {
            sleep 0.5;
            push @memory, status($pid, 'VmRSS');
            push @sockets, sockets($pid);
        }
        $_->cont for @redis;
        my %goes_on = map { $_ => moment($traffic{$_}) } keys %traffic;
        # on a machine that is busy all over nobody can tell what a second is
        my $told = 1;
        goes_on($_, seconds(2.5)) or $told = 0 for values %traffic;
        my %results = map { $_ => [ $traffic{$_}->stop ] } keys %traffic;

        for my $name (sort keys %results) {
            my @results = @{ $results{$name} };
            my $goes_on = $goes_on{$name};
            my @meanwhile = grep { $_->{begin} > $stopped + 0.1
                                   && $_->{begin} < $goes_on->{time} - 3 }
                            @results;
            my @after = grep { after($goes_on, $_) > seconds(1) } @results;
            note("$name: " . tally(@results) . sprintf ', longest %.2f s',
                 worst(@results));

            ok(@meanwhile > 200 / seconds(1) && (@after > 5 || !$told), "$name: there was traffic")
                or diag(scalar(@meanwhile) . ' and ' . scalar(@after));
            is(join(' ', grep { !/^store_(?:timeout|unavailable)$/ }
                    map { $_->{reason} || "status $_->{status}" } @meanwhile),
               '', "$name: meanwhile they fail as they may");
            ok(in_time(1, @results), "$name: each answered in time")
                or diag(worst(@results));
            @after = grep { !hindered($_) } @after;
            is(tally(grep { $_->{reason} ne 'ok' } @after), '',
               "$name: 1 s later all succeed");
            is(scalar(grep { $_->{reason} eq 'ok'
                             && $_->{payload} ne "record of $_->{service}" }
                      @results), 0, "$name: with their own records");
        }

        # some 250 wait at any time; the queues to Redis have a bound
        my $most = max(@memory);
        note("memory: $before kB, then at most $most kB; sockets: $sockets, then "
             . max(@sockets));
        # but valgrind keeps for a while what was freed
        my $slow = $ENV{TEST_NGINX_USE_VALGRIND};
        ok($slow || $most - $before < 16 * 1024, 'memory is bounded')
            or diag("$before: @memory");
        ok($slow || max(@memory[-4 .. -1]) - max(@memory[2 .. 5]) < 4 * 1024,
           'memory does not grow') or diag("$before: @memory");
        # those of the clients, if nginx has no time for any of them, and few more
        ok(max(@sockets) < $sockets + 3 * WIDTH + 50, 'sockets are bounded')
            or diag("$sockets: @sockets");
    };

run_tests();
