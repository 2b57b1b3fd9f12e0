package SealKM::Sealed;

# Records that are encrypted in Redis, as Crypt::JWT makes them.
#
#     my $file = record_keys(a => 'A' x 32, b => 'B' x 32);   a JWK Set, 0600
#     sealed('seal:km:v2x.example:service', 'K1', a => 'A' x 32)
#     sealed($name, $text, a => $key, -header => { rec => 'x', zip => undef })
#     changed($value)                          it, with another tag
#     parts($value)                            its five parts

use strict;
use warnings;

use Crypt::AuthEnc::GCM 'gcm_encrypt_authenticate';
use Crypt::JWT 'encode_jwt';
use Crypt::PRNG 'random_bytes';
use Exporter 'import';
use SealKM::JSON;
use SealKM::Keys;
use SealKM::Util;

our @EXPORT = qw(record_keys record_jwk sealed sealed_with changed parts);


sub record_jwk {
    my ($kid, $bytes, %more) = @_;
    return { kty => 'oct', k => b64u($bytes), kid => $kid, %more };
}


# the name of a file with keys, in the order of their kids
sub record_keys {
    my (%keys) = @_;
    my $file = temp_file(to_json({ keys => [
        map { record_jwk($_, $keys{$_}) } sort keys %keys ] }));

    chmod 0600, $file;
    return $file;
}


# a record, encrypted under $kid for the name $rec
sub sealed {
    my ($rec, $text, $kid, $key) = @_;
    return encode_jwt(payload => $text, alg => 'dir', enc => 'A256GCM',
                      key => $key,
                      extra_headers => { kid => $kid, rec => $rec });
}


# the same with a header of one's own, any text: what no library would make
sub sealed_with {
    my ($header, $text, $key, %set) = @_;
    my $aad = b64u($header);
    my $iv = random_bytes($set{iv} // 12);
    my ($cipher, $tag) = gcm_encrypt_authenticate('AES', $key, $iv, $aad, $text);

    return join '.', $aad, '', b64u($iv), b64u($cipher),
        b64u(substr $tag, 0, $set{tag} // 16);
}


sub changed {
    my ($value) = @_;
    return $value =~ s/(.)\z/$1 eq 'A' ? 'Q' : 'A'/er;
}


sub parts { return split /\./, $_[0], -1 }


1;
