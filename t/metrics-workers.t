# seal_km_metrics over all workers: over a reload, when a worker is killed, when
# there are more of them than before.

use lib 't/lib';
use SealKM;
use SealKM::Load;
use SealKM::Metrics;
use SealKM::Watch;

my $port = free_port();

# a key of its own for each answer that is to be held
my $fake = fake_redis(get => sub {
    my ($name) = @_;
    return $name =~ /(held\d*)/ ? (hold($1), bulk('K')) : bulk('K');
});

Test::Nginx::Util::add_block_preprocessor(sub {
    Test::Nginx::Util::workers($_[0]->workers || 2);
});

my $OK = 'seal_km_responses_total{reason="ok"}';
my $READY = 'seal_km_store_connections{state="ready"}';
my $WAITING = 'seal_km_requests_waiting{for="store"}';

my @nginx = (
    master => 1,
    http_config => "seal_km_zone name=z 64k;\n",
    config => listen_workers($port) . metrics_at('= /metrics', 'z')
        . watched('= /km', zone => 'z', window => '1h'),
    may_log => [ qr/\[alert\].*worker process \d+ exited on signal 9/,
                 qr/\[(?:error|notice)\]/ ],
);

sub change {
    my ($from, $to) = @_;
    my $path = $Test::Nginx::Util::ConfFile;

    open my $in, '<', $path or die "$path: $!";
    my $text = do { local $/; <$in> };
    $text =~ s/$from/$to/ or die "no $from\n";
    open my $out, '>', $path or die "$path: $!";
    print $out $text;
    close $out or die "$path: $!";
    return;
}

sub reread { gone(reload()) or die "old workers do not exit\n"; return }


test 'two workers, and reloads',
    @nginx,
    log => [ qr/\[emerg\].*is too small for 40 workers: it wants \d+ at least, in .*nginx.conf:\d+/ ],
    sub {
        my %client = worker_clients($port, 2);
        my ($one, $two) = sort keys %client;

        for (1 .. 3) {
            post(via => $client{$one});
        }
        post(via => $client{$two}) for 1 .. 2;

        is(metrics($client{$_})->{$OK}, 5, "$_ tells of all") for $one, $two;
        is(metrics($client{$_})->{$READY}, 2, "$_ knows all connections")
            for $one, $two;
        is(metrics()->{seal_km_request_seconds_count}, 5, 'the times of all');
        is(metrics()->{'seal_km_token_cache_total{result="miss"}'}
           + metrics()->{'seal_km_token_cache_total{result="hit"}'}, 5,
           'the tokens of all');

        reread();
        is(becomes($READY, 0), 0, 'no connection is left');
        is(sample($OK), 5, 'a reload keeps what was counted');

        %client = worker_clients($port, 2);
        post(via => $client{$_}) for keys %client;
        is(sample($OK), 7, 'new workers go on');
        is(sample($READY), 2, 'with connections of their own');

        # more workers than there were slots for
        change(qr/worker_processes\s+\d+;/, 'worker_processes 8;');
        reread();
        %client = worker_clients($port, 8);
        post(via => $client{$_}) for keys %client;
        is(sample($OK), 15, 'eight workers');
        is(sample($READY), 8, 'eight connections');

        reread() for 1 .. 2;
        is(sample($OK), 15, 'kept over reloads of those');
        is(becomes($READY, 0), 0, 'and no gauge');

        # more than the zone has room for: the configuration stays as it was
        change(qr/worker_processes 8;/, 'worker_processes 40;');
        kill 'HUP', master_pid();
        ok(wait_for(sub { grep { /\[emerg\].*"seal_km_zone" "z" is too small for 40 workers/ }
                               error_log() }), 'too many workers');
        post();
        is(sample($OK), 16, 'the workers of before go on');
    };


# The same process goes on, and takes no new connection then: that is nginx'. What
# it has is served by the configuration of before. The memory of a zone that is no
# more is given back at once: nobody may ask for that, nor may what is left be counted
# there, such as the end of a connection to Redis.
my $left = fake_redis(get => sub { bulk('K') });

test 'a reload without a master process',
    http_config => "seal_km_zone name=z 64k;\nseal_km_zone name=other 64k;\n",
    config => metrics_at('= /metrics', 'z') . watched('= /km', zone => 'z')
        . watched('= /other', zone => 'other', pass => $left->address)
        . metrics_at('= /metrics-other', 'other'),
    may_log => [ qr/\[notice\]|worker_connections are not enough|closed the connection/ ],
    sub {
        my $client = client();
        my $ok = sub { metrics($client, "/metrics$_[0]")->{$OK} };

        km "$_: before", { via => $client, location => $_ }, { payload => 'K' }
            for qw(/km /km /other);
        is($ok->('') . $ok->('-other'), '21', 'counted');

        change(qr/seal_km_zone name=other 64k;/, '');
        change(qr/seal_km_zone other;/, 'seal_km_zone z;') for 1, 2;
        my ($nginx) = worker_pids();
        kill 'HUP', $nginx;
        ok(wait_for(sub { grep { / reconfiguring/ } error_log() }), 'a reload');
        km 'after it', { via => $client }, { payload => 'K' };
        is($ok->(''), 3, 'counting goes on');

        my $sockets = sockets($nginx);
        $left->kill;
        ok(wait_for(sub { sockets($nginx) < $sockets }), 'a connection ends');
        km 'that was counted where no memory is', { via => $client }, { payload => 'K' };
        is($ok->(''), 4, 'and counting goes on');
    };


test 'a worker that is killed',
    @nginx,
    sub {
        my %client = worker_clients($port, 2);
        my ($one, $two) = sort keys %client;

        post(via => $client{$one});
        post(via => $client{$two});
        $client{$one}->send(request(via => 1, body => { ServiceID => 'held1' }));
        is(becomes($WAITING, 1, undef), 1, 'one waits');
        is(sample($READY), 2, 'two connections');

        kill 'KILL', $one;
        ok(gone($one), 'its worker is killed');
        ok(wait_for(sub { (() = worker_pids()) == 2 }), 'and has a successor');
        is(becomes($WAITING, 0), 0, 'none waits any more');
        is(becomes($READY, 1), 1, 'nor is its connection counted');
        is(sample($OK), 2, 'what it has counted stays');

        my %new = worker_clients($port, 2);
        post(via => $new{$_}) for keys %new;
        is(sample($OK), 4, 'and its successor counts on');
    };


test 'a worker that is killed while it is exiting',
    @nginx,
    sub {
        my %client = worker_clients($port, 2);
        my ($one, $two) = sort keys %client;

        $client{$one}->send(request(via => 1, body => { ServiceID => 'held2' }));
        is(becomes($WAITING, 1), 1, 'one waits');

        # it exits when that has its answer, and has no successor
        my @old = reload();
        ok(gone($two), 'the other one exits');
        is(sample($WAITING), 1, 'one still waits');
        kill 'KILL', $one;
        ok(gone($one), 'it is killed');
        is(becomes($WAITING, 0), 0, 'none waits any more');
        is(becomes($READY, 0), 0, 'no connection is left');
    };

run_tests();
