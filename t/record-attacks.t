# Who can write to Redis, and has no record keys: nothing that he puts in the
# place of an encrypted record is delivered, whatever it is, and wherever Redis
# is. Who can read it learns nothing.

use lib 't/lib';
use SealKM;
use SealKM::Attacks;
use SealKM::Cluster;
use SealKM::Retrieval;
use SealKM::Sealed;
use SealKM::Sentinel;

use Encode qw(decode FB_CROAK LEAVE_SRC);
use JSON::PP ();
use MIME::Base64 qw(decode_base64url encode_base64);

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


# What the contract takes for a plain record, read by another reader than the
# module's: all but five parts of which the first is an object with "enc".
sub is_plain {
    my ($value) = @_;
    my @parts = split /\./, $value, -1;

    return 1 if @parts != 5 || $parts[0] !~ /\A[\w-]+\z/a
                || b64u(decode_base64url($parts[0])) ne $parts[0];

    # which JSON has, and not each reader of it
    my $text = decode_base64url($parts[0]) =~ s/\\ud83d/x/gr;
    my $json = eval { JSON::PP->new->utf8->decode($text) };
    return ref $json ne 'HASH' || !exists $json->{enc};
}

# delivered as it is, if it is text; nothing for a value without any
sub plain_payload {
    my ($value) = @_;
    my $text = eval { decode('UTF-8', $value, FB_CROAK | LEAVE_SRC) };
    return defined $text ? { payload => length $text ? $text : undef } : 'payload_invalid';
}

test 'where plain records are taken',
    config => location('= /km', record_keys => $keys, record_plaintext => 'on'),
    log => \@log, may_log => [ @may, qr/\[error\].*refused, payload_invalid/ ],
    sub {
        my $keep = client();
        my $plain = 0;

        for (attacks(\%key)) {
            my ($name, $value) = @$_;
            $redis->set(ATTACKED, $value);
            $plain += is_plain($value);
            km $name, { %user, via => $keep },
                is_plain($value) ? plain_payload($value) : 'record_invalid';
        }
        ok($plain > 20 && $plain < 60, 'some are plain records') or diag($plain);

        my (@wrong, $n);
        for my $value (flipped($good)) {
            $redis->set(ATTACKED, $value);
            $keep = client() if $n++ % 500 == 0;
            my $res = post(%user, via => $keep);
            my $want = is_plain($value) ? plain_payload($value) : 'record_invalid';
            my $right = ref $want
                ? ($res->header('X-Reason') // '') eq 'ok'
                      && $res->json->{Payload} eq $want->{payload}
                : ($res->header('X-Reason') // '') eq $want && $res->body !~ /Payload/;
            push @wrong, $value if !$right;
        }
        is("@wrong", '', 'with a bit changed');
    };


test 'key retrieval',
    config => key_records(record_keys => $keys),
    log => \@log, may_log => \@may,
    sub {
        my $query = SERVICE . '&valUserId=%C3%A9lise';
        my %of = (query => $query, token => { sub => "\x{e9}lise" });

        $redis->set(ATTACKED, $good);
        kir 'the record itself', { %of }, { key => 'MATERIAL', user => "\x{e9}lise" };

        for (attacks(\%key)) {
            my ($name, $value) = @$_;
            $redis->set(ATTACKED, $value);
            kir $name, { %of }, 'record_invalid';
        }
    };


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
