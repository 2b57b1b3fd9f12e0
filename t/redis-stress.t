# No reply ever reaches another request: 60,000 requests over distinct records,
# while servers are slow at random, clients go away, connections are killed, slots
# move, connections are no longer answered, some records end those they come over,
# and nodes leave.  Promise 1 of the Redis topologies.  Each payload is compared.
#
# What goes on is random: srand's seed is told, SEAL_KM_SEED sets it.

use lib 't/lib';
use SealKM;
use SealKM::Cluster;
use SealKM::Load;
use SealKM::Traffic;

use POSIX ();
use Time::HiRes qw(sleep time);

my $few = $ENV{TEST_NGINX_USE_VALGRIND};
my $seed = srand($ENV{SEAL_KM_SEED} // time);
note("seed $seed");

# what is a failure of the store is no wrong reply
my %may = map { $_ => 1 } qw(store_unavailable store_timeout);

# Sends that many requests, batch by batch, for services by turns, and more of them
# until as many records were got as a quick machine gets, and $enough->() says that
# there was what the test is about.  A client in 40 goes away without having read
# its response.  A service without a value has a record that cannot be had: it is
# refused, and counted for itself.
sub storm {
    my ($name, $n, $location, $services, $value, $enough, $tick) = @_;
    my %count;
    my @wrong;
    my $aborts = 0;
    my $sent = 0;

    $n = $n / 25 if $few;

    # where most of them time out that would take an hour
    my $end = time + seconds(200);

    while ($sent < $n || $sent < 10 * $n && time < $end
           && (($count{ok} // 0) <= 0.9 * $n || $enough && !$enough->()))
    {
        my @batch = map { $services->[($sent + $_) % @$services] } 0 .. 2499;
        my @gone;

        my @responses = load(60, [
            map { service_request($_, $location) } @batch ], sub {
                $tick->($_[0]) if $tick;
                return if rand > 1 / 40;
                my $client = client();
                $client->send(service_request(
                    $services->[rand @$services], $location));
                $aborts++;
                return $client->close if rand > 0.5;

                # it goes a bit later
                push @gone, $client;
                (shift @gone)->close if @gone > 5;
            });
        $_->close for @gone;

        for my $i (0 .. $#batch) {
            my $res = $responses[$i];
            my $reason = $res ? $res->header('X-Reason') // $res->status : 'none';
            my $payload = payload($res);
            my $want = $value->($batch[$i]);

            $count{defined $want ? $reason : "poison $reason"}++;
            push @wrong, "$batch[$i]: $reason " . ($payload // '-')
                if $reason eq 'ok' ? ($payload // '') ne ($want // 'none')
                    : defined $payload
                      || !$may{$reason} && (defined $want
                                            || $reason ne 'store_error');
        }

        $sent += @batch;
    }

    note("$name: " . join(', ', map { "$_ $count{$_}" } sort keys %count)
         . ", $aborts aborts");
    is(join("\n", @wrong > 10 ? (@wrong[0 .. 9], '...') : @wrong), '',
       "$name: $sent replies, each its own");
    ok(($count{ok} // 0) > 0.9 * $n, "$name: most of them the record");
    return;
}


# ------------------------------------------------------------------ the cluster

my $cluster = start_cluster(node_timeout => 5000,
                            args => [ '--enable-debug-command', 'yes' ]);
# of 100 slots, so that requests meet those that move
my @services = map { "{tag" . $_ % 100 . "}$_" } 0 .. 3999;
my %long = map { $_ => ' ' . join '', map { chr 97 + rand 26 } 1 .. rand 3000 }
           @services[ map { rand @services } 1 .. 200 ];
my $value = sub { return "record of $_[0]" . ($long{ $_[0] } // '') };
$cluster->set(map { service_key($_) => $value->($_) } @services);

# Makes trouble in a process of its own until it is killed, or no longer needed
sub trouble {
    my ($stop) = @_;
    my $parent = $$;
    my @nodes = $cluster->nodes;

    defined(my $pid = fork) or die "fork: $!";
    return $pid if $pid;

    # connections of its own, so that each gets its own answers
    $SIG{__DIE__} = 'DEFAULT';
    delete @$_{qw(connection ready)} for @nodes;
    my @masters = $cluster->masters;
    my @half;

    while (!-e $stop && getppid == $parent) {
        my $node = $nodes[rand @nodes];
        my $what = rand;

        eval {
            if ($what < 0.1) {
                $node->command(qw(CLIENT KILL TYPE normal SKIPME yes));

            } elsif ($what < 0.2) {
                $node->command('CLIENT', 'PAUSE', 1 + int rand 60, 'ALL');

            } elsif ($what < 0.3) {
                $node->command('DEBUG', 'SLEEP', 0.001 + rand 0.05);

            } elsif ($what < 0.65) {
                # slots that services are in, half of them moved: ASK
                my $service = $services[rand @services];
                my $slot = $cluster->slot(service_key($service));
                return if grep { $_ == $slot } @half;
                $cluster->begin($slot, $masters[rand @masters]);
                return if !$cluster->{moves}{$slot};     # it is there already
                push @half, $slot;
                $cluster->migrate($slot) if rand > 0.5;

            } elsif (@half) {
                # all of it: MOVED
                my $slot = shift @half;
                $cluster->migrate($slot);
                $cluster->end($slot);
            }
        };
        sleep 0.005 + rand 0.03;
    }

    for my $slot (@half) {
        eval { $cluster->migrate($slot); $cluster->end($slot) };
    }
    POSIX::_exit(0);
}

sub redirections {
    my $sum = 0;

    for my $node ($cluster->nodes) {
        my $stats;

        # the trouble kills this connection, too, as often as it likes
        wait_for(sub {
            return defined($stats = eval { $node->command('INFO', 'errorstats') });
        }) or die "no errorstats\n";
        $sum += $_ for $stats =~ /^errorstat_(?:MOVED|ASK):count=(\d+)/mg;
    }
    return $sum;
}

my @log = (qr/refused, store_(?:unavailable|timeout)|Redis server|answered GET/);

test 'a cluster',
    http_config => $cluster->pass('seeds'),
    config => location('= /km', redis_mode => 'cluster', pass => 'seeds',
                       redis_connections => 2, window => '1h'),
    log_level => 'error',
    may_log => \@log,
    sub {
        my $stop = temp_dir() . '/no-more-trouble';
        my $pid = trouble($stop);
        my $want = $few ? 1 : 200;

        storm('cluster', 40_000, '/km', \@services, $value,
              sub { redirections() > $want });
        open my $file, '>', $stop;
        waitpid $pid, 0;

        note(redirections() . ' redirections');
        ok(redirections() > $want, 'cluster: there were redirections');

        # nothing of it lasts
        my @responses = load(10, [ map { service_request($_) } @services ]);
        is(scalar(grep { (payload($responses[$_]) // '')
                         ne $value->($services[$_]) } 0 .. $#services),
           0, 'cluster: and then all is well');
        $_->kill for $cluster->nodes;
    };


# --------------------------------------------------- a cluster of odd nodes

# Fakes, of which two in three are in the cluster; the third has left it, and
# whoever asks it is told nothing of use.  Who is in it is in a file.  Connections
# become deaf at random, as those of a proxy that has lost its server do: what
# comes over them is taken, and never answered.
my $members = temp_dir() . '/members';
my $calm = temp_dir() . '/calm';
my $happened = temp_dir() . '/happened';
my @port = map { free_port() } 0 .. 2;

sub those_in { open my $file, '<', $members or die $!; return split ' ', <$file> }

sub set_members {
    open my $file, '>', "$members.new" or die $!;
    print $file "@_";
    close $file or die $!;
    rename "$members.new", $members or die $!;
    return;
}

sub happens {
    my ($what) = @_;
    open my $file, '>>', $happened or die $!;
    print $file "$what\n";
    close $file or die $!;
    return;
}

sub count_of {
    my ($what) = @_;
    open my $file, '<', $happened or return 0;
    return scalar grep { /^\Q$what\E$/ } <$file>;
}

sub array { return '*' . @_ . "\r\n" . join '', @_ }

# of its members, half of the slots each
sub odd_map {
    my @of = those_in();
    return array(map {
        array(':' . 8192 * $_ . "\r\n", ':' . (8192 * $_ + 8191) . "\r\n",
              array(bulk('127.0.0.1'), ":$port[$of[$_]]\r\n",
                    bulk($of[$_] x 40)))
    } 0, 1);
}

# the records that end what they come over, each in its way
my %poison = (
    long    => sub { "\$17825792\r\nxxxx" },
    garbage => sub { "HTTP/1.1 400 Bad Request\r\n\r\n" },
    array   => sub { "*1\r\n\$1\r\nx\r\n" },
    kills   => sub { closing },
    cut     => sub { closing("\$99999\r\nxxxx") },
);

sub odd_get {
    my ($node, $key) = @_;
    my $slot = $cluster->slot($key);
    my @of = those_in();
    my $owner = $of[int $slot / 8192];

    if (!grep { $_ == $node } @of) {
        happens('asked the one that left');
        return rand > 0.5 ? "-CLUSTERDOWN Hash slot not served\r\n"
             : rand > 0.5 ? closing : silence;
    }
    if ($owner != $node) {
        happens('moved');
        return "-MOVED $slot 127.0.0.1:$port[$owner]\r\n";
    }
    if ($key =~ /:poison-(\w+)-/ && !-e $calm) {
        happens($1);
        return $poison{$1}->();
    }
    if (rand > 0.999 && !-e $calm) {
        happens('deaf');
        return silence;
    }
    return bulk("record of $key");
}

my @odd = map {
    my $node = $_;
    set_members(0, 1);
    fake_redis(port => $port[$node], get => sub { odd_get($node, @_) },
               command => { CLUSTER => sub {
                   my $in = grep { $_ == $node } those_in();
                   return $in ? odd_map()
                        : array(array(":0\r\n", ":16383\r\n",
                              array(bulk('127.0.0.1'), ":$port[$node]\r\n",
                                    bulk($node x 40))));
               } });
} 0 .. 2;

test 'a cluster of odd nodes',
    http_config => 'upstream odd {' . join('', map {
        'server ' . $_->address . ';' } @odd) . '}',
    config => location('= /km', redis_mode => 'cluster', pass => 'odd',
                       redis_connections => 4, redis_timeout => seconds(1) . 's',
                       window => '1h'),
    log_level => 'error',
    may_log => [ @log, qr/refused, store_error|slots of its cluster/ ],
    sub {
        my @poison = map { "poison-$_-x" } sort keys %poison;
        my @own = map { $_ % 50 == 49 ? $poison[ $_ / 50 % @poison ] : "o$_" }
                  0 .. 2499;
        my $value = sub {
            return $_[0] =~ /^poison/ ? undef : 'record of ' . service_key($_[0]);
        };
        my $left = 2;
        my @at_least = $few ? () : ('deaf', 'moved', 'asked the one that left',
                                    sort keys %poison);

        # one leaves, and the one that had left takes its place
        my $leave = sub {
            my ($n) = @_;
            return if $n % 400;
            my @of = those_in();
            my $i = int rand 2;
            ($of[$i], $left) = ($left, $of[$i]);
            set_members(@of);
        };

        storm('odd', 10_000, '/km', \@own, $value,
              sub { !grep { count_of($_) < 3 } @at_least }, $leave);
        is(join(', ', grep { count_of($_) < 3 } @at_least), '',
           'odd: all of it has happened');

        # nothing of it lasts, and what was poisonous is a record now
        open my $file, '>', $calm or die $!;
        my @bad;
        ok(wait_for(sub {
            my @responses = load(10, [ map { service_request($_) } @own[0 .. 199] ]);
            @bad = grep { (payload($responses[$_]) // '')
                          ne 'record of ' . service_key($own[$_]) } 0 .. 199;
            return !@bad;
        }), 'odd: and then all is well') or diag(scalar @bad);
        note(join ', ', map { "$_ " . count_of($_) } @at_least);
    };


# ------------------------------------------------------- servers that are worse

# slow, cut off in a reply, or not answering at all; never the same twice
sub worse {
    my ($random) = @_;
    return fake_redis(get => sub {
        my ($key) = @_;
        my $reply = bulk("record of $key");
        my $what = rand;

        return pause(rand 0.05), $reply                      if $what < 0.02;
        return substr($reply, 0, 9), pause(0.01), substr($reply, 9)
                                                             if $what < 0.04;
        return closing(substr $reply, 0, rand length $reply) if $what < 0.042;
        return reset_                                        if $what < 0.044;
        return closing                                       if $what < 0.046;
        return $reply;
    });
}

my @worse = (worse, worse);

test 'servers of an upstream',
    http_config => 'upstream worse {' . join('', map {
        'server ' . $_->address . ' max_fails=0;' } @worse) . '}',
    config => location('= /km', pass => 'worse', redis_connections => 4,
                       redis_timeout => '300ms', window => '1h'),
    log_level => 'error',
    may_log => \@log,
    sub {
        my @own = map { "w$_" } 0 .. 2499;
        storm('upstream', 10_000, '/km', \@own,
              sub { 'record of ' . service_key($_[0]) });
    };

run_tests();
