package SealKM::Attacks;

# What somebody may put in the place of an encrypted record who can write to
# Redis, and has not its keys, or no business to use them.
#
#     attacks(\%key)              [ name, value ], for the record ATTACKED and the
#                                 keys a and b, { kid => bytes }
#     flipped($value)             $value with each of its bits changed, one after
#                                 another
#     header(zip => 'DEF', kid => undef)     the text of a header
#     ATTACKED, ATTACKED_BODY     its name in Redis, and what a request says

use strict;
use warnings;

use Encode 'encode';
use Exporter 'import';
use SealKM::JSON;
use SealKM::Sealed;

our @EXPORT = qw(attacks flipped header ATTACKED ATTACKED_BODY);

use constant {
    ATTACKED      => "seal:km:v2x.example:user:\xc3\xa9lise",
    ATTACKED_BODY => { ServiceID => 'v2x.example', UserID => "\x{e9}lise" },
};

my $name = "seal:km:v2x.example:user:\x{e9}lise";


sub header {
    my (%set) = @_;
    my %header = (alg => 'dir', enc => 'A256GCM', kid => 'a', rec => $name, %set);

    return to_json({ map { defined $header{$_} ? ($_ => $header{$_}) : () }
                     keys %header });
}


sub flipped {
    my ($value) = @_;

    return map {
        my $i = $_;
        map {
            my $changed = $value;
            substr($changed, $i, 1) ^= chr(1 << $_);
            $changed;
        } 0 .. 7;
    } 0 .. length($value) - 1;
}


# other records, and what is almost the name of this one
sub _names {
    my $service = 'seal:km:v2x.example';

    return (
        [ 'another service', "seal:km:police.example:user:\x{e9}lise" ],
        [ 'another kind', "$service:device:\x{e9}lise" ],
        [ 'the service itself', "$service:service" ],
        [ 'another identity', "$service:user:alice" ],
        [ 'another prefix', "other:v2x.example:user:\x{e9}lise" ],
        [ 'no prefix', "v2x.example:user:\x{e9}lise" ],
        [ 'in capitals', uc $name ],
        [ 'in another form of Unicode', "$service:user:e\x{301}lise" ],
        [ 'in letters that look alike', "$service:user:\x{e9}l\x{456}se" ],
        [ 'in wide letters', "\x{ff53}eal:km:v2x.example:user:\x{e9}lise" ],
        [ 'with what nobody sees', "$service:user:\x{e9}lise\x{200b}" ],
        [ 'with a mark of byte order', "\x{feff}$name" ],
        [ 'escaped as in a URI', "$service:user:%C3%A9lise" ],
        [ 'its UTF-8 taken for Latin-1', encode('UTF-8', $name) ],
        [ 'longer by a blank', "$name " ],
        [ 'longer by a NUL', "$name\0" ],
        [ 'longer by a NUL and more', "$name\0x" ],
        [ 'shorter', substr $name, 0, -1 ],
        [ 'empty', '' ],
    );
}


# whole headers, raw
sub _headers {
    my $rec = to_json($name);
    my $double = sub { my ($more) = @_; return header() =~ s/\}\z/,$more}/r };

    return (
        (map { [ "no $_", header($_ => undef) ] } qw(alg enc kid rec)),
        (map { [ "alg $_", header(alg => $_) ] }
            qw(A128KW A256KW A256GCMKW RSA-OAEP ECDH-ES none DIR)),
        (map { [ "enc $_", header(enc => $_) ] }
            qw(A128GCM A192GCM A128CBC-HS256 A256CBC-HS512 a256gcm)),
        [ 'zip', header(zip => 'DEF') ],
        [ 'crit, of nothing', header(crit => []) ],
        [ 'crit, of rec', header(crit => ['rec']) ],
        [ 'typ', header(typ => 'JWE') ],
        [ 'cty', header(cty => 'JWT') ],
        [ 'b64', header(b64 => \'false') ],
        [ 'jwk', header(jwk => { kty => 'oct', k => 'AA', kid => 'a' }) ],
        [ 'a kid that is a number', header(kid => \'1') ],
        [ 'a kid that is null', header(kid => \'null') ],
        [ 'a rec that is an array', header(rec => [$name]) ],
        [ 'a rec that is null', header(rec => \'null') ],
        [ 'rec twice', $double->(qq("rec":$rec)) ],
        [ 'rec twice, of another', $double->('"rec":"seal:km:x:service"') ],
        [ 'rec twice, escaped', $double->(qq("r\\u0065c":$rec)) ],
        [ 'kid twice', $double->('"kid":"b"') ],
        [ 'enc twice', $double->('"enc":"A256GCM"') ],
        [ 'alg twice', $double->('"alg":"dir"') ],
        [ 'Rec in place of rec', header(rec => undef, Rec => $name) ],
        [ 'half of a character in rec', header() =~ s/lise/\\ud83d/r ],
        [ 'a NUL for a name', $double->('"\\u0000":1') ],
        [ 'a NUL for a name, and enc twice', $double->('"\\u0000":1,"enc":1') ],
        [ 'a number that is none', $double->('"x":1e999') ],
        [ 'a rec that is no UTF-8', header() =~ s/\xc3\xa9/\xe9/r ],
        [ 'an array', '[' . header() . ']' ],
        [ 'two objects', header() . header() ],
        [ 'a comma too many', header() =~ s/\}\z/,}/r ],
        [ 'cut off', substr header(), 0, -1 ],
        [ 'a megabyte of blanks', ' ' x 1_000_000 . header() ],
        [ 'a thousand brackets', '[' x 1000 ],
        [ 'empty', '' ],
    );
}


sub attacks {
    my ($key) = @_;
    my $seal = sub { sealed_with($_[0], 'MATERIAL', $key->{a}, @_[1 .. $#_]) };
    my $good = $seal->(header());
    my ($header, undef, $iv, $text, $tag) = parts($good);
    my @other = parts(sealed_with(header(), 'ANOTHER-', $key->{a}));

    return (
        (map { [ "of $_->[0]", $seal->(header(rec => $_->[1])) ] } _names()),
        (map { [ "header: $_->[0]", $seal->($_->[1]) ] } _headers()),

        # OpenSSL would take these
        (map { [ "a tag of $_ bytes", $seal->(header(), tag => $_) ] }
            0, 1, 4, 8, 12, 13, 14, 15),
        (map { [ "a vector of $_ bytes", $seal->(header(), iv => $_) ] }
            1, 8, 11, 13, 16, 32),
        [ 'a tag that is longer', "${good}AA" ],

        [ 'a kid that is not known', $seal->(header(kid => 'x')) ],
        [ 'a kid of another case', $seal->(header(kid => 'A')) ],
        [ 'an empty kid', $seal->(header(kid => '')) ],
        [ 'the kid of another key', $seal->(header(kid => 'b')) ],
        [ 'a key of one\'s own', sealed_with(header(), 'MATERIAL', 'X' x 32) ],
        [ 'a key of 16 bytes', sealed_with(header(), 'MATERIAL', substr $key->{a}, 0, 16) ],
        [ 'a key of zeros', sealed_with(header(), 'MATERIAL', "\0" x 32) ],
        [ 'a key of 16 bytes, with its kid',
          sealed_with(header(kid => 'short'), 'MATERIAL', 's' x 16) ],

        [ 'padding behind it', "$good==" ],
        [ 'padding of the vector', join '.', $header, '', "$iv=", $text, $tag ],
        [ 'padding of the header', join '.', "$header=", '', $iv, $text, $tag ],
        [ 'base64 of another alphabet', join '.', $header, '', '++++////++++////', $text, $tag ],
        [ 'bits that mean nothing', $good =~ s/(.)\z/$1 eq 'A' ? 'B' : chr(1 + ord $1)/er ],
        (map { [ "$_->[0] behind it", $good . $_->[1] ],
               [ "$_->[0] before it", $_->[1] . $good ] }
            [ 'a line end', "\n" ], [ 'CR LF', "\r\n" ], [ 'a blank', ' ' ],
            [ 'a NUL', "\0" ], [ 'a quote', '"' ], [ 'a mark of byte order', "\xef\xbb\xbf" ]),
        [ 'a line end inside of it', $good =~ s/\.\./.\n./r ],

        [ 'three dots', join '.', $header, $iv, $text, $tag ],
        [ 'five dots', "$good." ],
        [ 'two dots, as a JWS', join '.', $header, $text, $tag ],
        [ 'no dot', $header ],
        [ 'nothing but dots', '....' ],
        [ '100,000 dots', '.' x 100_000 ],
        [ 'a key that is encrypted', join '.', $header, 'AAAA', $iv, $text, $tag ],
        [ 'no vector', join '.', $header, '', '', $text, $tag ],
        [ 'no tag', join '.', $header, '', $iv, $text, '' ],
        [ 'no text', join '.', $header, '', $iv, '', $tag ],
        [ 'no header', join '.', '', '', $iv, $text, $tag ],
        [ 'the text of another', join '.', $header, '', $iv, $other[3], $tag ],
        [ 'the tag of another', join '.', $header, '', $iv, $text, $other[4] ],
        [ 'the vector of another', join '.', $header, '', $other[2], $text, $tag ],
        [ 'the text cut', join '.', $header, '', $iv, substr($text, 0, 4), $tag ],
        [ 'twice', "$good$good" ],
        [ 'as JSON', to_json({ protected => $header, iv => $iv, ciphertext => $text, tag => $tag }) ],

        [ 'a plain record', 'MATERIAL' ],
        [ 'a plain record of JSON', '{"k":"MATERIAL"}' ],
        [ 'an empty value', '' ],
    );
}


1;
