# seal_km_scope: whole words, all of them demanded, variables; what a refusal
# tells the client.

use lib 't/lib';
use SealKM;

my $redis = start_redis();
$redis->set("seal:km:$_:service", 'K') for
    'v2x.example', 'a"b', 'a b', "caf\xc3\xa9", 'a%5Cb', 'a\\b', 'off';

my @ok = ({ payload => 'K' });

# a refusal; the scope that it names, undef: none
sub refused {
    my ($scope) = @_;
    return { reason => 'insufficient_scope', authenticate => {
        error => 'insufficient_scope', defined $scope ? (scope => $scope) : () } };
}

sub show { return defined $_[0] ? "'$_[0]'" : 'none' }

test 'words',
    http_config => 'map $host $of_two { default "seal:km seal:read"; }',
    config => location('= /km')
        . location('= /two', scope => 'seal:km seal:read')
        . location('= /same', scope => 'seal:km seal:km')
        . location('= /case', scope => 'Seal:KM')
        . location('= /long', scope => 'https://seal.example/scope/km#1')
        . location('= /quoted', scope => q{'a"b'})
        . location('= /space', scope => '$of_two')
        . location('= /utf8', scope => "caf\xc3\xa9")
        . location('= /off', scope => 'off'),
    sub {
        km 'scope ' . show($_), { token => { scope => $_ } }, @ok for
            'seal:km', 'seal:km seal:read', 'openid seal:km', 'a seal:km b',
            ' seal:km', 'seal:km ', 'a  seal:km', 'seal:km seal:km',
            'a ' x 500 . 'seal:km', "caf\x{e9} seal:km";

        km 'scope ' . show($_), { token => { scope => $_ } },
            refused('seal:km') for
            undef, '', ' ', 'seal', 'km', 'seal:', ':km', 'seal:km2', 'xseal:km',
            'seal:kmseal:km', 'seal:km:read', 'SEAL:KM', 'Seal:km', 'seal: km',
            'seal :km', 'seal:km,', 'seal:km,seal:read', '"seal:km"', "seal:km\t",
            "\tseal:km", "a\tseal:km", "a\nseal:km", "a\x{a0}seal:km", "seal:km\0",
            "seal:km\0 x", "seal\0:km", '*', 'seal:*', 'seal:k?', '.*', 'off',
            "seal:\x{43a}m", 'seal%3Akm', 'seal:km/read', 'x' x 5000;

        # all of those that are demanded
        km 'two demanded: ' . show($_), { location => '/two',
            token => { scope => $_ } }, @ok for
            'seal:km seal:read', 'seal:read seal:km', 'seal:km x seal:read y';
        km 'two demanded: ' . show($_), { location => '/two',
            token => { scope => $_ } }, refused('seal:km seal:read') for
            undef, '', 'seal:km', 'seal:read', 'seal:km seal:km', 'seal:kmseal:read',
            'seal:km,seal:read', 'seal:km seal:rea', 'seal:km seal:read2';
        km 'the same twice', { location => '/same' }, @ok;

        km 'case matters', { location => '/case' }, refused('Seal:KM');
        km 'that case', { location => '/case', token => { scope => 'Seal:KM' } },
            @ok;
        my $long = 'https://seal.example/scope/km#1';
        km 'a URI', { location => '/long', token => { scope => "x $long" } }, @ok;
        km 'another URI', { location => '/long', token => { scope => "${long}0" } },
            refused($long);

        # what no scope-token is, a refusal does not quote
        km 'a quote', { location => '/quoted', token => { scope => 'a"b' } }, @ok;
        km 'a quote, refused', { location => '/quoted' }, refused();
        km 'two words in one: no word is both',
            { location => '/space', token => { scope => 'seal:km seal:read' } },
            refused();
        km 'UTF-8', { location => '/utf8', token => { scope => "caf\x{e9}" } },
            @ok;
        km 'UTF-8, refused', { location => '/utf8' }, refused();
        km 'UTF-8, another form of the letter',
            { location => '/utf8', token => { scope => "cafe\x{301}" } },
            refused();

        km 'off: scope ' . show($_),
            { location => '/off', token => { scope => $_ } }, @ok
            for undef, '', 'x', 'off';
        km 'off: what is neither string nor strings is malformed',
            { location => '/off', token => { scope => \'["seal:km",1]' } },
            'token_malformed';
    };


test 'variables',
    config => location('= /service', scope => 'km:$seal_km_service_id')
        . location('= /type', scope => 'km:$seal_km_identity_type $arg_more',
                   bind => 'user off')
        . location('= /claim', scope => '$seal_km_claim_need')
        . location('= /arg', scope => '$arg_scope')
        . location('= /mixed', scope => 'seal:km $arg_scope')
        . location('= /host', scope => '$host:$request_method')
        . location('= /literal', scope => '${seal_km_service_id}off')
        . location('= /map', scope => '$by_service'),
    http_config => 'map $seal_km_service_id $by_service {
                        default none; v2x.example v2x; }',
    sub {
        my @v2x = (token => { scope => 'km:v2x.example' });

        km 'the service of the request', { location => '/service', @v2x }, @ok;
        km 'another service', { location => '/service', @v2x,
            body => { ServiceID => 'a b' } }, refused();
        km 'another service, quotable', { location => '/service', @v2x,
            body => { ServiceID => 'off' } }, refused('km:off');

        # no service's name gets out of the quotes, or of its word
        km "a service with $_->[0]", { location => '/service', @v2x,
            body => { ServiceID => $_->[1] } }, refused() for
            [ 'a quote' => 'a"b' ], [ 'a backslash' => 'a\\b' ],
            [ 'a letter beyond ASCII' => "caf\x{e9}" ],
            [ 'a parameter' => 'x", error="none' ];
        km 'a service of two words', { location => '/service',
            token => { scope => 'km:a b' }, body => { ServiceID => 'a b' } },
            refused();
        km "a service with $_->[0], granted", { location => '/service',
            token => { scope => "km:$_->[1]" }, body => { ServiceID => $_->[1] } },
            @ok for [ 'a quote' => 'a"b' ], [ 'a backslash' => 'a\\b' ];
        km 'refused before it is known', { location => '/service', @v2x,
            body => { ServiceID => '' } },
            { reason => 'malformed_request', echo => {} };

        km 'the kind of the identity', { location => '/type?more=x',
            token => { scope => 'km:service x' } }, @ok;
        km 'another kind', { location => '/type?more=x',
            token => { scope => 'km:service x' },
            body => { UserID => 'alice' } }, refused('km:user x');

        km 'a claim', { location => '/claim',
            token => { need => 'x', scope => 'x y' } }, @ok;
        km 'a claim, refused', { location => '/claim',
            token => { need => 'x', scope => 'y' } }, refused('x');
        km 'no such claim: nothing grants nothing', { location => '/claim' },
            refused();

        # empty, or of several words
        km "value '$_'", { location => "/arg?scope=$_",
            token => { scope => 'a b' } }, @ok for qw(a b);
        km "value '$_'", { location => "/arg?scope=$_",
            token => { scope => 'a b' } }, $_ eq 'c' ? refused('c') : refused()
            for '', 'c', 'a"';
        km 'no value', { location => '/arg', token => { scope => $_ } },
            refused() for 'a', '', ' ', undef;
        km 'one of them granted, the other without value',
            { location => '/mixed' }, refused();
        km 'one granted, the other not', { location => '/mixed?scope=x' },
            refused('seal:km x');
        km 'both', { location => '/mixed?scope=x',
            token => { scope => 'x seal:km' } }, @ok;

        km 'several variables in one', { location => '/host',
            token => { scope => 'localhost:POST' } }, @ok;
        km 'a value of "off" turns nothing off',
            { location => '/literal', token => { scope => undef } },
            refused('v2x.exampleoff');
        km 'a map', { location => '/map', token => { scope => 'v2x' } }, @ok;
        km 'a map, its default', { location => '/map', token => { scope => 'v2x' },
            body => { ServiceID => 'off' } }, refused('none');
    };

run_tests();
