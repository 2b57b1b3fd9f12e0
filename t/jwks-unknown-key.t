# Tokens that no known key verifies: one fetch for all of them each cooldown,
# for which they wait, and nothing for those that no key can save.

use lib 't/lib';
use SealKM;
use SealKM::Fetching;
use SealKM::JwksServer;
use SealKM::KeyFile;
use SealKM::Load;
use SealKM::Traffic;
use SealKM::Watch;

use Time::HiRes 'sleep';

Test::Nginx::Util::log_level('notice');
Test::Nginx::Util::add_block_preprocessor(sub {
    Test::Nginx::Util::workers($_[0]->workers || 1);
});

my $redis = start_redis();
$redis->set('seal:km:v2x.example:service', 'K');
$redis->set(service_key('good'), 'G');

my @ok = ({ payload => 'K' });
my $unusable = { reason => 'token_key' };

sub some_time { sleep seconds(0.4) }

sub unknown { return { token => mint(-kid => "kid $_[0]", exp => time + 3600) } }


# ------------------------------------------------------------ whatever the kid is

# a set, the next one, and how the new key's tokens look
my %change = (
    'a new kid' => [ [ 'rsa' ], [ 'rsa', 'rsa2' ], {} ],
    'a new key under a known kid' => [
        [ [ 'rsa', kid => 'idp' ] ], [ [ 'rsa2', kid => 'idp' ] ],
        { -kid => 'idp' } ],
    'a kid of which there is another key too' => [
        [ [ 'rsa', kid => 'idp' ] ],
        [ [ 'rsa', kid => 'idp' ], [ 'rsa2', kid => 'idp' ] ],
        { -kid => 'idp' } ],
    'keys without a kid' => [
        [ [ 'rsa', kid => undef ] ], [ [ 'rsa2', kid => undef ] ],
        { -kid => 'any' } ],
    'tokens without a kid' => [
        [ 'rsa' ], [ 'rsa2' ], { -kid => undef } ],
    'neither has one' => [
        [ [ 'rsa', kid => undef ] ], [ [ 'rsa2', kid => undef ] ],
        { -kid => undef } ],
    'another algorithm' => [
        [ [ 'rsa', kid => undef ] ], [ [ 'ec256', kid => undef ] ],
        { -kid => undef, -key => 'ec256' } ],
);

my @changes = sort keys %change;
my %sims = map { $_ => SealKM::JwksServer->start(@{ $change{$_}[0] }) } @changes;

test 'a new key',
    http_config => KEYS_ZONE,
    config => join('', map {
        net("= /km$_", jwks_request => "/jwks$_")
        . "location = /jwks$_ { proxy_pass " . $sims{ $changes[$_] }->url
        . "; }\n" } 0 .. $#changes),
    sub {
        for my $n (0 .. $#changes) {
            my $name = $changes[$n];
            my (undef, $keys, $token) = @{ $change{$name} };
            my $sims = $sims{$name};
            my @at = (location => "/km$n");

            km "$name: before", { token => { -kid => $token->{-kid} // 'rsa' },
                                  @at }, @ok;
            $sims->keys(@$keys);
            km "$name: its first token", { token => { -key => 'rsa2', %$token },
                                           @at }, @ok;
            km "$name: and the next", { token => { -key => 'rsa2', %$token },
                                        @at }, @ok;
            is($sims->count, 2, "$name: by one fetch");
        }
    };


# ---------------------------------------------------------------- who waits, and when

my $told = SealKM::JwksServer->start('rsa');

test 'those that come meanwhile wait for the same fetch',
    http_config => KEYS_ZONE,
    config => net('= /km', jwks_cooldown => '1h') . fetches($told),
    sub {
        km 'before', with('rsa'), @ok;
        $told->answer(body => text('rsa', 'rsa2'), hold => 'new');

        my @new = map { client()->send(ask('rsa2')) } 1 .. 20;
        ok(wait_for(sub { $told->count == 2 }), 'there is a fetch');
        my @bad = map { client()->send(request(via => 1, %{ unknown($_) })) }
            1 .. 20;
        km "a known key meanwhile, $_", with('rsa'), @ok for 1 .. 3;
        cached 'HIT', 'and one that is kept', with('rsa'), @ok;
        is(scalar(grep { !waits($_) } @new, @bad), 0, 'all of them wait');
        is($told->count, 2, 'for one fetch');

        # one goes away
        (shift @new)->close;
        $told->release('new');
        is(reasons(map { $_->response } @new), 'ok 19', 'the new key is known');
        is(reasons(map { $_->response } @bad), 'token_key 20', 'unknown ones are not');

        # the cooldown lasts: nobody waits
        $told->answer(body => text('rsa', 'rsa2', 'ec256'), hold => 'cooldown');
        km 'cooldown: a key that is there by now', with('ec256'), $unusable;
        km "cooldown: unknown, $_", unknown($_), $unusable for 1 .. 3;
        km 'cooldown: a bad signature', { token => { -signature => 'x' x 256 } },
            'token_signature';
        km "cooldown: $_", with($_), @ok for qw(rsa rsa2);
        some_time();
        is($told->count, 2, 'cooldown: and nothing is fetched');
    };


my $again = SealKM::JwksServer->start('rsa');

test 'once more after the cooldown',
    http_config => KEYS_ZONE,
    config => net('= /km', jwks_cooldown => '500ms') . fetches($again),
    sub {
        my $from = Time::HiRes::time();

        km 'before', with('rsa'), @ok;
        ok(wait_for(sub {
            post(%{ unknown(rand) });
            return $again->count >= 4;
        }), 'unknown ones cause some fetches');
        cmp_ok($again->count, '<=', 2 + 2 * (Time::HiRes::time() - $from),
               'but not one each');

        $again->keys('rsa', 'rsa2');
        ok(until_reason('ok', with('rsa2')), 'and find the new key');
    };


# Each worker asks for itself, and none of them refuses a token of the new key
# while it does.
my $served = SealKM::JwksServer->start('rsa');
my $port = free_port();

test 'a new key in service, several workers',
    workers => 4,
    master => 1,
    http_config => KEYS_ZONE . "server {\n" . listen_workers($port)
        . net('= /km', jwks_cooldown => '1h') . fetches($served) . "}\n",
    config => '',
    sub {
        my %worker = worker_clients($port, 4);
        km "before, worker $_", with('rsa', via => $worker{$_}), @ok
            for sort keys %worker;
        is($served->count, 4, 'a fetch each');

        $served->answer(body => text('rsa', 'rsa2'), pause => 0.3);
        my @clients = map { client(port => $port) } 1 .. 120;
        for my $n (0 .. $#clients) {
            $clients[$n]->send(ask($n % 2 ? 'rsa' : 'rsa2'));
            sleep 0.005;
        }
        is(reasons(map { $_->response } @clients), 'ok 120', 'none is refused');
        km "after, worker $_", with('rsa2', via => $worker{$_}), @ok
            for sort keys %worker;
        is($served->count, 8, 'one fetch more each');
    };


# A renewal that is under way is as good as a fetch of one's own.
my $renewed = SealKM::JwksServer->start('rsa');

test 'a renewal that is under way',
    http_config => KEYS_ZONE,
    config => net('= /km', jwks_cache => '1s', jwks_cooldown => '1h')
        . fetches($renewed),
    sub {
        km 'before', with('rsa'), @ok;
        $renewed->answer(body => text('rsa', 'rsa2'), hold => 'renewal');
        ok(wait_for(sub { $renewed->count == 2 }), 'a renewal');

        my $client = client()->send(ask('rsa2'));
        some_time();
        ok(waits($client), 'a token of the new key waits for it');
        $renewed->release('renewal');
        check('and is judged then', $client->response, with('rsa2'), @ok);

        # that was this cooldown's
        $renewed->answer(body => text('rsa', 'rsa2'), hold => 'cooldown');
        my $count = $renewed->count;
        ok(wait_for(sub { $renewed->count > $count }), 'the next renewal');
        km 'the cooldown lasts: nobody waits', unknown('x'), $unusable;
        $renewed->release('cooldown');
    };


# Whoever asks and goes away has had his fetch: otherwise there would be one for
# each of them.
my $gone = SealKM::JwksServer->start('rsa');

test 'clients that do not wait',
    http_config => KEYS_ZONE,
    config => net('= /km', jwks_cooldown => '1h') . fetches($gone)
        . 'location = /status { stub_status; }',
    sub {
        km 'before', with('rsa'), @ok;

        for my $n (1 .. 5) {
            $gone->answer(body => text('rsa'), hold => "gone$n");
            my $client = client()->send(request(via => 1, %{ unknown($n) }));
            $n == 1 ? wait_for(sub { $gone->count == 2 }) : some_time();
            $client->close;
            ok(wait_for(sub { stub_status('/status')->{active} <= 2 }),
               "$n: gone");
            $gone->release("gone$n");
            some_time();
        }
        is($gone->count, 2, 'one fetch');
    };


# ------------------------------------------------------- tokens that no key can save

my @claims = (exp => time + 3600);
my $claims = to_json(claims(@claims));

my @hopeless = (
    'no token'             => { auth => 'Bearer' },  'token_missing',
    'another scheme'       => { auth => 'Basic YTpi' }, 'token_missing',
    'a word'               => { token => 'x' }, 'token_malformed',
    'two tokens'           => { auth => 'Bearer a.b.c a.b.c' }, 'token_malformed',
    'two parts'            => { token => 'a.b' }, 'token_malformed',
    'no JSON'              => { token => 'a.b.c' }, 'token_malformed',
    'alg none'             => { token => { -header => { alg => 'none' } } },
                              'token_algorithm',
    'alg none, unsigned'   => { token => jws('{"alg":"none"}', $claims, '') },
                              'token_algorithm',
    'HS256'                => { token => jws('{"alg":"HS256","kid":"x"}', $claims,
                                             'x' x 32) }, 'token_algorithm',
    'an unknown alg'       => { token => jws('{"alg":"XX"}', $claims, 'x') },
                              'token_algorithm',
    'no alg'               => { token => jws('{"kid":"x"}', $claims, 'x') },
                              'token_malformed',
    'alg twice'            => { token => jws('{"alg":"RS256","alg":"RS256"}',
                                             $claims, 'x') }, 'token_malformed',
    'crit'                 => { token => { -header => { crit => [ 'x' ] } } },
                              'token_malformed',
    'b64'                  => { token => { -header => { b64 => \'false' } } },
                              'token_malformed',
    'a kid that is no string' => { token => { -header => { kid => 7 } } },
                              'token_malformed',
    'padding'              => { token => mint(@claims) . '==' }, 'token_malformed',
);

my $spared = SealKM::JwksServer->start('rsa');

test 'tokens that no key can save neither wait nor cause a fetch',
    http_config => KEYS_ZONE,
    config => net('= /km', jwks_cooldown => '100ms') . fetches($spared),
    sub {
        # what would come is held for ever: who waited would not come back
        $spared->answer(body => text('rsa'), hold => 'first');
        my $all = sub {
            my ($name) = @_;
            my @list = @hopeless;
            while (my ($what, $set, $reason) = splice @list, 0, 3) {
                km "$name: $what", $set, $reason;
            }
        };

        $all->('no keys yet');
        some_time();
        is($spared->count, 0, 'no keys yet: nothing is fetched');

        my $client = client()->send(ask('rsa'));
        ok(wait_for(sub { $spared->count == 1 }), 'a fetch');
        $all->('a fetch is under way');
        ok(waits($client), 'one that a key can save waits');
        $spared->release('first');
        check('and is good', $client->response, with('rsa'), @ok);

        $spared->answer(body => text('rsa'), hold => 'second');
        $all->('there are keys');
        km 'claims that are malformed, well signed',
            { token => { -claims => '[]' } }, 'token_malformed';
        km 'expired, well signed', { token => { exp => time - 60 } },
            'token_expired';
        some_time();
        is($spared->count, 1, 'there are keys: nothing is fetched');
        $spared->release('second');
    };


# --------------------------------------------------------------------- many of them

my $bounded = SealKM::JwksServer->start('rsa');

test 'a thousand wait at most',
    http_config => KEYS_ZONE,
    config => net('= /km', jwks_timeout => '60s', window => '1h')
        . fetches($bounded),
    sub {
        km 'before', with('rsa'), @ok;
        $bounded->answer(body => text('rsa', 'rsa2'), hold => 'many');

        my @clients = map { client()->send(ask('rsa2')) } 1 .. 1000;
        ok(wait_for(sub { $bounded->count == 2 }), 'a fetch');
        my $more = client()->send(ask('rsa2'));
        check('one more is judged at once', $more->response, with('rsa2'),
              'token_key');
        is(scalar(grep { !waits($_) } @clients), 0, 'a thousand wait');
        km 'a known key', with('rsa'), @ok;

        # where one leaves there is room for another
        (shift @clients)->close;
        ok(wait_for(sub {
            $more = client()->send(ask('rsa2'));
            some_time();
            return waits($more);
        }), 'one left: another one waits');

        $bounded->release('many');
        is(reasons(map { $_->response } @clients, $more), 'ok 1000',
           'all of them are answered');
        is($bounded->count, 2, 'by one fetch');
    };


my $flooded = SealKM::JwksServer->start('rsa');

test '10,000 unknown kids',
    http_config => KEYS_ZONE,
    config => net('= /km', window => '1h', jwks_cooldown => '1h')
        . fetches($flooded),
    sub {
        km 'before', with('rsa'), @ok;
        is($flooded->count, 1, 'one fetch');

        my $body = request_body();
        my @requests = map {
            request(body => $body, via => 1, token =>
                    jws(qq({"alg":"RS256","kid":"$_"}), $claims, 'x' x 256))
        } 1 .. 10_000;

        # the SIM-S takes its time; good clients do not notice
        $flooded->answer(body => text('rsa'), pause => 5);
        my $traffic = traffic([ 'good' ], rate => 50, width => 10, keep => 1);
        my @res = load(50, \@requests);
        my @good = $traffic->stop;
        is(reasons(@res), 'token_key 10000', 'each is refused');
        is($flooded->count, 2, 'one fetch more');
        is(tally(@good), 'ok ' . @good, 'all good ones are answered');
        cmp_ok(worst(@good), '<', 5, 'and none of them waits');
        km 'after', with('rsa'), @ok;

        @res = load(50, [ @requests[0 .. 499] ]);
        is(reasons(@res), 'token_key 500', 'the same ones again');
        is($flooded->count, 2, 'and no fetch');
    };


run_tests();
