package SealKM::Watch;

# To see what the token cache did and which worker it was.
#
#     watched('= /km', zone => 'z')      location() that tells both in headers
#     cached 'HIT', NAME, REQUEST, EXPECTED
#                                        km() that looks at $seal_km_token_cache
#                                        too; '-' where that is empty
#     cache_state(REQUEST)               just that
#     listen_workers($port)              text for the server: $port belongs to
#                                        all workers alike
#     worker_clients($port, $n)          pid => SealKM::Client, kept open, for
#                                        each of n workers

use strict;
use warnings;

use Exporter 'import';
use SealKM::Client;
use SealKM::Config;
use SealKM::Util;
use Test::More ();

our @EXPORT = qw(watched cached cache_state listen_workers worker_clients);

my $HEADERS = "add_header X-Cache \$seal_km_token_cache always;\n"
              . "add_header X-Pid \$pid always;\n";


sub watched {
    my ($path, %set) = @_;
    return location($path, %set, more => $HEADERS . ($set{more} // ''));
}


sub cached {
    my ($state, $name, $set, $want) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;

    my $res = eval { SealKM::post(%$set) };
    Test::More::diag("$name: $@") if $@;
    SealKM::check($name, $res, $set, $want);
    Test::More::is($res && $res->header('X-Cache') // '-', $state,
                   "$name: $state");
    return $res;
}


sub cache_state {
    return SealKM::post(@_)->header('X-Cache') // '-';
}


# with a socket for each worker the kernel spreads connections among them
sub listen_workers {
    my ($port) = @_;
    return "listen 127.0.0.1:$port reuseport;\n"
           . "location = /pid { return 200 \$pid; }\n";
}


sub worker_clients {
    my ($port, $n) = @_;
    my %client;

    wait_for(sub {
        my $client = SealKM::Client->new(port => $port);
        $client->send("GET /pid HTTP/1.1\r\nHost: a\r\n\r\n");
        $client{ $client->response->body } //= $client;
        return keys %client == $n;
    }) or die "no $n workers\n";

    return %client;
}


1;
