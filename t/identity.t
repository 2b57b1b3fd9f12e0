# seal_km_bind: for whom a token speaks.

use lib 't/lib';
use SealKM;

my $redis = start_redis();
$redis->set("seal:km:v2x.example:$_", 'K') for 'service', map {
    my $kind = $_; map { "$kind:$_" } 'alice', 'client-1', 'dev-1', 'bob', '5',
        "caf\xc3\xa9", 'true', 'null', '', 'a', 'b c', "sip:bob\@example.com"
    } qw(user client device);

my @ok = ({ payload => 'K' });
my %member = (user => 'UserID', client => 'ClientID', device => 'DeviceID');
my %claim = (user => 'sub', client => 'client_id', device => 'device_id');
my %own = (user => 'alice', client => 'client-1', device => 'dev-1');

test 'the claims by default',
    config => location('= /km'),
    sub {
        for my $kind (sort keys %member) {
            my ($member, $claim, $own) = ($member{$kind}, $claim{$kind},
                                          $own{$kind});

            km "$kind: $own", { body => { $member => $own } }, @ok;
            km "$kind: bob's own token",
                { body => { $member => 'bob' }, token => { $claim => 'bob' } },
                @ok;
            km "$kind: escaped", { body => { $member => \('"' . join('', map {
                sprintf '\u%04x', ord } split //, $own) . '"') } },
                { payload => 'K', echo => { ServiceID => 'v2x.example',
                                            $member => $own } };

            km "$kind: '$_'", { body => { $member => $_ } },
                'identity_mismatch' for
                'bob', uc $own, ucfirst $own, "$own ", " $own", "${own}x",
                substr($own, 0, -1), substr($own, 1), '*', '%', "$own,bob",
                "$own%00", "\x{feff}$own", $own =~ tr/aei1/\x{430}\x{435}i\x{661}/r,
                grep { $_ ne $own } values %own;
            km "$kind: a claim with more behind U+0000", { body => { $member => $own },
                token => { $claim => \"\"$own\\u0000\"" } }, 'identity_mismatch';
        }

        km 'service: nothing is bound', { token => $_ }, @ok for
            {}, { sub => undef, device_id => undef }, { sub => 'mallory' };

        # missing
        km 'user: no sub', { body => { UserID => 'alice' },
                             token => { sub => undef } }, 'identity_mismatch';
        km 'user: client_id is no sub', { body => { UserID => 'client-1' },
                                          token => { sub => undef } },
            'identity_mismatch';
        km 'device: no device_id', { body => { DeviceID => 'dev-1' },
                                     token => { device_id => undef } },
            'identity_mismatch';
        km 'client: no client_id: the token is malformed',
            { body => { ClientID => 'client-1' }, token => { client_id => undef } },
            'token_malformed';
        km 'user: an empty sub', { body => { UserID => 'alice' },
                                   token => { sub => '' } },
            { reason => 'identity_mismatch', user_uri => 'client-1' };

        # the characters, not their look
        km 'UTF-8', { body => { UserID => "caf\x{e9}" },
                      token => { sub => "caf\x{e9}" } }, @ok;
        km 'UTF-8, escaped', { body => { UserID => \'"caf\u00e9"' },
                               token => { sub => \'"caf\u00E9"' } },
            { payload => 'K', user_uri => "caf\x{e9}",
              echo => { ServiceID => 'v2x.example', UserID => "caf\x{e9}" } };
        km 'another form of the letter', { body => { UserID => "caf\x{e9}" },
                                           token => { sub => "cafe\x{301}" } },
            'identity_mismatch';
    };


# what a claim may be: device_id, which the token itself does not check
my @match = (\'"bob"', ['bob'], [ 'x', 'bob' ], [ 'bob', 'x' ], [ 'bob', 'bob' ],
             \'["b\u006fb"]', [ ('x') x 200, 'bob' ], [ '', 'bob' ]);
my @mismatch = (\'""', [], [''], ['x'], [ 'x', 'y' ], \'null', \'true', \'false',
    5, \'1.5', {}, { bob => 'bob' }, { bob => 1 }, { value => 'bob' }, [['bob']],
    [ { bob => 'bob' } ], [ 'bob', 5 ], [ 5, 'bob' ], [ 'bob', \'null' ],
    [ \'null' ], [ 'bob', ['bob'] ], [ 'bob', {} ], [ 'bobx' ], [ 'xbob' ],
    'bob bob', 'bob,x', 'x bob', '["bob"]', 'BOB', \'"bob\u0000"', [ \'"bob\u0000x"' ]);

test 'values of a claim',
    config => location('= /km')
        . location('= /user', bind => 'user u')
        . location('= /client', bind => 'client u')
        . location('= /device', bind => 'device u'),
    sub {
        km 'device_id ' . to_json($_), { body => { DeviceID => 'bob' },
            token => { device_id => $_ } }, @ok for @match;
        km 'device_id ' . to_json($_), { body => { DeviceID => 'bob' },
            token => { device_id => $_ } }, 'identity_mismatch' for @mismatch;

        for my $kind (sort keys %member) {
            my %set = (location => "/$kind", body => { $member{$kind} => 'bob' });

            km "$kind: u " . to_json($_), { %set, token => { u => $_ } }, @ok
                for @match;
            km "$kind: u " . to_json($_), { %set, token => { u => $_ } },
                'identity_mismatch' for @mismatch;
            km "$kind: no u", { %set }, 'identity_mismatch';
            km "$kind: the claim by default counts no more",
                { %set, token => { $claim{$kind} => 'bob', u => 'x' } },
                'identity_mismatch';
        }

        # what looks like the text of a number or of a word is none
        km "'$_->[0]' and " . to_json($_->[1]), { location => '/user',
            body => { UserID => "$_->[0]" }, token => { u => $_->[1] } },
            'identity_mismatch' for
            [ '5' => 5 ], [ true => \'true' ], [ null => \'null' ];
        km "'$_'", { location => '/user', body => { UserID => $_ },
            token => { u => [ 'x', $_ ] } }, @ok
            for '5', 'true', 'null', 'b c', 'sip:bob@example.com';
    };


test 'other claims, and off',
    config => location('= /uid', bind => [ 'user uid', 'client azp',
                                           'device "https://val.example/imei"' ])
        . location('= /crossed', bind => [ 'user client_id', 'client device_id',
                                           'device sub' ])
        . location('= /one', bind => 'device val_ue')
        . location('= /off', bind => [ 'user off', 'client off', 'device off' ])
        . location('= /user-off', bind => 'user off')
        . location('= /odd', bind => [ 'user "a b"', "client \"caf\xc3\xa9\"",
                                       'device Sub' ])
        . location('= /path', bind => 'user realm.id'),
    sub {
        my @uid = (location => '/uid', token => { uid => 'bob', azp => 'bob',
                                                  'https://val.example/imei' => 'bob' });

        km "$_: of another claim", { @uid, body => { $member{$_} => 'bob' } }, @ok
            for sort keys %member;
        km "$_: the claim by default counts no more",
            { @uid, body => { $member{$_} => $own{$_} } }, 'identity_mismatch'
            for sort keys %member;

        km "crossed: $_->[0]", { location => '/crossed',
            body => { $_->[0] => $_->[1] } }, @{ $_->[2] } for
            [ UserID => 'client-1', \@ok ], [ UserID => 'alice',
                                              ['identity_mismatch'] ],
            [ ClientID => 'dev-1', \@ok ], [ ClientID => 'client-1',
                                             ['identity_mismatch'] ],
            [ DeviceID => 'alice', \@ok ], [ DeviceID => 'dev-1',
                                             ['identity_mismatch'] ];

        # one kind set, the others as by default
        km 'one kind: it', { location => '/one', body => { DeviceID => 'bob' },
                             token => { val_ue => 'bob' } }, @ok;
        km 'one kind: not by default', { location => '/one',
                                         body => { DeviceID => 'dev-1' } },
            'identity_mismatch';
        km "one kind: $_ as by default", { location => '/one',
            body => { $member{$_} => $own{$_} } }, @ok for qw(user client);
        km "one kind: $_ as by default, another", { location => '/one',
            body => { $member{$_} => 'bob' } }, 'identity_mismatch'
            for qw(user client);

        km "off: $_", { location => '/off', body => { $member{$_} => 'bob' },
                        token => { sub => undef, device_id => undef } }, @ok
            for sort keys %member;
        km 'off: a claim named off', { location => '/off',
            body => { UserID => 'bob' }, token => { off => 'x' } }, @ok;
        km 'user off: user', { location => '/user-off',
                               body => { UserID => 'bob' } }, @ok;
        km "user off: $_", { location => '/user-off',
            body => { $member{$_} => 'bob' } }, 'identity_mismatch'
            for qw(client device);

        km 'a name with a space', { location => '/odd', body => { UserID => 'bob' },
                                    token => { 'a b' => 'bob' } }, @ok;
        km 'a name in UTF-8', { location => '/odd', body => { ClientID => 'bob' },
                                token => { "caf\x{e9}" => 'bob' } }, @ok;
        km 'a name in another case', { location => '/odd',
            body => { DeviceID => 'alice' } }, 'identity_mismatch';
        km 'a name in that case', { location => '/odd',
            body => { DeviceID => 'alice' }, token => { Sub => 'alice' } }, @ok;
        km 'a dot is part of the name', { location => '/path',
            body => { UserID => 'bob' }, token => { 'realm.id' => 'bob' } }, @ok;
        km 'no path into an object', { location => '/path',
            body => { UserID => 'bob' }, token => { realm => { id => 'bob' } } },
            'identity_mismatch';
    };

run_tests();
