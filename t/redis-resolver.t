# Addresses that change: with a "resolver" a host name is resolved again by its
# TTL, whether seal_km_pass has it or a cluster or sentinel tells it; without, and
# in an upstream, nginx's own rules hold.

use lib 't/lib';
use SealKM;
use SealKM::Certificates;
use SealKM::Dns;
use SealKM::Load;
use SealKM::TlsFront;
use SealKM::Traffic;

use Time::HiRes qw(sleep time);

my $KEY = 'seal:km:v2x.example:service';

# One port at several addresses; each answers with its own.  When the
# configuration is read localhost is the first, or the name would be refused.
my $port = free_port();
my %fake = map { $_ => address($_) } map { "127.0.0.$_" } 1 .. 4;

sub address {
    my ($host, %opts) = @_;
    return fake_redis(host => $host, port => $port, get => sub { bulk($host) },
                      %opts);
}

my $dns = fake_dns(localhost => [ 1, '127.0.0.2' ]);
my $name = "localhost:$port";
# an answer that comes so late that nginx has asked anew is told by nginx
my @log = (qr/Redis server|Redis host|connect\(\) failed|could not be resolved/,
           qr/wrong ident \d+ in DNS response/);

sub payload_of {
    my (%set) = @_;
    return post(%set)->json->{Payload} // 'none';
}

sub becomes {
    my ($what, $value, %set) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $last;
    ok(wait_for(sub { ($last = payload_of(%set)) eq $value }), $what)
        or diag($last);
}

sub open_at { my ($fake) = @_;
              return $fake->count(qr/^accept/) - $fake->count(qr/^close/) }


test 'a name in seal_km_pass',
    master => 1,
    config => $dns->directive . location('= /km', pass => $name),
    may_log => \@log,
    sub {
        becomes('resolved', '127.0.0.2');

        # without anything lost
        my $traffic = traffic([ 'v2x.example' ], rate => 100);
        sleep 0.3;
        $dns->set(localhost => [ 1, '127.0.0.3' ]);
        becomes('another address', '127.0.0.3');
        sleep 0.5;
        my @results = $traffic->stop;
        is(tally(@results), 'ok ' . @results, 'no request is lost');
        ok(wait_for(sub { open_at($fake{'127.0.0.2'}) == 0 }),
           'connections to the old one are closed');
        is(payload_of(), '127.0.0.3', 'and it is not asked') for 1 .. 5;

        $dns->set(localhost => [ 1, '127.0.0.3', '127.0.0.4' ]);
        my %seen;
        ok(wait_for(sub { $seen{ payload_of() }++;
                          return $seen{'127.0.0.4'} }), 'two addresses');

        my $n = $dns->asked('localhost');
        ok(wait_for(sub { post(); $dns->asked('localhost') > $n }),
           'asked again by a TTL of 1 s');

        # what is known is used on
        $dns->set(localhost => 'SERVFAIL');
        sleep 2.2;
        like(payload_of(), qr/^127\.0\.0\.[34]$/, 'a name server that fails')
            for 1 .. 3;
        $dns->set(localhost => [ 3600, '127.0.0.2' ]);
        becomes('a name server that is mended', '127.0.0.2');

        $n = $dns->asked('localhost');
        sleep 2.2;
        post();
        is($dns->asked('localhost'), $n, 'not asked before its TTL is over');

        ok(gone(reload()), 'a worker ends');
        is((grep { /exited on signal/ } error_log())[0], undef, 'and well');
    };

my $both = fake_dns(localhost => [ 3600, '127.0.0.3', '127.0.0.4' ]);

# were it one turn for all, each location would have its own address
test 'two locations, whose servers take turns',
    config => $both->directive . location('= /a', pass => $name)
        . location('= /b', pass => $name, redis_timeout => '7s'),
    may_log => \@log,
    sub {
        my %seen;

        for my $at (qw(/a /b)) {
            ok(wait_for(sub { payload_of(location => $at) =~ /[34]$/ }),
               "$at: resolved");
        }
        for (1 .. 4) {
            push @{ $seen{$_} }, payload_of(location => $_) for qw(/a /b);
        }
        like("@{ $seen{$_} }", qr/^(\S+3 \S+4|\S+4 \S+3) \1\z/, "$_: in turn")
            for qw(/a /b);
    };

test 'without a resolver, or in an upstream',
    http_config => "upstream inside { server $name; }",
    config => location('= /without', pass => $name)
        . location('= /inside', pass => 'inside', more => $dns->directive)
        . location('= /address', pass => "127.0.0.4:$port",
                   more => $dns->directive),
    sub {
        sleep 1.2;
        for (1 .. 3) {
            is(payload_of(location => '/without'), '127.0.0.1', 'no resolver');
            is(payload_of(location => '/inside'), '127.0.0.1', 'in an upstream');
            is(payload_of(location => '/address'), '127.0.0.4', 'an address');
        }
    };


my $silent = fake_dns(localhost => 'SILENT');
my $nothing = fake_dns;

test 'a name server of no use',
    config => location('= /silent', pass => $name, more => $silent->directive)
        . location('= /nothing', pass => $name, more => $nothing->directive),
    may_log => \@log,
    sub {
        for my $path (qw(silent nothing)) {
            is(payload_of(location => "/$path"), '127.0.0.1',
               "$path: what nginx knows itself") for 1 .. 3;
        }
    };


# ------------------------------------------------ names that servers tell

sub array { return '*' . @_ . "\r\n" . join '', @_ }

# a node that names itself so, with or without what else Redis 7 tells
sub node {
    my ($host, $port, @more) = @_;
    return sub {
        array(array(":0\r\n", ":16383\r\n", array(bulk($host), ":$port\r\n",
            bulk('x' x 40), @more ? array(map { bulk($_) } @more) : ())));
    };
}

my @node = map { free_port() } 1 .. 4;
my $own = certificate_for(dns => [ 'node.test' ]);
my %names = ('node.test' => [ 1, '127.0.0.1' ], 'later.test' => [ 1, '127.0.0.1' ],
             'master.test' => [ 1, '127.0.0.1' ]);
my $told = fake_dns(%names);

# it moves from 127.0.0.1 to 127.0.0.2
my @both = map {
    my $host = $_;
    fake_redis(host => $host, port => $node[0], get => sub { bulk($host) },
               command => { CLUSTER => node('node.test', $node[0]) });
} '127.0.0.1', '127.0.0.2';

my $moved = fake_redis(port => $node[1],
    command => { CLUSTER => node('', $node[1]) },
    get => sub { "-MOVED 1 later.test:$node[2]\r\n" });
my $later = fake_redis(port => $node[2], get => sub { bulk('later') },
    command => { CLUSTER => node('', $node[1]) });

# over TLS, with the name that is told: nobody else has that certificate
my $plain = fake_redis(get => sub { bulk('tls') });
my $front = tls_front($plain->port, $own);
$plain = do {
    my $port = $plain->port;
    $plain->kill;
    fake_redis(port => $port, get => sub { bulk('tls') },
        command => { CLUSTER => node('node.test', $front->port) });
};

my $master = fake_redis(get => sub { bulk('master') }, command => {
    ROLE => sub { array(bulk('master'), ":1\r\n", "*0\r\n") } });
my $sentinel = fake_redis(command => {
    SENTINEL => sub {
        my @master = ('master.test', $master->port);
        return array(map { bulk($_) } lc $_[0] eq 'master'
            ? (ip => $master[0], port => $master[1], flags => 'master',
               'config-epoch' => 1) : @master);
    },
    SUBSCRIBE => sub { map { array(bulk('subscribe'), bulk($_), ":1\r\n") } @_ },
});

test 'names that a cluster and a sentinel tell',
    config => $told->directive
        . location('= /slots', redis_mode => 'cluster', pass => $both[0]->address)
        . location('= /moved', redis_mode => 'cluster', pass => $moved->address)
        . location('= /sentinel', redis_mode => 'sentinel x',
                   pass => $sentinel->address),
    # the node that it names is in no map: each new map has it sent there anew
    may_log => [ @log, qr/refused, store_|error "MOVED": no node of the cluster/ ],
    sub {
        becomes('CLUSTER SLOTS', '127.0.0.1', location => '/slots');
        becomes('MOVED', 'later', location => '/moved');
        becomes('a sentinel', 'master', location => '/sentinel');
        ok($told->asked($_), "$_ was asked for") for sort keys %names;

        $told->set('node.test' => [ 1, '127.0.0.2' ]);
        becomes('another address', '127.0.0.2', location => '/slots');
        ok(wait_for(sub { open_at($both[0]) <= 1 }),
           'connections to the old one are closed, but for a seed');
    };

# the seed is told by its address, the node by its name
my $seed = tls_front($plain->port, certificate_for(ip => [ '127.0.0.1' ]));

test 'the name that is told is the one of the certificate',
    config => $told->directive
        . location('= /tls', redis_mode => 'cluster', pass => $seed->address,
            redis_ssl => 'on', redis_ssl_trusted_certificate => authority()),
    may_log => [ @log, qr/refused, store_/ ],
    sub {
        $told->set('node.test' => [ 1, '127.0.0.1' ]);
        becomes('TLS', 'tls', location => '/tls');
        is(join(' ', sort keys %{ { map { $_->{sni} => 1 } $front->handshakes } }),
           'node.test', 'TLS: it is told to the server, too');
    };


# ------------------------------------------- two addresses, and none any more

# a sentinel that names this host, and after release('other') that one
sub naming {
    my ($port, $host, $other) = @_;
    my $changed = temp_dir() . "/$host.changed";
    my $fake = fake_redis(command => {
        SENTINEL => sub {
            my @master = (-e $changed ? $other : $host, $port);
            return array(map { bulk($_) } lc $_[0] eq 'master'
                ? (ip => $master[0], port => $master[1], flags => 'master',
                   'config-epoch' => -e $changed ? 2 : 1) : @master);
        },
        SUBSCRIBE => sub { map { array(bulk('subscribe'), bulk($_), ":1\r\n") }
                           @_ },
    });
    return ($fake, sub { open my $file, '>', $changed or die $! });
}

sub masters {
    my ($port, @hosts) = @_;
    return map {
        my $host = $_;
        $host => fake_redis(host => $host, port => $port,
            get => sub { bulk($host) }, command => {
                ROLE => sub { array(bulk('master'), ":1\r\n", "*0\r\n") } });
    } @hosts;
}

my $two = fake_dns('two.test' => [ 0, '127.0.0.1', '127.0.0.2' ]);
my $two_port = free_port();
my %two = masters($two_port, '127.0.0.1', '127.0.0.2');
my ($two_sentinel) = naming($two_port, 'two.test');

test 'one name, two addresses',
    config => $two->directive . location('= /km', redis_mode => 'sentinel x',
        pass => $two_sentinel->address),
    may_log => [ @log, qr/refused, store_|closed the connection/ ],
    sub {
        ok(wait_for(sub { payload_of() =~ /^127/ }), 'one of them');
        my $first = payload_of();
        my ($second) = grep { $_ ne $first } sort keys %two;

        # its order is another one each time
        my %seen;
        my $n = $two->asked('two.test');
        ok(wait_for(sub {
            $seen{ payload_of() }++;
            sleep 0.05;
            return $two->asked('two.test') > $n + 7;
        }, 30), 'resolved again and again');
        is(join(' ', sort keys %seen), $first, 'it stays the same one');

        $two{$first}->kill;
        becomes('the other one, when that has gone', $second);
        %seen = ();
        $n = $two->asked('two.test');
        wait_for(sub {
            $seen{ payload_of() }++;
            sleep 0.05;
            return $two->asked('two.test') > $n + 4;
        }, 30);
        is(join(' ', sort keys %seen), $second, 'which stays then');
    };


my $short = fake_dns('former.test' => [ 0, '127.0.0.1' ],
                     'later.test' => [ 0, '127.0.0.2' ]);
my $short_port = free_port();
my %short = masters($short_port, '127.0.0.1', '127.0.0.2');
my ($short_sentinel, $change) = naming($short_port, 'former.test', 'later.test');

my $there = fake_redis(get => sub { bulk('there') });
my $unset_port = free_port();
my $unset = fake_redis(get => sub { '-MOVED 1 ?:' . $there->port . "\r\n" },
    command => { CLUSTER => sub {
        array(map {
            my ($from, $to, $fake) = @$_;
            array(":$from\r\n", ":$to\r\n", array(bulk('?'),
                ":$fake\r\n", bulk('x' x 40),
                array(bulk('ip'), bulk('127.0.0.1'))));
        } [ 0, 16382, $unset_port ], [ 16383, 16383, $there->port ]);
    } }, port => $unset_port);

test 'names that are used no more, or are none',
    config => $short->directive
        . location('= /km', redis_mode => 'sentinel x',
                   pass => $short_sentinel->address)
        . location('= /unset', redis_mode => 'cluster', pass => $unset->address),
    may_log => [ @log, qr/refused, store_/ ],
    sub {
        becomes('a name', '127.0.0.1');
        becomes('MOVED to a name that is not set', 'there',
                location => '/unset');
        $change->();
        becomes('another name', '127.0.0.2');

        ok(wait_for(sub {
            my $before = $short->asked('former.test');
            my $later = $short->asked('later.test');
            wait_for(sub { $short->asked('later.test') > $later + 3 });
            return $short->asked('former.test') == $before;
        }), 'the former one is not resolved any more');
        is($short->asked('?'), 0, '"?" never was');
    };

run_tests();
