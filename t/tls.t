# TLS: seal_km_require_tls, versions, HTTP/2 by ALPN, early data, resumption.

use lib 't/lib';
use SealKM;
use SealKM::TLS;

use IO::Socket::SSL ();

my $redis = start_redis();
$redis->set('seal:km:v2x.example:service', 'K');

my @ok = ({ payload => 'K' });
my ($port, $port2) = (free_port(), free_port());

# what waits for a handshake grows old
sub at {
    return location(shift, window => '1h', @_);
}

sub over {
    my ($port, %tls) = @_;
    return (client => { port => $port, tls => { %tls } });
}

test 'seal_km_require_tls',
    config => tls_listen($port) . at('= /default', require_tls => undef)
        . at('= /on', require_tls => 'on') . at('= /off'),
    http_config => "server {\n" . tls_listen($port2, 'ssl_protocols TLSv1.2;')
        . at('= /default', require_tls => undef) . "}\n",
    sub {
        for my $location (qw(/default /on /off)) {
            my @at = (location => $location);

            km "$location: TLS", { @at, over($port) }, @ok;
            km "$location: plain", { @at },
                $location eq '/off' ? @ok : 'tls_required';
            # what stands before us may say what it likes
            km "$location: plain, $_->[0]", { @at, headers => [ @$_ ] },
                $location eq '/off' ? @ok : 'tls_required' for
                [ 'X-Forwarded-Proto' => 'https' ], [ Forwarded => 'proto=https' ],
                [ 'X-Forwarded-Ssl' => 'on' ], [ 'Front-End-Https' => 'on' ],
                [ Upgrade => 'TLS/1.3' ], [ HTTPS => 'on' ];
            km "$location: plain, refused otherwise too",
                { @at, method => 'PUT', auth => undef, type => 'x' },
                $location eq '/off' ? 'method_not_allowed' : 'tls_required';
            km "$location: TLS, a refusal", { @at, over($port), token => 'x' },
                'token_malformed';
        }

        # the token is not told why it is refused: nothing looks at it
        my $res = post(location => '/on', token => 'x');
        is(scalar($res->headers('WWW-Authenticate')), 0, 'plain: no challenge');
        is($res->json->{ServiceID}, undef, 'plain: no echo');

        # keep-alive
        my $c = client(port => $port, tls => {});
        km "kept, $_", { via => $c, location => '/on' }, @ok for 1 .. 3;
        $c = client();
        km "plain, kept, $_->[0]", { via => $c, location => $_->[0] }, @{ $_->[1] }
            for [ '/on', ['tls_required'] ], [ '/off', \@ok ],
                [ '/default', ['tls_required'] ];

        # nginx's own
        is(post(client => { port => $port }, location => '/on')->status, 400,
           'plain HTTP to the port of TLS');

        for (
            [ 'TLS 1.2' => $port, 'TLSv1_2' ], [ 'TLS 1.3' => $port, 'TLSv1_3' ],
            [ 'TLS 1.2 only' => $port2, 'TLSv1_2' ],
        ) {
            my ($name, $to, $version) = @$_;
            my $c = client(port => $to, tls => { SSL_version => $version });
            is($c->socket->get_sslversion, $version, "$name: the version");
            km $name, { via => $c, location => '/default' }, @ok;
        }

        # large bodies over many records, and byte by byte
        $c = client(port => $port, tls => {});
        $c->send_slowly(request(location => '/on', body => request_body()), 1,
                        0.0002);
        is($c->response->status, 200, 'byte by byte');

        # versions of HTTP
        for my $protocol ('--http2', '--http1.1', '--http1.0') {
            my %set = (over($port), location => '/on', protocol => $protocol);
            my $res = curl(\%set);
            my %version = ('--http2' => '2', '--http1.1' => '1.1',
                           '--http1.0' => '1.1');
            is($res && $res->{protocol}, $version{$protocol}, "curl $protocol");
            SealKM::check("curl $protocol: granted", $res, \%set, @ok);
            %set = (%set, token => 'x');
            SealKM::check("curl $protocol: refused", curl(\%set), \%set,
                          'token_malformed');
        }

        # HTTP/2 without TLS
        my $plain = server_port();
        like(`curl -s -i --max-time 9 --http1.1 -d x http://127.0.0.1:$plain/on`,
             qr/^HTTP\/1\.1 403 /, 'curl, plain');
    };


# HTTP/2: several streams of one connection
test 'HTTP/2',
    config => tls_listen($port) . at('= /km', require_tls => 'on'),
    sub {
        my @names = (200, 401, 404, 403, 405, 415);
        my $good = temp_file(request_body(), 'good');
        my $none = temp_file(request_body(ServiceID => 'none'), 'none');
        my @h = map { ('-H', "Authorization: Bearer $_") } mint();
        my @json = ('-H', 'Content-Type: application/json');
        my @common = ('-sk', '--http2', '-o', '/dev/null', '-w',
                      '%{http_version} %{http_code} %{num_connects}\n');
        my $url = "https://127.0.0.1:$port/km";
        my @runs = map { [ @common, @$_, $url ] }
            [ @h, @json, '--data-binary', "\@$good" ],
            [ @json, '--data-binary', "\@$good" ],
            [ @h, @json, '--data-binary', "\@$none" ],
            [ '-H', 'Authorization: Bearer ' . mint(scope => 'x'), @json,
              '--data-binary', "\@$good" ],
            [ @h, @json, '-X', 'PUT', '--data-binary', "\@$good" ],
            [ @h, '--data-binary', "\@$good" ];

        my @all = map { ('--next', @$_) } (@runs) x 5;
        shift @all;
        open my $out, '-|', 'curl', @all or die "curl: $!";
        my @lines = <$out>;
        is(join('', map { /^2 (\d+)/ ? "$1 " : $_ } @lines), "@names " x 5,
           'one after another on one connection');
        is((grep { / 1$/ } @lines), 1, 'it was one connection');

        open $out, '-|', 'curl', '-Z', '--no-progress-meter',
            '--parallel-max', 50, map({ (@$_, '--next') }
            (@runs) x 4), @{ $runs[0] } or die "curl: $!";
        my %count;
        $count{$_}++ for map { /^2 (\d+)/ ? $1 : $_ } <$out>;
        is_deeply(\%count, { 200 => 5, map { $_ => 4 } @names[1 .. 5] },
                  'at the same time');

        # names in lower case
        my %set = (over($port), method => 'PUT');
        my $res = curl(\%set);
        is((grep { $_->[0] eq 'allow' } @{ $res->{headers} }), 1, 'allow');
        $res = curl({ over($port), token => 'x' });
        is((grep { $_->[0] eq 'www-authenticate' && $_->[1] =~
            /^Bearer realm="SEAL KM", error="invalid_token", error_description="/ }
            @{ $res->{headers} }), 1, 'www-authenticate');
        is((grep { lc $_->[0] ne $_->[0] } @{ $res->{headers} }), 0,
           'no name in upper case');
    };


# ------------------------------------------------------------- early data

# what openssl s_client shows of the responses: status, reason
sub answers {
    my ($output) = @_;
    return join ' ', $output =~ /HTTP\/1\.1 (\d+).*?^X-Reason: (\w+)/msg;
}

my $complete = qr/^X-Reason: .*\{.*\}/ms;

sub with_session {
    my ($to, @options) = @_;
    my $session = temp_dir() . '/session';
    my $request = request(location => '/on', body => request_body(), via => 1);

    unlink $session;
    s_client($to, [ @options, '-sess_out', $session, '-ign_eof' ],
             $request =~ s/Host:/Connection: close\r\nHost:/r);
    return -s $session ? $session : undef;
}

# the answers to early data so far; a log is written to at once
sub answered {
    return (grep { /Request refused, early_data/ } error_log()),
           grep { m{ /plain } } access_log();
}

# The port to connect to: nginx answers as many requests while it still waits for
# the end of the handshake.
sub before_handshake {
    my ($n) = @_;
    my $before = () = answered();

    return relay($port, sub { my $now = () = answered(); $now >= $before + $n });
}

test 'early data',
    config => tls_listen($port, 'ssl_early_data on; lingering_close off;
                  ssl_session_cache shared:SSL:1m;')
        . at('= /on', require_tls => 'on')
        . at('= /off')
        . 'location = /plain { add_header X-Reason "plain$ssl_early_data"; return 200 "{}"; }',
    sub {
        my @tls = ('-tls1_3', '-ign_eof');
        my $early = sub {
            my ($n, $text, @more) = @_;
            my $session = with_session($port, '-tls1_3') // '';
            return s_client($n ? before_handshake($n) : $port, [ @tls, '-sess_in',
                $session, '-early_data', temp_file($text, 'early') ], @more);
        };

        for (
            [ 'granted otherwise', [ location => '/on' ] ],
            [ 'TLS not required', [ location => '/off' ] ],
            [ 'another method', [ location => '/on', method => 'PUT' ] ],
            [ 'another type', [ location => '/on', type => 'x' ] ],
            [ 'no token', [ location => '/on', auth => undef ] ],
        ) {
            my ($name, $request) = @$_;
            my $output = $early->(1, request(@$request));

            like($output, qr/Early data was accepted/, "$name: accepted");
            like($output, qr/HTTP\/1\.1 425 Too Early\r/, "$name: the status");
            is(answers($output), '425 early_data', "$name: 425");

            my ($body) = $output =~ /^(\{"SKmsUri.*\})/m;
            is(join(' ', map { "$_->[0]" . ($_->[0] eq 'ErrorCode' ? "=$_->[1]" : '') }
                    members($body // '{}')), 'SKmsUri Date/Time ErrorCode="04"',
               "$name: the members");
            like($output, qr/^Cache-Control: no-store\r/m, "$name: no-store");
            unlike($output, qr/^WWW-Authenticate/m, "$name: no challenge");
        }

        my $request = request(location => '/on', via => 1);
        my $last = request(location => '/on');

        # the connection goes on
        my $output = $early->(1, $request, sub { $_[0] =~ $complete }, $last);
        is(answers($output), '425 early_data 200 ok',
           'the same connection, after the handshake');
        is(answers($early->(2, $request . $last)),
           '425 early_data 425 early_data', 'two in a row');

        # the head is enough; of half a head the rest comes later
        my ($head, $body) = split /(?<=\r\n\r\n)/, $last, 2;
        my $accepted = sub { $_[0] =~ /Early data was accepted/ };
        is(answers($early->(1, $head, $accepted, $body)), '425 early_data',
           'the body comes later');
        is(answers($early->(0, substr($last, 0, 40), $accepted, substr $last, 40)),
           '200 ok', 'half of the head comes later');

        # elsewhere early data is data
        my $plain = request(location => '/plain', method => 'GET', body => '');
        is(answers($early->(1, $plain)), '200 plain1', 'of another location');

        # a resumed session without early data
        my $session = with_session($port, '-tls1_3');
        $output = s_client($port, [ @tls, '-sess_in', $session ], $last);
        like($output, qr/^Reused, TLSv1\.3/m, 'resumed');
        is(answers($output), '200 ok', 'resumed, no early data');

        # the header of a proxy that has taken early data is not ours to judge
        km 'Early-Data: 1, from a client', { over($port), location => '/on',
            headers => [ 'Early-Data' => 1 ] }, @ok;
        km 'TLS 1.3 without early data', { over($port, SSL_version => 'TLSv1_3'),
                                           location => '/on' }, @ok;
    };


test 'early data off',
    config => tls_listen($port, 'ssl_session_cache shared:SSL:1m;')
        . at('= /on', require_tls => 'on'),
    sub {
        my $session = with_session($port, '-tls1_3');
        my $last = request(location => '/on', body => request_body());
        my $output = s_client($port, [ '-tls1_3', '-ign_eof', '-sess_in', $session,
                                       '-early_data', temp_file($last, 'early') ],
                              sub { $_[0] =~ /Early data was (?:rejected|not sent)/ },
                              $last);
        is(answers($output), '200 ok', 'it is not taken, and sent again');

        for my $version (qw(-tls1_2 -tls1_3)) {
            $session = with_session($port, $version);
            ok($session, "$version: a session");
            for my $n (1 .. 3) {
                $output = s_client($port, [ $version, '-ign_eof', '-sess_in',
                                            $session ], $last);
                like($output, qr/^Reused, TLSv1/m, "$version: resumed, $n");
                is(answers($output), '200 ok', "$version: granted, $n");
            }
            $output = s_client($port, [ $version, '-ign_eof', '-sess_in', $session ],
                               request(location => '/on', token => 'x'));
            is(answers($output), '401 token_malformed', "$version: refused");
        }

        # a token that OpenSSL stumbles over leaves nothing for the next TLS call
        my $c = client(port => $port, tls => {});
        for my $token ('x', { -signature => 'x' x 256 }, { -signature => "\0" x 256 },
                       { -signature => "\xff" x 256 }, { -signature => 'x' })
        {
            km 'a bad signature', { via => $c, location => '/on', token => $token },
                ref $token ? 'token_signature' : 'token_malformed';
            km 'granted after it', { via => $c, location => '/on' }, @ok;
        }
    };

run_tests();
