# seal_km_jwks_request: keys that nginx gets from the SIM-S.

use lib 't/lib';
use SealKM;
use SealKM::Fetching;
use SealKM::HTTP2;
use SealKM::JwksServer;
use SealKM::KeyFile;
use SealKM::Load;
use SealKM::TLS;
use SealKM::Watch;

use Time::HiRes 'sleep';

Test::Nginx::Util::log_level('notice');
Test::Nginx::Util::add_block_preprocessor(sub {
    Test::Nginx::Util::workers($_[0]->workers || 1);
});

my $redis = start_redis();
$redis->set('seal:km:v2x.example:service', 'K');

my @ok = ({ payload => 'K' });
my $none = { reason => 'token_key', keyless => 1 };
my $zone = KEYS_ZONE;
my $rsa = with('rsa')->{token};

# what is logged of a set that cannot be had; nginx has lines of its own of it
my $about = qr/\[(?:error|warn|crit)\].*jwks/;


my $sims = SealKM::JwksServer->start('rsa');

test 'one fetch',
    http_config => $zone,
    config => net('= /km') . net('= /other', issuer => ISSUER . ' x')
        . fetches($sims),
    sub {
        sleep seconds(0.3);
        is($sims->count, 0, 'no fetch before there is need');
        km 'the first request', with('rsa'), @ok;
        is($sims->count, 1, 'one fetch');
        km "request $_", with('rsa'), @ok for 2 .. 5;
        km 'a token that is kept', with('rsa'), @ok;
        km 'another key', with('rsa2'), 'token_key';
        km 'a bad signature', { token => { -signature => 'x' x 256 } },
            'token_signature';
        cmp_ok($sims->count, '<=', 2, 'and at most one for that key');

        my $client = client();
        $client->send("GET /jwks HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        is($client->response->status, 404, 'internal stays internal');
    };


my $shared = SealKM::JwksServer->start('rsa');

test 'locations that ask for the same share it',
    http_config => $zone,
    config => "seal_km_jwks_request /jwks;\nseal_km_zone keys;\n"
        . join('', map { location("= /$_", jwks => undef) } 1 .. 10)
        . fetches($shared),
    sub {
        km "location $_", with('rsa', location => "/$_"), @ok for 1 .. 10;
        is($shared->count, 1, 'one fetch');
    };


# What a client sends stays here: neither its token nor anything else of it must
# come to the SIM-S.
my $private = SealKM::JwksServer->start('rsa');
my $port = free_port();
my $h2 = free_port();

test 'what is sent to the SIM-S',
    http_config => $zone,
    config => tls_listen($port, 'ssl_verify_client optional_no_ca;')
        . listen_http2($h2, 1)
        . net('= /km', jwks_cache => '1s', jwks_cooldown => '1s')
        . net('= /leak', jwks_request => '/leak-jwks', jwks_cooldown => '1s')
        . net('= /pass', jwks_request => '/pass-jwks', jwks_cooldown => '1s')
        . fetches($private)
        . 'location = /leak-jwks { proxy_pass ' . $private->url . ';
            proxy_set_header X-Leak "$http_authorization$http_cookie$http_x_client$http_user_agent$content_type$content_length$args$http_accept$http_referer"; }
           location = /pass-jwks { proxy_pass ' . $private->url . ';
            proxy_pass_request_headers on; proxy_pass_request_body on;
            proxy_http_version 1.1; proxy_set_header Connection ""; }',
    sub {
        my $marker = 'marker-of-the-client';
        my $token = mint(jti => $marker);
        my @headers = (Cookie => "a=$marker", 'X-Client' => $marker,
            'User-Agent' => $marker, Accept => $marker, Referer => $marker,
            'Accept-Encoding' => 'gzip', 'Accept-Language' => $marker,
            'If-None-Match' => "\"$marker\"", 'If-Match' => "\"$marker\"",
            'If-Modified-Since' => 'Thu, 01 Jan 2026 00:00:00 GMT',
            Range => 'bytes=0-9', 'If-Range' => "\"$marker\"",
            'X-Forwarded-For' => $marker, 'Proxy-Authorization' => $marker,
            TE => 'trailers', Pragma => $marker, 'Cache-Control' => 'no-cache',
            'Content-Language' => $marker, DPoP => $marker, Via => $marker,
            'X-HTTP-Method-Override' => 'DELETE', Upgrade => $marker);
        my @set = (token => $token, body => { pad => $marker });

        for my $at ('/km', '/leak', '/pass') {
            my $before = $private->count;
            my %set = (@set, location => "$at?token=$token&m=$marker");

            km "$at", { %set, headers => [@headers] }, @ok;
            # that of /km may be due again
            ok($private->count > $before, "$at: a fetch");
        }

        # later ones: of an unknown key, before it runs out, with a body in
        # chunks, over TLS, over HTTP/2
        for (1 .. 4) {
            sleep 0.6;
            my $body = request_body(pad => $marker);
            my $chunked = sprintf("%x\r\n%s\r\n0\r\n\r\n", length $body, $body);
            km 'an unknown key', { @set, token => mint(-kid => $marker),
                location => "/km?m=$marker", headers => [@headers] },
                'token_key';
            km 'chunked', { @set, body => $chunked, headers => [ @headers,
                'Transfer-Encoding' => 'chunked' ] },
                { payload => 'K', echo => { ServiceID => 'v2x.example' } };
            km 'TLS', { @set, headers => [@headers],
                        client => { port => $port, tls => {} } }, @ok;
            my $http2 = SealKM::HTTP2->new(port => $h2);
            my $id = $http2->request('/km', $token, request_body());
            like($http2->response($id), qr/"Payload":"K"/, 'HTTP/2');
            $http2->close;
        }

        my @requests = $private->requests;
        cmp_ok(scalar @requests, '>=', 5, 'fetches of all kinds');

        my (%bad, %names);
        my @claims = map { quotemeta substr $_, 0, 40 } split /\./, $token;
        for my $text (@requests) {
            my ($head, $body) = split /\r\n\r\n/, $text, 2;
            my ($line, @lines) = split /\r\n/, $head;

            $bad{"request line: $line"}++
                if $line !~ m{^GET /jwks HTTP/1\.[01]\z};
            $bad{"a body: $body"}++ if length $body;
            $bad{"of the client: $text"}++ if $text =~ /\Q$marker\E/i
                || grep { $text =~ /$_/ } @claims;
            $names{ lc $_ }++ for map { /^([^:]+):/ } @lines;
            $bad{"header: $_"}++ for grep { /^(?:Transfer-Encoding|X-Leak|Expect):/i
                                            || /^Content-(?:Type|Encoding):/i
                                            || /^Content-Length: *[^0]/i } @lines;
        }
        is(join("\n", sort keys %bad), '', 'GET, without a body or a token');

        delete @names{qw(host connection content-length)};
        is(join(' ', sort grep { !/^(?:accept|user-agent)$/ } keys %names), '',
           'no header but those of nginx itself');
    };


# ------------------------------------------------------------ kinds of responses

my $kinds = SealKM::JwksServer->start('rsa');

# a set with a key, of just so many bytes
my $padded = sub {
    my ($size) = @_;
    my $text = text('rsa');
    my $pad = $size - length($text) - length(',"pad":""');
    return $text =~ s/\}\z/',"pad":"' . 'x' x $pad . '"}'/re;
};
my $most = 1 << 20;

my @good = (
    'a set'                   => { body => text('rsa') },
    'another Content-Type'    => { body => text('rsa'),
                                   headers => [ 'Content-Type' => 'text/plain' ] },
    'chunked'                 => { body => text('rsa'), chunked => 1 },
    'HTTP/1.0, no length'     => { body => text('rsa'), chunked => 'HTTP/1.0' },
    'slowly'                  => { body => text('rsa'), slowly => 20 },
    'a few bytes at a time'       => { body => to_json(jwk('rsa')), slowly => 20 },
    'a single JWK'            => { body => to_json(jwk('rsa')) },
    'white space'             => { body => "\r\n\t" . text('rsa') . " \n" },
    'unusable keys beside it' => { body => text('rsa1024', 'ec256k', 'rsa',
                                                [ 'rsa2', use => 'enc' ]) },
    '8k'                      => { body => $padded->(8192) },
    '100k'                    => { body => $padded->(100 * 1024) },
    '100k, chunked'           => { body => $padded->(100 * 1024), chunked => 1 },
    '200k'                    => { body => $padded->(200 * 1024) },
    '200k, slowly'            => { body => $padded->(200 * 1024),
                                   slowly => 20_000 },
    '200k, no length'         => { body => $padded->(200 * 1024),
                                   chunked => 'HTTP/1.0' },
    '1m'                      => { body => $padded->($most) },
    '1m, chunked'             => { body => $padded->($most), chunked => 1 },
    'headers that nginx keeps' => { body => text('rsa'), headers => [
        'Set-Cookie' => 'a=b', 'Cache-Control' => 'max-age=1', ETag => '"x"',
        'X-Accel-Expires' => 0 ] },
);

my @failing = (
    500          => { status => 500, body => text('rsa') },
    502          => { status => 502, body => text('rsa') },
    404          => { status => 404, body => text('rsa') },
    401          => { status => 401, body => text('rsa') },
    301          => { status => 301, body => text('rsa'),
                      headers => [ Location => $kinds->url ] },
    302          => { status => 302, body => text('rsa'),
                      headers => [ Location => '/jwks' ] },
    201          => { status => 201, body => text('rsa') },
    203          => { status => 203, body => text('rsa') },
    204          => { status => 204, body => '' },
    206          => { status => 206, body => text('rsa') },
    'nothing'        => { body => '' },
    'HTML'           => { body => '<html>', headers => [ 'Content-Type' =>
                                                         'text/html' ] },
    'no keys'        => { body => '{"keys":[]}' },
    'an object'      => { body => '{}' },
    'an array'       => { body => '[]' },
    'no usable key'  => { body => text('rsa1024') },
    'keys for another use' => { body => text([ 'rsa', use => 'enc' ]) },
    'secret keys only'     => { body => text('hs256') },
    'a name twice'   => { body => text('rsa') =~ s/\}\z/,"keys":[]}/r },
    'text behind it' => { body => text('rsa') . 'x' },
    'a NUL'          => { body => text('rsa') . "\0" },
    'cut short'      => { body => text('rsa'), cut => 200 },
    'cut by a byte'  => { body => text('rsa'), cut => length(text('rsa')) - 1 },
    'chunked, cut'   => { body => text('rsa'), chunked => 1, cut => 300 },
    'chunked, without an end' => { body => text('rsa'), chunked => 1,
                                   cut => length(text('rsa')) + 5 },
    'white space cut off'     => { body => text('rsa') . ' ' x 100,
                                   cut => length(text('rsa')) + 9 },
    'over 1m'             => { body => $padded->($most + 1) },
    'over 1m, chunked'    => { body => $padded->($most + 1), chunked => 1 },
    'over 1m, no length'  => { body => $padded->($most + 1),
                               chunked => 'HTTP/1.0' },
    '5m'             => { body => $padded->(5 << 20) },
    '5m, chunked'    => { body => $padded->(5 << 20), chunked => 1 },
    'no HTTP'        => { raw => "x\r\n\r\n" },
    'no response'    => { raw => '' },
    'half a head'    => { raw => "HTTP/1.1 200 OK\r\nContent-Le" },
    'length and more' => { raw => "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n" },
);

# of each kind a location of its own, which has no set when it is asked
my %kind = (@good, @failing);
my @names = @good[ grep { $_ % 2 == 0 } 0 .. $#good ];
my @bad_names = @failing[ grep { $_ % 2 == 0 } 0 .. $#failing ];
my %number;
@number{ @names, @bad_names } = 1 .. keys %kind;

my %buffers = (
    'as they are' => '',
    'small'       => "proxy_buffer_size 1k;\nproxy_buffers 4 1k;\n"
                     . "proxy_busy_buffers_size 1k;\n"
                     . "subrequest_output_buffer_size 1k;\n",
    'off'         => "proxy_buffering off;\nsubrequest_output_buffer_size 2k;\n",
);

for my $buffers ('as they are', 'small', 'off') {
    test "what is a set, buffers $buffers",
        http_config => $zone . $buffers{$buffers},
        config => join('', map {
            net("= /km$_", jwks_request => "/jwks$_")
            . "location = /jwks$_ { proxy_pass " . $kinds->url . "; }\n"
        } values %number),
        log => [ $about, qr/\[(?:error|warn|crit)\].*upstream/ ],
        sub {
            for my $name (@names) {
                $kinds->answer(%{ $kind{$name} });
                km "$buffers: $name",
                    with('rsa', location => "/km$number{$name}"), @ok;
            }

            for my $name (@bad_names) {
                my $lines = grep { $_ =~ $about } error_log();
                $kinds->answer(%{ $kind{$name} });
                km "$buffers: $name",
                    with('rsa', location => "/km$number{$name}"), $none;
                cmp_ok(scalar(grep { $_ =~ $about } error_log()), '>', $lines,
                       "$buffers: $name: an error in the log");
            }
        };
}


my $kept = SealKM::JwksServer->start('rsa');

test 'a fetch that fails leaves the set as it was',
    http_config => $zone,
    config => net('= /km', jwks_cache => '1s', jwks_cooldown => '100ms')
        . fetches($kept),
    log => [ $about, qr/\[(?:error|warn|crit)\].*upstream/ ],
    sub {
        km 'before', with('rsa'), @ok;
        cached 'HIT', 'kept', with('rsa'), @ok;

        for my $name (500, 'no keys', 'no usable key', 'cut short',
                      'over 1m', 'no response', 'HTML')
        {
            my ($count, $lines) = ($kept->count,
                                   scalar grep { $_ =~ $about } error_log());
            $kept->answer(%{ $kind{$name} });

            # it is asked for, again and again
            my $bad = 0;
            ok(wait_for(sub {
                $bad++ if post(token => $rsa)->status != 200;
                post(token => mint(-kid => 'unknown'));
                return $kept->count >= $count + 2;
            }), "$name: is fetched");
            is($bad, 0, "$name: the set is in force meanwhile");
            km "$name: and still is", with('rsa'), @ok;
            cached 'HIT', "$name: with what it has kept", with('rsa'), @ok;
            ok(wait_for(sub { $lines < grep { $_ =~ $about } error_log() }),
               "$name: an error in the log");
        }

        $kept->keys('rsa2');
        ok(until_reason('ok', with('rsa2')), 'then a good one');
        km 'and the old one is gone', with('rsa'), 'token_key';
    };


my $shrinks = SealKM::JwksServer->start(qw(rsa rsa2 ec256));

test 'a set that shrinks and grows',
    http_config => $zone,
    config => net('= /km', jwks_cache => '1s', jwks_cooldown => '1s')
        . fetches($shrinks),
    sub {
        for my $key (qw(rsa rsa2 ec256)) {
            km "$key: before", with($key), @ok;
            cached 'HIT', "$key: kept", with($key), @ok;
        }

        $shrinks->keys('rsa', 'ec256');
        ok(until_reason('token_key', with('rsa2')), 'a key less');
        km "rsa2 is dead, $_", with('rsa2'), 'token_key' for 1 .. 3;
        km "$_ lives", with($_), @ok for qw(rsa ec256);
        $shrinks->keys('ec256');
        ok(until_reason('token_key', with('rsa')), 'another key less');
        km "$_ is dead", with($_), 'token_key' for qw(rsa rsa2);
        km 'ec256 lives', with('ec256'), @ok;
        $shrinks->keys(qw(rsa rsa2));
        ok(until_reason('ok', with($_)), "$_ is back") for qw(rsa rsa2);
        km 'ec256 is dead', with('ec256'), 'token_key';

        # what comes again as it was is no change
        my $count = $shrinks->count;
        cached 'HIT', 'kept', with('rsa'), @ok;
        ok(wait_for(sub {
            post(token => $rsa);
            return $shrinks->count >= $count + 2;
        }), 'fetched twice more');
        cached 'HIT', 'and still kept', with('rsa'), @ok;
    };


sub some_time { sleep seconds(0.4) }


# ------------------------------------------------------------------ no set at all

my $slow = SealKM::JwksServer->start('rsa');

test 'a slow SIM-S, at first',
    http_config => $zone,
    config => net('= /km') . fetches($slow),
    sub {
        $slow->answer(body => text('rsa'), hold => 'first');

        my @clients = map { client()->send(ask($_)) } ('rsa', 'ec256') x 25;
        ok(wait_for(sub { $slow->count >= 1 }), 'a fetch');
        some_time();
        is(scalar(grep { IO::Select->new($_->socket)->can_read(0) } @clients), 0,
           'all requests wait for it');
        is($slow->count, 1, 'for a single one');

        # the one that came first goes away, and so do some others
        $clients[$_]->close for 0, 1, 10, 20;
        my @more = map { client()->send(ask('rsa')) } 1 .. 5;
        $slow->release('first');

        my @res = map { $_->response } @clients[ 2 .. 9, 11 .. 19, 21 .. 49 ],
                                       @more;
        is(reasons(@res), 'ok 27 token_key 24', 'each is answered');
        cmp_ok($slow->count, '<=', 2, 'one fetch, and perhaps one for the other key');
        km 'afterwards', with('rsa'), @ok;
    };


my $left = SealKM::JwksServer->start('rsa');

test 'all clients leave',
    http_config => $zone,
    config => net('= /km') . fetches($left)
        . 'location = /status { stub_status; }',
    sub {
        $left->answer(body => text('rsa'), hold => 'left');
        my @clients = map { client()->send(ask('rsa')) } 1 .. 10;
        ok(wait_for(sub { $left->count == 1 }), 'a fetch');
        $_->close for @clients;
        ok(wait_for(sub { stub_status('/status')->{active} <= 2 }),
           'their connections are gone') or note(to_json(stub_status('/status')));
        $left->release('left');
        $left->keys('rsa');
        km 'another one', with('rsa'), @ok;
        cmp_ok($left->count, '<=', 2, 'with that fetch or a new one');
    };


my $timed = SealKM::JwksServer->start('rsa');

test 'a SIM-S that does not answer',
    http_config => $zone,
    config => net('= /km', jwks_cooldown => '2s')
        . fetches($timed, "proxy_read_timeout 1s;\n"),
    log => [ $about, qr/\[error\].*upstream timed out/ ],
    sub {
        $timed->answer(body => text('rsa'), hold => 'never');
        my @res = load(10, [ (ask('rsa')) x 10 ]);
        is(reasons(@res), 'token_key 10', 'refused in the end');
        cmp_ok($timed->count, '<=', 2, 'one fetch, or one and a retry');

        $timed->keys('rsa');
        ok(until_reason('ok', with('rsa')), 'once it answers, all is well');
    };


my $down = SealKM::JwksServer->start('rsa')->down;

test 'a SIM-S that is down at start',
    http_config => $zone,
    config => net('= /km', jwks_cooldown => '3s') . fetches($down),
    log => [ $about, qr/\[error\].*connect\(\) failed/ ],
    sub {
        my $tries = sub { scalar grep { /connect\(\) failed/ } error_log() };

        km "refused, $_", with('rsa'), $none for 1 .. 10;
        cmp_ok($tries->(), '<=', 2, 'tried once, or twice');

        # 1 s, then 2 s, then cooldown
        my $from = time;
        my @res;
        until (time - $from >= seconds(3)) {
            push @res, load(4, [ (ask('rsa')) x 20 ]);
            sleep 0.1;
        }
        is(reasons(@res), 'token_key ' . @res, 'many more are refused');
        my $n = $tries->();
        cmp_ok($n, '>=', 2, 'tried again');
        cmp_ok($n, '<=', 3 + (time - $from), 'but not for each of them');

        $down->up;
        ok(until_reason('ok', with('rsa')), 'once it is there, all is well');
        is($down->count, 1, 'by one fetch');
    };


my $later = SealKM::JwksServer->start('rsa');

test 'a SIM-S that is down later',
    http_config => $zone,
    config => net('= /km', jwks_cache => '1s', jwks_cooldown => '1s')
        . net('= /stale', jwks_cache => '1s', jwks_cooldown => '1s',
              jwks_stale => '3s', jwks_request => '/stale-jwks')
        . fetches($later)
        . 'location = /stale-jwks { proxy_pass ' . $later->url . "; }\n",
    log => [ $about, qr/\[error\].*connect\(\) failed/ ],
    sub {
        my @stale = with('rsa', location => '/stale');

        km 'up', with('rsa'), @ok;
        km 'up, of the other set', @stale, @ok;
        cached 'HIT', 'kept', @stale, @ok;
        $later->down;

        my $from = time;
        my $bad = 0;
        ok(wait_for(sub {
            $bad++ if post(token => $rsa)->status != 200;
            return post(%{ $stale[0] })->status != 200;
        }), 'after seal_km_jwks_stale the set is no longer in force');
        cmp_ok(time - $from, '>=', 1, 'but not at once');
        is($bad, 0, 'where it is longer, the set is in force all the time');
        km "what was kept of it died with it, $_", @stale, $none for 1 .. 3;
        km 'a token that is not kept', { location => '/stale' }, $none;
        km 'the other set takes new tokens too', { token => mint(jti => 1) }, @ok;

        $later->up;
        ok(until_reason('ok', @stale), 'and again once the SIM-S is there');
        km 'a new token', { location => '/stale' }, @ok;
    };


my $renewed = SealKM::JwksServer->start('rsa');

test 'renewed before it runs out, while nobody waits',
    http_config => $zone,
    config => net('= /km', jwks_cache => '1s', jwks_cooldown => '1s')
        . fetches($renewed),
    sub {
        km 'the first', with('rsa'), @ok;

        for my $n (1 .. 2) {
            $renewed->answer(body => text('rsa'), hold => "renewed$n");
            my $count = $renewed->count;

            # requests come all the time; one that waited would not come back
            ok(wait_for(sub {
                post(token => $rsa)->status == 200 or die "refused\n";
                return $renewed->count > $count;
            }), "$n: a fetch");

            # well past the time for which it was kept
            my $until = time + 1;
            my @res;
            while (time <= $until) {
                push @res, load(4, [ (ask('rsa')) x 8 ]);
                sleep 0.05;
            }
            is(reasons(@res), 'ok ' . @res, "$n: nobody waits for it");
            is($renewed->count, $count + 1, "$n: a single one");

            $renewed->keys('rsa');
            $renewed->release("renewed$n");
        }

        # what the renewal brings is in force
        $renewed->keys('rsa2');
        ok(until_reason('ok', with('rsa2')), 'what it brings is in force');
        km 'what it does not, is not', with('rsa'), 'token_key';
    };


my $idle = SealKM::JwksServer->start('rsa');

test 'renewed before it runs out, though nobody asks for anything',
    http_config => $zone,
    config => net('= /km', jwks_cache => seconds(1) . 's',
                  jwks_cooldown => '1s')
        . fetches($idle),
    sub {
        km 'the first', with('rsa'), @ok;
        cached 'HIT', 'kept', with('rsa'), @ok;
        is($idle->count, 1, 'one fetch');

        # a key is revoked at night; in the morning its token comes first
        $idle->keys('rsa2');
        ok(wait_for(sub { $idle->count >= 2 }), 'fetched again');
        ok(until_reason('token_key', with('rsa')),
           'a key that was withdrawn is no longer in force');
        km 'the new one is', with('rsa2'), @ok;
    };


# ------------------------------------------------------------ files and a SIM-S

my $both = SealKM::JwksServer->start('rsa2');
my $file = SealKM::KeyFile->new('rsa');

test 'both sources',
    http_config => $zone,
    config => net('= /km', jwks => $file->path, jwks_check => '100ms',
                  jwks_cache => '1s', jwks_cooldown => '1s') . fetches($both),
    sub {
        ok(until_reason('ok', with('rsa2')), 'of the SIM-S');
        km 'of the file', with('rsa'), @ok;
        km 'of neither', with('ec256'), 'token_key';

        $file->write('ec256');
        ok(until_reason('ok', with('ec256')), 'the file changes');
        km 'what is gone from it', with('rsa'), 'token_key';
        km 'the SIM-S stays as it is', with('rsa2'), @ok;

        $both->keys('rsa');
        ok(until_reason('ok', with('rsa')), 'the SIM-S changes');
        km 'what is gone from it', with('rsa2'), 'token_key';
        km 'the file stays as it is', with('ec256'), @ok;

        # a key of both is there till it is in neither
        $file->write('rsa');
        ok(until_reason('token_key', with('ec256')), 'one key in both');
        km 'one key in both', with('rsa'), @ok;
        $both->keys('rsa2');
        ok(until_reason('ok', with('rsa2')), 'gone from one');
        km 'gone from one', with('rsa'), @ok;
    };


my $dead = SealKM::JwksServer->start('rsa2')->down;

test 'both sources, and the SIM-S is down, or slow',
    http_config => $zone,
    config => net('= /km', jwks => jwks('rsa'), jwks_cooldown => '1s')
        . net('= /slow', jwks => jwks('rsa'), jwks_request => '/slow-jwks',
              jwks_cooldown => '1s')
        . fetches($dead)
        . 'location = /slow-jwks { proxy_pass ' . $slow->url . "; }\n",
    log => [ $about, qr/\[error\].*connect\(\) failed/ ],
    sub {
        km "of the file, $_", with('rsa'), @ok for 1 .. 3;
        km 'of the SIM-S', with('rsa2'), 'token_key';
        $dead->up;
        ok(until_reason('ok', with('rsa2')), 'it comes');
        km 'of the file', with('rsa'), @ok;

        # there is a set: only whom it does not help waits
        $slow->answer(body => text('rsa2'), hold => 'both');
        my @at = (location => '/slow');
        km "slow: of the file, $_", with('rsa', @at), @ok for 1 .. 3;
        my $waits = client()->send(ask('rsa2', @at));
        km 'slow: of the file, once more', with('rsa', @at), @ok;
        ok(!IO::Select->new($waits->socket)->can_read(0),
           'slow: of the SIM-S waits');
        $slow->release('both');
        check('slow: of the SIM-S', $waits->response, with('rsa2'), @ok);
    };


# --------------------------------------------------------------- what nginx has

my $cache = temp_dir() . '/proxy_cache';
my $source = SealKM::JwksServer->start('rsa');
my ($secure, $other) = (free_port(), free_port());
my ($crt) = certificate();
my $served = temp_file($padded->(200 * 1024), 'served.jwks');

test 'whatever serves a location',
    http_config => $zone . "proxy_cache_path $cache keys_zone=sims:1m;\n"
        . "upstream sims { server 127.0.0.1:" . $dead->port . " backup;\n"
        . "server 127.0.0.1:" . $source->port . "; keepalive 2; }\n"
        . "server {\n" . tls_listen($secure) . "location = /jwks {\n"
        . "alias $served;\n}\n}\n"
        . "map \$uri \$static { default '" . text('rsa') . "'; }\n",
    config => join('', map { net("= /$_/1", jwks_request => "/keys/$_/1") }
            qw(cache file return tls upstream rewrite map if prefix missing
               forbidden self redirect))
        . net('= /cache/2', jwks_request => '/keys/cache/2')
        . net('= /cache/3', jwks_request => '/keys/cache/3')
        . 'location /keys/cache/ { proxy_cache sims; proxy_cache_key k;
               proxy_cache_valid 200 1h; proxy_pass ' . $source->url . '; }
           location = /keys/file/1 { alias ' . $served . '; }
           location = /keys/return/1 { return 200 $static; }
           location = /keys/map/1 { internal; return 200 $static; }
           location = /keys/tls/1 { proxy_ssl_verify on; proxy_ssl_name localhost;
               proxy_ssl_trusted_certificate ' . $crt . ';
               proxy_pass https://127.0.0.1:' . $secure . '/jwks; }
           location = /keys/upstream/1 { proxy_http_version 1.1;
               proxy_set_header Connection ""; proxy_pass http://sims/jwks; }
           location = /keys/rewrite/1 { rewrite ^ /keys/file/1 last; }
           location = /keys/if/1 { if ($uri) { return 200 $static; } }
           location /keys/prefix { return 200 $static; }
           location = /keys/forbidden/1 { deny all; }
           location = /keys/redirect/1 { return 302 /keys/file/1; }
           location = /keys/missing/1 { root /nonexistent; }
           location = /keys/self/1 { rewrite ^ /self/1 last; }',
    log => [ $about, qr/\[error\]/ ],
    sub {
        $source->answer(body => $padded->(200 * 1024));

        km "$_", with('rsa', location => "/$_/1"), @ok
            for qw(file return map tls upstream rewrite if prefix);

        my $count = $source->count;
        for my $n (1 .. 3) {
            km "proxy_cache, $n", with('rsa', location => "/cache/$n"), @ok;
        }
        is($source->count, $count + 1, 'proxy_cache: one of them was asked for');

        km "$_: no set", with('rsa', location => "/$_/1"), $none
            for qw(missing forbidden redirect self);
        km 'all is well afterwards', with('rsa', location => '/file/1'), @ok;
    };


# nginx gives what it has in its cache and asks for more in the background: that
# must not end with the fetch, or the cache would stay as it is for ever.
my $background = temp_dir() . '/background_cache';
my $updated = SealKM::JwksServer->start('rsa');

test 'proxy_cache_background_update',
    http_config => $zone . "proxy_cache_path $background keys_zone=sims:1m;\n",
    config => net('= /km', jwks_cache => '1s', jwks_cooldown => '1s')
        . fetches($updated, <<'END'),
proxy_cache sims;
proxy_cache_key k;
proxy_cache_valid 200 1s;
proxy_cache_use_stale updating error;
proxy_cache_background_update on;
END
    sub {
        km 'the first', with('rsa'), @ok;

        for my $key (qw(rsa2 ec256 rsa)) {
            $updated->keys($key);
            ok(until_reason('ok', with($key)), "$key: the set is renewed");
        }

        # the update takes its time, and nginx is told to exit meanwhile
        $updated->answer(body => text('rsa'), hold => 'update');
        my $count = $updated->count;
        ok(wait_for(sub { $updated->count > $count }), 'an update');
        km 'what is cached serves meanwhile', with('rsa'), @ok;
        $updated->release('update');
    };


# What nginx does where a location fails, it does here.
my $failing = SealKM::JwksServer->start('rsa');

test 'error_page',
    http_config => $zone . "map \$uri \$static { default '" . text('rsa') . "'; }\n",
    config => 'error_page 502 /server-wide;'
        . join('', map { net("= /$_", jwks_request => "/keys/$_",
                             jwks_cooldown => '1s') }
               qw(path code named status intercept none server))
        . join('', map { "location = /keys/$_->[0] { proxy_pass "
                         . $failing->url . "; $_->[1] }\n" }
            [ path      => 'error_page 502 = /fallback;' ],
            [ code      => 'error_page 502 =200 /fallback;' ],
            [ named     => 'error_page 502 = @fallback;' ],
            [ status    => 'error_page 502 /fallback;' ],
            [ intercept => 'error_page 500 502 = /fallback;
                            proxy_intercept_errors on;' ],
            [ none      => 'error_page 404 = /fallback;' ],
            [ server    => '' ])
        . 'location = /fallback { return 200 $static; }
           location @fallback { return 200 $static; }
           location = /server-wide { return 200 $static; }',
    log => [ $about, qr/\[error\].*connect\(\) failed/ ],
    sub {
        $failing->answer(status => 500, body => 'x');
        km 'the SIM-S answers 500: another answer instead',
            with('rsa', location => '/intercept'), @ok;
        km 'the SIM-S answers 500', with('rsa', location => '/path'), $none;

        $failing->down;
        km "the SIM-S is down: $_", with('rsa', location => "/$_"), @ok
            for qw(code named);
        km "the SIM-S is down: $_", with('rsa', location => "/$_"), $none
            for qw(status none server);
        ok(until_reason('ok', with('rsa', location => '/path')),
           'the SIM-S is down: path');

        $failing->keys('rsa2');
        $failing->up;
        ok(until_reason('ok', with('rsa2', location => '/none')),
           'and once it is there');
    };


# ------------------------------------------------------------- workers, reloads

my $spread = free_port();
my $workers = SealKM::JwksServer->start('rsa');

test 'workers',
    master => 1,
    workers => 2,
    http_config => $zone,
    config => listen_workers($spread)
        . net('= /km') . fetches($workers),
    sub {
        my %client = worker_clients($spread, 2);
        my @pids = sort keys %client;

        is($workers->count, 0, 'no fetch before there is need');
        km "worker $_", with('rsa', via => $client{ $pids[$_] }), @ok for 0, 1;
        is($workers->count, 2, 'a fetch each');

        for my $n (1 .. 5) {
            km "unknown kids, worker $_",
                { token => { -kid => "x$n" }, via => $client{ $pids[$_] } },
                'token_key' for 0, 1;
        }
        some_time();
        cmp_ok($workers->count, '<=', 4, 'and at most one each for unknown kids');

        cached 'HIT', 'what one kept the other finds',
            with('rsa', via => $client{ $pids[$_] }), @ok for 0, 1;
    };


my $reloaded = SealKM::JwksServer->start('rsa');

test 'a reload while the SIM-S is asked',
    master => 1,
    http_config => $zone,
    config => net('= /km') . fetches($reloaded, "proxy_read_timeout 600s;\n"),
    sub {
        $reloaded->answer(body => text('rsa'), hold => 'old');
        my @waiting = map { client()->send(ask('rsa')) } 1 .. 5;
        ok(wait_for(sub { $reloaded->count == 1 }), 'a fetch');

        my @old = reload();
        $reloaded->keys('rsa');
        km 'the new worker', with('rsa'), @ok;
        is($reloaded->count, 2, 'asks for itself');

        $reloaded->release('old');
        is(reasons(map { $_->response } @waiting), 'ok 5',
           'the old one answers those that wait');
        $_->close for @waiting;
        ok(gone(@old), 'and exits');

        # a renewal that is due does not keep a worker that nobody needs
        km 'before', with('rsa'), @ok;
        ok(gone(reload()), 'idle');

        # one that never gets an answer, and that nobody waits for
        $reloaded->answer(body => text('rsa'), hold => 'never');
        my $count = $reloaded->count;
        my $waits = client()->send(ask('rsa'));
        ok(wait_for(sub { $reloaded->count > $count }), 'a fetch, once more');
        $waits->close;
        ok(gone(reload()), 'it exits all the same');
    };


# ----------------------------------------------------------------- bad directives

sub fails {
    my ($name, $config, @patterns) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my ($status, $output) = nginx_t(config => $config);
    my @missing = grep { $output !~ $_ } qr/\[emerg\]/, @patterns;

    ok($status != 0 && !@missing, $name) or diag("status $status\n$output");
}

my %bad = (
    jwks_request  => [ '', 'jwks', '""', '/a /b', '@jwks',
                       'https://sim-s.example/jwks' ],
    jwks_cache    => [ '', 'x', '-1s', '1s 2s' ],
    jwks_cooldown => [ '', 'x', '-1s', '1s 2s' ],
    jwks_stale    => [ '', 'x', '-1s', '1s 2s' ],
    jwks_timeout  => [ '', 'x', '-1s', '1s 2s', '0', '0s' ],
    jwks_max_size => [ '', 'x', '-1', '1k 2k', '0' ],
);

for my $name (sort keys %bad) {
    fails "seal_km_$name $_;", location('= /km', jwks_request => '/jwks',
                                        jwks => undef, $name => $_)
        for @{ $bad{$name} };
}

my %good = (jwks_request => '/jwks', jwks_cache => '1h', jwks_cooldown => '30s',
            jwks_stale => '24h', jwks_timeout => '10s', jwks_max_size => '1m');

for my $name (sort keys %good) {
    fails "seal_km_$name twice", location('= /km',
        $name => [ ($good{$name}) x 2 ]), qr/duplicate/;
    my ($status, $output) = nginx_t(
        http_config => "seal_km_$name $good{$name};\n",
        config => "seal_km_$name $good{$name};\n"
                  . location('= /km', jwks => undef, jwks_request => '/jwks',
                             $name => $good{$name}));
    is($status, 0, "seal_km_$name in http, server and location")
        or diag($output);
}

fails 'no source of keys', location('= /km', jwks => undef),
    qr/seal_km_jwks/, qr{/km\b};

for (
    [ 'a file'   => {} ],
    [ 'a SIM-S'  => { jwks => undef, jwks_request => '/jwks' } ],
    [ 'both'     => { jwks_request => '/jwks' } ],
) {
    my ($status, $output) = nginx_t(config => location('= /km', %{ $_->[1] }));
    is($status, 0, "keys of $_->[0]") or diag($output);
}

run_tests();
