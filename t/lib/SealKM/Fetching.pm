package SealKM::Fetching;

# Locations that get their keys from a SealKM::JwksServer, and requests with
# tokens of one key or another.
#
#     net('= /km', jwks_cache => '1s')  watched() that takes its keys from /jwks
#     fetches($sims, $more)             location = /jwks, which asks that server
#     KEYS_ZONE                         text for http, which net() needs
#     with('rsa2', location => '/x')    REQUEST with a token of that key, one that
#                                       is in force for as long as a test takes
#     ask('rsa2', ...)                  the bytes of it, for a kept connection
#     waits($client)                    true as long as it has no response
#     reasons(@responses)               "ok 2 token_key 1"

use strict;
use warnings;

use Exporter 'import';
use IO::Select;
use SealKM::Keys;
use SealKM::Watch;

our @EXPORT = qw(net fetches with ask waits reasons KEYS_ZONE);

use constant KEYS_ZONE => "seal_km_zone name=keys 1m;\n";

my %token;


sub net {
    my ($path, %set) = @_;
    return watched($path, jwks => undef, jwks_request => '/jwks',
                   zone => 'keys', %set);
}


sub fetches {
    my ($sims, $more) = @_;
    return "location = /jwks {\ninternal;\nproxy_pass " . $sims->url . ";\n"
           . ($more // '') . "}\n";
}


sub with {
    my ($key, @set) = @_;

    $token{$key} //= mint(-key => $key, exp => time + 86400);
    return { token => $token{$key}, @set };
}


sub ask { return SealKM::request(via => 1, %{ with(@_) }) }


sub waits {
    my ($client) = @_;
    return !IO::Select->new($client->socket)->can_read(0);
}


sub reasons {
    my (@res) = @_;
    my %n;

    $n{ $_ ? $_->header('X-Reason') : 'none' }++ for @res;
    return join ' ', map { "$_ $n{$_}" } sort keys %n;
}


1;
