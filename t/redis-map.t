# What a cluster's map may be, and what it may cost: answers to CLUSTER SLOTS that
# are none, maps of thousands of ranges and nodes, nodes that refuse, names that
# are resolved again to what they were.  All servers are fakes.

use lib 't/lib';
use SealKM;
use SealKM::Dns;
use SealKM::Load qw(load worker_pids);

use Time::HiRes 'time';

my $slow = $ENV{TEST_NGINX_USE_VALGRIND};

sub array { return '*' . @_ . "\r\n" . join '', @_ }
sub int_  { return ":$_[0]\r\n" }

# from, to, [ host, port ], ...
sub range {
    my ($from, $to, @nodes) = @_;
    return array(int_($from), int_($to),
        map { array(bulk($_->[0]), int_($_->[1]), bulk('i' x 40)) } @nodes);
}

sub node {
    my ($map, %opts) = @_;
    return fake_redis(command => { CLUSTER => $map }, %opts);
}

# all of it
sub own {
    my ($port) = @_;
    return array(range(0, 16383, [ '127.0.0.1', $port ]));
}

sub payload { return $_[0]->json->{Payload} // 'none' }
sub questions { return $_[0]->count(qr/ CLUSTER SLOTS/) }

my $refused = qr/refused, store_/;
my $record = 'record of seal:km:v2x.example:service';
my $plain = fake_redis();


# --------------------------------------------------------------------- its form

my %none = (
    string      => bulk('slots'),
    status      => "+OK\r\n",
    integer     => ":1\r\n",
    nil         => "*-1\r\n",
    short       => array(array(int_(0), int_(16383))),
    statuses    => array("+OK\r\n"),
    'no-node'   => array(array(int_(0), int_(16383), bulk('127.0.0.1'))),
    'no-port'   => array(array(int_(0), int_(16383), array(bulk('127.0.0.1')))),
    overlap     => array(range(0, 100, [ '127.0.0.1', $plain->port ]),
                         range(100, 16383, [ '127.0.0.1', $plain->port ])),
    beyond      => array(range(0, 16384, [ '127.0.0.1', $plain->port ])),
    far         => array(range(0, 4294967296, [ '127.0.0.1', $plain->port ])),
);
my %fake = map { my $reply = $none{$_}; $_ => node(sub { $reply }) } keys %none;

test 'what is no map closes the connection',
    config => join('', map {
        location("= /$_", redis_mode => 'cluster', pass => $fake{$_}->address)
    } sort keys %fake),
    log => [ $refused, qr/no Redis server .*has told the slots/ ],
    may_log => [ qr/with what is no answer to it/, qr/sent what is no reply/ ],
    sub {
        for my $name (sort keys %fake) {
            km "$name: a request", { location => "/$name" },
                { reason => [ 'store_unavailable', 'store_timeout' ] };
            ok(wait_for(sub { $fake{$name}->count(qr/^close/) }),
               "$name: the connection is closed");
        }
    };


my $port = free_port();
my $both = node(sub { own($port) }, port => $port,
    get => sub { $_[1] == 3 ? "-MOVED 1 127.0.0.1:$port\r\n" : bulk($_[0]) });

test 'questions have a connection of their own',
    config => location('= /km', redis_mode => 'cluster',
                       pass => $both->address),
    sub {
        ok(wait_for(sub { questions($both) }), 'asked for the map');
        is(payload(post()), 'seal:km:v2x.example:service', 'a request')
            for 1 .. 5;
        ok(wait_for(sub { questions($both) > 1 }), 'asked again, after a MOVED');

        my %of;
        for ($both->log) {
            $of{$2}{$1} = 1 if /^command (\d+) (CLUSTER|GET) /;
        }
        is((grep { $of{GET}{$_} } keys %{ $of{CLUSTER} })[0], undef,
           'none has carried both');
    };


# --------------------------------------------------------------------- its size

my $n = 0;
sub another {
    $n++;
    return [ join('.', 127, 1 + ($n >> 16), $n >> 8 & 255, $n & 255), 7000 ];
}

# as long as hostile servers like: each has more nodes than anyone
my $overlapping = array(map { range(0, 16383, map { another() } 1 .. 4) }
                        1 .. 15000);
my $scattered = array(map { range($_, $_, map { another() } 1 .. 4) }
                      0 .. 15000);
my %huge = (overlapping => node(sub { $overlapping }),
            scattered => node(sub { $scattered }));

# and one that is right, though it is in 4096 pieces, of a hundred nodes
my $own_port = free_port();
my @nodes = ([ '127.0.0.1', $own_port ],
             map { [ "127.0.9.$_", 7000 ] } 1 .. 100);
my $whole = array(map {
    range(4 * $_, 4 * $_ + 3, $nodes[0], $nodes[1 + $_ % 100],
          $nodes[1 + ($_ + 7) % 100])
} 0 .. 4095);
my $scattered_well = node(sub { $whole }, port => $own_port);

# in as many pieces as there can be, each with six replicas, as Redis 7 tells it
my $finest_port = free_port();
my @known = map { array(bulk('127.0.9.' . $_), int_(7000), bulk('i' x 40),
                        array(bulk('hostname'), bulk("r$_.example"))) } 0 .. 99;
my $first = array(bulk('127.0.0.1'), int_($finest_port), bulk('i' x 40), "*0\r\n");
my $finest = node(sub {
    array(map { my $n = $_;
        array(int_($n), int_($n), $first,
              map { $known[($n + 7 * $_) % 100] } 1 .. 6) } 0 .. 16383);
}, port => $finest_port);

test 'maps of a size that no cluster has',
    skip => $slow && 'takes too long under valgrind',
    log_level => 'warn',           # else nginx tells of each allocation
    config => join('', map {
        location("= /$_", redis_mode => 'cluster', pass => $huge{$_}->address,
                 redis_timeout => '10s')
    } sort keys %huge)
        . location('= /well', redis_mode => 'cluster', redis_timeout => '10s',
                   pass => $scattered_well->address)
        . location('= /finest', redis_mode => 'cluster', redis_timeout => '10s',
                   pass => $finest->address)
        . location('= /km', pass => $plain->address, redis_timeout => '5s'),
    may_log => [ $refused, qr/no Redis server .*has told the slots/,
                 qr/with what is no answer to it|sent what is no reply/ ],
    sub {
        for my $name (sort keys %huge) {
            ok(wait_for(sub { questions($huge{$name}) }), "$name: asked for");
        }

        my $longest = 0;
        my $until = time + 3;
        while (time < $until) {
            my $begin = time;
            is(payload(post()), $record, 'others are answered meanwhile')
                if payload(post()) ne $record;
            $longest = time - $begin if time - $begin > $longest;
        }
        cmp_ok($longest, '<', 2, 'and are not held up');

        is(post(location => '/well')->json->{Payload}, $record,
           'a map of 4096 ranges, each with two replicas');
        is(post(location => '/finest')->json->{Payload}, $record,
           'one of 16384, each with six');
    };


# ------------------------------------------------------- how often it is asked for

my $refusing_port = free_port();
my $told = 0;
my $refusing = node(sub { $told++ ? "-ERR not now\r\n" : own($refusing_port) },
    port => $refusing_port,
    get => sub { $_[1] == 1 ? "-MOVED 1 127.0.0.1:$refusing_port\r\n"
                            : bulk('here') });

test 'a node that refuses is asked once in each round',
    config => location('= /km', redis_mode => 'cluster',
                       pass => $refusing->address),
    log => [ qr/does not tell its cluster's slots/ ],
    sub {
        my $begin = time;

        is(payload(post()), 'here', 'a slot that moves');
        ok(wait_for(sub { questions($refusing) >= 4 }), 'asked again and again');

        # a round begins each 200 ms
        my $asked = questions($refusing);
        cmp_ok($asked, '<=', 3 + 5 * (time - $begin), 'once each');
    };


# Two nodes of which each says that the other one serves, and neither has a map.
my @never = map { free_port() } 1, 2;
my @round = map {
    my $next = $never[1 - $_];
    node(sub { "-ERR not now\r\n" }, port => $never[$_],
         get => sub { "-MOVED 1 127.0.0.1:$next\r\n" });
} 0, 1;
my $seeds = node(sub { own($never[0]) });

sub anonymous_memory {
    open my $file, '<', "/proc/$_[0]/status" or die $!;
    return join('', <$file>) =~ /^RssAnon:\s+(\d+)/m ? $1 : 0;
}

test 'slots that move on and on, and no new map',
    skip => $slow || ($ENV{SEAL_KM_MODULE} // '') eq 'none'
            ? 'memory is another one there' : undef,
    log_level => 'alert',
    config => location('= /km', redis_mode => 'cluster', window => '1h',
                       pass => $seeds->address),
    sub {
        my ($pid) = worker_pids();
        my $text = request(via => 1);
        my $ask = sub {
            return scalar grep { $_ && $_->header('X-Reason') eq 'store_error' }
                load(10, [ map { $text } 1 .. $_[0] ]);
        };

        # five redirections each
        $ask->(500);
        $seeds->kill;
        my $before = anonymous_memory($pid);
        is($ask->(3000), 3000, 'nobody serves');
        my $grown = anonymous_memory($pid) - $before;
        cmp_ok($grown, '<', 250, 'no memory is left behind');
    };


my $dns = fake_dns('node.test' => [ 0, '127.0.0.1', '127.0.0.2' ]);
my $named_port = free_port();
my $named = node(sub { array(range(0, 16383, [ 'node.test', $named_port ])) },
                 port => $named_port);
my $other = fake_redis(host => '127.0.0.2', port => $named_port);

test 'a name that is resolved to what it was',
    config => $dns->directive
        . location('= /km', redis_mode => 'cluster', pass => $named->address),
    may_log => [ qr/could not be resolved/ ],
    sub {
        is(payload(post()), $record, 'a request');
        my $asked = questions($named);
        my $resolved = $dns->asked('node.test');
        ok(wait_for(sub { $dns->asked('node.test') > $resolved + 2 }),
           'resolved again');
        is(questions($named), $asked, 'no new map for that');
    };

run_tests();
