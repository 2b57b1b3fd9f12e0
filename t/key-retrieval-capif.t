# Scopes of CAPIF (3gpp#AEF:API), for both interfaces, and the tokens of a CAPIF
# core function, which have iss, scope and exp alone.

use lib 't/lib';
use SealKM;
use SealKM::Retrieval;

my $redis = start_redis();
$redis->set('seal:km:v2x.example:service', 'KS');
$redis->set('seal:km:v2x.example:user:invoker-7', 'KU');

my $capif = '3gpp#aef-1:ss-kir';

# a core function's token
sub of {
    my ($scope, %more) = @_;
    return { sub => undef, client_id => undef, aud => undef, nbf => undef,
             iat => undef, iss => 'invoker-7', scope => $scope, %more };
}

my @core = (client_id_claim => 'off', issuer => 'off', audience => 'off');
my %ok = (key => 'KS', user_uri => 'invoker-7');
my %no = (reason => 'insufficient_scope',
          authenticate => { error => 'insufficient_scope', scope => $capif });


test 'a core function',
    config => key_records(@core, scope => $capif)
        . key_records('= /bound', @core, scope => $capif, bind => 'user iss')
        . key_records('= /two', @core, scope => "$capif 3gpp#aef-2:x")
        . key_records('= /urn', @core, scope => '3gpp#urn:aef:1:ss-kir')
        . key_records('= /both', @core, scope => "$capif openid")
        . key_records('= /annex', scope => $capif)
        . key_records('= /roles', @core, scope => $capif, scope_claim => 'roles')
        . key_records('= /variable', @core, scope => '3gpp#$arg_aef:$arg_api')
        . key_records('= /all', @core, scope => '$http_x_scope')
        . location('= /km', @core, scope => $capif)
        . key_records('= /cached', @core, scope => $capif, zone => 'z'),
    http_config => "seal_km_zone name=z 1m;\n",
    sub {
        kir 'iss, scope and exp', { token => of($capif) }, { %ok };
        kir "held: $_", { token => of($_) }, { %ok } for
            '3gpp#aef-1:x,ss-kir', '3gpp#aef-1:ss-kir,x', '3gpp#a:b;aef-1:ss-kir',
            '3gpp#aef-1:ss-kir;a:b', '3gpp#aef-1:x;aef-1:ss-kir',
            "openid $capif", "3gpp#a:b $capif x", '3gpp#;aef-1:,ss-kir;',
            '3gpp#aef-1;aef-1:ss-kir';
        kir 'an array of scopes', { token => of([ 'openid', $capif ]) }, { %ok };

        kir "not held: $_", { token => of($_) }, { %no } for
            '3gpp#', '3gpp#aef-1', '3gpp#aef-1:', '3gpp#:ss-kir', '3gpp#;;', '3gpp#:',
            '3gpp#aef:ss-kir', '3gpp#aef-11:ss-kir', '3gpp#xaef-1:ss-kir',
            '3gpp#AEF-1:ss-kir', '3gpp#aef-1:SS-KIR', '3gpp#aef-1:ss-kir2',
            '3gpp#aef-1:ss', '3gpp#aef-1:x;a:ss-kir', '3gpp#a:ss-kir;aef-1:x',
            '3gpp#aef-1:x a:ss-kir', '3gpp#a:aef-1:ss-kir', '3gpp#aef-1:ss-kir,a:b',
            'aef-1:ss-kir', '3GPP#aef-1:ss-kir', 'x3gpp#aef-1:ss-kir', 'seal:km', '';
        kir 'no scope', { token => of(undef) }, { %no };

        # what else a core function's token may be wrong in
        kir 'expired', { token => of($capif, exp => time - 9) }, 'token_expired';
        kir 'no exp', { token => of($capif, exp => undef) }, 'token_malformed';
        kir 'another key', { token => of($capif, -key => 'rsa2') }, 'token_key';
        kir 'no issuer', { token => of($capif, iss => undef) },
            { %ok, user_uri => '' };

        # the invoker is not the user, unless it is said so
        my $user = SERVICE . '&valUserId=invoker-7';
        kir 'a user', { query => $user, token => of($capif) }, 'identity_mismatch';
        kir 'the invoker as the user',
            { location => '/bound', query => $user, token => of($capif) },
            { key => 'KU', user => 'invoker-7', user_uri => 'invoker-7' };
        kir 'another one', { location => '/bound', query => SERVICE . '&valUserId=x',
                             token => of($capif) }, 'identity_mismatch';

        kir 'two', { location => '/two',
                     token => of('3gpp#aef-2:x;aef-1:ss-kir') }, { %ok };
        kir 'one of two', { location => '/two', token => of($capif) },
            { %no, authenticate => { error => 'insufficient_scope',
                                     scope => "$capif 3gpp#aef-2:x" } };
        kir 'with another kind', { location => '/both',
                                   token => of("openid $capif") }, { %ok };
        kir 'without it', { location => '/both', token => of($capif) },
            { %no, authenticate => { error => 'insufficient_scope',
                                     scope => "$capif openid" } };

        kir 'a colon in an AEF', { location => '/urn',
                                   token => of('3gpp#urn:aef:1:x,ss-kir') }, { %ok };
        kir 'another one', { location => '/urn', token => of($_) },
            { %no, authenticate => { error => 'insufficient_scope',
                                     scope => '3gpp#urn:aef:1:ss-kir' } }
            for '3gpp#1:ss-kir', '3gpp#aef:1:ss-kir', '3gpp#urn:aef:1,ss-kir';

        kir 'a token of Annex A with such a scope',
            { location => '/annex', token => { scope => "x $capif" } },
            { key => 'KS' };
        kir 'a claim of another name',
            { location => '/roles', token => of('x', roles => [ $capif ]) }, { %ok };

        my $at = sub { (location => '/variable',
                        query => SERVICE . "&aef=$_[0]&api=$_[1]") };
        kir 'made of variables', { $at->('aef-1', 'ss-kir'), token => of($capif) },
            { %ok };
        kir 'that are others', { $at->('aef-2', 'ss-kir'), token => of($capif) },
            { %no, authenticate => { error => 'insufficient_scope',
                                     scope => '3gpp#aef-2:ss-kir' } };
        kir "made of variables, never held: 3gpp#$_->[0]:$_->[1]",
            { $at->(@$_), token => of("3gpp#$_->[0]:$_->[1] 3gpp#aef-1:x,y") },
            { %no, authenticate => { error => 'insufficient_scope',
                                     scope => "3gpp#$_->[0]:$_->[1]" } }
            for [ 'aef-1', '' ], [ '', 'x' ], [ 'aef-1', 'x,y' ], [ 'a:b;c', 'd' ],
                [ '', '' ];
        kir 'all of it a variable',
            { location => '/all', headers => [ 'X-Scope' => $capif ],
              token => of('3gpp#aef-1:x,ss-kir') }, { %ok };
        kir 'that names nothing',
            { location => '/all', headers => [ 'X-Scope' => '3gpp#' ],
              token => of('3gpp#') },
            { %no, authenticate => { error => 'insufficient_scope',
                                     scope => '3gpp#' } };

        # the other interface, and tokens that are found again
        my %km = (token => of($capif));
        km 'KM-UU', { %km }, { payload => 'KS', user_uri => undef };
        km 'KM-UU, not held', { token => of('3gpp#aef-11:ss-kir') },
            { %no, user_uri => undef };

        my $token = mint(%{ of('openid 3gpp#aef-1:x,ss-kir') });
        my $other = mint(%{ of('3gpp#aef-11:ss-kir') });
        for (1 .. 2) {
            kir "cached, $_", { location => '/cached', token => $token }, { %ok };
            kir "cached, not held, $_", { location => '/cached', token => $other },
                { %no };
        }
    };


for my $scope ( '3gpp#', '3gpp#a', '3gpp#a:', '3gpp#:b', '3gpp#a:b,c', '3gpp#a:b;',
               '3gpp#a:b;c:d') {
    my ($status, $output) = nginx_t(
        config => location('= /km', @core, scope => "x '$scope'"));

    ok($status, "$scope: refused");
    like($output, qr/\[emerg\].*"seal_km_scope" wants a scope of CAPIF to name one AEF and one API, as "3gpp#aef:api" does and "\Q$scope\E" does not in CONF:\d+/,
         "$scope: why");
}


run_tests();
