# The query of a key retrieval, as it comes through nginx: every case that the
# parser has is in t/unit/test_query.c.

use lib 't/lib';
use SealKM;
use SealKM::Retrieval;

my $redis = start_redis();
my $long = '0123456789' x 25 . '01234';

$redis->set("seal:km:$_->[0]", $_->[1]) for
    [ 'v2x.example:service',             'KS' ],
    [ 'v2x.example:user:alice',          'KU' ],
    [ 'v2x.example:device:dev-1',        'KD' ],
    [ 'a+b:service',                     'K+' ],
    [ 'a;valUserId=alice:service',       'K;' ],
    [ "$long:service",                   'KL' ],
    [ "v2x.example:user:caf\xc3\xa9+/",  'KX' ];

my %alice = (key => 'KU', user => 'alice');
my %device = (token => { device_id => 'dev-1' });

# what stands behind "?", and what is wrong with it
sub bad {
    my ($query, $param, $cause) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;

    kir defined $query ? length $query > 80 ? substr $query, 0, 80 : $query
                       : 'no query',
        { query => $query },
        { reason => 'malformed_request', param => $param, cause => $cause };
}

sub missing { return bad($_[0], 'val-service-id', 'MANDATORY_QUERY_PARAM_MISSING') }
sub wrong { return bad($_[0], 'val-service-id', 'MANDATORY_QUERY_PARAM_INCORRECT') }
sub target { return bad(SERVICE . "&$_[0]", $_[1], 'OPTIONAL_QUERY_PARAM_INCORRECT') }

sub json { return 'val-tgt-ue=' . escaped($_[0]) }


test 'the query',
    config => key_records(),
    http_config => 'large_client_header_buffers 4 16k;',
    sub {
        # a service
        kir 'escaped', { query => 'val-service-id=' . escaped('v2x.example') },
            { key => 'KS' };
        kir 'the name escaped',
            { query => escaped('val-service-id') . '=v2x.example' },
            { key => 'KS' };
        kir 'a plus sign', { query => 'val-service-id=a+b' },
            { service => 'a+b', key => 'K+' };
        kir 'a plus sign beside an escape', { query => 'val-service-id=a+%62' },
            { service => 'a+b', key => 'K+' };
        kir 'a semicolon', { query => 'val-service-id=a;valUserId=alice' },
            { service => 'a;valUserId=alice', key => 'K;' };
        kir '255 bytes', { query => "val-service-id=$long" },
            { service => $long, key => 'KL' };
        kir '&&', { query => '&&' . SERVICE . '&&valUserId=alice&' }, { %alice };
        kir 'others', { query => 'a=%zz&' . SERVICE . '&val-service=x&=&%' },
            { key => 'KS' };
        kir '8 kB of others', { query => 'a=' . 'b' x 8000 . '&' . SERVICE },
            { key => 'KS' };
        kir '8 kB of other parameters',
            { query => 'a&' x 4000 . SERVICE . '&valUserId=alice' }, { %alice };
        kir 'what is behind a # is no query of ours',
            { query => SERVICE . '#&valUserId=alice' }, { key => 'KS' };

        missing(undef);
        missing('');
        missing('valUserId=alice');
        missing('VAL-SERVICE-ID=v2x.example');
        missing('val-service-i%6=v2x.example');
        missing('a=b;' . SERVICE);
        wrong('val-service-id');
        wrong('val-service-id=');
        wrong(SERVICE . '&' . SERVICE);
        wrong(SERVICE . '&%76al-service-id=x');
        wrong("val-service-id=${long}5");
        wrong("val-service-id=$_") for qw(% %4 %zz a%00 %0A %7f %ff %C0%AF
                                          %ED%A0%80 caf%C3);
        wrong("val-service-id=&valUserId=");

        # a target
        kir 'valUserId', { query => 'valUserId=alice&' . SERVICE }, { %alice };
        kir 'valUeId', { query => SERVICE . '&valUeId=dev-1', %device },
            { key => 'KD', ue => 'dev-1' };
        kir 'val-tgt-ue', { query => SERVICE . '&' . json('{"valUserId":"alice"}') },
            { %alice };
        kir 'val-tgt-ue, as it is',
            { query => 'val-tgt-ue={"valUeId":"dev-1"}&' . SERVICE, %device },
            { key => 'KD', ue => 'dev-1' };
        kir 'any characters', {
            query => SERVICE . '&' . json('{"a":[{"valUeId":1}],"val\u0055serId":"caf\u00e9+\/"}'),
            token => { sub => "caf\x{e9}+/" } },
            { key => 'KX', user => "caf\x{e9}+/" };
        kir 'another case is another parameter',
            { query => SERVICE . '&valuserid=alice&val-tgt-UE={' }, { key => 'KS' };

        target('valUserId=', 'valUserId');
        target('valUeId', 'valUeId');
        target('valUserId=%ff', 'valUserId');
        target("valUeId=${long}5", 'valUeId');
        target('valUserId=alice&valUserId=alice', 'valUserId');
        target('valUserId=alice&valUeId=dev-1', 'valUeId');
        target('valUserId=alice&' . json('{"valUserId":"alice"}'), 'val-tgt-ue');
        target(json('{"valUserId":"alice"}') . '&valUserId=alice', 'valUserId');
        target(json('{"valUserId":"alice"}') . '&val-tgt-ue', 'val-tgt-ue');
        target(json($_), 'val-tgt-ue') for '', 'alice', '"alice"', '[]', '{}', 'null',
            '{"valUserID":"alice"}', '{"valUserId":""}', '{"valUserId":null}',
            '{"valUserId":7}', '{"valUserId":"alice","valUeId":"dev-1"}',
            '{"valUserId":"alice","valUeId":null}',
            '{"valUserId":"alice","valUserId":"alice"}',
            '{"valUserId":"alice","a":{"b":1,"b":2}}',
            '{"valUserId":"alice\u0000"}', "{\"valUserId\":\"${long}5\"}",
            "{\"valUserId\":\"\xff\"}", '{"valUserId":"alice"}}', "{}\0",
            '{"valUserId":"alice","a":[' . '0,' x 300 . '0]}';

        # who is asked about is told in no refusal
        my $res = get(query => SERVICE . '&valUserId=secret.name%00');
        unlike($res->raw . $res->body, qr/secret|v2x/, 'no echo');
    };


run_tests();
