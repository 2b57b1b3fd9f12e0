# Redis is down, stops, dies, comes back: what waits is told in time, and what
# comes later is served again, without anybody's help.

use lib 't/lib';
use SealKM;
use SealKM::Load;

use IO::Socket::INET;
use IO::Socket::UNIX;
use Time::HiRes qw(sleep time);

my $RECORD = 'seal:km:v2x.example:service';
my $token = mint(exp => time + 7200);

sub ask {
    my ($service) = @_;
    return request(location => '/km', token => $token,
                   body => { ServiceID => $service });
}

sub logged { my ($pattern) = @_; return scalar grep { $_ =~ $pattern } error_log() }

# the request is answered so, and does not wait for half a minute, which is what
# would be wrong
sub within {
    my ($name, @km) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $start = time;

    km $name, @km;
    cmp_ok(time - $start, '<', 20, "$name: in time");
}

# sooner or later requests are answered so
sub becomes {
    my ($name, $reason, %set) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $seen;

    ok(wait_for(sub { ($seen = post(%set)->header('X-Reason')) eq $reason }),
       $name) or diag("still $seen");
}


my $late = free_port();
my $redis = start_redis();

test 'down at start',
    config => location('= /km', pass => "127.0.0.1:$late", redis_timeout => '30s'),
    log => [ qr/SEAL KM Request refused, store_unavailable/,
             qr/"127.0.0.1:$late" could not be connected to/ ],
    sub {
        within("down: request $_", {}, 'store_unavailable') for 1 .. 5;

        my @res = load(20, [ map { ask('v2x.example') } 1 .. 100 ]);
        is(scalar(grep { $_->header('X-Reason') eq 'store_unavailable' } @res),
           100, 'down: 100 more');

        my $up = start_redis(port => $late);
        $up->set($RECORD, 'K');
        becomes('up', 'ok');
        within('up: a record', {}, { payload => 'K' });
        is(logged(qr/could not be connected to|connect\(\) failed/), 1,
           'said once');
        is(logged(qr/"127.0.0.1:$late" answers again/), 1, 'and its end');
    };


test 'stopped, killed, started again',
    config => location('= /km', redis_timeout => '1500ms')
        . location('= /patient', redis_timeout => '30s', pass => $redis->unix),
    log => [ qr/SEAL KM Request refused, store_/, qr/Redis server|redis/ ],
    sub {
        $redis->set($RECORD, 'K');
        $redis->set("seal:km:s$_:service", "K$_") for 1 .. 30;
        km 'at first', {}, { payload => 'K' };
        for my $round (1, 2) {
            $redis->stop;
            within('stopped', {}, 'store_timeout');
            my @res = load(20, [ map { ask("s$_") } 1 .. 20 ]);
            is(scalar(grep { $_->header('X-Reason')
                             =~ /^store_(?:timeout|unavailable)$/ } @res),
               20, 'stopped: all are told');

            $redis->cont;
            becomes('continued', 'ok');
            km "continued: a record of its own $_",
                { body => { ServiceID => "s$_" } }, { payload => "K$_" }
                for 21 .. 23;
        }
        is(logged(qr/ answers nothing, last sent: GET/), 2,
           'the connection is given up each time, which is said');

        # killed while requests wait, which would wait for half a minute
        km 'patient', { location => '/patient' }, { payload => 'K' };
        $redis->stop;
        my @clients = map { client()->send(request(location => '/patient')) }
                      1 .. 5;
        my $start = time;
        taken();
        $redis->kill;
        for (@clients) {
            check('killed: waiting', $_->response, {}, 'store_unavailable');
        }
        cmp_ok(time - $start, '<', 20, 'killed: at once');
        within('killed: new', { location => '/patient' },
               'store_unavailable');
        within('killed: new', {}, 'store_unavailable') for 1 .. 3;

        for (1 .. 2) {
            $redis->restart;
            $redis->set($RECORD, 'K2');
            becomes("started again: $_", 'ok', location => $_)
                for qw(/km /patient);
            km 'a new record', {}, { payload => 'K2' };
            $redis->kill;
            within('killed, idle', {}, 'store_unavailable');
        }

        $redis->restart;
        $redis->set($RECORD, 'K3');
        becomes('started at last', 'ok');
    };


my $once = fake_redis(get => sub { return bulk("$_[0] $_[1]"), closing });

# stopped: its kernel takes connections, and nobody answers anything
my $stop_file = temp_dir() . '/stopped';
my $stopped = fake_redis(get => sub { -e $stop_file ? silence : bulk('K') },
                         command => { CLIENT => sub { -e $stop_file ? silence
                                                                     : "+OK\r\n" } });

test 'what one that is stopped costs',
    config => location('= /km', pass => $stopped->address, redis_timeout => '1s'),
    log => [ qr/SEAL KM Request refused, store_timeout/ ],
    may_log => [ qr/SEAL KM Request refused, store_unavailable/,
                 qr/Redis server "/ ],
    sub {
        km 'at first', {}, { payload => 'K' };
        my $before = $stopped->count(qr/^accept/);
        temp_file('', 'stopped');
        my $begin = time;

        # someone asks at any time
        while (time - $begin < 4) {
            my @clients = map { client()->send(ask('v2x.example')) } 1 .. 5;
            $_->response for @clients;
        }
        my $reconnects = $stopped->count(qr/^accept/) - $before;
        cmp_ok($reconnects, '>=', 1, 'it is tried again');
        cmp_ok($reconnects, '<=', time - $begin + 1, 'once a second at most');
        unlink $stop_file;
        becomes('and is back', 'ok');
    };


test 'closed while idle',
    config => location('= /km', redis_connections => 2)
        . location('= /once', pass => $once->address),
    # where the next command is faster than the news
    may_log => [ qr/closed the connection/, qr/recv\(\) failed/ ],
    sub {
        for my $i (1 .. 20) {
            $redis->set($RECORD, "K$i");
            km "closed, $i", {}, { payload => "K$i" };
            $redis->command(qw(CLIENT KILL TYPE normal));
        }
        for my $i (1 .. 20) {
            km "the server closes after each reply, $i", { location => '/once' },
                { payload => "$RECORD $i" };
        }
        # but where one was hit that had not yet answered at all
        cmp_ok(logged(qr/answers again/), '<=', 5, 'which is not worth a word');
    };


# A socket that nobody accepts from, so full that nothing more is connected: the
# connections that fill it are returned.
sub fill {
    my ($make) = @_;
    my @filling;

    for (1 .. 20) {
        my $socket = $make->() or last;
        push @filling, $socket;
        last if !IO::Select->new($socket)->can_write(0.3);
    }
    return @filling;
}

my ($full, @more_full) = map {
    listen_at('127.0.0.1', free_port(), Listen => 1)
} 1 .. 6;
my $path = temp_dir() . '/full';
my $full_unix = IO::Socket::UNIX->new(Local => $path, Listen => 1) or die $@;

my @filling = (
    (map {
        my $port = $_->sockport;
        fill(sub { IO::Socket::INET->new(PeerAddr => '127.0.0.1', Blocking => 0,
                                         PeerPort => $port) })
    } $full, @more_full),
    fill(sub { IO::Socket::UNIX->new(Peer => $path, Blocking => 0) }),
);
my $address = '127.0.0.1:' . $full->sockport;

test 'cannot be connected to',
    config => location('= /full', pass => $address, redis_timeout => '30s',
                       redis_connect_timeout => '400ms')
        . location('= /slow', pass => $address, redis_timeout => '300ms',
                   redis_connect_timeout => '30s')
        . location('= /unix', pass => "unix:$path", redis_timeout => '30s')
        . location('= /closed', pass => '127.0.0.1:' . free_port(),
                   redis_timeout => '30s')
        . location('= /no-socket', pass => 'unix:' . temp_dir() . '/nothing',
                   redis_timeout => '30s'),
    log => [ qr/SEAL KM Request refused, store_/,
             qr/"$address" could not be connected to.*requests waiting: 1/,
             qr/could not be connected to|connect\(\)( to unix:\S+)? failed/ ],
    sub {
        within('seal_km_redis_connect_timeout', { location => '/full' },
               'store_unavailable') for 1 .. 3;
        within('seal_km_redis_timeout comes first', { location => '/slow' },
               'store_timeout') for 1 .. 2;
        within($_, { location => "/$_" }, 'store_unavailable')
            for (qw(unix closed no-socket)) x 2;
        is(logged(qr/"$address" could not be connected to/), 1, 'said once');
    };

test 'none of several can be connected to',
    http_config => 'upstream full { ' . join('', map {
        'server 127.0.0.1:' . $_->sockport . ' max_fails=0; ' } @more_full) . '}',
    config => location('= /km', pass => 'full', redis_timeout => '6s',
                       redis_connect_timeout => '5s'),
    log => [ qr/SEAL KM Request refused, store_timeout/,
             qr/could not be connected to/ ],
    sub {
        # each of the five takes five seconds to fail
        within('not the time of all of them', {}, 'store_timeout');
    };

my $other = fake_redis(get => sub { bulk('other') });
my @pairs = map { '127.0.0.1:' . $_->sockport } @more_full[0, 1];

# The times of the connection and of those who wait for it are over at once then,
# and so may be half of theirs: what is judged first must not be chance.
test 'cannot be connected to, and the worker has been busy',
    http_config => join('', map {
        "upstream pair$_ { server $pairs[$_]; server " . $other->address . '; }' } 0, 1),
    config => join('', map { location("= /pair$_", pass => "pair$_",
        redis_timeout => '2s', redis_connect_timeout => '2s',
        more => q(add_header X-Upstream $upstream_addr always;)) } 0, 1),
    log => [ map { qr/"$_" could not be connected to/ } @pairs ],
    may_log => [ qr/upstream server temporarily disabled/ ],
    sub {
        my ($pid) = worker_pids();

        for my $pair (0, 1) {
            my @clients = map {
                sleep 0.01;
                client()->send(request(location => "/pair$pair"));
            } 1 .. 6;

            sleep((1.7, 0.6)[$pair]);
            kill STOP => $pid;
            sleep((0.5, 1.6)[$pair]);
            kill CONT => $pid;

            my @res = map { $_->response } @clients;
            is(join(' ', map { payload($_) // $_->header('X-Reason') } @res),
               'other other other other other other', 'each is served');
            like(join('; ', map { $_->header('X-Upstream') } @res),
                 qr/\Q$pairs[$pair], /, 'although some had asked another server');
        }
    };
@filling = ();


# servers that take a connection, or even credentials, and close at once; one of
# them is a proxy that does so at a command that it does not know
my %shut = (
    shut  => fake_redis(accept => sub { closing }),
    late  => fake_redis(command => { CLIENT => sub { closing } }),
    storm => fake_redis(command => { AUTH => sub { closing("+OK\r\n") } }),
);

test 'closed before it is ready',
    log_level => 'info',    # where all is logged, so is each attempt
    config => join('', map { location("= /$_", pass => $shut{$_}->address,
        redis_password => $_ eq 'storm' ? 'x' : undef)
        } sort keys %shut),
    log => [ qr/SEAL KM Request refused, store_/, qr/closed the connection/ ],
    may_log => [ qr/recv\(\) failed/ ],
    sub {
        for my $name (sort keys %shut) {
            my $address = $shut{$name}->address;
            my @res = load(1, [ (request(location => "/$name")) x 10 ]);
            my $reason = $name eq 'late' ? 'ok' : 'store_unavailable';
            is(scalar(grep { $_->header('X-Reason') eq $reason } @res), 10,
               "$name: $reason");

            my $n = $shut{$name}->count(qr/^accept/);
            cmp_ok($n, '<=', 40, "$name: connected $n times, not for ever");

            wait_for(sub { $shut{$name}->count(qr/^accept/) > $n + 4 }, 2);
            my @lines = grep { /\[error\].*"\Q$address\E"/ && !/SEAL KM/ }
                        error_log();
            cmp_ok(scalar(@lines), '<=', 4, "$name: nor is the log filled")
                or diag(grep { defined } @lines[0 .. 9]);
            is(scalar(grep { /closed the connection, last sent: CLIENT,/ }
                      @lines), 1, "$name: and says what was sent last")
                if $name eq 'late';
        }
    };


# A sentinel that takes a connection, and all that it is greeted with, but
# refuses the subscription.
sub refusing {
    my $data = fake_redis(command => { ROLE => sub {
        "*3\r\n" . bulk('master') . ":5\r\n*0\r\n" } });
    my @at = ('127.0.0.1', $data->port);
    my @field = (name => 'keys', ip => $at[0], port => $at[1],
                 flags => 'master', 'config-epoch' => 1);

    return fake_redis(command => {
        SENTINEL => sub {
            my @words = uc $_[0] eq 'MASTER' ? @field : @at;
            return '*' . @words . "\r\n" . join '', map { bulk($_) } @words;
        },
        SUBSCRIBE => sub { "-NOPERM no permissions to access a channel\r\n" },
    });
}

my $refusing = refusing();

test 'a subscription that is refused',
    log_level => 'info',
    config => location('= /km', redis_mode => 'sentinel keys',
                       pass => $refusing->address),
    log => [ qr/refused the subscription: check/ ],
    sub {
        km 'the sentinel is asked all the same', {},
            { payload => "record of $RECORD" };
        ok(wait_for(sub { $refusing->count(qr/ SUBSCRIBE /) > 3 }),
           'it is tried again');
        is($refusing->count(qr/^inline/), 0, 'not as an inline command');
        my $n = $refusing->count(qr/ SUBSCRIBE /);
        sleep 3;
        my $more = $refusing->count(qr/ SUBSCRIBE /) - $n;
        cmp_ok($more, '<', 20, "less and less often: $more in 3 seconds");
        is(logged(qr/refused the subscription/), 1, 'said once');
        is(logged(qr/answers again/), 0, 'and it did not get any better');
    };

run_tests();
