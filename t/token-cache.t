# seal_km_token_cache: a token is verified once, and judged at every request.

use lib 't/lib';
use SealKM;
use SealKM::ClientCert;
use SealKM::Load;
use SealKM::TLS;
use SealKM::Watch;

use MIME::Base64 'decode_base64url';

my $redis = start_redis();
$redis->set('seal:km:v2x.example:service', 'K');
$redis->set('seal:km:v2x.example:user:alice', 'KA');

my @ok = ({ payload => 'K' });
my $zone = "seal_km_zone name=tokens 1m;\n";
my $use = "seal_km_zone tokens;\n";

my $all = jwks(qw(rsa ec256 ed25519));


test 'HIT, MISS and OFF',
    http_config => $zone,
    config => watched('= /km', jwks => $all, zone => 'tokens')
        . watched('= /off', jwks => $all, zone => 'tokens', token_cache => 'off')
        . watched('= /on', jwks => $all, zone => 'tokens', token_cache => 'on')
        . watched('= /none', jwks => $all)
        . "location /in/ {\n$use" . watched('/in/herited', jwks => $all)
        . watched('/in/off', jwks => $all, token_cache => 'off') . "}\n"
        . watched('= /tls', zone => 'tokens', require_tls => 'on'),
    sub {
        for my $key (qw(rsa ec256 ed25519)) {
            my $token = mint(-key => $key);

            cached 'MISS', "$key, first", { token => $token }, @ok;
            cached 'HIT', "$key, again $_", { token => $token }, @ok
                for 1 .. 3;
        }

        for my $at ('/on', '/in/herited') {
            my $token = mint(jti => $at);
            cached 'MISS', "$at, first", { location => $at, token => $token },
                @ok;
            cached 'HIT', "$at, again", { location => $at, token => $token },
                @ok;
        }

        for my $at ('/off', '/none', '/in/off') {
            my $token = mint(jti => $at);
            cached 'OFF', "$at, $_", { location => $at, token => $token }, @ok
                for 'first', 'again';
        }

        # a token of its own each
        cached 'MISS', 'another token', { token => mint(jti => $_) }, @ok
            for 1 .. 3;

        # the same one, sent otherwise
        my $token = mint(jti => 'sent');
        cached 'MISS', 'Bearer', { auth => "Bearer $token" }, @ok;
        cached 'HIT', 'bearer', { auth => "bearer  $token " }, @ok;

        # no token was looked up
        cached '-', 'no token', { auth => undef }, 'token_missing';
        cached '-', 'another scheme', { auth => 'Basic YTpi' }, 'token_missing';
        cached '-', 'PUT', { method => 'PUT', token => $token },
            'method_not_allowed';
        cached '-', 'another type', { type => 'text/plain', token => $token },
            'unsupported_media_type';
        cached '-', 'too large', { token => $token, body => { pad => 'x' x 9000 } },
            'request_too_large';
        cached '-', 'no TLS', { location => '/tls', token => $token },
            'tls_required';
    };


test 'only what was verified is kept',
    http_config => $zone,
    config => $use . watched('= /km', jwks => jwks('rsa', 'rsa2'))
        . watched('= /leeway', jwks => jwks('rsa', 'rsa2'), leeway => '30s'),
    sub {
        my @refused = (
            token_signature     => mint(-signature => 'x' x 256),
            token_signature     => mint(-key => \key('rsa2'), -alg => 'RS256',
                                        -kid => 'rsa'),
            token_key           => mint(-kid => 'x'),
            token_algorithm     => mint(-header => { alg => 'HS256' },
                                        -signature => 'x' x 32),
            token_malformed     => mint(client_id => undef),
            token_malformed     => mint(-header => { crit => ['x'] }),
            token_expired       => mint(exp => time - 1),
            token_not_yet_valid => mint(nbf => time + 900),
            token_issuer        => mint(iss => 'x'),
            token_audience      => mint(aud => 'x'),
        );

        while (my ($reason, $token) = splice @refused, 0, 2) {
            for my $n (1 .. 3) {
                my $res = post(token => $token);
                check "$reason, $n", $res, { token => $token }, $reason;
                isnt($res->header('X-Cache') // '-', 'HIT',
                     "$reason, $n: is not kept");
            }
        }

        # what is refused for another reason has been verified
        my $token = mint(scope => 'x');
        cached 'MISS', 'without the scope', { token => $token },
            'insufficient_scope';
        cached 'HIT', 'without the scope, again', { token => $token },
            'insufficient_scope';
        $token = mint();
        cached 'MISS', 'a bad body', { token => $token, body => '{' },
            'malformed_request';
        cached 'HIT', 'a good one', { token => $token }, @ok;

        # "exp" is the end of it, whatever the leeway
        $token = mint(exp => time - 5);
        cached 'MISS', "within the leeway, $_",
            { location => '/leeway', token => $token }, @ok for 1 .. 3;
    };


test 'neighbours of a token that is kept',
    http_config => $zone,
    config => $use . watched('= /km', jwks => $all),
    sub {
        for my $key (qw(rsa ec256 ed25519)) {
            my $token = mint(-key => $key);
            my ($h, $c, $s) = split /\./, $token;
            my ($h2, $c2, $s2) = split /\./, mint(-key => $key, sub => 'bob');

            cached 'MISS', "$key: first", { token => $token }, @ok;
            cached 'HIT', "$key: again", { token => $token }, @ok;

            my %changed = (
                'another signature'  => "$h.$c.$s2",
                'other claims'       => "$h.$c2.$s",
                'no signature'       => "$h.$c.",
                'no third part'      => "$h.$c",
                'a letter less'      => substr($token, 0, -1),
                'a letter more'      => "${token}A",
                'four letters more'  => "${token}AAAA",
                'a part more'        => "$token.$s",
                'padding'            => "$token=",
                'twice'              => "$token$token",
                'the other case'     => "$h.$c." . ($s =~ tr/a-zA-Z/A-Za-z/r),
                'alg none'           => b64u('{"alg":"none"}') . ".$c.",
                'none and signature' => b64u('{"alg":"none"}') . ".$c.$s",
            );

            # the letters at the parts' ends and somewhere in the middle
            for my $at (0, length($h) - 1, length($h) + 1,
                        length("$h.$c") - 1, length("$h.$c") + 1,
                        length($token) / 2, length($token) - 1)
            {
                my $text = $token;
                substr($text, $at, 1) =~ tr/A-Za-z0-9_\-/B-ZAb-za1-90\-_/;
                $changed{'letter ' . int $at} = $text if $text ne $token;
            }

            for my $name (sort keys %changed) {
                my $res = post(token => $changed{$name});
                is($res->status, 401, "$key: $name");
                isnt($res->header('X-Cache') // '-', 'HIT',
                     "$key: $name: no hit");
            }

            cached 'HIT', "$key: still", { token => $token }, @ok;
        }
    };


my ($port, $cert) = (free_port(), client_cert('device'));

test 'what is checked anew',
    http_config => $zone,
    config => $use . tls_listen($port, 'ssl_verify_client optional_no_ca;')
        . watched('= /km')
        . watched('= /leeway', leeway => '30s')
        . watched('= /admin', scope => 'admin')
        . watched('= /scopes', scope => 'seal:$arg_s')
        . watched('= /bind', bind => 'user uid')
        . watched('= /unbound', bind => 'user off')
        . watched('= /require', require => '$arg_a')
        . watched('= /version', version => '2.0.0')
        . watched('= /uri', uri => 'https://other.example/'),
    sub {
        my $token = mint(uid => 'bob', x => 1);
        my @t = (token => $token);

        cached 'MISS', 'first', { @t }, @ok;
        cached 'HIT', 'Date/Time', { @t, body => { 'Date/Time' => time - 600 } },
            'date_time_out_of_window';
        cached 'HIT', 'Date/Time to come',
            { @t, body => { 'Date/Time' => time + 600 } },
            'date_time_out_of_window';
        cached 'HIT', 'the identity', { @t, body => { UserID => 'bob' } },
            'identity_mismatch';
        cached 'HIT', 'another identity', { @t, body => { ClientID => 'x' } },
            'identity_mismatch';
        cached 'HIT', 'the right one', { @t, body => { UserID => 'alice' } },
            { payload => 'KA' };
        cached 'HIT', 'the version', { @t, body => { Version => '2.0.0' } },
            'unsupported_version';
        cached 'HIT', 'SKmsUri', { @t, body => { SKmsUri => 'https://x.example' } },
            'skms_uri_mismatch';
        cached 'HIT', 'no record', { @t, body => { ServiceID => 'none' } },
            'not_found';
        $redis->set('seal:km:v2x.example:service', 'K2');
        cached 'HIT', 'another record', { @t }, { payload => 'K2' };
        $redis->set('seal:km:v2x.example:service', 'K');
        cached 'HIT', 'all right', { @t }, @ok;

        # other locations, of the same keys, algorithms, issuer and audience
        for (1 .. 2) {
            km "another scope, $_", { @t, location => '/admin' },
                { reason => 'insufficient_scope',
                  authenticate => { error => 'insufficient_scope',
                                    scope => 'admin' } };
            km "a scope of variables, $_", { @t, location => '/scopes?s=km' },
                @ok;
            km "a scope of variables that it lacks, $_",
                { @t, location => '/scopes?s=x' },
                { reason => 'insufficient_scope',
                  authenticate => { error => 'insufficient_scope',
                                    scope => 'seal:x' } };
            km "the identity by another claim, $_",
                { @t, location => '/bind', body => { UserID => 'alice' } },
                'identity_mismatch';
            km "the identity by another claim, right, $_",
                { @t, location => '/bind', body => { UserID => 'bob' } },
                'not_found';
            km "no claim, $_", { @t, location => '/unbound',
                                 body => { UserID => 'bob' } }, 'not_found';
            km "seal_km_require, $_", { @t, location => '/require?a=1' }, @ok;
            km "seal_km_require, not fulfilled, $_",
                { @t, location => '/require' }, 'policy';
            km "accepted versions, $_", { @t, location => '/version' },
                'unsupported_version';
            km "seal_km_uri, $_", { @t, location => '/uri' },
                { reason => 'skms_uri_mismatch',
                  skms_uri => 'https://other.example/' };
        }

        # nbf, where one location has a leeway and the other has none
        my $early = mint(nbf => time + 25);
        km "nbf, with leeway, $_", { location => '/leeway', token => $early },
            @ok for 1 .. 2;
        km "nbf, without, $_", { token => $early }, 'token_not_yet_valid'
            for 1 .. 2;
        km 'nbf, with leeway again', { location => '/leeway', token => $early },
            @ok;

        # the certificate
        my $bound = mint(cnf => { 'x5t#S256' => $cert->{thumbprint} });
        my @with = (token => $bound, client => { port => $port,
                                                 tls => tls_with($cert) });
        cached 'MISS', 'a certificate', { @with }, @ok;
        cached 'HIT', 'the certificate again', { @with }, @ok;
        cached 'HIT', 'without it', { token => $bound }, 'token_binding';
        cached 'HIT', 'with it', { @with }, @ok;
    };


test 'the clock moves past exp',
    http_config => $zone,
    config => $use . watched('= /km')
        . watched('= /leeway', leeway => '30s'),
    sub {
        my $end = time + seconds(6);
        my $token = mint(exp => $end + 0.5);
        my $res;

        cached 'MISS', 'first', { token => $token }, @ok;
        cached 'HIT', 'again', { token => $token }, @ok;
        km 'with leeway', { location => '/leeway', token => $token }, @ok;

        ok(wait_for(sub {
            $res = post(token => $token);
            return $res->status != 200;
        }), 'it comes to its end');
        cmp_ok(time, '>=', $end, 'and not before');
        check 'with that reason', $res, { token => $token }, 'token_expired';
        km "still expired, $_", { token => $token }, 'token_expired' for 1 .. 2;

        cached 'MISS', "where a leeway has it live on, $_",
            { location => '/leeway', token => $token }, @ok for 1 .. 2;
        km 'and not elsewhere', { token => $token }, 'token_expired';
    };


# Each pair: two locations and a token that the first takes and the second does
# not, although they are as like as can be.
my $rsa_only = jwks('rsa');
my %as = (
    issuer_a   => { issuer => 'a' },
    issuer_b   => { issuer => 'b' },
    issuers    => { issuer => 'b a' },
    ab_c       => { issuer => 'ab c' },
    a_bc       => { issuer => 'a bc' },
    one_text   => { issuer => '"a b"' },
    two_texts  => { issuer => 'a b' },
    no_issuer  => { issuer => 'off' },
    audience_a => { audience => 'a' },
    audience_b => { audience => 'b' },
    audience_1 => { audience => '"a b"' },
    audience_2 => { audience => 'a b' },
    no_aud     => { audience => 'off' },
    a_to_b     => { issuer => 'a', audience => 'b' },
    b_to_a     => { issuer => 'b', audience => 'a' },
    a_to_bc    => { issuer => 'a', audience => 'b c' },
    ab_to_c    => { issuer => 'a b', audience => 'c' },
    rs256      => { algorithms => 'RS256 RS384' },
    rs384      => { algorithms => 'RS384' },
    ps256      => { algorithms => 'PS256 PS384' },
    all        => { algorithms => 'RS256 RS384 PS256 ES256 EdDSA' },
    rsa        => { jwks => $rsa_only },
    other_file => { jwks => jwks('ec256') },
    same_kid   => { jwks => jwks([ 'rsa2', kid => 'rsa' ]) },
    two_files  => { jwks => jwks('rsa2') . ' ' . jwks('rsa') },
    alg_384    => { jwks => jwks([ 'rsa', alg => 'RS384' ], 'ec256') },
    for_enc    => { jwks => jwks([ 'rsa', use => 'enc' ], 'ec256') },
);

my @pairs = (
    [ issuer_a   => issuer_b   => { iss => 'a' }, 'token_issuer' ],
    [ issuers    => issuer_b   => { iss => 'a' }, 'token_issuer' ],
    [ ab_c       => a_bc       => { iss => 'ab' }, 'token_issuer' ],
    [ a_bc       => ab_c       => { iss => 'a' }, 'token_issuer' ],
    [ one_text   => two_texts  => { iss => 'a b' }, 'token_issuer' ],
    [ two_texts  => one_text   => { iss => 'a' }, 'token_issuer' ],
    [ no_issuer  => issuer_a   => { iss => 'x' }, 'token_issuer' ],
    [ audience_a => audience_b => { aud => 'a' }, 'token_audience' ],
    [ audience_1 => audience_2 => { aud => 'a b' }, 'token_audience' ],
    [ audience_2 => audience_1 => { aud => 'b' }, 'token_audience' ],
    [ no_aud     => audience_a => { aud => 'x' }, 'token_audience' ],
    [ a_to_b     => b_to_a     => { iss => 'a', aud => 'b' }, 'token_issuer' ],
    [ ab_to_c    => a_to_bc    => { iss => 'b', aud => 'c' }, 'token_issuer' ],
    [ a_to_bc    => ab_to_c    => { iss => 'a', aud => 'b' }, 'token_audience' ],
    [ rs256      => rs384      => {}, 'token_algorithm' ],
    [ all        => ps256      => { -alg => 'RS256' }, 'token_algorithm' ],
    [ all        => rs256      => { -alg => 'PS256' }, 'token_algorithm' ],
    [ rsa        => other_file => {}, 'token_key' ],
    [ rsa        => same_kid   => {}, 'token_signature' ],
    [ same_kid   => rsa        => { -key => 'rsa2', -kid => 'rsa' },
                                  'token_signature' ],
    [ two_files  => rsa        => { -key => 'rsa2' }, 'token_key' ],
    [ two_files  => same_kid   => {}, 'token_signature' ],
    [ rsa        => alg_384    => {}, 'token_key' ],
    [ rsa        => for_enc    => {}, 'token_key' ],
);

my @servers = map { free_port() } 1 .. 2;

test 'two locations never share a verdict',
    http_config => $zone
        . "server {\nlisten 127.0.0.1:$servers[0];\n${use}seal_km_issuer a;\n"
        . watched('= /km', issuer => undef) . "}\n"
        . "server {\nlisten 127.0.0.1:$servers[1];\n${use}seal_km_issuer b;\n"
        . watched('= /km', issuer => undef) . "}\n",
    config => $use . join('', map { watched("= /$_", %{ $as{$_} }) }
                              sort keys %as),
    sub {
        for (@pairs) {
            my ($yes, $no, $token, $reason) = @$_;

            # one that is taken first, and one that is refused first
            my $text = mint(%$token, x => 1);
            my @expected = ({ payload => 'K' });

            km "$yes, then $no: $yes", { location => "/$yes", token => $text },
                @expected;
            cached 'HIT', "$yes, then $no: $yes, again",
                { location => "/$yes", token => $text }, @expected;
            for my $n (1 .. 2) {
                my $res = post(location => "/$no", token => $text);
                check "$yes, then $no: $no, $n", $res, { token => $text },
                    $reason;
                isnt($res->header('X-Cache') // '-', 'HIT',
                     "$yes, then $no: $no, $n: no hit");
            }
            cached 'HIT', "$yes, then $no: $yes, as before",
                { location => "/$yes", token => $text }, @expected;

            $text = mint(%$token, x => 2);
            km "$no first", { location => "/$no", token => $text }, $reason;
            km "$no first, then $yes", { location => "/$yes", token => $text },
                @expected;
            km "$no again", { location => "/$no", token => $text }, $reason;
        }

        my $token = mint(iss => 'a');
        for (1 .. 2) {
            km "a server, $_", { token => $token,
                                 client => { port => $servers[0] } }, @ok;
            km "another server, $_",
                { token => $token, client => { port => $servers[1] } },
                'token_issuer';
        }
    };


# What directives and variables ask of a token is the same, whether it was
# verified just now or earlier.
my %value = (
    string => 'a text', empty => '', zero => '0', number => 17, real => \'1.50',
    big => \'123456789012345678901234567890', true => \'true', null => \'null',
    array => [ 'x', 'y', 1 ], object => { b => [ 1, \'null' ], a => 'x' },
    utf8 => "caf\x{e9} \x{1f600}", quotes => 'a"b\\c', spaces => '  a  b  ',
    escaped => \'"\u0041\u00e9\/"', long => 'x' x 200,
    control => "a\nb", nul => \'"a\u0000b"',
);

test 'claims of a token that is kept',
    http_config => $zone . "map \$seal_km_claim_role \$role_name
                                { default none; a admin; }
                            log_format claims 'j=\$seal_km_claim_jti '
                                'o=\$seal_km_claim_logged r=\$role_name';\n",
    config => $use . 'access_log ' . temp_dir() . "/claims.log claims;\n"
        . watched('= /km', more => join '', map {
            "add_header X-$_ \"<\$seal_km_claim_$_>\" always;\n" }
            sort keys(%value), 'missing', 'sub', 'client_id', 'scope', 'iss',
            'aud', 'exp', 'device_id')
        . watched('= /few', more => 'add_header X-Few $seal_km_claim_string;')
        . watched('= /map', more => 'add_header X-Role $role_name;')
        . watched('= /user', user_uri => 'sip:$seal_km_claim_string@a.example')
        . watched('= /bind', bind => 'user names')
        . watched('= /inner', more => "if (\$arg_x) {
                add_header X-Inner \$seal_km_claim_inner; }"),
    sub {
        my $token = mint(%value, jti => 'first', aud => [ 'x', AUDIENCE ]);
        my @headers = map {
            my $res = cached $_, "all kinds, $_", { token => $token }, @ok;
            join "\n", map { /^X-(?!Pid|Cache)/i ? $_ : () }
                       split /\r\n/, $res->raw;
        } 'MISS', 'HIT', 'HIT';

        is($headers[1], $headers[0], 'the same the second time');
        is($headers[2], $headers[0], 'and the third');
        like($headers[1], qr/^X-string: <a text>$/m, 'they are there');
        like($headers[1], qr/^X-sub: <alice>$/m, 'and those of other use');

        # a location with few claims first, then one with more of them
        $token = mint(string => 's', role => 'a', names => [ 'bob', 'alice' ],
                      logged => 'L', jti => 'J', inner => 'I', number => 5);
        for (1 .. 2) {
            my $res = post(location => '/few', token => $token);
            is($res->header('X-Few'), 's', "few, $_");
            $res = post(location => '/map', token => $token);
            is($res->header('X-Role'), 'admin', "behind a map, $_");
            $res = post(token => $token);
            is($res->header('X-number'), '<5>', "many, $_");
            km "UserUri, $_", { location => '/user', token => $token },
                { payload => 'K', user_uri => 'sip:s@a.example' };
            km "an identity of an array, $_",
                { location => '/bind', token => $token,
                  body => { UserID => 'alice' } }, { payload => 'KA' };
            km "an identity that it does not hold, $_",
                { location => '/bind', token => $token,
                  body => { UserID => 'carol' } }, 'identity_mismatch';
            $res = post(location => '/inner?x=1', token => $token);
            is($res->header('X-Inner'), 'I', "in an if, $_");
            km "the scope, $_", { token => mint(scope => "x seal:km y",
                jti => 'J') }, @ok;
        }

        my $log = '';
        ok(wait_for(sub {
            open my $file, '<', temp_dir() . '/claims.log' or return;
            $log = join '', <$file>;
            return ($log =~ s/^j=J o=L r=admin$//gmr) ne $log
                   && (() = $log =~ /^j=J /gm) >= 14;
        }), 'the log has them');
        is(scalar(() = $log =~ /^j=J (?!o=(?:L r=admin|-? r=none)$)/gm), 0,
           'each time the same');

        # claims of one token are not another's
        my @tokens = map { mint(jti => "T$_", string => "s$_") } 1 .. 20;
        my @seen = map { post(token => $_)->header('X-string') }
                   @tokens, reverse @tokens;
        is("@seen", join(' ', map { "<s$_>" } 1 .. 20, reverse 1 .. 20),
           'each has its own');
    };


test 'claims that do not fit',
    http_config => $zone,
    config => $use . 'large_client_header_buffers 4 128k;'
        . watched('= /km')
        . watched('= /big', more => 'add_header X-Big "<$seal_km_claim_big>";')
        . watched('= /array', bind => 'user names'),
    sub {
        my $big = 'b' x 40_000 . 'e';
        my $token = mint(big => $big);

        # of no use to that location
        cached 'MISS', 'a large claim that nobody names', { token => $token },
            @ok;
        cached 'HIT', 'a large claim that nobody names, again',
            { token => $token }, @ok;

        my $other = mint(big => $big, jti => 'other');
        for (1 .. 3) {
            my $res = post(location => '/big', token => $other);
            is($res->status, 200, "a large claim that is named, $_");
            is($res->header('X-Big'), "<$big>", "a large claim, $_: whole");
            isnt($res->header('X-Cache'), 'HIT', "a large claim, $_: no hit");
        }

        # each with a kept one before it
        my $res = post(location => '/big', token => $token);
        is($res->header('X-Big'), "<$big>", 'kept elsewhere without it');

        my @names = map { "user-$_" } 1 .. 3000;
        $token = mint(names => [ @names, 'alice' ]);
        km "thousands of names, $_",
            { location => '/array', token => $token,
              body => { UserID => 'alice' } }, { payload => 'KA' } for 1 .. 3;
        km "none of thousands of names, $_",
            { location => '/array', token => $token,
              body => { UserID => 'user-0' } }, 'identity_mismatch' for 1 .. 3;

        # the largest of what is always needed
        $token = mint(sub => 'x' x 255, client_id => 'y' x 255,
                      scope => join ' ', (map { "scope-$_" } 1 .. 300), SCOPE);
        for (1 .. 3) {
            km "long ones, $_", { token => $token },
                { payload => 'K', user_uri => 'x' x 255 };
        }
    };


# what of a process is shared with others
sub shared_memory {
    my ($pid) = @_;
    no warnings 'portable';
    my $text = '';

    open my $maps, '<', "/proc/$pid/maps" or return;
    open my $mem, '<:raw', "/proc/$pid/mem" or return;

    while (<$maps>) {
        my ($from, $to) = /^(\w+)-(\w+) rw-s/ or next;
        sysseek $mem, hex $from, 0 or next;
        my $got = sysread $mem, my $part, hex($to) - hex($from);
        $text .= $part if $got;
    }

    return length $text ? $text : undef;
}

test 'what lies in the zone',
    http_config => $zone,
    config => $use . watched('= /km', jwks => jwks('rsa', 'hs256'),
        algorithms => 'RS256 HS256',
        more => 'add_header X-Role $seal_km_claim_role;'),
    sub {
        for my $key (qw(rsa hs256)) {
            my $token = mint(-key => $key, sub => "marker-of-sub-$key",
                role => "marker-of-role-$key", secret => "marker-of-none-$key");
            my ($h, $c, $s) = split /\./, $token;

            cached 'MISS', "$key: first", { token => $token },
                { payload => 'K', user_uri => "marker-of-sub-$key" };
            cached 'HIT', "$key: again", { token => $token },
                { payload => 'K', user_uri => "marker-of-sub-$key" };

            my $memory = shared_memory((worker_pids())[0]);
            defined $memory or die "the memory of nginx is not readable\n";

            like($memory, qr/marker-of-sub-$key/, "$key: a claim that is needed");
            like($memory, qr/marker-of-role-$key/,
                 "$key: a claim that a variable names");

            my %secret = (
                'a claim that nobody needs' => "marker-of-none-$key",
                'the token'                 => $token,
                'its header'                => $h,
                'its claims'                => $c,
                'a part of its claims'      => substr($c, 40, 24),
                'its signature'             => $s,
                'a part of its signature'   => substr($s, 8, 16),
                'the signature, in bytes'   => substr(decode_base64url($s), 0, 16),
                'the end of its signature'  => substr(decode_base64url($s), -16),
                'the record'                => 'seal:km:v2x.example',
                $key eq 'hs256' ? (
                    'the key'               => key('hs256'),
                    'the key, as it came'   => jwk('hs256')->{k}) : (),
            );
            is(index($memory, $secret{$_}), -1, "$key: not $_")
                for sort keys %secret;
        }
    };


test 'many at once',
    http_config => $zone,
    config => $use . watched('= /km', jwks => jwks('hs256'),
                             algorithms => 'HS256', window => '1h',
                             user_uri => '$seal_km_claim_sub'),
    log_level => 'notice',
    sub {
        my @tokens = map { mint(-key => 'hs256', sub => "user-$_") } 1 .. 50;
        my @requests = map { request(token => $_, via => 1) } @tokens;
        my @order = map { int rand 50 } 1 .. 2000;
        my @bad;

        my @res = load(40, [ @requests[@order] ]);
        for my $i (0 .. $#order) {
            my $user = 'user-' . ($order[$i] + 1);
            push @bad, "$user: " . ($res[$i] ? $res[$i]->body : 'none')
                if !$res[$i] || $res[$i]->body !~ /"UserUri":"$user",/;
        }
        is(scalar @bad, 0, 'each has the claims of its own token')
            or diag($bad[0]);

        my %states;
        $states{ $_->header('X-Cache') }++ for @res;
        is(($states{HIT} // 0) + ($states{MISS} // 0), 2000, 'hits and misses');
        cmp_ok($states{HIT} // 0, '>=', 1800, 'most of them hits');
    };


# ----------------------------------------------------------------- bad directives

for ('', 'yes', '1', 'on off') {
    my ($status, $output) = nginx_t(http_config => $zone,
        config => location('= /km', zone => 'tokens', token_cache => $_));
    ok($status != 0 && $output =~ /\[emerg\]/, "seal_km_token_cache $_;")
        or diag($output);
}

my ($status, $output) = nginx_t(http_config => $zone,
    config => location('= /km', zone => 'tokens', token_cache => [ 'on', 'on' ]));
like($output, qr/duplicate/, 'seal_km_token_cache twice');
($status, $output) = nginx_t(
    http_config => "${zone}seal_km_token_cache off;\n",
    config => "seal_km_token_cache on;\n"
        . location('= /km', zone => 'tokens', token_cache => 'off'));
is($status, 0, 'seal_km_token_cache in http, server and location')
    or diag($output);

run_tests();
