# Servers that do not serve any more, as others know already: a node that left its
# cluster, a master of old, one of several addresses.  Who asks is sent on within
# its time, in a worker that is exiting too.  All servers are fakes.

use lib 't/lib';
use SealKM;
use SealKM::Dns;
use SealKM::Load;

use Time::HiRes qw(sleep time);

sub array { return '*' . @_ . "\r\n" . join '', @_ }
sub words { return array(map { bulk($_) } @_) }

my $files = 0;

# something that is switched once, as the fakes see
sub switch {
    my $path = temp_dir() . '/switch' . ++$files;
    return (sub { -e $path }, sub { open my $file, '>', $path or die $! });
}

sub map_of {
    my ($port) = @_;
    return array(array(":0\r\n", ":16383\r\n",
                       array(bulk('127.0.0.1'), ":$port\r\n", bulk('i' x 40))));
}

sub upstream {
    my ($name, @servers) = @_;
    return "upstream $name {\n"
        . join('', map { '    server ' . $_->address . ";\n" } @servers) . "}\n";
}

sub told { return $_[0]->json->{Payload} // $_[0]->header('X-Reason') }

# so many requests at once; how often each payload, or reason, was the answer
sub at_once_to {
    my ($location, $n) = @_;
    my %seen;
    my @clients = map {
        my $client = client();
        $client->send(request(location => $location, via => $client));
        $client;
    } 1 .. $n;
    $seen{ told($_->response) }++ for @clients;
    return join ' ', map { "$_ $seen{$_}" } sort keys %seen;
}

my @log = (qr/Redis server|connect\(\) failed|refused, store_/);

sub master {
    my ($value, %opts) = @_;
    my $role = delete $opts{role} // sub { 1 };
    return fake_redis(get => sub { bulk($value) }, command => {
        ROLE => sub {
            return $role->() ? array(bulk('master'), ":5\r\n", "*0\r\n")
                : array(bulk('slave'), bulk('127.0.0.1'), ":1\r\n",
                        bulk('connected'), ":5\r\n");
        } }, %opts);
}

# names the second one once it is switched
sub sentinel {
    my ($switched, $first, $second, %command) = @_;
    return fake_redis(command => {
        SENTINEL => sub {
            my ($what) = @_;
            my $port = $switched->() ? $second : $first;
            my $epoch = $switched->() ? 2 : 1;
            return uc $what eq 'MASTER'
                ? words(name => 'keys', ip => '127.0.0.1', port => $port,
                        flags => 'master', 'config-epoch' => $epoch)
                : words('127.0.0.1', $port);
        },
        SUBSCRIBE => sub { map { array(bulk('subscribe'), bulk($_), ":1\r\n") }
                           @_ },
        %command,
    });
}


# ------------------------------------------------- a node that left its cluster

# each with a node that knows it, too
sub left {
    my (%old) = @_;
    my ($switched, $do) = switch();
    my @port = map { free_port() } 1, 2;

    # whoever has left knows nothing of it
    my $old = fake_redis(port => $port[0], get => sub { bulk('old') },
        command => { CLUSTER => sub { map_of($port[0]) } }, %old);
    my $new = fake_redis(port => $port[1], get => sub { bulk('new') },
        command => { CLUSTER => sub { map_of($switched->() ? $port[1]
                                                           : $port[0]) } });
    return { old => $old, new => $new, switch => $do };
}

my $dead = left();
my ($hangs, $hang) = switch();
my $hung = left(get => sub { $hangs->() ? silence : bulk('old') });

test 'a node that left its cluster',
    http_config => upstream(dead => $dead->{old}, $dead->{new})
        . upstream(hung => $hung->{old}, $hung->{new}),
    config => location('= /dead', redis_mode => 'cluster', pass => 'dead',
                       redis_timeout => '5s')
        . location('= /hung', redis_mode => 'cluster', pass => 'hung',
                   redis_timeout => '12s'),
    may_log => \@log,
    sub {
        for my $name (qw(dead hung)) {
            is(told(post(location => "/$name")), 'old', "$name: before");
        }

        $_->{switch}->() for $dead, $hung;
        $dead->{old}->kill;
        $hang->();

        for my $name (qw(dead hung)) {
            my $begin = time;
            is(at_once_to("/$name", 6), 'new 6', "$name: none is refused");
            is(told(post(location => "/$name")), 'new', "$name: after");
            note(time - $begin);
        }
    };


# ----------------------------------------------------- a master that sentinels left

my %master = map { $_ => master($_) } qw(first second last);
my ($failed, $fail) = switch();
my $quiet = sentinel($failed, $master{first}->port, $master{second}->port);

test 'a master that fails, when sentinels name another one',
    config => location('= /km', redis_mode => 'sentinel keys',
                       redis_timeout => '5s', pass => $quiet->address),
    may_log => \@log,
    sub {
        is(told(post()), 'first', 'before');
        $fail->();
        $master{first}->kill;
        is(at_once_to('/km', 6), 'second 6', 'none is refused');
    };


# A proxy between: connections of old are read on, and nothing comes over them ever
# after; new ones are served.
my %behind = map { $_ => master($_) } qw(early late);
my ($deaf, $be_deaf) = switch();
my $deaf_ones = 0;
my $proxied = fake_redis(
    accept => sub { $deaf_ones = $_[0] if !$deaf->(); return () },
    command => {
        SENTINEL => sub {
            my ($what) = @_;
            return silence if $deaf->()
                              && $SealKM::FakeRedis::connection <= $deaf_ones;
            my $port = $behind{ $deaf->() ? 'late' : 'early' }->port;
            return uc $what eq 'MASTER'
                ? words(name => 'keys', ip => '127.0.0.1', port => $port,
                        flags => 'master', 'config-epoch' => $deaf->() ? 2 : 1)
                : words('127.0.0.1', $port);
        },
        SUBSCRIBE => sub {
            return silence if $deaf->()
                              && $SealKM::FakeRedis::connection <= $deaf_ones;
            return map { array(bulk('subscribe'), bulk($_), ":1\r\n") } @_;
        },
    });

test 'sentinels that are not heard of any more',
    config => location('= /km', redis_mode => 'sentinel keys',
                       redis_timeout => seconds(1) . 's',
                       pass => $proxied->address),
    log => [ qr/answers nothing, last sent: S(?:ENTINEL|UBSCRIBE)/ ],
    may_log => [ @log, qr/no Redis sentinel of 1 has told/ ],
    sub {
        is(told(post()), 'early', 'before');

        # for questions, and what was subscribed to
        ok(wait_for(sub { $proxied->count(qr/ SUBSCRIBE /) }), 'subscribed');
        my $old = $proxied->count(qr/^accept/);
        cmp_ok($old, '>=', 2, 'over connections of their own');
        $be_deaf->();

        ok(wait_for(sub { told(post()) eq 'late' }), 'they are asked anew');
        ok(wait_for(sub {
            grep { /^command (\d+) SUBSCRIBE / && $1 > $old } $proxied->log;
        }), 'and subscribed to anew');
        is((grep { my $n = $_; !$proxied->count(qr/^close $n$/) } 1 .. $old)[0],
           undef, 'no connection of old is kept');
    };


my ($demoted, $demote) = switch();
my $by_hand = master('by hand', role => sub { !$demoted->() });
my $watching = sentinel(sub { 0 }, $by_hand->port, 0);

test 'a master that is made a replica by hand',
    config => location('= /km', redis_mode => 'sentinel keys',
                       pass => $watching->address),
    log => [ qr/is not in the role that a sentinel says any more/,
             qr/refused, store_unavailable/ ],
    may_log => \@log,
    sub {
        is(told(post()), 'by hand', 'before');
        $demote->();
        ok(wait_for(sub { post()->status != 200 }, 5), 'is not read for long');
        my $gets = $by_hand->count(qr/ GET /);
        km 'nor later', {}, 'store_unavailable';
        is($by_hand->count(qr/ GET /), $gets, 'not even asked');
    };


# ----------------------------------------------------------- one of several addresses

my $port = free_port();
my ($silent, $be_silent) = switch();
my %address = map {
    my $host = $_;
    $host => fake_redis(host => $host, port => $port, get => sub {
        $host eq '127.0.0.3' && $silent->() ? silence : bulk($host)
    });
} '127.0.0.1', '127.0.0.2', '127.0.0.3';
my $dns = fake_dns(localhost => [ 60, '127.0.0.2', '127.0.0.3' ]);

test 'a name with two addresses, of which one hangs',
    config => $dns->directive
        . location('= /km', pass => "localhost:$port", redis_timeout => '1s'),
    log => [ qr/refused, store_timeout/ ],
    may_log => \@log,
    sub {
        my %seen;
        ok(wait_for(sub {
            $seen{ told(post()) }++;
            return $seen{'127.0.0.2'} && $seen{'127.0.0.3'};
        }), 'both are used');

        $be_silent->();
        %seen = ();

        # while it is left out, however slow all this is
        my ($begin, $n) = (time, 0);
        while ($n < 20 && time - $begin < 5) {
            $seen{ told(post()) }++;
            $n++;
        }
        is($seen{store_timeout} // 0, 1, 'one request waits for it in vain');
        is($seen{'127.0.0.2'}, $n - 1, 'the others are answered');

        # one that is back would never be found out else
        my $asked = $address{'127.0.0.3'}->count(qr/ GET /);
        ok(wait_for(sub {
            sleep 0.1;
            post();
            return $address{'127.0.0.3'}->count(qr/ GET /) > $asked;
        }), 'it is tried again');
        cmp_ok(time - $begin, '>', 9, 'some seconds later');
        is(told(post()), '127.0.0.2', 'by one request only') for 1 .. 5;
    };


# ------------------------------------------------------------ one of two replicas

my ($hung_replica, $hang_replica) = switch();
my $slave = sub { array(bulk('slave'), bulk('127.0.0.1'), ":1\r\n",
                        bulk('connected'), ":5\r\n") };
my %replica = map {
    my $name = $_;
    $name => fake_redis(command => { ROLE => $slave }, get => sub {
        $name eq 'second' && $hung_replica->() ? silence : bulk($name)
    });
} qw(first second);
my $leader = master('leader');
my $of_replicas = sentinel(sub { 0 }, $leader->port, 0, SENTINEL => sub {
    my ($what) = @_;
    return uc $what eq 'REPLICAS'
        ? array(map { words(ip => '127.0.0.1', port => $replica{$_}->port,
                            flags => 'slave', 'master-link-status' => 'ok')
                } sort keys %replica)
        : uc $what eq 'MASTER'
        ? words(name => 'keys', ip => '127.0.0.1', port => $leader->port,
                flags => 'master', 'config-epoch' => 1)
        : words('127.0.0.1', $leader->port);
});

test 'one of two replicas hangs',
    config => location('= /km', redis_mode => 'sentinel keys',
                       redis_read => 'replica',
                       redis_timeout => seconds(600) . 'ms',
                       pass => $of_replicas->address),
    log => [ qr/refused, store_timeout/ ],
    may_log => \@log,
    sub {
        my %seen;
        ok(wait_for(sub {
            $seen{ told(post()) }++;
            return $seen{first} && $seen{second};
        }), 'both are read');

        $hang_replica->();
        %seen = ();
        $seen{ told(post()) }++ for 1 .. 20;
        is($seen{store_timeout} // 0, 1, 'one request waits for it in vain');
        is(($seen{first} // 0) + ($seen{leader} // 0), 19,
           'the others are answered');
        is($seen{leader} // 0, 0, 'by the other replica');
    };


# -------------------------------------------------------------- a worker that exits

my %late = map { $_ => master($_) } qw(former latter);
my ($promoted, $promote) = switch();
my $tells = sentinel($promoted, $late{former}->port, $late{latter}->port);

test 'a failover while a worker exits',
    master => 1,
    config => location('= /km', redis_mode => 'sentinel keys',
                       redis_timeout => '5s', pass => $tells->address),
    may_log => \@log,
    sub {
        is(told(post()), 'former', 'before');

        # half a request holds the worker
        my $client = client();
        my $text = request(via => $client);
        $client->send(substr $text, 0, -10);
        my $ready = client();
        is(told(post(via => $ready)), 'former', 'it has come');

        my @before = reload();
        $promote->();
        $late{former}->kill;
        $client->send(substr $text, -10);
        is(told($client->response), 'latter', 'the old worker learns of it');
        ok(gone(@before), 'and exits');
    };

run_tests();
