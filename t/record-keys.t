# seal_km_record_keys, seal_km_record_plaintext: records that are encrypted in
# Redis and bound to their names. Who has only the Redis can neither learn a
# record nor give one the name of another.

use lib 't/lib';
use SealKM;
use SealKM::Load;
use SealKM::Sealed;

my $redis = start_redis();
my %key = (a => 'A' x 32, b => 'B' x 32);
my $keys = record_keys(%key);

my $service = 'seal:km:v2x.example:service';
my $alice = 'seal:km:v2x.example:user:alice';

sub header {
    my (%set) = @_;
    my %header = (alg => 'dir', enc => 'A256GCM', kid => 'a', rec => $service, %set);
    return to_json({ map { defined $header{$_} ? ($_ => $header{$_}) : () }
                     keys %header });
}

# what is logged of a record that is refused
my @log = (qr/\[error\].*record ".*" (?:is|was) /, qr/\[error\].*refused, record_invalid/);

my $more = 'add_header X-Kid $seal_km_record_kid always;';
my @locations = (
    location('= /km', record_keys => $keys, more => $more),
    location('= /base64', record_keys => $keys, payload => 'base64', more => $more),
    location('= /json', record_keys => $keys, payload => 'json', more => $more),
    location('= /plain', record_keys => $keys, record_plaintext => 'on', more => $more),
    location('= /off', record_keys => 'off', more => $more),
    location('= /b', record_keys => record_keys(b => $key{b}), more => $more),
    location('= /other', record_keys => $keys, redis_key_prefix => 'other:'),
);

sub kid_is {
    my ($kid, $name, @request) = @_;
    is(post(@request)->header('X-Kid') // '', $kid, "$name: the kid");
}


test 'what is opened',
    config => "@locations",
    log => [ qr/refused, payload_invalid/ ],
    sub {
        $redis->set($service, sealed($service, 'K1', a => $key{a}));
        km 'a record', {}, { payload => 'K1' };
        kid_is('a', 'a record');
        km 'in base64', { location => '/base64' }, { payload => 'SzE=' };
        km 'of no JSON', { location => '/json' }, 'payload_invalid';
        kid_is('', 'none was delivered', location => '/json');
        km 'without keys it is what it is', { location => '/off' },
            { payload => $redis->command('GET', $service) };
        kid_is('', 'no record keys', location => '/off');
        km 'with plain ones allowed', { location => '/plain' }, { payload => 'K1' };

        $redis->set($service, sealed($service, 'K2', b => $key{b}));
        km 'the second key', {}, { payload => 'K2' };
        kid_is('b', 'the second key');

        $redis->set($service, sealed($service, '', a => $key{a}));
        km 'nothing encrypted', {}, 'ok';

        my $json = '{"a":[1,2,"\u00e9"]}';
        $redis->set($service, sealed($service, $json, a => $key{a}));
        km 'JSON', { location => '/json' }, { payload => \$json };

        my $large = join '', map { chr(32 + $_ % 90) } 1 .. 300_000;
        $redis->set($service, sealed($service, $large, a => $key{a}));
        km 'a large one', {}, { payload => $large };

        $redis->set($alice, sealed($alice, 'KA', a => $key{a}));
        km 'of a user', { body => { UserID => 'alice' } }, { payload => 'KA' };

        my $name = "seal:km:a%3Ab:user:\xc3\xa9 \"\\";
        $redis->set($name, sealed_with(
            qq({"alg":"dir","enc":"A256GCM","kid":"a","rec":"seal:km:a%3Ab:user:\\u00e9 \\"\\\\"}),
            'KE', $key{a}));
        km 'a name with all that has to be escaped',
            { body => { ServiceID => 'a:b', UserID => "\x{e9} \"\\" },
              token => { sub => "\x{e9} \"\\" } }, { payload => 'KE' };
    };


test 'what is refused',
    config => "@locations",
    log => \@log,
    sub {
        my $good = sealed($service, 'MATERIAL', a => $key{a});
        my @parts = parts($good);
        my $refused = sub {
            my ($name, $value, @location) = @_;
            $redis->set($service, $value);
            km $name, { @location }, 'record_invalid';
        };

        # SealKM::Attacks has all that is refused; t/record-attacks.t tries it
        $refused->('a plain record', 'MATERIAL');
        $refused->('a kid that is not known', $good, location => '/b');
        $refused->('moved from a user', sealed($alice, 'MATERIAL', a => $key{a}));

        # plain ones allowed: not in the way of an encrypted one
        my @plain = (location => '/plain');
        $refused->('plain allowed: moved', sealed($alice, 'MATERIAL', a => $key{a}), @plain);
        $refused->('plain allowed: a bit of the tag',
                   changed($good), @plain);
        $refused->('plain allowed: enc twice',
            sealed_with(header() =~ s/\}\z/,"enc":"A256GCM"}/r, 'MATERIAL', $key{a}), @plain);
        for my $value ('MATERIAL', 'a.b.c.d.e', "$parts[0].a.b.c", '....', 'eyJhIjoxfQ....') {
            $redis->set($service, $value);
            km "plain allowed: $value", { @plain }, { payload => $value };
            kid_is('', 'a plain one', @plain);
        }
        $redis->set($service, '');
        km 'plain allowed: empty', { @plain }, 'ok';

        is((grep { /MATERIAL/ || /\Q$parts[3]\E/ } error_log()), 0, 'no byte of a value in the log');
    };


# the first that is wrong of: its form, its kid, its tag, its name
test 'what the log says',
    config => "@locations",
    log => \@log,
    sub {
        my $moved = sealed($alice, 'MATERIAL', a => $key{a});
        my $malformed = 'is not encrypted as records have to be';

        for (
            [ 'plain', 'MATERIAL', $malformed ],
            [ 'another kind of JWE', sealed_with(header(zip => 'DEF'), 'MATERIAL', $key{a}),
              "$malformed, its \"kid\" is \"a\"" ],
            [ 'an unknown kid', changed(sealed($alice, 'MATERIAL', x => $key{a})),
              'is encrypted with a key that is not known, its "kid" is "x"' ],
            [ 'another text and another name', changed($moved),
              'is not authentic, its "kid" is "a"' ],
            [ 'another name', $moved, 'was made for another name, its "kid" is "a"' ],
            [ 'a kid that would garble the log',
              sealed($service, 'MATERIAL', "x\n[emerg]" => $key{a}),
              'is encrypted with a key that is not known' ],
        ) {
            my ($name, $value, $text) = @$_;
            my $line = qr/\[error\] .*\d record "\Q$service\E" (.*?)(?: while [^,]*)?, client: /;
            my $n = () = grep { $_ =~ $line } error_log();

            $redis->set($service, $value);
            km $name, {}, 'record_invalid';
            my @told = map { $_ =~ $line } error_log();
            is(join("\n", splice @told, $n), $text, "$name: the log");
        }
    };


# as a certificate's key is: workers need not be able to
my $once = record_keys(%key);

test 'read at the start and at a reload only',
    master => 1,
    config => location('= /km', record_keys => $once),
    log => [ qr/\[alert\].*exited on signal 9/,
             qr/\[emerg\].*"seal_km_record_keys" file "\Q$once\E"/ ],
    sub {
        my $opens = sub { km $_[0], {}, { payload => 'K1' } };

        $redis->set($service, sealed($service, 'K1', a => $key{a}));
        $opens->('the file is there');
        unlink $once or die "$once: $!";
        my ($pid) = worker_pids();
        kill 'KILL', $pid;
        ok(wait_for(sub { my @pids = worker_pids(); @pids && !grep { $_ == $pid } @pids }),
           'another worker');
        $opens->('the file is gone');
        kill 'HUP', master_pid();
        ok(wait_for(sub { grep { /\[emerg\]/ } error_log() }), 'a reload fails');
        $opens->('the keys are as they were');
    };


# what nginx -t says
sub refuses {
    my ($name, $like, %set) = @_;
    my ($status, $output) = nginx_t(config => location('= /km', %set));

    isnt($status, 0, "$name: refused");
    like($output, $like, "$name: why");
}

sub warns {
    my ($name, $like, %set) = @_;
    my ($status, $output) = nginx_t(config => location('= /km', %set));

    is($status, 0, "$name: accepted") or diag $output;
    $like ? like($output, $like, "$name: a warning")
          : unlike($output, qr/\[warn\]/, "$name: no warning");
}

sub keys_in {
    my ($text, $mode) = @_;
    my $file = temp_file(ref $text ? to_json($text) : $text);
    chmod $mode // 0600, $file;
    return $file;
}

test 'files',
    config => location('= /km', record_keys => $keys),
    sub {
        my $a = record_jwk(a => $key{a});
        my $b = record_jwk(b => $key{b});

        warns('a single JWK', undef, record_keys => keys_in($a));
        warns('two files', undef, record_keys => keys_in($a) . ' ' . keys_in($b));
        warns('the group may read', undef, record_keys => keys_in($a, 0640));
        warns('others may read', qr/\[warn\] \S+ "seal_km_record_keys" file ".*" can be read by others.* in CONF:\d+/,
              record_keys => keys_in($a, 0644));
        warns('one is left out', qr/\[warn\] \S+ "seal_km_record_keys" file ".*": key 2, "b", is left out: its "use" is not "enc" in CONF:\d+/,
              record_keys => keys_in({ keys => [ $a, { %$b, use => 'sig' } ] }));
        refuses('none is left', qr/"seal_km_record_keys" has no key that can be used in CONF:\d+/,
                record_keys => keys_in({ %$a, alg => 'A256KW' }));
        refuses('a kid twice', qr/"seal_km_record_keys" file ".*" has a "kid" that is there twice in CONF:\d+/,
                record_keys => keys_in($a) . ' ' . keys_in({ %$b, kid => 'a' }));
        refuses('no JSON', qr/"seal_km_record_keys" file ".*" is no JSON/,
                record_keys => keys_in('-----BEGIN'));
        refuses('PEM', qr/"seal_km_record_keys" file ".*" is PEM, and has to be a JWK Set/,
                record_keys => keys_in(key('ec256')->export_key_pem('private')));
        refuses('no file', qr/"seal_km_record_keys" file ".*none" /,
                record_keys => temp_dir() . '/none');
        refuses('a folder', qr/"seal_km_record_keys" file /, record_keys => temp_dir());
        refuses('off and more', qr/"seal_km_record_keys" .*"off" alone/,
                record_keys => 'off x');
        refuses('twice', qr/"seal_km_record_keys" directive is duplicate/,
                record_keys => [ 'off', 'off' ]);
        refuses('no flag', qr/"seal_km_record_plaintext"/, record_plaintext => 'x');

        my ($status, $output) = nginx_t(config => location('= /km',
            record_keys => keys_in({ keys => [ $a, { %$b, k => 'secret!' } ] })));
        unlike($output, qr/secret!|\Q$a->{k}\E/, 'no key material in a message');
    };


# second key in, all records anew, first key out: at no time a request is refused
my $rotating = keys_in({ keys => [ record_jwk(a => $key{a}) ] });

test 'rotation',
    master => 1,
    config => location('= /km', record_keys => $rotating, more => $more),
    sub {
        my %name = map { ("v$_" => "seal:km:v$_:service") } 1 .. 20;
        my $all = sub {
            my ($when) = @_;
            km "$when: $_", { body => { ServiceID => $_ } }, { payload => "K-$_" }
                for sort keys %name;
        };
        my $write = sub {
            my (@keys) = @_;
            open my $file, '>', $rotating or die "$rotating: $!";
            print $file to_json({ keys => [ map { record_jwk($_, $key{$_}) } @keys ] });
            close $file or die;
            my $ended = sub { scalar grep { /worker process \d+ exited/ } error_log() };
            my $before = $ended->();
            kill HUP => master_pid();
            ok(wait_for(sub { $ended->() > $before }), "@keys: in force");
        };

        $redis->set($name{$_}, sealed($name{$_}, "K-$_", a => $key{a})) for keys %name;
        $all->('the first key');
        $write->('a', 'b');
        $all->('both keys');

        for (sort keys %name) {
            $redis->set($name{$_}, sealed($name{$_}, "K-$_", b => $key{b}));
            km "$_ anew", { body => { ServiceID => $_ } }, { payload => "K-$_" };
        }
        is((grep { post(body => { ServiceID => $_ })->header('X-Kid') ne 'b' }
            keys %name), 0, 'the first key is not used any more');
        $write->('b');
        $all->('the second key');
    };

run_tests();
