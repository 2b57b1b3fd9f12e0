# How Sentinel and Cluster find out who serves: servers that hang, that are behind
# the others, or that know nothing; names that are still to be resolved; and a
# worker that exits meanwhile.  All servers are fakes.

use lib 't/lib';
use SealKM;
use SealKM::Dns;
use SealKM::Load;

use Time::HiRes qw(sleep time);

my $SLOTS = 16384;

sub array { return '*' . @_ . "\r\n" . join '', @_ }
sub words { return array(map { bulk($_) } @_) }

# a node whose map says that host and port serve all slots
sub map_of {
    my ($host, $port) = @_;
    return array(array(':0' . "\r\n", ':' . ($SLOTS - 1) . "\r\n",
                       array(bulk($host), ":$port\r\n", bulk('i' x 40))));
}

sub node {
    my ($steps, %opts) = @_;
    return fake_redis(command => { CLUSTER => $steps }, %opts);
}

# a sentinel of that epoch, which names that server; before, steps come first
sub sentinel {
    my ($epoch, $host, $port, @before) = @_;
    return fake_redis(command => {
        SENTINEL => sub {
            my ($what) = @_;
            my ($e, $h, $p) = ref $epoch ? $epoch->() : ($epoch, $host, $port);
            return (@before, words(name => 'keys', ip => $h, port => $p,
                flags => 'master', 'config-epoch' => $e)) if uc $what eq 'MASTER';
            return words($h, $p);
        },
        SUBSCRIBE => sub { map { array(bulk('subscribe'), bulk($_), ":1\r\n") } @_ },
    });
}

sub master {
    my ($value) = @_;
    return fake_redis(get => sub { bulk($value) }, command => {
        ROLE => sub { array(bulk('master'), ":5\r\n", "*0\r\n") } });
}

sub upstream {
    my ($name, @servers) = @_;
    return "upstream $name {\n"
        . join('', map { '    server ' . $_->address . ";\n" } @servers) . "}\n";
}

# locations whose settings differ, so that each has all of its own, like a worker
# that has just started
sub locations {
    my ($n, $name, %set) = @_;
    return join '', map {
        location("= /$name$_", pass => $name, redis_connect_timeout => 30_000
                 + $_ . 'ms', %set)
    } 1 .. $n;
}

my $refused = qr/Request refused, store_/;
my $silent = sub { silence };

# one that hangs is told of, if it hangs for long enough
my $silence = qr/Redis server ".*" (?:answers nothing|did not answer the gr)/;


# ------------------------------------------------------------ nothing is known

my $no_map = node(sub { "-ERR This instance has cluster support disabled\r\n" });
my $no_master = fake_redis(command => {
    SENTINEL => sub { "*-1\r\n" },
    SUBSCRIBE => sub { map { array(bulk('subscribe'), bulk($_), ":1\r\n") } @_ },
});

test 'hundreds of requests while nobody knows',
    config => location('= /cluster', redis_mode => 'cluster',
                       pass => $no_map->address)
        . location('= /sentinel', redis_mode => 'sentinel keys',
                   pass => $no_master->address)
        . location('= /dead', redis_mode => 'cluster',
                   pass => '127.0.0.1:' . free_port()),
    log => [ $refused, qr/does not tell/ ],
    may_log => [ qr/connect\(\) failed|Redis server|Redis sentinel/ ],
    sub {
        my %fake = (cluster => $no_map, sentinel => $no_master);
        my $asked = qr/ (?:CLUSTER SLOTS|SENTINEL GET)/;

        my $begin = time;

        for my $name (qw(cluster sentinel dead)) {
            my @responses = load(20, [ map { request(location => "/$name") }
                                       1 .. 300 ]);
            my $took = time - $begin;

            is(scalar(grep { $_ && ($_->header('X-Reason') // '')
                             eq 'store_unavailable' } @responses),
               300, "$name: all are refused");
            my $n = $fake{$name} ? $fake{$name}->count($asked) : 0;

            # each 200 ms, since nginx started
            ok($n < 20 + 6 * $took, "$name: asked $n times") if $fake{$name};
        }
    };

my $later = temp_dir() . '/later';
my $port = free_port();
my $map_later = node(sub { -e $later ? map_of('127.0.0.1', $port)
                                     : "-ERR not yet\r\n" }, port => $port);

test 'somebody knows, later',
    config => location('= /km', redis_mode => 'cluster',
                       pass => $map_later->address),
    log => [ $refused, qr/does not tell/ ],
    sub {
        km 'not yet', {}, 'store_unavailable' for 1 .. 3;
        open my $file, '>', $later or die $!;
        ok(wait_for(sub { post()->status == 200 }), 'asked again by itself');
    };


# down when the worker started: what is wrong shows when they are there
my $there = temp_dir() . '/there';
my $no_rights = node(sub { -e $there ? "-NOPERM User u has no permissions\r\n"
                                     : closing() });
my $no_such = fake_redis(command => {
    SENTINEL => sub { -e $there ? "*-1\r\n" : closing() },
    SUBSCRIBE => sub { map { array(bulk('subscribe'), bulk($_), ":1\r\n") } @_ },
});

test 'those who do not tell it, and were down at first',
    config => location('= /cluster', redis_mode => 'cluster',
                       pass => $no_rights->address)
        . location('= /sentinel', redis_mode => 'sentinel keys',
                   pass => $no_such->address),
    log => [ $refused, qr/has told the (?:slots|master)/ ],
    may_log => [ qr/does not tell|closed the connection/ ],
    sub {
        my %about = (
            cluster  => [ $no_rights, qr/ CLUSTER /,
                          qr/does not tell its cluster's slots/ ],
            sentinel => [ $no_such, qr/ SENTINEL GET/,
                          qr/does not tell the master "keys"/ ],
        );
        my $told = sub { my ($p) = @_; scalar grep { $_ =~ $p } error_log() };

        km "$_: down", { location => "/$_" }, 'store_unavailable'
            for sort keys %about;
        open my $file, '>', $there or die $!;

        for my $name (sort keys %about) {
            my ($fake, $asked, $line) = @{ $about{$name} };

            ok(wait_for(sub {
                post(location => "/$name");
                return $told->($line);
            }, 10), "$name: the log says why");
            my $n = $fake->count($asked);
            wait_for(sub {
                post(location => "/$name");
                return $fake->count($asked) > $n + 3;
            });
            is($told->($line), 1, "$name: once");
        }
    };


# ------------------------------------------------------------- servers that hang

my $data = fake_redis();
my @hung = map { node($silent) } 1 .. 3;
my $good = node(sub { map_of('127.0.0.1', $data->port) });

my $right = master('right');
my @mute = map { fake_redis(command => { SENTINEL => $silent,
                                         SUBSCRIBE => $silent }) } 1 .. 2;
my @well = map { sentinel(3, '127.0.0.1', $right->port) } 1 .. 2;

test 'some of them hang',
    http_config => upstream(seeds => @hung, $good)
        . upstream(most => $mute[0], @well)
        . upstream(few => @mute, $well[0]),
    config => locations(8, 'seeds', redis_mode => 'cluster')
        . locations(2, 'most', redis_mode => 'sentinel keys')
        . locations(2, 'few', redis_mode => 'sentinel keys'),
    may_log => [ $silence ],
    sub {
        my %payload = (seeds => 'record of seal:km:v2x.example:service',
                       most => 'right', few => 'right');

        for my $name (map({ "seeds$_" } 1 .. 8),
                      map({ ("most$_", "few$_") } 1, 2))
        {
            my $begin = time;
            km "$name: the first request", { location => "/$name" },
                { payload => $payload{ $name =~ s/\d//r } };
            my $took = time - $begin;
            # but for half of that time where most of them do
            ok($took < ($name =~ /few/ ? 0.7 : 0.4) * PATIENCE,
               "$name: waits for none that hangs")
                or diag($took);
        }

        # which one a location begins at is chance: not the good one, all 8 times
        ok((grep { $_->count(qr/ CLUSTER/) } @hung) > 0, 'a seed did hang');
    };


my @seeds = map { node(sub { map_of('127.0.0.1', $data->port) }) } 1 .. 4;

test 'not all begin at the first seed',
    http_config => upstream(seeds => @seeds),
    config => locations(16, 'seeds', redis_mode => 'cluster'),
    may_log => [ $silence ],
    sub {
        my $asked = sub { grep { $_->count(qr/ CLUSTER SLOTS/) } @seeds };

        ok(wait_for(sub { $asked->() > 1 }), 'another one')
            or diag(scalar $asked->());
    };


# ------------------------------------------------------- sentinels that are behind

my $old = master('old');
my $new = master('new');

# the first one is the quickest
my @behind = (sentinel(6, '127.0.0.1', $old->port),
              map { sentinel(7, '127.0.0.1', $new->port, pause(0.03)) } 1, 2);

test 'the first sentinel is behind',
    http_config => upstream(sentinels => @behind),
    config => locations(6, 'sentinels', redis_mode => 'sentinel keys'),
    may_log => [ $silence ],
    sub {
        my %seen;

        for my $round (1 .. 3) {
            $seen{ post(location => "/sentinels$_")->json->{Payload} // 'none' }++
                for 1 .. 6;
            sleep 0.6;
        }
        is(join(' ', sort keys %seen), 'new', 'it is never believed');
        is($old->count(qr/ GET /), 0, 'whom it names is not asked');
    };


my $anew = temp_dir() . '/anew';
my @made = map {
    sentinel(sub { -e $anew ? (0, '127.0.0.1', $new->port)
                            : (7, '127.0.0.1', $old->port) })
} 1 .. 3;

test 'epochs that begin anew',
    http_config => upstream(sentinels => @made),
    config => location('= /km', redis_mode => 'sentinel keys',
                       pass => 'sentinels'),
    log => [ qr/have begun anew, with epoch 0 after 7/ ],
    sub {
        km 'before', {}, { payload => 'old' };
        open my $file, '>', $anew or die $!;
        my $begin = time;
        ok(wait_for(sub { post()->json->{Payload} eq 'new' }),
           'they are believed in the end');
        ok(time - $begin > 2, 'not at once: they might be behind');
    };


# --------------------------------------------------- names that are not known yet

my $dns = fake_dns('late.test' => 'NXDOMAIN', 'slow.test' => 'NXDOMAIN');
my $named = sentinel(1, 'late.test', $right->port);
my $cluster_named = node(sub { map_of('slow.test', $data->port) });

test 'names that are resolved while requests wait',
    config => $dns->directive
        . location('= /sentinel', redis_mode => 'sentinel keys',
                   pass => $named->address)
        . location('= /cluster', redis_mode => 'cluster',
                   pass => $cluster_named->address)
        . location('= /short', redis_mode => 'sentinel keys',
                   redis_timeout => '2s', pass => $named->address),
    log => [ qr/could not be resolved/, $refused ],
    may_log => [ $silence ],
    sub {
        # under valgrind the sentinel itself may take so long
        km 'a deadline', { location => '/short' }, { reason => [ 'store_timeout',
            $ENV{TEST_NGINX_USE_VALGRIND} ? 'store_unavailable' : () ] };

        my @waiting = map {
            my $client = client();
            $client->send(request(location => $_, via => $client));
            $client;
        } qw(/sentinel /cluster /sentinel /cluster);

        taken();
        wait_for(sub { $dns->asked('slow.test') });
        $dns->set($_ => [ 60, '127.0.0.1' ]) for qw(late.test slow.test);
        is($_->response->status, 200, 'it has waited') for @waiting;

        my $asked = $dns->asked('slow.test');
        km 'known', { location => '/sentinel' }, { payload => 'right' };
        km 'known', { location => '/cluster' },
            { payload => 'record of seal:km:v2x.example:service' };
        is($dns->asked('slow.test'), $asked, 'without a question');
    };


# -------------------------------------------------------------- a worker that exits

my @fail = map { node(sub { (hold('fail'), closing()) }) } 1, 2;
my $answer = node(sub { (hold('answer'), map_of('127.0.0.1', $data->port)) });

test 'requests of a worker that exits',
    master => 1,
    http_config => upstream(fail => @fail),
    config => location('= /fail', redis_mode => 'cluster', pass => 'fail')
        . location('= /answer', redis_mode => 'cluster',
                   pass => $answer->address),
    log => [ qr/Request refused, store_unavailable/ ],
    may_log => [ qr/closed the connection|Redis server/ ],
    sub {
        my @client = map {
            my $client = client();
            $client->send(request(location => $_, via => $client));
            $client;
        } qw(/fail /answer);
        taken();

        my @before = reload();
        my $begin = time;
        $_->release('fail') for @fail;
        is($client[0]->response->header('X-Reason'), 'store_unavailable',
           'nobody knows');
        ok(time - $begin < 20, 'told as soon as that is known');

        $answer->release('answer');
        is($client[1]->response->header('X-Reason'), 'ok', 'somebody does');
        ok(gone(@before), 'it exits');
    };


# ------------------------------------------------- a question that is lost, or nil

my ($from, $to) = map { free_port() } 1, 2;
my $importing = node(sub { map_of('127.0.0.1', $from) }, port => $to, get => sub {
    my ($key, $nth) = @_;
    return $nth == 1 ? closing() : bulk('moved');
});
my $migrating = node(sub { map_of('127.0.0.1', $from) }, port => $from,
    get => sub { "-ASK 1 127.0.0.1:$to\r\n" });

test 'an ASK whose connection is lost',
    config => location('= /km', redis_mode => 'cluster',
                       pass => $migrating->address),
    may_log => [ qr/closed the connection/ ],
    sub {
        km 'asked again', {}, { payload => 'moved' };
        is(join(' ', map { /^command \d+ (ASKING|GET) / ? $1 : () }
                $importing->log), 'ASKING GET ASKING GET', 'with ASKING');
    };

run_tests();
