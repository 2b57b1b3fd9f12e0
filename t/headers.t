# Headers of responses, and that nothing else of nginx's makes them others.

use lib 't/lib';
use SealKM;

use IO::Uncompress::Gunzip qw(gunzip $GunzipError);

my $redis = start_redis();
$redis->set("seal:km:$_:service", 'K' x 3000) for 'v2x.example';
$redis->command('LPUSH', 'seal:km:list:service', 'x');
$redis->set('seal:km:bad:service', "\xff");

my $payload = 'K' x 3000;
my %ok = (payload => $payload);

# a request for each status, or more
my @refusals = (
    method_not_allowed      => [ method => 'PUT' ],
    unsupported_media_type  => [ type => 'text/plain' ],
    request_too_large       => [ body => { pad => 'x' x 9000 } ],
    token_missing           => [ auth => undef ],
    token_malformed         => [ token => 'x' ],
    token_algorithm         => [ token => { -header => { alg => 'x' } } ],
    token_key               => [ token => { -kid => 'x' } ],
    token_signature         => [ token => { -signature => 'x' x 256 } ],
    token_expired           => [ token => { exp => 1 } ],
    token_not_yet_valid     => [ token => { nbf => time + 999 } ],
    token_issuer            => [ token => { iss => 'x' } ],
    token_audience          => [ token => { aud => 'x' } ],
    token_binding           => [ token => { cnf => {} } ],
    malformed_request       => [ body => { ServiceID => '' } ],
    unsupported_version     => [ body => { Version => '9.9.9' } ],
    insufficient_scope      => [ token => { scope => 'x' } ],
    skms_uri_mismatch       => [ body => { SKmsUri => 'urn:x' } ],
    date_time_out_of_window => [ body => { 'Date/Time' => 1 } ],
    identity_mismatch       => [ body => { UserID => 'bob' } ],
    not_found               => [ body => { ServiceID => 'none' } ],
    store_error             => [ body => { ServiceID => 'list' } ],
    payload_invalid         => [ body => { ServiceID => 'bad' } ],
);

my @errors = (log => [ qr/\[error\].*WRONGTYPE/, qr/\[error\].*store_error/,
                       qr/\[error\].*payload_invalid/ ]);

# all of them, one after another
sub refusals {
    my ($name, %set) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my @list = @refusals;

    while (my ($reason, $request) = splice @list, 0, 2) {
        km "$name: $reason", { @$request, %set },
            { reason => $reason, $reason eq 'malformed_request' ? (echo => {})
                                                                : () };
    }
}


test 'the headers, word by word',
    config => location('= /km', scope => 'seal:km seal:read')
        . location('= /one') . location('= /odd', scope => '$arg_scope')
        . location('= /tls', require_tls => 'on'),
    @errors,
    sub {
        my @list = (ok => [ location => '/one' ], @refusals,
                    tls_required => [ location => '/tls' ]);
        my $bearer = 'Bearer realm="SEAL KM"';
        my @text = '"[\x20\x21\x23-\x5b\x5d-\x7e]+"';

        while (my ($reason, $request) = splice @list, 0, 2) {
            # a token for the others, so that it is not its scope
            my %set = (location => '/one', @$request);
            my $res = post(%set);
            my $authenticate = $reason eq 'token_missing' ? qr/^\Q$bearer\E$/ :
                $reason =~ /^token/ ?
                qr/^\Q$bearer\E, error="invalid_token", error_description=$text[0]$/ :
                $reason eq 'insufficient_scope' ?
                qr/^\Q$bearer\E, error="insufficient_scope", error_description=$text[0], scope="seal:km"$/ :
                qr/^none$/;

            is($res->header('X-Reason'), $reason, "$reason: it is the one");
            like(join("\n", $res->headers('WWW-Authenticate')) || 'none',
                 $authenticate, "$reason: WWW-Authenticate");
            is(join(' ', $res->headers('Allow')),
               $reason eq 'method_not_allowed' ? 'POST' : '', "$reason: Allow");
            is(join(', ', $res->headers('Cache-Control')), 'no-store',
               "$reason: Cache-Control");
            is(join(', ', $res->headers('Content-Type')), 'application/json',
               "$reason: Content-Type");
            is(join(', ', $res->headers('Content-Length')), length $res->body,
               "$reason: Content-Length");
            is(join(', ', map { $_->[0] } grep { $_->[0] !~ /^(?:Server|Date|
                Content-(?:Type|Length)|Connection|WWW-Authenticate|Allow|
                Cache-Control|X-Reason)\z/x } @{ $res->{headers} }), '',
               "$reason: no others");
            like($res->text, { 403 => qr/^Forbidden$/, 415 =>
                qr/^Unsupported Media Type$/ }->{ $res->status } // qr/^\w[\w ]*$/,
                "$reason: the text of the status");
        }

        my $res = post(token => { scope => 'x' });
        like($res->header('WWW-Authenticate'), qr/, scope="seal:km seal:read"$/,
             'several scopes');
        $res = post(location => '/odd?scope=a"b');
        like($res->header('WWW-Authenticate'),
             qr/^\Q$bearer\E, error="insufficient_scope", error_description=$text[0]$/,
             'a scope that cannot be quoted');

        # HEAD: as PUT, without the body
        for (0 .. 1) {
            my $head = client();
            $head->send(request(method => $_ ? 'HEAD' : 'PUT', location => '/one',
                                body => '', type => undef));
            $res->{$_} = $head->response(head => $_);
            ok($head->closed, 'nothing behind it: ' . qw(PUT HEAD)[$_]);
        }
        is($res->{1}->header($_), $res->{0}->header($_), "HEAD: $_")
            for qw(Content-Length Content-Type Cache-Control Allow X-Reason);
        is($res->{1}->status, 405, 'HEAD: status');
    };


my $past = 'Thu, 01 Jan 1970 00:00:01 GMT';
my $future = 'Fri, 31 Dec 2099 23:59:59 GMT';

test 'conditional requests, ranges',
    config => location('= /km', more => 'etag on; if_modified_since exact;'),
    @errors,
    sub {
        for my $headers (
            [ 'If-Match' => '"x"' ], [ 'If-Match' => '*' ],
            [ 'If-None-Match' => '*' ], [ 'If-None-Match' => '"x"' ],
            [ 'If-None-Match' => 'W/"x", *' ],
            [ 'If-Modified-Since' => $past ], [ 'If-Modified-Since' => $future ],
            [ 'If-Unmodified-Since' => $past ],
            [ 'If-Unmodified-Since' => $future ],
            [ Range => 'bytes=0-0' ], [ Range => 'bytes=5-' ],
            [ Range => 'bytes=-1' ], [ Range => 'bytes=999999-' ],
            [ Range => 'bytes=0-0', 'If-Range' => '"x"' ],
            [ Range => 'bytes=0-0,2-3', 'If-Match' => '"x"', 'If-None-Match' => '*' ],
        ) {
            km "@$headers", { headers => [@$headers] }, { %ok };
            refusals("@$headers", headers => [@$headers])
                if $headers->[0] =~ /None-Match|Range/ && @$headers == 2;
        }
    };


# what a server or an operator may have set up around the location
my %page = map { $_ => "error_page $_;\n" } (
    '400 401 403 404 405 413 415 500 /page',
    '400 401 403 404 405 413 415 500 =200 /page',
    '400 401 403 404 405 413 415 500 @named',
    '400 401 403 404 405 413 415 500 http://127.0.0.1:1/',
    '400 401 403 404 405 413 415 500 = /page',
);
my $pages = 'location = /page { return 200 "page"; }
             location @named { return 200 "named"; } ';

for my $page (sort keys %page) {
    test "error_page $page",
        config => $pages . location('= /km', more => $page{$page}
                           . 'recursive_error_pages on;'),
        @errors,
        sub {
            km 'granted', {}, { %ok };
            refusals('refused');
            ok(!(grep { /page|named/ } map { m{"\S+ (\S+)}g } access_log()),
               'no page was asked for');
        };
}

test 'error_page of the server, and others',
    config => $pages . $page{ (sort keys %page)[0] }
        . 'default_type text/html; types { text/html km; } root /;'
        . 'proxy_intercept_errors on; msie_refresh on; add_header X-Server a;'
        . location('= /km') . location('= /a.km')
        . location('= /types', more => 'default_type image/png; types { }'),
    @errors,
    sub {
        for my $location (qw(/km /a.km /types)) {
            km "$location: granted", { location => $location }, { %ok };
            refusals($location, location => $location);
        }
    };


test 'expires and add_header',
    config => location('= /expires', more => 'expires 1h;')
        . location('= /max', more => 'expires max;')
        . location('= /epoch', more => 'expires epoch;')
        . location('= /add', more => 'add_header Cache-Control "public, max-age=9" always;
              add_header X-More $seal_km_error_code always;
              add_header Allow GET always; add_header ETag \'"a"\' always;'),
    @errors,
    sub {
        my @list = (ok => [], @refusals);

        while (my ($reason, $request) = splice @list, 0, 2) {
            for my $location (qw(/expires /max /epoch /add)) {
                my $res = post(location => $location, @$request);
                is($res->header('X-Reason'), $reason, "$location, $reason");
                is(join(' | ', $res->headers('Cache-Control')), 'no-store'
                   . ($location eq '/add' ? ' | public, max-age=9' : ''),
                   "$location, $reason: no-store is there");
                is($res->header('Content-Type'), 'application/json',
                   "$location, $reason: type");
                is(scalar($res->headers('X-More')),
                   $reason eq 'ok' ? 0 : 1, "$location, $reason: one more")
                    if $location eq '/add';
            }
        }
    };


# others look for it where nginx keeps it, and "expires" rewrites it there
test 'no-store as others see it',
    config => location('= /km', more =>
                  'add_header X-Known "$sent_http_cache_control" always;')
        . location('= /expires', more => 'expires 1h; add_header X-Known
                                          "$sent_http_cache_control" always;')
        . location('@km')
        . 'location = /accel { proxy_pass http://127.0.0.1:' . server_port()
        . '/backend; }
           location = /backend { add_header X-Accel-Redirect @km;
                                 add_header Cache-Control "public, max-age=9";
                                 add_header Cache-Control "s-maxage=9";
                                 return 204; }',
    @errors,
    sub {
        my @list = (ok => [], @refusals);

        while (my ($reason, $request) = splice @list, 0, 2) {
            my $res = post(@$request);
            is($res->header('X-Known'), 'no-store',
               "$reason: what \$sent_http_cache_control has");
            is(join(' | ', $res->headers('Cache-Control')), 'no-store',
               "$reason: and what was sent");

            $res = post(@$request, location => '/accel');
            is($res->header('X-Reason'), $reason, "$reason: X-Accel-Redirect");
            is(join(' | ', $res->headers('Cache-Control')), 'no-store',
               "$reason: an upstream\'s Cache-Control is not sent");
        }

        is(join(' | ', post(location => '/expires')->headers('Cache-Control')),
           'no-store', 'not rewritten');
    };


test 'gzip',
    config => location('= /km', more => 'gzip on; gzip_types application/json;
              gzip_min_length 1; gzip_http_version 1.0; gzip_proxied any;
              gzip_vary on;')
        . location('= /off'),
    @errors,
    sub {
        my @list = (ok => [], @refusals);
        my @gzip = (headers => [ 'Accept-Encoding' => 'gzip' ]);

        while (my ($reason, $request) = splice @list, 0, 2) {
            my %set = (@$request, @gzip);
            my $res = post(%set, headers => [ @{ $set{headers} } ]);

            # 200, 403 and 404 are what nginx compresses
            if (($res->header('Content-Encoding') // '') eq 'gzip') {
                gunzip(\(my $body = $res->body), \$res->{body}) or die $GunzipError;
            }

            SealKM::check("compressed or not: $reason", $res, \%set,
                { reason => $reason, $reason eq 'ok' ? %ok : (),
                  $reason eq 'malformed_request' ? (echo => {}) : () });
            is((grep { $_ eq 'no-store' } $res->headers('Cache-Control')), 1,
               "$reason: no-store");
        }

        my $res = post(headers => [ 'Accept-Encoding' => 'gzip' ]);
        is($res->header('Content-Encoding'), 'gzip', 'it was compressed');
        $res = post(location => '/off', @gzip);
        is($res->header('Content-Encoding'), undef, 'not where it is off');
    };


test 'what nginx answers itself',
    config => 'error_page 403 404 /page; ' . $pages
        . location('= /deny', more => 'deny all;')
        . location('= /internal', more => 'internal;')
        . location('= /satisfy', more => 'satisfy any; deny all; allow 127.0.0.1;')
        . location('= /return', more => 'if ($arg_x) { return 403 "own"; }'),
    log => [ qr/\[error\].*access forbidden by rule/ ],
    sub {
        my $res = post(location => '/deny');
        is($res->status . ' ' . $res->body, '403 page', 'deny: a page of nginx\'s');
        $res = post(location => '/internal');
        is($res->status . ' ' . $res->body, '404 page', 'internal');
        $res = post(location => '/return?x=1');
        is($res->status . ' ' . $res->body, '403 own', 'return');
        km 'no return', { location => '/return' }, { %ok };
    };

run_tests();
