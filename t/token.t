# Row 6: every reason why a token is refused, and what is not looked at.

use lib 't/lib';
use SealKM;

use Time::HiRes 'sleep';

my $redis = start_redis();
$redis->set('seal:km:v2x.example:service', 'K');

my @ok = ({ payload => 'K' });

# the path of a JWKS with a key that fits nothing here beside those given
sub with { return jwks('ec521', @_) }

my $all = jwks(qw(rsa rsa2 ec256 ec384 ed25519 hs256));

test 'token_missing, token_malformed, token_algorithm',
    config => location('= /km')
        . location('= /es', jwks => $all, algorithms => 'ES256 EdDSA')
        . location('= /hs', jwks => $all, algorithms => 'RS256 HS256'),
    sub {
        my $token = mint();
        my ($h, $c, $s) = split /\./, $token;

        # 1
        km 'no Authorization', { auth => undef }, 'token_missing';
        km "Authorization: $_", { auth => $_ }, 'token_missing' for
            '', 'Bearer', 'bearer', 'Bearer  ', 'Basic YTpi', 'Digest a="b"',
            'Bear', "Bearer$token", "Bearers $token", "Basic $token", $token,
            "DPoP $token", "Token Bearer $token";
        km "a token in $_->[0]", { auth => undef, @{ $_->[1] } },
            'token_missing' for
            [ 'the query', [ location => "/km?access_token=$token" ] ],
            [ 'the body',  [ body => { access_token => $token } ] ],
            [ 'a cookie',  [ headers => [ Cookie => "access_token=$token" ] ] ],
            [ 'a header',  [ headers => [ 'X-Access-Token' => $token ] ] ];

        km "the scheme $_", { auth => "$_ $token" }, @ok
            for qw(Bearer bearer BEARER bEaReR);
        km 'more than one space', { auth => "Bearer   $token" }, @ok;
        km 'space behind it', { auth => "Bearer $token  " }, @ok;

        my $res = post(auth => undef, headers => [ map {
            (Authorization => "Bearer $_") } $token, $token ]);
        ok($res->status == 400 || $res->header('X-Reason') eq 'token_malformed',
           'two Authorization headers');
        $res = post(auth => undef, headers => [
            Authorization => 'Basic YTpi', Authorization => "Bearer $token" ]);
        like($res->status, qr/^40[01]$/, 'two Authorization headers, two schemes');

        km "two tokens: $_", { auth => $_ }, 'token_malformed' for
            "Bearer $token $token", "Bearer $token,$token",
            "Bearer $token, Bearer $token", "Bearer $token,", "Bearer $token x";

        # 2: the parts
        km "parts: $_->[0]", { auth => "Bearer $_->[1]" }, 'token_malformed' for
            [ 'one', $h ], [ 'two', "$h.$c" ], [ 'four', "$token.$s" ],
            [ 'five, as a JWE', "$h.$c.$s.$s.$s" ], [ 'dots', '..' ],
            [ 'a dot', '.' ], [ 'a dot more', "$token." ],
            [ 'a dot before', ".$token" ], [ 'no header', ".$c.$s" ],
            [ 'padding', "$h=.$c.$s" ], [ 'padding of claims', "$h.$c==.$s" ],
            [ 'padding of signature', "$token==" ],
            [ 'base64, not base64url', "$h.$c.+/" . substr $s, 2 ],
            [ 'another character', "$h.$c.%" . substr $s, 1 ],
            [ 'a quote', "\"$token\"" ], [ 'a byte beyond ASCII', "$token\xe9" ],
            [ 'no length of base64', "$h.$c.$s" . 'A' x (5 - length($s) % 4) ],
            [ 'just text', 'x' ];

        # 342 characters for 256 bytes: four bits of the last one are nothing
        is(length $s, 342, 'length of the signature');
        my $last = $s =~ s/.\z//r;
        km 'bits behind the end', { auth => "Bearer $h.$c.$last" . {
            A => 'B', Q => 'R', g => 'h', w => 'x' }->{ substr $s, -1 } },
            'token_malformed';

        # 2: the header
        km "header: $_", { token => { -header => $_ } }, 'token_malformed' for
            '', 'x', '{', '[]', '"RS256"', 'null', '1', '{}', '{"alg":null}',
            '{"alg":1}', '{"alg":["RS256"]}', '{"alg":true}',
            '{"Alg":"RS256"}', '{"alg":"RS256"}x', '{"alg":"RS256",}',
            '{"alg":"RS256"}{}', "{\"alg\":\"RS256\"}\0",
            "{\"alg\":\"RS256\",\"x\":\"\xe9\"}", "\xef\xbb\xbf{\"alg\":\"RS256\"}",
            '{"alg":"RS256","alg":"RS256"}', '{"alg":"none","alg":"RS256"}',
            '{"alg":"RS256","\u0061lg":"RS256"}', '{"alg":"RS256","x":1,"x":1}',
            '{"alg":"RS256","x":{"y":1,"y":2}}',
            '{"alg":"RS256","x":[{"y":1,"y":2}]}',
            '{"alg":"RS256","kid":"rsa","kid":"rsa"}',
            '{"alg":"RS256","x\u0000":1}',
            '{"alg":"RS256","kid":1}', '{"alg":"RS256","kid":null}',
            '{"alg":"RS256","kid":["rsa"]}', '{"alg":"RS256","kid":{}}',
            '{"alg":"RS256","crit":["exp"],"exp":1}', '{"alg":"RS256","crit":[]}',
            '{"alg":"RS256","crit":null}', '{"alg":"RS256","crit":["b64"],"b64":true}',
            '{"alg":"RS256","b64":true}', '{"alg":"RS256","b64":false}';

        km 'header: ' . to_json($_), { token => { -header => $_ } }, @ok for
            { typ => undef }, { typ => 'at+jwt' }, { typ => 'x' }, { typ => 5 },
            { typ => \'null' }, { typ => [ 1 ] }, { cty => 'JWT' }, { cty => 1 },
            { jku => 'http://127.0.0.1:1/' }, { x5u => 'http://127.0.0.1:1/' },
            { x5c => [ 'x' ] }, { x5t => 'x' }, { jwk => jwk('rsa2') },
            { jwk => 1 }, { kid => 'rsa' }, { x => { y => [ 1.5, \'null' ] } };

        # 3
        km "alg $_", { token => { -header => { alg => $_ },
                                  -signature => 'x' x 256 } },
            'token_algorithm' for
            qw(none None NONE nOnE HS256 HS384 HS512 rs256 Rs256 RS255 RS2560
               ES256K RSA1_5 RSA-OAEP dir A128KW ED25519 ed448), '', ' RS256',
            'RS256 ', "RS256\0", "\x{e9}";
        km 'alg RS256 where not listed', { location => '/es' },
            'token_algorithm';
        km 'alg ES256 where listed',
            { location => '/es', token => { -key => 'ec256' } }, @ok;
        km 'alg EdDSA where listed',
            { location => '/es', token => { -key => 'ed25519' } }, @ok;
        km 'alg ES384 where not listed',
            { location => '/es', token => { -key => 'ec384' } },
            'token_algorithm';
        km 'alg HS256 where listed',
            { location => '/hs', token => { -key => 'hs256' } }, @ok;
        km 'alg HS512 where not listed',
            { location => '/hs', token => { -key => 'hs256', -alg => 'HS512' } },
            'token_algorithm';
    };


test 'token_key',
    config => location('= /km', jwks => $all)
        . location('= /no-kid', jwks => with([ 'rsa', kid => undef ]))
        . location('= /mixed', jwks => with([ 'rsa', kid => undef ], 'rsa2'))
        . location('= /same-kid', jwks => with([ 'rsa', kid => 'k' ],
                                               [ 'rsa2', kid => 'k' ]))
        . location('= /files', jwks => jwks('rsa') . ' ' . jwks('ec256'))
        . location('= /single', jwks => jwks(\to_json(jwk('rsa'))))
        . location('= /more', jwks => jwks(\to_json({ keys => [ jwk('rsa',
            x5t => 'x', ext => \'true', x => { y => 1 }) ], x => 5 })))
        . location('= /foreign', jwks => jwks(\('{"keys":[null,"x",[],{},1e400,'
            . '{"kty":"RSA","kty":"RSA","n":"AAAA","e":"AQAB"},'
            . to_json(jwk('rsa2', e => 65537)) . ',' . to_json(jwk('rsa',
              map({ $_ => \'null' } qw(d p q dp dq qi use alg)),
              map { $_ => [] } qw(key_ops oth x5c))) . ']}')))
        . location('= /alg', jwks => with([ 'rsa', alg => 'RS256' ]))
        . location('= /alg-ps', jwks => with([ 'rsa', alg => 'PS256' ]))
        . location('= /use-sig', jwks => with([ 'rsa', use => 'sig' ]))
        . location('= /use-enc', jwks => with([ 'rsa', use => 'enc' ]))
        . location('= /use-x', jwks => with([ 'rsa', use => 'x' ]))
        . location('= /ops', jwks => with([ 'rsa', key_ops =>
                                            [ 'sign', 'verify' ] ]))
        . location('= /ops-sign', jwks => with([ 'rsa', key_ops => ['sign'] ]))
        . location('= /ops-none', jwks => with([ 'rsa', key_ops => [] ]))
        . location('= /weak', jwks => with('rsa1024'))
        . location('= /e1', jwks => with([ 'rsa', e => 'AQ' ]))
        . location('= /hmac', algorithms => 'HS256 HS384 HS512',
                   jwks => jwks(qw(hs128 hs256 hs384 hs512)))
        . location('= /k1', jwks => with('ec256k')),
    log => [ qr/\[warn\]/ ],
    sub {
        km 'the kid', {}, @ok;
        km 'the kid of another file',
            { location => '/files', token => { -key => 'ec256' } }, @ok;
        km 'no kid: all that fit are tried', { token => { -kid => undef,
                                                          -key => $_ } }, @ok
            for qw(rsa rsa2 ec256 ed25519);
        km 'an unknown kid', { token => { -kid => 'x' } }, 'token_key';
        km 'a kid in another case', { token => { -kid => 'RSA' } }, 'token_key';
        km 'an empty kid', { token => { -kid => '' } }, 'token_key';
        km 'a longer kid', { token => { -kid => "rsa\0" } }, 'token_key';
        km 'the kid of a key of another type', { token => { -kid => 'ec256' } },
            'token_key';
        km 'the kid of another key', { token => { -kid => 'rsa2' } },
            'token_signature';
        km 'no key of that type',
            { location => '/files', token => { -key => 'ed25519' } },
            'token_key';
        km 'no key of that type, no kid',
            { location => '/files', token => { -key => 'ed25519',
                                               -kid => undef } }, 'token_key';
        km 'a key of another curve',
            { token => { -key => 'ec256', -kid => 'ec384' } }, 'token_key';
        km 'secp256k1 is not ES256',
            { location => '/k1', token => { -key => 'ec256k', -alg => 'ES256' } },
            'token_key';

        km 'a key without kid fits any', { location => '/no-kid',
                                           token => { -kid => $_ } }, @ok
            for undef, 'rsa', 'x';
        km 'a key without kid beside the one of the kid',
            { location => '/mixed', token => { -kid => 'rsa2' } }, @ok;
        km 'a key without kid beside others',
            { location => '/mixed', token => { -key => 'rsa2', -kid => 'x' } },
            'token_signature';
        km 'two keys of one kid',
            { location => '/same-kid', token => { -key => $_, -kid => 'k' } },
            @ok for qw(rsa rsa2);
        km 'a single JWK', { location => '/single' }, @ok;
        km 'unknown members of keys', { location => '/more' }, @ok;
        km 'foreign keys before it', { location => '/foreign' }, @ok;
        km 'foreign keys before it, no kid',
            { location => '/foreign', token => { -kid => undef } }, @ok;

        km "a key with its $_", { location => "/$_" }, @ok
            for qw(alg use-sig ops ops-none);
        km "a key with another $_", { location => "/$_" }, 'token_key'
            for qw(alg-ps use-enc use-x ops-sign);
        km 'a key with another alg, no kid',
            { location => '/alg', token => { -alg => 'RS512', -kid => undef } },
            'token_key';
        km 'RSA: 1024 bits', { location => '/weak',
                               token => { -key => 'rsa1024' } }, 'token_key';
        km 'RSA: exponent 1', { location => '/e1' }, 'token_key';

        km "HMAC: $_->[1] with $_->[0]",
            { location => '/hmac', token => { -key => $_->[0],
                                              -alg => $_->[1] } }, $_->[2]
            for [ hs128 => HS256 => 'token_key' ], [ hs256 => HS256 => @ok ],
                [ hs256 => HS384 => 'token_key' ], [ hs384 => HS384 => @ok ],
                [ hs384 => HS512 => 'token_key' ], [ hs512 => HS512 => @ok ],
                [ hs512 => HS256 => @ok ];
    };


test 'token_signature, token_malformed claims',
    config => location('= /km', jwks => $all, algorithms =>
                       'RS256 RS384 PS256 ES256 ES384 EdDSA HS256'),
    sub {
        # 5
        for my $key (qw(rsa ec256 ec384 ed25519 hs256)) {
            my %change = (
                'a bit of the first byte' => sub {
                    $_[0] ^ "\1" . "\0" x (length($_[0]) - 1) },
                'a bit of the last byte' => sub {
                    $_[0] ^ "\0" x (length($_[0]) - 1) . "\1" },
                'a byte less'   => sub { substr $_[0], 0, -1 },
                'a byte more'   => sub { "$_[0]\0" },
                'a zero before' => sub { "\0$_[0]" },
                'one byte'      => sub { 'x' },
                'zeros'         => sub { "\0" x length $_[0] },
                'twice'         => sub { $_[0] x 2 },
            );
            km "$key: $_", { token => { -key => $key,
                                        -signature => $change{$_} } },
                'token_signature' for sort keys %change;
            km "$key: empty", { token => { -key => $key, -signature => '' } },
                { reason => [ 'token_signature', 'token_malformed' ] };
        }

        my ($h, $c, $s) = split /\./, mint();
        my ($h2, $c2, $s2) = split /\./, mint(sub => 'bob');
        km 'the signature of another token', { token => "$h.$c.$s2" },
            'token_signature';
        km 'RS256 named RS384',
            { token => { -header => { alg => 'RS384' } } }, 'token_signature';
        km 'RS256 named PS256',
            { token => { -header => { alg => 'PS256' } } }, 'token_signature';
        km 'signed with another key', { token => { -key => \key('rsa2'),
            -alg => 'RS256', -kid => 'rsa' } }, 'token_signature';

        # 6
        km "claims: $_", { token => { -claims => $_ } }, 'token_malformed' for
            '', 'x', '[]', '"x"', 'null', '1', '{', '{}x', "{}\0";

        my %claims = %{ claims() };
        my $text = to_json(\%claims);
        km "claims: $_->[0]", { token => { -claims => $_->[1] } },
            'token_malformed' for
            [ 'a name twice',        $text =~ s/\}\z/,"sub":"bob"}/r ],
            [ 'the same twice',      $text =~ s/\}\z/,"sub":"alice"}/r ],
            [ 'twice, escaped',      $text =~ s/\}\z/,"su\\u0062":"bob"}/r ],
            [ 'twice, exp',          $text =~ s/\}\z/,"exp":9999999999}/r ],
            [ 'unknown twice',       $text =~ s/\}\z/,"x":1,"x":1}/r ],
            [ 'twice at a depth',    $text =~ s/\}\z/,"x":[{"y":1,"y":1}]}/r ],
            [ 'behind it',           "$text {}" ],
            [ 'no UTF-8',            $text =~ s/alice/al\xffce/r ],
            [ 'a NUL',               "$text\0" ],
            [ 'a NUL inside',        $text =~ s/alice/al\0ce/r ],
            [ 'a NUL in a name',     $text =~ s/\}\z/,"x\\u0000":1}/r ],
            [ 'half a surrogate',    $text =~ s/alice/al\\ud800/r ],
            [ 'no number at all',    $text =~ s/("exp"):\d+/$1:1e999/r ],
            [ 'NaN',                 $text =~ s/("exp"):\d+/$1:NaN/r ],
            [ 'Infinity',            $text =~ s/("exp"):\d+/$1:Infinity/r ];

        km 'claims: ' . join(' ', map { ref ? $$_ : $_ // 'none' } @$_),
            { token => $_ }, 'token_malformed' for
            (map { [ exp => $_ ] } undef, '9999999999', \'null', \'true', \'[]',
                \'{}', \'""'),
            (map { [ nbf => $_ ] } '1', \'null', \'true', \'[]'),
            (map { [ client_id => $_ ] } undef, \'null', 1, \'["a"]', \'{}',
                'x' x 256, "\x{e9}" x 128),
            (map { [ sub => $_ ] } \'null', 1, \'["a"]', \'true', 'x' x 256,
                "\x{e9}" x 128),
            (map { [ scope => $_ ] } \'null', 1, \'["seal:km",1]', \'true');

        km "claims: $_->[0] of 255 bytes", { token => { @$_ } }, @ok for
            [ sub => 'x' x 255 ], [ sub => "\x{e9}" x 127 . 'x' ],
            [ client_id => 'x' x 255 ];
        km 'claims: any others', { token => { $_ => \'{"a":[1,null,"\u0000"]}' } },
            @ok for qw(iat jti x SKeyProv azp);
    };


test 'token_expired, token_not_yet_valid, token_issuer, token_audience',
    config => location('= /km')
        . location('= /leeway', leeway => '30s')
        . location('= /two', issuer => '"https://a.example" https://b.example/',
                   audience => 'aud-1 "aud 2"')
        . location('= /off', issuer => 'off', audience => 'off'),
    sub {
        # 7
        km "exp $_->[0]", { token => { exp => $_->[1] } }, 'token_expired' for
            [ now => time ], [ 'a second ago' => time - 1 ],
            [ 'half a second ago' => time - 0.5 ], [ 'long ago' => time - 86400 ],
            [ '0' => 0 ], [ '-1' => -1 ], [ '-1e300' => \'-1e300' ],
            [ '1e-300' => \'1e-300' ], [ '0.0' => \'0.0' ];
        km "exp $_->[0]", { token => { exp => $_->[1] } }, @ok for
            [ 'soon' => time + 20 ], [ 'a fraction' => time + 20.25 ],
            [ '1e10' => \'1e10' ], [ '1e300' => \'1e300' ],
            [ 'beyond 64 bits' => \'99999999999999999999' ],
            [ '2^63 - 1' => \'9223372036854775807' ],
            [ 'a fraction and an exponent' => \'99999999.99E2' ];
        km 'exp within the leeway',
            { location => '/leeway', token => { exp => time - 10 } }, @ok;
        km 'exp beyond the leeway',
            { location => '/leeway', token => { exp => time - 31 } },
            'token_expired';

        km "nbf $_->[0]", { token => { nbf => $_->[1] } }, 'token_not_yet_valid'
            for [ 'later' => time + 60 ], [ 'a fraction' => time + 60.5 ],
                [ '1e300' => \'1e300' ], [ '2^64' => \'18446744073709551616' ];
        km "nbf $_->[0]", { token => { nbf => $_->[1] } }, @ok for
            [ now => time ], [ 'a second ago' => time - 1 ],
            [ 'a fraction' => time - 0.5 ], [ '0' => 0 ], [ '-1' => -1 ];
        # in the middle of a second, where whole seconds would tell otherwise
        for (1 .. 3) {
            sleep 0.05 until Time::HiRes::time() - int Time::HiRes::time() > 0.1;
            my $now = Time::HiRes::time();

            km "a fraction of a second past exp, $_",
                { token => { exp => $now - 0.05 } }, 'token_expired';
            km "a fraction of a second past nbf, $_",
                { token => { nbf => $now - 0.05 } }, @ok;
            sleep 0.3;
        }

        km 'nbf within the leeway',
            { location => '/leeway', token => { nbf => time + 20 } }, @ok;
        km 'nbf beyond the leeway',
            { location => '/leeway', token => { nbf => time + 90 } },
            'token_not_yet_valid';
        km 'iat is not checked', { token => { iat => $_ } }, @ok
            for time + 9999, 'x', \'null', undef;

        km 'iss ' . (ref ? $$_ : $_ // 'none'), { token => { iss => $_ } },
            'token_issuer' for
            undef, '', ISSUER . '/', substr(ISSUER, 0, -1), uc ISSUER,
            'https://evil.example', \'null', 1, \('["' . ISSUER . '"]'),
            \('"' . ISSUER . '\u0000"'), ISSUER . ' ';
        km "iss $_", { location => '/two', token => { iss => $_, aud => 'aud-1' } },
            @ok for 'https://a.example', 'https://b.example/';
        km 'iss of neither', { location => '/two', token => { aud => 'aud-1' } },
            'token_issuer';

        km 'aud ' . (ref $_ eq 'SCALAR' ? $$_ : to_json($_ // 'none')),
            { token => { aud => $_ } }, 'token_audience' for
            undef, '', 'skm', 'skm-s2', 'SKM-S', 'x skm-s', [], ['x'], [ 'x', 'y' ],
            [''], 1, \'null', \'true', { a => AUDIENCE }, [ [AUDIENCE] ],
            \('"' . AUDIENCE . '\u0000"'), AUDIENCE . ' ';
        km 'aud ' . to_json($_), { token => { aud => $_ } }, @ok for
            AUDIENCE, [AUDIENCE], [ 'x', AUDIENCE ], [ AUDIENCE, 'x' ],
            [ AUDIENCE, AUDIENCE ];
        km 'aud ' . to_json($_), { location => '/two',
            token => { iss => 'https://a.example', aud => $_ } }, @ok for
            'aud-1', 'aud 2', [ 'x', 'aud 2' ], [ 'aud 2', 'aud-1' ];
        km 'aud of neither', { location => '/two',
            token => { iss => 'https://a.example', aud => 'aud' } },
            'token_audience';

        km 'iss and aud off', { location => '/off', token => $_ }, @ok for
            { iss => undef, aud => undef }, { iss => 'x', aud => 'y' },
            { iss => 5, aud => \'null' };
        km 'iss and aud off: exp is not', { location => '/off',
            token => { iss => undef, exp => time } }, 'token_expired';
    };

run_tests();
