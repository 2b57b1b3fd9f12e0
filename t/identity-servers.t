# docs/identity-servers.md: its tokens, signed, are good with its lines, as they
# stand there; keys come from a SIM-S that publishes them as that product does.

use lib 't/lib';
use SealKM;
use SealKM::JwksServer;

use Cwd 'abs_path';
use File::Basename 'dirname';

my $redis = start_redis();

my $page = do {
    # t/ may be a folder of links
    my $path = dirname(abs_path(__FILE__)) . '/../docs/identity-servers.md';
    open my $file, '<:raw', $path or die "$path: $!";
    local $/;
    <$file>;
};

# title => the text of an entry; the frame is one of them
my %entry;
$entry{$1} = $2 while $page =~ /^\#\# ([^\n]+)\n(.*?)(?=^\#\# |\z)/gms;

my ($keys_frame, $km_frame) = (delete $entry{'The frame'} // '')
    =~ /^```nginx\n(location \S+ \S+ \{.*?^\}\n)\n(location \S+ \S+ \{.*?^\}\n)```$/ms
    or die "no frame in the page\n";


# ------------------------------------------------------- how keys are published

my @x5c = (x5c => [ b64u('x' x 700) ], x5t => b64u('t' x 20));
my %rs256 = (use => 'sig', alg => 'RS256');

# without kid: a key whose kid a token does not have
sub sig { my ($kid, %more) = @_;
          return jwk('rsa', kid => $kid // 'x', %rs256, %more) }
sub other { my (%more) = @_;
            return jwk('rsa2', kid => 'another', %rs256, %more) }

# Of each entry: the keys, from the kid of its token; UserUri; what the token
# speaks for as ClientID and as UserID.
my $google = sub { [ sig($_[0]), other() ] };
my $azp = 'my3zqvh1kZkGbq4mUuPqVhTWBhxmDLNr';
my $entra = 'f2b5ac4c-0b0d-4a4d-9a8a-0a1b2c3d4e5f';
my $oid = '690222be-ff1a-4d56-abd1-7e4f7d38e474';
my $wso2 = '7xq1hvM5tQGZkDFd_5nM1v6w2hEa';

my %about = (
    'Keycloak' => {
        keys => sub { [ sig($_[0], @x5c), other(use => 'enc', alg => 'RSA-OAEP', @x5c) ] },
        is => [ [ '0d7b7b0e-5c4b-4b7b-9f6c-2f3f0c4e1a11', 'val-client' ] ],
    },
    'Keycloak with client_id' => {
        keys => sub { [ other(use => 'enc', alg => 'RSA-OAEP', @x5c), sig($_[0], @x5c) ] },
        is => [ [ '5a2c6a8c-3a9e-4bb2-8f57-8d4e31b0e1aa', 'val-server' ] ],
    },
    'Auth0' => {
        keys => sub { [ sig($_[0], @x5c), other(@x5c) ] },
        is => [ map { [ 'auth0|5f7c8ec7c33c6c004bbafe82', $azp ] } 1, 2 ],
    },
    'Okta' => { keys => $google,
                is => [ [ 'alice@example.com', '0oa1gjh63g214q0Hq0g4' ] ] },
    'Entra ID' => {
        keys => sub { [ map { my %key = (%$_, @x5c, issuer =>
                          'https://login.microsoftonline.com/{tenantid}/v2.0',
                          cloud_instance_name => 'microsoftonline.com');
                        delete $key{alg};
                        \%key } other(), sig($_[0]) ] },
        is => [ [ 'HKZpfaHyWadeOouYlitjrI-KffTm222X5rrV3xDqfKQ', $entra, $oid ],
                [ 'HKZpfaHyWadeOouYlitjrI-KffTm222X5rrV3xDqfKQ', $entra, $oid ],
                [ $oid, $entra, $oid ] ],
    },
    'AD FS' => {
        keys => sub { [ other(@x5c), sig($_[0], @x5c) ] },
        is => [ [ 'xBZpMT9zNKNyMjFsj4CF80crrwS/ATrfkgm4n4iYDFw=',
                  '60b3d106-d155-4f9f-ba75-84b8078829fa', 'alice@example.com' ] ],
    },
    'Cognito' => { keys => $google,
                   is => [ [ 'aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee',
                             '2ke4tn8l1s3o6l0h4v2a7p8u9q', 'alice' ] ] },
    'PingFederate' => {
        keys => sub { [ jwk('ec256', kid => 'k0', use => 'sig'),
                        jwk('ec521', kid => 'k2', use => 'sig'),
                        other(x5t => 'x'), sig($_[0]) ] },
        is => [ [ 'alice', 'val-client' ] ],
    },
    'ForgeRock AM' => {
        keys => sub { [ sig($_[0], alg => 'RS512', @x5c), sig($_[0], @x5c),
                        sig($_[0], alg => 'PS256', @x5c),
                        sig($_[0], use => 'enc', alg => 'RSA-OAEP-256', @x5c),
                        jwk('ec384', kid => 'e', use => 'sig', alg => 'ES384', @x5c),
                        other() ] },
        is => [ [ '(usr!alice)', 'val-client', 'alice' ] ],
    },
    'WSO2' => { keys => sub { [ sig($_[0], @x5c) ] },
                is => [ [ 'alice', $wso2 ], [ 'alice@carbon.super', $wso2 ] ] },
    'Duende IdentityServer' => {
        keys => sub { [ sig($_[0], map { $_ => [] } qw(key_ops oth x5c)) ] },
        is => [ [ 'alice', 'val-client' ] ],
    },
    'Spring Authorization Server' => {
        keys => sub { [ jwk('rsa', kid => $_[0]) ] },
        is => [ [ 'alice', 'val-client' ] ],
    },
    'UAA' => { keys => sub { [ sig($_[0], value =>
                   "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----") ] },
               is => [ [ '2d9c5f0e-9a4b-4b0f-8e52-5d0b6d2e7c11', 'val-client',
                         'alice' ] ] },
    'Hydra' => { keys => $google, is => [ [ 'alice', 'val-client' ] ] },
    'MC IdMS' => { keys => $google,
                   is => [ [ 'sip:alice@mc.example', 'mcptt-client' ] ] },
    'CAPIF core function' => {
        keys => sub { [ jwk('rsa', kid => 'ccf') ] },
        is => [ [ 'INV-7f3a2c1d', 'INV-7f3a2c1d', \'no user' ] ],
    },
);

is(join(', ', sort keys %entry), join(', ', sort keys %about),
   'the entries of the page');
my @titles = sort grep { $entry{$_} } keys %about;


# --------------------------------------------------------- tokens and the lines

# header and claims, each token of an entry; each JSON text as it stands there
sub tokens {
    my ($title) = @_;
    return map { [ split /^\.\n/m, $_, 2 ] }
        $entry{$title} =~ /^```\n(\{.*?)^```$/gms;
}

# a time of the page is one of today
sub signed {
    my ($token, %set) = @_;
    my ($header, $claims) = @$token;
    my %time = (exp => time + 300, nbf => time, iat => time);

    $claims =~ s/("(exp|nbf|iat)": )\d+/$1$time{$2}/g;

    for my $name (keys %set) {
        my $value = to_json($set{$name});
        my $ok = defined $set{$name}
            ? $claims =~ s/("\Q$name\E": )(?:"[^"]*"|\[[^\]]*\])/$1$value/
            : $claims =~ s/("\Q$name\E)": /$1-not": /;
        die "no $name\n" if !$ok;
    }

    return jws($header =~ s/\n\z//r, $claims,
               sub { sign('RS256', key('rsa'), $_[0]) });
}

sub header_of { my ($token) = @_; return from_json($token->[0]) }

my %sims;

# http_config and config of an entry, at /N, without lines that match $without
sub sections {
    my ($n, $title, $at, $without) = @_;
    my ($lines) = $entry{$title} =~ /^```nginx\n(.*?)^```$/ms
        or die "no lines for $title\n";
    my ($kid) = map { header_of($_)->{kid} } tokens($title);
    my $set = to_json({ keys => $about{$title}{keys}->($kid) });
    my ($keys, $km) = ($keys_frame, $km_frame);
    my $http = '';

    # a directive may have several lines
    $http .= $1 while $lines =~ s/^(map .*?^\}\n)//ms;
    my @lines = $lines =~ /^((?:proxy|seal_km)_.*?;)$/gms;
    my $rest = join '', split /\s+/, $lines =~ s/^((?:proxy|seal_km)_.*?;)$//gmsr;
    die "$title: what is $rest?\n" if length $rest;

    my ($proxy) = grep { /^proxy_pass / } @lines;
    @lines = grep { !/^proxy_pass / && (!defined $without || !/$without/) } @lines;

    if ($proxy) {
        my $sims = $sims{$title} //= SealKM::JwksServer->start->answer(body => $set);
        my $url = $sims->url;
        $proxy =~ s{https://\S+;\z}{$url;} or die "$title: $proxy\n";
        $keys =~ s/^ *proxy_ssl_[^;]*;\n//gm;
        $keys =~ s/^ *\.\.\.\n/$proxy\n/m or die;
        $keys =~ s{/sim-s-keys}{/keys$n} or die;
        $km =~ s{/sim-s-keys}{/keys$n} or die;

    } else {
        my $file = temp_file($set);
        $keys = '';
        $km =~ s/^ *seal_km_jwks_request [^;]*;\n//m or die;
        s{^(seal_km_jwks) \S+;}{$1 $file;} for @lines;
    }

    my $address = $redis->address;
    my $more = join '', map { "$_\n" } @lines, 'seal_km_require_tls off;',
        'seal_km_window 1m;', map({ "seal_km_redis_$_ 50s;" }
                                  qw(timeout connect_timeout)),
        'add_header X-Reason $seal_km_reason always;',
        'add_header X-Roles "$roles|$groups|$device" always;';
    # what the text of the page names beside the lines
    $more .= join '', map { "$_;\n" }
        $entry{$title} =~ /^[^\n]*\[`(seal_km_claim_set [^`]+)`\]/gm
        if $entry{$title} =~ /seal_km_claim_set/;

    $km =~ s/^( *seal_km_pass) [^;]*;/$1 $address;/m or die;
    $km =~ s/^ *\.\.\.\n/$more/m or die;
    $km =~ s{location = \S+}{location = $at} or die;
    return ($http, $at =~ /-/ ? $km : $keys . $km);
}

# the lines without which no token of the page would be good
my $needed = qr/^seal_km_(?:client_id|scope)_claim /;

my ($http, $config) = ('', <<'END');
location = /claim-sets {
    seal_km_claim_set $roles x;
    seal_km_claim_set $groups x;
    seal_km_claim_set $device x;
}
END

for my $n (0 .. $#titles) {
    my ($more, $text) = sections($n, $titles[$n], "/km$n");
    $http .= $more;
    $config .= $text;

    my @lines = $entry{ $titles[$n] } =~ /^(seal_km_\w+_claim [^;]*;)$/gm;
    for my $i (0 .. $#lines) {
        $config .= (sections($n, $titles[$n], "/km$n-$i", qr/\Q$lines[$i]\E/))[1];
    }
}

my $records = 0;

sub record {
    my ($name) = @_;
    my $value = 'record ' . ++$records;
    $redis->set("seal:km:v2x.example:$name", $value);
    return { payload => $value };
}

test 'each entry',
    http_config => $http,
    config => $config,
    sub {
        my %echo = (ServiceID => 'v2x.example');
        my $service = record('service');

        for my $n (0 .. $#titles) {
            my $title = $titles[$n];
            my @at = (location => "/km$n");
            my @tokens = tokens($title);
            my @is = @{ $about{$title}{is} };

            is(scalar @tokens, scalar @is, "$title: its tokens");

            for my $i (0 .. $#tokens) {
                my ($uri, $client, $user) = @{ $is[$i] };
                my $token = $tokens[$i];
                my $name = "$title, token " . ($i + 1);
                my $ask = sub {
                    my ($what, $body, $want, @claims) = @_;
                    km "$name: $what", { @at, body => $body,
                                         token => signed($token, @claims) },
                        { user_uri => $uri, echo => { %echo, %$body }, %$want };
                };
                my $no = { reason => 'identity_mismatch' };

                $ask->('the service', {}, $service);
                $ask->('its client', { ClientID => $client },
                       record("client:$client"));
                $ask->('another client', { ClientID => "${client}x" }, $no);

                if (!ref $user) {
                    $user //= $uri;
                    $ask->('its user', { UserID => $user }, record("user:$user"));
                }
                $ask->('another user', { UserID => 'bob' }, $no);

                # what must not pass
                my $claims = from_json($token->[1]);
                my ($lines) = $entry{$title} =~ /^```nginx\n(.*?)^```$/ms;
                my $refuses = sub {
                    my ($what, $reason, @set) = @_;
                    my $res = post(@at, token => signed($token, @set));
                    is($res->header('X-Reason'), $reason, "$name: $what");
                };

                $refuses->("another $_->[0]", "token_$_->[1]", $_->[0] => 'x')
                    for grep { $lines !~ /seal_km_$_->[1] off/ }
                        [ iss => 'issuer' ], [ aud => 'audience' ];
                $refuses->('without scopes', 'insufficient_scope', $_ => undef)
                    for grep { exists $claims->{$_} } qw(scope scp roles);
                $refuses->('not an access token', 'no_access_token',
                           token_use => 'id') if $claims->{token_use};

                if ($lines =~ /seal_km_token_type/) {
                    my $res = post(@at, token => signed([
                        $token->[0] =~ s/at\+jwt/JWT/r, $token->[1] ]));
                    is($res->header('X-Reason'), 'token_type',
                       "$name: not an access token");
                }
            }

            my @lines = $entry{$title} =~ /^(seal_km_\w+_claim [^;]*;)$/gm;
            for my $i (0 .. $#lines) {
                my @refused = grep { $_->header('X-Reason') ne 'ok' }
                    map { post(location => "/km$n-$i", token => signed($_)) }
                    @tokens;
                isnt(scalar @refused, 0, "$title: $lines[$i] is needed");
            }
        }
    };


# what the page names beside the lines
test 'claims inside of others',
    http_config => $http,
    config => $config,
    sub {
        my %want = (
            'Keycloak' => 'offline_access,default-roles-seal,uma_authorization||',
            'Cognito'  => '|road,operators|',
            'Hydra'    => '||rsu-1',
        );

        for my $title (sort keys %want) {
            my ($n) = grep { $titles[$_] eq $title } 0 .. $#titles;
            my $res = post(location => "/km$n", token =>
                           signed((tokens($title))[0]));
            is($res->header('X-Roles'), $want{$title}, $title);
        }
    };

run_tests();
