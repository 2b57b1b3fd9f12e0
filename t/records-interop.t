# Others write records, and read them: the lines of docs/records.md as they stand
# there, with three libraries that know nothing of ours.

use lib 't/lib';
use SealKM;
use SealKM::Sealed;
use SealKM::Tool;

use Cwd 'abs_path';

my $redis = start_redis();
my $dir = temp_dir() . '/interop';
mkdir $dir or die "$dir: $!";

# the lines take the first key
my $keys = keygen("$dir/record-keys.json", 'a', 'b');
my $modules = abs_path($ENV{SEAL_KM_OIDC} || 'build/oidc') . '/node_modules';
-e "$modules/jose" or die "no jose in $modules: the set-up installs it\n";
symlink $modules, "$dir/node_modules" or die "$dir/node_modules: $!";

my %program = (
    perl   => [ 'Crypt::JWT', $^X, 'pl' ],
    python => [ 'jwcrypto', '/usr/bin/python3', 'py' ],
    js     => [ 'jose', $ENV{SEAL_KM_NODE} || 'node', 'mjs' ],
);

# language => { write, read }, each a command
my $page = text_of(source('docs/records.md'));
my %command;

for my $language (sort keys %program) {
    my (undef, $interpreter, $suffix) = @{ $program{$language} };
    my @blocks = $page =~ /^```$language\n(.*?)^```$/gms;

    is(scalar @blocks, 2, "$language: to write, and to read");
    is((grep { tr/\n// > 5 } @blocks), 0, "$language: five lines at most");

    for my $what (qw(write read)) {
        my $path = "$dir/$what.$suffix";
        open my $file, '>', $path or die "$path: $!";
        print $file shift @blocks;
        close $file or die "$path: $!";
        $command{$language}{$what} = [ $interpreter, $path ];
    }
}

sub done {
    my ($name, $language, $what, $record, $in) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $run = run([ @{ $command{$language}{$what} }, $record ], -in => $in, -dir => $dir);

    is("$run->{status} $run->{err}", '0 ', $name);
    return $run->{out};
}

my @records = (
    [ 'a text', 'KEY-MATERIAL', {}, 'seal:km:v2x.example:service' ],
    [ 'all bytes', join('', map { chr } 0 .. 255), { UserID => 'alice' },
      'seal:km:v2x.example:user:alice' ],
    [ 'an escaped name', '{"k":1}', { ServiceID => 'urn:v2x:50%' },
      'seal:km:urn%3Av2x%3A50%25:service' ],
    [ 'a name beyond ASCII', 'K', { ServiceID => "\x{e9}\x{4e2d}\x{1f511} \"\\/" },
      "seal:km:\xc3\xa9\xe4\xb8\xad\xf0\x9f\x94\x91 \"\\/:service" ],
    [ 'nothing', '', { ServiceID => 'empty' }, 'seal:km:empty:service' ],
);


test 'what others write is delivered, and what the tool writes they read',
    config => location('= /km', record_keys => $keys, payload => 'base64'),
    sub {
        require MIME::Base64;

        for my $language (sort keys %program) {
            my $library = $program{$language}[0];

            for my $record (@records) {
                my ($what, $material, $body, $name) = @$record;
                my $base64 = MIME::Base64::encode_base64($material, '');

                # redis-cli would take the name as it is
                my $value = done("$library writes $what", $language, 'write', $name, $material);
                $redis->set($name, $value);
                km "$library: $what", { body => $body },
                    length $material ? { payload => $base64 } : 'ok';
                is(does("the tool opens it", undef, 'open', $name, '--key', $keys, -in => $value),
                   $material, "$library: $what, opened by the tool");

                # neither Crypt::JWT nor Debian 12's jwcrypto opens what is empty
                next if $language ne 'js' && !length $material;
                $value = does("the tool writes $what", undef, 'seal', $name, '--key', $keys,
                              '--kid', 'a', -in => $material);
                ok(done("$library reads $what", $language, 'read', $name, $value) eq $material,
                   "$library: $what, read");
            }

            # they see that it is another's
            my $value = sealed('seal:km:x:service', 'SECRET', a => record_key_bytes($keys)->{a});
            my $run = run([ @{ $command{$language}{read} }, 'seal:km:y:service' ],
                          -in => $value, -dir => $dir);
            isnt($run->{status}, 0, "$library: a record of another name");
            is($run->{out}, '', 'is not delivered');
        }
    };

run_tests();
