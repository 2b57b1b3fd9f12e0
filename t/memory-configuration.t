# Memory runs out while nginx reads its configuration: each allocation of the
# module's, and of LibJWT and Jansson for it, fails in turn, in a child of its own.
# At the start nginx refuses the configuration and says so; at a reload the
# master goes on with the former one, has no more memory than before, and the
# workers answer. None takes a configuration that it has not read. Of OpenSSL's
# allocations, of which there are thousands, some fail: it does not crash.

use lib 't/lib';
use SealKM;
use SealKM::Certificates;
use SealKM::Load;
use SealKM::Scarce;
use SealKM::Sealed;

my $skip = scarce_nginx();

my $redis = start_redis();
$redis->set('seal:km:v2x.example:service', 'KEY-MATERIAL');

my $digest_key = temp_file('D' x 20);
chmod 0600, $digest_key;

my $authority = authority();
my $client = client_certificate();
my $name = encrypted($client, 'pw');

# every directive there is
my $http = <<"END";
seal_km_zone name=z 1m;
upstream nodes { server 127.0.0.1:7001; server localhost:7002; }
END

my $config = location('= /km', zone => 'z', user_uri => 'sip:$seal_km_claim_sub',
        scope => 'seal:km $seal_km_claim_x', id => 'id', version => '1.0.0 1.0.1',
        bind => [ 'user uid', 'client off' ], limit => 'rate=5r/s burst=9 key=$seal_km_claim_iss',
        require => '$arg_a reason=closed', claim_set => '$deep a b', payload => 'json',
        client_id_claim => 'azp client_id', scope_claim => 'scp scope', token_type => 'at+jwt jwt',
        record_keys => record_keys(a => 'A' x 32, b => 'B' x 32), record_digest_key => $digest_key,
        notify => 'seal-km not_found closed', redis_password => 'secret', redis_user => 'km',
        jwks => jwks('rsa', 'ec256', 'ed25519'), algorithms => 'RS256 ES256 EdDSA')
    . location('= /tls', pass => 'nodes', redis_mode => 'cluster', redis_ssl => 'on',
        redis_ssl_trusted_certificate => $authority, redis_ssl_certificate => $name->{crt},
        redis_ssl_certificate_key => $name->{key}, redis_ssl_password_file => temp_file("pw\n"),
        redis_password_file => temp_file("secret\n"))
    . location('= /sentinel', pass => 'nodes', redis_mode => 'sentinel keys', jwks => undef,
        jwks_request => '/jwks', redis_sentinel_password => 'secret')
    . location('= /ss-kir/v1/key-records', interface => 'ss-kir', uri => undef, window => undef)
    . "location = /jwks { internal; proxy_pass http://127.0.0.1:1; }\n"
    . "location = /ready { seal_km_ready /plain; }\nlocation = /metrics { seal_km_metrics; seal_km_zone z; }\n"
    . location('= /plain', zone => 'z');

sub ended_well {
    my ($name, @odd) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my @texts = map { "child $_->{n} ended with $_->{status}\n$_->{said}" } @odd;
    is(scalar @texts, 0, $name) or diag(join "\n", @texts[0 .. ($#texts > 3 ? 3 : $#texts)]);
    return;
}

# the reload itself, of which none fails, has new workers
sub reloaded {
    my (%set) = @_;
    my ($worker) = worker_pids();

    begin_forking(pid => master_pid(), wanted => 100, %set);
    kill 'HUP', master_pid();
    ok(wait_for(sub { !forking() }, 120), 'a reload') or return forked();
    my @all = forked();
    ok(gone($worker), 'is over');
    return @all;
}


test 'each allocation of a configuration',
    skip => $skip,
    master => 1,
    http_config => $http,
    config => $config,
    suppress_stderr => 1,
    may_log => [ qr/\[(?:alert|emerg|crit|error|warn)\]/ ],
    sub {
        # At the start, of which nginx -t is all but the workers. OpenSSL 3.0 waits
        # for itself for ever where it lacks memory when it is first used.
        begin_forking(wanted => 1);
        my ($status, $output) = nginx_t(http_config => $http, config => $config);
        my ($tried, @odd) = forked();

        is($status, 0, 'nginx -t, when none fails') or diag($output);
        cmp_ok($tried, '>', 100, "nginx -t: $tried allocations have failed");
        cmp_ok(slabs(), '>=', 4, 'those of shared memory, too');
        ended_well('each is an error', @odd);

        # a master has no more than one configuration before its first reload
        gone(reload());

        ($tried, @odd) = reloaded();
        cmp_ok($tried, '>', 50, "a reload: $tried allocations have failed");
        ended_well('the master goes on as before each time', @odd);

        # what OpenSSL lacks it may not need, and what it leaks is its own
        ($tried, @odd) = reloaded(openssl => 1, step => 151);
        cmp_ok($tried, '>', 20, "a reload: $tried allocations have failed, OpenSSL's too");
        ended_well('nothing crashes', grep { $_->{status} != 101 && $_->{status} != 102 } @odd);

        km 'and the workers answer', { location => '/plain' }, { payload => 'KEY-MATERIAL' };
    };

run_tests();
