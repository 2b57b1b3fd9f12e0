# Of two faults the one that comes first in the order of the checks decides:
# every pair of faults that one request can have.

use lib 't/lib';
use SealKM;

my $redis = start_redis();
$redis->set('seal:km:v2x.example:service', 'K');
my $all = jwks(qw(rsa rsa2 ec256));

# Each fault: what it adds to the request, in the order of the checks.
#     location   where it happens
#     token      mint() options; -header and x add up
#     body       members
#     request    other options of km()
my @faults = (
    tls_required            => { location => 'tls' },
    method_not_allowed      => { request => { method => 'PUT' } },
    unsupported_media_type  => { request => { type => 'text/plain' } },
    request_too_large       => { body => { pad => 'x' x 2000 } },

    token_missing           => { request => { scheme => 'Basic' } },
    token_malformed         => { header => { crit => ['x'], x => 1 } },
    token_algorithm         => { header => { alg => 'RS257' } },
    token_key               => { header => { kid => 'x' } },
    token_signature         => { token => { -signature => 'x' x 256 } },
    'token_malformed claim' => { token => { client_id => 1 } },
    token_expired           => { token => { exp => time - 60 } },
    token_not_yet_valid     => { token => { nbf => time + 600 } },
    token_issuer            => { token => { iss => 'x' } },
    token_audience          => { token => { aud => 'x' } },
    token_binding           => { token => { cnf => { jkt => 'x' } } },

    malformed_request       => { body => { ServiceID => '' } },
    unsupported_version     => { body => { Version => '9.9.9' } },
    rate_limited            => { request => { headers => [ 'X-Full' => 1 ] } },
    insufficient_scope      => { token => { scope => 'x' } },
    skms_uri_mismatch       => { body => { SKmsUri => 'https://x.example/' } },
    date_time_out_of_window => { body => { 'Date/Time' => time - 3600 } },
    identity_mismatch       => { body => { UserID => 'bob' } },
    policy                  => { request => { headers => [ 'X-Refuse' => 1 ] } },

    not_found               => { location => 'empty' },
    store_unavailable       => { location => 'down' },
    store_error             => { location => 'type' },
    payload_invalid         => { location => 'payload' },
);

$redis->command('LPUSH', 'list:v2x.example:service', 'x');
$redis->command('LPUSH', 'list:v2x.example:user:bob', 'x');
my $dead = free_port();

my %location = (
    tls     => { require_tls => 'on' },
    empty   => { redis_key_prefix => 'empty:' },
    down    => { pass => "127.0.0.1:$dead" },
    type    => { redis_key_prefix => 'list:' },
    payload => { payload => 'json' },
);

my @common = (jwks => $all, max_request_size => '1k', require => '$allowed',
              zone => 'z', limit => 'rate=1r/m key=$http_x_full');

test 'pairs of faults',
    http_config => 'map $http_x_refuse $allowed { default 1; 1 0; }'
        . 'seal_km_zone name=z 64k;',
    config => join('', location('/km', @common),
        map { location("/$_", @common, %{ $location{$_} }) }
            sort keys %location),
    log => [ qr/\[error\]/, qr/\[warn\].*"seal_km_limit" has the key/ ],
    sub {
        my @names = @faults[ grep { $_ % 2 == 0 } 0 .. $#faults ];
        my %fault = @faults;

        for my $first (0 .. $#names) {
            for my $second ($first .. $#names) {
                my @both = $first == $second ? $fault{ $names[$first] }
                         : @fault{ @names[$first, $second] };
                next if $first != $second && $both[0]{location}
                        && $both[1]{location};

                my ($location) = map { $_->{location} // () } @both;
                my %body = map { %{ $_->{body} // {} } } @both;
                my %token = map { %{ $_->{token} // {} } } @both;
                my %request = map { %{ $_->{request} // {} } } @both;
                my %header = map { %{ $_->{header} // {} } } @both;
                my $scheme = delete $request{scheme};
                my @headers = map { @{ $_->{request}{headers} // [] } } @both;

                # it leaks one in a minute, whatever took that long
                post(location => '/km/', headers => [ 'X-Full' => 1 ])
                    if grep { $_ eq 'X-Full' } @headers;

                my $token = mint(%token, -header => \%header);
                my $reason = $names[$first] =~ s/ .*//r;

                # an invalid value is not echoed
                my %echo = map { $_ => $body{$_} }
                           grep { length($body{$_} // '') }
                           qw(ServiceID UserID);
                $echo{ServiceID} = 'v2x.example' if !exists $body{ServiceID};

                km $first == $second ? "only $names[$first]"
                                     : "$names[$first] before $names[$second]",
                    { location => '/' . ($location // 'km') . '/', body => \%body,
                      token => \%token, auth => ($scheme // 'Bearer') . " $token",
                      %request, headers => \@headers }, { reason => $reason, echo => \%echo };
            }
        }
    };

run_tests();
