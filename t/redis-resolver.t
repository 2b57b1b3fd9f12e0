# Addresses that change: with a "resolver" a host name is resolved again by its
# TTL, whether seal_km_pass has it or a cluster or sentinel tells it; without, and
# in an upstream, nginx's own rules hold.

use lib 't/lib';
use SealKM;
use SealKM::Certificates;
use SealKM::Dns;
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
my @log = (qr/Redis server|Redis host|connect\(\) failed|could not be resolved/);

sub payload_of {
    my (%set) = @_;
    return post(%set)->json->{Payload} // 'none';
}

sub becomes {
    my ($what, $value, %set) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $last;
    ok(wait_for(sub { ($last = payload_of(%set)) eq $value }, 6), $what)
        or diag($last);
}

sub open_at { my ($fake) = @_;
              return $fake->count(qr/^accept/) - $fake->count(qr/^close/) }


test 'a name in seal_km_pass',
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
        ok(wait_for(sub { open_at($fake{'127.0.0.2'}) == 0 }, 5),
           'connections to the old one are closed');
        is(payload_of(), '127.0.0.3', 'and it is not asked') for 1 .. 5;

        $dns->set(localhost => [ 1, '127.0.0.3', '127.0.0.4' ]);
        my %seen;
        ok(wait_for(sub { $seen{ payload_of() }++;
                          return $seen{'127.0.0.4'} }, 6), 'two addresses');

        my $n = $dns->asked('localhost');
        sleep 2.5;
        post();
        ok($dns->asked('localhost') - $n >= 1, 'asked again by a TTL of 1 s');

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
    may_log => [ @log, qr/refused, store_/ ],
    sub {
        becomes('CLUSTER SLOTS', '127.0.0.1', location => '/slots');
        becomes('MOVED', 'later', location => '/moved');
        becomes('a sentinel', 'master', location => '/sentinel');
        ok($told->asked($_), "$_ was asked for") for sort keys %names;

        $told->set('node.test' => [ 1, '127.0.0.2' ]);
        becomes('another address', '127.0.0.2', location => '/slots');
        ok(wait_for(sub { open_at($both[0]) <= 1 }, 5),
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

run_tests();
