# Tokens as an attacker makes them: each is what some JWT library has once taken
# for valid, or has been broken by.

use lib 't/lib';
use SealKM;

use Math::BigInt;
use MIME::Base64 qw(encode_base64 decode_base64url);

my $redis = start_redis();
$redis->set('seal:km:v2x.example:service', 'K');

my @ok = ({ payload => 'K' });
my $asymmetric = 'RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA';
my @algs = (split(/ /, $asymmetric), qw(HS256 HS384 HS512));
my @keys = qw(rsa ec256 ec384 ec521 ed25519 hs512);
my $all = jwks(@keys);

sub parts { return split /\./, mint(@_) }


test 'alg none, alg of another kind of key',
    config => location('= /km')
        . location('= /hs', jwks => $all, algorithms => "@algs"),
    sub {
        my ($h, $c, $s) = parts();

        # without or with any signature, whatever is allowed
        for my $alg (qw(none None NONE nOnE NonE n\u006fne \u006eone \u004eone),
                     'none ', ' none', 'none\u0000', 'null', '')
        {
            my $header = b64u("{\"alg\":\"$alg\",\"typ\":\"JWT\"}");

            for my $location (qw(/km /hs)) {
                km "alg \"$alg\", a signature at $location",
                    { location => $location, token => "$header.$c.$s" },
                    'token_algorithm';
                km "alg \"$alg\", no signature at $location",
                    { location => $location, token => "$header.$c." },
                    { reason => [ 'token_algorithm', 'token_malformed' ] };
                km "alg \"$alg\", two parts at $location",
                    { location => $location, token => "$header.$c" },
                    'token_malformed';
            }
        }

        km 'a header without alg', { token =>
            b64u('{"typ":"JWT"}') . ".$c.$s" }, 'token_malformed';
        km 'an alg that is none, and RS256',
            { token => b64u('{"alg":"none","alg":"RS256"}') . ".$c.$s" },
            'token_malformed';
        km 'the alg of another header', { token =>
            b64u('{"typ":"JWT","x":{"alg":"RS256"}}') . ".$c.$s" },
            'token_malformed';

        # each algorithm with the kid of each key
        my %fits = (rsa => qr/^[RP]S/, ec256 => qr/^ES256/, ec384 => qr/^ES384/,
                    ec521 => qr/^ES512/, ed25519 => qr/^EdDSA/, hs512 => qr/^HS/);

        for my $key (@keys) {
            for my $alg (@algs) {
                km "alg $alg, key $key", { location => '/hs',
                    token => { -alg => $alg, -kid => $key,
                               -signature => 'x' x 64 } },
                    $alg =~ $fits{$key} ? 'token_signature' : 'token_key';
            }
        }

        # a signature that is valid but for what the header says
        km "$_->[0]: $_->[1] named $_->[2]", { location => '/hs',
            token => { -header => { alg => $_->[2] }, -key => $_->[0],
                       -alg => $_->[1] } }, 'token_signature' for
            [ rsa => RS256 => 'RS384' ], [ rsa => RS512 => 'RS256' ],
            [ rsa => RS256 => 'PS256' ], [ rsa => PS256 => 'RS256' ],
            [ rsa => PS512 => 'PS256' ], [ hs512 => HS512 => 'HS256' ],
            [ hs512 => HS256 => 'HS512' ], [ ec256 => ES384 => 'ES256' ],
            [ ec521 => ES256 => 'ES512' ];
    };


# RS256 made HS256: the public key, which all know, as HMAC secret
my %public;

for my $name (qw(rsa ec256)) {
    my $key = key($name);
    my @forms = $name eq 'rsa' ? qw(public public_x509) : 'public';

    for my $form (@forms) {
        my $pem = $key->export_key_pem($form);
        my $der = $key->export_key_der($form);

        %public = (%public,
            "$name, $form PEM"              => $pem,
            "$name, $form PEM, no line end" => $pem =~ s/\n\z//r,
            "$name, $form PEM, a NUL"       => "$pem\0",
            "$name, $form DER"              => $der,
            "$name, $form DER in base64"    => encode_base64($der, ''));
    }

    my $jwk = jwk($name);
    $public{"$name, JWK"} = to_json($jwk);
    $public{"$name, JWK Set"} = to_json({ keys => [$jwk] });
    $public{"$name, $_"} = $jwk->{$_}, $public{"$name, bytes of $_"}
        = decode_base64url($jwk->{$_}) for grep { exists $jwk->{$_} } qw(n x y);
}

$public{'ed25519, x'} = jwk('ed25519')->{x};
$public{'ed25519, bytes of x'} = decode_base64url(jwk('ed25519')->{x});
# which is as good as no secret at all
$public{'a NUL'} = "\0";
$public{'32 NULs'} = "\0" x 32;

test 'a public key as HMAC secret',
    config => location('= /km', algorithms => "@algs",
                       jwks => jwks(qw(rsa ec256 ed25519)))
        . location('= /hs', algorithms => "@algs", jwks => $all)
        . location('= /no-kid', algorithms => "@algs", jwks => jwks(
              map { [ $_, kid => undef ] } qw(rsa ec256 ed25519 hs512))),
    sub {
        for my $name (sort keys %public) {
            my $secret = $public{$name};
            my ($kid) = $name =~ /^(\w+),/;

            for my $alg (qw(HS256 HS512)) {
                my @token = (-key => \$secret, -alg => $alg);

                km "$alg with $name: no secret in the set",
                    { token => { @token, -kid => $kid } }, 'token_key';
                km "$alg with $name: a secret in the set",
                    { location => '/hs', token => { @token, -kid => $kid } },
                    defined $kid ? 'token_key' : 'token_signature';
                km "$alg with $name: no kid",
                    { location => '/hs', token => { @token, -kid => undef } },
                    'token_signature';
                km "$alg with $name: keys without kid",
                    { location => '/no-kid', token => { @token, -kid => $kid } },
                    'token_signature';
            }
        }

        km 'HS512 with its own secret',
            { location => '/hs', token => { -key => 'hs512', -alg => 'HS512' } },
            @ok;
    };


# ------------------------------------------------------------- signatures

# the order of each curve
my %curve = (
    ec256 => [ 32, '0xffffffff00000000ffffffffffffffff'
                   . 'bce6faada7179e84f3b9cac2fc632551' ],
    ec384 => [ 48, '0x' . 'f' x 48
                   . 'c7634d81f4372ddf581a0db248b0a77aecec196accc52973' ],
    ec521 => [ 66, '0x1' . 'f' x 64 . 'fa51868783bf2f966b7fcc0148f709a5d0'
                   . '3bb5c9b8899c47aebb6fb71e91386409' ],
);

sub number { return Math::BigInt->from_bytes($_[0]) }

sub bytes {
    my ($n, $size) = @_;
    my $bytes = $n->to_bytes;
    return "\0" x ($size - length $bytes) . $bytes;
}

# ASN.1, as OpenSSL itself signs
sub der {
    my ($r, $s) = @_;

    my $sequence = join '', map {
        my $n = s/^\0+(?=.)//sr;
        $n = "\0$n" if ord $n >= 0x80;
        "\2" . chr(length $n) . $n;
    } $r, $s;

    my $length = length $sequence;
    return "\x30" . ($length < 0x80 ? '' : "\x81") . chr($length) . $sequence;
}

# the order of Ed25519's group
my $ed25519 = Math::BigInt->new(2)->bpow(252)
              + Math::BigInt->new('27742317777372353535851937790883648493');

test 'signatures',
    config => location('= /km', jwks => $all, algorithms => "@algs"),
    sub {
        for my $key (sort keys %curve) {
            my ($size, $order) = @{ $curve{$key} };
            my $n = Math::BigInt->new($order);
            my ($zero, $one, $max) = map { bytes(Math::BigInt->new($_), $size) }
                                     0, 1, '0x' . 'ff' x $size;
            my $whole = bytes($n, $size);
            my $half = sub { return substr($_[0], 0, $size), substr $_[0], $size };

            my %forged = (
                'DER'                   => sub { der($half->($_[0])) },
                'DER of zeros'          => sub { der($zero, $zero) },
                'r = s = 0'             => sub { $zero . $zero },
                'r = 0'                 => sub { $zero . ($half->($_[0]))[1] },
                's = 0'                 => sub { ($half->($_[0]))[0] . $zero },
                'r = s = 1'             => sub { $one . $one },
                'r = n, s = 0'          => sub { $whole . $zero },
                'r = s = n'             => sub { $whole . $whole },
                's = n'                 => sub { ($half->($_[0]))[0] . $whole },
                'r = n'                 => sub { $whole . ($half->($_[0]))[1] },
                'r = s = n - 1'         => sub { bytes($n - 1, $size) x 2 },
                'r = s = n + 1'         => sub { bytes($n + 1, $size) x 2 },
                'r = s = all bits'      => sub { $max . $max },
                'r and s swapped'       => sub {
                    join '', reverse $half->($_[0]) },
                'only r'                => sub { ($half->($_[0]))[0] },
                'a byte less of each'   => sub {
                    join '', map { substr $_, 1 } $half->($_[0]) },
                'a zero before each'    => sub {
                    join '', map { "\0$_" } $half->($_[0]) },
                'a zero behind'         => sub { "$_[0]\0" },
                'a half more'           => sub { $_[0] . $zero },
            );

            # the same number in the field, in the bits that are left
            $forged{'s + n'} = sub {
                my ($r, $s) = $half->($_[0]);
                return $r . bytes(number($s) + $n, $size);
            } if $key eq 'ec521';

            km "$key: $_", { token => { -key => $key,
                                        -signature => $forged{$_} } },
                'token_signature' for sort keys %forged;
        }

        km "ed25519: $_->[0]", { token => { -key => 'ed25519',
                                            -signature => $_->[1] } },
            'token_signature' for
            [ 's + order' => sub {
                my ($r, $s) = unpack 'a32 a32', $_[0];
                my $sum = number(scalar reverse $s) + $ed25519;
                return $r . reverse bytes($sum, 32);
            } ],
            [ 'r is no point' => sub { "\xff" x 32 . substr $_[0], 32 } ],
            [ 'r is the neutral element' => sub {
                "\1" . "\0" x 31 . substr $_[0], 32 } ],
            [ 'neutral, s = 0' => sub { "\1" . "\0" x 63 } ],
            [ 'halves swapped' => sub { substr($_[0], 32) . substr $_[0], 0, 32 } ],
            [ 'of 114 bytes, as Ed448' => sub { $_[0] . "\0" x 50 } ];

        km "rsa: $_->[0]", { token => { -signature => $_->[1] } },
            'token_signature' for
            [ 'zero' => "\0" x 256 ], [ 'one' => "\0" x 255 . "\1" ],
            [ 'the modulus' => sub { decode_base64url(jwk('rsa')->{n}) } ],
            [ 'the modulus - 1' => sub {
                bytes(number(decode_base64url(jwk('rsa')->{n})) - 1, 256) } ],
            [ 'of another size' => 'x' x 384 ],
            [ 'as hexadecimal digits' => sub { unpack 'H*', $_[0] } ],
            [ 'as base64url' => sub { b64u($_[0]) } ];

        # HMAC: no prefix is enough
        km "hs512: $_ bytes", { token => { -key => 'hs512', -alg => 'HS512',
                                           -signature => sub { substr $_[0], 0, $_ } } },
            'token_signature' for 1, 16, 31, 32, 63;
        km 'hs512: the hash of the data',
            { token => { -key => 'hs512', -alg => 'HS512', -signature => 'x' x 64 } },
            'token_signature';
    };


# ------------------------------------------------------------------- parts

test 'parts of the token',
    config => location('= /km') . 'large_client_header_buffers 4 128k;',
    sub {
        my ($h, $c, $s) = parts();
        my ($h2, $c2, $s2) = parts(sub => 'mallory', scope => 'root');

        km "parts: $_->[0]", { auth => "Bearer $_->[1]" }, $_->[2] for
            [ 'stripped signature',     "$h.$c",        'token_malformed' ],
            [ 'claims changed',         "$h.$c2.$s",    'token_signature' ],
            [ 'signature changed',      "$h.$c.$s2",    'token_signature' ],
            [ 'claims, header',         "$c.$h.$s",     'token_malformed' ],
            [ 'signature first',        "$s.$h.$c",     'token_malformed' ],
            [ 'signature in between',   "$h.$s.$c",     'token_signature' ],
            [ 'header twice',           "$h.$h.$s",     'token_signature' ],
            [ 'another token behind',   "$h.$c.$s.$h2.$c2.$s2",
              'token_malformed' ],
            [ 'other claims behind',    "$h.$c.$s.$c2", 'token_malformed' ],
            [ 'other claims in between', "$h.$c2.$c.$s", 'token_malformed' ],
            [ 'an empty part in front', ".$h.$c.$s",    'token_malformed' ],
            [ 'an empty part behind',   "$h.$c.$s.",    'token_malformed' ],
            [ 'an empty part inside',   "$h..$c.$s",    'token_malformed' ],
            [ 'no claims',              "$h..$s",
              [ 'token_malformed', 'token_signature' ] ],
            [ 'JSON serialisation',
              to_json({ protected => $h, payload => $c, signature => $s }),
              'token_malformed' ],
            (map { [ "padding $_", "$h.$c.$s$_",        'token_malformed' ] }
                '=', '==', '===', '%3D', '%3d%3d'),
            (map {
                my $where = sprintf 'white space %02x', ord;
                ([ "$where in the header",    substr($h, 0, 4) . $_
                   . substr($h, 4) . ".$c.$s", 'token_malformed' ],
                 [ "$where in the claims",    "$h." . substr($c, 0, 4) . $_
                   . substr($c, 4) . ".$s",   'token_malformed' ],
                 [ "$where in the signature", "$h.$c." . substr($s, 0, 4) . $_
                   . substr($s, 4),           'token_malformed' ],
                 [ "$where before a dot",     "$h$_.$c.$s", 'token_malformed' ],
                 [ "$where behind a dot",     "$h.$_$c.$s", 'token_malformed' ]);
            } ' ', "\t", "\x0b", "\x0c", "\x7f", "\xa0", "\xc2\xa0"),
            (map { [ sprintf('the character %02x', ord), "$h.$c.$_"
                     . substr($s, 1), 'token_malformed' ] }
                qw(+ / = ~ ! @ * : ; & | \ ^ ` < { [ '), '"', "\xff", "\1");

        # "Bearer" and one space: nothing else parts them
        km sprintf('Bearer and %02x', ord),
            { auth => "Bearer$_" . mint() },
            { reason => [ 'token_missing', 'token_malformed' ] }
            for "\t", "\xa0", "\x0b", '=', ':', ',';

        # huge ones: nginx takes as much of a header as it is told to
        my %huge = (
            'x'              => 'x' x 60000,
            'dots'           => '.' x 60000,
            'two dots'       => '..' . 'x' x 60000,
            'a header'       => 'x' x 60000 . ".$c.$s",
            'claims'         => "$h." . 'x' x 60000 . ".$s",
            'a signature'    => "$h.$c." . 'x' x 60000,
            'open brackets'  => b64u('[' x 40000) . ".$c.$s",
            'open braces'    => b64u('{"a":' x 9000) . ".$c.$s",
            'deep in the header' => b64u('{"alg":"RS256","x":' . '[' x 20000
                                    . ']' x 20000 . '}') . ".$c.$s",
        );
        my %reason = ('claims' => 'token_signature', 'a signature' =>
                      [ 'token_signature', 'token_malformed' ]);

        km "60000 bytes: $_", { token => $huge{$_} },
            { reason => $reason{$_} // 'token_malformed' } for sort keys %huge;
        km 'deep claims', { token => { x => \('[' x 20000 . ']' x 20000) } },
            { reason => 'token_malformed' };
        km 'long claims', { token => { x => 'x' x 60000 } }, @ok;
        km 'many claims', { token => { map { ("x$_" => $_) } 1 .. 3000 } }, @ok;
        km 'a long header', { token => { -header => { x => 'x' x 60000 } } }, @ok;
        km 'a long alg', { token => { -header => { alg => 'RS256' x 9000 } } },
            'token_algorithm';
        km 'a long kid', { token => { -kid => 'rsa' x 15000 } }, 'token_key';
        km 'after all that', {}, @ok;
    };


# ------------------------------------------------------ header and claims

test 'a key in the header is never trusted',
    config => location('= /km', jwks => jwks('rsa', [ 'ec256', kid => undef ]))
        . location('= /hs', jwks => jwks('rsa', 'hs512'),
                   algorithms => 'RS256 HS512')
        . 'location /keys { return 200 "{}"; }',
    sub {
        my $evil = 'http://127.0.0.1:' . server_port() . '/keys';
        my $jwk = jwk('rsa2');
        my $der = encode_base64(key('rsa2')->export_key_der('public_x509'), '');

        for my $kid ('rsa', 'rsa2', undef) {
            my $name = $kid // 'none';
            my $reason = $name eq 'rsa2' ? 'token_key' : 'token_signature';

            km "kid $name: $_->[0]", { token => { -key => 'rsa2', -kid => $kid,
                -header => { %{ $_->[1] } } } }, $reason for
                [ jwk => { jwk => $jwk } ],
                [ 'jwk without kid' => { jwk => jwk('rsa2', kid => undef) } ],
                [ 'jwk of that kid' => { jwk => jwk('rsa2', kid => 'rsa') } ],
                [ jwks => { jwks => { keys => [$jwk] } } ],
                [ keys => { keys => [$jwk] } ],
                [ jku => { jku => $evil } ],
                [ x5u => { x5u => $evil } ],
                [ x5c => { x5c => [$der] } ],
                [ 'x5t' => { x5t => b64u('x' x 20), 'x5t#S256' => b64u('x' x 32) } ],
                [ 'iss' => { iss => $evil } ],
                [ all => { jwk => $jwk, jku => $evil, x5u => $evil,
                           x5c => [$der] } ];
        }

        km 'a secret in the header', { location => '/hs', token => {
            -key => \'secret', -alg => 'HS512', -kid => $_,
            -header => { jwk => { kty => 'oct', k => b64u('secret') } } } },
            $_ eq 'rsa' ? 'token_key' : 'token_signature' for qw(rsa hs512);
        km 'a key in the claims', { token => { -key => 'rsa2', -kid => 'rsa',
            jwk => $jwk, cnf => { jwk => $jwk } } }, 'token_signature';

        km "valid in spite of $_->[0]", { token => { -header => $_->[1] } }, @ok
            for [ 'a foreign jwk' => { jwk => $jwk } ],
                [ 'jku' => { jku => $evil } ], [ 'x5u' => { x5u => $evil } ];

        ok(!(grep { m{ /keys} } access_log()), 'no key was fetched');
    };


# keys whose kid is odd, one of them a NUL longer than the other
my @odd = ("a\0b", 'a', '', "\x{e9}\x{1f600}", '../../x', "' OR 1=1 --",
           'x' x 2000, "l\n", '"', '*');

test 'kid, crit, names twice',
    config => location('= /km')
        . location('= /odd', jwks => jwks('ec521', map {
              [ $_ & 1 ? 'rsa' : 'rsa2', kid => $odd[$_] ] } 0 .. $#odd)),
    sub {
        for my $i (0 .. $#odd) {
            my ($key, $other) = $i & 1 ? ('rsa', 'rsa2') : ('rsa2', 'rsa');
            my @at = (location => '/odd');

            km "kid of $i", { @at, token => { -key => $key, -kid => $odd[$i] } },
                @ok;
            km "kid of $i, another key",
                { @at, token => { -key => $other, -kid => $odd[$i] } },
                'token_signature';
        }

        km 'kid ' . to_json($_), { location => '/odd', token => { -kid => $_ } },
            'token_key' for
            "a\0", "a\0b\0", "a\0c", "\0", "e\x{301}", '..', "\x{e9}", "l", "l\r\n",
            '%', '?', 'x' x 1999, 'x' x 2001, 'A', ' a', 'a ';
        km 'kid ' . to_json($_), { token => { -kid => $_ } }, 'token_key' for
            '/dev/null', '../../../dev/null', "rsa\0", "rsa\0.pem", 'rsa|ls',
            "rsa'", 'rsa ', "\x{feff}rsa", "r\x{455}a", 'file:///etc/passwd',
            'http://127.0.0.1/', '%s%n%p', '$rsa', 'RSA', '-1', '0';

        # crit: no extension is understood
        my $data = sub { my ($header, $claims) = @_;
            return b64u($header) . '.' . $claims };
        my $header = '{"alg":"RS256","b64":false,"crit":["b64"]}';
        my $plain = to_json(claims()) =~ tr/.//dr;

        km "header: $_", { token => { -header => $_ } }, 'token_malformed' for
            '{"alg":"RS256","crit":["kid"],"kid":"rsa"}',
            '{"alg":"RS256","crit":["alg"]}', '{"alg":"RS256","crit":"b64"}',
            '{"alg":"RS256","crit":{}}', '{"alg":"RS256","crit":[1]}',
            '{"alg":"RS256","cr\u0069t":["x"],"x":1}',
            '{"alg":"RS256","b64":null}', '{"alg":"RS256","\u006264":true}',
            '{"crit":["b64"],"b64":false,"alg":"RS256"}';
        km 'an unencoded payload', { auth => 'Bearer '
            . b64u($header) . ".$plain."
            . b64u(sign('RS256', key('rsa'), b64u($header) . ".$plain")) },
            'token_malformed';
        km "header: other names: $_", { token => { -header => { $_ => ['x'] } } },
            @ok for qw(Crit CRIT crits B64 zip enc);

        # a name twice, however it is spelt
        my @twice = (
            '"NAME":VALUE,"NAME":VALUE', '"\u00XX":VALUE,"NAME":VALUE',
            '"NAME":VALUE,"\u00XX":VALUE', '"\u00XX":VALUE,"\u00xx":VALUE',
        );

        for my $name (qw(alg kid typ), 'x') {
            my $value = { alg => '"RS256"', kid => '"rsa"' }->{$name} // '1';
            my $alg = $name eq 'alg' ? '' : '"alg":"RS256",';
            km "header twice: $_", { token => { -header => "{$alg$_}" } },
                'token_malformed' for spell($name, $value, @twice);
        }

        for my $name (qw(exp nbf iss aud sub client_id scope iat x)) {
            my $claims = claims();
            my $value = to_json(delete $claims->{$name} // 1);
            my $text = to_json($claims) =~ s/\}\z//r;
            km "claims twice: $_", { token => { -claims => "$text,$_}" } },
                'token_malformed' for spell($name, $value, @twice);
        }
    };


# the first character of a name in escapes
sub spell {
    my ($name, $value, @templates) = @_;
    my ($low, $up) = map { sprintf "$_%s", ord substr($name, 0, 1),
                           substr $name, 1 } '%02x', '%02X';

    return map { s/VALUE/$value/gr =~ s/NAME/$name/gr =~ s/XX/$up/gr
                 =~ s/xx/$low/gr } @templates;
}


# ------------------------------------------ claims that are signed properly

test 'signed claims',
    config => location('= /km'),
    sub {
        my $good = to_json(claims());

        km "claims: $_->[0]", { token => { -claims => $_->[1] } },
            'token_malformed' for
            [ 'nothing'          => '' ],
            [ 'white space'      => " \n" ],
            [ 'a token'          => mint() ],
            [ 'a string'         => to_json($good) ],
            [ 'an array'         => "[$good]" ],
            [ 'in base64'        => b64u($good) ],
            [ 'a form'           => 'exp=9999999999&client_id=client-1' ],
            [ 'XML'              => '<claims><exp>9999999999</exp></claims>' ],
            [ 'other quotes'     => $good =~ tr/"/'/r ],
            [ 'no quotes'        => $good =~ s/"exp"/exp/r ],
            [ 'a comment'        => "$good// a" ],
            [ 'a comment inside' => $good =~ s/\{/{\/**\//r ],
            [ 'a comma more'     => $good =~ s/\}\z/,}/r ],
            [ 'UTF-16'           => $good =~ s/(.)/\0$1/gsr ],
            [ 'a BOM'            => "\xef\xbb\xbf$good" ],
            [ 'CBOR'             => "\xa1\x63exp\x1b\0\0\0\1\0\0\0\0" ],
            [ 'deflated'         => "\x78\x9c\xabVJ\xad(" ],
            [ 'two objects'      => $good x 2 ],
            [ 'cut short'        => substr $good, 0, -1 ],
            [ 'Latin-1'          => $good =~ s/alice/al\xefce/r ],
            [ 'overlong UTF-8'   => $good =~ s/alice/al\xc0\xafce/r ],
            [ 'a surrogate'      => $good =~ s/alice/al\xed\xa0\x80ce/r ],
            [ 'all bytes'        => join '', map { chr } 0 .. 255 ];

        km "exp $_", { token => { exp => \$_ } }, 'token_malformed' for
            '0x7fffffff', '+9999999999', '09999999999', '9999999999.', '.5',
            '1e', '1e400', 'true', '["9999999999"]', '{"a":9999999999}',
            '"Infinity"', '-Infinity', '9999999999n';
    };

run_tests();
