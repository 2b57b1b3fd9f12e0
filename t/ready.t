# seal_km_ready: whether a server can serve, told without a token.

use lib 't/lib';
use SealKM;
use SealKM::JwksServer;
use SealKM::Load;

use Time::HiRes qw(sleep time);

Test::Nginx::Util::log_level('notice');

my $redis = start_redis();
$redis->set('seal:km:v2x.example:service', 'K');

my @short = (redis_timeout => '300ms', redis_connect_timeout => '300ms');
my $noise = qr/\[(?:error|crit)\]|upstream server temporarily disabled/;

sub ready { return "location = $_[0] {\n seal_km_ready $_[1];\n" . ($_[2] // '') . "}\n" }

sub probe {
    my ($location, %set) = @_;
    my $client = $set{via} || client();
    my $method = $set{method} // 'GET';

    $client->send("$method " . ($location // '/ready') . " HTTP/1.1\r\nHost: a\r\n"
        . ($set{headers} // '') . ($set{via} ? '' : "Connection: close\r\n")
        . "\r\n" . ($set{body} // ''));
    return $client->response(head => $method eq 'HEAD');
}

# "200 ok ok": status, store, keys
sub state_of {
    my ($res) = @_;
    return 'no response' if !$res;
    my $text = $res->body;
    my ($status, $store, $keys) = $text =~
        /\A\{"status":"(\w+)","checks":\{"store":"(\w+)","keys":"(\w+)"\}\}\z/
        or return $res->status . " $text";
    my $fits = $res->status == ($status eq 'ready' ? 200 : 503)
               && $status =~ /\A(?:not_)?ready\z/;

    return $fits ? join ' ', $res->status, $store, $keys : "$text does not fit";
}

sub seen { return state_of(probe(@_)) }

# an answer is good for a second
sub becomes {
    my ($want, $name, @probe) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $seen;

    wait_for(sub { ($seen = seen(@probe)) eq $want || (sleep(0.1), 0)[1] });
    return is($seen, $want, $name);
}


test 'the answer',
    config => location('= /km') . ready('= /ready' =~ s/= //r, '/km')
        . location('/prefix/') . ready('/two', '/prefix/x')
        . location('~ ^/re(gex)?$') . ready('/three', '/regex')
        . ready('/if', '/km', 'if ($arg_a) { set $b 1; }')
        . ready('/except', '/km', 'limit_except GET { allow all; }')
        . ready('/headers', '/km', 'add_header X-A b always; expires 1h;'),
    sub {
        is($redis->calls('get'), 0, 'nobody has asked Redis yet');

        my $res = probe('/ready');
        is(state_of($res), '200 ok ok', 'the first probe of all');
        is($redis->calls('get'), 1, 'by one GET');
        is($res->header('Content-Type'), 'application/json', 'Content-Type');
        is($res->header('Cache-Control'), 'no-store', 'Cache-Control');

        is(seen($_), '200 ok ok', $_) for '/two', '/three', '/if?a=1', '/if',
            '/except', '/ready?a=b';

        $res = probe('/ready', method => 'HEAD');
        is($res->status, 200, 'HEAD');
        is($res->body, '', 'HEAD: no body');
        is($res->header('Content-Length'), length probe('/ready')->body,
           'HEAD: its length');

        for my $method (qw(POST PUT DELETE OPTIONS PATCH)) {
            $res = probe('/ready', method => $method);
            is($res->status, 405, $method);
            is($res->header('Allow'), 'GET, HEAD', "$method: Allow");
            is($res->header('Cache-Control'), 'no-store', "$method: no-store");
        }

        is(seen('/ready', headers => "Content-Length: 3\r\n", body => 'abc'),
           '200 ok ok', 'a body is not looked at');
        is(seen('/ready', headers => "$_\r\n"), '200 ok ok', $_)
            for 'If-None-Match: *', 'If-Modified-Since: ' . gmtime() . ' GMT',
                'If-Match: "x"', 'Range: bytes=0-1', 'Authorization: Bearer x';

        my $client = client();
        is(seen('/ready', via => $client), '200 ok ok', "kept alive, $_")
            for 1 .. 3;

        $res = probe('/headers');
        is($res->header('X-A'), 'b', 'headers of the location');
        is(join(' ', grep { /no-store/ } $res->headers('Cache-Control')),
           'no-store', 'no-store stays');
    };


# who asks is answered by one GET a second, however many they are
my $fake = fake_redis();
my $held = fake_redis(get => sub { return (hold('all'), bulk(undef)) });

test 'what probes cost',
    config => location('= /km', pass => $fake->address) . ready('/ready', '/km')
        . ready('/again', '/km')
        . location('= /held', pass => $held->address) . ready('/held-ready', '/held'),
    sub {
        my $gets = sub { $_[0]->count(qr/^command \d+ GET/) };
        my ($client, $start) = (client(), time);
        my ($n, %seen) = (0);

        while (time < $start + 2.5) {
            $seen{ seen($n++ % 2 ? '/ready' : '/again', via => $client) }++;
            sleep 0.01;
        }
        my $took = time - $start;

        is(join(' ', keys %seen), '200 ok ok', "$n probes");
        cmp_ok($gets->($fake), '<=', int($took) + 1, "at most one GET a second");
        cmp_ok($gets->($fake), '>=', 2, 'but asked again');
        like((grep { /GET/ } $fake->log)[0], qr/GET seal:km::service$/,
             'a name that no record has');
        is($fake->count(qr/^accept/), 1, 'over one connection');

        # who has no patience costs no more than others
        my @gone = map {
            my $c = client();
            $c->send("GET /held-ready HTTP/1.1\r\nHost: a\r\n\r\n");
            ok(wait_for(sub { $gets->($held) == 1 }), 'the first one asks')
                if $_ == 1;
            $c;
        } 1 .. 20;
        my @wait = map {
            client()->send("GET /held-ready HTTP/1.1\r\nHost: a\r\n"
                           . "Connection: close\r\n\r\n")
        } 1 .. 20;
        taken();
        $_->close for @gone;
        taken();
        is($gets->($held), 1, 'still one GET');
        $held->release('all');
        is(join(' ', map { state_of($_->response) } @wait),
           join(' ', ('200 ok ok') x 20), 'all who wait have its answer');
        is($gets->($held), 1, 'of one GET');
    };


my $port = free_port();
my $late = { };

test 'Redis is down',
    config => location('= /km', pass => "127.0.0.1:$port")
        . ready('/ready', '/km')
        . location('= /both', pass => 'both') . ready('/both-ready', '/both')
        . location('= /none', pass => 'none') . ready('/none-ready', '/none'),
    http_config => "upstream both { server 127.0.0.1:$port; server "
        . $redis->address . "; }\n"
        . "upstream none { server 127.0.0.1:$port; server 127.0.0.1:1; }\n",
    log => [ $noise ],
    sub {
        is(seen('/ready'), '503 down ok', 'nobody listens');
        my $res = probe('/ready', method => 'HEAD');
        is($res->status, 503, 'HEAD');
        is($res->header('Cache-Control'), 'no-store', 'HEAD: no-store');
        is(seen('/both-ready'), '200 ok ok', 'one of two is enough');
        is(seen('/none-ready'), '503 down ok', 'none of two is not');

        my $other = $late->{redis} = SealKM::Redis->start(port => $port);
        becomes('200 ok ok', 'it has come');
        $other->kill;
        becomes('503 down ok', 'it has gone');
        $other->restart;
        becomes('200 ok ok', 'it is back');
    };


my $stopped = SealKM::Redis->start;

test 'Redis hangs',
    config => location('= /km', pass => $stopped->address, @short)
        . ready('/ready', '/km'),
    log => [ $noise ],
    sub {
        becomes('200 ok ok', 'it answers');
        $stopped->stop;
        becomes('503 timeout ok', 'it hangs');
        my $seen;
        wait_for(sub { ($seen = seen('/ready')) =~ /down/ });
        is($seen, '503 down ok', 'nor does it answer new connections');
        $stopped->cont;
        becomes('200 ok ok', 'it goes on');
    };


my $acl = SealKM::Redis->start(requirepass => 'secret');
$acl->command(qw(ACL SETUSER nothing on >pw ~* +ping));
$acl->command(qw(ACL SETUSER other on >pw ~other:* +get));
$acl->command(qw(ACL SETUSER least on >pw ~seal:km:* +get));
my @acl = (pass => $acl->address);

test 'Redis refuses',
    config => location('= /none', @acl) . ready('/none-r', '/none')
        . location('= /wrong', @acl, redis_password => 'wrong')
        . ready('/wrong-r', '/wrong')
        . location('= /user', @acl, redis_user => 'nobody', redis_password => 'pw')
        . ready('/user-r', '/user')
        . location('= /database', @acl, redis_password => 'secret',
                   redis_database => 99) . ready('/database-r', '/database')
        . location('= /command', @acl, redis_user => 'nothing',
                   redis_password => 'pw') . ready('/command-r', '/command')
        . location('= /key', @acl, redis_user => 'other', redis_password => 'pw')
        . ready('/key-r', '/key')
        . location('= /least', @acl, redis_user => 'least', redis_password => 'pw')
        . ready('/least-r', '/least')
        . location('= /dead', pass => 'dead', redis_password => 'wrong')
        . ready('/dead-r', '/dead'),
    http_config => "upstream dead { server 127.0.0.1:1; server "
        . $acl->address . "; }\n",
    log => [ $noise ],
    sub {
        is(seen("/$_-r"), '503 refused ok', "refused: $_")
            for qw(none wrong user database command key dead);
        is(seen('/least-r'), '200 ok ok', 'all that it takes is +get');

        # it stays so, also while it is tried again
        my %seen;
        my $until = time + 1.5;
        while (time < $until) {
            $seen{ seen('/wrong-r') }++;
            sleep 0.05;
        }
        is(join(' ', keys %seen), '503 refused ok', 'and still is');

        $acl->command(qw(CONFIG SET requirepass wrong));
        becomes('200 ok ok', 'the password is right now', '/wrong-r');
        $acl->command(qw(ACL SETUSER nothing +get));
        becomes('200 ok ok', 'the permission is given', '/command-r');

        # who was refused and is not there at all any more is down
        $acl->kill;
        becomes('503 down ok', "down: $_", "/$_-r") for qw(user least);
    };


my %bad = (
    loading => "-LOADING Redis is loading the dataset in memory\r\n",
    down    => "-MASTERDOWN Link with MASTER is down\r\n",
    error   => "-ERR something\r\n",
    type    => "-WRONGTYPE Operation against a key\r\n",
    integer => ":1\r\n",
    no_resp => "HTTP/1.1 400 Bad Request\r\n",
);
my %fake = map { my $text = $bad{$_}; ($_ => fake_redis(get => sub { $text })) }
           keys %bad;
$fake{closed} = fake_redis(get => sub { closing() });
$fake{clients} = fake_redis(accept => sub {
    closing("-ERR max number of clients reached\r\n") });
my $value = fake_redis(get => sub { bulk('x') });

test 'Redis answers otherwise',
    config => join('', map { location("= /$_", pass => $fake{$_}->address)
                             . ready("/$_-r", "/$_") } sort keys %fake)
        . location('= /value', pass => $value->address) . ready('/value-r', '/value'),
    log => [ $noise ],
    sub {
        is(seen("/$_-r"), '503 down ok', "down: $_") for sort keys %fake;
        is(seen('/value-r'), '200 ok ok', 'a record of that name is an answer too');
    };


my $sims = SealKM::JwksServer->start('rsa');
my @net = (jwks => undef, jwks_cooldown => '1s');

test 'keys',
    config => location('= /net', @net, jwks_request => '/jwks')
        . ready('/net-r', '/net')
        . location('= /stale', @net, jwks_request => '/jwks?s', jwks_cache => '1s',
                   jwks_stale => '8s') . ready('/stale-r', '/stale')
        . location('= /never', @net, jwks_request => '/no-jwks')
        . ready('/never-r', '/never')
        . location('= /file', @net, jwks => jwks('rsa2'), jwks_request => '/no-jwks')
        . ready('/file-r', '/file')
        . location('= /algorithm', @net, jwks_request => '/jwks',
                   algorithms => 'ES256') . ready('/algorithm-r', '/algorithm')
        . "location = /jwks { internal; proxy_pass " . $sims->url . "; }\n"
        . "location = /no-jwks { internal; return 404; }\n",
    log => [ $noise ],
    sub {
        is($sims->count, 0, 'nobody has asked for keys');
        is(seen('/net-r'), '200 ok ok', 'a probe alone fetches them');
        is($sims->count, 1, 'by one fetch');
        is(seen('/never-r'), '503 ok none', 'there are none');
        is(seen('/file-r'), '200 ok ok', 'but those of a file');
        is(seen('/algorithm-r'), '503 ok none', 'none that is of use');

        is(seen('/stale-r'), '200 ok ok', 'keys for a second');
        $sims->answer(status => 500, body => 'x');
        becomes('200 ok stale', 'they could not be renewed', '/stale-r');
        becomes('503 ok none', 'for too long', '/stale-r');
        $sims->keys('rsa');
        becomes('200 ok ok', 'the SIM-S is back', '/stale-r');
    };


my $slow = SealKM::JwksServer->start('rsa');

test 'keys that take their time',
    config => location('= /km', @net, jwks_request => '/jwks')
        . ready('/ready', '/km')
        . "location = /jwks { internal; proxy_pass " . $slow->url . "; }\n",
    sub {
        open my $file, '<', jwks('rsa') or die "jwks: $!";
        $slow->answer(hold => 'keys', body => do { local $/; <$file> });
        my @client = map { client()->send("GET /ready HTTP/1.1\r\nHost: a\r\n\r\n") }
                     1 .. 3;
        ok(wait_for(sub { $slow->count }), 'they are asked for');
        taken();
        $client[1]->close;
        $slow->release('keys');
        is(state_of($client[$_]->response), '200 ok ok', "prober $_ has waited")
            for 0, 2;
        is($slow->count, 1, 'one fetch');
    };


my $exit = fake_redis(get => sub { return (hold('exit'), bulk(undef)) });

test 'a worker that exits answers who waits',
    master => 1,
    config => location('= /km', pass => $exit->address) . ready('/ready', '/km'),
    sub {
        my @client = map { client()->send("GET /ready HTTP/1.1\r\nHost: a\r\n\r\n") }
                     1 .. 3;
        ok(wait_for(sub { $exit->count(qr/^command \d+ GET/) }), 'it has asked');
        # another connection of the same process is answered: they were read
        wait_for(sub { (() = sockets((worker_pids())[0])) });
        my @old = reload();
        $exit->release('exit');
        my @state = map { state_of($_->response) } @client;
        is($state[0], '200 ok ok', 'the asker');
        ok(gone(@old), 'and it exits');
    };


# ------------------------------------------------------------------ nginx -t

sub fails {
    my ($name, $config, @patterns) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my ($status, $output) = nginx_t(ref $config ? %$config : (config => $config));
    my @missing = grep { $output !~ $_ } qr/\[emerg\]/, qr/CONF:\d+/, @patterns;

    ok($status != 0 && !@missing, $name)
        or diag("status $status, not found: @missing\n$output");
}

sub works {
    my ($name, $config) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my ($status, $output) = nginx_t(ref $config ? %$config : (config => $config));

    ok($status == 0 && $output !~ /\[(?!notice)\w+\]/, $name)
        or diag("status $status\n$output");
}

my $none = qr/"seal_km_ready" wants a location of its server with "seal_km_pass"/;
my $km = location('= /km');

fails 'no such location', $km . ready('/r', '/kn'), $none, qr/"\/kn"/;
fails 'no location at all', ready('/r', '/km'), $none;
fails 'the location itself', ready('/r', '/r'), $none;
fails 'one without seal_km_pass', 'location = /km { return 200; }'
    . ready('/r', '/km'), $none;
fails 'one that fits exactly only', $km . ready('/r', '/km/x'), $none;
fails 'a named one', location('@km') . ready('/r', '/km'), $none;
fails 'one of another server', {
    http_config => 'server { listen unix:' . temp_dir() . "/s2; $km }",
    config => ready('/r', '/km') }, $none;
fails "seal_km_ready $_;", $km . "location = /r { seal_km_ready $_; }",
    qr/"seal_km_ready"/ for '', 'km', '/km /km', '""', '/$uri', '@km';
fails 'twice', $km . "location = /r { seal_km_ready /km; seal_km_ready /km; }",
    qr/duplicate/;
fails 'in a server', $km . 'seal_km_ready /km;', qr/not allowed here/;
fails 'beside seal_km_pass', location('= /km', ready => '/km'),
    qr/"seal_km_ready" and "seal_km_pass" are both there in the location "\/km" in .*:\d/;
fails "beside seal_km_metrics: $_", "seal_km_zone z;\n$km location = /r { $_ }",
    qr/cannot stand beside/ for
    'seal_km_ready /km; seal_km_metrics;', 'seal_km_metrics; seal_km_ready /km;';
works 'one that comes later', ready('/r', '/km') . $km;
works 'one inside another', ready('/r', '/in/km')
    . "location /in/ {\n" . location('/in/km') . '}';
works 'several that ask for the same', ready('/r', '/km') . ready('/s', '/km') . $km;
works 'the same name in two servers', {
    http_config => 'server { listen unix:' . temp_dir() . "/s2; $km "
                   . ready('/r', '/km') . '}',
    config => $km . ready('/r', '/km') };

run_tests();
