# TLS to Redis: whose certificates are accepted, what is told to the server, and
# each failure with its line in the error log.  Promise 5 of the Redis topologies.

use lib 't/lib';
use SealKM;
use SealKM::Certificates;
use SealKM::TlsFront;


my $RECORD = 'seal:km:v2x.example:service';

my $ca = authority();
my $other = authority('other');
my $slow = $ENV{TEST_NGINX_USE_VALGRIND};
authority('sub', by => 'ca');
authority('subsub', by => 'sub');

# a Redis with that certificate; its record tells which one answers
sub server {
    my ($certificate, %opts) = @_;
    my $redis = start_redis(tls => $certificate, %opts);

    $redis->set($RECORD, $certificate->{cn});
    return $redis;
}

# a location over TLS
sub tls {
    my ($path, $server, %set) = @_;

    return location("= /$path", pass => ref $server ? $server->tls_address
                                                    : $server,
        redis_ssl => 'on', redis_ssl_trusted_certificate => $ca, %set);
}

# another certificate for a server that runs
sub change {
    my ($redis, $certificate) = @_;

    $redis->command(qw(CONFIG SET), 'tls-cert-file', $certificate->{crt},
                    'tls-key-file', $certificate->{key});
}

sub drop { $_[0]->command(qw(CLIENT KILL TYPE normal SKIPME yes)) }


# ------------------------------------------------------------ what is accepted

my $host = certificate_for(cn => 'host', dns => [ 'localhost' ]);
my $ip = certificate_for(cn => 'ip', ip => [ '127.0.0.1', '::1' ]);
my $named = certificate_for(cn => 'named', dns => [ 'a.example', '*.b.example' ]);
my $deep = certificate_for(cn => 'deep', ip => [ '127.0.0.1' ], by => 'sub');
my $deeper = certificate_for(cn => 'deeper', ip => [ '127.0.0.1' ],
                             by => 'subsub');
my $strange = certificate_for(cn => 'strange', by => 'other', days => -1);
my $subject = certificate_for(cn => 'c.example');
my $client = client_certificate();

my %server = map { $_->{cn} => server($_) }
    $host, $ip, $named, $deep, $deeper, $strange, $subject;

my $tls12 = server($ip, args => [ '--tls-protocols', 'TLSv1.2' ]);
my $tls13 = server($ip, args => [ '--tls-protocols', 'TLSv1.3' ]);
my $mutual = server($ip, tls_auth => $ca);
my $locked = server($ip, requirepass => 'sesame');
$locked->command('SELECT', 3);
$locked->set($RECORD, 'three');

my $v6 = eval { listen_at('::1', free_port()) } ? 1 : 0;
my $unix = tls_front($server{ip}->port, $named, host => 'unix');
my $sealed = encrypted($client, 'open says me');

test 'what is accepted',
    http_config => "upstream mixed {
            server localhost:$server{host}{tls_port};
            server @{[ $server{ip}->tls_address ]};
        }
        upstream names { server @{[ $server{named}->tls_address ]}; }",
    config =>
        tls('address', $server{ip})
        . tls('host', "localhost:$server{host}{tls_port}")
        . tls('mixed', 'mixed')
        . tls('named', $server{named}, redis_ssl_name => 'a.example')
        . tls('wildcard', $server{named}, redis_ssl_name => 'x.b.example')
        . tls('upstream', 'names', redis_ssl_name => 'a.example')
        . tls('subject', $server{'c.example'}, redis_ssl_name => 'c.example')
        . tls('ip-name', "localhost:$server{ip}{tls_port}",
              redis_ssl_name => '127.0.0.1')
        . tls('unix', $unix->address, redis_ssl_name => 'a.example')
        . ($v6 ? tls('v6', "[::1]:$server{ip}{tls_port}") : '')
        . tls('deep', $server{deep})
        . tls('deeper', $server{deeper}, redis_ssl_verify_depth => 2)
        . tls('unverified', $server{strange}, redis_ssl_verify => 'off')
        . location('= /untrusted', pass => $server{strange}->tls_address,
                   redis_ssl => 'on', redis_ssl_verify => 'off')
        . tls('two', $tls12) . tls('three', $tls13)
        . tls('mutual', $mutual, redis_ssl_certificate => $client->{crt},
              redis_ssl_certificate_key => $client->{key})
        . tls('sealed', $mutual, redis_ssl_certificate => $sealed->{crt},
              redis_ssl_certificate_key => $sealed->{key},
              redis_ssl_password_file => temp_file("wrong\nopen says me\n"))
        . tls('crl', $server{ip}, redis_ssl_crl => revocation_list($host))
        . tls('locked', $locked, redis_password => 'sesame',
              redis_database => 3)
        . tls('off', $server{ip}->address, redis_ssl => 'off'),
    sub {
        my %want = (host => 'host', mixed => undef, deep => 'deep',
            deeper => 'deeper', locked => 'three', subject => 'c.example',
            (map { $_ => 'named' } qw(named wildcard upstream)),
            (map { $_ => 'strange' } qw(unverified untrusted)));

        for my $path (qw(address host mixed mixed named wildcard upstream subject
                         ip-name unix deep deeper unverified untrusted two three
                         mutual sealed crl locked off), $v6 ? 'v6' : ())
        {
            my $res = eval { post(location => "/$path") };
            my $want = exists $want{$path} ? $want{$path} : 'ip';
            check($path, $res, { location => "/$path" },
                { payload => $want // $res->json->{Payload} });
            $want{mixed} = $res->json->{Payload} eq 'ip' ? 'host' : 'ip'
                if $path eq 'mixed' && !dual_localhost();
        }
    };


# ------------------------------------------------------------- what is refused

# Each case: the server, what its location has, the line in the log, and how it
# is mended, then spoilt again.  What is refused stays so, is logged once in each
# state, and the record is never given away.
my $fault = qr/certificate of Redis server is not accepted: /;
my $not_name = qr/$fault.*name of the server/;
# in OpenSSL's words, which differ among its versions
my $no_path = qr/$fault.*(?:self[- ]signed|issuer|too\ long|
                           first\ certificate|signature)/x;
my $good = certificate_for(cn => 'good', ip => [ '127.0.0.1' ],
                           dns => [ 'localhost' ]);
my $revoked = certificate_for(cn => 'revoked', ip => [ '127.0.0.1' ]);
my $stranger = client_certificate(by => 'other');

# what is wrong with a certificate
my %case = (
    'a CA that is not trusted' => {
        certificate => { by => 'other', ip => [ '127.0.0.1' ] },
        log => $no_path,
    },
    'its own CA' => {
        certificate => { cn => 'ca of a test', by => 'third',
                         ip => [ '127.0.0.1' ] },
        log => $no_path,
    },
    'expired' => {
        certificate => { ip => [ '127.0.0.1' ], days => -1 },
        log => qr/$fault.*expired/,
    },
    'for another name' => {
        certificate => { dns => [ 'other.example' ] },
        # two addresses would be two servers, each with a state of its own
        dual_localhost() ? (location => { redis_ssl_name => 'localhost' })
                         : (host => 'localhost'),
        log => $not_name,
    },
    'for the upstream, not its server' => {
        certificate => { dns => [ 'redis_upstream' ] },
        upstream => 1,
        log => $not_name,
    },
    'for a name that is not seal_km_redis_ssl_name' => {
        certificate => { ip => [ '127.0.0.1' ], dns => [ 'localhost' ] },
        location => { redis_ssl_name => 'a.example' },
        mended => { ip => [ '127.0.0.1' ], dns => [ 'a.example' ] },
        log => $not_name,
    },
    'a wildcard for a name of two labels more' => {
        certificate => { dns => [ '*.example' ] },
        location => { redis_ssl_name => 'a.b.example' },
        mended => { dns => [ '*.b.example' ] },
        log => $not_name,
    },
    'for another address' => {
        certificate => { ip => [ '127.0.0.2' ], dns => [ 'localhost' ] },
        log => $not_name,
    },
    'for an address as a DNS name' => {
        certificate => { dns => [ '127.0.0.1', '*' ] },
        log => $not_name,
    },
    'for an address as its subject' => {
        certificate => { cn => '127.0.0.1' },
        log => $not_name,
    },
    'a chain too long' => {
        certificate => { by => 'subsub', ip => [ '127.0.0.1' ] },
        log => $no_path,
    },
    'a chain, and a depth of 0' => {
        certificate => { by => 'sub', ip => [ '127.0.0.1' ] },
        location => { redis_ssl_verify_depth => 0 },
        log => $no_path,
    },
    'revoked' => {
        certificate => $revoked,
        location => { redis_ssl_crl => revocation_list($revoked) },
        log => qr/$fault.*revoked/,
    },
    'for a client' => {
        certificate => { ip => [ '127.0.0.1' ], purpose => 'client' },
        log => qr/$fault.*purpose/,
    },
);

# "its own CA" has the name of the one that is trusted, with another key
authority('third');

my @cases = map {
    my $case = $case{$_};
    my $bad = $case->{certificate};

    $bad = certificate_for(%$bad) if !$bad->{crt};
    my $mended = $case->{mended} ? certificate_for(%{ $case->{mended} })
                                 : $good;
    my $redis = server($bad);

    +{ %$case, name => "a certificate: $_", bad => $bad, redis => $redis,
       spoil => sub { change($redis, $bad) },
       mend => sub { change($redis, $mended) } };
} sort keys %case;

# what else there is to fail
sub mutual {
    my ($version, %location) = @_;
    my $redis = server($ip, tls_auth => $ca,
                       args => [ '--tls-protocols', $version ]);

    # Redis takes up the session of a client that once was not to have one
    return (redis => $redis,
        location => { %location, redis_ssl_session_reuse => 'off' },
        spoil => sub { $redis->command(qw(CONFIG SET tls-auth-clients yes)) },
        mend => sub { $redis->command(qw(CONFIG SET tls-auth-clients no)) });
}

my $no_tls = start_redis();
my $mute = fake_redis(accept => sub { silence });
my $cut = fake_redis(accept => sub { closing });
my $failed = qr/SSL_\w+\(\) failed \(SSL: .*alert/;
# with TLS 1.3 the alert comes after the handshake, and a write may be too late
# to see it: then the module has to say what it may be
my $hint = qr/seal_km_redis_ssl_certificate"/;

my %other = (
    (map {
        ("no client certificate, $_" => {
            mutual($_),
            log => qr/$failed (?:handshake failure|certificate required)|$hint/,
         },
         "a client certificate of another CA, $_" => {
            mutual($_, redis_ssl_certificate => $stranger->{crt},
                   redis_ssl_certificate_key => $stranger->{key}),
            log => qr/$failed unknown ca|$hint/i,
         });
    } qw(TLSv1.2 TLSv1.3)),
    'TLS to a server without' => {
        redis => $no_tls, pass => $no_tls->address,
        log => qr/SSL_do_handshake\(\) failed|did not agree on TLS/,
        reason => [ 'store_unavailable', 'store_timeout', 'store_error' ],
        location => { redis_connect_timeout => '300ms' },
    },
    'no TLS to a server with it' => {
        redis => server($ip),
        log => qr/closed the connection|sent what is no reply/,
        reason => [ 'store_unavailable', 'store_error' ],
        location => { redis_ssl => 'off' },
        # CLIENT might have been why it was closed: it is tried without
        most => 4,
    },
    'no protocol in common' => {
        redis => server($ip, args => [ '--tls-protocols', 'TLSv1.2' ]),
        log => qr/$failed protocol version/,
        location => { redis_ssl_protocols => 'TLSv1.3' },
    },
    'no protocol in common, the other way' => {
        redis => server($ip, args => [ '--tls-protocols', 'TLSv1.3' ]),
        log => qr/$failed protocol version/,
        location => { redis_ssl_protocols => 'TLSv1.2' },
    },
    'no cipher in common' => {
        redis => server($ip, args => [ '--tls-protocols', 'TLSv1.2' ]),
        log => qr/$failed handshake failure/,
        location => { redis_ssl_ciphers => 'ECDHE-RSA-AES128-GCM-SHA256' },
    },
    'a server that says nothing' => {
        redis => $mute, pass => $mute->address,
        log => qr/did not agree on TLS/,
        reason => [ 'store_unavailable', 'store_timeout' ],
        location => { redis_connect_timeout => '300ms' },
    },
    'a server that closes at once' => {
        redis => $cut, pass => $cut->address,
        log => qr/did not agree on TLS|peer closed connection in SSL handshake/,
    },
);

# how often a server was asked for a record
sub asked {
    my ($redis) = @_;
    return $redis->isa('SealKM::Redis') ? $redis->calls('get')
                                        : $redis->count(qr/ GET /);
}

push @cases, map { { %{ $other{$_} }, name => $_ } } sort keys %other;

# all at once: each is logged for itself
for my $i (0 .. $#cases) {
    my $case = $cases[$i];

    $case->{path} = "/case$i";
    $case->{pass} //= $case->{redis}->tls_address;
    ($case->{address}) = $case->{pass} =~ /(:\d+)/;

    # the lines about it that match
    $case->{logged} = sub {
        my ($pattern) = @_;
        return grep { /Redis server:? "[^"]*$case->{address}"/ && /$pattern/ }
               error_log();
    };
}

my @mended = grep { $_->{mend} } @cases;

test 'what is refused',
    log_level => 'notice',     # for debugging each attempt is logged
    http_config => join('', map {
        "upstream redis_upstream { server $_->{pass}; }\n"
    } grep { $_->{upstream} } @cases),
    config => join('', map {
        my $pass = $_->{upstream} ? 'redis_upstream' : $_->{pass};
        $pass = "$_->{host}$_->{address}" if $_->{host};
        tls(substr($_->{path}, 1), $pass, %{ $_->{location} // {} });
    } @cases),
    may_log => [ qr/could not be written to/ ],
    log => [ qr/SEAL KM Request refused, store_/,
             qr/Redis server "\S+" (?:did not agree|closed the connection)/,
             qr/(?:SSL_write|recv)\(\) failed \(|peer closed connection/,
             map { $_->{log} } @cases ],
    sub {
        my $refused = sub {
            my ($when, $case, $times) = @_;
            km "$case->{name}: $when", { location => $case->{path} },
                { reason => $case->{reason} // 'store_unavailable' }
                for 1 .. $times;
        };
        my %before = map { $_->{name} => asked($_->{redis}) } @cases;
        my $try = sub {
            my (@refused) = @_;
            my $until = time + 2;

            $refused->('a request', $_, 2) for @refused;
            wait_for(sub { time > $until });

            for my $case (@refused) {
                my $name = $case->{name};

                $refused->('and later', $case, 1);
                is(asked($case->{redis}), $before{$name}, "$name: never asked");
                ok($case->{logged}->($case->{log}), "$name: it is told why")
                    or diag($case->{logged}->(qr/./));
                # of nginx a line or two, and one of the module's
                ok($case->{logged}->(qr/\[(?:error|crit)\]/)
                       <= ($case->{most} // 3),
                   "$name: once") or diag($case->{logged}->(qr/./));
                is(scalar $case->{logged}->(qr/\[(?:alert|emerg)\]/), 0,
                   "$name: as an error");
            }

            my @now = grep { $_->{mend} } @refused;
            $_->{mend}->() for @now;
            for my $case (@now) {
                ok(wait_for(sub { $case->{logged}->(qr/ answers again/) }),
                   "$case->{name}: mended, by itself");
                km "$case->{name}: mended", { location => $case->{path} },
                    { payload => ($case->{bad} // $ip)->{cn} };
                $case->{lines} = $case->{logged}->($case->{log});
            }
        };

        # where nobody has asked for a minute nothing is tried by itself, and what
        # fails then is told anew
        my @left = @cases;
        $try->(splice @left, 0, $slow ? 4 : @left) while @left;

        # what was accepted once is not for ever
        for my $case (@mended) {
            $case->{spoil}->();
            drop($case->{redis});
        }
        for my $case (@mended) {
            ok(wait_for(sub {
                post(location => $case->{path});
                return $case->{logged}->($case->{log}) > $case->{lines};
            }), "$case->{name}: told anew");
            $refused->('spoilt again', $case, 1);
        }
    };


my $backup = server($good);

test 'another server of the upstream answers',
    http_config => "upstream pair {
        server @{[ $server{strange}->tls_address ]};
        server @{[ $backup->tls_address ]};
    }",
    config => tls('km', 'pair'),
    log => [ $fault, qr/upstream server temporarily disabled/ ],
    sub {
        km 'one certificate is bad', {}, { payload => 'good' } for 1 .. 20;
    };


# ------------------------------------------------------- what the server is told

my %front = map {
    $_ => tls_front($server{ip}->port, $good, options => { SSL_version => $_ })
} qw(TLSv1_2 TLSv1_3);
my $asks = tls_front($server{ip}->port, $good,
    options => { SSL_verify_mode => 1, SSL_ca_file => $ca });

# the handshakes of a request on a new connection
sub handshake {
    my ($front, $path) = @_;
    my $n = $front->handshakes;

    $front->drop if $n;
    wait_for(sub {
        my $res = post(location => $path);
        my @now = $front->handshakes;
        return @now > $n && $res->status == 200;
    }) or diag('no new handshake');
    return ($front->handshakes)[$n] // {};
}

# each on a front of its own, so that connections are
my %told = (
    sni_host  => [ { host => 'localhost' }, sni => 'localhost' ],
    sni_name  => [ { redis_ssl_name => 'localhost' }, sni => 'localhost' ],
    sni_off   => [ { host => 'localhost', redis_ssl_server_name => 'off' },
                   sni => '-' ],
    sni_named_off => [ { redis_ssl_name => 'localhost',
                         redis_ssl_server_name => 'off' }, sni => '-' ],
    sni_ip    => [ {}, sni => '-' ],
    sni_ip_name => [ { host => 'localhost', redis_ssl_name => '127.0.0.1' },
                     sni => '-' ],
    sni_unverified => [ { host => 'localhost', redis_ssl_verify => 'off' },
                        sni => 'localhost' ],
    newest    => [ {}, version => 'TLSv1_3' ],
    protocols => [ { redis_ssl_protocols => 'TLSv1.2' }, version => 'TLSv1_2' ],
    ciphers   => [ { redis_ssl_protocols => 'TLSv1.2', redis_ssl_ciphers =>
                     'ECDHE-ECDSA-AES128-GCM-SHA256' },
                   cipher => 'ECDHE-ECDSA-AES128-GCM-SHA256' ],
    cn_none   => [ {}, cn => '-' ],
    cn        => [ { redis_ssl_certificate => $client->{crt},
                     redis_ssl_certificate_key => $client->{key} },
                   cn => 'nginx' ],
);
my %told_front = map {
    $_ => tls_front($server{ip}->port, $good,
        /^cn/ ? (options => { SSL_verify_mode => 1, SSL_ca_file => $ca }) : ())
} keys %told;

test 'what the server is told',
    config => join('', map {
        my %set = %{ $told{$_}[0] };
        my $host = delete $set{host} // '127.0.0.1';
        tls($_, "$host:" . $told_front{$_}->port, %set);
    } sort keys %told),
    sub {
        for my $name (sort keys %told) {
            my (undef, $what, $value) = @{ $told{$name} };
            km $name, { location => "/$name" }, { payload => 'ip' };
            is((map { $_->{$what} } $told_front{$name}->handshakes)[0], $value,
               "$name: $what");
        }
    };


test 'sessions are taken up again',
    config => tls('TLSv1_2', $front{TLSv1_2}->address)
        . tls('TLSv1_3', $front{TLSv1_3}->address)
        . tls('asked', $asks->address,
              redis_ssl_certificate => $client->{crt},
              redis_ssl_certificate_key => $client->{key}),
    log => [ qr/closed the connection|requests waiting: 0|./ ],
    sub {
        my %by = (%front, asked => $asks);

        for my $path (sort keys %by) {
            is(join(' ', map { handshake($by{$path}, "/$path")->{reused} } 1 .. 3),
               '0 1 1', "session reuse: $path");
        }
    };

# a session whose certificate was refused is not one to be taken up: the verdict
# would be taken up with it, whatever certificate the server has by then
my $refused = tls_front($server{ip}->port, $named,
                        options => { SSL_version => 'TLSv1_2' });

test 'sessions of a server that is not accepted',
    config => tls('refused', $refused->address),
    log => [ qr/./ ],
    sub {
        ok(wait_for(sub {
            post(location => '/refused');
            my @seen = $refused->handshakes;
            return @seen > 3;
        }), 'it is tried again and again');
        is(scalar(grep { $_->{reused} } $refused->handshakes), 0,
           'each time anew');
    };

# a Unix socket has no name but that of this host
my $here = tls_front($server{ip}->port, $host, host => 'unix');

test 'the name of a Unix socket',
    config => tls('here', $here->address),
    sub {
        km 'localhost', { location => '/here' }, { payload => 'ip' };
    };

my $new = tls_front($server{ip}->port, $good);

test 'sessions are not taken up again',
    config => tls('new', $new->address, redis_ssl_session_reuse => 'off'),
    log => [ qr/./ ],
    sub {
        is(join(' ', map { handshake($new, '/new')->{reused} } 1 .. 3), '0 0 0',
           'session reuse off');
    };


# ------------------------------------------------------------------- nginx -t

sub says {
    my ($name, $config, $pattern) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my ($status, $output) = nginx_t(ref $config ? %$config
                                                : (config => $config));

    ok($pattern ? $status != 0 && $output =~ $pattern && $output =~ /\[emerg\]/
                : $status == 0, $name)
        or diag("status $status\n$output");
}

sub at {
    my (%set) = @_;
    return location('= /km', pass => 'localhost', redis_ssl => 'on',
                    redis_ssl_trusted_certificate => $ca, %set);
}

my @none = (redis_ssl_trusted_certificate => undef);

says 'verify without a trusted certificate', at(@none),
    qr/seal_km_redis_ssl_trusted_certificate.* in CONF:\d+/;
like((nginx_t(config => at(@none)))[1], qr{/km}, '... names the location');
says 'verify on, without a trusted certificate',
    at(@none, redis_ssl_verify => 'on'),
    qr/seal_km_redis_ssl_trusted_certificate/;
says 'verify off, without a trusted certificate',
    at(@none, redis_ssl_verify => 'off');
says 'ssl off, without a trusted certificate', at(@none, redis_ssl => 'off');
says 'nothing but ssl_verify on', location('= /km', pass => 'localhost',
                                           redis_ssl_verify => 'on');
says 'a certificate without key', at(redis_ssl_certificate => $client->{crt}),
    qr/seal_km_redis_ssl_certificate_key/;
says 'a certificate and the key of another',
    at(redis_ssl_certificate => $client->{crt},
       redis_ssl_certificate_key => $ip->{key}), qr/key values mismatch/;
says 'an encrypted key, another password',
    at(redis_ssl_certificate => $sealed->{crt},
       redis_ssl_certificate_key => $sealed->{key},
       redis_ssl_password_file => temp_file("wrong\n")), qr/\Q$sealed->{key}\E/;
says "no such file: $_", at(redis_ssl_certificate => $client->{crt},
                            redis_ssl_certificate_key => $client->{key},
                            "redis_ssl_$_" => 'no-such-file'),
    qr/no-such-file/
    for qw(certificate certificate_key trusted_certificate crl password_file);
says 'a trusted certificate that is none',
    at(redis_ssl_trusted_certificate => temp_file("x\n")), qr/\[emerg\].*file/;

my %bad = (
    ssl                 => [ '', 'yes', '1', 'on off' ],
    ssl_verify          => [ '', 'yes', 'optional' ],
    ssl_verify_depth    => [ '', 'x', '-1', '1 2' ],
    ssl_trusted_certificate => [ '', 'a b' ],
    ssl_crl             => [ '', 'a b' ],
    ssl_name            => [ '', 'a b' ],
    ssl_server_name     => [ '', 'yes', 'a.example' ],
    ssl_certificate     => [ '', 'a b' ],
    ssl_certificate_key => [ '', 'a b' ],
    ssl_password_file   => [ '', 'a b' ],
    ssl_protocols       => [ '', 'TLSv1.4', 'tls', 'TLSv1.2,TLSv1.3' ],
    ssl_ciphers         => [ '', 'NOTHING', 'a b' ],
    ssl_session_reuse   => [ '', 'yes' ],
);

for my $name (sort keys %bad) {
    says "seal_km_redis_$name $_;", at("redis_$name" => $_),
        # nginx names the value, or the directive
        qr/seal_km_redis_$name|"\Q$_\E"/
        for @{ $bad{$name} };
}

my %value = (ssl => 'on', ssl_verify => 'on', ssl_verify_depth => 2,
    ssl_trusted_certificate => $ca, ssl_crl => revocation_list(),
    ssl_name => 'a.example', ssl_server_name => 'on',
    ssl_certificate => $client->{crt}, ssl_certificate_key => $client->{key},
    ssl_password_file => temp_file("a\n"), ssl_protocols => 'TLSv1.3',
    ssl_ciphers => 'HIGH', ssl_session_reuse => 'off');

says "seal_km_redis_$_ twice",
    at("redis_$_" => [ $value{$_}, $value{$_} ]), qr/"seal_km_redis_$_" .*duplicate/
    for sort keys %value;
says "seal_km_redis_$_ in http, server and location", {
    http_config => "seal_km_redis_$_ $value{$_};",
    config => "seal_km_redis_$_ $value{$_};\n" . at(
        %value ? (map { ("redis_$_" => $value{$_}) } keys %value) : ()),
} for sort keys %value;

# inherited, all of it; and taken back
test 'inheritance',
    http_config => directives(
        redis_ssl => 'on', redis_ssl_trusted_certificate => $ca,
        redis_ssl_name => 'a.example',
        redis_ssl_certificate => $client->{crt},
        redis_ssl_certificate_key => $client->{key}),
    config => directives(redis_ssl_name => 'localhost')
        . location('= /km', pass => $server{host}->tls_address)
        . location('= /plain', pass => $no_tls->address, redis_ssl => 'off')
        . location('= /own', pass => $server{named}->tls_address,
                   redis_ssl_name => 'a.example'),
    sub {
        km 'from http and server', {}, { payload => 'host' };
        km 'without', { location => '/plain' }, 'not_found';
        km 'its own name', { location => '/own' }, { payload => 'named' };
    };

run_tests();
