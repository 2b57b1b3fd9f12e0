# Tokens as identity servers other than Annex A's issue them: where the client id
# and the scopes are, and of what type a token is.

use lib 't/lib';
use SealKM;
use SealKM::Watch;

my $redis = start_redis();
$redis->set("seal:km:v2x.example:$_", 'K')
    for qw(service client:c client:client-1 client:b user:alice device:d);

my @ok = ({ payload => 'K' });
my $zone = "seal_km_zone name=z 1m;\n";

# each location twice: with the token cache, of which the second request is
# answered, and without
sub both {
    my ($path, %set) = @_;
    return watched("= /$path", %set, token_cache => 'off')
           . watched("= /cached/$path", %set);
}

my $n = 0;

# km() of a token with claims of its own, at a location of both()
sub says {
    my ($name, $path, $set, $want) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my %set = %$set;
    my $token = mint(jti => 'id' . ++$n, client_id => undef, exp => time + 9999,
                     %{ $set{token} });

    km $name, { %set, location => "/$path", token => $token }, $want;
    km "$name, cache, $_", { %set, location => "/cached/$path", token => $token },
        $want for 1, 2;
}

sub show { my ($claims) = @_; return to_json($claims) =~ s/[^ -~]/?/gr }

# what km() cannot know of a token that is a text
sub granted { return { payload => 'K', user_uri => $_[0], echo => $_[1] // {
                       ServiceID => 'v2x.example' } } }


# -------------------------------------------------------------------- client id

test 'seal_km_client_id_claim',
    http_config => $zone . "seal_km_zone z;\n",
    config => both('annex-a')
        . both('azp', client_id_claim => 'azp')
        . both('three', client_id_claim => 'cid azp client_id')
        . both('uri', client_id_claim => 'https://ns.example/client')
        . both('off', client_id_claim => 'off')
        . both('bound', client_id_claim => 'cid azp', bind => 'client client_id')
        . both('unbound', client_id_claim => 'azp', bind => 'client off')
        . both('written', client_id_claim => 'azp', user_uri => '$seal_km_claim_x'),
    sub {
        # UserUri is sub, else the client id
        for (
            [ 'annex-a', { client_id => 'c', azp => 'a' }, 'c' ],
            [ 'azp',     { azp => 'c' }, 'c' ],
            [ 'azp',     { azp => 'c', client_id => 'b' }, 'c' ],
            [ 'azp',     { azp => 'c', client_id => \'7' }, 'c' ],
            [ 'three',   { cid => 'c', azp => 'a', client_id => 'b' }, 'c' ],
            [ 'three',   { azp => 'c', client_id => 'b' }, 'c' ],
            [ 'three',   { client_id => 'c' }, 'c' ],
            [ 'three',   { cid => 'c', azp => \'null' }, 'c' ],
            [ 'uri',     { 'https://ns.example/client' => 'c' }, 'c' ],
            [ 'azp',     { azp => 'x' x 255 }, 'x' x 255 ],
            [ 'written', { azp => 'c' }, 'c' ],
            [ 'written', { azp => 'c', x => 'u' }, 'u' ],
            [ 'off',     {}, undef ],
            [ 'off',     { client_id => 'b', azp => 'a' }, undef ],
            [ 'off',     { client_id => '', azp => \'null', cid => \'[]' }, undef ],
        ) {
            my ($path, $claims, $uri) = @$_;
            my $name = "$path: " . show($claims);

            says "$name, no sub", $path, { token => { sub => undef, %$claims } },
                granted($uri);
            says "$name, an empty sub", $path, { token => { sub => '', %$claims } },
                granted($uri);
            says "$name, a sub", $path, { token => { %$claims } },
                granted($uri && $uri eq 'u' ? $uri : 'alice');
        }

        says "$_->[0]: " . show($_->[1]), $_->[0], { token => $_->[1] },
            { reason => 'token_malformed', echo => { ServiceID => 'v2x.example' } }
            for
            [ 'annex-a', {} ], [ 'annex-a', { azp => 'c' } ],
            [ 'annex-a', { client_id => '' } ],
            [ 'azp', {} ], [ 'azp', { client_id => 'c' } ], [ 'azp', { AZP => 'c' } ],
            (map { [ 'azp', { azp => $_, client_id => 'c' } ] } '', \'null', 1,
             \'["c"]', \'{}', \'true', 'x' x 256, "\x{e9}" x 128),
            [ 'three', {} ], [ 'three', { cid => '', azp => 'c' } ],
            [ 'three', { cid => \'null', client_id => 'c' } ],
            [ 'uri', { client => 'c', 'ns.example/client' => 'c' } ];

        # seal_km_bind client follows it
        my $c = { body => { ClientID => 'c' } };
        my $echo = { ServiceID => 'v2x.example', ClientID => 'c' };
        my $no = { reason => 'identity_mismatch', echo => $echo };

        says "ClientID, $_->[0]: " . show($_->[1]), $_->[0],
            { %$c, token => { sub => undef, %{ $_->[1] } } },
            { %{ granted($_->[2], $echo) } } for
            [ 'annex-a', { client_id => 'c' }, 'c' ],
            [ 'azp', { azp => 'c', client_id => 'b' }, 'c' ],
            [ 'three', { azp => 'c', client_id => 'b' }, 'c' ],
            [ 'bound', { cid => 'b', client_id => 'c' }, 'b' ],
            [ 'bound', { cid => 'b', client_id => [ 'a', 'c' ] }, 'b' ],
            [ 'unbound', { azp => 'b' }, 'b' ];
        says "ClientID, $_->[0]: " . show($_->[1]), $_->[0],
            { %$c, token => { sub => undef, %{ $_->[1] } } },
            { %$no, user_uri => $_->[2] } for
            [ 'annex-a', { client_id => 'b' }, 'b' ],
            [ 'azp', { azp => 'b', client_id => 'c' }, 'b' ],
            [ 'azp', { azp => 'C', client_id => 'c' }, 'C' ],
            [ 'three', { cid => 'b', azp => 'c', client_id => 'c' }, 'b' ],
            [ 'bound', { cid => 'c' }, 'c' ],
            [ 'bound', { cid => 'c', client_id => 'b' }, 'c' ],
            [ 'off', {}, undef ], [ 'off', { client_id => 'c' }, undef ];

        # and no other kind does
        says 'off: UserID', 'off', { body => { UserID => 'alice' }, token => {} },
            granted('alice', { ServiceID => 'v2x.example', UserID => 'alice' });
    };


# ----------------------------------------------------------------------- scopes

test 'seal_km_scope_claim',
    http_config => $zone . "seal_km_zone z;\n",
    config => both('annex-a')
        . both('scp', scope_claim => 'scp')
        . both('both', scope_claim => 'scp scope')
        . both('roles', scope_claim => 'scp roles', scope => 'seal:km seal:read')
        . both('any', scope_claim => 'scp', scope => 'off'),
    sub {
        my @client = (client_id => 'c');

        says "$_->[0]: " . show($_->[1]), $_->[0],
            { token => { @client, scope => undef, %{ $_->[1] } } },
            granted('alice') for
            (map { my $path = $_; my $claim = $path eq 'annex-a' ? 'scope' : 'scp';
                   map { [ $path, { $claim => $_ } ] }
                       'seal:km', 'a seal:km b', [ 'seal:km' ], [ 'a', 'seal:km' ],
                       [ 'seal:km', 'a' ], [ '', 'seal:km' ], [ 'seal:km', 'seal:km' ],
                       [ ('x') x 300, 'seal:km' ] } qw(annex-a scp both)),
            [ 'both', { scope => 'seal:km' } ],
            [ 'both', { scp => [ 'seal:km' ], scope => 'x' } ],
            [ 'both', { scp => 'seal:km', scope => \'null' } ],
            [ 'roles', { roles => [ 'seal:read', 'seal:km' ] } ],
            [ 'roles', { scp => 'seal:km seal:read', roles => [] } ],
            map { [ 'any', $_ ] } {}, { scp => [] }, { scp => '' }, { scp => 'x' },
                { scp => [ 'x y' ] }, { scope => \'null' };

        my $no = sub {
            my ($path) = @_;
            return { reason => 'insufficient_scope', user_uri => 'alice',
                     echo => { ServiceID => 'v2x.example' }, authenticate => {
                         error => 'insufficient_scope',
                         scope => $path eq 'roles' ? 'seal:km seal:read'
                                                   : 'seal:km' } };
        };

        # a scope with a space in it is not two, nor part of one
        says "$_->[0]: " . show($_->[1]), $_->[0],
            { token => { @client, scope => undef, %{ $_->[1] } } }, $no->($_->[0])
            for
            (map { my $path = $_; my $claim = $path eq 'annex-a' ? 'scope' : 'scp';
                   map { [ $path, { $claim => $_ } ] }
                       '', 'seal:km2', [], [''], [ 'seal:km2' ], [ 'a seal:km' ],
                       [ 'seal:km a' ], [ ' seal:km' ], [ 'seal:', 'km' ],
                       [ 'seal:k', 'm' ], [ "seal:km\0" ], [ "a\tseal:km" ],
                       [ 'SEAL:KM' ] } qw(annex-a scp both)),
            [ 'scp', {} ], [ 'scp', { scope => 'seal:km' } ],
            [ 'scp', { SCP => 'seal:km' } ],
            [ 'both', {} ], [ 'both', { scp => 'x', scope => 'seal:km' } ],
            [ 'both', { scp => [], scope => 'seal:km' } ],
            [ 'roles', { roles => [ 'seal:km' ] } ],
            [ 'roles', { roles => [ 'seal:km seal:read' ] } ],
            [ 'roles', { scp => 'seal:km', roles => [ 'seal:read' ] } ];

        says "$_->[0]: " . show($_->[1]), $_->[0],
            { token => { @client, scope => undef, %{ $_->[1] } } },
            { reason => 'token_malformed', echo => { ServiceID => 'v2x.example' } }
            for
            (map { my $value = $_;
                   map { [ $_, { scp => $value, scope => 'seal:km' } ] }
                       qw(scp both any) }
                 \'null', 1, \'true', \'{}', { 'seal:km' => 1 }, [ 'seal:km', 1 ],
                 [ 'seal:km', \'null' ], [ [ 'seal:km' ] ]),
            map { [ 'annex-a', { scope => $_ } ] } \'null', [ 'seal:km', \'{}' ];
        says 'scp: what is elsewhere is not looked at', 'scp',
            { token => { @client, scope => \'5', scp => 'seal:km' } },
            granted('alice');
    };


# ------------------------------------------------------------------------- type

test 'seal_km_token_type',
    http_config => $zone . "seal_km_zone z;\n",
    config => both('default')
        . both('any', token_type => 'any')
        . both('at', token_type => 'at+jwt')
        . both('two', token_type => 'JWT application/at+JWT')
        . both('media', token_type => 'text/x'),
    sub {
        my $case = sub {
            my ($paths, $reason, @headers) = @_;

            for my $path (@$paths) {
                says "$path: " . show($_), $path,
                    { token => { client_id => 'c', -header => $_ } },
                    $reason ? { reason => $reason,
                                echo => { ServiceID => 'v2x.example' } }
                            : granted('alice')
                    for map { { typ => $_ } } @headers;
            }
        };
        my @at = qw(at+jwt AT+JWT application/at+jwt Application/AT+jwt);
        my @odd = (undef, '', \'null', 1, ['at+jwt'], { a => 1 }, 'application/',
                   "at+jwt\0", ' at+jwt', 'at+jwt ', 'at+jw', 'at+jwtx', 'text/at+jwt',
                   'application/application/at+jwt', 'application/text/at+jwt');

        $case->([qw(default any)], undef, @at, @odd, 'JWT', 'x');
        $case->([qw(at two)], undef, @at);
        $case->([qw(two)], undef, qw(JWT jwt application/jwt));
        $case->([qw(at)], 'token_type', qw(JWT jwt application/jwt logout+jwt));
        $case->([qw(at two)], 'token_type', @odd);
        $case->([qw(media)], undef, 'text/x', 'TEXT/X', 'application/text/x');
        $case->([qw(media)], 'token_type', 'x', 'at+jwt', 'application/x');

        # it comes last in row 6
        my @jwt = (client_id => 'c');
        km "$_->[0]", { location => '/at', token => { @jwt, %{ $_->[1] } } },
            $_->[0] for
            [ token_signature => { -signature => 'x' x 256 } ],
            [ token_malformed => { nbf => 'x' } ],
            [ token_expired => { exp => 1 } ], [ token_issuer => { iss => 'x' } ],
            [ token_audience => { aud => 'x' } ],
            [ token_binding => { cnf => { jkt => 'x' } } ],
            [ token_type => {} ];
        km 'and before row 7', { location => '/at', body => '{' , token => { @jwt } },
            { reason => 'token_type', echo => {} };
    };

run_tests();
