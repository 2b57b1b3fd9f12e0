package SealKM::Failing;

# Calls of nginx that fail once: t/preload/fail.c, compiled and preloaded into
# the nginx of this test file.
#
#     my $why_not = failing_nginx();    why it cannot be had, else undef
#     fail_memory($path, $n)            the n-th allocation after it opens $path
#     fail_epoll()                      it cannot wait for the next socket's bytes
#     fail_exit()                       the next process to end is stopped when
#                                       nothing is left to be done but to go
#     has_failed('memory')              true once it has

use strict;
use warnings;

use Exporter 'import';
use SealKM::Preload;
use SealKM::Util;

our @EXPORT = qw(failing_nginx fail_memory fail_epoll fail_exit has_failed);

my $folder;


sub failing_nginx {
    $folder = temp_dir() . '/failing';
    mkdir $folder;

    return preload('fail', SEAL_KM_FAIL => $folder);
}


sub _control {
    my ($name, $text) = @_;

    unlink map { "$folder/$name$_" } '', '.armed', '.failed';
    temp_file($text, "failing/$name.new");
    rename "$folder/$name.new", "$folder/$name" or die "rename: $!";
    return;
}


sub fail_memory { return _control('memory', "$_[0] $_[1]") }
sub fail_epoll  { return _control('epoll', '') }
sub fail_exit   { return _control('exit', '') }
sub has_failed  { return -e "$folder/$_[0].failed" ? 1 : 0 }


1;
