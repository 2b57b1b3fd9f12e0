# Memory that nginx gives back: nothing is in it of record keys, of records, of
# passwords. Each block is looked at just before it is freed, so that no other use
# of it hides what was left there.

use lib 't/lib';
use SealKM;
use SealKM::Freed;
use SealKM::Load;
use SealKM::Sealed;

sub bytes { my ($n) = @_; return join '', map { chr rand 256 } 1 .. $n }

my %key = map { ($_ => bytes(32)) } 'a', 'b', 'refused';
my $digest_bytes = bytes(32);
my $password = 'PASSWORD-' . unpack 'H*', bytes(12);
my %material = map { ($_ => "RECORD-$_-" . unpack 'H*', bytes(12)) } qw(small large json bad plain pieces huge);

my $why_not = freed_nginx(
    (map { ("record key $_" => $key{$_}, "record key $_, base64url" => b64u($key{$_})) } keys %key),
    'key of the digest' => $digest_bytes,
    (map { ("record $_" => $material{$_}) } keys %material),
    'password of Redis' => $password,
    control => 'CONTROL-0123456789',
);

my $redis = start_redis(requirepass => $password);
my %record = (small => $material{small}, large => $material{large} x 5000,
              json => qq({"k":"$material{json}"}));

sub name { return "seal:km:$_[0]:service" }

$redis->set(name($_), sealed(name($_), $record{$_}, b => $key{b})) for keys %record;
$redis->set(name('moved'), sealed(name('x'), $material{bad}, a => $key{a}));
$redis->set(name('changed'), changed(sealed(name('changed'), $material{bad}, a => $key{a})));
$redis->set(name('unknown'), sealed(name('unknown'), $material{bad}, x => bytes(32)));
# more than what a server says that it will send is given room for at once
my $huge = $material{huge} x 70_000;
$redis->set(name('huge'), $huge);
$redis->set(name('plain'), $material{plain} . 'x' x 10_000);

sub secret_file {
    my $file = temp_file(@_);
    chmod 0600, $file;
    return $file;
}

# in pieces, and cut off
my $fake = fake_redis(get => sub {
    my ($key) = @_;
    my @pieces = map { ($_, pause(0.02)) } unpack '(a20001)*', bulk($material{pieces} x 2500);
    return $key =~ /broken/ ? (@pieces[0 .. 3], closing) : @pieces;
});

# one of them cannot be used
my $keys = secret_file(to_json({ keys => [ (map { record_jwk($_, $key{$_}) } 'a', 'b'),
    record_jwk(refused => $key{refused}, use => 'sig') ] }));
my @with = (redis_password_file => secret_file("$password\n"));

test 'what is given back',
    skip => $why_not,
    master => 1,
    config => location('= /km', @with, record_keys => $keys,
                       record_digest_key => secret_file($digest_bytes))
        . location('= /json', @with, record_keys => $keys, payload => 'json')
        . location('= /base64', @with, record_keys => $keys, payload => 'base64')
        . location('= /plain', @with, record_keys => $keys, record_plaintext => 'on')
        . location('= /pieces', pass => $fake->address, record_keys => $keys,
                   record_plaintext => 'on')
        . location('= /ss-kir/v1/key-records', @with, record_keys => $keys, interface => 'ss-kir',
                   uri => undef, window => undef),
    log => [ qr/\[error\].*record ".*" (?:is|was) /, qr/record_invalid/, qr/payload_invalid/,
             qr/closed the connection|refused, store_unavailable/ ],
    may_log => [ qr/\[warn\].*"refused", is left out/ ],
    sub {
        for (1 .. 3) {
            km "$_->[0] $_->[1]", { location => $_->[0], body => { ServiceID => $_->[1] } }, $_->[2] for
                [ '/km', 'small', { payload => $record{small} } ],
                [ '/km', 'large', { payload => $record{large} } ],
                [ '/json', 'json', { payload => \$record{json} } ],
                [ '/pieces', 'pieces', { payload => $material{pieces} x 2500 } ],
                [ '/pieces', 'broken', 'store_unavailable' ],
                [ '/plain', 'plain', { payload => $material{plain} . 'x' x 10_000 } ],
                (map { [ '/km', $_, 'record_invalid' ] } qw(moved changed unknown plain)),
                [ '/json', 'small', 'payload_invalid' ];
        }
        km 'a huge one', { location => '/plain', body => { ServiceID => 'huge' } }, { payload => $huge };
        my @many = map { request(location => '/base64', body => { ServiceID => $_ }) }
                   ('small', 'large') x 30;
        is((grep { !$_ || $_->status != 200 } load(20, \@many)), 0, 'many at once');
        is(post(method => 'GET', location => '/ss-kir/v1/key-records?val-service-id=small', body => '')->status,
           200, 'a VAL server');
        post(body => { ServiceID => 'small' }, headers => [ 'X-Control' => 'CONTROL-0123456789' ]);

        # the workers, and the configuration of the master
        ok(gone(reload()), 'reloaded');
        km 'it goes on', { body => { ServiceID => 'small' } }, { payload => $record{small} };
        ok(gone(reload()), 'and again');

        my $found = freed();
        ok(delete $found->{control}, 'what is not wiped is seen');
        is(join("\n", map { "$_, by\n$found->{$_}" } sort keys %$found), '', 'and that is all');
    };

run_tests();
