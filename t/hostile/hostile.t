# Those who want to keep others from being served: connections that send a byte a
# second, bad tokens as fast as they go, kids that nobody knows, names that
# collide in Jansson's table, requests that wait for a Redis that never answers.
# Meanwhile others ask for their records: each of them gets its own, and the
# worker's memory stays below what can be computed. How much slower they are
# served is told.
#
#     make hostile [SECONDS=10]      of each attack
#
# One worker, so that all of them meet.

use lib 't/lib';
use SealKM;
use SealKM::Fetching;
use SealKM::JwksServer;
use SealKM::Load;
use SealKM::Traffic;

use IO::Select;
use List::Util qw(max sum);
use POSIX ();
use Socket;
use Time::HiRes qw(sleep time);

# of nginx, with those to Redis; SealKM::Load has fewer
Test::Nginx::Util::worker_connections(12_000);

my $seconds = $ENV{SEAL_KM_HOSTILE_SECONDS} || 10;

use constant {
    SLOW     => 1_000,
    WAITING  => 8_000,
    COOLDOWN => 1,

    # beside those that a request must have; it has no more than 256 values
    NAMES    => 240,

    # Of one connection with a request: client_header_buffer_size 1k; of
    # large_client_header_buffers one, 8k, for the token; the body, 8k at most
    # (seal_km_max_request_size), in a buffer of client_body_buffer_size 16k; two
    # blocks of request_pool_size 4k; connection_pool_size; one block of an arena
    # 16k; a query and its command, 1k.
    REQUEST  => (1 + 8 + 16 + 8 + 1 + 16 + 1) * 1024,

    # what a worker may have grown by, whatever is done to it: 2 MB of arenas that
    # it keeps, buffers of Redis', the allocator's own waste
    WORKER   => 16 << 20,
};

my @services = map { "s$_" } 0 .. 99;
my $redis = start_redis();
$redis->command('MSET', map { (service_key($_) => "record of $_") } @services);

my $dead = fake_redis(get => sub { return silence });
my $sims = SealKM::JwksServer->start('rsa');


# ------------------------------------------------------------------- attackers

my @attackers;
my $owner = $$;

# runs in a process of its own, until it is stopped; what it returns is told
sub attack {
    my ($code) = @_;
    my $path = temp_dir() . '/attack' . @attackers;
    my $parent = $$;

    defined(my $pid = fork) or die "fork: $!";
    if (!$pid) {
        $SIG{PIPE} = 'IGNORE';
        $SIG{__DIE__} = 'DEFAULT';
        my %n;
        my $go_on = sub { return !-e "$path.stop" && getppid == $parent };
        eval { $code->(\%n, $go_on, sub { temp_put("$path.ready", '') }); 1 } or $n{died} = $@ =~ s/\s+/ /gr;
        temp_put($path, join '', map { "$_\t$n{$_}\n" } sort keys %n);
        POSIX::_exit(0);
    }
    push @attackers, { pid => $pid, path => $path };
    wait_for(sub { -e "$path.ready" }, 120) or die "an attack does not begin\n";
    return $attackers[-1];
}

sub temp_put {
    my ($path, $text) = @_;
    open my $file, '>', $path or return;
    print $file $text;
    return close $file;
}

sub stopped {
    my ($attacker) = @_;
    temp_put("$attacker->{path}.stop", '');
    waitpid $attacker->{pid}, 0;
    open my $file, '<', $attacker->{path} or die "an attacker has died\n";
    my %n = map { chomp; split /\t/, $_, 2 } <$file>;
    return \%n;
}

END {
    my $status = $?;
    kill 'KILL', map { $_->{pid} } @attackers if $$ == $owner;
    $? = $status;
}

sub connected {
    my $address = pack_sockaddr_in(server_port(), inet_aton('127.0.0.1'));
    socket my $socket, PF_INET, SOCK_STREAM, 0 or die "socket: $!\n";
    for (1 .. 100) {
        return $socket if connect $socket, $address;
        sleep 0.05;
    }
    die "connect: $!\n";
}

# a byte a second on each, half of them in the head
sub slow {
    my ($n, $go_on, $ready) = @_;
    my $text = request(via => 1, body => { ServiceID => 's1' });
    my $head = index $text, "\r\n\r\n";
    my @all = map {
        my $begin = $_ % 2 ? 10 : $head + 4;
        my $socket = connected();
        syswrite $socket, substr $text, 0, $begin;
        [ $socket, $begin ];
    } 1 .. SLOW;
    $ready->();
    while ($go_on->()) {
        for (@all) {
            $n->{bytes} += syswrite($_->[0], substr $text, $_->[1]++ % length $text, 1) // 0;
        }
        sleep 1;
    }
    return;
}

my $good = mint(exp => int(time) + 86400);

# what is wrong with it is in the name of what is counted
sub bad_tokens {
    my ($make) = @_;

    return sub {
        my ($n, $go_on, $ready) = @_;
        my @bytes = map { request(via => 1, token => $make->($_), body => { ServiceID => 's1' }) } 1 .. 200;
        my @sockets = map { connected() } 1 .. 20;
        my $select = IO::Select->new(@sockets);
        my %left = map { fileno $_ => 0 } @sockets;
        my %rest = map { fileno $_ => '' } @sockets;
        my $next = 0;
        $ready->();
        while ($go_on->()) {
            for (grep { $left{ fileno $_ } == 0 } @sockets) {
                syswrite $_, join '', map { $bytes[ $next++ % @bytes ] } 1 .. 8 or die "write: $!\n";
                $left{ fileno $_ } = 8;
            }
            for my $socket ($select->can_read(1)) {
                my $fd = fileno $socket;
                sysread $socket, $rest{$fd}, 65536, length $rest{$fd} or die "closed\n";
                while ($rest{$fd} =~ s{\A.*?HTTP/1\.1 (\d+) (?=.*?\r\n\r\n\{[^\}]*\})}{}s) {
                    $n->{$1}++;
                    $left{$fd}--;
                }
            }
        }
        return;
    };
}

my $random = sub { return join '', map { chr 97 + rand 26 } 1 .. 16 };
my $spoilt = $good =~ s/.{8}\z/AAAAAAAA/r;

my %bad = (
    'bad signatures' => bad_tokens(sub { $spoilt }),
    'random kids' => bad_tokens(sub { mint(-kid => $random->(), exp => int(time) + 86400) }),
    'expired ones' => bad_tokens(sub { mint(exp => $_[0]) }),
    'no tokens' => bad_tokens(sub { $random->() x 40 }),
);

# as many names as a request may have; that they collide the attacker would have to
# know the seed for (t/hostile/collisions.c)
sub colliding {
    my ($n, $go_on, $ready) = @_;
    my @names = split ' ', `$ENV{SEAL_KM_COLLISIONS} names @{[ NAMES ]}`;
    die "no names that collide\n" if @names < NAMES;
    my $body = request_body(ServiceID => 's1', '+' => join ',', map { "\"$_\":0" } @names);
    my $text = request(via => 1, token => $good, body => $body);
    my $client = client();
    $ready->();
    while ($go_on->()) {
        $client->send($text);
        $n->{ ($client->response // die "closed\n")->status }++;
    }
    return;
}

sub waiting {
    my ($n, $go_on, $ready) = @_;
    my $text = request(location => '/dead', token => $good, body => { ServiceID => 's1' });
    my @all = map {
        my $socket = connected();
        syswrite $socket, $text;
        $socket;
    } 1 .. WAITING;
    $n->{requests} = @all;
    $ready->();
    sleep 0.2 while $go_on->();
    return;
}


# ----------------------------------------------------------------- who is served

sub resident {
    my ($pid) = @_;
    open my $file, '<', "/proc/$pid/status" or return 0;
    my ($n) = join('', <$file>) =~ /^VmRSS:\s+(\d+)/m;
    return $n * 1024;
}

# of good clients, while something goes on
sub served {
    my ($pid) = @_;
    my $traffic = traffic(\@services, location => '/km', rate => 200, width => 50);
    my $until = time + $seconds;
    my $most = 0;

    while (time < $until) {
        $most = max($most, resident($pid));
        sleep 0.2;
    }

    my @results = $traffic->stop;
    my @times = sort { $a <=> $b } map { $_->{end} - $_->{begin} } @results;
    my @right = grep { $_->{reason} eq 'ok' && $_->{payload} eq "record of $_->{service}" } @results;
    return { n => scalar @results, right => scalar @right, most => $most,
             tally => tally(@results), middle => $times[ @times / 2 ], worst => $times[-1] };
}

sub during {
    my ($name, $pid, $quiet, $bound, @what) = @_;
    my $begun = time;
    my $before = resident($pid);
    my $fetched = $sims->count;
    my @running = map { attack($_) } @what;
    my $now = served($pid);
    my %n;

    for (@running) {
        my $said = stopped($_);
        ok(!$said->{died}, "$name: the attack went on") or diag($said->{died});
        delete $said->{died};
        $n{$_} += $said->{$_} for keys %$said;
    }

    my $took = time - $begun;
    diag(sprintf '%s: %s; good requests: %d, %.0f %% of those without; answered in %.1f ms, %.1f times as long,'
                 . ' at worst %.0f ms; memory grew by %.1f MB of %.1f MB',
         $name, join(', ', map { sprintf '%s %d, %d/s', $_, $n{$_}, $n{$_} / $took } sort keys %n) || 'quiet',
         $now->{n}, 100 * $now->{n} / ($quiet // $now)->{n}, 1000 * $now->{middle},
         $now->{middle} / ($quiet // $now)->{middle}, 1000 * $now->{worst},
         ($now->{most} - $before) / (1 << 20), $bound / (1 << 20));

    is($now->{tally}, "ok $now->{right}", "$name: each good request has its record");
    cmp_ok($now->{n}, '>', 0, "$name: there were some");
    cmp_ok($now->{most} - $before, '<', $bound, "$name: memory is bounded");
    cmp_ok($sims->count - $fetched, '<=', (time - $begun) / COOLDOWN + 2, "$name: keys are fetched once in a while");
    return ($now, \%n);
}


test 'while others attack',
    master => 1,
    log_level => 'warn',
    main_config => "worker_rlimit_nofile 16384;\n",
    http_config => KEYS_ZONE . "keepalive_requests 1000000000;\nclient_header_timeout 1h;\nclient_body_timeout 1h;\n",
    config => location('= /km', jwks => undef, jwks_request => '/jwks', zone => 'keys',
                       jwks_cooldown => COOLDOWN . 's')
        . location('= /dead', pass => $dead->address, redis_timeout => '1h')
        . fetches($sims),
    may_log => [ qr/\[(?:warn|error)\]/ ],
    sub {
        my ($pid) = worker_pids();
        load(20, [ map { service_request($_, '/km') } (@services) x 10 ]);

        my ($quiet) = during('nobody', $pid, undef, WORKER);
        my $n;

        (undef, $n) = during(SLOW . ' connections, a byte a second', $pid, $quiet,
                             WORKER + SLOW * REQUEST, \&slow);
        cmp_ok($n->{bytes}, '>=', SLOW, 'they were slow');

        for my $what (sort keys %bad) {
            (undef, $n) = during($what, $pid, $quiet, WORKER, $bad{$what});
            is(join(' ', sort keys %$n), '401', "$what: all of them are refused");
        }

        (undef, $n) = during('names that would collide', $pid, $quiet, WORKER, \&colliding);
        is(join(' ', sort keys %$n), '200', 'names that would collide: they do no harm');

        (undef, $n) = during(WAITING . ' requests that wait', $pid, $quiet,
                             WORKER + WAITING * REQUEST, \&waiting);
        is($n->{requests}, WAITING, 'all of them waited');
        cmp_ok($dead->count(qr/^read/), '>', 0, 'for a Redis that was asked');

        during('all at once', $pid, $quiet, WORKER + (SLOW + WAITING) * REQUEST,
               \&slow, values %bad, \&colliding, \&waiting);
        is(join(' ', worker_pids()), $pid, 'it is the same worker');
    };


# What it would cost if the seed were known: that is told, in processor time of one
# request's names.
diag(`$ENV{SEAL_KM_COLLISIONS} cost @{[ NAMES ]}`);
is($?, 0, 'a seed that is known');

run_tests();
