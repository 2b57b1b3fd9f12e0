# Rows 3 to 5: method, media type, size.  They look at no body and echo nothing.

use lib 't/lib';
use SealKM;

my $redis = start_redis();
$redis->set('seal:km:v2x.example:service', 'K');

# a request of exactly that many bytes
sub sized {
    my ($size) = @_;
    my $body = request_body(pad => '');
    return request_body(pad => 'x' x ($size - length $body));
}

my %echo = (echo => { ServiceID => 'v2x.example' });

test 'method, media type, size',
    config => location('= /km')
        . location('= /small', max_request_size => 300)
        . location('= /big', max_request_size => '1m')
        . location('= /tiny', max_request_size => 1),
    sub {
        # 3
        for my $method (qw(GET HEAD PUT DELETE PATCH OPTIONS PROPFIND FOO post)) {
            my $core = $method eq 'post';    # malformed HTTP: nginx's own
            my $res = post(method => $method);

            next if $core && is($res->status, 400, 'method post');
            check("method $method", $res, { method => $method },
                  'method_not_allowed');
        }

        for my $method (qw(TRACE CONNECT)) {
            my $res = post(method => $method);
            like($res->status, qr/^40[05]$/, "method $method: nginx's own");
        }

        my $head = client();
        $head->send(request(method => 'HEAD', body => ''));
        my $res = $head->response(head => 1);
        is($res->status, 405, 'HEAD');
        ok($head->closed, 'HEAD: no body');

        km 'without a body', { method => 'GET', body => '', type => undef },
            'method_not_allowed';

        # 4
        km "type $_", { type => $_ }, { payload => 'K' } for
            'application/json', 'Application/JSON', 'application/json;',
            'application/json; charset=utf-8', 'application/json;charset=x;a="b"',
            'application/json ; a=b', "application/json\t;a=b";

        km 'type ' . ($_ // 'none'), { type => $_ }, 'unsupported_media_type' for
            undef, '', 'text/plain', 'application/json5', 'application/jso',
            'application', 'application/', 'application/problem+json',
            'application/jwt', 'application/x-www-form-urlencoded',
            'text/plain; application/json', 'application/json, text/plain',
            'application/json charset=utf-8', 'xapplication/json', '*/*';

        # each of several counts
        for my $type ('application/json', 'text/plain') {
            km "type application/json and $type",
                { headers => [ 'Content-Type' => $type ] },
                $type =~ /json/ ? { payload => 'K' } : 'unsupported_media_type';
        }
        km 'type text/plain and application/json', { type => 'text/plain',
            headers => [ 'Content-Type' => 'application/json' ] },
            'unsupported_media_type';

        km "encoding $_", { headers => [ 'Content-Encoding' => $_ ] },
            { payload => 'K' } for qw(identity Identity IDENTITY);
        km "encoding $_", { headers => [ 'Content-Encoding' => $_ ] },
            'unsupported_media_type' for
            qw(gzip br deflate x-gzip), 'identity, gzip', 'gzip, identity', 'identit',
            'identityx';
        km 'two encodings', { headers => [ 'Content-Encoding' => 'identity',
                                           'Content-Encoding' => 'gzip' ] },
            'unsupported_media_type';
        km 'Accept, TE and others change nothing',
            { headers => [ Accept => 'text/html', TE => 'gzip',
                           'Accept-Encoding' => 'gzip', Cookie => 'a=b' ] },
            { payload => 'K' };

        # 5
        km 'exactly 8k', { body => sized(8192) }, { payload => 'K', %echo };
        km 'more than 8k', { body => sized(8193) }, 'request_too_large';
        km 'exactly the limit', { location => '/small', body => sized(300) },
            { payload => 'K', %echo };
        km 'one more', { location => '/small', body => sized(301) },
            'request_too_large';
        km 'a higher limit, exactly',
            { location => '/big', body => sized(1 << 20) },
            { payload => 'K', %echo };
        km 'a higher limit, one more',
            { location => '/big', body => sized(1 + (1 << 20)) },
            'request_too_large';
        km 'a limit of 1, no JSON', { location => '/tiny', body => '1' },
            { reason => 'malformed_request', echo => {} };
        km 'a limit of 1, 2 bytes', { location => '/tiny', body => '{}' },
            'request_too_large';
        km 'no body is not too large', { location => '/tiny', body => '' },
            { reason => 'malformed_request', echo => {} };
    };

run_tests();
