# Memory that fails once, and events that cannot be had, while there are keys to
# be taken in, or waited for.

use lib 't/lib';
use SealKM;
use SealKM::Failing;
use SealKM::Fetching;
use SealKM::JwksServer;
use SealKM::KeyFile;
use SealKM::Load;
use SealKM::Memory;
use SealKM::Watch;

my $redis = start_redis();
$redis->set('seal:km:v2x.example:service', 'K');

my @ok = ({ payload => 'K' });
# where the file is read later than it is asked for, memory fails to requests
my @may = (qr/\[error\].*(?:"seal_km_jwks" file|internal_error)/,
           qr/\[error\].*(?:Redis server .*Cannot allocate memory|refused, store_(?:unavailable|error))/,
           qr/\[(?:emerg|alert)\].*(?:alloc|memalign)/);
my $skip = failing_nginx();

my $file = SealKM::KeyFile->new('ec256', 'rsa');

test 'a changed file of keys, and memory that fails once',
    skip => $skip,
    http_config => KEYS_ZONE,
    config => watched('= /km', jwks => $file->path, jwks_check => '50ms'),
    may_log => \@may,
    sub {
        km 'before', with('rsa'), @ok;

        # each allocation in turn; the last ones are those of requests
        my @keys = qw(rsa2 rsa);
        my ($failed, @stays) = (0);

        for my $n (1 .. 30, map { 3 * $_ } 11 .. 30) {
            fail_memory($file->path, $n);
            $file->replace('ec256', $keys[0]);

            # withdrawn is withdrawn, however often it has to be tried
            push @stays, $n if !until_reason('token_key', with($keys[1]))
                               || !until_reason('ok', with($keys[0]));
            $failed += has_failed('memory');
            @keys = reverse @keys;
        }

        cmp_ok($failed, '>', 10, 'memory has failed');
        is("@stays", '', 'whenever it was, the file is taken in');
    };


# A file that was changed just now is looked at again anyhow, for what else may
# be written into it; one that came to rest before it was looked at is not.
my $rested = SealKM::KeyFile->new('ec256', 'rsa');

test 'a changed file of keys that has come to rest, and memory that fails once',
    skip => $skip,
    config => watched('= /km', jwks => $rested->path, jwks_check => '5s'),
    may_log => \@may,
    sub {
        # what is taken in has just been looked at: the next time is 5 s later
        $rested->replace('ec256', 'rsa2');
        ok(until_reason('ok', with('rsa2')), 'a new key');

        fail_memory($rested->path, 6);
        $rested->replace('ec256', 'rsa');
        ok(until_reason('token_key', with('rsa2')), 'what is withdrawn is');
        ok(until_reason('ok', with('rsa')), 'and the next one in force');
        ok(has_failed('memory'), 'though memory has failed');
    };


my $sims = SealKM::JwksServer->start('rsa');
my $port = free_port();

# All of a request is there when its connection is accepted, so that nginx has
# not yet asked for events of that. If it still waited when it is gone, the keys
# would find what malloc() writes over memory that is freed.
test 'a wait for keys that cannot be begun',
    skip => $skip,
    init => '$ENV{MALLOC_PERTURB_} = 165',
    http_config => KEYS_ZONE,
    config => "listen 127.0.0.1:$port deferred;\n" . net('= /km')
        . fetches($sims),
    log => [ qr/\[alert\].*epoll_ctl/, qr/\[error\].*internal_error/ ],
    sub {
        delete $ENV{MALLOC_PERTURB_};
        taken();
        $sims->answer(body => text('rsa'), hold => 'wait');
        fail_epoll();

        my %set = (%{ with('rsa') }, client => { port => $port });
        km 'it ends at once', \%set, { reason => 'internal_error',
                                      unread => 1 };
        ok(has_failed('epoll'), 'since there are no events');
        ok(wait_for(sub { $sims->count == 1 }), 'there is a fetch');

        # the next request might lie where the first one was
        my ($nginx) = worker_pids();
        my $before = sockets($nginx);
        $sims->release('wait');
        ok(wait_for(sub { sockets($nginx) < $before }), 'which ends');

        km "and once only: the next request, $_", \%set, @ok for 1 .. 3;
        is($sims->count, 1, 'has what was fetched');
    };


# A SIM-S may publish a secret, foolishly. It comes in pieces through a buffer that
# is smaller: who has the whole of it has collected it.
my $secret = join '', map { chr 97 + rand 26 } 1 .. 3000;
my $foolish = SealKM::JwksServer->start('rsa');

test 'a worker that ends while keys are fetched',
    skip => $skip,
    master => 1,
    http_config => KEYS_ZONE,
    config => net('= /km', jwks_timeout => '1h')
        . fetches($foolish, "proxy_buffering off;\nproxy_buffer_size 1k;\n"),
    sub {
        $foolish->answer(body => qq({"keys":[{"kty":"oct","k":"$secret"}])
                                 . ' ' x 1_000_000, slowly => 50);

        my ($worker) = worker_pids();
        my $client = client()->send(ask('rsa'));
        my %needle = (secret => $secret);
        ok(wait_for(sub { found_in($worker, \%needle) }), 'there it is');

        fail_exit();
        kill 'TERM', $worker;
        ok(wait_for(sub { has_failed('exit') }), 'the worker has come to its end');
        is(join(' ', found_in($worker, \%needle)), '', 'and nothing is left of it');

        kill 'CONT', $worker;
        ok(gone($worker), 'it ends');
        $client->close;
    };


run_tests();
