# seal_km_algorithms: each algorithm with real keys, alone and among others.

use lib 't/lib';
use SealKM;

use MIME::Base64 'decode_base64url';

my $redis = start_redis();
$redis->set('seal:km:v2x.example:service', 'K');

my @ok = ({ payload => 'K' });

# the keys of each
my %keys = (
    (map { $_ => [qw(rsa rsa3072)] } qw(RS256 RS384 RS512 PS256 PS384 PS512)),
    ES256 => ['ec256'], ES384 => ['ec384'], ES512 => ['ec521'],
    EdDSA => ['ed25519'],
    HS256 => [qw(hs256 hs384 hs512)], HS384 => [qw(hs384 hs512)],
    HS512 => ['hs512'],
);
my @algs = sort keys %keys;
my @names = qw(rsa rsa3072 ec256 ec384 ec521 ed25519 hs256 hs384 hs512);
my $all = jwks(@names);

sub others { my ($alg) = @_; return join ' ', grep { $_ ne $alg } @algs }

test 'each algorithm',
    config => location('= /default', jwks => $all)
        . location('= /all', jwks => $all, algorithms => "@algs")
        . join('', map {
            location("= /only-$_", jwks => $all, algorithms => $_)
            . location("= /but-$_", jwks => $all, algorithms => others($_))
        } @algs)
        # each key once for each of its algorithms, which is all it is for
        . location('= /key-alg', algorithms => "@algs", jwks => jwks(map {
              my $alg = $_;
              map { [ $_, kid => "$_ $alg", alg => $alg ] } @{ $keys{$alg} }
          } @algs)),
    sub {
        for my $alg (@algs) {
            for my $key (@{ $keys{$alg} }) {
                my @token = (-alg => $alg, -key => $key);

                km "$alg, $key: all allowed",
                    { location => '/all', token => [@token] }, @ok;
                km "$alg, $key: it alone allowed",
                    { location => "/only-$alg", token => [@token] }, @ok;
                km "$alg, $key: all but it allowed",
                    { location => "/but-$alg", token => [@token] },
                    'token_algorithm';
                km "$alg, $key: by default",
                    { location => '/default', token => [@token] },
                    $alg =~ /^HS/ ? 'token_algorithm' : @ok;
                km "$alg, $key: no kid",
                    { location => '/all', token => [ @token, -kid => undef ] },
                    @ok;
                km "$alg, $key: another's signature",
                    { location => '/all', token => [ @token, -signature => sub {
                        scalar reverse $_[0] } ] }, 'token_signature';

                for my $kid (grep { grep { $_ eq $key } @{ $keys{$_} } } @algs) {
                    km "$alg, $key: a key for $kid",
                        { location => '/key-alg',
                          token => [ @token, -kid => "$key $kid" ] },
                        $kid eq $alg ? @ok : 'token_key';
                }
            }
        }

        km "RS256 where only $_ is allowed", { location => "/only-$_",
            token => [ -alg => 'RS256' ] }, 'token_algorithm'
            for grep { $_ ne 'RS256' } @algs;
    };


# the signature itself
test 'signatures of another making',
    config => location('= /km', jwks => $all, algorithms => "@algs"),
    sub {
        # the curve's own hash
        for ([ ec256 => 'ES256', 'SHA384' ], [ ec384 => 'ES384', 'SHA256' ],
             [ ec521 => 'ES512', 'SHA256' ], [ ec256 => 'ES256', 'SHA1' ])
        {
            my ($key, $alg, $hash) = @$_;
            my $text = mint(-alg => $alg, -key => $key, -signature => 'x');
            my ($data) = $text =~ /^(.*)\./;
            km "$alg: $hash", { token => "$data."
                . b64u(key($key)->sign_message_rfc7518($data, $hash)) },
                'token_signature';
        }

        # a number with a zero in front keeps its length
        my ($short, $tries) = (0, 0);
        while ($short < 2 && $tries++ < 3000) {
            my $token = mint(-key => 'ec256', jti => $tries);
            my $signature = decode_base64url((split /\./, $token)[2]);
            next if $signature !~ /^(?:\0|.{32}\0)/s;
            $short++;
            km 'ES256: a zero before r or s', { token => $token }, @ok;
        }
        is($short, 2, 'ES256: such signatures');
    };


# ---------------------------------------------------------------- Ed448

# Perl has no Ed448: openssl makes the key, and signs
sub ed448 {
    my $pem = temp_file('', 'ed448.pem');
    `openssl genpkey -algorithm ED448 -out $pem 2>/dev/null`;
    my $der = `openssl pkey -in $pem -pubout -outform DER 2>/dev/null`;
    return length $der == 69 ? ($pem, substr $der, 12) : ();
}

my ($pem, $x) = ed448();
my %ed448 = (kty => 'OKP', crv => 'Ed448', x => b64u($x // ''), kid => 'ed448');

sub ed448_token {
    my ($change, $alg) = @_;
    $alg //= 'EdDSA';
    my $data = b64u("{\"alg\":\"$alg\",\"kid\":\"ed448\"}") . '.'
               . b64u(to_json(claims()));
    my $in = temp_file($data, 'ed448.in');
    my $signature = `openssl pkeyutl -sign -rawin -inkey $pem -in $in`;
    return "$data." . b64u($change ? $change->($signature) : $signature);
}

test 'EdDSA with Ed448',
    skip => $x ? undef : 'openssl has no Ed448',
    config => $x ? location('= /km', jwks => jwks('ed25519', { %ed448 }))
        . location('= /no-kid', jwks => jwks(
              [ 'ed25519', kid => undef ],
              { map { $_ => $ed448{$_} } qw(kty crv x) }))
        . location('= /as25519', jwks => jwks([ 'ed25519', kid => 'ed448' ]))
        : '',
    sub {
        km 'Ed448', { token => ed448_token() }, @ok;
        km 'Ed25519 beside it', { token => { -key => 'ed25519' } }, @ok;
        km 'Ed448, keys without kid',
            { location => '/no-kid', token => ed448_token() }, @ok;
        km 'Ed25519, keys without kid',
            { location => '/no-kid', token => { -key => 'ed25519' } }, @ok;
        km 'Ed448, an Ed25519 key',
            { location => '/as25519', token => ed448_token() },
            'token_signature';
        km 'Ed25519, an Ed448 key',
            { token => { -key => 'ed25519', -kid => 'ed448' } },
            'token_signature';
        km "Ed448: $_->[0]", { token => ed448_token($_->[1]) },
            'token_signature' for
            [ 'a byte less' => sub { substr $_[0], 0, 113 } ],
            [ 'a byte more' => sub { "$_[0]\0" } ],
            [ '64 bytes'    => sub { substr $_[0], 0, 64 } ],
            [ 'zeros'       => sub { "\0" x 114 } ],
            [ 'a bit'       => sub { $_[0] ^ "\0" x 50 . "\1" } ];
    };


# ----------------------------------------------------- RFC 9864: a name each

my @eddsa = qw(EdDSA Ed25519 Ed448);

test 'EdDSA, Ed25519 and Ed448',
    skip => $x ? undef : 'openssl has no Ed448',
    config => $x ? join('', map {
            location("= /only-$_", algorithms => $_,
                     jwks => jwks('ed25519', { %ed448 }))
        } @eddsa)
        . join('', map {
            my $alg = $_;
            location("= /key-$alg", jwks => jwks('ec256',
                $alg ne 'Ed448' ? [ 'ed25519', alg => $alg ] : (),
                $alg ne 'Ed25519' ? { %ed448, alg => $alg } : ()))
        } @eddsa)
        . location('= /default', jwks => jwks('ed25519', { %ed448 }))
        : '',
    sub {
        for my $alg (@eddsa) {
            my %token = (
                $alg ne 'Ed448'
                    ? (ed25519 => mint(-key => 'ed25519', -alg => $alg)) : (),
                $alg ne 'Ed25519' ? (ed448 => ed448_token(undef, $alg)) : (),
            );

            for my $key (sort keys %token) {
                my $curve = ucfirst $key;

                km "$key, named $alg: by default",
                    { location => '/default', token => $token{$key} }, @ok;

                for my $name (@eddsa) {
                    my $fits = $name eq 'EdDSA' || $name eq $curve;

                    km "$key, named $alg, where $name is allowed",
                        { location => "/only-$name", token => $token{$key} },
                        $fits ? @ok : $alg eq 'EdDSA' ? 'token_key'
                                                      : 'token_algorithm';
                    km "$key, named $alg, where the key is for $name",
                        { location => "/key-$name", token => $token{$key} },
                        $fits ? @ok : 'token_key';
                }
            }
        }

        km 'Ed25519 named Ed448', { location => '/default', token =>
            { -key => 'ed25519', -alg => 'Ed448', -kid => undef } },
            'token_signature';
        km 'Ed448 named Ed25519',
            { location => '/default', token => ed448_token(undef, 'Ed25519') },
            'token_key';
    };

run_tests();
