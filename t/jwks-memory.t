# Memory that fails once, and events that cannot be had, while there are keys to
# be taken in, or waited for.

use lib 't/lib';
use SealKM;
use SealKM::Failing;
use SealKM::Fetching;
use SealKM::JwksServer;
use SealKM::KeyFile;
use SealKM::Load;
use SealKM::Watch;

my $redis = start_redis();
$redis->set('seal:km:v2x.example:service', 'K');

my @ok = ({ payload => 'K' });
my $skip = failing_nginx();

my $file = SealKM::KeyFile->new('ec256', 'rsa');

test 'a changed file of keys, and memory that fails once',
    skip => $skip,
    http_config => KEYS_ZONE,
    config => watched('= /km', jwks => $file->path, jwks_check => '50ms'),
    may_log => [ qr/\[error\].*(?:"seal_km_jwks" file|internal_error)/,
                 qr/\[(?:emerg|alert)\].*(?:alloc|memalign)/ ],
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


my $sims = SealKM::JwksServer->start('rsa');
my $port = free_port();

# all of a request is there when its connection is accepted, so that nginx has
# not yet asked for events of that
test 'a wait for keys that cannot be begun',
    skip => $skip,
    http_config => KEYS_ZONE,
    config => "listen 127.0.0.1:$port deferred;\n" . net('= /km')
        . fetches($sims),
    log => [ qr/\[alert\].*epoll_ctl/, qr/\[error\].*internal_error/ ],
    sub {
        $sims->answer(body => text('rsa'), hold => 'wait');
        fail_epoll();

        my %set = (%{ with('rsa') }, client => { port => $port });
        km 'it ends at once', \%set, { reason => 'internal_error',
                                      unread => 1 };
        ok(has_failed('epoll'), 'since there are no events');
        ok(wait_for(sub { $sims->count == 1 }), 'there is a fetch');
        $sims->release('wait');
        km "and once only: the next request, $_", \%set, @ok for 1 .. 3;
        is($sims->count, 1, 'has what was fetched');
    };


run_tests();
