# Everything that goes wrong, at the same time, for SEAL_KM_SOAK_MINUTES: reloads,
# workers that are killed, a Redis that is killed, failovers, keys that change,
# clients that go away, that are slow, that send too much or reset streams; under
# traffic to one Redis and to a master that sentinels name. In the end no request
# has failed that should not, no record went to another, nothing has grown, and
# the log has no alert.
#
#     make soak [MINUTES=10]
#
# What goes on is random: srand's seed is told, SEAL_KM_SEED sets it.

use lib 't/lib';
use SealKM;
use SealKM::HTTP2;
use SealKM::KeyFile;
use SealKM::Load;
use SealKM::Sentinel;
use SealKM::Traffic;

use List::Util 'shuffle';
use POSIX ();
use Time::HiRes qw(sleep time);

my $minutes = $ENV{SEAL_KM_SOAK_MINUTES} || 10;
my $seed = $ENV{SEAL_KM_SEED} // int time;
srand $seed;

my @services = map { "s$_" } 0 .. 199;
my @records = map { service_key($_) => "record of $_" } @services;

my $single = start_redis();
my $ha = start_sentinels(name => 'keys', down_after => 1000);
$ha->set(@records);

my $keys = SealKM::KeyFile->new('rsa', 'rsa2');
my $h2 = free_port();
my @patient = (redis_timeout => '2s', redis_connect_timeout => '1s',
               jwks => $keys->path, zone => 'soak');

sub fill { $single->command('MSET', @records); return }


# ------------------------------------------------------- when what may be refused

# { what, from, until }: of requests for these locations, of all with '*'. Until
# it is over a window has no end.
my @windows;

sub window {
    my ($what) = @_;
    push @windows, { what => $what, from => time };
    return $windows[-1];
}

# old connections, and timeouts that had begun
sub over { my ($window, $more) = @_; $window->{until} = time + $more; return }

sub excused {
    my ($location, $result) = @_;
    return scalar grep { ($_->{what} eq $location || $_->{what} eq '*')
                         && $result->{end} >= $_->{from} - 0.1
                         && $result->{begin} <= ($_->{until} // 9e9) } @windows;
}

# what a store that fails has as a consequence, and a worker that is killed
my %may = (store_unavailable => 1, store_timeout => 1, store_error => 1,
           not_found => 1, '' => 1);

sub faults {
    my ($location, @results) = @_;
    return grep {
        $_->{reason} eq 'ok' ? $_->{payload} ne "record of $_->{service}"
                             : !$may{ $_->{reason} } || $_->{status} == 0
                               && $_->{payload} ne ''
                               || !excused($location, $_)
    } @results;
}


# ------------------------------------------------------------------ what operators do

my %done;
my $killed = 0;

sub reloaded { return gone(reload()) || die "old workers stay\n" }

my %deed = (
    'a reload' => \&reloaded,

    'a worker is killed' => sub {
        my @pids = worker_pids();
        my $pid = $pids[rand @pids];
        my $window = window('*');
        $killed += kill 'KILL', $pid;
        gone($pid) or die "a worker stays\n";
        wait_for(sub { @pids <= worker_pids() }) or die "no new worker\n";
        over($window, 1);
    },

    'Redis is killed' => sub {
        my $window = window('single');
        $single->kill;
        sleep rand 1;
        $single->restart;
        fill();
        wait_for(sub { post(location => '/single', token => { exp => time + 600 },
                            body => { ServiceID => 's1' })->status == 200 })
            or die "Redis is not asked again\n";
        over($window, 3);
    },

    'a failover' => sub {
        $ha->settle(told => 1);
        my $window = window('sentinel');
        $ha->failover;
        $ha->heal;
        wait_for(sub { post(location => '/sentinel', token => { exp => time + 600 },
                            body => { ServiceID => 's1' })->status == 200 })
            or die "the new master is not asked\n";
        over($window, 3);
    },

    # "rsa" is what all clients have; the other comes and goes
    'keys change' => sub {
        my @other = grep { rand > 0.5 } qw(rsa2 ec256 ec384);
        $keys->${\ (rand > 0.5 ? 'write' : 'replace') }('rsa', @other);
    },
);


# ------------------------------------------------------------------ what clients do

# What one of them gets, if anything: a record of its own, or a refusal that is
# right whatever nginx and Redis are going through.
sub own_record {
    my ($text) = @_;
    return $text =~ /,"Payload":"record of s1"\}\z/
           || $text =~ /"ErrorCode":"0[12]"/;
}

my $trouble_token = mint(exp => int(time) + 60 * $minutes + 3600);

sub sent {
    my (%set) = @_;
    return request(token => $trouble_token, body => { ServiceID => 's1' },
                   location => rand > 0.5 ? '/single' : '/sentinel', %set);
}

my @misdeeds = (
    # goes away before, or while, it is answered
    sub {
        my $client = client();
        my $text = sent();
        $client->send(rand > 0.5 ? $text : substr $text, 0, rand length $text);
        $client->close;
        return 'gone';
    },
    # a byte at a time
    sub {
        my $client = client();
        my ($head, $rest) = split /(?<=\r\n\r\n)/, sent(), 2;
        $client->send($head);
        for (split //, $rest) {
            $client->send($_);
            sleep 0.005;
        }
        my $res = $client->response or return 'closed';
        return own_record($res->body) ? 'slow' : 'slow: ' . $res->body;
    },
    # more than it may
    sub {
        my $client = client();
        $client->send(sent(body => request_body(ServiceID => 's1') . ' ' x 100_000));
        my $res = $client->response or return 'closed';
        return $res->status == 413 ? 'oversized' : 'oversized: ' . $res->status;
    },
    # a spoilt signature
    sub {
        my $client = client();
        $client->send(sent(token => $trouble_token =~ s/.{8}\z/AAAAAAAA/r));
        my $res = $client->response or return 'closed';
        return $res->status == 401 ? 'spoilt' : 'spoilt: ' . $res->status;
    },
    # many streams, some of which it resets
    sub {
        my $client = SealKM::HTTP2->new(port => $h2);
        my $body = request_body(ServiceID => 's1');
        my @ids = map { $client->request('/single', $trouble_token, $body) } 1 .. 20;
        my @kept;
        for (@ids) {
            rand > 0.5 ? $client->rst($_) : push @kept, $_;
        }
        my @wrong = grep { defined && !own_record($_) }
                    map { $client->response($_) } @kept;
        $client->close;
        return @wrong ? "stream: $wrong[0]" : 'streams';
    },
);

# in a process of its own, which tells what came of each in a file
sub misbehave {
    my ($path) = @_;
    my $parent = $$;
    defined(my $pid = fork) or die "fork: $!";
    return $pid if $pid;

    $SIG{__DIE__} = 'DEFAULT';
    $SIG{PIPE} = 'IGNORE';
    srand $seed + 1;
    open my $file, '>', $path or POSIX::_exit(1);
    $file->autoflush(1);
    while (!-e "$path.stop" && getppid == $parent) {
        # nginx may reset a connection, as a worker that is killed does
        my $said = eval { $misdeeds[rand @misdeeds]->() } // 'closed';
        print $file $said =~ s/\n/ /gr, "\n";
        sleep rand 0.05;
    }
    POSIX::_exit(0);
}

sub stopped {
    my ($path, $pid) = @_;
    open my $stop, '>', "$path.stop" or die $!;
    waitpid $pid, 0;
    open my $file, '<', $path or die "$path: $!";
    my %n;
    chomp, $n{$_}++ for <$file>;
    return \%n;
}


# ------------------------------------------------------------------------ growth

sub kilobytes {
    my ($pid) = @_;
    open my $file, '<', "/proc/$pid/status" or return 0;
    my ($n) = join('', <$file>) =~ /^VmRSS:\s+(\d+)/m;
    return $n;
}

sub work {
    load(20, [ map { my $s = $_; map { service_request($s, "/$_") }
                     qw(single sentinel) } (@services) x 3 ]);
    return;
}

# after the same work once more
sub measured {
    work();
    my %now = (master => kilobytes(master_pid()),
               files => scalar(() = glob '/proc/' . master_pid() . '/fd/*'),
               workers => 0, sockets => 0);
    for (worker_pids()) {
        $now{workers} += kilobytes($_);
        $now{sockets} += sockets($_);
    }
    return \%now;
}


test "$minutes minutes",
    master => 1,
    workers => 2,
    log_level => 'warn',
    main_config => "worker_shutdown_timeout 10s;\n",
    http_config => $ha->pass('sentinels') . "seal_km_zone name=soak 1m;\n"
        . "seal_km_jwks_check 200ms;\n",
    config => listen_http2($h2)
        . location('= /single', @patient, pass => $single->address)
        . location('= /sentinel', @patient, redis_mode => 'sentinel keys',
                   pass => 'sentinels'),
    may_log => [ qr/\[(?:warn|error)\]/,
                 qr/\[alert\].*worker process \d+ exited on signal 9/,
                 qr/\[crit\].*connect\(\) to unix/ ],
    sub {
        fill();
        note("seed $seed");
        # a master has no more than one configuration before its first reload
        reloaded();
        work();
        my $first = measured();
        my %traffic = map {
            $_ => traffic(\@services, location => "/$_", rate => 40, width => 40)
        } qw(single sentinel);
        my $clients = temp_dir() . '/clients';
        my $pid = misbehave($clients);
        my $end = time + 60 * $minutes;
        my @names = sort keys %deed;

        # each of them, in any order, again and again
        for (my @next; time < $end; ) {
            @next = shuffle(@names) if !@next;
            my $name = shift @next;
            $deed{$name}->();
            $done{$name}++;
            sleep rand 1;
        }
        ok(answered($traffic{$_}, 30), "$_: requests go on") for sort keys %traffic;

        my $said = stopped($clients, $pid);
        for my $name (sort keys %traffic) {
            my @results = $traffic{$name}->stop;
            my @faults = faults($name, @results);
            note("$name: " . tally(@results));
            is(join("\n", map { join ' ', %$_ } @faults[0 .. (@faults > 5 ? 4 : $#faults)]),
               '', "$name: of " . @results . ' requests none failed that should not');
            cmp_ok(scalar(grep { $_->{reason} eq 'ok' } @results), '>', @results / 2,
                   "$name: most had their record");
        }

        note(join ', ', map { "$_ $done{$_}" } sort keys %done);
        note(join ', ', map { "$_ $said->{$_}" } sort keys %$said);
        is(join(', ', grep { !/^(?:gone|closed|slow|oversized|spoilt|streams)\z/ }
                      sort keys %$said), '', 'and clients that misbehave are refused');
        cmp_ok($said->{$_} // 0, '>', 0, "there were some: $_")
            for qw(gone slow oversized spoilt streams);
        cmp_ok($done{$_} // 0, '>', 0, "$_: was done") for @names;

        # of the workers that went through the end of it, and then of new ones
        my $last = measured();
        my $again = measured();
        reloaded();
        work();
        my $new = measured();
        note(map { "$_: $first->{$_}, at the end $last->{$_}\n" } sort keys %$first);
        cmp_ok($new->{files}, '<=', $first->{files}, 'as many files of the master');
        for ([ 'after all', $last ], [ 'new workers', $new ]) {
            my ($name, $now) = @$_;
            cmp_ok($now->{sockets}, '<=', $first->{sockets} + 16,
                   "$name: as many sockets");
            cmp_ok($now->{$_}, '<', $first->{$_} + 4096, "$name: memory of the $_ is flat")
                for qw(master workers);
        }
        cmp_ok($again->{workers}, '<', $last->{workers} + 1024,
               'the same work once more takes no more memory');
        is(scalar(grep { /\[alert\].*exited on signal 9/ } error_log()), $killed,
           "$killed workers were killed, and no other died");
    };


Test::Nginx::Util::add_block_preprocessor(sub {
    Test::Nginx::Util::workers($_[0]->workers || 1);
});

run_tests();
