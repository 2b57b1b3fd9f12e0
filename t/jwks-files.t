# seal_km_jwks_check: files of keys that change under a running server.

use lib 't/lib';
use SealKM;
use SealKM::KeyFile;
use SealKM::Load;
use SealKM::Watch;

use POSIX 'mkfifo';
use Time::HiRes 'sleep';

Test::Nginx::Util::log_level('notice');
Test::Nginx::Util::add_block_preprocessor(sub {
    Test::Nginx::Util::workers($_[0]->workers || 1);
});

my $redis = start_redis();
$redis->set('seal:km:v2x.example:service', 'K');

my @ok = ({ payload => 'K' });
my $zone = "seal_km_zone name=keys 1m;\n";

sub at { return watched($_[0], zone => 'keys', jwks_check => '100ms', @_[1 .. $#_]) }

# tokens, made once: what changes is the keys
my %token = map { $_ => mint(-key => $_) } qw(rsa rsa2 ec256 ec256b);

sub with { return { token => $token{ $_[0] }, @_[1 .. $#_] } }

# that the set with exactly these keys is in force, soon and from then on
sub in_force {
    my ($name, $good, $bad, @more) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;

    # of the keys that are to be gone one tells when
    until_reason($_->[0], with($_->[1], @more)) for
        (map { [ 'token_key', $_ ] } @$bad), (map { [ 'ok', $_ ] } @$good);
    km "$name: $_", with($_, @more), @ok for @$good;
    km "$name: not $_", with($_, @more), 'token_key' for @$bad;
}

# a few checks' time, in which nothing is to happen
sub some_checks { sleep seconds(0.5) }

sub lines { my ($pattern) = @_; return grep { $_ =~ $pattern } error_log() }


my ($written, $replaced, $same, $kid, $link)
    = map { SealKM::KeyFile->new($_) } qw(rsa rsa rsa rsa rsa);
my $target = SealKM::KeyFile->new('rsa2');
my $linked = temp_dir() . '/linked';
symlink $link->path, $linked or die "symlink: $!";

test 'a file that changes',
    http_config => $zone,
    config => at('= /km', jwks => $written->path)
        . at('= /replaced', jwks => $replaced->path)
        . at('= /same', jwks => $same->path)
        . at('= /kid', jwks => $kid->path)
        . at('= /link', jwks => $linked)
        . watched('= /static', jwks => $written->path, jwks_check => '1h'),
    sub {
        km 'before', with('rsa'), @ok;
        km 'before, another', with('rsa2'), 'token_key';

        $written->write('rsa', 'rsa2');
        in_force 'a key more', [qw(rsa rsa2)], [];
        $written->write('rsa2');
        in_force 'a key less', ['rsa2'], ['rsa'];
        $written->write('ec256');
        in_force 'another key', ['ec256'], [qw(rsa rsa2)];
        $written->write('rsa', 'ec256');
        in_force 'back again', [qw(rsa ec256)], ['rsa2'];

        my @at = (location => '/replaced');
        km 'replaced: before', with('rsa', @at), @ok;
        $replaced->replace('rsa2');
        in_force 'replaced', ['rsa2'], ['rsa'], @at;
        $replaced->replace('rsa');
        in_force 'replaced again', ['rsa'], ['rsa2'], @at;

        # size and mtime tell nothing
        @at = (location => '/same');
        $same->write(\(text('rsa') . ' ' x 100));
        in_force 'same size: before', ['rsa'], ['rsa2'], @at;
        sleep 4;        # long enough for the file not to be a new one any more
        $same->keep_times(sub { $same->write('rsa2') });
        in_force 'same size and mtime', ['rsa2'], ['rsa'], @at;
        $same->keep_times(sub { $same->replace('ec256') });
        in_force 'same size and mtime, replaced', ['ec256'], ['rsa2'], @at;
        for my $key (qw(rsa rsa2 rsa rsa2)) {
            $same->keep_times(sub { $same->write($key) });
            in_force "same size and mtime, $key", [$key], ['ec256'], @at;
        }

        # a key that keeps its name
        @at = (location => '/kid');
        km 'the same kid: before', with('rsa', @at), @ok;
        $kid->write([ 'rsa2', kid => 'rsa' ]);
        ok(until_reason('token_signature', with('rsa', @at)),
           'the same kid: the old token');
        km 'the same kid: the new one',
            { @at, token => { -key => 'rsa2', -kid => 'rsa' } }, @ok;

        # as a volume of Kubernetes changes
        @at = (location => '/link');
        km 'a link: before', with('rsa', @at), @ok;
        symlink $target->path, "$linked.new" or die "symlink: $!";
        rename "$linked.new", $linked or die "rename: $!";
        in_force 'a link to another file', ['rsa2'], ['rsa'], @at;
        $target->write('rsa', 'rsa2');
        in_force 'the file behind a link', [qw(rsa rsa2)], [], @at;
    };


my $cached = SealKM::KeyFile->new('rsa', 'ec256');

test 'tokens that are kept, when keys change',
    http_config => $zone,
    config => at('= /km', jwks => $cached->path),
    sub {
        for my $key (qw(rsa ec256)) {
            cached 'MISS', "$key: first", with($key), @ok;
            cached 'HIT', "$key: again", with($key), @ok;
        }

        # the same keys are the same generation
        utime time, time, $cached->path;
        some_checks;
        cached 'HIT', 'a file that was touched', with('rsa'), @ok;
        $cached->replace('rsa', 'ec256');
        some_checks;
        cached 'HIT', 'another file of the same text', with('rsa'), @ok;

        $cached->write('ec256');
        ok(until_reason('token_key', with('rsa')), 'a key is removed');
        km "its token is dead, $_", with('rsa'), 'token_key' for 1 .. 3;
        km 'the other one is not', with('ec256'), @ok for 1 .. 2;

        $cached->write('rsa', 'ec256');
        ok(until_reason('ok', with('rsa')), 'the key comes back');
        cached 'HIT', 'and is kept again', with('rsa'), @ok;

        $cached->write([ 'rsa2', kid => 'rsa' ], 'ec256');
        ok(until_reason('token_signature', with('rsa')),
           'another key of that kid');
        km "the old key's token is dead, $_", with('rsa'), 'token_signature'
            for 1 .. 3;

        $cached->write([ 'rsa', use => 'enc' ], 'ec256');
        ok(until_reason('token_key', with('rsa')), 'a key that is for another use');
        $cached->write([ 'rsa', alg => 'RS512' ], 'ec256');
        some_checks;
        km 'a key that is for another algorithm', with('rsa'), 'token_key';
    };


my %bad = (
    'empty'            => '',
    'white space'      => " \n ",
    'no JSON'          => 'x',
    'half of it'       => substr(text('rsa2'), 0, 200),
    'all but an end'   => substr(text('rsa2'), 0, -1),
    'text behind it'   => text('rsa2') . 'x',
    'two of them'      => text('rsa2') x 2,
    'a NUL'            => text('rsa2') . "\0",
    'an array'         => '[]',
    'no keys member'   => '{}',
    'no keys'          => '{"keys":[]}',
    'keys no array'    => '{"keys":{}}',
    'a name twice'     => text('rsa2') =~ s/\}\z/,"keys":[]}/r,
    'keys for another use' => text([ 'rsa2', use => 'enc' ]),
    'keys too short'   => text('rsa1024'),
    'keys of another algorithm' => text('hs256'),
    'a PEM file'       => "-----BEGIN PUBLIC KEY-----\nMIIB\n",
);

my $spoilt = SealKM::KeyFile->new('rsa');
my $first = SealKM::KeyFile->new('rsa');
my $second = SealKM::KeyFile->new('rsa2');

test 'a file that is spoilt',
    http_config => $zone,
    config => at('= /km', jwks => $spoilt->path, jwks_check => '50ms')
        . at('= /both', jwks => $first->path . ' ' . $second->path),
    log => [ qr/\[(?:error|warn|crit)\].*\Q@{[ temp_dir() ]}\E/ ],
    sub {
        my $path = $spoilt->path;
        my $about = qr/\[error\].*\Q$path\E/;

        # one line for each change, the old set in force
        my $spoil = sub {
            my ($name, $do, $changes) = @_;
            my $before = lines($about);

            $do->();
            ok(wait_for(sub { lines($about) > $before }), "$name: an error");
            km "$name: the old set is in force", with('rsa'), @ok;
            km "$name: and no other", with('rsa2'), 'token_key';
            sleep seconds(0.2);
            cmp_ok(lines($about) - $before, '<=', $changes // 1, "$name: told once for each change")
                or diag(join '', (lines($about))[$before .. lines($about) - 1]);
            cached 'HIT', "$name: with what it has kept", with('rsa'), @ok;
        };

        km 'before', with('rsa'), @ok;

        for my $name (sort keys %bad) {
            $spoil->($name, sub { $spoilt->replace(\$bad{$name}) });
        }

        $spoil->('removed', sub { unlink $path or die "unlink: $!" });
        $spoil->('a folder', sub { mkdir $path or die "mkdir: $!" });
        $spoil->('a link to nothing', sub {
            rmdir $path;
            symlink "$path.none", $path or die "symlink: $!";
        }, 2);
        unlink $path;

        # and a good one again, whatever was there before
        $spoilt->replace('rsa2');
        in_force 'mended', ['rsa2'], ['rsa'];
        $spoilt->write(\'x');
        wait_for(sub { (lines($about))[-1] =~ /./ });
        $spoilt->write('rsa');
        in_force 'mended in place', ['rsa'], ['rsa2'];

        # of two files one, which leaves the whole set as it was
        my @at = (location => '/both');
        in_force 'two files', [qw(rsa rsa2)], ['ec256'], @at;
        $second->replace(\'x');
        some_checks;
        in_force 'two files, one spoilt', [qw(rsa rsa2)], ['ec256'], @at;
        $second->replace('ec256');
        in_force 'two files, one changed', [qw(rsa ec256)], ['rsa2'], @at;
        $first->replace('rsa2');
        in_force 'two files, the other one changed', [qw(rsa2 ec256)], ['rsa'],
            @at;
        $first->replace('ec256b');
        $second->replace('rsa');
        in_force 'two files, both changed', [qw(rsa ec256b)], [qw(rsa2 ec256)],
            @at;
    };


my $fifo = SealKM::KeyFile->new('rsa');

test 'a file that is none',
    http_config => $zone,
    config => at('= /km', jwks => $fifo->path),
    log => [ qr/\[error\].*\Q@{[ $fifo->path ]}\E/ ],
    sub {
        my $path = $fifo->path;
        km 'before', with('rsa'), @ok;

        mkfifo("$path.new", 0600) or die "mkfifo: $!";
        rename "$path.new", $path or die "rename: $!";
        some_checks;
        km "a pipe does not stop the worker, $_", with('rsa'), @ok for 1 .. 3;
        ok(wait_for(sub { lines(qr/\[error\].*\Q$path\E/) }), 'it is told');
        unlink $path;
        $fifo->replace('rsa2');
        in_force 'a file again', ['rsa2'], ['rsa'];
    };


my $busy = SealKM::KeyFile->new('rsa');

test 'a file that is written while it is read',
    http_config => $zone,
    config => at('= /km', jwks => $busy->path, jwks_check => '10ms'),
    log => [ qr/\[(?:error|warn)\].*\Q@{[ $busy->path ]}\E|\[notice\]/ ],
    sub {
        my $path = $busy->path;
        my %text = map { $_ => text('rsa', $_) } qw(rsa2 ec256 ec256b);
        my @keys = sort keys %text;
        my ($writes, $bad) = (0, 0);
        open my $file, '+<', $path or die "$path: $!";
        $file->autoflush(1);

        # in two pieces, shorter or longer than before; the key rsa is in each
        my $until = time + seconds(2);
        while (time < $until || $writes <= 20) {
            my $text = $text{ $keys[$writes++ % @keys] };
            my $half = int rand length $text;

            seek $file, 0, 0;
            truncate $file, 0 if $writes % 2;
            print $file substr $text, 0, $half;
            sleep 0.002;
            print $file substr $text, $half;
            truncate $file, length $text;

            my $request = request(token => $token{rsa}, via => 1);
            $bad += grep { (payload($_) // '') ne 'K' }
                    load(2, [ ($request) x 6 ]);
        }
        close $file;

        is($bad, 0, 'a key that is in all versions is there at any time');
        cmp_ok($writes, '>', 20, 'many versions');
        $busy->write('rsa', 'ec256b');
        in_force 'the last version', [qw(rsa ec256b)], [qw(rsa2 ec256)];
    };


my $shared = SealKM::KeyFile->new('rsa');
my $port = free_port();

test 'all workers and all locations',
    master => 1,
    workers => 2,
    http_config => $zone . "seal_km_jwks_check 100ms;\n",
    config => listen_workers($port)
        . 'seal_km_jwks ' . $shared->path . ";\nseal_km_zone keys;\n"
        . watched('= /km', jwks => undef)
        . watched('= /other', jwks => undef, issuer => ISSUER . ' x')
        . watched('= /own', jwks => $shared->path),
    log => [ qr/\[error\].*\Q@{[ $shared->path ]}\E/,
             qr/\[emerg\].*\Q@{[ $shared->path ]}\E/ ],
    sub {
        my %client = worker_clients($port, 2);
        my @workers = sort keys %client;

        for my $pid (@workers) {
            for my $at (qw(/km /other /own)) {
                km "$at: before", with('rsa', location => $at,
                                       via => $client{$pid}), @ok;
            }
        }

        $shared->write('rsa2');
        for my $pid (@workers) {
            for my $at (qw(/km /other /own)) {
                in_force "$at: changed", ['rsa2'], ['rsa'], location => $at,
                    via => $client{$pid};
            }
        }

        # what one of them verified the other one finds
        my $token = mint(-key => 'rsa2', jti => 'new');
        cached 'MISS', 'the new set, one worker',
            { token => $token, via => $client{$workers[0]} }, @ok;
        cached 'HIT', 'the new set, the other worker',
            { token => $token, via => $client{$workers[1]} }, @ok;

        # a reload finds the file as it is, and what was kept still holds
        gone(reload()) or die "old workers do not exit\n";
        cached 'HIT', 'after a reload', { token => $token }, @ok;
        %client = worker_clients($port, 2);

        # and one that finds it spoilt is not made
        $shared->write(\'x');
        wait_for(sub { lines(qr/\[error\].*\Q@{[ $shared->path ]}\E/) });
        my @pids = worker_pids();
        kill 'HUP', master_pid();
        wait_for(sub { lines(qr/\[emerg\].*\Q@{[ $shared->path ]}\E/) });
        is("@{[ worker_pids() ]}", "@pids", 'a reload with a spoilt file');
        cached 'HIT', 'changes nothing', { token => $token }, @ok;
        $shared->write('rsa');
        in_force 'and what is mended is in force', ['rsa'], ['rsa2'],
            via => $client{$_} for sort keys %client;
    };


# ----------------------------------------------------------------- bad directives

for ('', 'x', '-1s', '1s 2s') {
    my ($status, $output) = nginx_t(config => location('= /km',
                                                       jwks_check => $_));
    ok($status != 0 && $output =~ /\[emerg\]/, "seal_km_jwks_check $_;")
        or diag($output);
}

my ($status, $output) = nginx_t(config => location('= /km',
                                                   jwks_check => [ '1s', '1s' ]));
like($output, qr/duplicate/, 'seal_km_jwks_check twice');
for ('10s', '1', '100ms', '1d') {
    ($status, $output) = nginx_t(
        http_config => "seal_km_jwks_check 5s;\n",
        config => "seal_km_jwks_check 6s;\n" . location('= /km',
                                                        jwks_check => $_));
    is($status, 0, "seal_km_jwks_check $_;") or diag($output);
}

run_tests();
