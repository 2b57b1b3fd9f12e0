# Tokens of 10 to 30 kB: what nginx needs for them, and what it does without.

use lib 't/lib';
use SealKM;
use SealKM::HTTP2;
use SealKM::Watch;

Test::Nginx::Util::log_level('info');

my $redis = start_redis();
$redis->set('seal:km:v2x.example:service', 'K');

my $h2 = free_port();
my $answer = qr/"Payload":"K"/;

# a token of that size, or some bytes more, as one with many roles has
sub large {
    my ($size) = @_;
    my @roles;
    my $token;

    do {
        push @roles, map { sprintf 'role-%05d', @roles + $_ } 1 .. 20;
        $token = mint(roles => [ @roles ], exp => time + 9999);
    } while (length $token < $size);

    return ($token, scalar @roles);
}

my %token = map { $_ => [ large($_ * 1000) ] } 5, 10, 20, 30;

test 'large_client_header_buffers 4 32k',
    http_config => "seal_km_zone name=z 1m;\nseal_km_zone z;\n"
        . "map \$roles \$many { default 0; \"~^role-00001,.*,role-00100(,|\$)\" 1; }\n"
        . "large_client_header_buffers 4 32k;\n"
        . "server {\n" . listen_http2($h2) . location('= /km') . "}\n",
    config => watched('= /km')
        . watched('= /roles', claim_set => '$roles roles', require => '$many'),
    sub {
        for my $size (sort { $a <=> $b } keys %token) {
            my ($token, $roles) = @{ $token{$size} };
            my %want = (payload => 'K', user_uri => 'alice',
                        echo => { ServiceID => 'v2x.example' });

            cmp_ok(length $token, '<', 1000 * $size + 500, "$size kB");
            cached $_, "$size kB", { location => '/km', token => $token },
                { %want } for qw(MISS HIT);
            km "$size kB: a rule on its $roles roles, $_",
                { location => '/roles', token => $token }, { %want } for 1, 2;

            my $client = SealKM::HTTP2->new(port => $h2);
            like($client->response($client->request('/km', $token, request_body()))
                 // '', $answer, "$size kB: HTTP/2, $_") for 1, 2;
            $client->close;

            my $bad = $token =~ s/\.[^.]*\z/'.' . b64u('x' x 256)/er;
            km "$size kB: badly signed", { location => '/km', token => $bad },
                { reason => 'token_signature', echo => $want{echo} };
        }
    };


test 'nginx as it is',
    http_config => "server {\n" . listen_http2($h2) . location('= /km') . "}\n",
    config => location('= /km'),
    sub {
        my ($small) = @{ $token{5} };
        km '5 kB', { token => $small },
            { payload => 'K', user_uri => 'alice',
              echo => { ServiceID => 'v2x.example' } };

        my ($token) = @{ $token{30} };
        my $res = post(token => $token);
        is($res->status, 400, '30 kB: 400');
        is($res->header('X-Reason'), undef, '30 kB: it is nginx that answers');
        like($res->body, qr/Request Header Or Cookie Too Large/, '30 kB: its page');

        # what docs/install.md warns of
        my ($line) = grep { /too long header line/ } error_log();
        like($line // '', qr/\[info\].*"Authorization: Bearer \Q@{[ substr $token, 0, 500 ]}\E/,
             'the start of the token is in the log at level info');
        unlike($line // '', qr/\Q@{[ substr $token, -300 ]}\E/,
               'but not its signature');

        my $client = SealKM::HTTP2->new(port => $h2);
        my $body = $client->response($client->request('/km', $token, request_body()));
        is($body, undef, '30 kB, HTTP/2: no answer');
        is($client->goaway, 11, '30 kB, HTTP/2: the connection is closed');

        # a client that has less to say is served as ever
        $client = SealKM::HTTP2->new(port => $h2);
        like($client->response($client->request('/km', $small, request_body())) // '',
             $answer, '5 kB, HTTP/2');
        $client->close;
    };

run_tests();
