package SealKM::Util;

# What the other parts share: temporary files, waiting, and SealKM::Ports.

use strict;
use warnings;

use Exporter 'import';
use File::Temp 'tempdir';
use SealKM::Ports;
use Time::HiRes qw(sleep time);

our @EXPORT = (@SealKM::Ports::EXPORT,
               qw(temp_dir temp_file wait_for seconds));

my $dir;
my $files = 0;


# a directory of this process, removed at its end
sub temp_dir {
    return $dir //= tempdir('seal-km-XXXXXX', TMPDIR => 1, CLEANUP => 1);
}


# the path of a new file that holds $text
sub temp_file {
    my ($text, $name) = @_;
    my $path = temp_dir() . '/' . ($name // 'file' . ++$files);

    open my $file, '>:raw', $path or die "$path: $!";
    print $file $text;
    close $file or die "$path: $!";
    return $path;
}


# $seconds, more of them where the programs under test are slow
sub seconds {
    my ($seconds) = @_;
    return $ENV{TEST_NGINX_USE_VALGRIND} ? 10 * $seconds : $seconds;
}


# Calls $done until it returns something true, and returns that; 0 in the end.
# How long that is matters to what fails only, and is less than PATIENCE, and
# than the minute after which the module closes what nobody uses.
sub wait_for {
    my ($done, $seconds) = @_;
    my $until = time + seconds($seconds // 40);

    for ( ;; ) {
        my $result = $done->();
        return $result if $result;
        return 0 if time > $until;
        sleep 0.01;
    }
}


1;
