# tools/seal-km-records: record keys, what is opened with them, and how records
# get another one.

use lib 't/lib';
use SealKM;
use SealKM::Sealed;
use SealKM::Tool;

use MIME::Base64 'decode_base64url';

my $redis = start_redis();
my $keys = keygen(temp_dir() . '/keys.json', 'a', 'b');
my $bytes = record_key_bytes($keys);
my $service = 'seal:km:v2x.example:service';

my $config = record_locations($keys);


test 'keys, seal, open, verify',
    config => $config,
    log => [ qr/\[error\].*(?:record ".*"|refused, record_invalid)/ ],
    sub {
        $redis->flush;
        is((stat $keys)[2] & 0777, 0600, 'a new file is its owner\'s alone');
        chmod 0640, $keys;
        does('a key more', undef, 'keygen', $keys, '--add', '--kid', 'c');
        is((stat $keys)[2] & 0777, 0640, 'what it may be read by stays');
        is(join(' ', map { $_->{kid} } @{ from_json(text_of($keys))->{keys} }), 'a b c', 'in order');
        is((grep { length != 32 } values %{ record_key_bytes($keys) }), 0, '32 bytes');
        my ($link, $behind) = map { temp_dir() . "/$_" } 'link.json', 'behind.json';
        keygen($behind, 'a');
        symlink $behind, $link or die $!;
        does('through a link', undef, 'keygen', $link, '--add', '--kid', 'b');
        ok(-l $link, 'which stays one');
        is(join(' ', map { $_->{kid} } @{ from_json(text_of($behind))->{keys} }), 'a b', 'and leads to both');
        refuses('a file that is there', 1, qr/File exists; --add/, $redis, 'keygen', $keys);
        refuses('a kid that is there', 1, qr/has a key "c" already/, $redis, 'keygen', $keys, '--add', '--kid', 'c');
        my ($status, $output) = nginx_t(config => location('= /km', record_keys => $keys));
        is("$status $output" =~ /\[warn\]|^[^0]/ ? $output : '', '', 'nginx takes it');
        chmod 0604, $keys;
        like(tool($redis, 'verify', '--key', $keys)->{err}, qr/can be read by others/, 'a warning');
        chmod 0600, $keys;

        # with redis-cli alone
        my @with = ('--key', $keys, '--kid', 'a');
        my $sealed = does('seal', undef, 'seal', $service, @with, -in => 'KSEAL');
        is(run([ SealKM::Redis::cli_program(), '-p', $redis->port, '-x', 'SET', $service ],
               -in => $sealed)->{out}, "OK\n", 'redis-cli -x SET');
        km 'what was sealed', { location => '/keys' }, { payload => 'KSEAL' };
        is(does('open', undef, 'open', $service, '--key', $keys, -in => $redis->cli('GET', $service) . "\n"),
           'KSEAL', 'what redis-cli writes is opened');
        my $run = tool(undef, 'open', 'seal:km:x:service', '--key', $keys, -in => $sealed);
        is("$run->{status} $run->{out}", '1 ', 'of another name');
        like($run->{err}, qr/was made for another name/, 'why');
        isnt(tool(undef, 'open', $service, -in => $sealed)->{status}, 0, 'without keys');

        # a terminal gets nothing unless that is said
        my $tool = source('tools/seal-km-records');
        my $file = temp_file($sealed);
        for my $terminal ('', ' --terminal') {
            my $seen = run([ 'script', '-qec', "$^X $tool open $service --key $keys --file $file$terminal",
                             '/dev/null' ])->{out};
            $terminal ? like($seen, qr/KSEAL/, 'open to a terminal: --terminal')
                      : unlike($seen, qr/KSEAL/, 'open: not to a terminal');
        }

        # what the module refuses verify refuses, in the same words
        my $n = 0;
        my %why;
        my $header = sub {
            my (%set) = @_;
            my %all = (alg => 'dir', enc => 'A256GCM', kid => 'a', rec => "seal:km:v$n:service", %set);
            return to_json({ map { defined $all{$_} ? ($_ => $all{$_}) : () } keys %all });
        };
        my $is = sub {
            my ($why, $value) = @_;
            $why{"v$n"} = $why;
            $redis->set("seal:km:v$n:service", $value);
            $n++;
        };
        my $jwe = 'is not encrypted as records have to be';
        my $good = sub { sealed("seal:km:v$n:service", 'K', a => $bytes->{a}) };
        $is->('', $good->()) for 1, 2;
        $is->('is not encrypted', $_) for 'x', '', '....', 'a.b.c.d.e';
        $is->('was made for another name', $good->() =~ s/\A.*\z/sealed($service, 'K', a => $bytes->{a})/er);
        $is->('is encrypted with a key that is not known, its "kid" is "x"',
              sealed("seal:km:v$n:service", 'K', x => $bytes->{a}));
        $is->('is not authentic', sealed("seal:km:v$n:service", 'K', a => 'X' x 32));
        $is->($jwe, sealed_with($header->(%$_), 'K', $bytes->{a}))
            for { zip => 'DEF' }, { typ => 'JWE' }, { crit => [] }, { alg => 'A256KW' },
                { enc => 'A128GCM' }, { rec => undef }, { kid => undef }, { kid => 1 };
        $is->($jwe, sealed_with($header->() =~ s/\}\z/,"rec":"x"}/r, 'K', $bytes->{a}));
        $is->($jwe, sealed_with($header->(), 'K', $bytes->{a}, tag => $_)) for 4, 8, 12, 15;
        $is->($jwe, sealed_with($header->(), 'K', $bytes->{a}, iv => $_)) for 8, 11, 13, 16;
        $is->($jwe, $good->() . $_) for '==', "\n";

        # the kid of the text that was sealed before
        $redis->del($service);
        $run = tool($redis, 'verify', '--key', $keys);
        is($run->{status}, 1, 'verify: some cannot be opened');
        my %told = $run->{out} =~ /^seal:km:(v\d+):service (.*)$/mg;
        is(join("\n", map { "$_ " . ($told{$_} // '') } sort keys %why),
           join("\n", map { "$_ $why{$_}" } sort keys %why), 'and why');
        like($run->{out}, qr/^2 records with a$/m, 'how many there are with a key');

        for my $name (sort keys %why) {
            my $reason = post(location => '/keys', body => { ServiceID => $name })->header('X-Reason');
            is($reason, $why{$name} ? 'record_invalid' : 'ok', "$name: the module agrees");
        }
    };


test 'keys that are none for records',
    sub {
        $redis->flush;
        my ($key) = @{ from_json(text_of($keys))->{keys} };
        my $n = 0;
        my @others = (
            (map { { %$key, kid => $_ } } '', undef, 5, [], 'x' x 256),
            (map { { %$key, kid => 'k' . ++$n, %$_ } } { kty => 'RSA' }, { kty => undef },
                { alg => 'A128GCM' }, { alg => 1 }, { use => 'sig' }, { use => 0 },
                { k => undef }, { k => 'A' x 42 }, { k => 'A' x 44 }, { k => 'A' x 43 . '=' },
                map { { key_ops => $_ } } 'decrypt', { decrypt => 1 }, 0, [ 'encrypt' ],
                    [ 'decrypt', 1 ], [ 'decrypt', undef ], [ [ 'decrypt' ] ]),
            'a', 1, undef,
        );
        my @taken = map { { %$key, kid => "t$_->[0]", %{ $_->[1] } } }
            [ 1, { alg => undef, use => undef, key_ops => undef } ],
            [ 2, { alg => 'A256GCM', use => 'enc', key_ops => [ 'encrypt', 'decrypt' ] } ],
            [ 3, { key_ops => [] } ];
        my $file = temp_file(to_json({ keys => [ $key, @others, @taken ] }));
        chmod 0600, $file;

        my $pattern = qr/: key (\d+)(?:, ".*?",)? is left out: (.*?)(?: in \S+:\d+)?$/m;
        my %told = tool($redis, 'verify', '--key', $file)->{err} =~ /$pattern/g;
        my (undef, $output) = nginx_t(config => location('= /km', record_keys => $file));
        my %why = $output =~ /$pattern/g;
        is(join("\n", map { "$_ " . ($told{$_} // '') } sort { $a <=> $b } keys %told),
           join("\n", map { "$_ $why{$_}" } sort { $a <=> $b } keys %why),
           'the server says the same of each');
        is(join(' ', sort { $a <=> $b } keys %why), join(' ', 2 .. @others + 1), 'these, and no others');
    };


sub ttls {
    my ($server, @names) = @_;
    return join ' ', map { $server->command('PEXPIRETIME', $_) } @names;
}

test 'rewrap',
    config => $config,
    sub {
        my @names = map { sprintf 'seal:km:v%02d:service', $_ } 1 .. 20;
        my @rewrap = ('rewrap', '--key', $keys, '--kid', 'b');
        my $fill = sub {
            $redis->flush;
            $redis->set($_, sealed($_, "K-$_", a => $bytes->{a}), 'PX', 1_000_000 + length) for @names;
        };
        my $kid_of = sub { from_json(decode_base64url((parts($redis->command('GET', $_[0])))[0]))->{kid} };
        my $of = sub { my ($kid) = @_; scalar grep { $kid_of->($_) eq $kid } @names };

        $fill->();
        my $before = ttls($redis, @names);
        my $run = tool($redis, @rewrap);
        is("$run->{status} $run->{out}", "0 20 records rewrapped, 0 records left\n", 'all of them');
        like($run->{err}, qr/rewrap: 20 of 20 records/, 'it tells how far it is');
        is($of->('b'), 20, 'they have the other key');
        is(ttls($redis, @names), $before, 'and live as long as before');
        km "$_->[1]: still what it was", { location => '/keys', body => { ServiceID => $_->[1] } },
            { payload => "K-$_->[0]" } for map { [ $_, /km:(v\d+)/ ] } @names;
        my %value = map { $_ => $redis->command('GET', $_) } @names;
        is(does('again', $redis, @rewrap), "0 records rewrapped, 0 records left\n", 'nothing to do');
        is((grep { $redis->command('GET', $_) ne $value{$_} } @names), 0, 'and nothing done');

        # An operator is faster: between the look at a record and its replacement
        # another one is there, one is removed, and one has another key already.
        $fill->();
        my $port = $redis->port;
        my $sealed = sealed($names[1], 'NEW', a => $bytes->{a});
        my $other = sealed($names[4], 'NEW', b => $bytes->{b});
        my $race = redis_cli('my %done', qq(
            if (/^"EVAL".*"(seal:km:v0([12345]):service)"/ && !\$done{\$1}++) {
                my \@set = (\$2 == 1 ? ('SET', \$1, 'PLAIN') : \$2 == 2 ? ('SET', \$1, '$sealed')
                    : \$2 == 3 ? ('DEL', \$1) : \$2 == 4 ? ('EXPIRE', \$1, 5000) : ('SET', \$1, '$other'));
                my \$out = join '', `redis-cli -p $port \@set`;
            }
        ) =~ s/redis-cli -p/SealKM::Redis::cli_program() . ' -p'/er);
        $run = tool($redis, @rewrap, '--redis-cli', $race);
        is("$run->{status} $run->{out}", "1 17 records rewrapped, 1 record left\n", 'changed meanwhile');
        like($run->{err}, qr/v01:service is not encrypted/, 'what is left is told');
        is($redis->command('GET', $names[0]), 'PLAIN', 'what an operator has set stays');
        is($kid_of->($names[1]), 'b', 'one that changed was looked at again');
        km 'and is the new one', { location => '/keys', body => { ServiceID => 'v02' } }, { payload => 'NEW' };
        is($redis->command('EXISTS', $names[2]), 0, 'what was removed stays away');
        cmp_ok($redis->command('TTL', $names[3]), '>', 4000, 'a time to live that was set stays');
        is($redis->command('GET', $names[4]), $other, 'what has the key already stays');

        # broken off after the fifth, by whom it would be with Ctrl-C
        $fill->();
        my $stop = redis_cli('my $n = 0', q(kill 'INT', getppid if /^"EVAL"/ && ++$n == 5));
        $run = tool($redis, @rewrap, '--redis-cli', $stop);
        is("$run->{status} $run->{out}", "1 5 records rewrapped, 0 records left\n", 'broken off');
        like($run->{err}, qr/broken off; the same command goes on/, 'it says so');
        is($of->('b') . ' ' . $of->('a'), '5 15', 'each is one or the other');
        is(does('and goes on', $redis, @rewrap), "15 records rewrapped, 0 records left\n", 'where it was');
        is($of->('b'), 20, 'then all of them');

        # a record of the old key that comes when its turn is over
        $fill->();
        my $late = sealed('seal:km:a:service', 'LATE', a => $bytes->{a});
        my $comes = redis_cli('my $n = 0', qq(if (/^"EVAL"/ && ++\$n == 20) { my \$out = `redis-cli -p $port SET seal:km:a:service $late` })
            =~ s/redis-cli -p/SealKM::Redis::cli_program() . ' -p'/er);
        is(does('one comes late', $redis, @rewrap, '--redis-cli', $comes), "21 records rewrapped, 0 records left\n",
           'all are gone through again');

        # others' records
        $redis->flush;
        $redis->set('other:x:service', sealed('other:x:service', 'K', a => $bytes->{a}));
        $redis->set('seal:km:plain:service', 'PLAIN');
        $redis->set('seal:km:moved:service', sealed('other:x:service', 'K', a => $bytes->{a}));
        $run = tool($redis, @rewrap);
        is("$run->{status} $run->{out}", "1 0 records rewrapped, 2 records left\n", 'what it cannot do');
        like($run->{err}, qr/moved:service was made for another name.*plain:service is not encrypted/s, 'and why');
        is(does('plain ones', $redis, @rewrap, '--prefix', 'seal:km:plain', '--plain'),
           "1 record rewrapped, 0 records left\n", 'where that is said');
        km 'it is encrypted', { location => '/keys', body => { ServiceID => 'plain' } }, { payload => 'PLAIN' };
        refuses('no kid', 2, qr/--kid KID/, $redis, 'rewrap', '--key', $keys);
    };


run_tests();
