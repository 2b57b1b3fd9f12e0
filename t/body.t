# How a body may arrive: in one piece or many, with a length or chunked, asked
# for with "100 Continue", over HTTP/2, read before by another module, or never.

use lib 't/lib';
use SealKM;
use SealKM::Load;
use SealKM::TLS;
use Time::HiRes 'sleep';

my $redis = start_redis();
$redis->set('seal:km:v2x.example:service', 'K');

my %echo = (echo => { ServiceID => 'v2x.example' });
my @ok = ({ payload => 'K', %echo });
my $limit = 8192;

# what is sent slowly grows old
sub at {
    return location(shift, window => '1h', @_);
}

# a request of exactly that many bytes
sub sized {
    my ($size) = @_;
    my $pad = $size - length request_body(pad => '');
    return request_body(pad => 'x' x $pad);
}

# in chunks of these sizes, over and over
sub chunks {
    my ($body, @sizes) = @_;
    my $text = '';
    my $i = 0;

    while (length $body) {
        my $piece = substr $body, 0, $sizes[ $i++ % @sizes ], '';
        $text .= sprintf "%x\r\n%s\r\n", length $piece, $piece;
    }

    return "${text}0\r\n\r\n";
}

# the whole request in pieces, on a new connection; and what answers it
sub slowly {
    my ($name, $set, $size, $want) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $c = client();
    my $res = eval { $c->send_slowly(request(%$set), $size, 0.0003);
                     $c->response };
    diag("$name: $@") if $@;
    return SealKM::check($name, $res, { %$set, body => '' }, $want);
}


test 'with a length',
    config => at('= /km') . at('= /buffer', more =>
                  'client_body_buffer_size 1;')
        . at('= /single', more => 'client_body_in_single_buffer on;')
        . at('= /file', more => 'client_body_in_file_only clean;')
        . 'client_header_buffer_size 64;',
    sub {
        for my $location (qw(/km /buffer /single /file)) {
            my @at = (location => $location);

            km "$location: one piece", { @at, body => request_body() }, @ok;
            km "$location: the limit", { @at, body => sized($limit) }, @ok;
            km "$location: one more", { @at, body => sized($limit + 1) },
                { reason => 'request_too_large', echo => {} };

            slowly "$location: byte by byte", { @at, body => request_body() }, 1,
                @ok;
            slowly "$location: the limit, in pieces of $_",
                { @at, body => sized($limit) }, $_, @ok for 7, 100, 1024, 4096;

            # the head, a pause, the body in two
            my ($head, $body) = split /(?<=\r\n\r\n)/, request(@at,
                body => sized(2000)), 2;
            my $c = client();
            $c->send($head);
            sleep 0.1;
            $c->send(substr $body, 0, 1000);
            sleep 0.1;
            $c->send(substr $body, 1000);
            SealKM::check("$location: head, half, half", $c->response,
                          { body => '' }, @ok);
        }

        km 'no body, no length', { body => '', headers => [ 'Content-Length' => 0 ] },
            { reason => 'malformed_request', echo => {} };
        my $res = post(body => '', headers => [ 'X' => 1 ]);
        is($res->header('X-Reason'), 'malformed_request', 'length 0');
        my $c = client();
        $c->send(request(body => '') =~ s/Content-Length: 0\r\n//r);
        is($c->response->header('X-Reason'), 'malformed_request',
           'neither length nor chunked');

        # nginx's own
        for my $length ('x', '-1', '5x', '99999999999999999999', '0x10') {
            is(post(headers => [ 'Content-Length' => $length ])->status, 400,
               "Content-Length: $length");
        }
        is(post(headers => [ 'Content-Length' => 5, 'Transfer-Encoding' =>
                             'chunked' ])->status, 400, 'both');
        is(post(headers => [ 'Transfer-Encoding' => 'gzip' ])->status, 501,
           'another Transfer-Encoding');
    };


# the most memory that the worker has had, in kB
sub peak {
    my ($pid) = worker_pids();
    open my $file, '<', "/proc/$pid/status" or die $!;
    return (join('', <$file>) =~ /^VmHWM:\s+(\d+) kB/m)[0];
}

test 'memory of chunks',
    config => at('= /km'),
    sub {
        my %of = map { $_ => chunks(sized($limit), $_) } 4, $limit;
        my $set = sub { +{ headers => [ 'Transfer-Encoding' => 'chunked' ],
                           body => $of{ $_[0] } } };

        km 'one chunk', $set->($limit), @ok;
        my $before = peak();
        # each comes, and is kept, by itself
        slowly 'many', $set->(4), length "4\r\n....\r\n", @ok;
        my $grown = peak() - $before;
        cmp_ok($grown, '<', 1024, "kB: $grown");
    };


test 'chunked',
    config => at('= /km') . at('= /buffer', more =>
                  'client_body_buffer_size 1;')
        . at('= /small', max_request_size => 300),
    log => [ qr/\[error\].*client sent invalid chunked body/,
             qr/\[error\].*client intended to send too large chunked body/ ],
    sub {
        my $body = request_body();

        km "chunks of @$_", { headers => [ 'Transfer-Encoding' => 'chunked' ], body => chunks($body, @$_) }, @ok
            for [ length $body ], [1], [ 1, 2, 3, 5, 8 ], [ 100, 1 ], [7], [64];
        km "sizes written otherwise: $_->[0]", { headers => [
            'Transfer-Encoding' => 'chunked' ], body => sprintf "$_->[1]\r\n%s\r\n0\r\n\r\n",
            length $body, $body }, @ok for
            [ 'upper case' => '%X' ], [ 'zeros' => '%08x' ],
            [ 'an extension' => '%x;a=b' ], [ 'a quoted extension' => '%x;a="b c"' ],
            [ 'a space' => '%x ' ];
        km 'more zeros at the end', { headers => [ 'Transfer-Encoding' => 'Chunked' ],
            body => chunks($body, 50) =~ s/0\r\n\r\n\z/000\r\n\r\n/r }, @ok;
        km 'trailers', { headers => [ 'Transfer-Encoding' => 'chunked' ],
            body => chunks($body, 50) =~ s/\r\n\z/A: b\r\nAuthorization: x\r\n\r\n/r },
            @ok;
        km 'nothing', { headers => [ 'Transfer-Encoding' => 'chunked' ],
            body => "0\r\n\r\n" }, { reason => 'malformed_request', echo => {} };

        for my $location (qw(/km /buffer)) {
            my @at = (location => $location,
                      headers => [ 'Transfer-Encoding' => 'chunked' ]);

            for my $sizes ([8192], [ 1, 8191 ], [ 8191, 1 ], [1000], [ 3, 5, 4096 ]) {
                my @set = (location => $location, headers => [@{ $at[3] }]);
                km "$location: the limit in chunks of @$sizes",
                    { @set, body => chunks(sized($limit), @$sizes) }, @ok;
                km "$location: one more in chunks of @$sizes",
                    { location => $location, headers => [@{ $at[3] }],
                      body => chunks(sized($limit + 1), @$sizes) },
                    { reason => 'request_too_large', echo => {} };
            }

            slowly "$location: byte by byte",
                { location => $location, headers => [@{ $at[3] }],
                  body => chunks($body, 50) }, 1, @ok;
            slowly "$location: chunks of one, in pieces of $_",
                { location => $location, headers => [@{ $at[3] }],
                  body => chunks($body, 1) }, $_, @ok for 1, 5, 6, 7, 1000;
            slowly "$location: the limit, in pieces of $_",
                { location => $location, headers => [@{ $at[3] }],
                  body => chunks(sized($limit), 1000) }, $_, @ok for 13, 999;
            slowly "$location: more, in pieces of $_",
                { location => $location, headers => [@{ $at[3] }],
                  body => chunks(sized($limit + 1), 1000) }, $_,
                { reason => 'request_too_large', echo => {} } for 999, 4096;
        }

        km 'another limit, exactly', { location => '/small',
            headers => [ 'Transfer-Encoding' => 'chunked' ],
            body => chunks(sized(300), 100) }, @ok;
        km 'another limit, one more', { location => '/small',
            headers => [ 'Transfer-Encoding' => 'chunked' ],
            body => chunks(sized(301), 100) },
            { reason => 'request_too_large', echo => {} };
        km 'one chunk that says it is huge', { location => '/small',
            headers => [ 'Transfer-Encoding' => 'chunked' ],
            body => "ffffff\r\n" . 'x' x 301 },
            { reason => 'request_too_large', echo => {} };

        # nginx refuses it for client_max_body_size, before it has come
        for my $at (qw(/km /small)) {
            my $keep = client();
            km "$at: one chunk beyond client_max_body_size, too",
                { location => $at, via => $keep, body => "7fffffff\r\nx",
                  headers => [ 'Transfer-Encoding' => 'chunked' ] },
                { reason => 'request_too_large', echo => {} };
            ok($keep->closed, "$at: and the connection is closed");

            slowly "$at: in a second chunk",
                { location => $at, body => "5\r\n{    \r\n7fffffff\r\nx",
                  headers => [ 'Transfer-Encoding' => 'chunked' ] }, $_,
                { reason => 'request_too_large', echo => {} } for 7, 1000;
        }

        # nginx's own
        is(post(headers => [ 'Transfer-Encoding' => 'chunked' ], body => $_)->status,
           400, 'bad chunks: ' . s/[^ -~]/./gr) for
            "x\r\n", "5\r\n{}\r\n0\r\n\r\nxx", "-1\r\n", "\r\n0\r\n\r\n",
            'ffffffffffffffffff' . "\r\n";
        km 'after all that', { body => $body }, @ok;
    };


test 'Expect: 100-continue',
    config => at('= /km') . at('= /tls', require_tls => 'on'),
    sub {
        # what asks for it, and whether it is asked to go on
        for (
            [ 'granted',        [], 1, @ok ],
            [ 'a bad token',    [ token => 'x' ], 1,
              { reason => 'token_malformed', %echo } ],
            [ 'no token',       [ auth => undef ], 1,
              { reason => 'token_missing', %echo } ],
            [ 'a malformed body', [ body => 'x' ], 1,
              { reason => 'malformed_request', echo => {} } ],
            [ 'the limit',      [ body => sized($limit) ], 1, @ok ],
            [ 'too large',      [ body => sized($limit + 1) ], 0,
              { reason => 'request_too_large', echo => {} } ],
            [ 'another method', [ method => 'PUT' ], 0, 'method_not_allowed' ],
            [ 'another type',   [ type => 'text/plain' ], 0,
              'unsupported_media_type' ],
            [ 'an encoding',    [ headers => [ 'Content-Encoding' => 'gzip' ] ], 0,
              'unsupported_media_type' ],
            [ 'no TLS',         [ location => '/tls' ], 0, 'tls_required' ],
        ) {
            my ($name, $request, $asked, $want) = @$_;
            my %set = (body => request_body(), @$request);
            my @headers = @{ $set{headers} // [] };

            for my $chunked (0, 1) {
                # without a length it is not known in time
                next if $chunked && $name eq 'too large';

                my $what = "$name, " . ('a length', 'chunked')[$chunked];
                my $c = client();
                my ($head, $body) = split /(?<=\r\n\r\n)/, request(%set,
                    body => $chunked ? chunks($set{body}, 1000) : $set{body},
                    headers => [ @headers, Expect => '100-continue',
                        $chunked ? ('Transfer-Encoding' => 'chunked') : () ]), 2;

                $c->send($head);
                my $res = $c->response;

                if ($asked) {
                    is($res->status, 100, "$what: 100");
                    eval { $c->send($body) };
                    $res = $c->response;
                }

                SealKM::check($what, $res, { %set, body => '' }, $want);
            }
        }

        # the body is sent although nobody asked for it
        my $c = client();
        $c->send(request(body => request_body(), via => 1, type => 'text/plain',
                         headers => [ Expect => '100-continue' ])
                 . request(body => request_body(), via => 1));
        SealKM::check('the body comes at once, refused', $c->response,
                      { body => '' }, 'unsupported_media_type');
        SealKM::check('the next request', $c->response, { body => '' }, @ok);
    };


test 'bodies that do not come',
    config => at('= /km', more => 'client_body_timeout 300ms;
                                         lingering_timeout 1s;')
        . at('= /patient'),
    sub {
        my ($head, $body) = split /(?<=\r\n\r\n)/, request(body => request_body()),
                            2;
        my $start = time;

        for (
            [ 'nothing of it',    $head ],
            [ 'half of it',       $head . substr $body, 0, 50 ],
            [ 'all but a byte',   $head . substr $body, 0, -1 ],
            [ 'chunked, half',    request(headers => [ 'Transfer-Encoding' => 'chunked' ],
                                          body => "40\r\n{\"x\":") ],
            [ 'chunked, no end',  request(headers => [ 'Transfer-Encoding' => 'chunked' ],
                                          body => sprintf "%x\r\n%s\r\n",
                                          length $body, $body) ],
        ) {
            my ($name, $sent) = @$_;
            my $c = client();
            $c->send($sent);
            my $res = $c->response;
            ok(!$res || $res->status == 408, "$name: a time-out of nginx's own");
        }
        cmp_ok(time - $start, '<', seconds(40), 'in time');

        # a refusal does not wait for it
        $start = time;
        my $c = client();
        $c->send(request(location => '/patient', type => 'text/plain',
                         headers => [ 'Content-Length' => 1000 ], body => 'x'));
        is($c->response->header('X-Reason'), 'unsupported_media_type',
           'refused before the body');
        $c = client();
        $c->send(request(location => '/patient', body => 'x',
                         headers => [ 'Content-Length' => 100_000 ]));
        is($c->response->header('X-Reason'), 'request_too_large',
           'too large before the body');
        cmp_ok(time - $start, '<', seconds(40), 'at once');

        # aborted
        for my $sent ($head, $head . substr($body, 0, 50),
                      request(headers => [ 'Transfer-Encoding' => 'chunked' ],
                              body => "40\r\n{\"x\":"))
        {
            for my $location (qw(/km /patient)) {
                my $c = client();
                $c->send($sent =~ s{ /km }{ $location }r);
                sleep 0.05;
                $c->close;
                km 'after one that was aborted', { body => $body }, @ok;

                $c = client();
                $c->send($sent =~ s{ /km }{ $location }r);
                $c->socket->shutdown(1);
                my $res = $c->response;
                ok(!$res || $res->status == 400, 'half-closed: nginx\'s own');
            }
        }

        # closed in the middle, with a RST
        $c = client();
        $c->send($head . substr $body, 0, 50);
        setsockopt $c->socket, Socket::SOL_SOCKET(), Socket::SO_LINGER(),
                   pack 'ii', 1, 0;
        $c->close;
        km 'after a RST', { body => $body }, @ok;
    };


test 'read before by another module',
    config => 'location = /mirror { internal; return 204; }'
        . at('= /km', more => 'mirror /mirror;')
        . at('= /file', more => 'mirror /mirror; client_body_buffer_size 256;')
        . at('= /clean', more => 'mirror /mirror; client_body_in_file_only clean;')
        . at('= /single', more => 'mirror /mirror;
              client_body_in_single_buffer on; client_body_buffer_size 256;')
        . at('= /big', max_request_size => '2m', more => 'mirror /mirror;
              client_body_buffer_size 1k;'),
    log => [ qr/\[warn\].*a client request body is buffered to a temporary file/ ],
    sub {
        for my $location (qw(/km /file /clean /single)) {
            my @at = (location => $location);

            km "$location: small", { @at, body => request_body() }, @ok;
            km "$location: the limit", { @at, body => sized($limit) }, @ok;
            km "$location: one more", { @at, body => sized($limit + 1) },
                { reason => 'request_too_large', echo => {} };
            km "$location: none", { @at, body => '' },
                { reason => 'malformed_request', echo => {} };
            km "$location: chunked", { @at, body => chunks(request_body(), 50),
                headers => [ 'Transfer-Encoding' => 'chunked' ] }, @ok;
            km "$location: chunked, the limit", { @at,
                body => chunks(sized($limit), 999),
                headers => [ 'Transfer-Encoding' => 'chunked' ] }, @ok;
            km "$location: chunked, one more", { @at,
                body => chunks(sized($limit + 1), 999),
                headers => [ 'Transfer-Encoding' => 'chunked' ] },
                { reason => 'request_too_large', echo => {} };
            km "$location: chunked, much more", { @at,
                body => chunks(sized(100_000), 5000),
                headers => [ 'Transfer-Encoding' => 'chunked' ] },
                { reason => 'request_too_large', echo => {} };
            slowly "$location: in pieces of 50", { @at, body => sized(2000) }, 50,
                @ok;
            km "$location: another method", { @at, method => 'PUT' },
                'method_not_allowed';
        }

        km '1 MB', { location => '/big', body => sized(1 << 20) }, @ok;
        km '2 MB', { location => '/big', body => sized(2 << 20) }, @ok;
        km 'more', { location => '/big', body => sized((2 << 20) + 1) },
            { reason => 'request_too_large', echo => {} };

        # on one connection
        my $keep = client();
        km "kept, $_", { via => $keep, location => $_, body => sized(3000) }, @ok
            for qw(/km /file /clean /file);
        km 'kept, too large', { via => $keep, location => '/file',
                                body => sized($limit + 1) },
            { reason => 'request_too_large', echo => {} };
        km 'kept, then', { via => $keep, location => '/file',
                           body => sized(3000) }, @ok;
    };


# nginx keeps a body in a file where it is told to, and where there is no room for
# it, but not one that is read here
my %files = map { $_ => temp_dir() . "/body-$_" } qw(own mirrored large);

test 'bodies in files',
    config => 'location = /mirror { internal; return 204; }'
        . at('= /own', more => "client_body_temp_path $files{own};
              client_body_in_file_only on; client_body_buffer_size 256;")
        . at('= /mirrored', more => "client_body_temp_path $files{mirrored};
              client_body_in_file_only on; mirror /mirror;")
        . at('= /large', more => "client_body_temp_path $files{large};
              client_body_buffer_size 256; mirror /mirror;"),
    may_log => [ qr/\[(?:warn|notice)\].*a client request body is buffered to a temporary file/ ],
    sub {
        for my $name (sort keys %files) {
            km $name, { location => "/$name", body => sized(2000) }, @ok;
            km "$name, chunked", { location => "/$name",
                body => chunks(sized(2000), 500),
                headers => [ 'Transfer-Encoding' => 'chunked' ] }, @ok;
        }
        my $kept = sub { my @kept = glob "$files{$_[0]}/*"; scalar @kept };

        is($kept->('own'), 0, 'read here: none is written');
        is($kept->('mirrored'), 2, 'read by mirror, in_file_only: written and kept');
        # it is gone with its request, but was announced
        ok((grep { /buffered to a temporary file \Q$files{large}\E/ } error_log()),
           'read by mirror, without room: written');
    };


test 'client_max_body_size is nginx\'s own',
    config => at('= /km', max_request_size => 1000, more =>
                  'client_max_body_size 1000;')
        . at('= /below', more => 'client_max_body_size 1000;')
        . at('= /none', more => 'client_max_body_size 0;',
                   max_request_size => 1000),
    log => [ qr/\[error\].*client intended to send too large/,
             qr/\[warn\].*"client_max_body_size" is below/ ],
    suppress_stderr => 1,
    sub {
        for my $location (qw(/km /below)) {
            km "$location: exactly", { location => $location, body => sized(1000) },
                @ok;
            my $res = post(location => $location, body => sized(1001));
            is($res->status . $res->header('Content-Type'), '413text/html',
               "$location: one more");
            is(scalar($res->headers('X-Reason')), 0, "$location: not ours");
            $res = post(location => $location, body => chunks(sized(1001), 500),
                        headers => [ 'Transfer-Encoding' => 'chunked' ]);
            is($res->status, 413, "$location: one more, chunked");
            km "$location: exactly, chunked", { location => $location,
                body => chunks(sized(1000), 500),
                headers => [ 'Transfer-Encoding' => 'chunked' ] }, @ok;
        }

        km 'none: exactly', { location => '/none', body => sized(1000) }, @ok;
        km "none: $_", { location => '/none', body => sized($_) },
            { reason => 'request_too_large', echo => {} } for 1001, 3_000_000;
        km 'none: chunked', { location => '/none',
            body => chunks(sized(100_000), 5000),
            headers => [ 'Transfer-Encoding' => 'chunked' ] },
            { reason => 'request_too_large', echo => {} };
    };


# ---------------------------------------------------------------- HTTP/2

my $port = free_port();

test 'HTTP/2',
    config => tls_listen($port)
        . at('= /km', require_tls => 'on')
        . at('= /small', max_request_size => 300)
        . at('= /buffer', more => 'client_body_buffer_size 1;')
        . 'location = /mirror { internal; return 204; }'
        . at('= /file', more => 'mirror /mirror; client_body_buffer_size 256;'),
    log => [ qr/\[warn\].*a client request body is buffered to a temporary file/ ],
    sub {
        my $over = sub {
            my ($name, $set, $want) = @_;
            my %set = (client => { port => $port }, %$set);
            my $res = curl(\%set);
            is($res && $res->{protocol}, '2', "$name: it is HTTP/2");
            SealKM::check($name, $res, \%set, $want);
        };

        for my $from ('length', 'stdin') {
            my @from = (body_from => $from);
            my $name = $from eq 'stdin' ? 'no length' : 'a length';

            for my $location (qw(/km /buffer /file)) {
                my @at = (@from, location => $location);

                $over->("$name, $location", { @at, body => request_body() }, @ok);
                $over->("$name, $location, the limit",
                        { @at, body => sized($limit) }, @ok);
                $over->("$name, $location, one more",
                        { @at, body => sized($limit + 1) },
                        { reason => 'request_too_large', echo => {} });
                $over->("$name, $location, much more",
                        { @at, body => sized(1_000_000) },
                        { reason => 'request_too_large', echo => {} });
            }

            $over->("$name, another limit",
                    { @from, location => '/small', body => sized(300) }, @ok);
            $over->("$name, another limit, one more",
                    { @from, location => '/small', body => sized(301) },
                    { reason => 'request_too_large', echo => {} });
            $over->("$name, none", { @from, body => '' },
                    { reason => 'malformed_request', echo => {} });
            $over->("$name, $_->[0]", { @from, body => request_body(),
                                        %{ $_->[1] } }, $_->[2]) for
                [ 'no token' => { auth => undef }, { reason => 'token_missing', %echo } ],
                [ 'a method' => { method => 'PUT' }, 'method_not_allowed' ],
                [ 'a type' => { type => 'text/plain' }, 'unsupported_media_type' ],
                [ 'malformed' => { body => '{' },
                  { reason => 'malformed_request', echo => {} } ],
                [ 'not found' => { body => request_body(ServiceID => 'none') },
                  { reason => 'not_found', echo => { ServiceID => 'none' } } ];
        }
    };

run_tests();
