# Reload and exit of nginx: no request fails, old workers finish what waits and
# go, and nothing is left of their connections to Redis.

use lib 't/lib';
use SealKM;
use SealKM::HTTP2;
use SealKM::Load;

use IO::Socket::INET;
use Time::HiRes 'sleep';

my $few = $ENV{TEST_NGINX_USE_VALGRIND};
my $token = mint(exp => time + 7200);

my $fake = fake_redis(
    get => sub {
        my ($name) = $_[0] =~ /^seal:km:(.*):service$/;
        return $name =~ /^(held\w*)/ ? (hold($1), bulk("record of $name"))
                                     : bulk("record of $name");
    },
    command => { AUTH => sub { silence } },
);
my $redis = start_redis(requirepass => 'one');
$redis->set('seal:km:x:service', 'record of x');
$redis->command('SELECT', 3);
$redis->set('seal:km:x:service', 'record of x in 3');
$redis->command('SELECT', 0);

my @real = (pass => $redis->address, redis_password => 'one',
            redis_timeout => seconds(3) . 's');
my @at = (pass => $fake->address, redis_timeout => '100s', window => '1h');

sub ask {
    my ($service, %set) = @_;
    return request(location => '/km', token => $token,
                   body => { ServiceID => $service }, %set);
}

# clients that wait for these records
sub wait_all {
    my (@services) = @_;
    my @clients = map { client()->send(ask($_, location => '/held')) } @services;

    for my $service (@services) {
        wait_for(sub { $fake->count(qr/GET seal:km:$service:/) })
            or die "$service is not asked\n";
    }
    return @clients;
}

# the payloads; nginx would linger where a client does not close
sub served {
    return join ', ', map { my $payload = payload($_->response);
                            $_->close;
                            $payload // '-' } @_;
}

# the number of names in the list, once it is that, or what it stays
sub becomes {
    my ($n, $count) = @_;
    my $seen;
    wait_for(sub { ($seen = $count->()) == $n });
    return $seen;
}

sub fds { my @fds = glob "/proc/$_[0]/fd/*"; return scalar @fds }

# changes the configuration
sub rewrite {
    my ($from, $to) = @_;
    my $path = $Test::Nginx::Util::ConfFile;

    open my $in, '<', $path or die $!;
    my $text = join '', <$in>;
    $text =~ s/\Q$from\E/$to/ or die "no $from in the configuration\n";
    open my $out, '>', $path or die $!;
    print $out $text;
    close $out or die $!;
    return;
}

Test::Nginx::Util::add_block_preprocessor(sub {
    Test::Nginx::Util::workers($_[0]->workers || 1);
});

my @nginx = (master => 1, log_level => 'info');


test 'reload under traffic',
    @nginx, workers => 2,
    config => location('= /km', @real, window => '1h', redis_connections => 2),
    sub {
        my $requests = $few ? 60 : 1500;
        my %old;
        my @res = load(20, [ (ask('x')) x $requests ], sub {
            my ($sent) = @_;
            if ($sent && $sent % ($requests / 6) == 0) {
                $old{$_} = 1 for worker_pids();
                kill 'HUP', master_pid();
            }
        });
        is(scalar(grep { (payload($_) // '') eq 'record of x' } @res),
           $requests, 'no request failed');

        my @last = reload();
        ok(gone(keys %old, @last), 'old workers are gone');
        is(scalar(worker_pids()), 2, 'two workers');
        is(becomes(0, sub { scalar $redis->clients }), 0, 'none is connected');
        served(client()->send(ask('x')));
        is(becomes(1, sub { scalar $redis->clients }), 1, 'but for a new one');
    };


test 'what waits',
    @nginx,
    config => location('= /km', @at)
        . location('= /held', @at, redis_connections => 2)
        . location('= /hasty', @at, redis_timeout => '200ms')
        . location('= /auth', @at, redis_password => 'x',
                   redis_timeout => seconds(2) . 's'),
    log => [ qr/SEAL KM Request refused, store_timeout/ ],
    may_log => [ qr/did not answer the greeting|answers nothing/,
                 qr/SEAL KM Request refused, store_unavailable/ ],
    sub {
        # idle
        is(served(client()->send(ask('x'))), 'record of x', 'idle');
        ok(gone(reload()), 'idle: the old worker is gone');
        ok(becomes(1, sub { $fake->count(qr/^close/) }), 'idle: closed');

        # waiting, some of them no longer
        my @clients = wait_all(map { "held1-$_" } 1 .. 6);
        $_->close for splice @clients, 3;
        my @old = reload();
        is(served(client()->send(ask('new'))), 'record of new',
           'others wait: a new worker serves');
        is(scalar(worker_pids()), 2, 'others wait: the old one stays');
        $fake->release('held1');
        is(served(@clients), join(', ', map { "record of held1-$_" } 1 .. 3),
           'they are answered');
        ok(gone(@old), 'and the old worker is gone');

        # all that waited have given up
        @clients = wait_all(map { "held2-$_" } 1 .. 4);
        @old = reload();
        $_->close for @clients;
        ok(gone(@old), 'nobody waits any more: the old worker is gone');

        # late replies are due
        my $res = client()->send(ask('held3', location => '/hasty'))->response;
        is($res->header('X-Reason'), 'store_timeout', 'timed out');
        ok(gone(reload()), 'timed out: the old worker is gone');

        # AUTH is never answered
        my $client = client()->send(ask('x', location => '/auth'));
        wait_for(sub { $fake->count(qr/ AUTH /) });
        @old = reload();
        like($client->response->header('X-Reason'),
             qr/^store_(timeout|unavailable)$/, 'not ready: told');
        $client->close;
        ok(gone(@old), 'not ready: the old worker is gone');
        $client = client()->send(ask('x', location => '/auth'));
        wait_for(sub { $fake->count(qr/ AUTH /) > 1 });
        $client->close;
        ok(gone(reload()), 'not ready, nobody waits: the old worker is gone');

        # a request that reaches its location in a worker that is to exit
        my $request = ask('late');
        $client = client()->send(substr $request, 0, -5);
        taken();
        @old = reload();
        sleep 0.1;
        $client->send(substr $request, -5);
        is(served($client), 'record of late', 'a request that ends late');
        ok(gone(@old), 'after it the old worker is gone');
    };


# a worker that is to exit connects again where a request of its needs it
my $again = free_port();

test 'Redis fails, and is back, while a worker exits',
    @nginx,
    config => location('= /km', pass => "127.0.0.1:$again"),
    log => [ qr/SEAL KM Request refused, store_unavailable/,
             qr/could not be connected to/ ],
    sub {
        my $request = ask('late');
        my @clients = map { client()->send(substr $request, 0, -5) } 1, 2;
        ok(wait_for(sub { grep { sockets($_) > 2 } worker_pids() }), 'two wait');
        my @old = reload();

        $clients[0]->send(substr $request, -5);
        is($clients[0]->response->header('X-Reason'), 'store_unavailable',
           'Redis is down');
        my $up = fake_redis(port => $again);

        # nobody opens it but the next request: when the back-off is over
        my $pause = time + 1.1;
        wait_for(sub { time > $pause });
        $clients[1]->send(substr $request, -5);
        like($clients[1]->response->body, qr/record of/, 'and is back');
        ok(gone(@old), 'after it the old worker is gone');
    };


# Sockets whose queue is full: the kernel lets nobody else in, nor turns it away.
# Each is a port, and who waits at it since then.
sub full_socket {
    my $socket = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1)
        or die "listen: $!";
    my $full = { socket => $socket, port => $socket->sockport, others => {} };

    $full->{queue} = [ map { IO::Socket::INET->new(PeerAddr => '127.0.0.1',
        PeerPort => $full->{port}, Blocking => 0) } 1 .. 8 ];
    $full->{others} = { map { $_ => 1 } connecting($full) };
    return $full;
}

# from where, in the kernel's table of connections that are not there yet
sub connecting {
    my ($full) = @_;
    my $to = sprintf '0100007F:%04X 02', $full->{port};

    open my $file, '<', '/proc/net/tcp' or die $!;
    return grep { !$full->{others}{$_} }
           map { /^ *\d+: (\S+) \Q$to\E / } <$file>;
}

# what is being opened, and nobody has a use for any more
sub slow {
    my ($what, %set) = @_;
    my $full = full_socket();
    my $silent = fake_redis(command => { AUTH => sub { silence } });

    my $config = location('= /km', @at, %set, redis_timeout => '1h',
        redis_connect_timeout => '1h',
        $what eq 'connect' ? (pass => "127.0.0.1:$full->{port}")
                           : (pass => $silent->address, redis_password => 'x'));
    my $begun = sub {
        return $what eq 'connect' ? connecting($full)
                                  : $silent->count(qr/ AUTH /);
    };
    return ($config, $begun);
}

for my $what (qw(connect greet)) {
    my ($config, $begun) = slow($what);

    test "$what: slow, for a request of a worker that exits",
        @nginx,
        config => $config,
        sub {
            my $request = ask('late');
            my $client = client()->send(substr $request, 0, -5);
            taken();
            my @old = reload();
            $client->send(substr $request, -5);
            ok(wait_for($begun), 'it has begun');
            $client->close;
            ok(gone(@old), 'it does not keep the worker');
        };

    # which a worker asks as soon as it starts
    my ($config_of, $asked) = slow($what, redis_mode => 'cluster');

    test "$what: slow, for a question about the topology",
        @nginx,
        config => $config_of,
        sub {
            ok(wait_for($asked), 'it has begun');
            ok(gone(reload()), 'it does not keep the worker');
        };
}


# Redis is down: neither its connect nor the next attempt keep a worker
my $down = '127.0.0.1:' . free_port();

test 'Redis is down, or stopped',
    @nginx,
    config => location('= /km', pass => $down) . location('= /real', @real,
        redis_timeout => '2s'),
    may_log => [ qr/answers nothing|did not answer the greeting/ ],
    log => [ qr/SEAL KM Request refused, store_(timeout|unavailable)/,
             qr/"$down" could not be connected to/ ],
    sub {
        for (1 .. 3) {
            km 'down', {}, 'store_unavailable' for 1 .. 3;
            ok(gone(reload()), 'down: the old worker is gone');
        }
        km 'up', { location => '/real', body => { ServiceID => 'x' } },
            { payload => 'record of x' };
        $redis->stop;
        km 'stopped', { location => '/real' }, 'store_timeout';
        km 'given up', { location => '/real' },
            { reason => [qw(store_timeout store_unavailable)] };
        ok(gone(reload()), 'stopped: the old worker is gone');
        $redis->cont;
        is(becomes(0, sub { scalar $redis->clients }), 0, 'and no client left');
    };


test 'settings that change',
    @nginx,
    config => location('= /km', @real) . location('= /other', @at),
    log => [ qr/refused the credentials/, qr/unknown directive "seal_km_oops"/,
             qr/SEAL KM Request refused, store_unavailable/ ],
    sub {
        my @x = ({ body => { ServiceID => 'x' } }, { payload => 'record of x' });
        km 'at first', @x;

        rewrite('seal_km_redis_password one;',
                'seal_km_redis_password one; seal_km_redis_database 3;');
        ok(gone(reload()), 'reload');
        km 'another database', $x[0], { payload => 'record of x in 3' };

        $redis->command(qw(CONFIG SET requirepass two));
        km 'a new password at the server: who is connected, stays', $x[0],
            { payload => 'record of x in 3' };
        gone(reload());
        km 'who connects, is refused', $x[0], 'store_unavailable';
        rewrite('seal_km_redis_password one;', 'seal_km_redis_password two;');
        gone(reload());
        km 'a new password', $x[0], { payload => 'record of x in 3' };

        rewrite('seal_km_redis_database 3;', 'seal_km_redis_database 0;');
        rewrite('seal_km_redis_password two;',
                'seal_km_redis_password two; seal_km_oops on;');
        my @workers = worker_pids();
        kill 'HUP', master_pid();
        ok(wait_for(sub { grep { /seal_km_oops/ } error_log() }), 'an error');
        km 'an error: the old settings stay', $x[0],
            { payload => 'record of x in 3' };
        is_deeply([ worker_pids() ], \@workers, 'an error: so do the workers');

        rewrite(' seal_km_oops on;', '');
        gone(reload());
        km 'no error', @x;
        is(becomes(1, sub { scalar $redis->clients }), 1, 'one client');
        $redis->command(qw(CONFIG SET requirepass one));
    };


test '100 reloads',
    @nginx, workers => 2,
    config => location('= /km', @real, redis_connections => 2)
        . location('= /fake', @at),
    sub {
        my $serve = sub {
            my @clients = map { client()->send(ask('x', location => $_)) }
                          qw(/km /fake /km);
            return served(@clients);
        };

        my $wrong = 0;
        my (%old, @memory);
        my $reloads = $few ? 4 : 100;

        # the channels to both are open
        wait_for(sub { (() = worker_pids()) == 2 });
        my $files = fds(master_pid());

        for my $i (0 .. $reloads) {
            $old{$_} = 1 for $i ? reload() : ();
            $wrong++ if $serve->() ne join ', ', ('record of x') x 3;
            push @memory, rss(master_pid());
        }
        is($wrong, 0, 'all are served');
        ok(gone(keys %old), 'all old workers are gone');
        is(becomes($files, sub { fds(master_pid()) }), $files,
           'no file is left in the master');
        cmp_ok($memory[-1], '<', $memory[@memory / 2] * 1.1 + 500,
               "nor memory: $memory[1], $memory[@memory / 2], $memory[-1] kB");

        my @workers = worker_pids();
        is(scalar(@workers), 2, 'two workers');
        cmp_ok(sockets($_), '<', 20, 'no socket is left in a worker')
            for @workers;
        cmp_ok(scalar($redis->clients), '<=', 4, 'nor a client of Redis');
        my $open = sub { $fake->count(qr/^accept/) - $fake->count(qr/^close/) };
        ok(wait_for(sub { $open->() <= 1 }), 'nor one of another');
    };

sub rss {
    my ($pid) = @_;
    open my $file, '<', "/proc/$pid/status" or die $!;
    return join('', <$file>) =~ /^VmRSS:\s+(\d+) kB/m && $1;
}


test 'a worker is killed',
    @nginx,
    config => location('= /km', @real, redis_connections => 3),
    log => [ qr/exited on signal 9/ ],
    sub {
        for my $round (1, 2) {
            is(served(client()->send(ask('x'))), 'record of x', 'served');
            my @old = worker_pids();
            kill 'KILL', @old;
            ok(gone(@old), 'killed');
            ok(wait_for(sub { my @pids = worker_pids();
                              @pids && $pids[0] != $old[0] }), 'another one');
        }
        is(served(client()->send(ask('x'))), 'record of x', 'serves');
        is(becomes(1, sub { scalar $redis->clients }), 1, 'with its own');
    };


test 'worker_shutdown_timeout',
    @nginx,
    main_config => "worker_shutdown_timeout 500ms;\n",
    config => location('= /km', @at)
        . location('= /held', @at, redis_connections => 2),
    may_log => [ qr/SEAL KM Request refused, store_unavailable/,
                 qr/Redis server ".*" closed/ ],
    sub {
        for my $round (1, 2) {
            my @clients = wait_all(map { "heldshut$round-$_" } 1 .. 5);
            $clients[0]->close;
            my @old = reload();
            is(served(client()->send(ask('new'))), 'record of new', 'new');
            ok(gone(@old), 'the old worker is gone, although 4 waited');
            for (@clients[1 .. 4]) {
                my $res = $_->response;
                ok(!$res || $res->status == 500, 'they are not served');
            }
        }
    };


# How nginx ends: the signal, whether anybody waits.  Of what is not gone in a
# second its master makes short work, and says so; on a machine that has other work
# to do that is no fault.  So workers are told by themselves first: nobody hurries
# these, and each has to go by itself.
for my $signal (qw(QUIT TERM INT)) {
    for my $waits (0, 1) {
        test "SIG$signal" . ($waits ? ', requests wait' : ', idle'),
            @nginx, workers => 2,
            config => location('= /km', @at)
                . location('= /held', @at, redis_connections => 2)
                . location('= /real', @real),
            may_log => $signal eq 'QUIT' ? [] : [ qr/exited on signal 9/ ],
            sub {
                my $round = 0;
                my $begin = sub {
                    my $name = "held$signal" . ++$round;
                    served(client()->send(ask('x', location => $_)))
                        for qw(/km /real);
                    return ($name, $waits ? wait_all(map { "$name-$_" } 1 .. 5)
                                          : ());
                };

                if ($signal ne 'QUIT') {
                    my ($name, @clients) = $begin->();
                    my @workers = worker_pids();
                    kill $signal, @workers;
                    ok(gone(@workers), 'workers are gone');
                    is(scalar(grep { $_->response } @clients), 0,
                       'nobody is served by them');
                    is(scalar(grep { /exited on signal/ } error_log()), 0,
                       'by themselves');
                    ok(wait_for(sub { worker_pids() == 2 }), 'there are others');
                }

                my ($name, @clients) = $begin->();
                my @pids = (master_pid(), worker_pids());

                kill $signal, $pids[0];
                if ($waits && $signal eq 'QUIT') {
                    sleep 0.2;
                    $fake->release($name);
                    is(served(@clients), join(', ', map { "record of $name-$_" }
                                                    1 .. 5), 'they are served');
                }
                ok(gone(@pids), 'all processes are gone');
                is(scalar(grep { $signal ne 'QUIT' && $_->response } @clients),
                   0, 'nobody else is served');
                is(becomes(0, sub { scalar $redis->clients }), 0,
                   'nor is anybody connected');
            };
    }
}

run_tests();
