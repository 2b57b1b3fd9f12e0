# Record keys, and records that were encrypted, in the memory of nginx: the keys
# lie in pages that core dumps leave out, and nowhere else; of a record that has
# been delivered nothing is left. In master, workers and zone.

use lib 't/lib';
use SealKM;
use SealKM::Load;
use SealKM::Memory;
use SealKM::Sealed;

# what checks memory itself has copies, and its core dumps have no end
my $skip = ($ENV{TEST_NGINX_USE_VALGRIND} || ($ENV{TEST_NGINX_BINARY} // '') =~ m{/asan/})
    && 'what a core dump holds is for nginx as it is';

sub bytes { my ($n) = @_; return join '', map { chr rand 256 } 1 .. $n }

my $redis = start_redis();
my %key = map { ($_ => bytes(32)) } 'a', 'b', 'old';
my $keys = record_keys(map { ($_ => $key{$_}) } 'a', 'b');
my $file = temp_file(text(a => $key{a}, old => $key{old}));
my $digest_bytes = bytes(32);
my $digest_key = temp_file($digest_bytes);
chmod 0600, $file, $digest_key;

sub text {
    my (@keys) = @_;
    my @set;
    while (my ($kid, $bytes) = splice @keys, 0, 2) {
        push @set, record_jwk($kid, $bytes);
    }
    return to_json({ keys => \@set });
}

# as it is, and as it may have been written down
sub spelled {
    my ($name, $bytes) = @_;
    return ("$name, raw" => $bytes, "$name, base64url" => b64u($bytes),
            "$name, hex" => unpack 'H*', $bytes);
}

my %secret_key = map { spelled("key $_", $key{$_}) } keys %key;

# while HMAC computes it has the digest's key in two forms more, and afterwards not
my %pad = (ipad => 0x36, opad => 0x5c);
my %digest_key = (spelled('key of the digest', $digest_bytes),
    map { ("key of the digest, $_" => $digest_bytes ^ chr($pad{$_}) x 32) } keys %pad);
my @kept = map { "key $_, raw" } qw(a b old), 'of the digest';
%secret_key = (%secret_key, %digest_key);
# as AES begins with them
my %half = map { my $kid = $_;
                 map { ("key $kid, half $_" => substr $key{$kid}, 16 * $_, 16) } 0, 1 } keys %key;
my %material = map { ($_ => "RECORD-$_-" . unpack 'H*', bytes(12)) } qw(small large json bad);
my %record = (small => $material{small}, large => $material{large} x 3000,
              json => qq({"k":"$material{json}"}));
my %plain = map { ("record $_" => $material{$_}) } keys %material;

sub name { return "seal:km:$_[0]:service" }

$redis->set(name($_), sealed(name($_), $record{$_}, b => $key{b})) for keys %record;
$redis->set(name('moved'), sealed(name('x'), $material{bad}, a => $key{a}));
$redis->set(name('changed'), changed(sealed(name('changed'), $material{bad}, a => $key{a})));
$redis->set(name('unknown'), sealed(name('unknown'), $material{bad}, x => bytes(32)));
$redis->set(name('withdrawn'), sealed(name('withdrawn'), $material{bad}, old => $key{old}));

my $cores = temp_dir() . '/cores';
mkdir $cores or die "$cores: $!";

# the folder is one of root's where root tests
my $config = 'seal_km_zone memory;'
    . location('= /km', record_keys => $keys,
               record_digest_key => $digest_key)
    . location('= /json', record_keys => $keys, payload => 'json')
    . location('= /base64', record_keys => $keys, payload => 'base64')
    . location('= /file', record_keys => $file)
    . location('= /off', record_keys => 'off');

my @test = (
    skip => $skip,
    master => 1,
    http_config => "seal_km_zone name=memory 1m;\n",
    main_config => "worker_rlimit_core 1g;\nworking_directory $cores;\n",
    config => $config,
);
my @log = (qr/\[error\].*record ".*" (?:is|was) /, qr/\[error\].*record_invalid/);

sub traffic {
    for my $n (1 .. 5) {
        km "$_->[0] $_->[1]", { location => $_->[0], body => { ServiceID => $_->[1] } }, $_->[2] for
            [ '/km', 'small', { payload => $record{small} } ],
            [ '/km', 'large', { payload => $record{large} } ],
            [ '/json', 'json', { payload => \$record{json} } ],
            (map { [ '/km', $_, 'record_invalid' ] } qw(moved changed unknown)),
            [ '/json', 'small', 'payload_invalid' ];
    }
    my @many = map { request(location => '/km', body => { ServiceID => $_ }) } ('small', 'large') x 50;
    is((grep { !$_ || $_->status != 200 } load(20, \@many)), 0, 'many at once');
}

# until a request has ended, which is a moment after its response
sub nothing_in {
    my ($name, $pid, $needle) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my @found;

    wait_for(sub { !(@found = found_in($pid, $needle)) }, 10);
    is(join("\n", @found), '', $name);
}


test 'master, worker, zone',
    @test,
    log => [ @log, qr/payload_invalid/ ],
    sub {
        traffic();
        km 'the key that will go', { location => '/file', body => { ServiceID => 'withdrawn' } },
            { payload => $material{bad} };

        my ($worker) = worker_pids();
        for ([ master => master_pid() ], [ worker => $worker ]) {
            my ($who, $pid) = @$_;

            # the looking finds what is there
            is(join(' ', grep { /^issuer/ } found_in($pid, { issuer => ISSUER })) ne '', 1,
               "$who: memory is read");
            my %there = map { s/ at .*//r => 1 } kept_out($pid, \%secret_key);
            is(join("\n", sort keys %there), join("\n", sort @kept),
               "$who: the keys, where no core dump has them");
            nothing_in("$who: nowhere else", $pid, { %secret_key, %plain });
        }

        # a key that was taken out is in nobody's memory, once its workers are gone
        open my $out, '>', $file or die "$file: $!";
        print $out text(a => $key{a});
        close $out or die "$file: $!";
        ok(gone(reload()), 'reloaded');
        km 'it opens nothing', { location => '/file', body => { ServiceID => 'withdrawn' } }, 'record_invalid';

        my %old = spelled('key old', $key{old});
        for my $pid (master_pid(), worker_pids()) {
            nothing_in("$pid: the old key", $pid, \%old);
            is(join(' ', kept_out($pid, \%old)), '', "$pid: not even there");
        }

        # as gdb takes what lies in memory
        for ([ master => master_pid() ], [ worker => (worker_pids())[0] ]) {
            my ($who, $pid) = @$_;
            my $core = gcore($pid);
            is(join(' ', file_has($core, { issuer => ISSUER, %secret_key, %half, %plain })),
               'issuer', "$who: a core dump has neither key nor record");
            unlink $core;
        }
    };


# where the kernel gives cores to a program, gdb's have to do
test 'a crash',
    @test,
    log => [ @log, qr/payload_invalid/, kernel_cores() ? qr/exited on signal 11 \(core dumped\)/
                                                       : qr/exited on signal 11/ ],
    sub {
        traffic();
        my ($pid) = worker_pids();

        # an idle one: a request that is being answered has its record
        nothing_in('no record is left', $pid, \%plain);
        kill 'SEGV', $pid;
        ok(gone($pid), 'it is dead');

        my @cores = wait_for(sub { scalar(() = glob "$cores/core*") }, kernel_cores() ? 40 : 0)
            ? glob "$cores/core*" : ();
        is(scalar @cores, kernel_cores() ? 1 : 0, 'it has left a core dump');
        wait_for(sub { grep { /core dumped/ } error_log() }) if @cores;
        for my $core (@cores) {
            is(join(' ', file_has($core, { issuer => ISSUER, %secret_key, %half })), 'issuer',
               'which has no key');
            is(join(' ', file_has(memory_of($core), { issuer => ISSUER, %plain })), 'issuer',
               'nor a record in memory');
        }
        unlink @cores;

        ok(wait_for(sub { grep { $_ != $pid } worker_pids() }), 'another worker is there');
        km 'and serves', { body => { ServiceID => 'small' } }, { payload => $record{small} };
    };

run_tests();
