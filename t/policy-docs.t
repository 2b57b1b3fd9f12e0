# The rules of docs/policy.md as they are written there: the page's own text is
# the configuration.  What its "..." stands for is filled in, and names of files
# are those of the test.

use lib 't/lib';
use SealKM;

use Cwd 'abs_path';
use File::Basename 'dirname';

my $redis = start_redis();
my $flag = temp_dir() . '/maintenance';

my %jwks = (own => jwks('rsa'), partner => jwks('rsa2'), a => jwks('rsa'),
            b => jwks('rsa2'));

sub page {
    my ($name) = @_;
    # t/ may be a folder of links
    my $path = dirname(abs_path(__FILE__)) . "/../docs/$name.md";
    open my $file, '<', $path or die "$path: $!";
    local $/;
    return <$file>;
}

my $page = page('policy');

# number => { title, text } of the page's rules
my %rule;
$rule{$1} = { title => $2, text => $3 }
    while $page =~ /^\#\# (\d+) ([^\n]+)\n(.*?)(?=^\#\# |\z)/gms;

# the body of a location, with what its "..." stands for
sub filled {
    my ($body) = @_;
    my %all = (pass => $redis->address, uri => SKMS_URI, jwks => $jwks{own},
               issuer => ISSUER, audience => AUDIENCE, scope => SCOPE,
               require_tls => 'off');

    delete $all{$_} for $body =~ /seal_km_(\w+) /g;
    my $lacks = directives(%all, more => 'add_header X-Reason $seal_km_reason'
                                         . ' always;');
    return $body =~ s/^ *\.\.\.\n/$lacks/mr;
}

# http_config, config of a rule
sub sections { return sections_of($rule{$_[0]}{text}) }

sub sections_of {
    my ($page) = @_;
    my $text = join "\n", $page =~ /^```nginx\n(.*?)^```$/gms;
    my %section;

    $text =~ s{/etc/seal-km/(\w+)\.jwks}{$jwks{$1} // die "no $1.jwks"}ge;
    $text =~ s{/etc/seal-km/maintenance}{$flag}g;

    # what is at the level of http, what of a server; a server is that of the
    # test, and has its contents
    while ($text =~ /^(\S[^\n]*\{)\n(.*?)^\}$/gms) {
        my ($head, $body) = ($1, $2);

        if ($head =~ /^map /) {
            $section{http_config} .= "$head\n$body}\n";
        } else {
            $section{config} .= $head eq 'server {' ? $body
                                                    : "$head\n$body}\n";
        }
    }

    $section{config} =~ s/^( *location [^\n]*\n)(.*?^ *\}$)/$1 . filled($2)/gmse;
    return %section;
}

sub refused { return { reason => $_[0], as => 'policy' } }

# the options of km() for a token and a request
sub ask {
    my ($token, $body) = @_;
    return { location => '/seal-km', token => $token, body => $body // {} };
}

my $records = 0;

sub record {
    my ($name) = @_;
    my $value = 'record ' . ++$records;
    $redis->set($name, $value);
    return { payload => $value };
}

is(join(' ', sort keys %rule), '1 2 3 4 5', 'the rules of the page');


# ---------------------------------------------------------------------- 1

test "1 $rule{1}{title}", sections(1), sub {
    my $no = refused('not_own_service');
    my $v2x = 'seal:km:v2x.example:';
    my $service = record("${v2x}service");
    my @server = (sub => undef, val_service => 'v2x.example');
    my @names = ('alice', 'bob', 'sip:alice@example.com', 'a:a', 'a', 'a:b',
                 'b', 'b:a', 'tel:+49', 'x|y', 'x/y', '0', 'user', "\x{e4}");
    my %own = map {
        utf8::encode(my $name = $_);
        $_ => record("${v2x}user:$name");
    } @names;

    for my $name (@names) {
        km "a user's own record: $name",
            ask({ sub => $name }, { UserID => $name }), $own{$name};
        km "the server: $name", ask({ @server }, { UserID => $name }),
            $own{$name};

        for my $other (grep { $_ ne $name } @names) {
            km "$name asks for ${other}'s",
                ask({ sub => $name }, { UserID => $other }), $no;
        }
    }

    # names that would be another one's if they were taken apart elsewhere
    for (
        [ 'a:b:a', 'b' ], [ 'a', 'b:a:b' ], [ 'x:x', 'x' ], [ 'x', 'x:x' ],
        [ "a\tb\ta", 'b' ], [ "b\tb", 'b' ], [ "alice\t", 'alice' ],
        [ "alice\n", 'alice' ], [ 'alice ', 'alice' ], [ ' alice', 'alice' ],
        [ 'Alice', 'alice' ], [ 'alice', 'ALICE' ], [ '.*', 'alice' ],
        [ 'alice', '.*' ], [ 'al', 'alice' ], [ 'alice', 'al' ],
        [ 'alice:alice', 'alice' ], [ '', 'alice' ],
    ) {
        my ($sub, $user) = @$_;
        my $show = $sub =~ s/[\t\n]/?/gr;
        $redis->set("${v2x}user:$user", 'not theirs');
        # whatever UserUri such a sub makes
        my $res = post(%{ ask({ sub => $sub }, { UserID => $user }) });
        is($res->header('X-Reason'), 'not_own_service',
           "\"$show\" asks for \"$user\"");
    }

    km 'no sub', ask({ sub => undef }, { UserID => 'alice' }), $no;
    km "the service's record", ask({}), $service;
    km "the service's record, for its server", ask({ @server }), $service;

    for (qw(ClientID DeviceID)) {
        my $kind = lc(substr $_, 0, -2);
        my $theirs = record("${v2x}$kind:alice");
        km "the server: $_", ask({ @server }, { $_ => 'alice' }), $theirs;
        km "a user asks for a $_ of its name", ask({}, { $_ => 'alice' }), $no;
        km "a user asks for its own $_",
            ask({ client_id => 'alice', device_id => 'alice' },
                { $_ => 'alice' }), $no;
    }

    # the claim of a server
    for (
        [ 'other.example', 'v2x.example' ], [ 'v2x.example', 'other.example' ],
        [ 'V2X.example', 'v2x.example' ], [ 'v2x.example', 'V2X.example' ],
        [ 'v2x_example', 'v2x.example' ], [ 'a/b/a', 'b' ], [ 'a', 'b/a/b' ],
        [ 'x/x', 'x' ], [ 'x', 'x/x' ], [ "a\tb\ta", 'b' ], [ "b\tb", 'b' ],
        [ '', 'v2x.example' ], [ "v2x.example\n", 'v2x.example' ],
        [ '.*', 'v2x.example' ], [ 'v2x', 'v2x.example' ],
        [ \'["v2x.example"]', 'v2x.example' ], [ undef, 'v2x.example' ],
    ) {
        my ($claim, $of) = @$_;
        my $show = (ref $claim ? $$claim : $claim // 'none') =~ s/[\t\n]/?/gr;
        $redis->set("seal:km:$of:user:alice", 'not theirs');
        km "the server of $show asks for a user of $of",
            ask({ sub => undef, val_service => $claim },
                { ServiceID => $of, UserID => 'alice' }), $no;
    }

    for ('other.example', 'a/b', 'urn:v2x') {
        my $user = record('seal:km:' . s/:/%3A/gr . ':user:bob');
        km "the server of $_",
            ask({ sub => undef, val_service => $_ },
                { ServiceID => $_, UserID => 'bob' }), $user;
    }
};


# ---------------------------------------------------------------------- 2

test "2 $rule{2}{title}", sections(2), sub {
    my $no = refused('device_group');
    my $v2x = 'seal:km:v2x.example:';

    for ([ road => 'rsu-1' ], [ road => 'rsu-20' ], [ rail => 'gate-7' ]) {
        my ($group, $device) = @$_;
        my $theirs = record("${v2x}device:$device");

        km "$group: $device", ask({ group => $group }, { DeviceID => $device }),
            $theirs;
        km "no group: $device", ask({}, { DeviceID => $device }), $no;
        km "no group, but its own: $device",
            ask({ device_id => $device }, { DeviceID => $device }), $no;
    }

    for (
        [ road => 'gate-7' ], [ rail => 'rsu-1' ], [ Road => 'rsu-1' ],
        [ road => 'RSU-1' ], [ road => 'rsu-' ], [ road => 'rsu-1x' ],
        [ road => 'xrsu-1' ], [ road => 'rsu-1:rsu-1' ], [ road => 'rsu-1 ' ],
        [ 'road:rsu-1' => 'x' ], [ 'road:rsu-1' => 'rsu-1' ], [ '' => 'rsu-1' ],
        [ '' => 'road:rsu-1' ], [ 'x' => 'road:rsu-1' ],
        [ "road\n" => 'rsu-1' ], [ 'road ' => 'rsu-1' ], [ '.*' => 'rsu-1' ],
        [ 'road:' => 'rsu-1' ], [ \'["road"]', 'rsu-1' ],
        [ 'device:road' => 'rsu-1' ], [ '0' => 'rsu-1' ],
    ) {
        my ($group, $device) = @$_;
        my $show = (ref $group ? $$group : $group) =~ s/\n/?/r;
        km "\"$show\": \"$device\"",
            ask({ group => $group }, { DeviceID => $device }), $no;
    }

    my @road = (group => 'road');
    km 'the service', ask({ @road }), $no;
    km 'a user', ask({ @road, sub => 'rsu-1' }, { UserID => 'rsu-1' }), $no;
    km 'a client', ask({ @road, client_id => 'rsu-1' },
                       { ClientID => 'rsu-1' }), $no;
};


# ---------------------------------------------------------------------- 3

test "3 $rule{3}{title}", sections(3), sub {
    my $no = refused('partner');
    my @partner = (iss => 'https://partner.example', -key => 'rsa2');
    my $traffic = record('seal:km:traffic-info.example:service');
    my $alice = record('seal:km:traffic-info.example:user:alice');
    my $other = record('seal:km:v2x.example:service');
    my $of = { ServiceID => 'traffic-info.example' };

    km 'our own: a service', ask({}), $other;
    km 'our own: the one service', ask({}, $of), $traffic;
    km 'our own: a user', ask({}, { %$of, UserID => 'alice' }), $alice;
    km "the partner's: the one service", ask({ @partner }, $of), $traffic;
    km "the partner's: another service", ask({ @partner }), $no;
    km "the partner's: a user of the one service",
        ask({ @partner }, { %$of, UserID => 'alice' }), $no;
    km "the partner's: a client of the one service",
        ask({ @partner, client_id => 'c' }, { %$of, ClientID => 'c' }), $no;
    km "the partner's: $_", ask({ @partner }, { ServiceID => $_ }), $no for
        'Traffic-Info.example', 'traffic-info.example.x', 'traffic-infoXexample',
        'service|traffic-info.example', 'x|service|traffic-info.example',
        'traffic-info.example|', '|traffic-info.example',
        'https://sim-s.example|';
    km "an issuer that is none: $_",
        ask({ iss => $_, -key => 'rsa2' }, $of), 'token_issuer' for
        'https://sim-s.example|', 'https://sim-sXexample',
        'https://partner.example|service|traffic-info.example',
        'https://SIM-S.example';
};


# ---------------------------------------------------------------------- 4

my @to_b = (headers => [ 'X-Tenant' => 'b' ]);

test "4 $rule{4}{title}", sections(4), sub {
    my ($a, $b) = map { /redis_key_prefix (\S+);/g } $rule{4}{text}
        =~ /^location = \/tenant\/\w \{\n(.*?)^\}/gms;
    my @a = (iss => 'https://a.example');
    my @b = (iss => 'https://b.example', -key => 'rsa2', department => 'x');
    my ($of_a, $of_b) = map { record("${_}v2x.example:service") } $a, $b;

    km 'the first', ask({ @a }), $of_a;
    km 'the first, by an unknown name',
        { %{ ask({ @a }) }, headers => [ 'X-Tenant' => 'c' ] }, $of_a;
    km 'the second', { %{ ask({ @b }) }, @to_b }, $of_b;
    km 'the second, by a name in capitals',
        { %{ ask({ @b }) }, headers => [ 'X-Tenant' => 'B' ] }, $of_b;
    km "the second, department: " . ($_ // 'none'),
        { %{ ask({ @b, department => $_ }) }, @to_b },
        refused('no_department') for undef, '', '0';

    km 'the first at the second', { %{ ask({ @a }) }, @to_b }, 'token_key';
    km 'the second at the first', ask({ @b }), 'token_key';
    km 'the key of one, the name of the other',
        { %{ ask({ @b, iss => 'https://a.example' }) }, @to_b }, 'token_issuer';
    km 'the key of the other, the name of one',
        ask({ @a, iss => 'https://b.example' }), 'token_issuer';

    for ('/tenant/a', '/tenant/b') {
        my $res = post(location => $_, token => { @a });
        is($res->status, 404, "$_ from outside");
    }

    # whatever is asked of one tenant, it is no record of the other's, nor of a
    # location with the default prefix
    my @prefixes = ($a, $b, 'seal:km:');
    for my $mine (@prefixes) {
        is(join(' ', grep { $_ ne $mine && index($_, $mine) == 0 } @prefixes),
           '', "no other prefix begins with $mine");
    }
};


# ---------------------------------------------------------------------- 5

test "5 $rule{5}{title}", sections(5), sub {
    my $no = refused('maintenance');
    my $service = record('seal:km:v2x.example:service');
    my $operator = { role => 'operator' };

    km 'as ever', ask({}), $service;
    km 'as ever, an operator', ask($operator), $service;

    temp_file('', 'maintenance');
    km 'stopped', ask({}), $no;
    km 'stopped, but not for operators', ask($operator), $service;
    km 'stopped: "' . (ref ? $$_ : $_) =~ s/\n/?/r . '"', ask({ role => $_ }),
        $no for '', '0', '1', 'Operator', 'operators', 'nooperator', "operator\n",
        'user operator', '10', '11', \'["operator"]', \'1', \'true';

    unlink $flag;
    km 'as ever again', ask({}), $service;
};

# ------------------------------------------- the rule of docs/directives.md

my ($of_issuers) = page('directives') =~ /^\#\# seal_km_issuer\n(.*?)^\#\# /ms;

test 'names of several issuers', sections_of($of_issuers), sub {
    my $no = refused('name_of_another_issuer');
    my $v2x = 'seal:km:v2x.example:';
    my %kind = (user => 'sub', client => 'client_id', device => 'device_id');
    my %of = (ours => [ 'rsa', 'https://sim-s.example' ],
              partner => [ 'rsa2', 'https://partner.example' ]);
    my $service = record("${v2x}service");

    my $as = sub {
        my ($who, $kind, $name, $request) = @_;
        my ($key, $iss) = @{ $of{$who} };
        return ask({ -key => $key, iss => $iss, sub => undef, $kind{$kind} => $name },
                   { ucfirst($kind) . 'ID' => $name });
    };

    for my $kind (sort keys %kind) {
        for my $name ('alice', 'alice@sim-s.example', '@partner.example.x',
                      'alice@partnerXexample', 'a@partner.example@x') {
            my $own = record("$v2x$kind:$name");
            km "$kind $name: ours", $as->('ours', $kind, $name), $own;
            km "$kind $name: the partner's", $as->('partner', $kind, $name), $no;
        }
        for my $name ('alice@partner.example', 'a@b@partner.example') {
            my $own = record("$v2x$kind:$name");
            km "$kind $name: the partner's", $as->('partner', $kind, $name), $own;
            km "$kind $name: ours", $as->('ours', $kind, $name), $no;
        }
    }

    for my $who (sort keys %of) {
        my ($key, $iss) = @{ $of{$who} };
        km "$who: the service", ask({ -key => $key, iss => $iss }, {}), $service;
    }
    km 'an issuer that is none', ask({ iss => 'https://sim-sXexample' }, {}),
        'token_issuer';
};

run_tests();
