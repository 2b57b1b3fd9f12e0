# seal_km_notify: refusals that are published to a channel of Redis.

use lib 't/lib';
use SealKM;
use SealKM::Cluster;
use SealKM::Load;
use SealKM::Sentinel;
use SealKM::Subscriber;

use Time::HiRes qw(sleep time);

Test::Nginx::Util::log_level('notice');

my $redis = start_redis();
$redis->set('seal:km:v2x.example:service', 'K');
$redis->command('LPUSH', 'seal:km:list.example:service', 'x');

my @ok = ({ payload => 'K' });
my $noise = qr/\[(?:error|crit)\]/;
my $listener = SealKM::Subscriber->start($redis, 'alarms');
my $other = SealKM::Subscriber->start($redis, 'other');

sub none { return { body => { ServiceID => $_[0], @_[1 .. $#_] } } }


test 'what is told',
    config => location('= /km', require => '$rule reason=night')
        . location('= /named', notify => 'other token_expired not_found night',
                   require => '$rule reason=night')
        . location('= /policy', notify => 'other policy',
                   require => [ '$rule reason=night', '$arg_y' ])
        . location('= /limited', notify => 'other rate_limited', zone => 'z',
                   limit => 'rate=1r/m'),
    log => [ $noise ],
    http_config => "seal_km_notify alarms;\nseal_km_zone name=z 64k;\n"
        . "map \$arg_x \$rule { default 1; no 0; }\n",
    sub {
        km 'nothing to tell', {}, @ok;
        my $start = int time;
        km 'no record', none('none.example'), 'not_found';
        my $text = $listener->next;
        my ($time) = $text =~ /"time":(\d+)/;
        $text =~ s/"time":\d+/"time":now/;
        is($text, '{"time":now,"skmsUri":"' . SKMS_URI . '","reason":"not_found",'
            . '"errorCode":"02","serviceId":"none.example","identityType":'
            . '"service","clientId":"client-1","count":1}', 'a service');
        cmp_ok($time, '>=', $start, 'the time');
        cmp_ok($time, '<=', time, 'of now');

        km 'no record of a user', none('none.example', UserID => 'alice'),
            'not_found';
        like($listener->next, qr/"identityType":"user","identity":"alice","clientId"/,
             'a user');
        km 'a record that is none', none('list.example'), 'store_error';
        like($listener->next, qr/"reason":"store_error","errorCode":"01"/,
             'store_error');

        # what is not told by default
        km 'a token', { token => { exp => time - 9 } }, 'token_expired';
        km 'a rule', { location => '/km?x=no' }, { reason => 'night', as => 'policy' };
        km 'a body', { body => '{' }, 'malformed_request';
        km 'another one', none('last.example'), 'not_found';
        like($listener->next, qr/"serviceId":"last.example"/, 'and nothing else');

        # what is named, and no other
        km 'named: a store', { location => '/named', %{ none('list.example') } },
            'store_error';
        km 'named: a token', { location => '/named', token => { exp => time - 9 },
                               body => { DeviceID => 'd' } }, 'token_expired';
        $text = $other->next;
        like($text, qr/"reason":"token_expired","errorCode":"03","serviceId":"v2x.example","identityType":"device","identity":"d","count":1\}/,
             'of a token that is not valid no client is told');
        km 'named: a word', { location => '/named?x=no' },
            { reason => 'night', as => 'policy' };
        like($other->next, qr/"reason":"night","errorCode":"04"/, 'a word');
        km 'policy: a word', { location => '/policy?x=no&y=1' },
            { reason => 'night', as => 'policy' };
        km 'policy: none', { location => '/policy?x=1' }, 'policy';
        like($other->next, qr/"reason":"policy"/, 'policy is not every word');
        km 'a limit', { location => '/limited' }, @ok;
        km 'a limit, over it', { location => '/limited' }, 'rate_limited';
        like($other->next, qr/"reason":"rate_limited","errorCode":"01"/,
             'rate_limited, if it is named');
    };


test 'hostile names',
    config => location('= /km', notify => 'alarms', notify_rate => '1000r/s',
                       bind => [ 'user off', 'client off', 'device off' ]),
    sub {
        my @names = ('"', '\\', '\\"', '","count":9}', "\x{e4}\x{1f600}", '</script>',
                     '%s%n', "\x{2028}", '{"a":1}', "'; FLUSHALL", '*3\r\n$4',
                     'x' x 255, "\x{7ff}" x 127, '\\u0000', "\xa0");

        for my $name (@names) {
            utf8::encode(my $bytes = $name);
            km 'not found', { body => { ServiceID => $name, UserID => $name },
                              token => { client_id => $name } },
                { reason => 'not_found',
                  echo => { ServiceID => $name, UserID => $name } };
            my $text = $listener->next;
            my $json = eval { from_json($text) };
            is_deeply($json && [ @$json{qw(serviceId identity clientId count)} ],
                      [ $name, $name, $name, 1 ], "told as it is: $bytes")
                or diag($text);
        }

        # what a token holds may have control characters
        km 'a client id', { body => { ServiceID => 'x' },
                            token => { client_id => "a\tb\n\x01" } },
            { reason => 'not_found' };
        my $json = eval { from_json($listener->next) };
        is($json && $json->{clientId}, "a\tb\n\x01", 'control characters');

        # and what is refused is not told
        km 'a name that is none', { body => { ServiceID => "a\x01", UserID => 'u' } },
            { reason => 'malformed_request', echo => { UserID => 'u' } };
        km 'another', none('end.example'), 'not_found';
        like($listener->next, qr/end\.example/, 'nothing of what is malformed');
    };


test 'the same again',
    config => location('= /km', notify => 'alarms'),
    sub {
        my $client = client();
        my $start = time;

        for (1 .. 20) {
            km "again, $_", { via => $client, %{ none('a.example') } }, 'not_found';
        }
        my $took = time - $start;
        km 'another one', { via => $client, %{ none('b.example') } }, 'not_found';

        my (%count, @a);
        wait_for(sub {
            my $text = $listener->next(0.1) // return;
            my ($name, $n) = $text =~ /"serviceId":"(\w)\.example".*"count":(\d+)/;
            $count{$name} += $n;
            push @a, $n if $name eq 'a';
            return ($count{a} // 0) == 20 && $count{b};
        });
        is($count{a}, 20, 'all are counted: ' . join(' ', @a));
        is($a[0], 1, 'the first goes at once');
        cmp_ok(scalar @a, '<=', 2 + int $took, 'the others together');
        is($count{b}, 1, 'the other one');

        # and then there is nothing left to tell
        is($listener->next(1.5), undef, 'nothing more');
    };


# what seal_km_metrics tells
sub notes {
    my ($result) = @_;
    my $client = client();

    $client->send("GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    return $client->response->body
        =~ /^seal_km_notifications_total\{result="$result"\} (\d+)$/m ? $1 : -1;
}

my $metrics = "seal_km_zone z;\nlocation = /metrics { seal_km_metrics; }\n";

test 'the rate',
    http_config => "seal_km_zone name=z 1m;\n",
    config => $metrics . location('= /km', notify => 'alarms', notify_rate => '3r/s'),
    sub {
        my $start = time;
        my @res = load(1, [ map { request(via => 1, %{ none("s$_.example") }) } 1 .. 30 ]);
        my $took = time - $start;
        is(scalar(grep { $_->status == 404 } @res), 30, 'all are answered');

        my $n = 0;
        $n++ while defined $listener->next(0.5);
        cmp_ok($n, '>=', 3, "some are told: $n");
        cmp_ok($n, '<=', 3 * (1 + int($took + 1)), 'and no more than the rate');
        is(notes('sent'), $n, 'those that are sent are counted');
        is(notes('dropped'), 30 - $n, 'and so are those that are not');
    };


my $port = free_port();
my $acl = SealKM::Redis->start(requirepass => 'secret');
$acl->command(qw(ACL SETUSER get on >pw ~seal:km:* +get));
$acl->command(qw(ACL SETUSER least on >pw ~seal:km:* +get +publish resetchannels &alarms));
my $hears = SealKM::Subscriber->start($acl, 'alarms');

test 'a Redis that is down, and permissions',
    http_config => "seal_km_zone name=z 1m;\n",
    config => $metrics . location('= /down', pass => "127.0.0.1:$port", notify => 'alarms')
        . location('= /get', pass => $acl->address, notify => 'alarms',
                   redis_user => 'get', redis_password => 'pw')
        . location('= /channel', pass => $acl->address, notify => 'else',
                   redis_user => 'least', redis_password => 'pw')
        . location('= /least', pass => $acl->address, notify => 'alarms',
                   redis_user => 'least', redis_password => 'pw'),
    log => [ $noise, qr/Redis answered PUBLISH with the error "NOPERM"/ ],
    sub {
        km "nobody to tell: $_", { location => '/down' }, 'store_unavailable'
            for 1 .. 5;
        ok(wait_for(sub { notes('dropped') > 0 }), 'what is dropped is counted');
        is(notes('sent'), 0, 'nothing was sent');
        km 'no permission', { location => '/get', %{ none('a') } }, 'not_found';
        km 'not for this channel', { location => '/channel', %{ none('b') } },
            'not_found';
        km 'the least', { location => '/least', %{ none('c') } }, 'not_found';
        like($hears->next, qr/"serviceId":"c"/, 'all that it takes is +publish');

        # it was dropped, and what comes later is not
        my $late = SealKM::Redis->start(port => $port);
        my $ear = SealKM::Subscriber->start($late, 'alarms');
        wait_for(sub { post(location => '/down')->status == 404 });
        like($ear->next, qr/"reason":"not_found"/, 'the server is there now');
        is(scalar(grep { /PUBLISH/ } error_log()), 1, 'an error once a minute');
    };


my @takes = (get => sub { bulk(undef) }, command => { PUBLISH => sub { ":1\r\n" } });
my $first = fake_redis(@takes);

test 'without a word of Redis before',
    config => location('= /km', pass => 'u', notify => 'alarms token_missing'),
    http_config => "upstream u { server 127.0.0.1:$port down; server "
        . $first->address . "; }\n",
    sub {
        km 'no token', { auth => undef }, 'token_missing';
        ok(wait_for(sub { $first->count(qr/PUBLISH/) }), 'it is told');
        my ($line) = grep { /PUBLISH/ } $first->log;
        like($line, qr/PUBLISH alarms \{"time":\d+,.*"reason":"token_missing",.*"serviceId":"v2x\.example"/,
             'by a connection of its own making');
    };


my $slow = fake_redis(get => sub { bulk(undef) },
                      command => { PUBLISH => sub { (hold('told'), ":1\r\n") } });

test 'nobody waits for it',
    config => location('= /km', pass => $slow->address, notify => 'alarms')
,    sub {
        km 'refused', none('a'), 'not_found';
        ok(wait_for(sub { $slow->count(qr/PUBLISH/) }), 'it is told');
        $slow->release('told');
        km "and again, $_", none("b$_"), 'not_found' for 1 .. 3;
    };


my $exit = fake_redis(@takes);

test 'a worker that exits tells what it has counted',
    master => 1,
    config => location('= /km', pass => $exit->address, notify => 'alarms'),
    sub {
        my $client = client();
        km "refused, $_", { via => $client, %{ none('a') } }, 'not_found' for 1 .. 5;
        my @old = reload();
        ok(gone(@old), 'it exits');
        my $sum = 0;
        $sum += $_ for map { /PUBLISH .*"count":(\d+)/ ? $1 : () } $exit->log;
        is($sum, 5, 'and all were told');
    };


my $cluster = start_cluster();
my @ears = map { SealKM::Subscriber->start($_, 'alarms') } $cluster->masters;
my $ha = start_sentinels();
my $ear = SealKM::Subscriber->start($ha->master, 'alarms');

test 'topologies',
    http_config => $cluster->pass('nodes') . $ha->pass('sentinels'),
    config => location('= /cluster', pass => 'nodes', redis_mode => 'cluster',
                       redis_read => 'any', notify => 'alarms')
        . location('= /sentinel', pass => 'sentinels', redis_read => 'replica',
                   redis_mode => "sentinel $ha->{name}", notify => 'alarms'),
    sub {
        km 'a cluster', { location => '/cluster', %{ none('a') } }, 'not_found';
        like($_->next, qr/"serviceId":"a"/, 'heard at a master') for @ears;
        km 'sentinels', { location => '/sentinel', %{ none('b') } }, 'not_found';
        like($ear->next, qr/"serviceId":"b"/, 'heard at the master');
    };


# ------------------------------------------------------------------ nginx -t

sub fails {
    my ($name, $config, @patterns) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my ($status, $output) = nginx_t(config => $config);
    my @missing = grep { $output !~ $_ } qr/\[emerg\]/, qr/CONF:\d+/, @patterns;

    ok($status != 0 && !@missing, $name)
        or diag("status $status, not found: @missing\n$output");
}

sub works {
    my ($name, $config) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my ($status, $output) = nginx_t(config => $config);

    ok($status == 0 && $output !~ /\[(?!notice)\w+\]/, $name)
        or diag("status $status\n$output");
}

sub at { return location('= /km', @_) }

fails "seal_km_notify $_->[0];", at(notify => $_->[0]), qr/"seal_km_notify"/, $_->[1]
    for [ '', qr/number of arguments/ ], [ '""', qr/wants the name of a channel/ ],
        [ 'x$host', qr/takes no variables/ ],
        [ 'a nothing', qr/but not "nothing"/ ], [ 'a ok', qr/but not "ok"/ ],
        [ 'a not_found Not_found', qr/but not "Not_found"/ ],
        [ 'a night', qr/but not "night"/ ];
fails "seal_km_notify_rate $_;", at(notify_rate => $_), qr/"seal_km_notify_rate"/ for
    '', '10', '0r/s', '1001r/s', '-1r/s', '10r/m', 'r/s', 'x', '1r/s 2r/s';
fails 'seal_km_notify twice', at(notify => [ 'a', 'b' ]), qr/duplicate/;
fails 'seal_km_notify_rate twice', at(notify_rate => [ '1r/s', '1r/s' ]),
    qr/duplicate/;
works "seal_km_notify $_;", at(notify => $_) for
    'a', 'seal:km:alarms', 'a not_found', 'a token_missing policy rate_limited',
    '"a b"';
works 'a word of a rule', at(notify => 'a night',
                             require => '$host reason=night');
works 'a word of a rule elsewhere', "seal_km_notify a night;\n" . at()
    . location('= /b', require => '$host reason=night');
works "seal_km_notify_rate $_;", at(notify_rate => $_) for '1r/s', '1000r/s';

run_tests();
