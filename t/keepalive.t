# Connections that stay: after each answer, in a pipeline, and when they must be
# closed.

use lib 't/lib';
use SealKM;

my $redis = start_redis();
$redis->set("seal:km:s$_:service", "K$_") for 1 .. 200;
$redis->set('seal:km:v2x.example:service', 'K');
$redis->set('seal:km:large:service', 'L' x 300_000);
$redis->set('seal:km:bad:service', "\xff");
$redis->command('LPUSH', 'seal:km:list:service', 'x');

my $slow = fake_redis(get => sub {
    my ($key) = @_;
    return (pause(0.2), bulk("slow $key"));
});

# what is sent slowly grows old
sub at {
    return location(shift, window => '1h', @_);
}

my @reasons = (
    tls_required            => [ location => '/tls' ],
    (map { ("method_not_allowed", [ method => $_ ]) } qw(GET PUT DELETE HEAD)),
    method_not_allowed      => [ method => 'GET', body => '', type => undef ],
    unsupported_media_type  => [ type => 'text/plain' ],
    unsupported_media_type  => [ type => undef, body => 'x' x 5000 ],
    request_too_large       => [ body => { pad => 'x' x 9000 } ],
    request_too_large       => [ body => { pad => 'x' x 100_000 } ],
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
    malformed_request       => [ body => '' ],
    malformed_request       => [ body => 'x' x 8000 ],
    malformed_request       => [ body => '{', token => {} ],
    unsupported_version     => [ body => { Version => '9.9.9' } ],
    insufficient_scope      => [ token => { scope => 'x' } ],
    skms_uri_mismatch       => [ body => { SKmsUri => 'urn:x' } ],
    date_time_out_of_window => [ body => { 'Date/Time' => 1 } ],
    identity_mismatch       => [ body => { UserID => 'bob' } ],
    policy                  => [ location => '/policy' ],
    not_found               => [ body => { ServiceID => 'none' } ],
    store_error             => [ body => { ServiceID => 'list' } ],
    store_unavailable       => [ location => '/down' ],
    payload_invalid         => [ body => { ServiceID => 'bad' } ],
);

my $config = at('= /km') . at('= /tls', require_tls => 'on')
    . at('= /policy', require => '$arg_allowed')
    . at('= /down', pass => '127.0.0.1:' . free_port())
    . at('= /slow', pass => $slow->address);
my @errors = (log => [ qr/\[error\]/ ]);

# the request, with "Connection: close" or not
sub sent {
    my ($close, @request) = @_;
    my %set = @request;
    push @{ $set{headers} = [ @{ $set{headers} // [] } ] }, Connection => 'close'
        if $close;
    return request(%set, via => 1);
}

sub pipelined {
    my ($name, $c, $set, $want) = @_;
    my $res = eval { $c->response(head => ($set->{method} // '') eq 'HEAD') };
    diag("$name: $@") if $@;
    return SealKM::check($name, $res, $set, $want);
}

sub want {
    my ($reason, %set) = @_;
    return { reason => $reason,
             $reason eq 'malformed_request' ? (echo => {}) : () };
}

test 'after each reason',
    config => $config,
    @errors,
    sub {
        my $keep = client();
        my @list = @reasons;
        my $n = 0;

        while (my ($reason, $request) = splice @list, 0, 2) {
            $n++;
            km "$n. $reason", { via => $keep, @$request }, want($reason);
            km "granted after $n. $reason", { via => $keep }, { payload => 'K' };
        }

        # the same, with the next request right behind
        @list = @reasons;
        $keep = client();
        $n = 0;

        while (my ($reason, $request) = splice @list, 0, 2) {
            $n++;
            $keep->send(sent(0, @$request) . sent(0));
            pipelined("pipelined, $n. $reason", $keep, { @$request },
                      want($reason));
            pipelined("pipelined, granted after $n. $reason", $keep, {},
                      { payload => 'K' });
        }

        # and asked to close
        @list = (ok => [], @reasons);
        while (my ($reason, $request) = splice @list, 0, 2) {
            my $c = client();
            $c->send(sent(1, @$request));
            my $res = $c->response(head => ({ @$request }->{method} // '') eq 'HEAD');
            is($res->header('X-Reason') . ' ' . $res->header('Connection'),
               "$reason close", "asked to close: $reason");
            ok($c->closed, "closed: $reason");
        }
    };


test 'pipelines',
    config => $config . 'location = /own { return 200 own; }',
    sub {
        my $request = sub {
            my ($n) = @_;
            return sent($n == 200, body => { ServiceID => "s$n" });
        };
        my $all = join '', map { $request->($_) } 1 .. 200;

        for (
            [ 'in one piece'        => sub { $_[0]->send($all) } ],
            [ 'in pieces of 7001'   => sub { $_[0]->send_slowly($all, 7001) } ],
            [ 'in pieces of 333'    => sub { $_[0]->send_slowly($all, 333, 0.0001) } ],
        ) {
            my ($name, $send) = @$_;
            my $c = client();
            $send->($c);
            my @payloads = map { my $res = $c->response;
                                 $res ? $res->json->{Payload} : 'none' } 1 .. 200;
            is("@payloads", join(' ', map { "K$_" } 1 .. 200), "200, $name");
            ok($c->closed, "200, $name: closed then");
        }

        # Redis is slow for some, yet the order stays
        my @list = (
            [ { location => '/slow', body => { ServiceID => 'a' } },
              { payload => 'slow seal:km:a:service' } ],
            [ {}, { payload => 'K' } ],
            [ { token => 'x' }, 'token_malformed' ],
            [ { location => '/slow', body => { ServiceID => 'b' } },
              { payload => 'slow seal:km:b:service' } ],
            [ { body => { pad => 'x' x 10_000 } }, 'request_too_large' ],
            [ { method => 'GET', body => '' }, 'method_not_allowed' ],
            [ { body => { ServiceID => 'none' } }, 'not_found' ],
            [ {}, { payload => 'K' } ],
        );
        my $c = client();
        $c->send(join '', map { sent(0, %{ $_->[0] }) } @list);
        pipelined("in order: $_", $c, @{ $list[$_] }) for 0 .. $#list;

        # others' requests in between
        $c->send(join '', map { (sent(0), sent(0, location => '/own',
                                               method => 'GET')) } 1 .. 3);
        for (1 .. 3) {
            pipelined("between others' $_", $c, {}, { payload => 'K' });
            is($c->response->body, 'own', "others' $_");
        }

        # answers that fill the socket while requests wait
        $c = client();
        $c->send(sent(0, body => { ServiceID => 'large' }) x 20 . sent(0));
        sleep 1;
        my $good = grep { length($c->response->json->{Payload}) == 300_000 }
                   1 .. 20;
        is($good, 20, 'large answers that wait for the client');
        pipelined('after them', $c, {}, { payload => 'K' });

        # something that is no request behind a good one
        $c = client();
        $c->send(sent(0) . "garbage\r\n\r\n");
        pipelined('before garbage', $c, {}, { payload => 'K' });
        is(eval { $c->response->status }, 400, 'garbage');
        km 'after garbage', {}, { payload => 'K' };
    };


sub chunked { return sprintf("%x\r\n%s\r\n", length $_[0], $_[0]) . "0\r\n\r\n" }

test 'when it is closed',
    config => $config . at('= /timeout', more => 'keepalive_timeout 0;')
        . at('= /requests', more => 'keepalive_requests 2;'),
    sub {
        my @chunked = (headers => [ 'Transfer-Encoding' => 'chunked' ]);

        # chunked, within the limit: it stays
        my $c = client();
        $c->send(sent(0, headers => [ 'Transfer-Encoding' => 'chunked' ],
                      body => chunked(request_body())) . sent(0));
        pipelined('chunked', $c, {}, { payload => 'K' });
        pipelined('after chunked', $c, {}, { payload => 'K' });

        # beyond the limit: its end is nowhere near, what follows is no request
        for my $size (8193, 20_000) {
            $c = client();
            my $body = '{"x":"' . 'x' x ($size - 8) . '"}';
            my $set = { body => $body,
                        headers => [ 'Transfer-Encoding' => 'chunked' ] };
            $c->send(sent(0, headers => [ 'Transfer-Encoding' => 'chunked' ],
                          body => sprintf "%x\r\n%s", $size + 10, $body));
            my $res = $c->response;
            SealKM::check("chunked, $size bytes, and not its end", $res, $set,
                          'request_too_large');
            is($res->header('Connection'), 'close', "chunked, $size: close");
            ok($c->closed, "chunked, $size: closed");
        }

        # its bytes are not taken for the next request
        $c = client();
        my $smuggled = sent(0, body => { ServiceID => 's1' });
        $c->send(sent(0, headers => [ 'Transfer-Encoding' => 'chunked' ], body =>
            sprintf("%x\r\n%s\r\n", 9000, ' ' x 9000)) . $smuggled);
        is($c->response->status, 413, 'a request inside of a body: 413');
        ok(!eval { $c->response }, 'a request inside of a body: no other answer');

        # refused early, so that the body is thrown away: Content-Length says
        # where it ends
        for my $method (qw(PUT POST)) {
            $c = client();
            my %set = (method => $method, body => $smuggled, type => 'text/plain');
            $c->send(sent(0, %set) . sent(0));
            pipelined("$method, a request as a body", $c, \%set, $method eq 'PUT'
                ? 'method_not_allowed' : 'unsupported_media_type');
            pipelined("$method, the one behind it", $c, {}, { payload => 'K' });
        }

        # chunked bodies that are thrown away
        $c = client();
        $c->send(sent(0, method => 'PUT', body => chunked($smuggled),
                      headers => [ 'Transfer-Encoding' => 'chunked' ]) . sent(0));
        pipelined('PUT, chunked', $c, { method => 'PUT' }, 'method_not_allowed');
        pipelined('PUT, chunked: the one behind it', $c, {}, { payload => 'K' });

        # HTTP/1.0
        my $old = sent(1) =~ s{HTTP/1\.1}{HTTP/1.0}r;
        $c = client();
        $c->send($old);
        pipelined('HTTP/1.0', $c, {}, { payload => 'K' });
        ok($c->closed, 'HTTP/1.0: closed');
        $old =~ s/Connection: close/Connection: keep-alive/;
        $c = client();
        $c->send($old x 2);
        pipelined("HTTP/1.0, keep-alive, $_", $c, {}, { payload => 'K' }) for 1, 2;

        # nginx's own limits
        $c = client();
        $c->send(sent(0, location => '/timeout'));
        my $res = $c->response;
        is($res->header('Connection'), 'close', 'keepalive_timeout 0');
        ok($c->closed, 'keepalive_timeout 0: closed');
        $c = client();
        $c->send(sent(0, location => '/requests') x 2);
        is(join(' ', map { $c->response->header('Connection') } 1, 2),
           'keep-alive close', 'keepalive_requests 2');
    };

run_tests();
