# What one connection does to those that share it: it may be answered with what
# is no answer, be closed because of one record, or not be answered at all.  The
# one that is to blame is told; the others are asked anew and get what is theirs.

use lib 't/lib';
use SealKM;
use SealKM::Load;

use Time::HiRes 'time';

my $token = mint(exp => time + 7200);

sub ask {
    my ($service, $location) = @_;
    return request(location => $location // '/km', token => $token,
                   body => { ServiceID => $service });
}

sub logged { my ($pattern) = @_; return scalar grep { $_ =~ $pattern } error_log() }

# the service that a key is of, to be answered with its own name
sub service { return $_[0] =~ /^seal:km:(.*):service$/ ? $1 : $_[0] }

# what each service got: its own record, or why not; anything else is WRONG
sub outcome {
    my ($services, @responses) = @_;
    return map {
        my ($res, $service) = ($responses[$_], $services->[$_]);
        my $payload = payload($res);
        !defined $payload ? $res->header('X-Reason') :
        $payload eq $service ? 'ok' : "WRONG $payload for $service";
    } 0 .. $#$services;
}

# One client asks for this without pause, and others meanwhile: what these got,
# but for what they asked for.
sub others {
    my ($bad) = @_;
    my @seen;

    for my $round (1 .. 30) {
        my @services = map { "s$_" } 1 .. 9;
        my $client = client()->send(ask($bad));
        my @clients = map { client()->send(ask($_)) } @services;
        push @seen, outcome(\@services, map { $_->response } @clients);
        like($client->response->header('X-Reason'),
             qr/^store_(?:error|unavailable)$/, "$bad, round $round");
    }
    return grep { $_ ne 'ok' } @seen;
}

my @lost = (may_log => [ qr/recv\(\) failed|send\(\) failed/ ]);


# A record for which the server closes the connection, as Redis does where its
# client-output-buffer-limit is less; of what was asked before it nothing comes.
my $closing = fake_redis(get => sub {
    my $service = service($_[0]);
    return $service =~ /^poison/ ? closing :
           $service =~ /^first/ ? (hold($service), bulk($service)) :
           bulk($service);
});

# longer than the kernel would wait for an acknowledgement
my $plain = fake_redis(get => sub { bulk('K') });

test 'times of a month',
    config => location('= /km', pass => $plain->address, redis_timeout => '30d'),
    sub { km 'a record', {}, { payload => 'K' } };

test 'a record that closes the connection',
    config => location('= /km', pass => $closing->address,
                       redis_timeout => seconds(4) . 's'),
    log => [ qr/SEAL KM Request refused, store_unavailable/,
             qr/closed the connection, last sent: GET/ ],
    @lost,
    sub {
        for my $round (1 .. 5) {
            my @services = ("first$round", map { "$_-$round" }
                            qw(a b c poison d e f));
            my @clients = map { client()->send(ask($_)) } @services;
            wait_for(sub { $closing->count(qr/GET .*:f-$round:/) });
            $closing->release("first$round");
            is(join(' ', outcome(\@services, map { $_->response } @clients)),
               'ok ok ok ok store_unavailable ok ok ok',
               "round $round: the others are answered");
        }
        is($closing->count(qr/GET .*:poison-1:/), 2, 'it is asked once more');

        is(join(' ', others('poison')), '', 'without pause: so they are');
    };


# what is too long ends the connection, not those who share it
my $long = fake_redis(get => sub {
    my $service = service($_[0]);
    return $service eq 'long' ? "\$17825792\r\nxxxx" : bulk($service);
});

test 'a record that is too long',
    config => location('= /km', pass => $long->address),
    log => [ qr/SEAL KM Request refused, store_error/,
             qr/sent what is no reply/ ],
    sub {
        is(join(' ', others('long')), '', 'the others are answered');
    };


# the same by Redis itself, which closes a connection rather than send that much
my $limited = start_redis(args => [ '--client-output-buffer-limit', 'normal',
                                    '1mb', 0, 0 ]);
$limited->set("seal:km:s$_:service", "s$_") for 1 .. 9;
$limited->set('seal:km:large:service', 'x' x (2 << 20));

test 'a record beyond client-output-buffer-limit',
    config => location('= /km', pass => $limited->address),
    log => [ qr/SEAL KM Request refused, store_unavailable/ ],
    may_log => [ qr/closed the connection/, @{ $lost[1] } ],
    sub {
        is(join(' ', others('large')), '', 'the others are answered');
    };


# A connection that reads on and answers nothing, while new ones are served: a
# proxy that has lost the server behind it.  The first is deaf from the start.
my $deaf = fake_redis(get => sub {
    my $service = service($_[0]);
    return $service eq 'deaf' ? silence :
           $service eq 'slow' ? (map { ($_, pause(seconds(0.5))) }
                                 split //, bulk($service)) :
           $service eq 'slow text' ? ("\$9\r\ns", map { (pause(seconds(0.5)), $_) }
                                      split //, "low text\r\n") :
           bulk($service);
});

test 'a connection that is not answered any more',
    config => location('= /km', pass => $deaf->address,
                       redis_timeout => seconds(4) . 's'),
    log => [ qr/SEAL KM Request refused, store_timeout/,
             qr/answers nothing, last sent: GET/ ],
    sub {
        is(payload(post(body => { ServiceID => 'warm' })), 'warm', 'at first');

        my $client = client()->send(ask('deaf'));
        wait_for(sub { $deaf->count(qr/GET .*:deaf:/) });
        my $late = time;
        wait_for(sub { time > $late + seconds(2) });
        my @clients = map { client()->send(ask("s$_")) } 1 .. 5;

        is($client->response->header('X-Reason'), 'store_timeout',
           'the one that was not answered');
        is(join(' ', outcome([ map { "s$_" } 1 .. 5 ],
                             map { $_->response } @clients)),
           'ok ok ok ok ok', 'what was sent later is asked anew');
        is($deaf->count(qr/^close/), 1, 'the connection was closed');
        is($deaf->count(qr/^accept/), 2, 'for another one');
        is(logged(qr/answers nothing/), 1, 'which is said');

        # its pieces take longer than anyone waits; none of them is silence
        for my $slow ('slow', 'slow text') {
            is(post(body => { ServiceID => $slow })->header('X-Reason'),
               'store_timeout', "an answer that is too slow: $slow");
            is(payload(post(body => { ServiceID => "next $slow" })), "next $slow",
               'and the one behind it');
        }
        is($deaf->count(qr/^accept/), 2, 'on the same connection');
    };


# Who waits for it times out when it has been silent for so long: both at once.
# New as the connection is, there is no other one for a while.
my $mute = fake_redis(get => sub { return silence });

# the services that were asked for first over each connection that is closed
sub first_of_closed {
    my ($fake) = @_;
    my (%first, @first);

    for ($fake->log) {
        $first{$1} //= $2 if /^command (\d+) GET .*:(mute\d+):/;
        push @first, $first{$1} if /^close (\d+)/ && $first{$1};
    }
    return @first;
}

test 'the one that a silent connection is given up for',
    config => location('= /km', pass => $mute->address, redis_timeout => '100ms'),
    log => [ qr/SEAL KM Request refused, store_/,
             qr/answers nothing, last sent: GET/ ],
    sub {
        my (%reason, @first);

        # those that come while there is no connection are not sent, and those
        # that come before the silence is noticed are not the ones
        ok(wait_for(sub {
            my $service = 'mute' . keys %reason;
            $reason{$service} = post(body => { ServiceID => $service })
                ->header('X-Reason');
            @first = first_of_closed($mute);
            return @first >= 10;
        }), 'ten connections are given up');
        is(join(' ', map { $reason{$_} } @first),
           join(' ', ('store_timeout') x @first), 'for silence, as is told');
    };


# A reply of the wrong kind: what was swallowed before it would go on to shift
# all answers to come.
my $named = 0;
my %odd = (
    'a string to CLIENT SETNAME' => fake_redis(
        command => { CLIENT => sub { bulk('wrong') } }),
    'a number to CLIENT SETNAME' => fake_redis(
        command => { CLIENT => sub { ":1\r\n" } }),
    'an array to CLIENT SETNAME' => fake_redis(
        command => { CLIENT => sub { "*0\r\n" } }),
    'nil to AUTH' => fake_redis(command => { AUTH => sub { bulk(undef) } }),
    'a string to SELECT' => fake_redis(
        command => { SELECT => sub { bulk('OK') } }),
);
my @odd = sort keys %odd;

test 'a greeting that is answered with something else',
    config => join('', map {
        location("= /$_", pass => $odd{ $odd[$_] }->address,
            redis_password => $odd[$_] =~ /AUTH/ ? 'x' : undef,
            redis_database => $odd[$_] =~ /SELECT/ ? 1 : undef)
    } 0 .. $#odd),
    log => [ qr/SEAL KM Request refused, store_unavailable/,
             qr/sent what is no reply/ ],
    sub {
        for my $i (0 .. $#odd) {
            km "$odd[$i]", { location => "/$i" }, 'store_unavailable' for 1, 2;
            is($odd{ $odd[$i] }->count(qr/ GET /), 0, "$odd[$i]: never asked");
        }
    };


# ASKING and the GET behind it are answered one by one; whatever else comes in
# place of the first is not to be taken for the second.
sub all_slots {
    my ($port) = @_;
    my $node = "*3\r\n" . bulk('127.0.0.1') . ":$port\r\n" . bulk('i' x 40);
    return "*1\r\n*3\r\n:0\r\n:16383\r\n$node";
}

my %asking = (
    'a string to ASKING' => [ sub { bulk('wrong') }, sub { () } ],
    'nil to ASKING' => [ sub { bulk(undef) }, sub { () } ],
    'a number to ASKING' => [ sub { ":1\r\n" }, sub { bulk('wrong') } ],
    'a record after an ASKING that is refused' =>
        [ sub { "-ERR no\r\n" }, sub { bulk('wrong') } ],
);
my @asking = sort keys %asking;
my @importing = map {
    fake_redis(get => $asking{$_}[1], command => { ASKING => $asking{$_}[0] })
} @asking;
my @migrating = map {
    my ($to, $port) = ($_->port, free_port());
    fake_redis(port => $port, get => sub { "-ASK 1 127.0.0.1:$to\r\n" },
               command => { CLUSTER => sub { all_slots($port) } });
} @importing;

test 'an ASKING that is answered with something else',
    config => join('', map {
        location("= /$_", pass => $migrating[$_]->address, redis_mode => 'cluster',
                 redis_timeout => seconds(4) . 's')
    } 0 .. $#asking),
    log => [ qr/SEAL KM Request refused, store_/, qr/sent what is no reply/ ],
    sub {
        for my $i (0 .. $#asking) {
            km $asking[$i], { location => "/$i" }, 'store_error';
            ok(wait_for(sub { $importing[$i]->count(qr/^close/) }),
               "$asking[$i]: the connection is closed");
        }
    };


# all that is sent is RESP: what is inline is refused by many a proxy
test 'nothing is inline',
    config => location('= /km', pass => $deaf->address),
    sub {
        km 'a record', {}, { payload => 'v2x.example' };
        is(scalar(grep { $_->count(qr/ ASKING/) } @importing), scalar @importing,
           'ASKING was sent, too');
        for my $fake ($closing, $long, $deaf, values %odd, @importing) {
            is($fake->count(qr/^inline/), 0, 'nothing was inline');
        }
    };


Test::Nginx::Util::add_block_preprocessor(sub {
    Test::Nginx::Util::worker_connections($_[0]->worker_connections || 1024);
});

# connections that nobody has a use for are not made
my $many = fake_redis(get => sub {
    my $service = service($_[0]);
    return $service =~ /^held/ ? (hold('many'), bulk($service)) : bulk($service);
});

test 'many connections that may be made',
    worker_connections => 64,
    config => location('= /km', pass => $many->address, redis_timeout => '100s',
                       redis_connections => 1024)
        . 'location = /other { return 204; }',
    sub {
        km "request $_", { body => { ServiceID => 'one' } }, { payload => 'one' }
            for 1 .. 5;
        cmp_ok($many->count(qr/^accept/), '<=', 2, 'they take one, and one ahead');

        my @services = map { "held$_" } 1 .. 30;
        my @clients = map {
            my $client = client()->send(ask($_));
            wait_for(sub { $many->count(qr/GET .*:$_:/) });
            $client;
        } @services;
        my $made = $many->count(qr/^accept/);
        cmp_ok($made, '>', 2, 'more where they are busy');

        # of three quarters of all, about as many as there are clients
        cmp_ok($made, '<=', 64 * 3 / 4 / 2 + 2, 'and some are left free');
        is(client()->send("GET /other HTTP/1.1\r\nHost: x\r\n\r\n")
           ->response->status, 204, 'there is room for other clients');

        $many->release('many');
        is(join(' ', grep { $_ ne 'ok' } outcome(\@services,
                map { $_->response } @clients)), '', 'all are answered');
    };


# the kernel asks whether an idle connection is still there, before those who
# forward it forget it
test 'TCP keepalive',
    config => location('= /km', pass => $many->address),
    sub {
        km 'a record', { body => { ServiceID => 'x' } }, { payload => 'x' };

        # the remaining time of the timer of kind 2, in hundredths of a second
        my $port = sprintf '%04X', $many->port;
        my $left = sub {
            open my $tcp, '<', '/proc/net/tcp' or die "/proc/net/tcp: $!";
            my ($left) = map { / 0100007F:$port 01 \S+ 02:(\w+) / ? hex $1 : () }
                         <$tcp>;
            return $left;
        };
        my $time;
        ok(wait_for(sub { defined($time = $left->()) }), 'it is on');
        cmp_ok($time, '<=', 60 * 100, 'within a minute');
    };

run_tests();
