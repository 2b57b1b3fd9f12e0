# seal_km_zone: memory that all workers share, that outlives a reload and that
# is never too small.

use lib 't/lib';
use SealKM;
use SealKM::Load;
use SealKM::Watch;

Test::Nginx::Util::log_level('notice');
Test::Nginx::Util::add_block_preprocessor(sub {
    Test::Nginx::Util::workers($_[0]->workers || 1);
});

my $redis = start_redis();
$redis->set('seal:km:v2x.example:service', 'K');

my @ok = ({ payload => 'K' });
my @hmac = (jwks => jwks('hs256'), algorithms => 'HS256', window => '1h');

# changes the configuration of the nginx that runs, which then reads it; the old
# workers are gone when this returns
sub change {
    my ($change) = @_;
    my $path = $Test::Nginx::Util::ConfFile;

    open my $file, '<', $path or die "$path: $!";
    local $_ = do { local $/; <$file> };
    my $old = $_;
    $change->();
    die "nothing to change\n" if $_ eq $old;
    open $file, '>', $path or die "$path: $!";
    print $file $_;
    close $file or die "$path: $!";
    return;
}

sub reread {
    gone(reload()) or die "old workers do not exit\n";
    return;
}


test 'eviction from 64k by 10,000 tokens',
    http_config => "seal_km_zone name=small 64k;\n",
    config => watched('= /km', zone => 'small', @hmac),
    sub {
        my $body = request_body();
        my @requests = map {
            request(token => mint(-key => 'hs256', jti => "t$_"), body => $body,
                    via => 1)
        } 1 .. 10_000;

        my @res = load(20, \@requests);
        my %seen;
        $seen{ (payload($_) // 'none') . ' ' . ($_ ? $_->header('X-Cache') : '') }++
            for @res;
        is($seen{'K MISS'} // 0, 10_000, 'none of them fails')
            or diag(to_json(\%seen));

        # the last of them are there, the first ones are not
        @res = load(1, [ @requests[9998, 9999, 0, 1] ]);
        is(join(' ', map { $_->header('X-Cache') } @res), 'HIT HIT MISS MISS',
           'the last stay, the first went');
    };


test 'the least recently used goes first',
    http_config => "seal_km_zone name=small 64k;\n",
    config => watched('= /km', zone => 'small', @hmac),
    sub {
        my $body = request_body();
        my ($used, $unused, @more) = map {
            request(token => mint(-key => 'hs256', jti => "t$_"), body => $body,
                    via => 1)
        } 1 .. 2000;
        my @requests = ($unused, $used, $unused, $used);
        while (my @few = splice @more, 0, 5) {
            push @requests, @few, $used;
        }

        my @res = load(1, \@requests);
        my @state = map { $_->header('X-Cache') } @res;
        my @of_used = @state[ grep { $requests[$_] eq $used } 0 .. $#requests ];

        is(shift @of_used, 'MISS', 'the one in use: first');
        is(join(' ', grep { $_ ne 'HIT' } @of_used), '',
           'the one in use: ever after');
        is($state[2], 'HIT', 'the one not in use: at first');
        is((load(1, [$unused]))[0]->header('X-Cache'), 'MISS',
           'the one not in use: later');
        is(scalar(grep { (payload($_) // '') eq 'K' } @res), @requests,
           'none of them fails');
    };


test 'two zones',
    http_config => "seal_km_zone name=one 64k;\nseal_km_zone name=two 1m;\n",
    config => "seal_km_zone one;\n" . watched('= /km')
        . watched('= /again') . watched('= /two', zone => 'two')
        . watched('= /off', token_cache => 'off'),
    sub {
        my @token = (token => mint());

        cached 'MISS', 'the first, at first', { @token }, @ok;
        cached 'HIT', 'the first, again', { @token }, @ok;
        cached 'MISS', 'the second, at first', { @token, location => '/two' },
            @ok;
        cached 'HIT', 'the second, again', { @token, location => '/two' }, @ok;
        cached 'OFF', 'off', { @token, location => '/off' }, @ok;
    };


test 'kept over a reload',
    master => 1,
    http_config => "seal_km_zone name=kept 1m;\nseal_km_zone name=other 2m;\n",
    config => "seal_km_zone kept;\n" . watched('= /km')
        . watched('= /two', issuer => ISSUER . ' other')
        . watched('= /other', zone => 'other'),
    log => [ qr/\[emerg\].*"seal_km_zone"|\[emerg\].*"not_a_directive"/ ],
    sub {
        my @token = (token => mint());
        my @two = (location => '/two', token => mint(iss => 'other'));
        my @other = (location => '/other', token => mint());

        for (\@token, \@two, \@other) {
            my $name = { @$_ }->{location} // '/km';
            cached 'MISS', "$name: first", { @$_ }, @ok;
            cached 'HIT', "$name: again", { @$_ }, @ok;
        }

        for (1 .. 2) {
            reread();
            cached 'HIT', "reload $_, nothing changed", { @token }, @ok;
            cached 'HIT', "reload $_, another location", { @two }, @ok;
            cached 'HIT', "reload $_, another zone", { @other }, @ok;
        }

        # a size
        change(sub { s/name=kept 1m/name=kept 2m/ });
        reread();
        cached 'MISS', 'another size', { @token }, @ok;
        cached 'HIT', 'another size, again', { @token }, @ok;
        cached 'HIT', 'the other zone stays', { @other }, @ok;

        # a configuration that is not taken changes nothing
        my $pid = (worker_pids())[0];
        change(sub { s/seal_km_zone kept;/not_a_directive x;/ });
        kill 'HUP', master_pid();
        ok(wait_for(sub { grep { /not_a_directive/ } error_log() }),
           'a bad configuration');
        is((worker_pids())[0], $pid, 'is not taken');
        cached 'HIT', 'the one before stays', { @token }, @ok;
        change(sub { s/not_a_directive x;/seal_km_zone kept;/ });

        # a policy: what it was is not what it is
        change(sub { s/(seal_km_issuer \S+) other;/$1 another;/ });
        reread();
        cached 'HIT', 'another policy elsewhere', { @token }, @ok;
        km 'what the policy no longer takes', { @two }, 'token_issuer';

        # and the name
        change(sub { s/name=kept/name=renamed/; s/seal_km_zone kept/seal_km_zone renamed/ });
        reread();
        cached 'MISS', 'another name', { @token }, @ok;
        cached 'HIT', 'another name, again', { @token }, @ok;

        change(sub { s/seal_km_zone renamed;// });
        reread();
        cached 'OFF', 'no zone any more', { @token }, @ok;
    };


my $port = free_port();

test 'all workers',
    master => 1,
    workers => 2,
    http_config => "seal_km_zone name=shared 1m;\n",
    config => listen_workers($port) . watched('= /km', zone => 'shared',
                                              jwks => jwks('rsa', 'ec256')),
    sub {
        my %client = worker_clients($port, 2);
        my ($one, $two) = sort keys %client;
        isnt($one, $two, 'two workers');

        for my $key (qw(rsa ec256)) {
            my @token = (token => mint(-key => $key));
            my $res = cached 'MISS', "$key: the first worker",
                { @token, via => $client{$one} }, @ok;
            is($res->header('X-Pid'), $one, 'that is the one');
            $res = cached 'HIT', "$key: the second worker",
                { @token, via => $client{$two} }, @ok;
            is($res->header('X-Pid'), $two, 'that is the other');
        }

        reread();
        my @token = (token => mint(jti => 'new'));
        %client = worker_clients($port, 2);
        my @workers = sort keys %client;
        ok(!(grep { $_ eq $one || $_ eq $two } @workers), 'two others');
        cached 'MISS', 'a new token', { @token, via => $client{$workers[0]} },
            @ok;
        cached 'HIT', 'found by all', { @token, via => $client{$_} }, @ok
            for @workers;
    };


test 'a worker that is killed',
    master => 1,
    workers => 2,
    http_config => "seal_km_zone name=shared 1m;\n",
    config => listen_workers($port) . watched('= /km', zone => 'shared'),
    log => [ qr/\[alert\].*worker process \d+ exited on signal 9/ ],
    sub {
        my %client = worker_clients($port, 2);
        my ($one, $two) = sort keys %client;
        my @token = (token => mint());

        cached 'MISS', 'before', { @token, via => $client{$one} }, @ok;
        kill 'KILL', $one;
        ok(gone($one), 'killed');
        cached 'HIT', 'what it left is there', { @token, via => $client{$two} },
            @ok;
        wait_for(sub { (() = worker_pids()) == 2 });
        my %new = worker_clients($port, 2);
        cached 'HIT', 'for its successor too', { @token, via => $new{$_} }, @ok
            for sort keys %new;
    };


# ----------------------------------------------------------------- bad directives

sub at { return location('= /km', @_) }

sub fails {
    my ($name, $set, $pattern) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my ($status, $output) = nginx_t(%$set);

    ok($status != 0 && $output =~ /\[emerg\]/ && $output =~ $pattern, $name)
        or diag("status $status\n$output");
}

sub works {
    my ($name, $set) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my ($status, $output) = nginx_t(%$set);

    ok($status == 0 && $output !~ /\[(?!notice)\w+\]/, $name)
        or diag("status $status\n$output");
}

my $zone = "seal_km_zone name=z 1m;\n";

fails "seal_km_zone $_;", { http_config => "seal_km_zone $_;\n" },
    qr/seal_km_zone|CONF:\d+/ for
    '', 'name=z', 'name= 1m', 'name=z x', 'name=z 0', 'name=z -1', 'name=z 1x',
    'name=z 1m 2m', 'name=z 4k', 'name=z ""', '""';
fails "seal_km_zone $_; in a server", { config => "seal_km_zone $_;\n" },
    qr/seal_km_zone|CONF:\d+/ for '', 'name=z 1m', 'a b';
fails "seal_km_zone $_; in a location", { http_config => $zone,
    config => at(zone => $_) }, qr/seal_km_zone|CONF:\d+/ for
    '', 'name=y 1m', 'a b', '""';
fails 'a zone that is nowhere', { config => at(zone => 'nowhere') },
    qr/nowhere/;
fails 'a zone of another name', { http_config => $zone,
                                  config => at(zone => 'zz') }, qr/"zz"/;
fails 'a zone of another module',
    { http_config => "limit_req_zone \$uri zone=z:1m rate=1r/s;\n",
      config => at(zone => 'z') }, qr/"z"/;
fails 'the name of a zone of another module',
    { http_config => "limit_req_zone \$uri zone=z:1m rate=1r/s;\n$zone",
      config => at(zone => 'z') }, qr/"z"/;
fails 'a zone twice', { http_config => $zone x 2, config => at(zone => 'z') },
    qr/"z"|duplicate/;
fails 'a zone twice, two sizes',
    { http_config => "${zone}seal_km_zone name=z 2m;\n",
      config => at(zone => 'z') }, qr/"z"|duplicate|conflicts/;
fails 'two in a location', { http_config => $zone,
    config => at(zone => [ 'z', 'z' ]) }, qr/duplicate/;
works 'one at each level', {
    http_config => "$zone" . "seal_km_zone name=y 64k;\n",
    config => "seal_km_zone z;\n" . at(zone => 'y') };
works 'one that nobody uses', { http_config => $zone, config => at() };
works 'inherited', { http_config => $zone, config => "seal_km_zone z;\n" . at() };
works 'of 64k', { http_config => "seal_km_zone name=z 64k;\n",
                  config => at(zone => 'z') };

run_tests();
