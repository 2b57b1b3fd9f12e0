package SealKM::Keys;

# Keys, JWK Sets and access tokens.
#
#     jwks('rsa', 'ec256')               a file with both public keys
#     jwks([ 'rsa', kid => undef, use => 'sig' ], [ 'ec256', -private => 1 ])
#     jwks(\'any text')                  a file that holds any text
#     mint()                             a token that the default location takes
#     mint(sub => 'bob', exp => undef)   claims set, or left out
#     mint(-key => 'ec256')              algorithm and kid follow the key
#     mint(-alg => 'HS256', -kid => undef, -header => { crit => [ 'b64' ] })
#     mint(-claims => '[]', -header => '{"alg":"RS256"}')    raw text
#     mint(-signature => 'bytes')        or a sub: valid signature to another
#
# The keys, by name: rsa, rsa2 (2048 bits), rsa3072, rsa1024 (too short), ec256,
# ec256b, ec384, ec521, ec256k (secp256k1), ed25519, ed25519b, hs256, hs384,
# hs512 (as long as the hash), hs128 (too short).  The kid is the name.
#
# A key is made when first used.  The directory $SEAL_KM_TEST_CACHE, if set,
# keeps them for the next run.

use strict;
use warnings;

use Crypt::Mac::HMAC 'hmac';
use Crypt::PK::ECC;
use Crypt::PK::Ed25519;
use Crypt::PK::RSA;
use Crypt::PRNG 'random_bytes';
use Exporter 'import';
use File::Path 'make_path';
use File::Temp ();
use MIME::Base64 qw(encode_base64url decode_base64url);
use SealKM::JSON;
use SealKM::Util;

our @EXPORT = qw(key jwk jwks mint claims jws sign b64u
    ISSUER AUDIENCE SCOPE);

use constant {
    ISSUER   => 'https://sim-s.example',
    AUDIENCE => 'skm-s',
    SCOPE    => 'seal:km',
};

my %MAKE = (
    (map { $_ => [ 'RSA', 256 ] } 'rsa', 'rsa2'),
    rsa3072 => [ 'RSA', 384 ],
    rsa1024 => [ 'RSA', 128 ],
    (map { $_ => [ 'ECC', 'secp256r1' ] } 'ec256', 'ec256b'),
    ec384   => [ 'ECC', 'secp384r1' ],
    ec521   => [ 'ECC', 'secp521r1' ],
    ec256k  => [ 'ECC', 'secp256k1' ],
    (map { $_ => ['Ed25519'] } 'ed25519', 'ed25519b'),
    hs128   => [ 'oct', 16 ],
    hs256   => [ 'oct', 32 ],
    hs384   => [ 'oct', 48 ],
    hs512   => [ 'oct', 64 ],
);

my %ALG = (
    RSA     => 'RS256',
    'P-256' => 'ES256',
    'P-384' => 'ES384',
    'P-521' => 'ES512',
    Ed25519 => 'EdDSA',
    oct     => 'HS256',
);

my %keys;


sub b64u { return encode_base64url($_[0], '') }


# a Crypt::PK object, or the bytes of an HMAC secret
sub key {
    my ($name) = @_;
    return $keys{$name}{key} //= _import(_private($name));
}


# the JWK, a hash: public (or secret) members and kid, with others set, or
# left out where undef
sub jwk {
    my ($name, %set) = @_;
    my $jwk = _private($name);
    my $private = delete $set{-private};

    if (!$private && $jwk->{kty} ne 'oct') {
        $jwk = { map { $_ => $jwk->{$_} }
                 grep { exists $jwk->{$_} } qw(kty crv x y n e) };
    }

    return { %$jwk, kid => $name, %set };
}


# the path of a file with a JWK Set; its arguments are key names, [ name, jwk()
# options ] or hashes that are JWKs, or just one reference to the whole text
sub jwks {
    return temp_file(${ $_[0] }) if ref $_[0] eq 'SCALAR';

    return temp_file(to_json({ keys => [
        map { ref $_ eq 'HASH' ? $_ : ref $_ ? jwk(@$_) : jwk($_) } @_
    ] }));
}


# the claims of mint() with the same arguments
sub claims {
    my (%set) = @_;

    delete @set{ grep { /^-/ } keys %set };

    return {
        iss       => ISSUER,
        aud       => AUDIENCE,
        exp       => time + 300,
        iat       => time,
        sub       => 'alice',
        client_id => 'client-1',
        device_id => 'dev-1',
        scope     => SCOPE,
        %set,
    };
}


sub mint {
    my (%set) = @_;
    my $name = $set{-key} // 'rsa';
    my $jwk = ref $name ? {} : _private($name);
    my $alg = $set{-alg} // $ALG{ $jwk->{crv} // $jwk->{kty} };

    my $header = $set{-header} // {};
    $header = to_json({ alg => $alg, typ => 'JWT',
                        kid => exists $set{-kid} ? $set{-kid} : $name,
                        %$header }) if ref $header;

    return jws($header, $set{-claims} // to_json(claims(%set)), sub {
        my ($data) = @_;
        my $signature = $set{-signature};

        return $signature if defined $signature && !ref $signature;
        my $valid = sign($alg, ref $name ? $$name : key($name), $data);
        return $signature ? $signature->($valid) : $valid;
    });
}


# a compact JWS of these texts; the signature is bytes or a sub that signs
sub jws {
    my ($header, $payload, $signature) = @_;
    my $data = b64u($header) . '.' . b64u($payload);

    $signature = $signature->($data) if ref $signature;
    return $data . '.' . b64u($signature);
}


# the signature of $data, without a look at whether the key fits the algorithm
sub sign {
    my ($alg, $key, $data) = @_;
    my ($kind, $bits) = $alg =~ /^(..)(.*)/;
    my $hash = "SHA$bits";

    return $key->sign_message($data) if $alg =~ /^Ed/;
    return hmac($hash, $key, $data) if $kind eq 'HS';
    return $key->sign_message($data, $hash, 'v1.5') if $kind eq 'RS';
    return $key->sign_message($data, $hash, 'pss', $bits / 8) if $kind eq 'PS';
    return $key->sign_message_rfc7518($data, $hash) if $kind eq 'ES';
    return '';
}


# the JWK with all its members
sub _private {
    my ($name) = @_;

    return $keys{$name}{jwk} //= do {
        my $dir = $ENV{SEAL_KM_TEST_CACHE};
        my $cache = defined $dir ? "$dir/$name.jwk" : undef;

        if (!defined $cache) {
            _make($name);

        } else {
            # of several tests that make the key at once, one wins
            if (!-e $cache) {
                make_path($dir);
                my $made = File::Temp->new(DIR => $dir);
                print $made to_json(_make($name));
                $made->flush;
                link $made->filename, $cache or -e $cache or die "$cache: $!";
            }

            open my $file, '<', $cache or die "$cache: $!";
            from_json(do { local $/; <$file> });
        }
    };
}


sub _make {
    my ($name) = @_;
    my ($class, $size) = @{ $MAKE{$name} or die "unknown key: $name" };

    return { kty => 'oct', k => b64u(random_bytes($size)) }
        if $class eq 'oct';

    my $key = "Crypt::PK::$class"->new;
    $key->generate_key($size // ());
    my $jwk = $key->export_key_jwk('private', 1);
    return { map { $_ => $jwk->{$_} } grep { $_ ne 'kid' } keys %$jwk };
}


sub _import {
    my ($jwk) = @_;
    my $class = { RSA => 'RSA', EC => 'ECC', OKP => 'Ed25519' }->{ $jwk->{kty} };

    return decode_base64url($jwk->{k}) if !defined $class;
    return "Crypt::PK::$class"->new({ %$jwk });
}


1;
