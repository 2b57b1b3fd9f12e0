# Who can write to Redis, and has no record keys: nothing that he puts in the
# place of an encrypted record is delivered, whatever it is, and wherever Redis
# is. Who can read it learns nothing.

use lib 't/lib';
use SealKM;
use SealKM::Attacks;
use SealKM::Cluster;
use SealKM::Sealed;
use SealKM::Sentinel;

use MIME::Base64 'encode_base64';

my %key = map { ($_ => join '', map { chr rand 256 } 1 .. 32) } 'a', 'b';

# one of them is too short to be one
my $keys = temp_file(to_json({ keys => [ (map { record_jwk($_, $key{$_}) } 'a', 'b'),
                                         record_jwk(short => 's' x 16) ] }));
chmod 0600, $keys;

my @log = (qr/\[error\].*record ".*" (?:is|was) /, qr/\[error\].*refused, record_invalid/);
my @may = (qr/\[warn\].*"short", is left out/);
my %user = (body => { %{ +ATTACKED_BODY } }, token => { sub => "\x{e9}lise" });
my $good = sealed_with(header(), 'MATERIAL', $key{a});

# all of it, with records that $set puts at the server that is asked
sub withstands {
    my ($set) = @_;
    my $keep = client();

    $set->($good);
    km 'the record itself', { %user, via => $keep }, { payload => 'MATERIAL' };

    for (attacks(\%key)) {
        my ($name, $value) = @$_;
        $set->($value);
        km $name, { %user, via => $keep }, 'record_invalid';
    }

    my @opened;
    my $n = 0;
    for my $value (flipped($good)) {
        $set->($value);
        # nginx closes a connection after a thousand requests
        $keep = client() if $n++ % 500 == 0;
        my $res = post(%user, via => $keep);
        push @opened, $value if ($res->header('X-Reason') // '') ne 'record_invalid'
                                || $res->body =~ /Payload/;
    }
    is("@opened", '', 'with a bit changed');

    # what cannot be seen: docs/records.md says it
    $set->(sealed_with(header(), 'YESTERDAY', $key{a}));
    km 'an older value of the same name', { %user, via => $keep }, { payload => 'YESTERDAY' };
    $set->($good);
    km 'the record itself, again', { %user, via => $keep }, { payload => 'MATERIAL' };
    is((grep { /MATERIAL|YESTERDAY/ || /\Q@{[ (parts($good))[3] ]}\E/ } error_log()), 0,
       'nothing of a value in the log');
}


my $redis = start_redis();

test 'one server',
    config => location('= /km', record_keys => $keys),
    log => \@log, may_log => \@may,
    sub { withstands(sub { $redis->set(ATTACKED, $_[0]) }) };


my $ha = start_sentinels(name => 'keys');

test 'behind Sentinel',
    http_config => $ha->pass('sentinels'),
    config => location('= /km', record_keys => $keys, pass => 'sentinels',
                       redis_mode => 'sentinel keys'),
    log => \@log, may_log => \@may,
    sub {
        my $master = $ha->master;
        withstands(sub { $master->set(ATTACKED, $_[0]) });
    };


my $cluster = start_cluster();

test 'in a cluster',
    http_config => $cluster->pass('seeds'),
    config => location('= /km', record_keys => $keys, pass => 'seeds',
                       redis_mode => 'cluster'),
    log => \@log, may_log => \@may,
    sub {
        my $server = $cluster->server(ATTACKED);
        withstands(sub { $server->set(ATTACKED, $_[0]) });
    };


# with all that Redis itself can do
test 'who has only the Redis',
    config => location('= /km', record_keys => $keys),
    log => \@log, may_log => \@may,
    sub {
        my %material = (alice => 'MATERIAL-OF-ALICE-0123456789', bob => 'MATERIAL-OF-BOB-0123456789');
        my $name = sub { "seal:km:v2x.example:user:$_[0]" };
        my $asks = sub {
            my ($what, $who, @want) = @_;
            km "$what: $who", { body => { UserID => $who }, token => { sub => $who } }, @want;
        };

        $redis->flush;
        $redis->set($name->($_), sealed($name->($_), $material{$_}, a => $key{a})) for keys %material;
        $asks->('untouched', $_, { payload => $material{$_} }) for keys %material;

        # learns nothing
        my $all = join "\n", map { $_, $redis->command('GET', $_), $redis->command('DUMP', $_) }
                             map { $name->($_) } keys %material;
        is((grep { index($all, $_) >= 0 } map { ($_, encode_base64($_, ''), b64u($_), unpack 'H*', $_) }
            values %material), 0, 'no material is there to be read');
        is((grep { index($all, $_) >= 0 } map { ($_, b64u($_)) } values %key), 0, 'nor a key');

        # gives nobody the record of another
        my ($alice, $bob) = map { $name->($_) } 'alice', 'bob';
        my $value = $redis->command('GET', $alice);
        $redis->command('COPY', $alice, $bob, 'REPLACE');
        $asks->('COPY', 'bob', 'record_invalid');
        $asks->('COPY', 'alice', { payload => $material{alice} });
        $redis->command('RENAME', $alice, $bob);
        $asks->('RENAME', 'bob', 'record_invalid');
        $redis->set($alice, $value);
        $redis->command('RESTORE', $bob, 0, $redis->command('DUMP', $alice), 'REPLACE');
        $asks->('RESTORE', 'bob', 'record_invalid');
        $redis->command('SETRANGE', $alice, length($value) - 30, 'AAAA');
        $asks->('SETRANGE', 'alice', 'record_invalid');
        $redis->set($alice, $value);
        $redis->command('APPEND', $alice, 'A');
        $asks->('APPEND', 'alice', 'record_invalid');
        $redis->set($alice, 'MADE-UP');
        $asks->('a record of his own', 'alice', 'record_invalid');

        # and another service gets none of it
        $redis->set('seal:km:police.example:service', $value);
        km 'another service', { body => { ServiceID => 'police.example' } }, 'record_invalid';
    };

run_tests();
