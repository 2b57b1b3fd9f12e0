# Key retrieval by VAL servers: which record, and what an answer holds.

use lib 't/lib';
use SealKM;
use SealKM::Retrieval;

my $redis = start_redis();

$redis->set("seal:km:$_->[0]", $_->[1]) for
    [ 'v2x.example:service',               'KS' ],
    [ 'v2x.example:user:alice',            'KU' ],
    [ 'v2x.example:device:dev-1',          'KD' ],
    [ 'v2x.example:client:client-1',       'KC' ],
    [ 'by-service.example:service',        'K1' ],
    [ "caf\xc3\xa9 \"\\/:service",         'KX' ],
    [ 'a%3Ab%25:service',                  'KE' ],
    [ 'empty:service',                     '' ],
    [ 'text:service',                      "a\"\\\n\x01/\xc3\xa9" ],
    [ 'json:service',                      " {\"k\": [1.50, \"\\u00e9\"]}\n" ],
    [ 'bytes:service',                     "\x00\xff\xfe" ];

my $user = SERVICE . '&valUserId=alice';
my $ue = SERVICE . '&valUeId=dev-1';

test 'the answer',
    config => key_records() . key_records('= /id', id => '"skm-s 1"')
        . key_records('= /uri', user_uri => 'sip:$seal_km_claim_sub@example.com')
        . key_records('= /nothing', user_uri => '$arg_nothing')
        . key_records('= /none', client_id_claim => 'off', issuer => 'off')
        . key_records('= /json', payload => 'json')
        . key_records('= /base64', payload => 'base64')
        . key_records('/prefix/') . key_records('= /if',
                                        more => 'if ($arg_x) { set $y 1; }')
        . key_records('= /except', more => 'limit_except POST { allow all; }')
        . 'location = /rewrite { rewrite ^ ' . KEY_RECORDS . ' last; }
           location = /other { rewrite ^ ' . KEY_RECORDS
        . '?val-service-id=by-service.example? last; }
           location = /named { try_files /nothing @kir; }' . key_records('@kir')
        . key_records('= /ignored', uri => '', version => '', window => '1s',
                      max_request_size => '1')
              =~ s/seal_km_uri ;/seal_km_uri https:\/\/other.example\/;/r
              =~ s/seal_km_version ;/seal_km_version 9.9.9;/r
        . key_records('/outer/', more => location('= /outer/km')),
    log => [ qr/\[error\].*key retrieval refused, payload_invalid: The key mat/ ],
    sub {
        kir 'the record of a service', {}, { key => 'KS' };
        kir 'of a user', { query => $user }, { key => 'KU', user => 'alice' };
        kir 'of a UE', { query => $ue, token => { device_id => 'dev-1' } },
            { key => 'KD', ue => 'dev-1' };
        kir 'no record of the service',
            { query => 'val-service-id=none' }, 'not_found';
        kir 'no way from a target to its service',
            { query => 'val-service-id=by-service.example&valUserId=alice' },
            'not_found';
        kir 'an empty record', { query => 'val-service-id=empty' },
            { service => 'empty' };
        kir 'what a record key escapes', { query => 'val-service-id=a:b%25' },
            { service => 'a:b%', key => 'KE' };
        kir 'any characters',
            { query => 'val-service-id=caf%C3%A9%20%22%5C/' },
            { service => "caf\x{e9} \"\\/", key => 'KX' };

        kir 'skmsId', { location => '/id', query => $user },
            { skms_id => 'skm-s 1', key => 'KU', user => 'alice' };
        kir 'none in a refusal', { location => '/id', token => '' },
            'token_missing';

        kir 'userUri: no sub', { token => { sub => undef } },
            { key => 'KS', user_uri => 'client-1' };
        kir 'userUri: any text', { token => { sub => "\x{e9}\x{1f600}\"\\/" } },
            { key => 'KS' };
        kir 'userUri: seal_km_user_uri', { location => '/uri' },
            { key => 'KS', user_uri => 'sip:alice@example.com' };
        kir 'userUri: it gives nothing', { location => '/nothing' },
            { key => 'KS', user_uri => 'alice' };
        my %none = (location => '/none', token => { sub => undef,
                                                    client_id => undef });
        kir 'userUri: iss', { %none }, { key => 'KS', user_uri => ISSUER };
        $none{token}{iss} = undef;
        kir 'userUri: nothing at all', { %none }, { key => 'KS', user_uri => '' };
        $none{token}{iss} = [ 'x' ];
        kir 'userUri: an iss that is no string', { %none },
            { key => 'KS', user_uri => '' };

        kir 'text', { query => 'val-service-id=text' },
            { service => 'text', key => "a\"\\\n\x01/\x{e9}" };
        kir 'no text', { query => 'val-service-id=bytes' }, 'payload_invalid';
        kir 'base64', { location => '/base64', query => 'val-service-id=bytes' },
            { service => 'bytes', key => 'AP/+' };
        kir 'base64 of nothing',
            { location => '/base64', query => 'val-service-id=empty' },
            { service => 'empty' };
        kir 'JSON, as a string',
            { location => '/json', query => 'val-service-id=json' },
            { service => 'json', key => " {\"k\": [1.50, \"\\u00e9\"]}\n" };
        kir 'no JSON', { location => '/json' }, 'payload_invalid';
        kir 'no JSON, but empty',
            { location => '/json', query => 'val-service-id=empty' },
            { service => 'empty' };

        kir "location $_", { location => $_ }, { key => 'KS' }
            for qw(/prefix/a /if /except /rewrite /named /ignored);
        kir 'a location with another inside', { location => '/outer/x' },
            { key => 'KS' };
        km 'which does not inherit what it speaks', { location => '/outer/km' },
            { payload => 'KS' };
        kir 'inside an if', { location => '/if', query => SERVICE . '&x=1' },
            { key => 'KS' };
        kir 'a query that is rewritten', { location => '/other' },
            { service => 'by-service.example', key => 'K1' };
    };


test 'the text of an answer, and of a refusal',
    config => key_records('= ' . KEY_RECORDS, id => 'id'),
    sub {
        my $res = get(query => $user);
        is($res->body, '{"userUri":"alice","skmsId":"id","valService":'
           . '"v2x.example","valTgtUe":{"valUserId":"alice"},"keyInfo":"KU"}',
           'answer');
        is($res->header('Content-Length'), length $res->body, 'length');

        $res = get(query => 'valUserId=alice');
        is($res->body, '{"title":"Bad Request","status":400,"detail":"The query '
           . 'does not ask for key information as it must","cause":'
           . '"MANDATORY_QUERY_PARAM_MISSING","invalidParams":[{"param":'
           . '"val-service-id","reason":"val-service-id is missing"}]}',
           'refusal');
        is($res->header('Content-Length'), length $res->body, 'length');
    };


test 'a body is discarded',
    config => key_records(),
    http_config => "client_header_buffer_size 4k;\n",
    sub {
        my $via = client();
        my $big = 'x' x 300_000;

        for ([ 'small', 'x' x 10 ], [ 'that looks like a request', kir_request() ],
             [ 'large', $big ]) {
            my ($name, $body) = @$_;
            kir "a body: $name", { via => $via, body => $body }, { key => 'KS' };
            kir 'the next request', { via => $via, query => $user },
                { key => 'KU', user => 'alice' };
        }

        my $chunks = join '', map { "1000\r\n" . 'x' x 4096 . "\r\n" } 1 .. 50;
        kir 'chunks', { via => $via, body => "${chunks}0\r\n\r\n",
                        headers => [ 'Transfer-Encoding' => 'chunked' ] },
            { key => 'KS' };
        kir 'the next request', { via => $via }, { key => 'KS' };

        kir 'what type it is does not matter',
            { via => $via, body => '{', headers => [ 'Content-Type' => 'a/b',
                                              'Content-Encoding' => 'gzip' ] },
            { key => 'KS' };

        # nobody has to send what will be thrown away
        my $request = kir_request(via => 1, body => $big,
                                  headers => [ Expect => '100-continue' ]);
        my ($head, $body) = split /(?<=\r\n\r\n)/, $request, 2;
        $via = client();
        $via->send($head);
        is_kir 'Expect', $via->response, {}, { key => 'KS' };
        $via->send($body);
        kir 'the next request', { via => $via }, { key => 'KS' };

        # the answer comes before the body, and the connection is still good
        $via = client();
        $via->send($head =~ s/Expect.*?\n//r . substr $body, 0, 1000);
        is_kir 'some of a body', $via->response, {}, { key => 'KS' };
        $via->send(substr $body, 1000);
        kir 'the next request', { via => $via }, { key => 'KS' };
    };


my $log = 'log_format kir "$status/$seal_km_interface/$seal_km_reason/'
    . '$seal_km_error_code/$seal_km_service_id/$seal_km_identity_type/'
    . '$seal_km_identity/$seal_km_user_uri/$seal_km_claim_iss";' . "\n"
    . "map \$seal_km_interface \$which { default 'none'; km 1; ss-kir 2; }\n";

sub logged {
    my ($mark) = @_;
    my $line;
    wait_for(sub { ($line) = grep { m{/\Q$mark\E/} } access_log(); $line });
    return $line =~ s/\s+\z//r;
}

test 'variables',
    http_config => $log,
    config => 'access_log logs/access.log kir;' . key_records() . location('= /km',
              more => 'add_header X-Which $which always;
                       add_header X-Interface $seal_km_interface always;')
        . 'location = /x { return 200 "[$seal_km_interface]"; }',
    sub {
        my $iss = ISSUER;
        kir 'a user', { query => $user }, { key => 'KU', user => 'alice' };
        is(logged('ok'), "200/ss-kir/ok/-/v2x.example/user/alice/alice/$iss",
           'a user');
        kir 'a UE', { query => SERVICE . '&valUeId=x' }, 'identity_mismatch';
        is(logged('identity_mismatch'), '403/ss-kir/identity_mismatch/04/'
           . "v2x.example/device/x/alice/$iss", 'a UE');
        kir 'a service', { query => 'val-service-id=none.example' },
            'not_found';
        is(logged('not_found'), '404/ss-kir/not_found/02/none.example/service/-/'
           . "alice/$iss", 'a service');
        kir 'a bad target', { query => SERVICE . '&valUserId=%0a' },
            { reason => 'malformed_request', param => 'valUserId',
              cause => 'OPTIONAL_QUERY_PARAM_INCORRECT' };
        is(logged('malformed_request'), '400/ss-kir/malformed_request/04/'
           . "v2x.example/-/-/alice/$iss", 'a bad target');
        kir 'a bad token', { query => $user, token => { exp => 1 } },
            'token_expired';
        is(logged('token_expired'),
           '401/ss-kir/token_expired/03/v2x.example/user/alice/-/-',
           'a bad token');
        kir 'another method', { method => 'HEAD', query => $user },
            'method_not_allowed';
        is(logged('method_not_allowed'),
           '405/ss-kir/method_not_allowed/04/-/-/-/-/-', 'another method');

        my $res = post();
        is($res->header('X-Interface') . $res->header('X-Which'), 'km1', 'KM-UU');
        my $client = client();
        $client->send("GET /x HTTP/1.0\r\n\r\n");
        is($client->response->body, '[]', 'neither');
    };


run_tests();
