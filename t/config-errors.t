# What nginx -t says: each error of a configuration with its directive, file and
# line, what is required, and what is right although it may not look so.

use lib 't/lib';
use SealKM;

use Cwd 'abs_path';
use File::Basename 'dirname';

# "#!" in a configuration marks the line that a message is to name
sub fails {
    my ($name, $config, @patterns) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my %set = ref $config ? %$config : (config => $config);
    my ($status, $output) = nginx_t(%set);

    open my $file, '<', temp_dir() . '/nginx_t/nginx.conf' or die $!;
    my @lines = <$file>;
    my ($line) = map { $_ + 1 } grep { $lines[$_] =~ /#!/ } 0 .. $#lines;
    my @missing = grep { $output !~ $_ } qr/\[emerg\]/, @patterns,
        defined $line ? qr/ in CONF:$line\b/ : ();

    ok($status != 0 && !@missing, $name)
        or diag("status $status, not found: @missing\n$output");
}

sub works {
    my ($name, $config, @patterns) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my ($status, $output) = nginx_t(ref $config ? %$config
                                                : (config => $config));
    my @missing = grep { $output !~ $_ } @patterns;

    # a warning that is not expected
    push @missing, 'no warning'
        if $output =~ /\[(?!notice)\w+\]/ && !@patterns;

    ok($status == 0 && !@missing, $name)
        or diag("status $status, not found: @missing\n$output");
}

sub at  { return location('= /km', @_) }
sub at2 { return location('= /km2', @_) }


# -------------------------------------------------- a bad value of a directive

my %bad = (
    pass => [ '', '127.0.0.1 127.0.0.2', '127.0.0.1:0', '127.0.0.1:65536',
              '127.0.0.1:x', 'unix:', ':6379', '""',
              'redis://127.0.0.1' ],
    uri => [ '', '""', 'skm-s.example', '/seal-km', 'https://a.example/%4',
             '"https://a.example/a b"', 'https://a.example/"<"',
             'https://a.example/ok relative', 'https://a.example/' . 'x' x 2031 ],
    id => [ '', 'a b' ],
    user_uri => [ '', 'a b', '${' ],
    version => [ '' ],
    window => [ '', 'x', '-1s', '5 6', '5q' ],
    require_tls => [ '', 'yes', '1', 'on off' ],
    max_request_size => [ '', 'x', '-1', '8k 9k', '8q' ],
    algorithms => [ '', 'none', 'RS257', 'rs256', 'RS256 none', 'RS256 NONE',
                    'RS256 ES256K', '""', 'RS256,ES256' ],
    issuer => [ '', 'off https://a.example', 'https://a.example off' ],
    audience => [ '', 'off a', 'a off' ],
    scope => [ '', 'off a', 'a off' ],
    leeway => [ '', 'x', '31s', '1m', '31000ms', '-1s', '1s 2s' ],
    bind => [ '', 'user', 'group sub', 'service sub', 'user sub uid', 'off',
              'User sub', 'user ""' ],
    interface => [ '', '""', 'kir', 'km ss-kir', '$host' ],
    payload => [ '', 'xml', 'strings', 'string json' ],
    require => [ '', 'host', '""', '$', '$host host', 'reason=night',
                 '$host reason=', '$host reason=Night', '$host reason=a-b',
                 '$host "reason=a b"', 'reason=night $host',
                 map { "\$host reason=$_" } qw(ok policy token_expired not_found
                                               internal_error rate_limited) ],
    redis_key_prefix => [ '', 'a b' ],
    redis_user => [ '', 'a b' ],
    redis_password => [ '', 'a b' ],
    redis_password_file => [ '', 'no-such-file', '/', 'a b' ],
    redis_database => [ '', 'x', '-1', '1 2', '1.5' ],
    redis_connect_timeout => [ '', 'x', '-1s', '1s 2s' ],
    redis_timeout => [ '', 'x', '-1s', '1s 2s' ],
    redis_connections => [ '', 'x', '-1', '0', '1 2' ],
    jwks => [ '', 'no-such-file', '/' ],
    client_id_claim => [ '', '""', 'azp ""', 'off azp', 'azp off', 'off off' ],
    scope_claim => [ '', '""', 'scp ""' ],
    token_type => [ '', '""', 'at+jwt ""', 'any at+jwt', 'at+jwt any' ],
    claim_set => [ '', '$x', 'x c', '"" c', '$ c', '$x-y c', '${x c', '$1 c',
                   '$x ""', '$x c ""', '$host c', '$seal_km_reason c' ],
);

for my $name (sort keys %bad) {
    for my $value (@{ $bad{$name} }) {
        my $show = length $value > 60 ? length $value : $value;
        fails "seal_km_$name $show;", at($name => "$value; #!"),
            qr/"seal_km_$name"/;
    }
}

# what the messages name
fails "$_->[0]: named", at($_->[0] => "$_->[1]; #!"), $_->[2] for
    [ algorithms => 'RS257', qr/"RS257"/ ], [ algorithms => 'none', qr/"none"/ ],
    [ leeway => '31s', qr/seal_km_leeway|"31s"/ ], [ payload => 'xml', qr/"xml"/ ],
    [ bind => 'group sub', qr/"group"/ ], [ uri => 'relative', qr/"relative"/ ],
    [ jwks => 'no-such-file', qr{/no-such-file" .*\(2: } ],
    [ require => '$host host', qr/wants variables and.*, not "host"/ ],
    [ require => '$host reason=a reason=b', qr/once at most, not "reason=a"/ ],
    [ require => '$host reason=Night', qr/wants a word of a-z.*"reason=Night"/ ],
    [ require => '$host reason=token_expired',
      qr/wants a word of your own.*"reason=token_expired"/ ],
    [ redis_password_file => 'no-such-file',
      qr{/no-such-file" could not be opened \(2: } ],
    [ redis_password_file => '/', qr/is a folder/ ],
    (map { [ redis_password_file => $_,
             qr/wants a file with one line, the password, and "\Q$_\E" is none in / ] }
        temp_file('', 'empty'), temp_file("a\nb\n", 'lines')),
    [ issuer => 'off x', qr/"off"/ ], [ scope => 'a off', qr/"off"/ ],
    [ algorithms => 'x', qr/ RS256 .*HS512 EdDSA/ ],
    [ payload => 'hex', qr/knows "string", "json" and "base64", but not "hex"/ ],
    [ interface => 'ss-kid', qr/knows "km" and "ss-kir", but not "ss-kid"/ ],
    [ redis_read => 'slave', qr/knows "master", "replica" and "any", but not "slave"/ ],
    [ redis_mode => 'x', qr/knows "standalone", "sentinel" and "cluster", but not "x"/ ],
    [ redis_ssl_protocols => 'TLSv1.2 SSLv3',
      qr/knows "TLSv1.2" and "TLSv1.3", but not "SSLv3"/ ],
    [ window => '500ms', qr/wants a time in whole seconds, such as "5s", not "500ms"/ ],
    [ leeway => '1.5', qr/whole seconds.*not "1.5"/ ],
    [ jwks_check => 'often', qr/wants a time, such as "500ms".*not "often"/ ],
    [ redis_timeout => '1x', qr/wants a time.*not "1x"/ ],
    [ max_request_size => '8q', qr/wants a size.*not "8q"/ ],
    [ redis_connections => 0, qr/wants a number from 1 to 1024, not "0"/ ],
    [ redis_connections => 1025, qr/from 1 to 1024, not "1025"/ ],
    [ redis_database => 2147483648, qr/from 0 to 2147483647, not "2147483648"/ ],
    [ redis_ssl_verify_depth => 'x', qr/from 0 to 100, not "x"/ ],
    [ zone => 'none', qr/"none" is used, and no "seal_km_zone name=none" makes it/ ],
    [ pass => 'redis://:secret@127.0.0.1:6379/0', qr/"unix:\/path" .*a URL/ ],
    [ pass => '127.0.0.1:x', qr/invalid port/ ],
    [ pass => ':1', qr/no host/ ],
    [ scope => '"a b"', qr/a parameter of its own.*"a b"/ ],
    [ scope => 'ok "km:$arg_x y"', qr/a parameter of its own/ ],
    [ client_id_claim => 'off x', qr/"off" alone/ ],
    [ client_id_claim => 'x ""', qr/empty parameter/ ],
    [ scope_claim => '""', qr/empty parameter/ ],
    [ token_type => 'any x', qr/"any" alone/ ],
    [ token_type => '""', qr/empty parameter/ ],
    [ claim_set => 'groups c', qr/wants a variable first, "groups" is none/ ],
    [ claim_set => '$a-b c', qr/wants a variable first, "\$a-b" is none/ ],
    [ claim_set => '$1 c', qr/wants a variable first, "\$1" is none/ ],
    [ claim_set => '$x c ""', qr/empty parameter/ ],
    [ claim_set => '$host c', qr/a variable of its own, "\$host"/ ],
    [ user_uri => '${', qr/cannot be evaluated/ ], [ scope => '${', qr/cannot be evaluated/ ],
    [ redis_ssl_password_file => 'no-such-file', qr/could not be opened/ ];

fails 'a zone of another module', { http_config => 'limit_req_zone $uri zone=z:1m rate=1r/s;',
                                    config => at(zone => 'z; #!') }, qr/"seal_km_zone"/;
fails 'a zone that is too small',
    { http_config => "seal_km_zone name=z 1k; #!\n", config => '' },
    qr/"seal_km_zone" "z" is too small: it wants \d+ at least/;
fails 'a zone without a right size',
    { http_config => "seal_km_zone name=z lots; #!\n", config => '' },
    qr/"seal_km_zone" wants a size.*"lots"/;
works 'a zone that is made further down',
    { http_config => 'server { listen unix:' . temp_dir() . '/s3; '
                     . at(zone => 'later') . '} seal_km_zone name=later 1m;' };

# a URL may hold a password
unlike((nginx_t(config => at(pass => 'redis://:secret@127.0.0.1:6379/0')))[1],
       qr/secret/, 'a URL is not quoted');

# OpenSSL's own errors, and whose they are
{
    my $bad = temp_file('x', 'bad.pem');
    my @ssl = (redis_ssl => 'on', redis_ssl_verify => 'off');

    fails "seal_km_redis_ssl_$_->[0]: named", at(@ssl, @{ $_->[1] }),
        qr/"seal_km_redis_ssl_$_->[0]" "[^"]*" $_->[2]cannot be used/,
        qr{"/km" with "seal_km_pass" in CONF:\d} for
        [ certificate => [ redis_ssl_certificate => $bad,
                           redis_ssl_certificate_key => $bad ],
          qr/with "seal_km_redis_ssl_certificate_key" "\Q$bad\E" / ],
        [ ciphers => [ redis_ssl_ciphers => 'none' ], '' ],
        [ trusted_certificate => [ redis_ssl_verify => 'on',
                                   redis_ssl_trusted_certificate => $bad ], '' ];
}

# every directive that there is, with a variable: evaluated, or refused by name
{
    my $docs = dirname(dirname(abs_path($0))) . '/docs/directives.md';
    my @all = do { local @ARGV = $docs; map { /^## seal_km_(\w+)$/ ? $1 : () } <> };
    my %evaluates = map { $_ => 1 } qw(user_uri scope require limit);
    my %two = (bind => 'user $host', claim_set => '$x x$host');

    cmp_ok(scalar @all, '>', 40, 'the directives of the documentation');

    # what takes no value at all is told by nginx
    for my $name (grep { !$evaluates{$_} && $_ ne 'metrics' } @all) {
        my $value = $two{$name} // ($name eq 'zone' ? '$host' : 'x$host');

        fails "seal_km_$name with a variable",
            directives($name => "$value; #!") . at($name => undef), qr/"seal_km_$name"/,
            qr/takes no variables|wants |knows |does not know|must be "on" or "off"/
            if $name !~ /^(?:pass|interface|ready|metrics)\z/;
    }

    fails 'seal_km_pass with a variable', at(pass => '$host; #!'),
        qr/"seal_km_pass" takes no variables/;
    fails "seal_km_$_->[0] $_->[1]: a variable", at($_->[0] => "$_->[1]; #!"),
        qr/"seal_km_$_->[0]" takes no variables/ for
        [ uri => 'https://$host/km' ], [ uri => 'https://a.example/ https://${host}/' ],
        [ issuer => 'a $iss' ], [ audience => '$1' ], [ id => '$_x' ],
        [ client_id_claim => 'azp $c' ], [ scope_claim => '${scp}' ],
        [ token_type => 'at+jwt $t' ], [ claim_set => '$x c $d' ],
        [ redis_password => 'a$b' ], [ redis_mode => 'sentinel $name' ],
        [ jwks => '$document_root/keys' ];
    works "seal_km_$_->[0] $_->[1]: a text", at($_->[0] => $_->[1]) for
        [ issuer => 'https://a.example/$' ], [ redis_password => 'a$-b$' ],
        [ claim_set => '$x a$ $:' ], [ client_id_claim => 'a$' ],
        [ redis_key_prefix => '$:' ], [ audience => 'a$/b' ];
}

# nginx tells unknown variables at the end, without a line
fails "$_: an unknown variable", at($_ => '$no_such_variable'),
    qr/unknown "no_such_variable" variable/ for qw(user_uri scope);


# ------------------------------------------------------------------ duplicates

my %good = (
    pass => '127.0.0.1', uri => 'https://a.example/', id => 'a',
    user_uri => '$seal_km_claim_sub', version => '1.0.0', window => '5s',
    require_tls => 'off', max_request_size => '8k', jwks => jwks('rsa'),
    algorithms => 'RS256', issuer => 'a', audience => 'a', scope => 'a',
    leeway => '0s', bind => 'user sub', payload => 'json',
    redis_key_prefix => 'a', redis_user => 'a', redis_password => 'a',
    redis_password_file => temp_file('secret'), redis_database => 0,
    redis_connect_timeout => '1s', redis_timeout => '1s', redis_connections => 1,
    client_id_claim => 'azp', scope_claim => 'scp', token_type => 'at+jwt',
    claim_set => '$x c',
);

# with what a directive is no use without
sub good {
    my ($name) = @_;
    return ($name => $good{$name},
            $name eq 'redis_user' ? (redis_password => 'a') : ());
}

for my $name (sort keys %good) {
    works "seal_km_$name once", at(good($name));
    fails "seal_km_$name twice",
        at(good($name), $name => [ $good{$name}, "$good{$name}; #!" ]),
        qr/duplicate/;
}

fails "seal_km_$_ off twice", at($_ => [ 'off', 'off; #!' ]), qr/duplicate/
    for qw(issuer audience scope);
fails 'seal_km_bind: one kind twice, one of them off',
    at(bind => [ 'user off', 'user sub; #!' ]), qr/duplicate/;
fails "seal_km_claim_set $_->[0] and $_->[1]",
    at(claim_set => [ $_->[0], "$_->[1]; #!" ]), qr/duplicate/ for
    [ '$x a', '$x b c' ], [ '$x a', '${x} b' ], [ '$x a', '$X b' ];
works 'seal_km_claim_set: each variable once',
    at(claim_set => [ '$x a', '$y a', '$xy a b' ]) . at2(claim_set => '$x b');
works 'seal_km_client_id_claim off', at(client_id_claim => 'off');
works 'a claim that is called "off" further in',
    at(claim_set => '$x off', scope_claim => 'off');

# what else makes variables
fails "seal_km_claim_set: the variable of $_->[0]",
    { http_config => $_->[1] . 'seal_km_claim_set $x c; #!' . "\n", config => at() },
    qr/"seal_km_claim_set" wants a variable of its own, "\$x"/ for
    [ 'a map' => "map \$host \$x { default 1; }\n" ],
    [ 'geo' => "geo \$x { default 1; }\n" ];
fails "seal_km_claim_set: the variable of $_->[0] further down",
    { http_config => 'seal_km_claim_set $x c; #!' . "\n$_->[1]", config => at() },
    qr/"seal_km_claim_set" wants a variable of its own, "\$x"/ for
    [ 'a map' => 'map $host $x { default 1; }' ],
    [ 'geo' => 'geo $x { default 1; }' ],
    [ 'split_clients' => 'split_clients a $x { * 1; }' ];

works 'seal_km_bind: each kind once',
    at(bind => [ 'user sub', 'client off', 'device x' ]);

# ------------------------------------------------------------------- contexts

fails "seal_km_pass in $_->[0]", { $_->[1] => "seal_km_pass 127.0.0.1; #!\n" },
    qr/"seal_km_pass" directive is not allowed here/ for
    [ http => 'http_config' ], [ server => 'config' ];
fails "seal_km_$_ in main", { main_config => "seal_km_$_ $good{$_}; #!\n" },
    qr/"seal_km_$_" directive is not allowed here/ for sort keys %good;

for my $name (grep { $_ ne 'pass' } sort keys %good) {
    works "seal_km_$name in http, server and location", {
        http_config => directives(good($name)),
        config => directives(good($name)) . at(good($name)),
    };
}

# ------------------------------------------------------------------- required

for my $name (qw(uri jwks issuer audience scope)) {
    fails "without seal_km_$name", at(pass => '127.0.0.1; #!', $name => undef),
        qr/seal_km_$name/, qr{/km\b};
    works "seal_km_$name in server",
        directives($name => $good{$name}) . at($name => undef);
    works "seal_km_$name in http",
        { http_config => directives($name => $good{$name}),
          config => at($name => undef) };
    works "seal_km_$name in an outer location",
        "location / {\n" . directives($name => $good{$name})
        . at($name => undef) . "}\n";
    fails "seal_km_$name in another location only",
        at() . location('= /other', pass => '127.0.0.1; #!', $name => undef),
        qr/seal_km_$name/, qr{/other\b};
    fails "seal_km_$name in a nested location only",
        location('/outer', pass => '127.0.0.1; #!', $name => undef,
                 more => "location /outer/in {\n"
                         . directives($name => $good{$name}) . '}'),
        qr/seal_km_$name/, qr{/outer\b};
}

# -------------------------------------------------------- what a location speaks

works "seal_km_interface $_", at(interface => $_) for qw(km ss-kir);
fails 'seal_km_interface twice', at(interface => [ 'km', 'km; #!' ]),
    qr/duplicate/;
fails "seal_km_interface in $_->[0]",
    { $_->[1] => "seal_km_interface km; #!\n", $_->[1] eq 'config' ? ()
                                                : (config => at()) },
    qr/"seal_km_interface" directive is not allowed here/ for
    [ http => 'http_config' ], [ server => 'config' ];
fails 'seal_km_interface where nothing answers',
    "location = /x {\nseal_km_interface ss-kir; #!\n}\n",
    qr{"seal_km_interface" without "seal_km_pass" in the location "/x"};
fails 'not inherited: km wants a URI',
    location('/x', interface => 'ss-kir', uri => undef,
             more => location('/x/y', pass => '127.0.0.1; #!', uri => undef)),
    qr/no "seal_km_uri" is defined for the location "\/x\/y"/;
works 'ss-kir wants none', at(interface => 'ss-kir', uri => undef);
fails "ss-kir without seal_km_$_",
    at(interface => 'ss-kir', uri => undef, pass => '127.0.0.1; #!', $_ => undef),
    qr/no "seal_km_$_" is defined/ for qw(jwks issuer audience scope);
works 'client_max_body_size means nothing to ss-kir',
    at(interface => 'ss-kir', uri => undef, more => 'client_max_body_size 1k;');
works 'but to km', at(more => 'client_max_body_size 1k;'),
    qr/\[warn\].*"client_max_body_size" is below "seal_km_max_request_size"/;

works 'nothing at all', '';
works 'directives without seal_km_pass', directives(window => '5s')
    . 'location / { seal_km_scope off; }';
works 'off is a value', at(issuer => 'off', audience => 'off', scope => 'off',
                           bind => [ 'user off', 'client off', 'device off' ]);
fails 'off in http is inherited, another directive is not',
    { http_config => directives(issuer => 'off'),
      config => at(issuer => undef, audience => undef, pass => '127.0.0.1; #!') },
    qr/seal_km_audience/;

# --------------------------------------------------- nobody who could be asked

# as nginx says it: a name that it will resolve needs a zone and a resolver
my $resolves = (nginx_t(http_config => 'resolver 127.0.0.1:1; upstream u {
    zone u 64k; server localhost:1 resolve; server 127.0.0.1:1; }'))[0] == 0;

for my $mode ('sentinel main', 'cluster') {
    my $asks = sub {
        my ($block, $name) = @_;
        return { http_config => 'resolver 127.0.0.1:1; '
                                . "upstream u { zone u 64k; $block }",
                 config => at(pass => $name // 'u; #!', redis_mode => $mode) };
    };

    fails "$mode: the only server is down", $asks->('server 127.0.0.1:1 down;'),
        qr/"down"/, qr{/km\b};
    fails "$mode: all servers are down",
        $asks->('server 127.0.0.1:1 down; server localhost:1 down;'), qr/"down"/;
    fails "$mode: inherited",
        { http_config => "seal_km_redis_mode $mode;
                          upstream u { server 127.0.0.1:1 down; }",
          config => at(pass => 'u; #!') }, qr/"down"/;
    works "$mode: one is not down", $asks->('server 127.0.0.1:1 down;
        server 127.0.0.1:2;', 'u');
    works "$mode: a backup", $asks->('server 127.0.0.1:1 down;
        server 127.0.0.1:2 backup;', 'u');
    works "$mode: an address", at(pass => '127.0.0.1:1', redis_mode => $mode);
    works "$mode: a name", at(pass => 'localhost:1', redis_mode => $mode);

    if ($resolves) {
        fails "$mode: resolve", $asks->('server localhost:1 resolve;'),
            qr/"resolve"/;
        fails "$mode: resolve and another",
            $asks->('server 127.0.0.1:1; server localhost:1 resolve;'),
            qr/"resolve"/;
        works "$mode: resolve, but down", $asks->('server 127.0.0.1:1;
            server localhost:1 down resolve;', 'u');
        works "$mode: resolve an address", $asks->('server 127.0.0.1:1 resolve;',
            'u');
    }
}

works 'one server that is down', {
    http_config => 'upstream u { server 127.0.0.1:1 down; }',
    config => at(pass => 'u') };
works 'one server to resolve', {
    http_config => 'resolver 127.0.0.1:1;
                    upstream u { zone u 64k; server localhost:1 resolve; }',
    config => at(pass => 'u') } if $resolves;

# ----------------------------------------------------------------- what is right

works "seal_km_pass $_", at(pass => $_) for
    '127.0.0.1', '127.0.0.1:6380', 'localhost', 'localhost:6380', '[::1]',
    '[::1]:6380', 'unix:/tmp/redis.sock';
works 'seal_km_pass to an upstream', {
    http_config => 'upstream u { server 127.0.0.1:6379; server unix:/tmp/r;
                                 server 127.0.0.1:6380 backup; }',
    config => at(pass => 'u') };
works 'seal_km_pass to an upstream that comes later', {
    http_config => 'server { listen unix:' . temp_dir() . '/s2; '
        . at(pass => 'later') . '} upstream later { server 127.0.0.1:6379; }' };
works 'seal_km_pass in if and limit_except',
    at(more => 'limit_except POST { deny all; } if ($arg_a) { set $b 1; }');
works 'seal_km_pass beside proxy_pass elsewhere',
    at() . 'location /p { proxy_pass http://127.0.0.1:1; }';
works "seal_km_leeway $_", at(leeway => $_) for qw(30s 0 0s 10);
works "seal_km_window $_", at(window => $_) for qw(0s 1m 1d);
works "seal_km_algorithms $_", at(algorithms => $_,
        jwks => jwks(qw(rsa ec256 ec384 ec521 ed25519 hs256 hs384 hs512)))
    for 'RS256', 'RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA',
        'HS256 HS384 HS512', 'EdDSA RS256', 'Ed25519', 'EdDSA Ed25519 Ed448';
works 'several values', at(uri => 'https://a.example/ https://b.example/',
    version => '1.0.0 2.0.0', issuer => 'a b', audience => 'a b', scope => 'a b',
    jwks => jwks('rsa') . ' ' . jwks('ec256'));
works 'variables', at(user_uri => 'sip:$seal_km_claim_sub@$host',
                      scope => 'km:$seal_km_service_id seal:$arg_a');
temp_file(to_json(jwk('rsa')), 'nginx_t/relative.jwks');
works 'a relative name of a key file: as for ssl_certificate',
    at(jwks => 'relative.jwks');

# ------------------------------------------------------------------- key files

sub keys_of { return temp_file(to_json({ keys => [@_] })) }

my $n = 0;

for (
    [ 'no JSON',           'x' ],
    [ 'nothing',           '' ],
    [ 'text behind JSON',  to_json(jwk('rsa')) . 'x' ],
    [ 'a PEM file',        "-----BEGIN PUBLIC KEY-----\n", qr/is PEM, .*JWK Set/ ],
    [ 'a certificate',     "subject=a\n-----BEGIN CERTIFICATE-----\n", qr/is PEM/ ],
    [ 'an array',          to_json([ jwk('rsa') ]) ],
    [ 'a string',          '"x"' ],
    [ 'an object',         '{}' ],
    [ 'no keys',           '{"keys":[]}' ],
    [ 'keys no array',     to_json({ keys => jwk('rsa') }) ],
    [ 'a name twice',      to_json(jwk('rsa')) =~ s/\}\z/,"kty":"RSA"}/r ],
    [ 'keys twice',        '{"keys":[],"keys":[' . to_json(jwk('rsa')) . ']}' ],
    [ 'a key of no JSON',  '{"keys":[' . to_json(jwk('rsa')) . ',{"kty"}]}' ],
    [ 'keys without end',  '{"keys":[' . to_json(jwk('rsa')) ],
    [ 'a NUL',             to_json(jwk('rsa')) . "\0" ],
) {
    my ($name, $text, @patterns) = @$_;
    my $path = temp_file($text, 'bad' . ++$n);

    fails "key file: $name", at(jwks => "$path; #!"), qr/\Q$path\E/, @patterns;
    fails "key file: $name, behind a good one",
        at(jwks => jwks('rsa') . " $path; #!"), qr/\Q$path\E/;
}

for (
    [ 'RSA of 1024 bits',         jwk('rsa1024') ],
    [ 'RSA with exponent 1',      jwk('rsa', e => 'AQ') ],
    [ 'RSA without n',            jwk('rsa', n => undef) ],
    [ 'RSA with a bad n',         jwk('rsa', n => '!') ],
    [ 'EC not on its curve',      jwk('ec256', y => jwk('ec256b')->{y}) ],
    [ 'EC of an unknown curve',   jwk('ec256', crv => 'P-999') ],
    [ 'secp256k1',                jwk('ec256k') ],
    [ 'OKP of 31 bytes',          jwk('ed25519', x => 'A' x 42) ],
    [ 'X25519',                   jwk('ed25519', crv => 'X25519') ],
    [ 'an unknown kty',           jwk('rsa', kty => 'XYZ') ],
    [ 'without kty',              jwk('rsa', kty => undef) ],
    [ 'HMAC of 128 bits',         jwk('hs128') ],
) {
    my ($name, $jwk) = @$_;
    my @hs = $jwk->{kty} && $jwk->{kty} eq 'oct'
             ? (algorithms => 'HS256 RS256') : ();

    $jwk = { map { defined $jwk->{$_} ? ($_ => $jwk->{$_}) : () } keys %$jwk };
    my ($alone, $beside) = (keys_of($jwk), keys_of($jwk, jwk('rsa2')));

    fails "no usable key: $name", at(@hs, jwks => "$alone");
    works "an unusable key beside another: $name", at(@hs, jwks => $beside),
        qr/\[warn\].*\Q$beside\E/;
}

# whatever is wrong with one key, it costs no other
my %foreign = (
    'null'                  => 'null',
    'text'                  => '"x"',
    'a number beyond any'   => '1e400',
    'an array'              => '[]',
    'a member twice'        => to_json(jwk('rsa')) =~ s/\}\z/,"kty":"RSA"}/r,
    'a member of 1e400'     => to_json(jwk('rsa')) =~ s/\}\z/,"exp":1e400}/r,
    'a numeric e'           => to_json(jwk('rsa', e => 65537)),
);

for my $name (sort keys %foreign) {
    my $path = temp_file("{\"keys\":[$foreign{$name}," . to_json(jwk('rsa2'))
                         . ']}');

    works "a foreign key beside another: $name", at(jwks => $path),
        qr/\[warn\].*\Q$path\E.* key 1 /;
    fails "a foreign key alone: $name",
        at(jwks => temp_file("{\"keys\":[$foreign{$name}]}")),
        qr/\[warn\].* key 1 /, qr/no usable key/;
}

works 'a numeric e: the right words',
    at(jwks => keys_of(jwk('rsa', e => 65537), jwk('rsa2'))),
    qr/key 1 .*its e is no string: JWK has it in base64url/;
works 'null and [] for what is not there: no warning', at(jwks => keys_of(
    jwk('rsa', map({ $_ => \'null' } qw(d p q dp dq qi use alg kid)),
        map { $_ => [] } qw(key_ops oth x5c))));

fails 'no usable key: for encryption only',
    at(jwks => keys_of(jwk('rsa', use => 'enc')));
works 'a key for encryption beside another: no warning',
    at(jwks => keys_of(jwk('rsa', use => 'enc'), jwk('rsa2')));
fails 'no key for the algorithms',
    at(jwks => jwks('rsa'), algorithms => 'ES256');
fails 'HMAC keys alone where no HS algorithm is listed',
    at(jwks => jwks('hs256'));

for my $key (qw(rsa ec256 ed25519)) {
    my $path = jwks([ $key, -private => 1 ]);
    works "private key, $key", at(jwks => $path), qr/\[warn\].*\Q$path\E/;
}

works 'a secret key: no warning',
    at(jwks => jwks('hs256'), algorithms => 'HS256');


# ------------------------------------------------- nginx itself does not start

test 'nginx with a bad directive',
    config => at(payload => 'xml'),
    suppress_stderr => 1,
    must_die => 1,
    log => [ qr/\[emerg\].*"xml".*nginx\.conf:\d+/ ];

test 'nginx without a required directive',
    config => at(jwks => undef),
    suppress_stderr => 1,
    must_die => 1,
    log => [ qr/\[emerg\].*seal_km_jwks.*nginx\.conf:\d+/ ];

test 'nginx with a warning',
    config => at(jwks => jwks([ 'rsa', -private => 1 ])),
    log => [ qr/\[warn\]/ ],
    sub { is(post(auth => undef)->status, 401, 'it runs') };

run_tests();
