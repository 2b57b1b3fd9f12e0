# What a key retrieval is refused with: status, ProblemDetails, headers, and the
# order of the checks; and what stays nginx's own.

use lib 't/lib';
use SealKM;
use SealKM::ClientCert;
use SealKM::Retrieval;
use SealKM::Sealed;
use SealKM::TLS;
use SealKM::Tool;

my $redis = start_redis();
my $key = 'k' x 32;

$redis->set('seal:km:v2x.example:service', 'KS');
$redis->set('seal:km:plain.example:service', 'KS');
$redis->command('LPUSH', 'seal:km:list.example:service', 'x');

my $fake = fake_redis(get => sub { silence });
my $dead = free_port();
my $tls = free_port();

my $config = key_records()
    . key_records('= /tls', require_tls => 'on')
    . key_records('= /binding', require_binding => 'on')
    . key_records('= /type', token_type => 'at+jwt')
    . key_records('= /limit', zone => 'z', limit => 'rate=1r/m')
    . key_records('= /policy', require => [ '$arg_fine', '$arg_own reason=night' ])
    . key_records('= /json', payload => 'json')
    . key_records('= /sealed', record_keys => record_keys(a => $key))
    . key_records('= /down', pass => "127.0.0.1:$dead")
    . key_records('= /silent', pass => $fake->address, redis_timeout => '100ms')
    . key_records('= /keyless', jwks => undef, jwks_request => '/jwks')
    . 'location = /jwks { internal; return 404; }';

my @log = (qr/\[error\].*key retrieval refused, (?:store|payload|record)_\w+: The /,
           qr/\[(?:error|warn|crit)\].*(?:Redis|record|seal_km_jwks|upstream)/);


test 'each reason',
    config => tls_listen($tls) . $config,
    http_config => "seal_km_zone name=z 1m;\n",
    may_log => \@log,
    sub {
        kir 'tls_required', { location => '/tls' }, 'tls_required';
        kir 'TLS', { location => '/tls', client => { port => $tls, tls => {} } },
            { key => 'KS' };

        for my $method (qw(POST PUT DELETE HEAD OPTIONS PATCH FOO)) {
            kir "$method", { method => $method, auth => undef },
                'method_not_allowed';
        }

        kir 'no token', { auth => undef }, 'token_missing';
        kir 'another scheme', { auth => 'Basic eDp5' }, 'token_missing';
        kir 'a token in the query',
            { auth => undef, query => SERVICE . '&access_token=' . mint() },
            'token_missing';
        kir 'token_malformed', { token => 'a.b' }, 'token_malformed';
        kir 'token_algorithm', { token => { -header => { alg => 'none' } } },
            'token_algorithm';
        kir 'token_key', { token => { -kid => 'x' } }, 'token_key';
        kir 'token_key: there is none at all', { location => '/keyless' },
            { reason => 'token_key', keyless => 1 };
        kir 'token_signature', { token => { -signature => 'x' x 256 } },
            'token_signature';
        kir 'token_expired', { token => { exp => time - 60 } }, 'token_expired';
        kir 'token_not_yet_valid', { token => { nbf => time + 600 } },
            'token_not_yet_valid';
        kir 'token_issuer', { token => { iss => 'x' } }, 'token_issuer';
        kir 'token_audience', { token => { aud => 'x' } }, 'token_audience';
        kir 'token_binding', { location => '/binding' }, 'token_binding';
        kir 'token_type', { location => '/type' }, 'token_type';

        kir 'malformed_request', { query => '' },
            { reason => 'malformed_request', param => 'val-service-id',
              cause => 'MANDATORY_QUERY_PARAM_MISSING' };

        kir 'rate_limited: the first', { location => '/limit' }, { key => 'KS' };
        kir 'rate_limited', { location => '/limit' }, 'rate_limited';
        kir 'insufficient_scope', { token => { scope => 'x' } },
            'insufficient_scope';
        kir 'identity_mismatch: user', { query => SERVICE . '&valUserId=bob' },
            'identity_mismatch';
        kir 'identity_mismatch: UE', { query => SERVICE . '&valUeId=alice' },
            'identity_mismatch';
        kir 'policy', { location => '/policy' }, 'policy';
        kir 'policy: a word', { location => '/policy', query => SERVICE . '&fine=1' },
            { reason => 'night', as => 'policy' };
        kir 'policy: kept', { location => '/policy',
                              query => SERVICE . '&fine=1&own=1' }, { key => 'KS' };
        kir 'not_found', { query => 'val-service-id=none.example' }, 'not_found';

        kir 'store_unavailable', { location => '/down' }, 'store_unavailable';
        kir 'store_timeout', { location => '/silent' }, 'store_timeout';
        kir 'store_error', { query => 'val-service-id=list.example' },
            'store_error';
        kir 'payload_invalid', { location => '/json' }, 'payload_invalid';
        kir 'record_invalid', { location => '/sealed' }, 'record_invalid';

        # a sentence of its own where KM-UU's would not be true
        like(get(method => 'PUT')->body, qr/"detail":"The method must be GET"/,
             'detail: method');
        like(get(location => '/down')->body, qr/"detail":"The store of key /,
             'detail: store');
    };


# early data is answered before the handshake is complete
test 'early data',
    config => tls_listen($tls, 'ssl_protocols TLSv1.3; ssl_early_data on;')
        . key_records(),
    sub {
        my $session = temp_dir() . '/session';
        my @tls = ('-tls1_3', '-ign_eof');

        s_client($tls, [ @tls, '-sess_out', $session ], kir_request());
        my $held = relay($tls, sub { grep { /refused, early_data/ } error_log() });
        my $seen = s_client($held, [ @tls, '-sess_in', $session, '-early_data',
                                     temp_file(kir_request(), 'early') ]);

        like($seen, qr{HTTP/1.1 425 Too Early\r\n}, 'the status line');
        like($seen, qr/\{"title":"Too Early","status":425,"detail":"The request must not be sent as TLS early data"\}/,
             'the problem');
    };


test 'Accept',
    config => key_records(),
    sub {
        my $via = client();

        kir "taken: $_", { via => $via, headers => [ Accept => $_ ] },
            { key => 'KS' } for
            'application/json', 'application/*', '*/*', 'APPLICATION/JSON;q=0.1',
            'text/html, */*;q=0.001', 'application/json;a="x,y;q=0"',
            'application/json;q=0, */*';
        kir "not taken: $_", { via => $via, headers => [ Accept => $_ ] },
            'not_acceptable' for
            'text/html', 'application/problem+json', 'application/jso',
            '*/*;q=0, application/json;q=0.0', 'text/html;a=",*/*"', '*/*;q=2', '';

        kir 'the second one', { headers => [ Accept => 'text/html',
                                             accept => 'application/json' ] },
            { key => 'KS' };
        kir 'neither', { headers => [ Accept => 'text/html',
                                      accept => 'application/*;q=0' ] },
            'not_acceptable';
        kir 'among many', { headers => [ (map { ("X-$_" => $_) } 1 .. 50),
                                         Accept => 'text/html' ] },
            'not_acceptable';

        # rows 3 and 6
        kir 'not before the method',
            { method => 'PUT', headers => [ Accept => 'text/html' ] },
            'method_not_allowed';
        kir 'but before the token',
            { auth => undef, headers => [ Accept => 'text/html' ] },
            'not_acceptable';
    };


# what makes each fault, in the order of the checks; those that one request can
# have together are told in that order
my @faults = (
    tls_required        => { location => '/tls' },
    method_not_allowed  => { method => 'PUT' },
    not_acceptable      => { headers => [ Accept => 'text/html' ] },
    token_signature     => { token => { -signature => 'x' x 256 } },
    token_expired       => { token => { exp => time - 60 } },
    malformed_request   => { query => 'valUserId=bob' },
    insufficient_scope  => { token => { scope => 'x' } },
    identity_mismatch   => { query => SERVICE . '&valUserId=bob' },
    policy              => { location => '/policy' },
    not_found           => { query => 'val-service-id=none.example' },
);

# of two that set the same thing there is no request
sub both {
    my ($one, $other) = @_;

    return if grep { $_ ne 'token' && exists $other->{$_} } keys %$one;
    return { %$one, %$other,
             token => { %{ $one->{token} // {} }, %{ $other->{token} // {} } } };
}

test 'of two faults the first',
    config => $config,
    http_config => "seal_km_zone name=z 1m;\n",
    may_log => \@log,
    sub {
        for (my $i = 0; $i < @faults; $i += 2) {
            for (my $k = $i + 2; $k < @faults; $k += 2) {
                my $set = both($faults[$i + 1], $faults[$k + 1]) or next;

                kir "$faults[$i] before $faults[$k]", $set,
                    $faults[$i] ne 'malformed_request' ? $faults[$i]
                    : { reason => $faults[$i], param => 'val-service-id',
                        cause => 'MANDATORY_QUERY_PARAM_MISSING' };
            }
        }

        # a limit is counted behind the query, and before the scope
        kir 'a bad query', { location => '/limit', query => '' },
            { reason => 'malformed_request', param => 'val-service-id',
              cause => 'MANDATORY_QUERY_PARAM_MISSING' } for 1 .. 2;
        kir 'a scope', { location => '/limit', token => { scope => 'x' } },
            'insufficient_scope';
        kir 'is over the limit then', { location => '/limit',
                                        token => { scope => 'x' } }, 'rate_limited';
    };


test 'headers that change nothing',
    config => key_records(),
    sub {
        kir "$_->[0]", { headers => $_ }, { key => 'KS' } for
            [ 'If-None-Match' => '*' ], [ 'If-Match' => '"x"' ],
            [ 'If-Modified-Since' => 'Thu, 01 Jan 2026 00:00:00 GMT' ],
            [ 'If-Unmodified-Since' => 'Thu, 01 Jan 1970 00:00:00 GMT' ],
            [ Range => 'bytes=0-1' ], [ 'Accept-Encoding' => 'gzip' ],
            [ 'X-HTTP-Method-Override' => 'POST' ];
    };


# as docs/key-retrieval.md has them
my $pages = text_of(source('docs/key-retrieval.md'));
my ($map, $own) = $pages =~ /^# in http\n(.*?)^# in server\n(.*?)^```/ms
    or die "docs/key-retrieval.md has no pages\n";

for my $problems (0, 1) {
    test $problems ? 'nginx: its pages as problems' : 'nginx: its own pages',
        http_config => $problems ? $map : '',
        config => "large_client_header_buffers 2 4k;\n" . ($problems ? $own : '')
            . key_records(more => 'client_max_body_size 1k;'),
        may_log => [ qr/client intended to send too large body/ ],
        sub {
            my $line = 'GET ' . KEY_RECORDS . '?';
            my %bad = (
                'two tokens' => [ 400, 'Bad Request',
                    kir_request(headers => [ Authorization => 'Bearer x' ]) ],
                'a large body' => [ 413, 'Content Too Large',
                    kir_request(body => 'x' x 2000) ],
                'large headers' => [ $problems ? 431 : 400,
                    'Request Header Fields Too Large',
                    kir_request(headers => [ 'X-Large' => 'x' x 5000 ]) ],
                'a long line' => [ 414, 'URI Too Long', $line . 'x' x 5000
                    . " HTTP/1.1\r\nHost: a\r\n\r\n" ],
                'a line that is none' => [ 400, 'Bad Request',
                    "GET \x01 HTTP/1.1\r\nHost: a\r\n\r\n" ],
            );

            for my $case (sort keys %bad) {
                my ($status, $title, $request) = @{ $bad{$case} };
                my $client = client();
                $client->send($request);
                my $res = $client->response;
                is($res->status, $status, "$case: status");

                if ($problems) {
                    is($res->header('Content-Type'), 'application/problem+json',
                       "$case: type");
                    is($res->body, "{\"title\":\"$title\",\"status\":$status}",
                       "$case: the problem");

                } else {
                    like($res->body, qr/<html>/, "$case: a page of nginx's");
                }
            }

            kir 'all is well else', {}, { key => 'KS' };
        };
}


run_tests();
