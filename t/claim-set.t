# seal_km_claim_set: variables for claims of any name and for what is inside of
# them; what each level inherits, and that they are true of one request only.

use lib 't/lib';
use SealKM;
use SealKM::Watch;

my $redis = start_redis();
$redis->set("seal:km:$_:service", 'K') for qw(v2x.example a);

my @ok = ({ payload => 'K' });
my $zone = "seal_km_zone name=z 1m;\nseal_km_zone z;\n";
my $n = 0;

# The value of $x at a location, empty or not; without the cache, then with it,
# first as the token is kept and then out of it.  A header cannot show every
# value, so the log does.
my $log = temp_file('', 'x.log');
my $read = 0;

sub logged {
    my ($count) = @_;
    my @values;

    wait_for(sub {
        open my $file, '<:raw', $log or die "$log: $!";
        @values = split /\x1e\n/, do { local $/; <$file> // '' }, -1;
        pop @values;
        return @values >= $read + $count;
    });

    splice @values, 0, $read;
    $read += @values;
    return @values;
}

sub is_x {
    my ($name, $path, $claims, $want) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $token = mint(jti => 'id' . ++$n, exp => time + 9999, %$claims);

    for my $at ('', '/cached', '/cached') {
        post(location => "$at/$path", token => $token);
        is((logged(1))[0], $want, "$name$at");
    }
}

sub both {
    my ($path, %set) = @_;
    my $more = "access_log $log x;\n" . (delete $set{more} // '');

    return watched("= /$path", %set, more => $more, token_cache => 'off')
           . watched("= /cached/$path", %set, more => $more);
}

my $format = "log_format x escape=none '\$x\x1e';\n";

# claims, members, and the text
my @values = (
    # strings
    [ 'a string', { c => 'text' }, 'c', 'text' ],
    [ 'an empty string', { c => '' }, 'c', '' ],
    [ 'a string that looks like JSON', { c => '["a"]' }, 'c', '["a"]' ],
    [ 'UTF-8', { c => "caf\x{e9}\x{1f600}" }, 'c', "caf\xc3\xa9\xf0\x9f\x98\x80" ],
    [ 'a long string', { c => 'x' x 5000 }, 'c', 'x' x 5000 ],
    # arrays of strings
    [ 'an array', { c => [qw(a b c)] }, 'c', 'a,b,c' ],
    [ 'an array of one', { c => ['a'] }, 'c', 'a' ],
    [ 'an empty array', { c => [] }, 'c', '' ],
    [ 'an array of empty strings', { c => [ '', '' ] }, 'c', ',' ],
    [ 'an array with commas', { c => [ 'a,b', 'c' ] }, 'c', 'a,b,c' ],
    [ 'an array with quotes', { c => [ '"', '\\' ] }, 'c', '",\\' ],
    [ 'a large array', { c => [ map { "role-$_" } 1 .. 500 ] }, 'c',
      join ',', map { "role-$_" } 1 .. 500 ],
    # anything else as JSON
    [ 'an array of other things', { c => [ 'a', 1 ] }, 'c', '["a",1]' ],
    [ 'an array with null', { c => [ 'a', \'null' ] }, 'c', '["a",null]' ],
    [ 'arrays in an array', { c => [ [ 'a' ], [ 'b' ] ] }, 'c', '[["a"],["b"]]' ],
    [ 'an object', { c => \'{ "b" : [ 1, "x" ] }' }, 'c', '{"b":[1,"x"]}' ],
    [ 'a number', { c => 5 }, 'c', '5' ],
    [ 'a large integer', { c => \'9223372036854775807' }, 'c',
      '9223372036854775807' ],
    [ 'a fraction', { c => \'0.1' }, 'c', '0.1' ],
    [ 'true', { c => \'true' }, 'c', 'true' ],
    [ 'false', { c => \'false' }, 'c', 'false' ],
    [ 'null', { c => \'null' }, 'c', '' ],
    [ 'no such claim', {}, 'c', '' ],
    # control characters
    (map { my ($name, $value) = @$_;
           ([ "$name in a string", { c => $value }, 'c', '' ],
            [ "$name in an array", { c => [ 'a', $value ] }, 'c', '' ]) }
        [ 'a line end' => "a\nb" ], [ 'CR LF' => "\r\nX: y" ], [ 'NUL' => "a\0b" ],
        [ 'a NUL alone' => "\0" ], [ 'DEL' => "\x7f" ], [ 'ESC' => "\x1b[m" ],
        [ 'a tab' => "\t" ]),
    [ 'a line end that JSON escapes', { c => { k => "a\nb" } }, 'c', '{"k":"a\nb"}' ],
    [ 'DEL, which JSON does not', { c => { k => "\x7f" } }, 'c', '' ],
    # names
    [ 'a name with a colon', { 'cognito:groups' => [qw(a b)] }, 'cognito:groups',
      'a,b' ],
    [ 'a name that is a URI', { 'https://ns/roles' => 'r' }, 'https://ns/roles',
      'r' ],
    [ 'a name with a space', { 'a b' => 'x' }, '"a b"', 'x' ],
    [ 'a name with a dot is no path', { 'a.b' => 'x', a => { b => 'y' } }, 'a.b',
      'x' ],
    [ 'a name beyond ASCII', { "\x{e9}" => 'x' }, "\xc3\xa9", 'x' ],
    [ 'case matters', { C => 'x' }, 'c', '' ],
    [ 'case decides', { C => 'x', c => 'y' }, 'c', 'y' ],
    # inside
    [ 'a member', { realm_access => { roles => [qw(a b)] } }, 'realm_access roles',
      'a,b' ],
    [ 'a member of a member', { a => { b => { c => 'x' } } }, 'a b c', 'x' ],
    [ 'a member, an object', { a => { b => { c => 1 } } }, 'a b', '{"c":1}' ],
    [ 'a member, null', { a => { b => \'null' } }, 'a b', '' ],
    [ 'no such member', { a => { b => 'x' } }, 'a c', '' ],
    [ 'case of a member', { a => { B => 'x' } }, 'a b', '' ],
    (map { [ "a member of $_->[0]", { a => $_->[1] }, 'a b', '' ] }
        [ 'a string' => 'b' ], [ 'a number' => 1 ], [ 'null' => \'null' ],
        [ 'an array' => [ { b => 'x' } ] ], [ 'nothing' => undef ]),
    [ 'a number is no index', { a => [ 'x', 'y' ] }, 'a 0', '' ],
    [ 'a member beyond a value', { a => { b => 'x' } }, 'a b c', '' ],
);

my @paths;
for (@values) {
    my $path = $_->[2];
    push @paths, $path if !grep { $_ eq $path } @paths;
}
my %at = map { $paths[$_] => "p$_" } 0 .. $#paths;

test 'values',
    http_config => $zone . $format,
    config => join('', map { both($at{$_}, claim_set => "\$x $_") } @paths),
    sub {
        for (@values) {
            my ($name, $claims, $path, $want) = @$_;
            is_x($name, $at{$path}, { sub => 'alice', %$claims }, $want);
        }
    };


test 'whose values they are',
    http_config => $zone . $format . 'map $x $mapped { default "other"; "" none; g got; }',
    config => both('km', claim_set => [ '$x c', '${y} d e', '$Z f' ], more =>
            'add_header X-Y "[$y]" always; add_header X-Z "[$z]" always;
             add_header X-Map $mapped always;')
        . both('rule', claim_set => '$x c', require => '$x reason=no_c')
        . both('scope', claim_set => '$x c', scope => 'km:$x',
               user_uri => 'u:$x')
        . "location = /plain { add_header X-X \"[\$x]\" always;\n"
        . "return 200 plain; }\n",
    sub {
        is_x('the claim of a token', 'km', { c => 'g' }, 'g');

        # one connection: nothing is left of the request before
        my $keep = client();
        my $res = post(via => $keep, location => '/km',
                       token => { c => 'g', d => { e => 'e' }, f => 'f' });
        is($res->header('X-Y') . $res->header('X-Z') . $res->header('X-Map'),
           '[e][f]got', 'several, in a header and in a map');
        $res = post(via => $keep, location => '/km', token => { d => 'e' });
        is($res->header('X-Y') . $res->header('X-Z') . $res->header('X-Map'),
           '[][]none', 'of the next request');
        logged(2);

        # a token that is not verified has no claims; one of a refused request has
        for (
            [ 'a bad signature', { -signature => 'x' }, '' ],
            [ 'expired', { exp => 1 }, '' ], [ 'another issuer', { iss => 'x' }, '' ],
            [ 'malformed', { nbf => 'x' }, '' ],
            [ 'bound to something else', { cnf => { jkt => 'x' } }, '' ],
            [ 'without the scope', { scope => 'x' }, 'g' ],
        ) {
            my ($name, $token, $want) = @$_;
            post(location => '/km', token => { c => 'g', %$token });
            is((logged(1))[0], $want, $name);
        }

        # in what is evaluated for the request
        km 'a rule', { location => '/rule', token => { c => 'x' } }, @ok;
        km "a rule: $_->[0]", { location => '/rule', token => { c => $_->[1] } },
            { reason => 'no_c', as => 'policy' } for
            [ 'empty' => '' ], [ 'null' => \'null' ], [ '0' => 0 ],
            [ 'false' => \'false' ], [ 'none' => undef ];
        km 'a scope and UserUri', { location => '/scope',
            token => { c => 'g', scope => 'km:g' } },
            { payload => 'K', user_uri => 'u:g' };
        logged(7);

        is(post(location => '/plain', method => 'GET')->header('X-X'), '[]',
           'a location without seal_km_pass');
    };


# A level inherits what it does not set itself, variable by variable; a variable
# that a location has nothing for is empty there.
my $port = free_port();
my $show = 'add_header X-Set "$a|$b|$c|$d" always;';

sub shows { my ($path, %set) = @_;
            return location("= $path", %set, more => $show) }

test 'inheritance',
    http_config => "seal_km_claim_set \$a ha;\nseal_km_claim_set \$b hb;\n"
        . "server { listen 127.0.0.1:$port;\n" . shows('/http') . "}\n",
    config => directives(claim_set => [ '$b sb', '$c sc in' ])
        . shows('/server')
        . shows('/location', claim_set => '$A la')
        . shows('/all', claim_set => [ '$d ld', '$c lc', '$b lb', '$a la' ])
        . "location /outer/ {\n" . directives(claim_set => [ '$c oc', '$a oa' ])
        . shows('/outer/in', claim_set => '$c ic') . shows('/outer/none') . "}\n"
        . location('= /if', claim_set => '$a la', more => 'if ($arg_x) { '
            . $show . 'add_header X-Reason $seal_km_reason always; }'),
    sub {
        my %want = (
            '/http'       => 'ha|hb||',
            '/server'     => 'ha|sb|sc.in|',
            '/location'   => 'la|sb|sc.in|',
            '/all'        => 'la|lb|lc|ld',
            '/outer/in'   => 'oa|sb|ic|',
            '/outer/none' => 'oa|sb|oc|',
            '/if?x=1'     => 'la|sb|sc.in|',
        );
        my @token = ((map { $_ => $_ } qw(ha hb hc sa sb la lb lc ld oa oc ic)),
                     sc => { in => 'sc.in' });

        for my $location (sort keys %want) {
            my $res = post(location => $location, token => { @token },
                $location eq '/http' ? (client => { port => $port }) : ());
            is($res->header('X-Set'), $want{$location}, $location);
        }
    };


# What one location keeps of a token is not taken for what another needs.
test 'one cache, several locations',
    http_config => $zone . $format,
    config => both('one', claim_set => '$x c') . both('two', claim_set => '$x d')
        . both('swapped', claim_set => [ '$y c', '$x d' ])
        . both('inside', claim_set => '$x c d') . both('none'),
    sub {
        my $token = mint(c => { d => 'cd' }, d => 'd', exp => time + 9999);
        my %want = (one => '{"d":"cd"}', two => 'd', swapped => 'd',
                    inside => 'cd', none => '');

        for my $round (1 .. 2) {
            for my $path (sort keys %want) {
                cached $round == 1 ? 'MISS' : 'HIT', "$path, $round",
                    { location => "/cached/$path", token => $token },
                    { payload => 'K', user_uri => 'alice',
                      echo => { ServiceID => 'v2x.example' } };
                is((logged(1))[0], $want{$path}, "$path, $round");
            }
        }
    };

run_tests();
