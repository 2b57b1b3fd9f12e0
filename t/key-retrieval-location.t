# All that locations have, key retrieval has too: keys, cache, rules, limits,
# notices, metrics, readiness, encrypted records, binding, HTTP/2, and both
# interfaces side by side.  Topologies of Redis: t/key-retrieval-redis.t.

use lib 't/lib';
use SealKM;
use SealKM::ClientCert;
use SealKM::Fetching;
use SealKM::HTTP2;
use SealKM::JwksServer;
use SealKM::KeyFile;
use SealKM::Metrics;
use SealKM::Retrieval;
use SealKM::Sealed;
use SealKM::Subscriber;
use SealKM::TLS;
use SealKM::Tool;

Test::Nginx::Util::log_level('info');

my $redis = start_redis();
my $alice = 'seal:km:v2x.example:user:alice';
my $key = 'k' x 32;

$redis->set("seal:km:$_->[0]", $_->[1]) for [ 'v2x.example:service', 'KS' ],
    [ 'v2x.example:user:alice', 'KU' ];
$redis->command('LPUSH', 'seal:km:list.example:service', 'x');

my $zone = "seal_km_zone name=z 1m;\nseal_km_zone z;\n";
my $headers = 'add_header X-Cache $seal_km_token_cache always;';
my $user = SERVICE . '&valUserId=alice';

sub cache_of { return get(@_)->header('X-Cache') // '-' }


test 'both interfaces side by side, on one zone, with the same token',
    http_config => $zone,
    config => location('= /km', more => $headers) . key_records(more => $headers)
        . metrics_at('= /metrics', 'z'),
    sub {
        my $token = mint(exp => time + 3600);
        my $bad = mint(exp => time + 3600, aud => 'x');
        my $before = metrics();

        for my $n (1 .. 3) {
            kir "key retrieval $n", { token => $token }, { key => 'KS' };
            km "KM-UU $n", { token => $token }, { payload => 'KS' };
            kir "a user, $n", { token => $token, query => $user },
                { key => 'KU', user => 'alice' };
            km "a user, KM-UU $n", { token => $token, body => { UserID => 'alice' } },
                { payload => 'KU' };
            kir "refused, $n", { token => $bad }, 'token_audience';
            km "refused, KM-UU $n", { token => $bad }, 'token_audience';
            kir "a method, $n", { method => 'POST', token => $token },
                'method_not_allowed';
            km "a method, KM-UU $n", { method => 'GET', token => $token },
                'method_not_allowed';
        }

        is(cache_of(token => $token), 'HIT', 'a token that the other has verified');
        is(post(token => $token)->header('X-Cache'), 'HIT', 'and the other way');

        my $new = mint(exp => time + 3600, jti => 2);
        is(cache_of(token => $new), 'MISS', 'a new one');
        is(post(token => $new)->header('X-Cache'), 'HIT', 'that is there then');

        my $grown = grown($before);
        like($grown, qr/seal_km_responses_total\{reason="ok"\} \+16/,
             'both are counted');
        like($grown, qr/seal_km_responses_total\{reason="method_not_allowed"\} \+6/,
             'and refusals');
    };


test 'metrics',
    http_config => $zone,
    config => key_records() . metrics_at('= /metrics', 'z'),
    log => [ qr/key retrieval refused, store_error/, qr/WRONGTYPE/ ],
    sub {
        my $before = metrics();

        kir 'not_acceptable', { headers => [ Accept => 'text/html' ] },
            'not_acceptable';
        kir 'a query', { query => '' }, { reason => 'malformed_request',
            param => 'val-service-id', cause => 'MANDATORY_QUERY_PARAM_MISSING' };
        kir 'a store', { query => 'val-service-id=list.example' }, 'store_error';
        kir 'a record', {}, { key => 'KS' };

        my $grown = grown($before);
        like($grown, qr/seal_km_responses_total\{reason="$_"\} \+1(?!\d)/, $_)
            for qw(not_acceptable malformed_request store_error ok);

        my $now = metrics();
        is($now->{seal_km_request_seconds_count}
           - $before->{seal_km_request_seconds_count}, 4, 'histogram: requests');
        is($now->{seal_km_store_seconds_count}
           - $before->{seal_km_store_seconds_count}, 2, 'histogram: the store');
    };


my $sims = SealKM::JwksServer->start;
my $file = SealKM::KeyFile->new('rsa');

test 'keys: files that change, and fetched ones',
    http_config => KEYS_ZONE,
    config => key_records('= /file', jwks => $file->path, jwks_check => '10ms')
        . key_records('= /net', jwks => undef, jwks_request => '/jwks',
                      jwks_cooldown => '1s')
        . fetches($sims),
    sub {
        kir 'a file', { location => '/file' }, { key => 'KS' };
        kir 'another key', { location => '/file', token => { -key => 'rsa2' } },
            'token_key';
        $file->replace('rsa2');
        ok(wait_for(sub { get(location => '/file', token => { -key => 'rsa2' })
                              ->status == 200 }), 'the file has changed');

        $sims->keys('rsa');
        kir 'fetched', { location => '/net' }, { key => 'KS' };
        $sims->keys('rsa', 'rsa2');
        ok(wait_for(sub { get(location => '/net', token => { -key => 'rsa2' })
                              ->status == 200 }), 'fetched again for a new key');

        # it waits for keys, and its client goes
        $sims->answer(hold => 'keys', body => text('rsa'));
        my $n = $sims->count;
        ok(wait_for(sub { my $client = client();
                          $client->send(kir_request(via => 1, location => '/net',
                                        token => { -key => 'ec256' }));
                          my $asked = wait_for(sub { $sims->count > $n }, 2);
                          $client->close;
                          $asked; }), 'a client that waits for keys goes');
        $sims->release('keys');
        kir 'one that waited has gone', { location => '/net' }, { key => 'KS' };
    };


my $ear = SealKM::Subscriber->start($redis, 'alarms');

test 'notices',
    config => key_records(notify => 'alarms not_found not_acceptable')
        . key_records('= /uri', notify => 'alarms', uri => SKMS_URI),
    sub {
        kir 'nobody', { query => 'val-service-id=none.example&valUserId=alice' },
            'not_found';
        like($ear->next, qr/\A\{"time":\d+,"reason":"not_found","errorCode":"02","serviceId":"none.example","identityType":"user","identity":"alice","clientId":"client-1","count":1\}\z/,
             'not_found: there is no skmsUri');
        kir 'nobody, there', { location => '/uri',
                               query => 'val-service-id=none.example' }, 'not_found';
        like($ear->next, qr/"skmsUri":"\Q@{[ SKMS_URI ]}\E","reason":"not_found"/,
             'where seal_km_uri is set there is');
        kir 'a range', { headers => [ Accept => 'a/b' ] }, 'not_acceptable';
        like($ear->next, qr/"reason":"not_acceptable","errorCode":"04","count":1\}/,
             'not_acceptable');
    };


test 'readiness',
    config => key_records()
        . 'location = /ready { seal_km_ready ' . KEY_RECORDS . '; }',
    sub {
        my $client = client();
        $client->send("GET /ready HTTP/1.0\r\n\r\n");
        is($client->response->body,
           '{"status":"ready","checks":{"store":"ok","keys":"ok"}}', 'ready');
    };


test 'encrypted records',
    config => key_records(record_keys => record_keys(a => $key),
                          more => 'add_header X-Kid $seal_km_record_kid always;')
        . key_records('= /plain', record_keys => record_keys(a => $key),
                      record_plaintext => 'on'),
    log => [ qr/record ".*alice" (?:is|was) /, qr/refused, record_invalid/ ],
    sub {
        $redis->set($alice, sealed($alice, 'KE', a => $key));
        kir 'encrypted', { query => $user }, { key => 'KE', user => 'alice' };
        is(get(query => $user)->header('X-Kid'), 'a', 'its kid');

        $redis->set($alice, sealed($alice, '', a => $key));
        kir 'nothing, encrypted', { query => $user }, { user => 'alice' };

        $redis->set($alice, sealed('seal:km:other:user:alice', 'KE', a => $key));
        kir 'of another name', { query => $user }, 'record_invalid';
        kir 'not encrypted', { location => '/plain' }, { key => 'KS' };
        $redis->set($alice, 'KU');
    };


my $tls = free_port();
my $cert = client_cert('val-server');
my $other = client_cert('other');

test 'tokens that are bound to a certificate',
    config => tls_listen($tls, 'ssl_verify_client optional_no_ca;')
        . key_records(require_binding => 'on', require_tls => 'on'),
    sub {
        my $token = { cnf => { 'x5t#S256' => $cert->{thumbprint} } };
        my $over = sub { (client => { port => $tls,
                                      tls => @_ ? tls_with(@_) : {} }) };

        kir 'its own', { $over->($cert), token => $token }, { key => 'KS' };
        kir 'another one', { $over->($other), token => $token }, 'token_binding';
        kir 'none', { $over->(), token => $token }, 'token_binding';
        kir 'a token without', { $over->($cert) }, 'token_binding';
    };


# the nginx block under that heading of a page, for this machine
sub of_docs {
    my ($page, $title, %set) = @_;
    my ($block) = text_of(source("docs/$page.md"))
        =~ /^## \Q$title\E\n.*?^```nginx\n(.*?)^```/ms or die "nothing under $title\n";
    my ($crt, $key) = certificate();
    my %file = ('skm-s.crt' => $crt, 'skm-s.key' => $key,
                'sim-s.jwks' => jwks('rsa'), 'capif-core.jwks' => jwks('rsa'), %set);

    $block =~ s/ \Q$_\E;/ $file{$_};/g for keys %file;
    $block =~ s/127\.0\.0\.1:6379/$redis->address/ge;
    $block =~ s/listen 443 ssl/listen 127.0.0.1:$tls ssl/;
    $block =~ s/seal_km_interface ss-kir;\K/ add_header X-Reason \$seal_km_reason always;/;
    return $block;
}

# what does not depend on how much the machine has to do
my $patient = join '', map { "seal_km_$_;\n" } 'window 1h',
    map { "${_}timeout ${\PATIENCE}s" } 'redis_', 'redis_connect_';

my $ca = client_cert('ca', ca => 1);
my $member = client_cert('val-server', by => $ca);

test 'the documentation: mutual TLS',
    http_config => $patient . of_docs('deployment', 'VAL servers with certificates',
                           'val-servers-ca.crt' => $ca->{crt}),
    sub {
        my $token = { cnf => { 'x5t#S256' => $member->{thumbprint} } };
        my $over = sub { (client => { port => $tls,
                                      tls => @_ ? tls_with(@_) : {} }) };

        kir 'its own certificate', { $over->($member), token => $token },
            { key => 'KS' };
        kir 'a token that is not bound', { $over->($member) }, 'token_binding';
        is(get($over->(@$_), token => $token)->status, 400,
           'another certificate, or none') for [ $cert ], [];
    };


# of a whole nginx.conf, what is inside of http { }
my ($http) = of_docs('key-retrieval', 'Configuration') =~ /^http \{\n(.*)^\}/ms or die "no http\n";

test 'the documentation: both interfaces',
    http_config => $patient . $http =~ s{/var/log/nginx/}{logs/}gr,
    sub {
        my @over = (client => { port => $tls, tls => {} });

        kir 'key retrieval', { @over, token => { scope => 'seal:kir' } },
            { key => 'KS' };
        kir 'the other scope', { @over },
            { reason => 'insufficient_scope', authenticate =>
              { error => 'insufficient_scope', scope => 'seal:kir' } };
        is(post(@over, location => '/seal-km')->json->{Payload}, 'KS', 'KM-UU');
    };


test 'the documentation: CAPIF',
    config => tls_listen($tls) . $patient . of_docs('key-retrieval', 'CAPIF'),
    sub {
        kir 'a core function', { client => { port => $tls, tls => {} },
            token => { sub => undef, client_id => undef, aud => undef,
                       iss => 'invoker-7', scope => '3gpp#a:b;skm-s-1:x,ss-kir' } },
            { key => 'KS', user_uri => 'invoker-7' };
    };


my $http2 = free_port();

test 'HTTP/2',
    config => listen_http2($http2) . key_records(),
    sub {
        my $h2 = SealKM::HTTP2->new(port => $http2);
        my $token = mint();
        my @id = map { $h2->request(KEY_RECORDS . "?$_", $token, '',
                                    method => 'GET') } SERVICE, $user, 'a=b';
        my $body = $h2->request(KEY_RECORDS . '?' . SERVICE, $token, 'x' x 5000,
                                method => 'GET');

        like($h2->response($id[0]), qr/"keyInfo":"KS"\}\z/, 'a service');
        like($h2->response($id[1]), qr/\{"valUserId":"alice"\},"keyInfo":"KU"\}\z/,
             'a user');
        like($h2->response($id[2]), qr/"status":400/, 'a refusal');
        like($h2->response($body), qr/"keyInfo":"KS"\}\z/, 'with a body');
        is($h2->goaway, undef, 'the connection is good');
    };


run_tests();
