# Sender-constrained tokens (RFC 8705, RFC 7800): a token that names a
# certificate is worth nothing without it.

use lib 't/lib';
use SealKM;
use SealKM::ClientCert;
use SealKM::TLS;
use SealKM::Watch;

my $redis = start_redis();
$redis->set('seal:km:v2x.example:service', 'K');

my @ok = ({ payload => 'K' });

my $ca = client_cert('ca', ca => 1);
my $device = client_cert('device', by => $ca);
my $other = client_cert('device', by => $ca);      # all but the key the same
my $self = client_cert('self-signed');
my $print = $device->{thumbprint};

sub bound { return { 'x5t#S256' => $_[0]{thumbprint} } }

my ($no_ca, $on, $optional, $off) = map { free_port() } 1 .. 4;

# km() over TLS to $port, with a certificate or without
sub over {
    my ($port, $cert, $name, $set, $want) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    km $name, { %$set, client => { port => $port, tls => tls_with($cert) } },
        $want;
}

my $claims = "add_header X-Sub \$seal_km_claim_sub always;\n";
my $locations = watched('= /km', require_tls => 'on', more => $claims)
    . watched('= /required', require_tls => 'on', require_binding => 'on')
    . watched('= /plain', require_tls => 'off')
    . watched('= /plain-required', require_tls => 'off', require_binding => 'on')
    . "location /in/ {\n seal_km_require_binding on;\n"
    . location('/in/herited') . location('/in/off', require_binding => 'off')
    . "}\n";

sub tls_server {
    my ($port, $more) = @_;
    return "server {\n" . tls_listen($port, $more) . $locations . "}\n";
}

my $servers = tls_server($on, "ssl_verify_client on;
                               ssl_client_certificate $ca->{crt};")
    . tls_server($optional, "ssl_verify_client optional;
                             ssl_client_certificate $ca->{crt};")
    . tls_server($off);


test 'mutual TLS',
    http_config => $servers,
    config => tls_listen($no_ca, 'ssl_verify_client optional_no_ca;') . $locations,
    sub {
        for ([ $no_ca, 'optional_no_ca' ], [ $on, 'on' ],
             [ $optional, 'optional' ])
        {
            my ($port, $verify) = @$_;

            over $port, $device, "$verify: the certificate",
                { token => { cnf => bound($device) } }, @ok;
            over $port, $other, "$verify: another one",
                { token => { cnf => bound($device) } }, 'token_binding';
            over $port, $device, "$verify: a token for another one",
                { token => { cnf => bound($other) } }, 'token_binding';
            over $port, $device, "$verify: a token for its issuer",
                { token => { cnf => bound($ca) } }, 'token_binding';
            over $port, $device, "$verify: a token without cnf", {}, @ok;
        }

        for ([ $no_ca, 'optional_no_ca' ], [ $optional, 'optional' ],
             [ $off, 'off' ])
        {
            my ($port, $verify) = @$_;

            over $port, undef, "$verify: no certificate",
                { token => { cnf => bound($device) } }, 'token_binding';
            over $port, undef, "$verify: no certificate, no cnf", {}, @ok;
        }

        over $off, $device, 'off: a certificate that nginx does not ask for',
            { token => { cnf => bound($device) } }, 'token_binding';

        # RFC 8705's self-signed method: no CA knows it
        over $no_ca, $self, 'self-signed: the certificate',
            { token => { cnf => bound($self) } }, @ok;
        over $no_ca, $self, 'self-signed: a token for another one',
            { token => { cnf => bound($device) } }, 'token_binding';
        over $no_ca, undef, 'self-signed: no certificate',
            { token => { cnf => bound($self) } }, 'token_binding';

        km 'plain HTTP', { location => '/plain',
                           token => { cnf => bound($device) } },
            'token_binding';
        km 'plain HTTP, no cnf', { location => '/plain' }, @ok;

        my ($pem) = `openssl x509 -in $device->{crt}` =~ /(MII.*?)-----END/s;
        $pem =~ s/\n//g;
        over $no_ca, undef, 'a certificate in headers is none',
            { token => { cnf => bound($device) }, headers => [
                map { $_ => $pem } qw(X-SSL-Client-Cert Client-Cert
                                      X-Client-Cert SSL-Client-Cert) ] },
            'token_binding';

        # what it says, and what it does not tell
        my $res = post(token => { cnf => bound($device) },
                       client => { port => $no_ca, tls => {} });
        is($res->header('X-Sub') // '', '', 'no claims of a refused token');
        like($res->header('WWW-Authenticate') // '', qr/error="invalid_token"/,
             'the challenge');

        my $set = { location => '/km', token => { cnf => bound($device) },
                    client => { port => $no_ca } };
        check 'HTTP/2', curl($set, '--cert', $device->{crt}, '--key',
                             $device->{key}), $set, @ok;
        check 'HTTP/2, another', curl($set, '--cert', $other->{crt}, '--key',
                                      $other->{key}), $set, 'token_binding';
        check 'HTTP/2, none', curl($set), $set, 'token_binding';

        # two requests of a connection, two tokens
        my $client = client(port => $no_ca, tls => tls_with($device));
        for (1 .. 2) {
            km 'a connection: its token',
                { via => $client, token => { cnf => bound($device) } }, @ok;
            km 'a connection: the token of another',
                { via => $client, token => { cnf => bound($other) } },
                'token_binding';
        }
    };


test 'a resumed TLS session',
    config => tls_listen($no_ca, 'ssl_verify_client optional_no_ca;
                                  ssl_session_cache shared:tls:1m;')
        . $locations,
    sub {
        my $session = temp_dir() . '/session';
        my $ask = sub {
            my ($token, @options) = @_;
            return s_client($no_ca, [ '-tls1_2', '-quiet', @options ],
                request(location => '/km', token => { cnf => $token }),
                sub { $_[0] =~ /"Date\/Time"/ });
        };
        my $first = $ask->(bound($device), '-cert', $device->{crt}, '-key',
                           $device->{key}, '-sess_out', $session);

        like($first, qr/^X-Reason: ok\r/m, 'the first');
        ok(-s $session, 'a session');
        like($ask->(bound($device), '-sess_in', $session),
             qr/^X-Reason: ok\r/m, 'the certificate of the session');
        like($ask->(bound($other), '-sess_in', $session),
             qr/^X-Reason: token_binding\r/m, 'the token of another');
    };


# what is no cnf at all, and what is one that is not understood
my @malformed = (qw(1 0 "x" "" null true false [] [{}] 1.5),
    to_json($print), '[' . to_json($print) . ']',
    (map { qq({"x5t#S256":$_}) }
        qw(1 0 null true false [] {} 1e5), "[\"$print\"]",
        "{\"x5t#S256\":\"$print\"}"),
    qq({"x5t#S256":"$print","x5t#S256":"$print"}),
    qq({"x5t#S256":"$print","x5t#S25\\u0036":"$print"}),
    qq({"x5t#S256":"$print","x":1,"x":1}));

my @not_understood = (qw({"jkt":"x"} {"kid":"x"} {"jku":"https://a.example/"}),
    '{"jwk":' . to_json(jwk('ec256')) . '}', '{"jwe":"x"}',
    qq({"x5t#s256":"$print"}), qq({"X5T#S256":"$print"}),
    qq({"x5t":"$print"}), qq({"x5t#S256 ":"$print"}), qq({" x5t#S256":"$print"}),
    qq({"x5t#S512":"$print"}), '{"":""}', '{"jkt":null}',
    (map { qq({"x5t#S256":"$print",$_}) } '"jkt":"x"', '"kid":"x"', '"":1',
        '"x5t":"x"', qq("x5t#s256":"$print"), '"jwk":{}', '"x":null'),
    qq({"jkt":"x","x5t#S256":"$print"}));

sub almost {
    my ($print) = @_;
    my $cert = $device->{der};
    my $last = substr $print, -1;

    # 43 characters for 32 bytes: the last one has two bits that say nothing
    my @letters = ('A' .. 'Z', 'a' .. 'z', 0 .. 9, '-', '_');
    my ($at) = grep { $letters[$_] eq $last } 0 .. 63;

    require Digest::SHA;
    return (
        'empty'                => '',
        'a letter less'        => substr($print, 0, -1),
        'a letter more'        => "${print}A",
        'padding'              => "$print=",
        'white space before'   => " $print",
        'white space behind'   => "$print ",
        'a line end'           => "$print\n",
        'a NUL'                => "$print\0",
        'a NUL and more'       => "$print\0x",
        'a NUL instead'        => "\0" . substr($print, 1),
        'twice'                => $print x 2,
        'lower case'           => lc $print,
        'upper case'           => uc $print,
        'the last bits'        => substr($print, 0, -1) . $letters[$at ^ 1],
        'the first letter'     => ($print =~ /^A/ ? 'B' : 'A')
                                  . substr($print, 1),
        'in hex'               => Digest::SHA::sha256_hex($cert),
        'in upper case hex'    => uc Digest::SHA::sha256_hex($cert),
        'with colons'          => join(':', uc(Digest::SHA::sha256_hex($cert))
                                            =~ /../g),
        'SHA-1'                => b64u(Digest::SHA::sha1($cert)),
        'SHA-384'              => b64u(Digest::SHA::sha384($cert)),
        'of the PEM text'      => b64u(Digest::SHA::sha256(
                                       `cat $device->{crt}`)),
        'of nothing'           => b64u(Digest::SHA::sha256('')),
        'zeros'                => b64u("\0" x 32),
        'a star'               => '*',
        'long'                 => 'A' x 3000,
        'beyond ASCII'         => "\x{e9}" x 43,
    );
}

test 'fuzzed cnf values',
    config => tls_listen($no_ca, 'ssl_verify_client optional_no_ca;') . $locations,
    sub {
        my $client = client(port => $no_ca, tls => tls_with($device));
        my $none = client(port => $no_ca, tls => {});

        for (@malformed) {
            km "malformed: $_", { via => $client, token => { cnf => \"$_" } },
                'token_malformed';
            km "malformed, no certificate: $_",
                { via => $none, token => { cnf => \"$_" } }, 'token_malformed';
        }

        for (@not_understood) {
            km "not understood: $_",
                { via => $client, token => { cnf => \"$_" } }, 'token_binding';
            km "not understood, no certificate: $_",
                { via => $none, token => { cnf => \"$_" } }, 'token_binding';
        }

        my %almost = almost($print);
        for my $name (sort keys %almost) {
            km "thumbprint: $name",
                { via => $client,
                  token => { cnf => { 'x5t#S256' => $almost{$name} } } },
                { reason => [qw(token_binding token_malformed)] };
        }

        # says nothing, which is no way of binding that is understood
        km 'an empty object', { via => $client, token => { cnf => {} } },
            'token_binding';
        km 'an empty object where a binding is required',
            { via => $client, location => '/required', token => { cnf => {} } },
            'token_binding';

        # any change of a text that is right is wrong
        my $seed = $ENV{SEAL_KM_TEST_SEED} // 20434;
        srand $seed;
        my $right = qq({"x5t#S256":"$print"});
        my (@bad, %seen);

        for (1 .. 250) {
            my $text = $right;
            for (0 .. rand 2) {
                my $at = rand length $text;
                my $new = ('', map { chr rand 256 } 1 .. 3)[rand 4];
                $new = substr $text, rand length $text, 1 if rand() < 0.5;
                substr($text, $at, rand(3), $new);
            }
            my $json = eval { canonical($text) } // '';
            next if $json eq $right;

            my $token = mint(cnf => \$text);
            for my $via ($client, $none) {
                my $res = post(via => $via, token => $token);
                my $reason = $res->header('X-Reason') // '-';
                $seen{$reason}++;
                next if $reason eq 'token_malformed' && $res->status == 401;
                next if $reason eq 'token_binding' && $res->status == 401;
                push @bad, "$text: " . $res->status . " $reason\n";
            }
        }

        is(join('', @bad), '', "changed at random, seed $seed");
        note(join ', ', map { "$_ $seen{$_}" } sort keys %seen);
        km 'the right one, still', { via => $client,
                                     token => { cnf => \$right } }, @ok;
    };


test 'seal_km_require_binding',
    http_config => $servers,
    config => tls_listen($no_ca, 'ssl_verify_client optional_no_ca;') . $locations,
    sub {
        my $at = { location => '/required' };

        over $no_ca, $device, 'a bound token and its certificate',
            { %$at, token => { cnf => bound($device) } }, @ok;
        over $no_ca, $other, 'a bound token and another certificate',
            { %$at, token => { cnf => bound($device) } }, 'token_binding';
        over $no_ca, undef, 'a bound token alone',
            { %$at, token => { cnf => bound($device) } }, 'token_binding';
        over $no_ca, $device, 'a certificate alone', $at, 'token_binding';
        over $on, $device, 'a certificate alone, verified', $at, 'token_binding';
        over $no_ca, undef, 'neither', $at, 'token_binding';
        over $no_ca, $device, 'a cnf of another kind',
            { %$at, token => { cnf => { jkt => 'x' } } }, 'token_binding';
        km 'neither, plain HTTP', { location => '/plain-required' },
            'token_binding';
        km 'a bound token, plain HTTP',
            { location => '/plain-required',
              token => { cnf => bound($device) } }, 'token_binding';
        km 'inherited', { location => '/in/herited' }, 'token_binding';
        km 'inherited, off', { location => '/in/off' }, @ok;
    };


test 'the place of token_binding among the checks',
    config => tls_listen($no_ca, 'ssl_verify_client optional_no_ca;') . $locations,
    sub {
        my @wrong = (cnf => bound($other));
        my $with = sub {
            my ($name, $token, $want, %set) = @_;
            local $Test::Builder::Level = $Test::Builder::Level + 1;
            over $no_ca, $device, $name, { token => { @$token }, %set }, $want;
        };

        $with->('after the signature', [ @wrong, -signature => 'x' x 256 ],
                'token_signature');
        $with->('after the key', [ @wrong, -kid => 'x' ], 'token_key');
        $with->('after exp', [ @wrong, exp => time - 9 ], 'token_expired');
        $with->('after nbf', [ @wrong, nbf => time + 600 ],
                'token_not_yet_valid');
        $with->('after iss', [ @wrong, iss => 'x' ], 'token_issuer');
        $with->('after aud', [ @wrong, aud => 'x' ], 'token_audience');
        $with->('before scope', [ @wrong, scope => 'x' ], 'token_binding');
        $with->('before the body', \@wrong, { reason => 'token_binding',
                echo => { ServiceID => 'v2x.example' } },
                body => { Version => \'1' });
        $with->('before the version', \@wrong, 'token_binding',
                body => { Version => '9.9.9' });
        $with->('before SKmsUri', \@wrong, 'token_binding',
                body => { SKmsUri => 'https://x.example/' });
        $with->('before Date/Time', \@wrong, 'token_binding',
                body => { 'Date/Time' => time - 3600 });
        $with->('before the identity', \@wrong, 'token_binding',
                body => { UserID => 'bob' });
        $with->('before the record', \@wrong, 'token_binding',
                body => { ServiceID => 'none' });

        # a cnf that is none is found with the other claims
        $with->('malformed before exp', [ cnf => 1, exp => time - 9 ],
                'token_malformed');
        $with->('malformed before aud', [ cnf => { 'x5t#S256' => 1 }, aud => 'x' ],
                'token_malformed');
        $with->('malformed after the signature',
                [ cnf => 1, -signature => 'x' x 256 ], 'token_signature');
    };


test 'a token that is in the cache is bound all the same',
    http_config => "seal_km_zone name=binding 1m;\n",
    config => "seal_km_zone binding;\n"
        . tls_listen($no_ca, 'ssl_verify_client optional_no_ca;') . $locations,
    sub {
        my $token = mint(cnf => bound($device));
        my $via = sub {
            my ($cert, @location) = @_;
            return { token => $token, @location,
                     client => { port => $no_ca, tls => tls_with($cert) } };
        };
        my $alice = { payload => 'K' };

        cached 'MISS', 'the first request', $via->($device), $alice;
        cached 'HIT', 'the second', $via->($device), $alice;
        cached 'HIT', 'another certificate', $via->($other), 'token_binding';
        cached 'HIT', 'no certificate', $via->(undef), 'token_binding';
        cached 'HIT', 'the right one again', $via->($device), $alice;
        km 'plain HTTP', { location => '/plain', token => $token },
            'token_binding';

        # the same settings, so that the verdict may be shared: but not this one
        my $free = mint();
        for (1 .. 2) {
            km 'without binding', { location => '/plain', token => $free },
                $alice;
            km 'where it is required', { location => '/plain-required',
                                         token => $free }, 'token_binding';
        }

        # one that was never right is verified when it becomes so
        $token = mint(cnf => bound($other));
        km 'first the wrong certificate', $via->($device), 'token_binding';
        km 'still wrong', $via->($device), 'token_binding';
        km 'then the right one', $via->($other), $alice;

        # what is not understood is not forgotten
        $token = mint(cnf => { jkt => 'x' });
        km 'not understood', $via->($device), 'token_binding' for 1 .. 3;
        $token = mint(cnf => 1);
        cached 'MISS', 'malformed', $via->($device), 'token_malformed'
            for 1 .. 2;
    };


sub at { return location('= /km', @_) }

for ('', 'yes', '1', 'on off') {
    my ($status, $output) = nginx_t(config => at(require_binding => $_));
    isnt($status, 0, "seal_km_require_binding $_;");
    like($output, qr/\[emerg\].*seal_km_require_binding|\[emerg\].*CONF:\d+/,
         'told');
}

my ($status, $output) = nginx_t(config => at(require_binding => [ 'on', 'on' ]));
like($output, qr/duplicate/, 'seal_km_require_binding twice');
($status, $output) = nginx_t(
    http_config => "seal_km_require_binding on;\n",
    config => "seal_km_require_binding off;\n" . at(require_binding => 'on'));
is($status, 0, 'seal_km_require_binding in http, server and location')
    or diag($output);

run_tests();
