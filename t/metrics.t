# seal_km_metrics: the location, its text, and a count of everything that can
# become of a request.

use lib 't/lib';
use SealKM;
use SealKM::Causes;
use SealKM::Metrics;
use SealKM::Sealed;
use SealKM::Watch;

my $redis = start_redis();
my $causes = SealKM::Causes->start($redis);

# takes requests, and answers none
my $fake = SealKM::FakeRedis->start(get => sub { silence });
my $key = 'k' x 32;

test 'each reason',
    http_config => "seal_km_zone name=z 1m;\nseal_km_zone name=other 1m;\n",
    config => "seal_km_zone z;\n"
        . metrics_at('= /metrics', 'z') . metrics_at('= /other', 'other')
        . location('= /word', require => '$arg_nothing reason=of_ones_own')
        . $causes->config,
    log => [ $causes->log ],
    may_log => [ qr/\[error\]/ ],
    sub {
        my $zero = metrics();
        my @reasons = $causes->reasons;
        is(join(' ', grep { ($zero->{"seal_km_responses_total{reason=\"$_\"}"}
                             // '') ne '0' } @reasons), '',
           'each reason is there, and zero');
        is(scalar(grep { /^seal_km_responses_total/ } keys %$zero),
           scalar @reasons, 'and no other');
        is(join(' ', grep { !$causes->known($_) } @reasons), '',
           'each has a test here');

        # what is granted until the limit is reached
        $causes->answer('rate_limited');

        for my $reason (@reasons) {
            my $before = metrics();

            $causes->answer($reason);

            my $grown = join ', ', map { /^seal_km_responses_total.*"(\w+)"/ } 
                split /, /, grown($before);
            is($grown, $reason eq 'early_data' ? "$reason, ok" : $reason,
               "$reason: that, and nothing else");
        }

        my $before = metrics();
        post(location => '/word');
        like(grown($before), qr/seal_km_responses_total\{reason="policy"\} \+1/,
             'a word of one\'s own is a policy');

        my $now = metrics();
        my $n = 0;
        $n += $now->{$_} for grep { /^seal_km_responses_total/ } keys %$now;
        is($now->{seal_km_request_seconds_count}, $n,
           'each response has a time');

        my $asked = 0;
        $asked += $now->{"seal_km_responses_total{reason=\"$_\"}"}
            for qw(ok not_found store_unavailable store_timeout store_error
                   payload_invalid record_invalid);
        is($now->{seal_km_store_seconds_count}, $asked,
           'and each that needed a record has one of the store');

        is(join(' ', grep { /_(?:total|count)\b/ && metrics(undef, '/other')->{$_} }
                     sort keys %$now), '', 'of another zone: nothing');
    };


my @slow = (1, 2, 4, 8, 20, 40, 80, 200);

test 'records, tokens, times',
    http_config => "seal_km_zone name=z 64k;\n",
    config => "seal_km_zone z;\n" . metrics_at('= /metrics', 'z')
        . watched('= /km') . location('= /off', token_cache => 'off')
        . location('= /sealed', record_keys => record_keys(a => $key),
                   record_plaintext => 'on')
        . location('= /hs', jwks => jwks('hs256'), algorithms => 'HS256')
        . location('= /slow', pass => $fake->address, redis_timeout => '30ms')
        . join('', map { location("= /slow$_", pass => $fake->address,
                                  redis_timeout => "${_}ms") } @slow),
    log => [ qr/\[error\].*store_timeout/ ],
    may_log => [ qr/\[error\]/ ],
    sub {
        my $token = mint();
        my $before = metrics();

        my $step = sub {
            my ($name, $set, $want) = @_;
            post(token => $token, %$set);
            is(join(', ', grep { !/reason=/ } split /, /, grown($before)),
               join(', ', map { "seal_km_$_ +1" } @$want), $name);
            $before = metrics();
        };

        $step->('a new token', {}, [ 'records_total{form="plain"}',
                                     'token_cache_total{result="miss"}' ]);
        is($before->{seal_km_token_cache_entries}, 1, 'it is in the cache');
        $step->('found', {}, [ 'records_total{form="plain"}',
                               'token_cache_total{result="hit"}' ]);
        $step->('no cache', { location => '/off' },
                [ 'records_total{form="plain"}',
                  'token_cache_total{result="off"}' ]);
        $step->('no token', { auth => undef }, []);
        $step->('encrypted', { location => '/sealed',
                               body => { ServiceID => 'sealed.example' } },
                [ 'records_total{form="encrypted"}',
                  'token_cache_total{result="hit"}' ]);
        $step->('plain, where others are not', { location => '/sealed' },
                [ 'records_total{form="plain"}',
                  'token_cache_total{result="hit"}' ]);
        $step->('no record', { body => { ServiceID => 'none' } },
                [ 'token_cache_total{result="hit"}' ]);

        # a store that takes 30 ms at least
        post(location => '/slow', token => $token);
        my $now = metrics();
        my $count = sub {
            my ($of, $le) = @_;
            my $name = "seal_km_${of}_seconds_bucket{le=\"$le\"}";
            return $now->{$name} - $before->{$name};
        };
        for my $of (qw(store request)) {
            is($count->($of, '0.025'), 0, "$of: slow, not in 0.025");
            is($count->($of, '+Inf'), 1, "$of: but in +Inf");
            cmp_ok($now->{"seal_km_${of}_seconds_sum"}
                   - $before->{"seal_km_${of}_seconds_sum"}, '>=', 0.029,
                   "$of: the sum");
        }

        # a time is counted in the bucket where it belongs, for each of some: the
        # sum tells what it was
        for my $where ('/km', '/km', '/km', map { "/slow$_" } @slow) {
            $before = metrics();
            post(location => $where, token => $token);
            $now = metrics();

            for my $of (qw(store request)) {
                my $sum = "seal_km_${of}_seconds_sum";
                my $time = $now->{$sum} - $before->{$sum};
                my @wrong = grep {
                    $count->($of, $_) != ($time <= $_ ? 1 : 0)
                    && abs($time - $_) > 1e-8
                } qw(0.0005 0.001 0.0025 0.005 0.01 0.025 0.05 0.1 0.25 0.5 1 2.5);
                is("@wrong", '', "$of: $where is in its bucket");
            }
        }

        my @bounds = map { /^seal_km_store_seconds_bucket\{le="([^"]+)"/ ? $1 : () }
            split /\n/, metrics_text();
        is("@bounds", '0.0005 0.001 0.0025 0.005 0.01 0.025 0.05 0.1 0.25 0.5 '
                      . '1 2.5 +Inf', 'the buckets');

        # more tokens than there is room for
        my $free = $now->{'seal_km_zone_bytes{state="free"}'};
        my $client = client();
        for my $i (1 .. 300) {
            $client->send(request(location => '/hs', via => 1,
                                  token => mint(-key => 'hs256', jti => $i)));
            $client->response;
        }
        $now = metrics();
        cmp_ok($now->{seal_km_token_cache_evictions_total}, '>', 0, 'evictions');
        is($now->{seal_km_token_cache_evictions_total}
           + $now->{seal_km_token_cache_entries}, 301, 'and what is still there');
        cmp_ok($now->{'seal_km_zone_bytes{state="free"}'}, '<', $free,
               'less is free');
        is($now->{'seal_km_zone_bytes{state="free"}'}
           + $now->{'seal_km_zone_bytes{state="used"}'}, 65536, 'of 64k');
    };


test 'the location',
    http_config => "seal_km_zone name=z 1m;\ncharset utf-8;\n",
    config => "seal_km_zone z;\n" . location('= /km')
        . "location = /metrics { seal_km_metrics; }\n"
        . "location = /limited { seal_km_metrics; limit_except GET { allow all; } }\n"
        . "location = /if { seal_km_metrics; if (\$arg_x) { add_header X-If 1; } }\n"
        . "location /files/ { }\n",
    sub {
        post();
        my $ask = sub {
            my ($method, $location, $more) = @_;
            my $client = client();
            $client->send("$method $location HTTP/1.1\r\nHost: a\r\n"
                          . ($more // "\r\n"));
            return $client->response(head => $method eq 'HEAD');
        };

        my $get = $ask->('GET', '/metrics');
        is($get->status, 200, 'GET');
        is($get->header('Content-Type'),
           'text/plain; version=0.0.4; charset=utf-8', 'the type');
        is(join(', ', $get->headers('Cache-Control')), 'no-store', 'no-store');
        like($get->body, qr/\A# HELP seal_km_.*\n\z/s, 'a text');

        my $head = $ask->('HEAD', '/metrics');
        is($head->status, 200, 'HEAD');
        is($head->header('Content-Length'), length $get->body, 'its length');
        is($head->body, '', 'no body');

        is($ask->('GET', '/metrics', "$_\r\n\r\n")->status, 200, "asked with $_")
            for 'If-None-Match: *', 'If-Match: "x"', 'Range: bytes=0-1',
                'If-Unmodified-Since: Thu, 01 Jan 1970 00:00:00 GMT';

        for my $method (qw(POST PUT DELETE OPTIONS)) {
            my $res = $ask->($method, '/metrics', "Content-Length: 2\r\n\r\n{}");
            is($res->status, 405, "$method: 405");
            is($res->header('Allow'), 'GET, HEAD', "$method: Allow");
            is(join(', ', $res->headers('Cache-Control')), 'no-store',
               "$method: no-store");
        }

        is($ask->('GET', '/limited')->status, 200, 'limit_except: GET');
        is($ask->('POST', '/limited', "Content-Length: 0\r\n\r\n")->status, 405,
           'limit_except: POST');
        is($ask->('GET', '/if?x=1')->header('X-If'), 1, 'in an if');
        is($ask->('GET', '/if?x=1')->status, 200, 'in an if: 200');

        my $info = (grep { /^seal_km_info/ } split /\n/, $get->body)[0];
        my ($nginx) = `$Test::Nginx::Util::NginxBinary -v 2>&1` =~ m{nginx/(\S+)};
        like($info, qr/^seal_km_info\{version="\d+\.\d+\.\d+",nginx="\Q$nginx\E",libjwt="3\.\d+\.\d+",openssl="3\.[^"]+"\} 1\z/,
             'versions');

        # the tool that Prometheus has for it has nothing to say
        my $text = temp_file($get->body);
        is(scalar `promtool check metrics < $text 2>&1`, '', 'promtool');
        is($? >> 8, 0, 'promtool is content');
    };


# ------------------------------------------------------------- bad directives

my $zone = "seal_km_zone name=z 1m;\n";

sub fails {
    my ($name, $set, $pattern) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my ($status, $output) = nginx_t(%$set);

    ok($status != 0 && $output =~ $pattern, $name)
        or diag("status $status\n$output");
}

fails 'no zone', { config => "location /m {\nseal_km_metrics;\n}\n" },
    qr{\[emerg\] .*"seal_km_metrics" without "seal_km_zone" in the location "/m" in CONF:\d+};
fails 'with seal_km_pass', { http_config => $zone, config =>
    location('/m', zone => 'z', more => 'seal_km_metrics;') },
    qr{"seal_km_metrics" and "seal_km_pass" are both there in the location "/m" in CONF:\d+};
fails 'twice', { http_config => $zone, config =>
    "location /m { seal_km_zone z; seal_km_metrics; seal_km_metrics; }\n" },
    qr{"seal_km_metrics" directive is duplicate in CONF:\d+};
fails 'with a value', { http_config => $zone, config =>
    "location /m { seal_km_zone z; seal_km_metrics on; }\n" },
    qr{invalid number of arguments in "seal_km_metrics" directive in CONF:\d+};
fails 'in a server', { config => "seal_km_metrics;\n" },
    qr{"seal_km_metrics" directive is not allowed here in CONF:\d+};
fails 'a zone too small for one worker', {
    http_config => "seal_km_zone name=z 43690;\n", config => '' },
    qr{\[emerg\] .*"seal_km_zone" "z" is too small: it wants 43691 at least in CONF:\d+};
fails 'a zone too small for the workers', {
    main_config => "worker_processes 40;\n",
    http_config => "seal_km_zone name=z 64k;\n",
    config => "location /m { seal_km_zone z; seal_km_metrics; }\n" },
    qr{\[emerg\] .*"seal_km_zone" "z" is too small for 40 workers: it wants 147456 at least, in CONF:\d+};
fails 'a zone too small for more workers, made further up', {
    http_config => "seal_km_zone name=z 44k;\n",
    config => '' , main_config => "worker_processes 3;\n" },
    qr{is too small for 3 workers: it wants \d+ at least, in CONF:\d+};

for ([ 1, '43691' ], [ 2, '43691' ], [ 40, '147456' ]) {
    my ($workers, $size) = @$_;
    my ($status, $output) = nginx_t(
        main_config => "worker_processes $workers;\n",
        http_config => "seal_km_zone name=z $size;\n");
    is($status, 0, "$size for $workers workers") or diag($output);
}

run_tests();
