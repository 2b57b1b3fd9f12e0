#!/usr/bin/perl
use strict;
use warnings;

use Crypt::JWT 'encode_jwt';
use Crypt::PK::ECC;
use Crypt::PK::Ed25519;
use Crypt::PK::RSA;
use Encode 'decode';
use Fcntl;
use Getopt::Long;
use JSON::PP;
use MIME::Base64 'encode_base64url';

my $USAGE = <<'END';
Makes signing keys and access tokens for trials of the SEAL KM server. In service
the SIM-S does that.

  mint-token.pl --make-key FILE [--alg ALG] [--kid ID]
      makes a key pair, writes the private JWK to FILE, which must not exist, and
      prints the public JWK Set, for seal_km_jwks. ALG is RS256 to 512, PS256 to
      512, ES256, ES384, ES512, EdDSA or Ed25519, which are one key under the old
      and the new name (RFC 8037, RFC 9864); ES256 by default.

  mint-token.pl --key FILE [CLAIMS]
      prints a token signed with the private JWK in FILE.
      --issuer ISS     --audience AUD    (--audience may be repeated)
      --scope SCOPE    "seal:km" by default; several separated by spaces
      --client ID      client_id, "demo-client" by default
      --subject SUB    sub, the VAL user
      --device ID      device_id
      --lifetime S     seconds until it expires, 300 by default; negative for one
                       that is past its exp
      --claim NAME=VALUE   any other claim; VALUE is JSON or else a string
END

my %CURVE = (ES256 => 'secp256r1', ES384 => 'secp384r1', ES512 => 'secp521r1');


sub usage {
    my ($out, $status) = @_;
    print $out $USAGE;
    exit $status;
}


sub make_key {
    my ($path, $alg, $kid) = @_;
    my $key;

    if ($CURVE{$alg}) {
        $key = Crypt::PK::ECC->new->generate_key($CURVE{$alg});

    } elsif ($alg =~ /^(?:EdDSA|Ed25519)\z/) {
        $key = Crypt::PK::Ed25519->new->generate_key;

    } elsif ($alg =~ /^[RP]S(?:256|384|512)\z/) {
        $key = Crypt::PK::RSA->new->generate_key(256);

    } else {
        die "unknown algorithm: $alg\n";
    }

    my %more = (kid => $kid, alg => $alg, use => 'sig');
    my $private = { %{ $key->export_key_jwk('private', 1) }, %more };
    my $public = { %{ $key->export_key_jwk('public', 1) }, %more };

    sysopen my $file, $path, O_WRONLY | O_CREAT | O_EXCL, 0600
        or die "$path: $!\n";
    print $file encode_json($private), "\n";
    close $file or die "$path: $!\n";

    print JSON::PP->new->canonical->pretty->encode({ keys => [ $public ] });
    return;
}


sub mint {
    my ($path, $claims, $lifetime) = @_;

    open my $file, '<', $path or die "$path: $!\n";
    my $key = decode_json(do { local $/; <$file> });
    my $now = time;

    my $alg = $key->{alg} // 'ES256';
    my %header = (typ => 'JWT', $key->{kid} ? (kid => $key->{kid}) : ());
    my %payload = (iat => $now, exp => $now + $lifetime, %$claims);

    print $alg eq 'Ed25519'
        ? ed25519_jwt($key, { %header, alg => $alg }, \%payload)
        : encode_jwt(payload => \%payload, key => $key, alg => $alg,
                     extra_headers => \%header),
        "\n";
    return;
}


# the name is newer than Crypt::JWT
sub ed25519_jwt {
    my ($key, @parts) = @_;
    my $text = join '.', map { encode_base64url(encode_json($_), '') } @parts;
    my $signature = Crypt::PK::Ed25519->new($key)->sign_message($text);

    return $text . '.' . encode_base64url($signature, '');
}


@ARGV = map { decode('UTF-8', $_) } @ARGV;

my ($make, $key, @audience, %other);
my ($alg, $kid, $lifetime) = ('ES256', 'demo', 300);
my %claims = (scope => 'seal:km', client_id => 'demo-client');

GetOptions(
    'help'       => sub { usage(*STDOUT, 0) },
    'make-key=s' => \$make,
    'alg=s'      => \$alg,
    'kid=s'      => \$kid,
    'key=s'      => \$key,
    'issuer=s'   => \$claims{iss},
    'audience=s' => \@audience,
    'scope=s'    => \$claims{scope},
    'client=s'   => \$claims{client_id},
    'subject=s'  => \$claims{sub},
    'device=s'   => \$claims{device_id},
    'lifetime=i' => \$lifetime,
    'claim=s'    => \%other,
) && !@ARGV && (defined $make xor defined $key) or usage(*STDERR, 2);

if (defined $make) {
    make_key($make, $alg, $kid);
    exit 0;
}

$claims{aud} = @audience > 1 ? \@audience : $audience[0];

for my $name (keys %other) {
    my $value = eval { JSON::PP->new->allow_nonref->decode($other{$name}) };
    $claims{$name} = $@ ? $other{$name} : $value;
}

delete @claims{ grep { !defined $claims{$_} } keys %claims };
mint($key, \%claims, $lifetime);
