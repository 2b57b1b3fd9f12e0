# The exchange: which record, what a response holds, in which order.

use lib 't/lib';
use SealKM;

my $redis = start_redis();

$redis->set("seal:km:$_->[0]", $_->[1]) for
    [ 'v2x.example:service',               'KS' ],
    [ 'v2x.example:client:client-1',       'KC' ],
    [ 'v2x.example:device:dev-1',          'KD' ],
    [ 'v2x.example:user:alice',            'KU' ],
    [ "caf\xc3\xa9 \"\\/:service",         'KX' ],
    [ 'empty:service',                     '' ],
    [ 'v2x.example:user:alice:service',    'wrong' ];

# an operator's own tool
is($redis->cli('SET', 'seal:km:by-cli:service', 'K1', 'EX', 60), 'OK',
   'redis-cli');

test 'the exchange',
    config => location('= /km')
        . location('= /id', id => '"skm-s 1"')
        . location('= /uri', user_uri => 'sip:$seal_km_claim_sub@example.com')
        . location('= /nothing', user_uri => '$arg_nothing')
        . location('/prefix/') . location('~ ^/re/(?<name>\w+)$')
        . "location /nested/ {\n" . location('/nested/in/') . "}\n"
        . location('= /if', more => 'if ($arg_x) { set $y 1; }')
        . 'location = /rewrite { rewrite ^ /km last; }
           location = /named { try_files /nothing @km; }' . location('@km'),
    sub {
        km 'the record of a service', {}, { payload => 'KS' };
        km 'of a client', { body => { ClientID => 'client-1' } },
            { payload => 'KC' };
        km 'of a device', { body => { DeviceID => 'dev-1' } },
            { payload => 'KD' };
        km 'of a user', { body => { UserID => 'alice' } }, { payload => 'KU' };
        km 'set by redis-cli', { body => { ServiceID => 'by-cli' } },
            { payload => 'K1' };

        km 'no record of the service', { body => { ServiceID => 'none' } },
            'not_found';
        km 'no way from an identity to its service',
            { body => { ServiceID => 'by-cli', UserID => 'alice' } },
            'not_found';
        km 'an empty record: no Payload', { body => { ServiceID => 'empty' } },
            'ok';

        km 'SKmsID', { location => '/id', body => { ClientID => 'client-1' } },
            { skms_id => 'skm-s 1', payload => 'KC' };
        km 'SKmsID in a refusal', { location => '/id', token => '' },
            { reason => 'token_missing', skms_id => 'skm-s 1' };
        km 'SKmsID with all members',
            { location => '/id',
              body => { ServiceID => 'none', UserID => 'alice' } },
            { reason => 'not_found', skms_id => 'skm-s 1' };

        km 'UserUri: no sub', { token => { sub => undef } },
            { payload => 'KS', user_uri => 'client-1' };
        km 'UserUri: any text', { token => { sub => "\x{e9}\x{1f600}\"\\/" } },
            { payload => 'KS' };
        km 'UserUri: seal_km_user_uri', { location => '/uri' },
            { payload => 'KS', user_uri => 'sip:alice@example.com' };
        km 'UserUri: seal_km_user_uri in a refusal',
            { location => '/uri', body => { Version => '2.0.0' } },
            { reason => 'unsupported_version',
              user_uri => 'sip:alice@example.com' };
        km 'UserUri: seal_km_user_uri gives nothing', { location => '/nothing' },
            { payload => 'KS' };

        km 'an echo of any characters',
            { body => { ServiceID => "caf\x{e9} \"\\/" } }, { payload => 'KX' };
        km 'the same, escaped in the request',
            { body => { ServiceID => \'"caf\u00E9\u0020\"\\\\\/"' } },
            { payload => 'KX', echo => { ServiceID => "caf\x{e9} \"\\/" } };
        km 'an echo beyond the BMP',
            { body => { ServiceID => \'"\ud83d\ude00"' } },
            { reason => 'not_found', echo => { ServiceID => "\x{1f600}" } };

        my %members = (
            'Date/Time' => time, UserID => '"alice"', SKmsUri => '"' . SKMS_URI
            . '"', ServiceID => '"v2x.example"', Version => '"1.0.0"',
        );
        my $reversed = join ",\n", map { "\t\"$_\" : $members{$_}" }
                       reverse sort keys %members;
        my %echo = (ServiceID => 'v2x.example', UserID => 'alice');

        km 'members in another order, white space',
            { body => "\r\n {\n$reversed } \n" },
            { payload => 'KU', echo => \%echo };
        km 'names with escapes',
            { body => request_body(Version => undef, '+' =>
                '"\u0056ersion":"1.0.0","User\u0049D":"alice"') },
            { payload => 'KU', echo => \%echo };
        km 'unknown members are ignored',
            { body => { UserUri => 5, Payload => { a => [ 1 ] }, ErrorCode => 'x',
                        version => '2', SKmsID => \'null' } },
            { payload => 'KS' };

        km 'a query changes nothing', { location => '/km?a=b&UserID=x' },
            { payload => 'KS' };
        km "location $_", { location => $_ }, { payload => 'KS' }
            for qw(/prefix/a /re/x /nested/in/ /if /if?x=1 /rewrite /named);
    };

test 'the text of a response',
    config => location('= /km', id => 'id'),
    sub {
        my $before = time;
        my $res = post(body => { UserID => 'alice' });
        my ($date_time) = $res->body =~ m{"Date/Time":(\d+)};

        cmp_ok($date_time, '>=', $before, 'not before the request');
        cmp_ok($date_time, '<=', time, 'not after the response');
        is($res->body, '{"UserUri":"alice","SKmsUri":"' . SKMS_URI . '",'
           . '"ServiceID":"v2x.example","SKmsID":"id","UserID":"alice",'
           . "\"Date/Time\":$date_time,\"Payload\":\"KU\"}", 'success');
        is($res->header('Content-Length'), length $res->body, 'length');

        $res = post(body => { UserID => 'bob' });
        ($date_time) = $res->body =~ m{"Date/Time":(\d+)};
        is($res->body, '{"UserUri":"alice","SKmsUri":"' . SKMS_URI . '",'
           . '"ServiceID":"v2x.example","SKmsID":"id","UserID":"bob",'
           . "\"Date/Time\":$date_time,\"ErrorCode\":\"04\"}", 'refusal');
    };

run_tests();
