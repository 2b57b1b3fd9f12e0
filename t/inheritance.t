# Every directive in http, server and location: the innermost value is in force
# alone, those around it are replaced.

use lib 't/lib';
use SealKM;

use IO::Socket::INET;

my $redis = start_redis();
$redis->set("seal:km:$_", '"K"') for 'v2x.example:service', map { "v2x.example:$_" }
    'user:u', 'client:c', 'device:d';

my $all = jwks(qw(rsa rsa2 ec256 ed25519));
my $port = free_port();
my %member = (user => 'UserID', client => 'ClientID', device => 'DeviceID');

# a request of exactly that many bytes
sub sized {
    my ($size) = @_;
    return request_body(pad => 'x' x ($size - length request_body(pad => '')));
}

# Each fake Redis accepts this one greeting; made before any nginx starts.
my %fake;

sub expects {
    my ($name, %command) = @_;
    return ($fake{$name} //= fake_redis(get => sub {
        return ($_[0] =~ /slow/ ? pause(0.2) : (), bulk('"K"'));
    }, command => {
        (map { $_ => sub { "-WRONGPASS wrong\r\n" } } qw(AUTH SELECT)),
        map { my $want = $command{$_};
              ($_ => sub { "@_" eq $want ? "+OK\r\n" : "-WRONGPASS no\r\n" });
        } keys %command }))->address;
}

# an address where nobody answers: its queue of connections is full
my @backlog;

sub deaf {
    my $listen = listen_at('127.0.0.1', free_port(), Listen => 1);

    listen $listen, 0;
    push @backlog, $listen, map { IO::Socket::INET->new(Proto => 'tcp',
        PeerAddr => '127.0.0.1', PeerPort => $listen->sockport, Blocking => 0)
        } 1 .. 8;
    return '127.0.0.1:' . $listen->sockport;
}

my @ok = ({ payload => '"K"' });
my $slow = fake_redis(get => sub { return (pause(0.4), bulk('"K"')) });
my $names = fake_redis();
my $deaf = deaf();

# which of several values a request names
sub names {
    my ($reason, $request, $more) = @_;

    return sub {
        my ($value, @others) = @_;
        my %more = $more ? $more->($value) : ();
        return ([ $request->($value), { payload => '"K"', %more } ],
                map { [ $request->($_), { reason => $reason, %more } ] } @others);
    };
}

# Directive; the values of http, server and location; what they lead to, from a
# value and the others: requests and answers; and what else the locations have.
my @directives = (
    [ uri => [ map { "https://$_.example/" } qw(h s l) ],
      names('skms_uri_mismatch', sub { { body => { SKmsUri => $_[0] } } },
            sub { (skms_uri => $_[0]) }) ],
    [ uri => [ 'urn:a urn:b', 'urn:b urn:c', 'urn:c urn:d' ], sub {
        my ($own, @others) = map { [ split / / ] } @_;
        return map {
            my $uri = $_;
            [ { body => { SKmsUri => $uri } }, (grep { $_ eq $uri } @$own)
                ? { payload => '"K"', skms_uri => $own->[0] }
                : { reason => 'skms_uri_mismatch', skms_uri => $own->[0] } ];
        } qw(urn:a urn:b urn:c urn:d);
      } ],
    [ id => [ 'h', 's', 'l' ], sub { [ {}, { @{[ %{ $ok[0] } ]}, skms_id => $_[0] } ] } ],
    [ user_uri => [ 'h:$host', 's:$host', 'l:$seal_km_claim_sub' ], sub {
        my $value = $_[0] =~ s/\$host/localhost/r =~ s/\$seal\w+/alice/r;
        return [ {}, { payload => '"K"', user_uri => $value } ];
      } ],
    [ version => [ '1.1.0 1.2.0', '1.2.0 1.3.0', '2.0.0' ], sub {
        my ($own) = @_;
        return map { [ { body => { Version => $_ } },
            $own =~ /\Q$_\E/ ? @ok : 'unsupported_version' ] }
            qw(1.0.0 1.1.0 1.2.0 1.3.0 2.0.0);
      } ],
    (map { [ window => $_, sub {
        my ($seconds) = $_[0] =~ /(\d+)/;
        return map { [ { body => { 'Date/Time' => time + $_ * $seconds } },
                       abs $_ < 1 ? @ok : 'date_time_out_of_window' ] }
               0.9, -0.9, 1.2, -1.2;
      } ] } [ '100s', '1000s', '10000s' ], [ '10000s', '1000s', '100s' ]),
    (map { [ require_tls => $_, sub {
        return [ {}, $_[0] eq 'on' ? 'tls_required' : @ok ];
      } ] } [qw(on off on)], [qw(off on off)]),
    (map { [ max_request_size => $_, sub {
        my ($size) = @_;
        my %echo = (echo => { ServiceID => 'v2x.example' });
        return ([ { body => sized($size) }, { payload => '"K"', %echo } ],
                [ { body => sized($size + 1) }, 'request_too_large' ]);
      } ] } [ 1000, 2000, 300 ], [ 2000, 1000, 3000 ]),
    [ jwks => [ map { jwks($_) } qw(rsa2 ec256 ed25519) ], sub {
        my ($path) = @_;
        open my $file, '<', $path or die $!;
        my ($own) = <$file> =~ /"kid":"(\w+)"/;
        return map { [ { token => { -key => $_ } },
                       $_ eq $own ? @ok : 'token_key' ] } qw(rsa2 ec256 ed25519);
      } ],
    [ algorithms => [ 'RS256 ES256', 'ES256', 'EdDSA RS384' ], sub {
        my ($own) = @_;
        return map { [ { token => { -alg => $_->[0], -key => $_->[1] } },
                       $own =~ /$_->[0]/ ? @ok : 'token_algorithm' ] }
            [ RS256 => 'rsa' ], [ RS384 => 'rsa' ], [ PS256 => 'rsa' ],
            [ ES256 => 'ec256' ], [ EdDSA => 'ed25519' ];
      }, [ jwks => $all ] ],
    [ issuer => [qw(h s l)],
      names('token_issuer', sub { { token => { iss => $_[0] } } }) ],
    (map { [ issuer => $_, sub {
        my ($own) = @_;
        return map { [ { token => { iss => $_ } }, $own eq 'off' || $own eq $_
                       ? @ok : 'token_issuer' ] } 'x', 'a', 'b', 'off';
      } ] } [qw(a off b)], [qw(off a off)]),
    [ audience => [qw(h s l)],
      names('token_audience', sub { { token => { aud => $_[0] } } }) ],
    (map { [ audience => $_, sub {
        my ($own) = @_;
        return map { [ { token => { aud => $_ } }, $own eq 'off' || $own eq $_
                       ? @ok : 'token_audience' ] } 'x', 'a', 'b', 'off';
      } ] } [qw(a off b)], [qw(off a off)]),
    (map { [ scope => $_, sub {
        my ($own) = @_;
        return map {
            my $scope = $_;
            my $granted = $own eq 'off'
                || !grep { my $word = $_; !grep { $_ eq $word } split / /, $scope }
                    split / /, $own;
            [ { token => { scope => $scope } }, $granted ? @ok
              : { reason => 'insufficient_scope', authenticate => {
                  error => 'insufficient_scope', scope => $own } } ];
        } 'x', 'h', 's', 'l', 'h s', 's l', 'h l', 'off';
      } ] } [ 'h', 's', 'l' ], [ 'h s', 's', 'l s' ], [ 'h', 'off', 'l' ],
            [ 'off', 's', 'off' ]),
    [ client_id_claim => [ 'h', 'off', 'l s' ], sub {
        my ($own) = @_;
        my $all = { h => 'h', s => 's', l => 'l', sub => undef };
        my %uri = (h => 'h', off => undef, 'l s' => 'l');
        return ([ { token => $all }, { payload => '"K"', user_uri => $uri{$own} } ],
                [ { token => { sub => undef } }, $own eq 'off'
                    ? { payload => '"K"', user_uri => undef } : 'token_malformed' ]);
      } ],
    [ scope_claim => [ 'h', 's', 'l s' ], sub {
        my ($own) = @_;
        return map {
            my $claim = $_;
            [ { token => { scope => undef, $claim => SCOPE } },
              $own =~ /\b$claim\b/ ? @ok : 'insufficient_scope' ];
        } qw(h s l);
      } ],
    [ token_type => [ 'h', 'any', 'l s' ], sub {
        my ($own) = @_;
        return map { [ { token => { -header => { typ => $_ } } },
                       $own =~ /\b(?:$_|any)\b/ ? @ok : 'token_type' ] }
            qw(h s l x);
      } ],
    (map { [ leeway => $_, sub {
        my ($seconds) = $_[0] =~ /(\d+)/;
        return ([ { token => { exp => time - $seconds + 4 } },
                  @ok ],
                [ { token => { exp => time - $seconds } }, 'token_expired' ],
                [ { token => { nbf => time + $seconds } }, @ok ],
                [ { token => { nbf => time + $seconds + 9 } },
                  'token_not_yet_valid' ]);
      } ] } [ '10s', '20s', '30s' ], [ '30s', '0s', '15s' ]),
    (map { my $kind = $_;
           [ bind => [ map { "$kind $_" } qw(h off l) ], sub {
        my ($claim) = $_[0] =~ / (.*)/;
        return map { [ { body => { $member{$kind} => substr $kind, 0, 1 },
                         token => { sub => 'x', h => 'x', l => 'x',
                                    $_ => substr $kind, 0, 1 } },
                       { ($_ eq $claim || $claim eq 'off')
                         ? (payload => '"K"') : (reason => 'identity_mismatch') } ]
               } qw(h l other);
      } ] } sort keys %member),
    [ payload => [ 'json', 'base64', 'string' ], sub {
        return [ {}, { payload => { json => \'"K"', base64 => 'Iksi',
                                    string => '"K"' }->{ $_[0] } } ];
      } ],
    [ redis_key_prefix => [ 'h:', '""', 'l:' ], sub {
        my ($prefix) = @_;
        return [ {}, { payload => 'record of ' . ($prefix =~ tr/"//dr)
                                  . 'v2x.example:service' } ];
      }, [ pass => $names->address ] ],
    [ redis_user => [qw(h s l)], sub { [ {}, @ok ] }, sub {
        return (redis_password => 'p',
                pass => expects("user $_[0]", AUTH => "$_[0] p"));
      } ],
    [ redis_password => [qw(h s l)], sub { [ {}, @ok ] },
      sub { (pass => expects("password $_[0]", AUTH => $_[0])) } ],
    [ redis_password_file => [ map { temp_file("$_\n", "password.$_") } qw(h s l) ],
      sub { [ {}, @ok ] },
      sub { my ($password) = $_[0] =~ /(\w)\z/;
            return (pass => expects("password $password", AUTH => $password)) } ],
    [ redis_database => [ 3, 4, 0 ], sub { [ {}, @ok ] },
      sub { (pass => expects("database $_[0]", $_[0] ? (SELECT => $_[0]) : ())) } ],
    (map { [ redis_timeout => $_, sub {
        # who has not answered is given up, and may not be there again yet
        return [ {}, $_[0] eq '100ms'
                     ? { reason => [qw(store_timeout store_unavailable)] } : @ok ];
      }, [ pass => $slow->address ], [ qr/\[error\].*store_timeout/ ] ] }
        [ '100ms', '50s', '100ms' ], [ '50s', '100ms', '50s' ]),
    (map { [ redis_connect_timeout => $_, sub {
        return $_[0] eq '100ms' ? [ {}, 'store_unavailable' ] : ();
      }, [ pass => $deaf, redis_timeout => '60s' ],
         [ qr/\[error\].*could not be connected to/, qr/\[error\].*store_unavailable/ ] ] }
        [ '100ms', '50s', '100ms' ], [ '50s', '100ms', '50s' ]),
    [ redis_connections => [ 3, 1, 2 ], sub {
        my ($n) = @_;
        return [ {}, @ok, sub {
            my $fake = $fake{"connections $n"};
            my $count = sub { $fake->count(qr/^accept/) };
            my ($location, %where) = @_;

            # another one is opened where all have something to do
            wait_for(sub {
                my @clients = map {
                    client(%{ $where{client} // {} })->send(request(
                        location => $location, body => { ServiceID => 'slow' }))
                } 1 .. 2 * $n;
                $_->response for @clients;
                return $count->() >= $n;
            });
            is($count->(), $n, "$n connections");
        } ];
      }, sub { (pass => expects("connections $_[0]")) } ],
);

for (@directives) {
    my ($name, $values, $probe, $more, $log) = @$_;
    my @more = map { [ ref $more eq 'CODE' ? $more->($_) : @{ $more // [] } ] }
               @$values;
    my @set = map { { $name => $_ } } @$values;

    # http, server, location
    my $h = sub { location($_[0], @{ $more[0] }, $name => undef) };
    my $s = sub { location($_[0], @{ $more[1] }, $name => undef) };
    my $l = sub { my ($path, $text) = @_;
                  location($path, @{ $more[2] }, %{ $set[2] }, more => $text // '') };

    test "$name: @$values",
        http_config => directives(%{ $set[0] })
            . "server { listen 127.0.0.1:$port; client_max_body_size 0;\n"
            . $h->('= /http') . "location /http/ {\n" . $h->('/http/in/') . "}\n}\n",
        config => directives(%{ $set[1] })
            . $s->('= /server') . "location /server/ {\n" . $s->('/server/in/') . "}\n"
            . $l->('= /location')
            . "location /location/ {\n" . directives(%{ $set[2] })
            . location('/location/in/', @{ $more[2] }, $name => undef) . "}\n"
            . $l->('= /if', 'if ($arg_x) { set $y 1; }')
            . $l->('= /except', 'limit_except GET { allow all; }')
            . $l->('= /both', 'limit_except GET { allow all; }
                    if ($arg_x) { set $y 1; } if ($arg_x = 1) { set $y 2; }')
            . $s->('= /server-again'),
        log => $log,
        may_log => $name eq 'redis_timeout'
            ? [ qr/\[error\].*answers nothing/, qr/\[error\].*store_unavailable/ ] : [],
        sub {
            my @at = ([ 0, '/http', client => { port => $port } ],
                      [ 0, '/http/in/', client => { port => $port } ],
                      [ 1, '/server' ], [ 1, '/server/in/' ], [ 2, '/location' ],
                      [ 2, '/location/in/' ], [ 2, '/if?x=1' ], [ 2, '/if' ],
                      [ 2, '/except' ], [ 2, '/both?x=1' ], [ 1, '/server-again' ]);

            for (@at) {
                my ($i, $location, @where) = @$_;
                my $own = $values->[$i];
                my @others = grep { $_ ne $own } @$values;
                my $start = time;

                for ($probe->($own, @others)) {
                    my ($request, $want, $then) = @$_;
                    km "$name $own at $location: " . join(' ', map {
                            ref $_ ? to_json($_) : $_ } %$request),
                        { location => $location, @where, %$request }, $want;
                    $then->($location, @where) if $then;
                }

                # 100 ms or not, whatever else the machine does
                cmp_ok(time - $start, '<', 40, "$name at $location: in time")
                    if $name =~ /timeout/;
            }
        };
}


# what one directive leaves of another
my $password = expects('two passwords', AUTH => 'inner');

test 'one password replaces the other, file or not',
    config => directives(redis_password => 'outer')
        . location('= /file', pass => $password,
                   redis_password_file => temp_file("inner\n", 'password.inner'))
        . "location /by-file/ {\n"
        . directives(redis_password_file => temp_file('outer', 'password.outer'))
        . location('/by-file/in', pass => $password, redis_password => 'inner')
        . "}\n",
    sub {
        km 'a file in a location', { location => '/file' }, @ok;
        km 'a password, with a file around it', { location => '/by-file/in' }, @ok;
    };


# each kind by itself
test 'bind, kind by kind',
    http_config => directives(bind => [ 'user hu', 'client hc', 'device hd' ])
        . "server { listen 127.0.0.1:$port;\n" . location('= /http') . "}\n",
    config => directives(bind => 'client sc') . location('= /server')
        . location('= /device', bind => 'device off')
        . "location /outer/ {\n" . directives(bind => [ 'user off', 'device od' ])
        . location('/outer/in', bind => 'user iu') . location('/outer/none') . "}\n"
        . location('= /all', bind => [ 'user sub', 'client client_id',
                                       'device device_id' ]),
    sub {
        my %at = (
            '/http'       => { user => 'hu', client => 'hc', device => 'hd' },
            '/server'     => { user => 'hu', client => 'sc', device => 'hd' },
            '/device'     => { user => 'hu', client => 'sc', device => 'off' },
            '/outer/in'   => { user => 'iu', client => 'sc', device => 'od' },
            '/outer/none' => { user => 'off', client => 'sc', device => 'od' },
            '/all'        => { user => 'sub', client => 'client_id',
                               device => 'device_id' },
        );
        my @claims = qw(sub client_id device_id hu hc hd sc od iu off);

        for my $location (sort keys %at) {
            for my $kind (sort keys %member) {
                my $id = substr $kind, 0, 1;
                my $bound = $at{$location}{$kind};

                km "$location: $kind, $_", { location => $location,
                    $location eq '/http' ? (client => { port => $port }) : (),
                    body => { $member{$kind} => $id },
                    token => { (map { $_ => 'x' } @claims), $_ => $id } },
                    $bound eq 'off' || $bound eq $_ ? @ok : 'identity_mismatch'
                    for @claims;
            }
        }
    };


# a location within one with seal_km_pass is none itself
test 'seal_km_pass is not inherited',
    config => location('/km', more => 'location /km/plain { return 200 plain; }
                       location /km/none { }') . location('/km2'),
    log => [ qr/\[error\].*none" failed \(2/ ],
    sub {
        km 'the location', { location => '/km' }, @ok;
        km 'what begins with its name', { location => '/km/x' }, @ok;
        is(post(location => '/km/plain')->body, 'plain', 'one inside of it');
        is(post(location => '/km/none')->header('X-Reason') // '', '',
           'one inside of it, empty');
    };


test 'if and limit_except',
    config => location('= /deny', more => 'limit_except POST { deny all; }')
        . location('= /get', more => 'limit_except GET { deny all; }')
        . location('= /return', more => 'if ($arg_x) { return 418; }')
        . location('= /set', user_uri => 'x:$y', more => 'set $y a; if ($arg_x) { set $y b; }')
        . location('= /if', more => 'if ($arg_x) { add_header X-If yes always;
                    add_header X-Reason $seal_km_reason always; }'),
    log => [ qr/access forbidden by rule/ ],
    sub {
        km 'limit_except POST: POST', { location => '/deny' }, @ok;
        is(post(location => '/deny', method => $_, body => '')->status, 403,
           "limit_except POST: $_") for qw(GET PUT);
        is(post(location => '/get')->status, 403, 'limit_except GET: POST');
        km 'limit_except GET: GET', { location => '/get', method => 'GET' },
            'method_not_allowed';
        is(post(location => '/return?x=1')->status, 418, 'return');
        km 'no return', { location => '/return' }, @ok;
        km "set: $_->[0]", { location => "/set$_->[0]" },
            { payload => '"K"', user_uri => "x:$_->[1]" }
            for [ '' => 'a' ], [ '?x=1' => 'b' ];
        km 'a header in if', { location => '/if?x=1' }, @ok;
        is(post(location => '/if?x=1')->header('X-If'), 'yes', 'it is there');
        km 'a refusal in if', { location => '/if?x=1', token => 'x' },
            'token_malformed';
    };

run_tests();
