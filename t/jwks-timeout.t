# seal_km_jwks_timeout: a fetch that comes to no end, which none of nginx's own
# times bounds as long as a byte comes now and then.

use lib 't/lib';
use SealKM;
use SealKM::Fetching;
use SealKM::JwksServer;
use SealKM::KeyFile;
use SealKM::Load;
use SealKM::Watch;

use Time::HiRes 'sleep';

Test::Nginx::Util::log_level('notice');

my $redis = start_redis();
$redis->set('seal:km:v2x.example:service', 'K');

my @ok = ({ payload => 'K' });
my $none = { reason => 'token_key', keyless => 1 };
my $late = qr/"seal_km_jwks_request" "\S+" took longer than "seal_km_jwks_timeout"/;

# a byte each hundredth of a second, for as long as any test takes
my @trickle = (body => text('rsa') . ' ' x 100_000, slowly => 1);
my $nginx = "proxy_read_timeout 30s;\n";

sub late { return scalar grep { $_ =~ $late } error_log() }


# whatever nginx makes of what comes
my %buffers = (
    'buffered'     => '',
    'not buffered' => "proxy_buffering off;\n",
    'in the cache' => "proxy_cache slow;\nproxy_cache_key k;\n"
                      . "proxy_cache_valid 200 1s;\nproxy_cache_lock on;\n",
);
my $cache = temp_dir() . '/slow';
my $n = 0;

for my $how (sort keys %buffers) {
    my $sims = SealKM::JwksServer->start('rsa');

    test "a SIM-S that trickles, and no keys yet, $how",
        http_config => KEYS_ZONE . "proxy_cache_path $cache" . $n++
                       . " keys_zone=slow:1m;\n",
        config => net('= /km', jwks_timeout => '2s', jwks_cooldown => '1s')
            . fetches($sims, $nginx . $buffers{$how}),
        log => [ $late ],
        sub {
            $sims->answer(@trickle);

            my $from = Time::HiRes::time();
            my @clients = map { client()->send(ask('rsa')) } 1 .. 50;
            ok(wait_for(sub { $sims->count == 1 }), 'a fetch');
            my @res = map { $_->response } @clients;
            my $took = Time::HiRes::time() - $from;

            is(reasons(@res), 'token_key 50', 'each client is answered');
            cmp_ok($took, '>=', 1.9, 'after that time');
            cmp_ok($took, '<', 30, 'and not much later');
            is($sims->count, 1, 'for one fetch');
            is(late(), 1, 'which is told once');
            check('and how', $res[0], with('rsa'), $none);
            km 'a pause: nobody waits', with('rsa'), $none;

            $sims->keys('rsa');
            ok(until_reason('ok', with('rsa')), 'once it is well, all is well');
        };
}


my $silent = SealKM::JwksServer->start('rsa');

test 'a SIM-S that says nothing',
    http_config => KEYS_ZONE,
    config => net('= /km', jwks_timeout => '1s', jwks_cooldown => '1s')
        . fetches($silent),
    log => [ $late ],
    sub {
        $silent->answer(body => text('rsa'), hold => 'never');
        km 'refused in the end', with('rsa'), $none;
        $silent->keys('rsa');
        ok(until_reason('ok', with('rsa')), 'once it answers, all is well');
    };


my $renewed = SealKM::JwksServer->start('rsa');

test 'a renewal that trickles',
    http_config => KEYS_ZONE,
    config => net('= /km', jwks_timeout => '1s', jwks_cache => '1s',
                  jwks_cooldown => '1s') . fetches($renewed, $nginx),
    log => [ $late ],
    sub {
        km 'the first', with('rsa'), @ok;
        $renewed->answer(@trickle);

        # nobody asks for anything
        ok(wait_for(sub { late() >= 2 }), 'given up, more than once');
        km 'the former keys are in force', with('rsa'), @ok;

        $renewed->keys('rsa2');
        my $lines = () = grep { /new keys are in force/ } error_log();
        ok(wait_for(sub {
            $lines < grep { /new keys are in force/ } error_log();
        }), 'new keys come by themselves');
        km 'and are in force', with('rsa2'), @ok;
        km 'the former ones no longer', with('rsa'), 'token_key';
    };


my $unknown = SealKM::JwksServer->start('rsa');

test 'a fetch for an unknown kid that trickles',
    http_config => KEYS_ZONE,
    config => net('= /km', jwks_timeout => '1s', jwks_cooldown => '1h')
        . fetches($unknown, $nginx),
    log => [ $late ],
    sub {
        km 'the first', with('rsa'), @ok;
        $unknown->answer(@trickle);
        km 'an unknown one is refused in the end', with('rsa2'), 'token_key';
        is(late(), 1, 'given up');
        km 'a known one is not', with('rsa'), @ok;
    };


# nginx goes on with what it does in the background when the fetch is over
my $updated = SealKM::JwksServer->start('rsa');

test 'an update of nginx\'s cache that trickles',
    http_config => KEYS_ZONE . "proxy_cache_path $cache-update keys_zone=slow:1m;\n",
    config => net('= /km', jwks_timeout => '1s', jwks_cache => '1s',
                  jwks_cooldown => '1s')
        . fetches($updated, $nginx . <<'END'),
proxy_cache slow;
proxy_cache_key k;
proxy_cache_valid 200 1s;
proxy_cache_use_stale updating;
proxy_cache_background_update on;
END
    log => [ qr/went on in the background took longer than "seal_km_jwks_timeout"/ ],
    sub {
        km 'the first', with('rsa'), @ok;
        $updated->answer(@trickle);
        ok(wait_for(sub { grep { /in the background took longer/ } error_log() }), 'given up');
        km 'what is cached serves meanwhile', with('rsa'), @ok;
        $updated->keys('rsa2');
        ok(until_reason('ok', with('rsa2')), 'the next update brings new keys');
    };


# ---------------------------------------------------------------- a worker that exits

my $left = SealKM::JwksServer->start('rsa');

# None of these times is waited for: the client of the test would give up before.
test 'an exiting worker gives up what nobody waits for',
    master => 1,
    http_config => KEYS_ZONE . "proxy_cache_path $cache-exit keys_zone=slow:1m;\n",
    config => net('= /km', jwks_timeout => '1h', jwks_cache => '1s',
                  jwks_cooldown => '1h')
        . net('= /update', jwks_timeout => '1h', jwks_cache => '1s',
              jwks_cooldown => '1s', jwks_request => '/update-jwks')
        . fetches($left)
        . 'location = /update-jwks { proxy_pass ' . $left->url . ';
             proxy_cache slow; proxy_cache_key k; proxy_cache_valid 200 1s;
             proxy_cache_use_stale updating; proxy_cache_background_update on; }',
    sub {
        my $fetch = sub {
            my ($name) = @_;
            my $count = $left->count;
            return sub {
                ok(wait_for(sub { $left->count > $count }), "$name: a fetch");
            };
        };

        $left->answer(@trickle);
        my $begun = $fetch->('the client left before');
        my $client = client()->send(ask('rsa'));
        $begun->();
        $client->close;
        ok(gone(reload()), 'the client left before: it exits');

        $begun = $fetch->('the client leaves later');
        $client = client()->send(ask('rsa'));
        $begun->();
        my @old = reload();
        ok(wait_for(sub { grep { /gracefully shutting down/ } error_log() }),
           'the client leaves later: it is to exit');
        ok(waits($client), 'the client leaves later: it waits');
        $client->close;
        ok(gone(@old), 'the client leaves later: it exits');

        $left->keys('rsa');
        km 'keys', with('rsa'), @ok;
        $begun = $fetch->('a renewal');
        $left->answer(@trickle);
        $begun->();
        ok(gone(reload()), 'a renewal: it exits');

        $left->keys('rsa');
        km 'keys in the cache', with('rsa', location => '/update'), @ok;
        $begun = $fetch->('an update in the background');
        $left->answer(@trickle);
        $begun->();
        ok(gone(reload()), 'an update in the background: it exits');

        $left->keys('rsa');
        ok(until_reason('ok', with('rsa')), 'and the next worker is well');
    };


my $kept = SealKM::JwksServer->start('rsa');

test 'an exiting worker answers those that wait',
    master => 1,
    http_config => KEYS_ZONE,
    config => net('= /km', jwks_timeout => seconds(3) . 's', jwks_cooldown => '1s')
        . fetches($kept, $nginx),
    log => [ $late ],
    sub {
        $kept->answer(@trickle);
        my $client = client()->send(ask('rsa'));
        ok(wait_for(sub { $kept->count == 1 }), 'a fetch');
        my @old = reload();
        check('refused in the end', $client->response, with('rsa'), $none);
        $client->close;
        ok(gone(@old), 'then it exits');

        # what comes over a connection that is kept may wait, too
        $kept->answer(body => text('rsa'), hold => 'kept');
        $client = client()->send(ask('rsa'));
        ok(wait_for(sub { $kept->count == 2 }), 'another fetch');
        @old = reload();
        $kept->release('kept');
        check('good in the end', $client->response, with('rsa'), @ok);
        $client->close;
        ok(gone(@old), 'then it exits');
    };


my $stopped = SealKM::JwksServer->start('rsa');

test 'worker_shutdown_timeout',
    master => 1,
    main_config => "worker_shutdown_timeout 1s;\n",
    http_config => KEYS_ZONE,
    config => net('= /km', jwks_timeout => '1h') . fetches($stopped, $nginx),
    sub {
        $stopped->answer(@trickle);
        my $client = client()->send(ask('rsa'));
        ok(wait_for(sub { $stopped->count == 1 }), 'a fetch');
        ok(gone(reload()), 'nobody waits longer than that');
        $client->close;
    };


run_tests();
