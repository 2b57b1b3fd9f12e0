# The library of the tests itself: what it mints is a JWT for another
# implementation too, and the servers do what they are told.  Needs no module.

use lib 't/lib';
use SealKM;

use Crypt::JWT 'decode_jwt';
use IO::Socket::INET;

BEGIN { $ENV{SEAL_KM_MODULE} = 'none' }

my %algs = (
    (map { $_ => 'rsa' } qw(RS256 RS384 RS512 PS256 PS384 PS512)),
    ES256 => 'ec256', ES384 => 'ec384', ES512 => 'ec521', EdDSA => 'ed25519',
    HS256 => 'hs256', HS384 => 'hs384', HS512 => 'hs512',
);

for my $alg (sort keys %algs) {
    my $jwk = jwk($algs{$alg});
    my $token = mint(-alg => $alg, -key => $algs{$alg}, x => [ 1, 'a' ]);

    my ($header, $claims) = decode_jwt(token => $token, decode_header => 1,
        accepted_alg => $alg, key => $jwk->{kty} eq 'oct' ? key($algs{$alg})
                                                          : $jwk);
    is($header->{kid} . $claims->{scope} . $claims->{x}[1],
       "$algs{$alg}seal:kma", "$alg");

    my ($h, $c, $s) = split /\./, $token;
    $token = mint(-alg => $alg, -key => $algs{$alg},
                  -signature => sub { $_[0] ^ "\1" . "\0" x (length($_[0]) - 1) });
    ok(!eval { decode_jwt(token => $token, accepted_alg => $alg,
                          key => $jwk->{kty} eq 'oct' ? key($algs{$alg}) : $jwk) },
       "$alg, signature changed");
}

is(join(' ', sort keys %{ jwk('rsa') }), 'e kid kty n', 'public members only');
ok(exists jwk('rsa', -private => 1)->{d}, 'private members too');
unlike(to_json(jwk('ec256', kid => undef)), qr/kid/, 'no kid');

is(request_body('Date/Time' => 5, UserID => "\x{e9}", Version => undef,
                x => \'1.0', '+' => '"y":1'),
   '{"SKmsUri":"' . SKMS_URI . '","ServiceID":"v2x.example","Date/Time":5,'
   . "\"UserID\":\"\xc3\xa9\",\"x\":1.0,\"y\":1}", 'request_body()');
is_deeply([ members(' { "b" : [1, {"]":2}] , "a\u0020" :"x\"}," } ') ],
          [ [ b => '[1, {"]":2}]' ], [ 'a ' => '"x\"},"' ] ], 'members()');

my $redis = start_redis(requirepass => 'p w');
is($redis->set('a', "x\0\r\ny"), 'OK', 'Redis: set');
is($redis->command('GET', 'a'), "x\0\r\ny", 'Redis: get');
is($redis->cli('GET', 'nothing'), '', 'redis-cli');
ok(!eval { $redis->command('LPUSH', 'a', 1) } && $@ =~ /WRONGTYPE/,
   'Redis: an error');
$redis->kill;
ok(!eval { $redis->command('PING') }, 'Redis: killed');
$redis->restart;
is($redis->command('GET', 'a'), undef, 'Redis: started again, empty');

my $fake = fake_redis(
    get => sub {
        my ($key, $nth) = @_;
        return $key eq 'slow' ? (bytewise(bulk('abc')), bulk(undef)) :
               $key eq 'held' ? (hold('go'), bulk('later')) :
               $key eq 'flood' ? flood('x' x 100) :
               $key eq 'gone' ? ('$5', reset_) :
               $key eq 'never' ? silence : bulk("$key $nth");
    },
    command => { AUTH => sub { return "-WRONGPASS no\r\n" } },
);

sub ask {
    my ($text, $length) = @_;
    my $c = IO::Socket::INET->new(PeerAddr => $fake->address) or die $@;
    print $c $text;
    $c->flush;
    local $/ = \$length;
    my $answer = <$c>;
    return ($answer, $c);
}

sub get { return "*2\r\n\$3\r\nGET\r\n\$" . length($_[0]) . "\r\n$_[0]\r\n" }

is((ask(get('a') . get('a'), 18))[0], "\$3\r\na 1\r\n\$3\r\na 2\r\n",
   'fake: two at once');
is((ask(get('slow'), 14))[0], "\$3\r\nabc\r\n\$-1\r\n", 'fake: byte by byte');
is(length((ask(get('flood'), 3000))[0]), 3000, 'fake: flood');
is((ask(get('gone'), 9))[0], '$5', 'fake: gone in a reply');
is((ask("*3\r\n\$4\r\nAUTH\r\n\$1\r\na\r\n\$1\r\nb\r\n", 15))[0],
   "-WRONGPASS no\r\n", 'fake: an error');
$fake->release('go');
is((ask(get('held'), 11))[0], "\$5\r\nlater\r\n", 'fake: held and released');
is($fake->count(qr/^read \d+ 2$/), 1, 'fake: the log tells of the pipeline');
is($fake->count(qr/^command \d+ GET a$/), 2, 'fake: the log tells commands');

test 'nginx without the module',
    config => 'location = /a { return 200 "{\"a\":1}"; }
               location = /b { return 204; }',
    sub {
        my $c = client();
        $c->send("GET /a HTTP/1.1\r\nHost: a\r\n\r\n" x 2);
        is($c->response->body, '{"a":1}', 'first response');
        is($c->response->json->{a}, 1, 'second response');
        $c->send_slowly("GET /b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        is($c->response->status, 204, 'third response');
        ok($c->closed, 'closed');
        like((access_log())[0], qr{"GET /a}, 'access log');
    };

test 'with a master process',
    master => 1,
    config => 'location = /a { return 200 "{}"; }',
    log => [ qr/\[notice\].*start worker process / ],
    sub {
        is(post(location => '/a', method => 'GET')->status, 200, 'a response');
    };

# a refusal that is right, but for the order of two members
my $message = '"SKmsUri":"' . SKMS_URI . '","ServiceID":"v2x.example",'
              . '"Date/Time":$seconds';
my $headers = 'default_type application/json;
    add_header X-Reason token_expired always;
    add_header Cache-Control no-store always;
    add_header WWW-Authenticate $http_x_authenticate always;';

test 'the check of a response',
    http_config => 'map $msec $seconds { "~^(?<whole>\d+)" $whole; }',
    config => "location = /km { $headers return 401 '{$message,\"ErrorCode\":\"03\"}'; }
               location = /bad { $headers return 401 '{\"ErrorCode\":\"03\",$message}'; }",
    sub {
        my $challenge = 'Bearer realm="SEAL KM", error="invalid_token"';
        my @with = (headers => [ 'X-Authenticate' =>
                                 qq($challenge, error_description="a b") ]);

        km 'right', { @with }, 'token_expired';

        my $differs = sub {
            my ($name, $set, $want) = @_;
            my $res = post(%$set);
            isnt(SealKM::_seen($res, $set, {}),
                 SealKM::_expected($set, { reason => $want }), $name);
        };

        $differs->('order of members', { @with, location => '/bad' },
                   'token_expired');
        $differs->('another reason', { @with }, 'token_issuer');
        $differs->('another echo', { @with, body => { ServiceID => 'x' } },
                   'token_expired');
        $differs->('no description', { headers => [ 'X-Authenticate' =>
                   $challenge ] }, 'token_expired');
        $differs->('no challenge', {}, 'token_expired');
    };

my ($status, $output) = nginx_t(config => "\nbad;");
isnt($status, 0, 'nginx -t, status');
like($output, qr/unknown directive "bad" in CONF:\d+/, 'nginx -t, output');
is((nginx_t())[0], 0, 'nginx -t, no error');

run_tests();
