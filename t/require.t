# seal_km_require: rules in nginx's own way, from map and variables.

use lib 't/lib';
use SealKM;
use SealKM::ClientCert;
use SealKM::TLS;
use SealKM::Watch;

my $redis = start_redis();
$redis->set('seal:km:v2x.example:service', 'K');
$redis->set("seal:km:v2x.example:user:$_", "K-$_") for qw(alice bob);

my @ok = ({ payload => 'K' });

sub policy { return { reason => 'policy' } }
sub word { return { reason => $_[0], as => 'policy' } }


test 'neither empty nor 0 nor false',
    config => location('= /km', require => '$arg_a')
        . location('= /two', require => '$arg_a $arg_b')
        . location('= /claim', require => '$seal_km_claim_a')
        . "location /in/ {\n seal_km_require \$arg_a;\n"
        . location('/in/herited') . location('/in/own', require => '$arg_b')
        . "}\n",
    sub {
        km "an argument: $_", { location => "/km?a=$_" }, @ok
            for qw(1 00 0.0 -0 off False falsey no x 10 01), '%20', '+';
        km "an argument: '$_'", { location => "/km?a=$_" }, policy
            for '', 0, 'false';
        km 'no argument', {}, policy;
        km 'an argument of another name', { location => '/km?b=1' }, policy;

        km "two: $_", { location => "/two?$_" }, @ok for 'a=1&b=1', 'b=x&a=y';
        km "two: $_", { location => "/two?$_" }, policy
            for 'a=1', 'b=1', 'a=1&b=0', 'a=0&b=1', 'a=&b=1', 'a=1&b=', '';

        km 'a claim: ' . (ref ? $$_ : $_),
            { location => '/claim', token => { a => $_ } }, @ok
            for 'x', 1, \'true', \'[0]', \'{"b":0}', '00', \'[]', \'{}',
                \'[false]', \'0.0';
        km 'a claim: ' . (ref ? $$_ : $_ // 'none'),
            { location => '/claim', token => { a => $_ } }, policy
            for '', '0', \'0', undef, \'false', 'false', \'null';

        km 'inherited', { location => '/in/herited?a=1' }, @ok;
        km 'inherited, not fulfilled', { location => '/in/herited?b=1' }, policy;
        km 'one of its own instead', { location => '/in/own?b=1' }, @ok;
        km 'one of its own instead, not fulfilled',
            { location => '/in/own?a=1' }, policy;
    };


test 'reason=',
    http_config => 'log_format km "reason=$seal_km_reason code=$seal_km_error_code";',
    config => 'access_log ' . temp_dir() . "/km.log km;\n"
        . location('= /km', require => '$arg_a reason=maintenance')
        . location('= /two', require => '$arg_a $arg_b reason=a_9')
        . location('= /plain', require => '$arg_a'),
    sub {
        km 'fulfilled', { location => '/km?a=1' }, @ok;
        km 'not fulfilled', {}, word 'maintenance';
        km 'the second one not fulfilled', { location => '/two?a=1' }, word 'a_9';
        km 'none fulfilled', { location => '/two' }, word 'a_9';
        km 'both fulfilled', { location => '/two?a=1&b=1' }, @ok;
        km 'no word given', { location => '/plain' }, policy;

        # the word is for logs and metrics: the client is told what it would be
        # without
        my ($word, $plain) = map { post(location => $_) } '/km', '/plain';
        is($word->body =~ s/"Date\/Time":\d+//r,
           $plain->body =~ s/"Date\/Time":\d+//r, 'the body: the same');

        my $log;
        wait_for(sub {
            open my $file, '<', temp_dir() . '/km.log' or return;
            $log = do { local $/; <$file> };
            return $log =~ /reason=policy.*reason=policy/s;
        });
        like($log, qr/^reason=maintenance code=04$/m, 'the log: the word');
        like($log, qr/^reason=policy code=04$/m, 'the log: policy');
        like($log, qr/^reason=ok code=-?$/m, 'the log: ok');
    };


# A map is evaluated once for a request, unless it is volatile.  Whatever has it
# evaluated before the token is known must not be the one to decide.
my $maps = <<'END';
map $seal_km_claim_role $is_admin { default 0; admin 1; }
map "$seal_km_claim_role:$seal_km_service_id" $role_service
    { default 0; "admin:v2x.example" 1; }
map $is_admin $chained { default 0; 1 yes; }
map "$seal_km_identity_type/$seal_km_identity" $identity_rule
    { default 0; "service/" 1; "user/alice" 1; }
map $seal_km_user_uri $uri_rule { default 0; alice 1; }
map $seal_km_claim_role $not_empty { default $seal_km_claim_role; }
map $seal_km_claim_role $volatile { volatile; default 0; admin 1; }
limit_req_zone $is_admin zone=early:64k rate=10000r/s;
limit_conn_zone $role_service zone=conn:64k;
END

my $early = <<'END';
set $copy "$is_admin$role_service$chained$identity_rule$uri_rule$not_empty$volatile";
if ($is_admin) { set $never 1; }
if ($chained = yes) { set $never 1; }
limit_req zone=early burst=1000 nodelay;
limit_conn conn 100;
END

test 'a map that was read before the token was known',
    http_config => $maps,
    config => "set \$server_copy \$is_admin\$chained;\n"
        . join('', map {
            location("= /$_", require => "\$$_", more => $early
                . "add_header X-Map \"\$$_\" always;\n")
            . location("= /late/$_", require => "\$$_") }
            qw(is_admin role_service chained uri_rule not_empty volatile))
        . location('= /identity', require => '$identity_rule', more => $early)
        . location('= /all', more => $early,
                   require => '$is_admin $role_service $chained $uri_rule')
        . 'location = /rewrite { if ($is_admin = 1) { return 403; }
                                 rewrite ^ /is_admin last; }',
    sub {
        for my $rule (qw(is_admin role_service chained not_empty volatile)) {
            for my $at ("/late/$rule", "/$rule") {
                km "$at: fulfilled",
                    { location => $at, token => { role => 'admin' } }, @ok;
                km "$at: " . ($_ // 'nothing'),
                    { location => $at, token => { role => $_ } }, policy
                    for $rule eq 'not_empty' ? (undef, '0', '')
                                             : (undef, 'guest', '0');
            }
        }

        km "$_: fulfilled", { location => $_ }, @ok
            for '/late/uri_rule', '/uri_rule';
        km "$_: not fulfilled", { location => $_, token => { sub => 'bob' } },
            policy for '/late/uri_rule', '/uri_rule';

        km 'what the request asks for: a service', { location => '/identity' },
            @ok;
        km 'what the request asks for: a user',
            { location => '/identity', body => { UserID => 'alice' } },
            { payload => 'K-alice' };
        km 'what the request asks for: another user',
            { location => '/identity', token => { sub => 'bob' },
              body => { UserID => 'bob' } }, policy;

        km 'all: fulfilled', { location => '/all', token => { role => 'admin' } },
            @ok;
        km 'all: one is not', { location => '/all', token => { role => 'admin',
                                                               sub => 'bob' } },
            policy;
        km 'behind a rewrite', { location => '/rewrite',
                                 token => { role => 'admin' } }, @ok;
        km 'behind a rewrite: not fulfilled', { location => '/rewrite' }, policy;

        my $client = client();
        for (1 .. 3) {
            km 'one connection: fulfilled',
                { location => '/is_admin', via => $client,
                  token => { role => 'admin' } }, @ok;
            km 'one connection: not fulfilled', { location => '/is_admin',
                                                  via => $client }, policy;
        }

        my $res = post(location => '/is_admin', token => { role => 'admin' });
        is($res->header('X-Map'), '1', 'what decided is what is told afterwards');
    };


# What is not of the token keeps the value that it had.
test 'what must not be forgotten',
    http_config => $maps . 'map $http_x_word $by_header { default 0; yes 1; }
                            split_clients $request_id $half { 50% a; * b; }',
    config => 'location = /redirected { set $before 7; rewrite ^ /kept/yes last; }'
        . location('~ ^/kept/(?<word>\w+)$', more => $early
            . 'set $kept $word; set $id $request_id; set $half_before $half;
               if ($by_header) { set $seen 1; }
               add_header X-Id "$id $request_id" always;
               add_header X-Half "$half_before $half" always;
               add_header X-Kept "$kept/$word/$seen/$before" always;',
            require => '$kept $word $request_id $by_header'),
    log => [ qr/using uninitialized "(?:seen|before)" variable/ ],
    sub {
        for my $at ('/kept/yes', '/redirected') {
            my $set = { location => $at, headers => [ 'X-Word' => 'yes' ] };
            my $res = post(%$set);

            check "$at: fulfilled", $res, $set, @ok;
            like($res->header('X-Id'), qr/^(\w{32}) \1$/, "$at: the request's id");
            like($res->header('X-Half'), qr/^(\w) \1$/, "$at: split_clients");
            is($res->header('X-Kept'), 'yes/yes/1/' . ($at =~ /kept/ ? '' : 7),
               "$at: set, and captures");
            km "$at: not fulfilled", { location => $at }, policy;
        }
        km 'a capture that is 0', { location => '/kept/0',
                                    headers => [ 'X-Word' => 'yes' ] }, policy;
    };


# An expression in a map matches for the map only: $1 stays what it is in the
# location, or a token could choose the scope that is demanded of it.
test 'captures of the location',
    http_config => <<'END',
map $seal_km_claim_tenant $tenant { default 0; "~^(.+)$" 1; }
map $seal_km_claim_tenant $tenant_uri { "~^(\w+)$" "uri:$1"; }
END
    config => join('', map {
            location("~ ^/$_->[0]/(\\w+)\$", scope => '"seal:$1"', %{ $_->[1] })
        } [ cold => {} ],
          [ thaw => { more => 'set $early $tenant;' } ],
          [ uri  => { user_uri => '$tenant_uri' } ],
          [ rule => { require => '$tenant' } ],
          [ both => { require => '$tenant', user_uri => '$tenant_uri',
                      more => 'if ($tenant) { set $early 1; }' } ]),
    sub {
        for my $at (qw(cold thaw uri rule both)) {
            my %token = (tenant => 'low', scope => 'seal:low');
            my %uri = $at =~ /uri|both/ ? (user_uri => 'uri:low') : ();

            km "$at: the scope of the location",
                { location => "/$at/low", token => { %token } },
                { payload => 'K', %uri };
            km "$at: another one", { location => "/$at/high",
                                     token => { %token } },
                { reason => 'insufficient_scope', %uri,
                  authenticate => { error => 'insufficient_scope',
                                    scope => 'seal:high' } };
        }
    };


# Headers and logs are written when all is known, refused or not, though the map
# was read before.
test 'a map for headers and logs',
    http_config => <<'END',
map $seal_km_reason $class { default other; "" none; ok fine; ~^token_ token; }
map "$seal_km_error_code" $failed { default 1; "" 0; }
log_format class "class=$class failed=$failed $seal_km_reason";
END
    config => 'access_log ' . temp_dir() . "/class.log class;\n"
        . join('', map { location("= /$_->[0]", require => $_->[1], more =>
                   "set \$early \$class\$failed;\n"
                   . "add_header X-Class \"\$class\$failed\" always;\n") }
               [ early => undef ], [ rule => '$class' ]),
    sub {
        for my $at (qw(/early /rule)) {
            my %class = (
                token_missing      => [ 'token1', auth => undef ],
                token_expired      => [ 'token1', token => { exp => time - 9 } ],
                method_not_allowed => [ 'other1', method => 'PUT' ],
                insufficient_scope => [ 'other1', token => { scope => 'x' } ],
                ok                 => [ 'fine0' ],
            );

            for my $reason (sort keys %class) {
                my ($class, @set) = @{ $class{$reason} };
                my $res = post(location => $at, @set);
                is($res->header('X-Reason') . ' ' . $res->header('X-Class'),
                   "$reason $class", "$at, $reason: the header");
            }
        }

        my %line;
        wait_for(sub {
            open my $file, '<', temp_dir() . '/class.log' or return;
            chomp(my @lines = <$file>);
            %line = ();
            $line{$_}++ for @lines;
            return @lines >= 10;
        });
        is_deeply(\%line, {
            'class=token failed=1 token_missing'      => 2,
            'class=token failed=1 token_expired'      => 2,
            'class=other failed=1 method_not_allowed' => 2,
            'class=other failed=1 insufficient_scope' => 2,
            'class=fine failed=0 ok'                  => 2,
        }, 'the log');
    };


test 'the place of policy among the checks',
    config => location('= /km', require => '$arg_a reason=closed',
                       more => "add_header X-Sub \$seal_km_claim_sub always;\n")
        . location('= /down', require => '$arg_a', pass => '127.0.0.1:'
                   . free_port()),
    sub {
        my @cases = (
            [ method_not_allowed      => method => 'PUT' ],
            [ unsupported_media_type  => type => 'text/plain' ],
            [ token_missing           => auth => undef ],
            [ token_expired           => token => { exp => time - 9 } ],
            [ malformed_request       => body => { ServiceID => '' }, {} ],
            [ unsupported_version     => body => { Version => '9.9.9' } ],
            [ insufficient_scope      => token => { scope => 'x' } ],
            [ skms_uri_mismatch       => body => { SKmsUri =>
                                                   'https://x.example/' } ],
            [ date_time_out_of_window => body => { 'Date/Time' =>
                                                   time - 3600 } ],
            [ identity_mismatch       => body => { UserID => 'bob' } ],
        );

        for (@cases) {
            my ($reason, $what, $value, $echo) = @$_;
            km "after $reason", { $what => $value },
                { reason => $reason, $echo ? (echo => $echo) : () };
        }

        km 'before not_found', { body => { ServiceID => 'none' } },
            word 'closed';
        km 'before the store', { location => '/down' }, policy;
        km 'an identity that fits', { body => { UserID => 'alice' } },
            word 'closed';
        is(post()->header('X-Sub'), 'alice', 'the token is verified');
        is(post()->header('WWW-Authenticate'), undef, 'no challenge');
    };


my $tls = free_port();

test 'what the connection tells',
    http_config => 'map $ssl_client_s_dn $known { default 0; ~CN=val-1$ 1; }
                    geo $inside { default 0; 127.0.0.0/8 1; }
                    geo $outside { default 1; 127.0.0.0/8 0; }',
    config => tls_listen($tls, 'ssl_verify_client optional_no_ca;')
        . location('= /km', require => '$ssl_client_s_dn')
        . location('= /known', require => '$known')
        . location('= /inside', require => '$inside')
        . location('= /outside', require => '$outside'),
    sub {
        my ($known, $unknown) = map { client_cert($_) } qw(val-1 val-2);
        my $with = sub { (client => { port => $tls, tls => tls_with($_[0]) }) };

        km 'a certificate', { $with->($unknown) }, @ok;
        km 'no certificate', { $with->(undef) }, policy;
        km 'plain HTTP', {}, policy;
        km 'a subject', { location => '/known', $with->($known) }, @ok;
        km 'another subject', { location => '/known', $with->($unknown) },
            policy;
        km 'an address', { location => '/inside' }, @ok;
        km 'another address', { location => '/outside' }, policy;
    };


# ------------------------------------------------------------ rules as they are

# those that docs/policy.md shows are tried as they stand there: t/policy-docs.t

test 'a token that is in the cache is judged all the same',
    http_config => "seal_km_zone name=require 1m;\n"
        . 'map $seal_km_claim_role $is_admin { default 0; admin 1; }',
    config => "seal_km_zone require;\n"
        . watched('= /km', require => '$arg_a')
        . watched('= /claim', require => '$seal_km_claim_role')
        . watched('= /map', require => '$is_admin',
                  more => "set \$copy \$is_admin;\n"),
    sub {
        my $token = mint(role => 'admin');
        my $ask = sub { return { location => $_[0], token => $token } };

        cached 'MISS', 'the first request', $ask->('/km?a=1'), @ok;
        cached 'HIT', 'the second', $ask->('/km?a=1'), @ok;
        cached 'HIT', 'not fulfilled', $ask->('/km'), policy;
        cached 'HIT', '0', $ask->('/km?a=0'), policy;
        cached 'HIT', 'fulfilled again', $ask->('/km?a=1'), @ok;

        # one that was only ever refused by the rule is verified as well
        my $other = mint(sub => 'bob');
        my $bob = { reason => 'policy', user_uri => 'bob' };
        cached 'MISS', 'refused at first', { token => $other }, $bob;
        cached 'HIT', 'refused again', { token => $other }, $bob;

        km "a claim that this location did not need before, $_",
            $ask->('/claim'), @ok for 1 .. 3;
        km "a claim behind a map, $_", $ask->('/map'), @ok for 1 .. 3;
        km "$_: a claim that is not there", { token => $other, location => $_ },
            $bob for ('/claim') x 2, ('/map') x 2;
    };


# ----------------------------------------------------------------- bad directives

sub at { return location('= /km', @_) }

for ('', 'x', 'on', '1', 'reason=x', '$', '$arg_a x', 'x $arg_a',
     '$arg_a reason=', '$arg_a reason=A', '$arg_a reason=a-b',
     '$arg_a "reason=a b"', '$arg_a reason=$arg_b', '$arg_a reason=a.b',
     "\$arg_a \"reason=a\nb\"", '$arg_a reason=a reason=b', '$no_such_variable',
     map { "\$arg_a reason=$_" } qw(ok policy token_expired store_error
                                      internal_error))
{
    my ($status, $output) = nginx_t(config => at(require => $_));
    ok($status != 0 && $output =~ /\[emerg\]/, "seal_km_require $_;" =~ s/\n/\\n/r)
        or diag($output);
}

for ('$arg_a', '$arg_a $arg_b', '$arg_a reason=a', '$arg_a reason=a_0',
     '$arg_a $arg_b $ssl_client_s_dn $seal_km_claim_x reason=x')
{
    my ($status, $output) = nginx_t(config => at(require => $_));
    is($status, 0, "seal_km_require $_;") or diag($output);
}

my ($status, $output) = nginx_t(
    http_config => "seal_km_require \$arg_a;\n",
    config => "seal_km_require \$arg_a;\n" . at(require => '$arg_a'));
is($status, 0, 'seal_km_require in http, server and location') or diag($output);

run_tests();
