package SealKM::Tool;

# tools/seal-km-records, and whatever else is run to its end.
#
#     my $run = tool($redis, 'put', 'v2x.example', -in => "K1");
#     $run->{status}, $run->{out}, $run->{err}
#     does NAME, $redis, 'put', ...     the same without a complaint; the output
#     refuses NAME, 2, qr/why/, $redis, 'put', ...      with that exit status
#     run([ 'perl', 'x.pl' ], -in => 'text', -env => { A => 1 }, -dir => '/tmp')
#     source('docs/records.md')         a path of the source tree
#     text_of($path)                    what is in a file
#     redis_cli(START, LINE)            a program that may stand for redis-cli:
#                                       START is Perl that is done at first, LINE
#                                       for each $_ that goes to the real one
#     keygen($file, 'kid', ...)         a file with such keys, as the tool makes
#                                       them
#     record_key_bytes($file)           { kid => bytes }
#     record_locations($file)           /km without keys; /keys, /base64 with them
#
# Where the first argument is a SealKM::Redis, or an array of redis-cli's options,
# those stand behind "--".

use strict;
use warnings;

use Cwd 'abs_path';
use Exporter 'import';
use File::Basename 'dirname';
use MIME::Base64 'decode_base64url';
use SealKM::Config;
use SealKM::JSON;
use SealKM::Redis;
use SealKM::Util;
use Test::More ();

our @EXPORT = qw(tool does refuses run source text_of redis_cli keygen
    record_key_bytes record_locations);

# t/ may be a folder of links
my $top = abs_path(dirname(abs_path(__FILE__)) . '/../../..');
my $n = 0;


sub source { return "$top/$_[0]" }


# everything goes through files, so that nobody waits for a reader
sub run {
    my ($command, %opts) = @_;
    my $in = temp_file($opts{-in} // '');
    my ($out, $err) = (temp_file(''), temp_file(''));
    my $pid = fork // die "fork: $!";

    if (!$pid) {
        require POSIX;
        local %ENV = (%ENV, %{ $opts{-env} // {} });
        chdir $opts{-dir} or POSIX::_exit(126) if $opts{-dir};
        open STDIN, '<', $in;
        open STDOUT, '>', $out;
        open STDERR, '>', $err;
        exec { $command->[0] } @$command or POSIX::_exit(127);
    }

    waitpid $pid, 0;
    my %run = (status => $? >> 8 || $?);

    for ([ out => $out ], [ err => $err ]) {
        $run{ $_->[0] } = text_of($_->[1]);
        unlink $_->[1];
    }

    unlink $in;
    return \%run;
}


sub _redis_options {
    my ($redis) = @_;

    return @$redis if ref $redis eq 'ARRAY';
    return ('-p', $redis->port);
}


sub tool {
    my ($redis, @arguments) = @_;
    my (%opts, @rest);

    while (@arguments) {
        my $argument = shift @arguments;
        if ($argument =~ /^-(?:in|env|dir)\z/) {
            $opts{$argument} = shift @arguments;
        } else {
            push @rest, $argument;
        }
    }

    push @rest, '--redis-cli', SealKM::Redis::cli_program()
        if !grep { $_ eq '--redis-cli' } @rest;
    return run([ $^X, source('tools/seal-km-records'), @rest,
                 $redis ? ('--', _redis_options($redis)) : () ], %opts);
}


# what tells how far it is is no complaint
sub does {
    my ($name, $redis, @arguments) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $run = tool($redis, @arguments);

    $run->{err} =~ s/^(?:load|rewrap|verify): \d+ of \d+ records\n//mg;
    Test::More::is("$run->{status} $run->{err}", '0 ', $name);
    return $run->{out};
}


sub refuses {
    my ($name, $status, $like, $redis, @arguments) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $run = tool($redis, @arguments);

    Test::More::is($run->{status}, $status, "$name: refused");
    Test::More::like($run->{err}, $like, "$name: why");
    return $run;
}


sub text_of {
    my ($path) = @_;

    open my $file, '<:raw', $path or die "$path: $!";
    local $/;
    return <$file> // '';
}


sub record_key_bytes {
    my ($path) = @_;
    return { map { ($_->{kid} => decode_base64url($_->{k})) }
             @{ from_json(text_of($path))->{keys} } };
}


sub redis_cli {
    my ($start, $line) = @_;
    my $real = SealKM::Redis::cli_program();
    my $path = temp_file(<<"END", 'redis-cli' . ++$n);
#!$^X
use strict;
use warnings;
\$SIG{PIPE} = 'IGNORE';
$start;
open my \$to, '|-', '$real', \@ARGV or die;
\$to->autoflush(1);
while (<STDIN>) {
    $line;
    print \$to \$_;
}
close \$to;
END
    chmod 0755, $path;
    return $path;
}


sub keygen {
    my ($path, @kids) = @_;
    my @add;

    for my $kid (@kids) {
        my $run = tool(undef, 'keygen', $path, '--kid', $kid, @add);
        die $run->{err} if $run->{status};
        @add = '--add';
    }

    return $path;
}


sub record_locations {
    my ($file) = @_;

    return location('= /km')
        . location('= /keys', record_keys => $file,
                   more => 'add_header X-Kid $seal_km_record_kid always;')
        . location('= /base64', record_keys => $file, payload => 'base64',
                   record_plaintext => 'on');
}


1;
